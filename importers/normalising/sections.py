"""Section strings of surveys (`DN300`, `600X400`, `φ110*4.2`, `12孔 12根`) into shape, sizes, holes and cables.

The strings are those of standards.md section 1.6 and what else the field writes. A box is width first,
height second. What a number measures is kept with it: `DN` and inches are nominal; `De`, `Dw` and diameter x
wall are outer; `d` of concrete is inner and `dn` of plastic outer (GB/T 50106-2010, 2.4.1); a bare number, `Φ`
and `D` do not say. What cannot be read is unknown, never a guess.
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

from importers.normalising.pipe_materials import PLASTICS, is_plastic_size, outer_diameter_mm, without_material

# A second number below this is a wall or a count, never the height of a box, when the first is so much larger.
_LEAST_BOX_MM = 40.0
_WALL_RATIO = 5.0
# No pipe is narrower; a smaller number with decimals is of metres.
LEAST_MM = 10.0
_MOST_BARRELS = 24
INCH_MM = 25.4
# No section takes more characters; longer texts are remarks.
_LONGEST = 60

_SIGNS = r"HDN|DN\s*/\s*OD|DN\s*/\s*ID|DN|DE|DW|DA|OD|ID|NW|NB|Ду|Дн|D|[ΦφϕØøФф¢⌀∅○◯]"
_SIGN = rf"({_SIGNS})?"
_NUMBER = r"(\d+(?:\.\d+)?)"
_UNIT = r"(mm|cm|m|毫米|厘米|米)?"
_ONE = rf"{_SIGN}[\s=.:]*{_NUMBER}\s*{_UNIT}"
_BY = r"\s*[x×*✕]\s*"
_JOINED = r"\s*[-—–]\s*"

_ROUND = re.compile(_ONE, re.IGNORECASE)
_PAIR = re.compile(rf"{_ONE}{_BY}{_ONE}", re.IGNORECASE)
_LETTERED_FIRST = re.compile(rf"[bw宽]\s*{_BY}\s*[h高]\s*[=:]\s*(?=\d)", re.IGNORECASE)
_LETTERED_EACH = re.compile(
    rf"[bw宽]\s*[=:]?\s*({_NUMBER}\s*{_UNIT})(?:{_BY}|[\s,，、/]*)[h高]\s*[=:]?\s*({_NUMBER}\s*{_UNIT})", re.IGNORECASE
)
_OF_A_KIND = re.compile(rf"[a-z]{{1,2}}\s*(\d{{3,4}}{_BY}\d{{3,4}})", re.IGNORECASE)
_INCHES = re.compile(
    r"(\d+(?:\.\d+)?(?![/\d]))?(?:[\s-]*(\d+)/(\d+))?\s*(?:\"|''|′′|”|in\.?|inch|inches|英寸|英吋|吋|寸)\s*[ØøΦφ⌀∅]?",
    re.IGNORECASE,
)
_HOLES = re.compile(r"(\d+)\s*孔\s*(?:\(\s*\d+\s*[x×*]\s*\d+\s*\))?(?:[\s/,，、]*(\d+)\s*[根条])?", re.IGNORECASE)
_HOLES_IN_ROWS = re.compile(rf"(\d+){_BY}(\d+)\s*孔", re.IGNORECASE)
_BOX_OF_HOLES = re.compile(rf"(\d{{2,4}}{_BY}\d{{2,4}})[\s,，、(/]+(\d+)\s*孔\)?", re.IGNORECASE)
_BANK = re.compile(r"^(?:管块|排管|管群)\s*:?\s*(?=\d)|(?<=[\d孔])\s*(?:管块|排管|管群)$")
_CABLES = re.compile(r"(\d+)\s*[根条]")
_HOLES_OF_ONE = re.compile(rf"(\d+)\s*孔(?:{_JOINED}|{_BY}|\s*)(\D*\d.*)|(.*\d\D*?){_BY}(\d+)\s*孔", re.IGNORECASE)
_SEVERAL = re.compile(
    rf"(\d+)(?:{_JOINED}|\s*孔\s*|{_BY}(?=\D|\d+(?:\.\d+)?\s*[x×*])|\s*(?=(?:{_SIGNS})\s*\d))(.+)", re.IGNORECASE
)
_RATIO = re.compile(r"SDR\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_COLUMNS_BY_ROWS = re.compile(rf"[1-9]{_BY}[1-9]", re.IGNORECASE)
_THOUSANDS = re.compile(r"[1-9]\d?,\d{3}")
_DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d{1,2}(?!\d))")
# 150A is DN 150 in Japan and Korea.
_SIGN_BEHIND = re.compile(r"(\d+(?:\.\d+)?\s*(?:mm)?)\s*(DN|OD|ID|NB|DE|A)", re.IGNORECASE)
_OF_DIAMETERS = re.compile(r"\b(?:dia|diam|diameter|diámetro)\b\.?", re.IGNORECASE)
_LABEL = re.compile(r"^(?:管径|直径|口径|断面尺寸|断面|规格|尺寸)\s*[:=]?\s*(?=\S)")
_SIDE = re.compile(r"\s*\(?\s*(内径|净空|净|内|外径|外)\s*\)?$")

_BASIS = {
    **dict.fromkeys(("HDN", "DN", "NW", "NB", "ДУ"), "nominal"),
    **dict.fromkeys(("DE", "DW", "DA", "OD", "DN/OD", "ДН"), "outer"),
    **dict.fromkeys(("ID", "DN/ID"), "inner"),
}
_SHAPES = {
    "egg": ("蛋形", "卵形", "egg", "ovoid", "Ei"),
    "trapezoid": ("梯形", "trapezoidal", "trapezoid", "Trapez"),
    "arch": ("马蹄形", "拱形", "拱涵", "horseshoe", "arch", "Maul"),
    "rect": (
        "□", "盖板方沟", "盖板沟", "方沟", "方渠", "方涵", "箱涵", "矩形", "暗渠", "管沟", "方形", "rectangular",
        "rect", "box", "Rechteck",
    ),
    "circle": ("圆管", "圆形", "圆涵", "圆", "circular", "circle", "Kreis"),
}  # fmt: skip
_MM = {"mm": 1.0, "毫米": 1.0, "cm": 10.0, "厘米": 10.0, "m": 1000.0, "米": 1000.0}


@dataclass(frozen=True)
class Section:
    """A cross-section as a text states it; sizes in millimetres, None where unknown.

    `basis_code` is what width and height measure, a code of the table `size_basis`. Several equal pipes or ducts
    leave the size of the whole unknown: `barrel_count` and `barrel_mm` tell how many and how wide each is.
    `pipes_mm` is the nominal size of those that lie in a trench of this size.
    `material_code` is what the text itself names, `is_in_metres` tells that its numbers can be no millimetres.
    """

    shape_code: str = "unknown"
    width_mm: float | None = None
    height_mm: float | None = None
    hole_count: int | None = None
    cable_count: int | None = None
    basis_code: str = "unknown"
    wall_mm: float | None = None
    barrel_count: int | None = None
    barrel_mm: float | None = None
    pipes_mm: float | None = None
    material_code: str | None = field(default=None, compare=False)
    is_in_metres: bool = field(default=False, compare=False)

    @property
    def is_of_several(self) -> bool:
        """Whether it is of several pipes side by side, which are no ducts for cables."""
        return self.barrel_count is not None and self.hole_count is None

    @property
    def is_known(self) -> bool:
        """Whether the text said anything at all."""
        return self != Section()


@dataclass(frozen=True)
class Sizes:
    """The sizes of a section, each kept apart, in millimetres; None where unknown.

    `width_mm` and `height_mm` are the outer ones where they are stated or follow, else what the text states;
    `basis_code` says which.
    """

    width_mm: float | None = None
    height_mm: float | None = None
    basis_code: str | None = None
    nominal_mm: float | None = None
    inner_width_mm: float | None = None
    inner_height_mm: float | None = None


def parse_section(
    text: str,
    mm_per_unit: float = 1.0,
    *,
    material: str | None = None,
    is_cable: bool = False,
    materials: Mapping[str, str] | None = None,
) -> Section:
    """Read one section string; what cannot be read, and a size of 0, is unknown.

    Parameters
    ----------
    mm_per_unit
        Millimetres per unit of numbers that carry none of their own.
    material
        Code of the pipe's material where it is known: `d` and `dn` mean different things with it.
    is_cable
        Whether it is a line of cables: there `φ110*6` counts ducts, elsewhere it gives a wall.
    materials
        Code of each case-folded word for a material; by default those of the code table.
    """
    if len(text) > _LONGEST:
        return Section()
    word = _LABEL.sub("", unicodedata.normalize("NFKC", text).replace("_", " ").strip())
    word = word.replace(",", "") if _THOUSANDS.fullmatch(word) else _DECIMAL_COMMA.sub(".", word)
    if behind := _SIGN_BEHIND.fullmatch(word):
        word = f"{'DN' if behind[2].upper() == 'A' else behind[2]}{behind[1]}"
    word = _BANK.sub("", _OF_DIAMETERS.sub(" ", word).strip())
    ratio, side = _RATIO.search(word), _SIDE.search(word)
    word, own_material = without_material(_SIDE.sub("", _RATIO.sub(" ", word)), materials)
    found = _Reading(mm_per_unit, own_material or material, own_material is not None, is_cable).read(word)
    found = replace(found, material_code=own_material) if found.is_known else found
    if ratio:
        return _by_ratio(found, float(ratio[1]))
    if side and found.width_mm is not None:
        return replace(found, basis_code="outer" if side[1].startswith("外") else "inner")
    return found


def are_inches(text: str) -> bool:
    """Whether a text is one size in inches, marked so."""
    return _INCHES.fullmatch(text.strip()) is not None


def with_box(section: Section, text: str | None) -> Section:
    """Ducts whose size as a whole another text gives, a box: 6孔Φ110 beside 330×220.

    Where the section is the box, of a trench, and the other text that of the pipes in it, 2×DN300, their nominal size
    is kept beside it.
    """
    if text is not None and section.shape_code == "rect" and section.basis_code != "nominal":
        pipes = parse_section(text)
        size_mm = pipes.barrel_mm if pipes.is_of_several else pipes.width_mm
        return replace(section, pipes_mm=size_mm) if pipes.basis_code == "nominal" else section
    if text is None or section.hole_count is None or section.width_mm is not None:
        return section
    box = parse_section(text)
    if box.shape_code != "rect":
        return section
    return replace(section, shape_code="rect", width_mm=box.width_mm, height_mm=box.height_mm, basis_code="unknown")


def sizes(section: Section, material: str | None, wall_mm: float | None = None) -> Sizes:
    """The sizes of a section; outer and inner follow from each other by a wall, from nominal by a standard only.

    `wall_mm` is the wall that a column of its own gives; the text's is taken without one.
    """
    width, height, basis = section.width_mm, section.height_mm, section.basis_code
    if width is None or height is None:
        return Sizes(nominal_mm=section.barrel_mm if basis == "nominal" else None)
    nominal = width if basis == "nominal" else section.pipes_mm
    if basis == "nominal" and nominal is not None and section.shape_code == "circle":
        outer = outer_diameter_mm(nominal, material)
        if outer is not None:
            width, height, basis = outer, outer, "outer"
        elif material == "concrete":
            # GB/T 11836: the nominal size of a concrete pipe is its inner diameter.
            basis = "inner"
    twice = 2 * (wall_mm or section.wall_mm or 0.0)
    if basis == "inner":
        return Sizes(width + twice, height + twice, "outer" if twice else "inner", nominal, width, height)
    if basis == "outer" and 0 < twice < min(width, height):
        return Sizes(width, height, "outer", nominal, width - twice, height - twice)
    return Sizes(width, height, basis, nominal)


def as_nominal(section: Section) -> Section:
    """A bare diameter as the nominal one that the name of its column says it is."""
    is_bare = section.shape_code == "circle" and section.basis_code == "unknown"
    return replace(section, basis_code="nominal") if is_bare else section


@dataclass(frozen=True)
class _Reading:
    """One text being read: the unit of its numbers, and what is known of the pipe beside it."""

    mm_per_unit: float
    material: str | None
    names_material: bool
    is_cable: bool

    def read(self, word: str) -> Section:
        ways: tuple[Callable[[str], Section | None], ...] = (
            self._round, self._inches, self._pair, self._lettered, self._holes, self._shaped, self._several,
        )  # fmt: skip
        return next((found for way in ways if (found := way(word)) is not None), Section())

    def _round(self, word: str) -> Section | None:
        match = _ROUND.fullmatch(word)
        if not match:
            return None
        if match[3] is None and self._are_metres(match[2]):
            return replace(self._in_metres()._round(word) or Section(), is_in_metres=True)
        size = self._mm(match[2], match[3])
        return _circle(size, self._basis(match[1], size))

    def _inches(self, word: str) -> Section | None:
        match = _INCHES.fullmatch(word)
        if not match or not (match[1] or match[2]) or match[3] == "0":
            return None
        fraction = int(match[2]) / int(match[3]) if match[2] else 0.0
        return _circle(round((float(match[1] or 0) + fraction) * INCH_MM, 1), "nominal")

    def _pair(self, word: str) -> Section | None:
        match = _PAIR.fullmatch(word)
        if not match:
            return None
        sign, first, first_unit, second_sign, second, second_unit = match.groups()
        if second_sign and not sign:
            # 2×DN300 counts, it does not measure.
            return self._several(word)
        if not (first_unit or second_unit):
            if self.is_cable and sign is None and _COLUMNS_BY_ROWS.fullmatch(word):
                return Section(hole_count=int(first) * int(second))
            if self._are_metres(first, second):
                return replace(self._in_metres()._pair(word) or Section(), is_in_metres=True)
            if sign is None and first.isdigit() and self._mm(first, None) < LEAST_MM <= self._mm(second, None):
                return self._counted(int(first), self._mm(second, None))
        width, height = self._mm(first, first_unit or second_unit), self._mm(second, second_unit or first_unit)
        if height < _LEAST_BOX_MM and width >= _WALL_RATIO * height:
            return self._thin(sign, width, second, height)
        return _box(width, height, self._basis(sign, width))

    def _counted(self, count: int, size_mm: float) -> Section:
        """`2×325`: no pipe is 2 mm wide, it is two of them; of cables `3×240` can be wires of 240 mm² as well."""
        one = _circle(size_mm, self._basis(None, size_mm))
        if not self.is_cable:
            return _barrels(count, one)
        return _ducts(count, one) if self.material in PLASTICS else Section()

    def _are_metres(self, *numbers: str) -> bool:
        """Whether numbers without a unit are too small for millimetres of a pipe, and decimals: 1.2×0.8."""
        is_small = self.mm_per_unit == 1.0 and max(map(float, numbers)) < LEAST_MM
        return is_small and any("." in number for number in numbers)

    def _in_metres(self) -> "_Reading":
        return replace(self, mm_per_unit=_MM["m"])

    def _thin(self, sign: str | None, width: float, written: str, height: float) -> Section:
        """A pair whose second number is no height: ducts of cables, pipes side by side, or a wall."""
        count = int(written) if written.isdigit() else 0
        is_nominal = (sign or "").upper() in ("DN", "HDN")
        if 0 < count <= _MOST_BARRELS and self.is_cable:
            return _ducts(count, _circle(width, "unknown"))
        if 0 < count <= _MOST_BARRELS and is_nominal:
            return _barrels(count, _circle(width, "nominal"))
        # GB/T 13663 names plastic pipes by dn × en, outer diameter and wall.
        is_plastic = sign == "dn" and not count
        return (
            Section()
            if height == 0 or (is_nominal and not is_plastic)
            else replace(_circle(width, "outer"), wall_mm=height)
        )

    def _lettered(self, word: str) -> Section | None:
        """`BxH=1000x800` and `宽1000高800`, and a box behind the letters of its kind, `A1000×800`."""
        if match := _LETTERED_FIRST.match(word):
            return self._pair(word[match.end() :])
        if match := _OF_A_KIND.fullmatch(word):
            return self._pair(match[1])
        match = _LETTERED_EACH.fullmatch(word)
        return self._pair(f"{match[1]}x{match[4]}") if match else None

    def _holes(self, word: str) -> Section | None:
        if match := _HOLES_IN_ROWS.fullmatch(word):
            return Section(hole_count=int(match[1]) * int(match[2]))
        if (match := _BOX_OF_HOLES.fullmatch(word)) and (box := self._pair(match[1])):
            return replace(box, hole_count=int(match[2]))
        if match := _HOLES.fullmatch(word):
            return Section(hole_count=int(match[1]), cable_count=int(match[2]) if match[2] else None)
        if match := _CABLES.fullmatch(word):
            return Section(cable_count=int(match[1]))
        if (match := _HOLES_OF_ONE.fullmatch(word)) and (one := self._round((match[2] or match[3]).strip())):
            return _ducts(int(match[1] or match[4]), one)
        return None

    def _several(self, word: str) -> Section | None:
        """`2-DN300`, `2×2000×1500` and `2孔2000×1500`: equal pipes or boxes side by side."""
        match = _SEVERAL.fullmatch(word)
        if not match or not 0 < int(match[1]) <= _MOST_BARRELS:
            return None
        one = self._pair(match[2].strip()) or self._round(match[2].strip())
        if one is None or one.width_mm is None:
            return None
        return _ducts(int(match[1]), one) if self.is_cable else _barrels(int(match[1]), one)

    def _shaped(self, word: str) -> Section | None:
        """A text that names its shape before or behind the sizes."""
        named = next(((name, shape) for name, shape in _shape_names() if _has_name(word, name)), None)
        if named is None:
            return None
        name, shape = named
        rest = re.sub(re.escape(name), "", word, count=1, flags=re.IGNORECASE).strip(" :-()")
        if shape == "circle":
            return self._round(rest) or Section()
        found = self._pair(rest.replace("/", "x")) or self._lettered(rest) or self._several(rest) or Section()
        is_whole = found.width_mm is not None and found.wall_mm is None
        return replace(found, shape_code=shape) if is_whole else Section() if found.wall_mm else found

    def _basis(self, sign: str | None, size_mm: float) -> str:
        if sign == "d":
            return "inner" if self.material == "concrete" else "unknown"
        if sign == "dn" or (sign is None and self.names_material):
            outer = is_plastic_size(size_mm, self.material)
            return "outer" if outer else "nominal" if sign else "unknown"
        return _BASIS.get(re.sub(r"\s", "", sign or "").upper(), "unknown")

    def _mm(self, number: str, unit: str | None) -> float:
        return float(number) * (_MM[unit.lower()] if unit else self.mm_per_unit)


def _circle(diameter_mm: float, basis: str) -> Section:
    return Section("circle", diameter_mm, diameter_mm, basis_code=basis) if diameter_mm > 0 else Section()


def _box(width_mm: float, height_mm: float, basis: str) -> Section:
    return Section("rect", width_mm, height_mm, basis_code=basis) if width_mm > 0 and height_mm > 0 else Section()


def _barrels(count: int, one: Section) -> Section:
    if count == 1 or one.width_mm is None:
        return one
    return Section(barrel_count=count, barrel_mm=one.width_mm, basis_code=one.basis_code)


def _ducts(count: int, one: Section) -> Section:
    return Section(hole_count=count, barrel_count=count, barrel_mm=one.width_mm)


def _by_ratio(found: Section, ratio: float) -> Section:
    """`125 PE 100 SDR 11`: a plastic pipe by its outer diameter, and the ratio of that to its wall."""
    if found.shape_code != "circle" or found.width_mm is None or ratio <= 2:
        return Section()
    return replace(found, basis_code="outer", wall_mm=found.wall_mm or round(found.width_mm / ratio, 1))


def _has_name(word: str, name: str) -> bool:
    # A word of letters ends where no letter follows: Ei 600/900, not Eisen.
    pattern = rf"(?<![A-Za-z]){name}(?![A-Za-z])" if name.isascii() else name
    return re.search(pattern, word, re.IGNORECASE) is not None


@cache
def _shape_names() -> list[tuple[str, str]]:
    """Names and their shapes, longer names first."""
    return sorted(((name, shape) for shape, names in _SHAPES.items() for name in names), key=lambda pair: -len(pair[0]))
