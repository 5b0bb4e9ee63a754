"""What short texts say of pipes and points: `DN300 铸铁 1.20`, `给 DN200 0.85`, `PVC110-PN16`, `J12`."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from importers.normalising.columns import class_of
from importers.normalising.sections import parse_section
from importers.profiles import Profile

_SIGNED = (
    r"(?:HDN|DN|DE|[Dd]|[ΦφØøФф¢⌀∅])\s*=?\s*\d{2,4}(?:\.\d+)?(?:\s*[xX×*]\s*\d{1,2}(?:\.\d+)?(?![\d.]))?(?:\s*mm)?"
)
_WIDTH_BY_HEIGHT = r"[BbWw宽]\s*[xX×*]\s*[Hh高]\s*=\s*\d+(?:\.\d+)?\s*[xX×*]\s*\d+(?:\.\d+)?(?:\s*mm?)?"
_BOX = r"\d{2,5}(?:\.\d+)?\s*[xX×*]\s*\d{2,5}(?:\.\d+)?(?:\s*mm)?"
_DUCTS = r"\d+\s*孔(?:\s*\d+\s*根)?"
_MM = r"[1-9]\d{1,3}\s*mm"
_INCHES = r"\d{1,3}(?:\.\d+|[ -]\d/\d)?\s*(?:\"|''|′′|”|in\b\.?|inch(?:es)?\b|寸)"
_SECTION = re.compile(
    rf"(?<![A-Za-z0-9.])(?:{_WIDTH_BY_HEIGHT}|{_SIGNED}|{_BOX}|{_MM}|{_DUCTS}|{_INCHES})(?![A-Za-z0-9.])", re.IGNORECASE
)
_SIGN_OF_SIZE = re.compile(r"^([A-Za-zΦφØøФф¢⌀∅]{1,3})=(?=\d)")
_GLUED = re.compile(
    r"(?<=[A-Za-z])(?=[一-鿿])|(?<=[一-鿿])(?=[A-Za-z0-9ΦφØ⌀∅])|(?<=\d)(?=[一-鿿])(?!孔|根|米)"
    r"|(?<=\d)(?=[A-Z]{2,5}(?![A-Za-z0-9]))|(?<=[A-Z]{2})(?=(?:DN|De|[Dd])\d{3,4}(?!\d))"
)
_DEPTH = r"-?\d{1,2}\.\d{1,3}"
_DEPTHS = re.compile(
    rf"(?<![\w.])(?:埋深|深|[hH])?\s*[=:]?\s*({_DEPTH})(?:\s*[/~-]\s*({_DEPTH}))?(?:\s*(?:m|米))?(?![\w.%‰])"
)
# A number of metres that nothing calls a depth is the length of the pipe where pipes do not lie as deep.
_LENGTH = re.compile(r"(?<![\w.=:深])(?<![深hH]\s)(\d{1,4}(?:\.\d+)?)\s*m?(?![\w.%‰])")
_SHALLOW_M, _DEEPEST_M = 6.0, 15.0
# Slope, length, pressure, wall rating and levels of other parts: beside the point, but no reason to doubt the rest.
_REMARK = re.compile(
    r"(?<![\w.])(?:[iI]\s*=\s*[\d.]+\s*[%‰]?|[IVX]{1,3}\s*级|[\d.]+\s*[%‰]|[lL]\s*=?\s*[\d.]+\s*m?|PN\s*[\d.]+|SDR\s*[\d.]+|SN\s*\d+"
    r"|(?:IL|INV|CL|RL|BL)[.:=]?\s*-?\d+(?:\.\d+)?|\d+(?:\.\d+)?\s*LF(?:\s+OF)?|@\s*[\d.]+\s*%?|SDR-?[\d.]+|S\s*=\s*[\d.]+\s*%?"
    r"|[A-Z]{2,6}\d{0,2}-\d[\d.+×xX*]*)(?![\w.])"
)
# Levels beside a point: of its cover, of its bottom and of the pipes in it, as five languages write them.
_LEVEL = re.compile(
    r"^(?:(?P<ground>KD|DOK|CL|RIM|TN|GL|CT|(?:地面|井面|井口|井盖)(?:标高|高程)?)"
    r"|(?P<bottom>KS|SOH|IL|INV|IE|FE|FIL|BOB|CF|井底(?:标高|高程)?)"
    r"|(?P<pipe>管道?内?底(?:标高|高程)?))"
    r"(?:[\s.]*(?:ELEV?|(?P<way>IN|OUT)))?(?:\s*\([A-Z]{1,3}\))?[\s.:=]*(?P<height>-?\d{1,4}[.,]\d{1,3})\s*(?:m|'|ft)?(?:\s*\([A-Z]{1,3}\))?$",
    re.IGNORECASE,
)
# 中压A is one word, though letters stand in it.
_TIER = re.compile(r"([次中高]压)\s+([AB])(?![A-Za-z0-9])")
# What notes of cables, ducts and gas mains hold besides: voltage, holes in all and in use, cables.
_VOLTAGE = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,2})?\s*k?V(?!\w)", re.IGNORECASE)
_HOLES = re.compile(r"(?<![\w./])(\d{1,2})/(\d{1,2})(?![\w./])")
_HOLES_BESIDE = re.compile(r"(?<![\w.])(\d{1,3})\s*孔")
_CABLES = re.compile(r"(?<![\w.])(\d{1,3})\s*[根条]")
# Polish base maps write the kind of pipe in small letters before its size: w110, ks200, gn63.
_KIND_AND_SIZE = re.compile(r"^(?:w|k[sdopl]?|g[nwsp]?|c[wpn]?)[ABNXZ]?([1-9]\d{1,3})$")
_PLAIN_SIZE = re.compile(r"^([1-9]\d{1,3})(?:mm)?$")
_WORD_AND_SIZE = re.compile(r"^([A-Za-z]+(?:-[A-Za-z]+)?|[一-鿿]+)([1-9]\d{1,3})$")
_GRADE = re.compile(r"^(PE)(?:63|80|100)$", re.IGNORECASE)
_NUMBER = re.compile(r"^(?:[A-Za-z]{1,4}|[一-鿿]{1,2})[-_]?\d{1,6}(?:[-_]\d{1,4})?[A-Za-z]?$")
_DIGITS = re.compile(r"^\d{1,5}$")
_AMBIGUOUS_SIZE = re.compile(r"^D\d+$")
_MAX_STRANGE = 6
# Each number of a point is looked at more than once, too.
_REMEMBERED = 65_536


@dataclass(frozen=True)
class PipeLabel:
    """What a text says of a pipe, each part as it is written; `depths` are one or two numbers joined by `/`.

    `others` are what only some classes have, by the attribute: voltage, pressure, holes, cables, burial.
    """

    section: str | None
    material: str | None = None
    class_word: str | None = None
    depths: str | None = None
    others: tuple[tuple[str, str], ...] = ()

    @property
    def is_signed(self) -> bool:
        """Whether the size is written as one (DN300, 700X400) and not only a number."""
        return self.section is not None and not self.section.isdigit()

    @property
    def tells_only_others(self) -> bool:
        """Whether it says neither size nor material nor class: 10kV."""
        return not (self.section or self.material or self.class_word)


def _without_lengths(number: re.Match[str]) -> str:
    """Nothing in place of a number with decimals that is too large for a depth, else what stands there."""
    most_m = _SHALLOW_M if number[0].endswith("m") else _DEEPEST_M
    return " " if "." in number[1] and float(number[1]) > most_m else number[0]


def _others(text: str) -> tuple[dict[str, str], str]:
    """Voltage, holes and cables that a text states, and the text without them; holes alone are the section itself."""
    found: dict[str, str] = {}
    if voltage := _VOLTAGE.search(text):
        found["voltage"], text = voltage[0], text.replace(voltage[0], " ", 1)
    if (holes := _HOLES.search(text)) and int(holes[1]) >= int(holes[2]):
        found["holes"], text = holes[0], text.replace(holes[0], " ", 1)
    sections = [match[0] for match in _SECTION.finditer(text)]
    ducts = _HOLES_BESIDE.search(text)
    if ducts and "holes" not in found and any("孔" not in section for section in sections):
        found["hole_count"], text = ducts[1], text.replace(ducts[0], " ", 1)
    if (cables := _CABLES.search(text)) and "孔" not in text:
        found["cable_count"], text = cables[1], text.replace(cables[0], " ", 1)
    return found, text


class Vocabulary:
    """The words of a profile for classes and materials, to find them in texts and layer names."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._millimetres = profile.millimetres
        # The same few words and texts come thousands of times.
        self.class_code = lru_cache(maxsize=_REMEMBERED)(self._class_code)
        self.pipe_label = lru_cache(maxsize=_REMEMBERED)(self._pipe_label)
        self.levels = lru_cache(maxsize=_REMEMBERED)(self._levels)
        self.point_number = lru_cache(maxsize=_REMEMBERED)(self._point_number)

    @cached_property
    def _classes(self) -> dict[str, str]:
        return self._profile.class_words()

    @cached_property
    def _materials(self) -> dict[str, str]:
        return self._profile.code_words("material")

    @cached_property
    def _manners(self) -> dict[str, str]:
        """Words for how a pipe is laid and for the pressure in it, and which of them it is."""
        return {word: table for table in ("burial", "pressure") for word in self._profile.code_words(table)}

    @cached_property
    def _features(self) -> dict[str, str]:
        return self._profile.code_words("feature")

    @cached_property
    def _appurtenances(self) -> dict[str, str]:
        return self._profile.code_words("appurtenance")

    def _class_code(self, word: str) -> str | None:
        """The class a word stands for."""
        return class_of(word, self._classes)

    def material(self, word: str) -> str | None:
        """The word as the dictionary has it (铸铁 for 铸铁管) where it names a material."""
        return next((name for name in (word, word.removesuffix("管")) if name.casefold() in self._materials), None)

    def is_appurtenance(self, word: str) -> bool:
        """Whether a word names an appurtenance."""
        return word.casefold() in self._appurtenances

    def appurtenance_of(self, name: str) -> str | None:
        """The word for an appurtenance in the name of a block or a layer; see `_word_of`."""
        return self._word_of(name, self.is_appurtenance)

    def feature_of(self, name: str) -> str | None:
        """The word for what a point is in the run of a pipe (a bend, a tee), and no appurtenance; see `_word_of`."""
        return self._word_of(name, self._is_feature)

    def _is_feature(self, word: str) -> bool:
        return word.casefold() in self._features and word.casefold() not in self._appurtenances

    def _word_of(self, name: str, is_one: Callable[[str], bool]) -> str | None:
        """What a name is, or in Chinese ends with behind its class or a Latin prefix: 污水_检查井, GX_弯头."""
        if is_one(name):
            return name
        parts = (name[at:] for at in range(1, len(name) - 1) if not name[at:].isascii())
        word = next(filter(is_one, parts), None)
        before = name.removesuffix(word or "").strip("_- ")
        return word if word and (before.isascii() or self.class_code(before)) else None

    def _pipe_label(self, text: str) -> PipeLabel | None:
        """Size and what stands with it; None where there is no size or too much that is not understood."""
        said = unicodedata.normalize("NFKC", text).strip()
        others, rest = _others(_GLUED.sub(" ", said))
        found = _SECTION.search(rest)
        section = None
        if found is not None and parse_section(found[0], self._millimetres).is_known:
            # What joins the size to a depth is no sign of it: DN200-1.13.
            behind = rest[found.end() :].removeprefix("-")
            section, rest = _SIGN_OF_SIZE.sub(r"\1", found[0].replace(" ", "")), f"{rest[: found.start()]} {behind}"
        rest = _REMARK.sub(" ", rest)
        rest = _LENGTH.sub(_without_lengths, rest)
        depths = _DEPTHS.search(rest)
        rest = _DEPTHS.sub(" ", rest, count=1)
        words = [word for word in re.split(r"[\s,，;；、()\[\]/_@\-]+", _TIER.sub(r"\1\2", rest)) if word]
        manners = {word: self._manners.get(word.casefold()) for word in words}
        others |= {table: word for word, table in manners.items() if table}
        label = self._with_words(section, depths, [word for word in words if not manners[word]], others)
        # JS-12 and 给12 are numbers of points, 给 200 is a pipe.
        is_number = section is None and label is not None and label.material is None and " " not in text.strip()
        return None if is_number else label

    def _with_words(
        self, section: str | None, depths: re.Match[str] | None, words: list[str], others: dict[str, str]
    ) -> PipeLabel | None:
        material = class_word = plain = None
        strange = ""
        for word in words:
            for name, size in self._taken_apart(word):
                if material is None and self.material(name):
                    material, plain = self.material(name), plain or size
                elif class_word is None and self.class_code(name) and not (size and name.isascii()):
                    class_word, plain = name, plain or size
                elif section is None and plain is None and _PLAIN_SIZE.match(name):
                    plain = name
                else:
                    strange += name
        if section is None and (strange or not (material or class_word or others)):
            return None
        size = section or plain
        if (size is None and not others) or len(strange) > _MAX_STRANGE:
            return None
        told = "/".join((depths[1], depths[2] or depths[1])) if depths else None
        return PipeLabel(size, material, class_word, told, tuple(others.items()))

    def _taken_apart(self, word: str) -> list[tuple[str, str | None]]:
        """Words with the size glued to them: `PVC110`; `给水铸铁` is two words; PE100 is a grade of the material."""
        grade = _GRADE.match(word)
        if grade:
            return [(grade[1], None)]
        match = _WORD_AND_SIZE.match(word)
        name, size = (match[1], match[2]) if match else (word, None)
        for end in range(len(name) - 1, 0, -1):
            if not name.isascii() and self.class_code(name[:end]) and self.material(name[end:]):
                return [(name[:end], None), (name[end:], size)]
        return [(name, size)]

    def bare_size(self, text: str) -> PipeLabel | None:
        """A text that is nothing but digits, or these behind small letters for the kind of pipe, as a size."""
        size = _PLAIN_SIZE.match(text.strip()) or _KIND_AND_SIZE.match(text.strip())
        return PipeLabel(size[1]) if size else None

    def bare_material(self, text: str) -> PipeLabel | None:
        """A text that is nothing but the name of a material."""
        name = self.material(unicodedata.normalize("NFKC", text).strip())
        return PipeLabel(None, name) if name else None

    def _levels(self, text: str) -> Mapping[str, float]:
        """The heights that a text gives of a point by what they are of: `KD 123.45` of its ground.

        `INV OUT 98.20` is of its bottom, and of the pipe that goes out; `管底标高 98.20` of all pipes in it.
        """
        found = _LEVEL.match(unicodedata.normalize("NFKC", text).strip())
        if found is None:
            return {}
        ways = {"IN": ("bottom", "inlet"), "OUT": ("bottom", "outlet")}
        is_of_bottom = ways.get((found["way"] or "").upper(), ("bottom",))
        named = ("ground",) if found["ground"] else ("pipe",) if found["pipe"] else is_of_bottom
        return dict.fromkeys(named, float(found["height"].replace(",", ".")))

    def _point_number(self, text: str, digits_too: bool = False) -> str | None:
        """A text that can be the number of a point; `D300` can be that or a size."""
        word = unicodedata.normalize("NFKC", text).strip()
        if digits_too and _DIGITS.match(word):
            return word
        if not _NUMBER.match(word):
            return None
        return word if _AMBIGUOUS_SIZE.match(word) or self.pipe_label(word) is None else None
