"""Profiles: how one kind of delivery maps to the model, as TOML files that a user can edit."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from importers.normalising.accents import unaccented
from importers.normalising.dictionaries import dictionary
from importers.normalising.ideographs import simplified
from importers.normalising.units import factor, is_of_metres, unit_of
from schemas.codetables import code_table, limits

Role = Literal["node", "segment", "combined", "consumer", "structure", "ground"]
# Tried in this order: a table that fits two roles is the earlier one. Points of the ground are told by name only.
ROLES: tuple[Role, ...] = ("segment", "combined", "node", "consumer", "structure")
SECRET = "secret"

PLACE = ("x", "y", "easting_m", "northing_m")
_LIFE = ("owner", "lifecycle", "installed_on", "horizontal_accuracy_m", "vertical_accuracy_m")
_POINT = (
    "key", "class", *PLACE, "ground_elevation_m", "feature", "appurtenance", "well_depth_m",
    "well_bottom_m",
    "valve_state", "operability", "name", "address", *_LIFE,
)  # fmt: skip
# What points say of the pipes that meet there.
OF_PIPES = ("pipe_depth_m", "pipe_elevation_m", "inlet_invert_m", "outlet_invert_m")
_LINE = (
    "from_key", "to_key", "pair_key", "line_id", "class", "from_x", "from_y", "to_x", "to_y", "section", "diameter",
    "shape", "width_mm", "height_mm", "outer_diameter", "inner_diameter", "wall_mm", "nominal_mm", "inner_width_mm",
    "inner_height_mm", "size_basis", "casing_mm", "material", "burial", "pressure", "voltage", "pressure_or_voltage",
    "hole_count", "unused_hole_count", "used_hole_count", "holes", "used_holes", "cable_count", "flow_direction",
    "circuit", "container_key", *_LIFE,
    "from_depth_m", "to_depth_m", "depths", "from_ground_m", "to_ground_m", "from_elevation_m", "to_elevation_m",
    "depth_datum",
)  # fmt: skip
# What a column can be taken for, by role. `x` and `y` follow the profile's axis order; easting and northing do not.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "node": (*_POINT, *OF_PIPES),
    "segment": _LINE,
    "combined": (*_POINT, *(name for name in _LINE if name not in _POINT)),
    "consumer": ("key", "class", *PLACE, "node_key", "kind", "name", "address", "people", "demand_m3_per_d"),
    "structure": ("key", *PLACE, "kind", "name", "base_elevation_m", "top_elevation_m"),
    "ground": (*PLACE, "ground_elevation_m"),
}
ELEVATIONS = frozenset(
    {"ground_elevation_m", "from_ground_m", "to_ground_m", "from_elevation_m", "to_elevation_m", "base_elevation_m",
     "top_elevation_m", "well_bottom_m", "pipe_elevation_m", "inlet_invert_m", "outlet_invert_m"}
)  # fmt: skip
_HEIGHTS = ELEVATIONS | {"from_depth_m", "to_depth_m", "depths", "pipe_depth_m", "well_depth_m"}
# One of these sets of attributes must be there for a table to play the role.
_ENOUGH: dict[str, tuple[frozenset[str], ...]] = {
    "segment": (
        frozenset({"from_key", "to_key"}),
        frozenset({"pair_key"}),
        frozenset({"from_x", "from_y", "to_x", "to_y"}),
    ),
    "combined": (
        frozenset({"key", "to_key", "x", "y"}),
        frozenset({"key", "to_key", "easting_m", "northing_m"}),
    ),
    "node": (frozenset({"key", "x", "y"}), frozenset({"key", "easting_m", "northing_m"})),
    "consumer": (
        frozenset({"kind", "people", "x", "y"}),
        frozenset({"kind", "people", "easting_m", "northing_m"}),
        frozenset({"node_key", "people"}),
    ),
    "structure": (),
}
_NO_WORDS: dict[str, str] = {}
_OF_WELLS = frozenset({"appurtenance", "well_depth_m", "valve_state"})
_ROLE_OF_GEOMETRY = {"Point": "node", "LineString": "segment", "Polygon": "structure"}
LATIN_PARTS = r"[A-ZÀ-Þ]+(?![a-zß-ÿ])|[A-ZÀ-Þ]?[a-zß-ÿ]+"
_NAME_PARTS = re.compile(LATIN_PARTS)
_LEAST_LETTERS, _LETTERS_OF_A_PART = 3, 9
_WORDS_AT_HAND = 65_536
# Scripts without capitals or without blanks between words, and others than Latin.
_OTHER_SCRIPT = re.compile(r"[\u0370-\u1dff\u3040-\ud7af][ \u0370-\u1dff\u3040-\ud7af]+")
# What makes a word the name of a place: 工业大道, 电信二路, 工业园; Water Street. 电力线路 and 通信路由 are none.
_OF_PLACE = re.compile("[东南西北中一二三四五六七八九十]{0,2}(?:路(?![线由径灯])|街|巷|弄|大道|园|(?<=工业)区)")
_STREET = re.compile(r"[a-z]+ (?:st|street|rd|road|ave|avenue|ln|lane|blvd|boulevard|drive|way|park|estate)(?![a-z])")
_DRAINAGE = {"storm", "foul", "combined"}
_BRACKETED_UNIT = re.compile(
    r"[(\[【](?:单位:?)?(?:m|mm|cm|dm|ft|in|kv|v|mpa|kpa|bar|dn|米|毫米|厘米|千伏|兆帕|‰|%)[)\]】]"
)
_CHINESE_UNIT = re.compile(r"(?<=[\u4e00-\u9fff])(?:mm|cm|m|kv|mpa|kpa|米|毫米|厘米|‰)$")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text} is no pattern ({error})") from error
    return text


def _pattern_with_group(text: str) -> str:
    if not re.compile(_pattern(text)).groups:
        raise ValueError(f"{text} has no group in parentheses")
    return text


_Pattern = Annotated[str, AfterValidator(_pattern)]
_GroupPattern = Annotated[str, AfterValidator(_pattern_with_group)]


class Datum(BaseModel):
    """What depths and pipe elevations refer to where the delivery does not say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    by_class: dict[str, str] = Field(default_factory=dict, description="Class to datum; else the code table's.")
    by_burial: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Burial code, then class, to datum; stronger than by_class."
    )


class Vertical(BaseModel):
    """What the elevations of a delivery are counted from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    datum: str | None = Field(None, description="Name of the delivery's vertical datum.")
    offset_m: float | None = Field(
        None, description="Added to every elevation to bring it to the project's datum; 0 says that it is the same."
    )
    ground_from_model: bool = Field(
        False, description="Give nodes without a ground elevation that of the map's ground models, as inferred."
    )


class Profile(BaseModel):
    """How one kind of delivery maps to the model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str = Field(description="What kind of delivery this is, in one line.")
    extends: str | None = Field(None, description="Shipped profile that fills whatever this one leaves out.")
    signature: list[str] = Field(default_factory=list, description="Source columns that tell this layout from others.")
    sheets: list[_Pattern] = Field(
        default_factory=list, description="Patterns that each match the name of a sheet or layer of this layout."
    )
    readers: list[str] = Field(default_factory=list, description="Readers it is for; empty is any.")
    crs: str | None = Field(None, description="CRS where the file names none; the project's when this is absent.")
    check_area: bool = Field(True, description="Demand that places lie in the CRS's area of use.")
    axis: Literal["x_is_northing", "x_is_easting", "auto"] = "x_is_northing"
    nulls: list[str] = Field(default_factory=list, description="Words that stand for unknown.")
    zero_is_unknown: list[str] = Field(default_factory=list, description="Attributes where 0 stands for unknown.")
    null_values: dict[str, list[float | str]] = Field(
        default_factory=dict, description="Attribute to numbers or words that stand for unknown there alone."
    )
    millimetres: float = Field(1.0, description="Millimetres per unit of section sizes without a unit.", gt=0)
    heights_in: str | None = Field(None, description="Unit of heights and depths whose columns state none.")
    units: dict[str, str] = Field(
        default_factory=dict, description="Attribute to the unit of its numbers; stronger than a unit in the header."
    )
    vertical: Vertical = Field(default_factory=Vertical)
    snap_m: float = Field(0.05, description="Line ends within this of a point, or of each other, are one.", ge=0, le=5)
    geometry_z: Literal["axis", "ground", "ignore"] = Field("ignore", description="What z in geometries is.")
    unnumbered: Literal["refuse", "by_place"] = Field(
        "refuse", description="Rows without a point number in a table that has numbers; by_place snaps them."
    )
    lost_points: Literal["refuse", "draw"] = Field(
        "refuse", description="Lines to a point that no table has; draw makes the point from the drawn end."
    )
    roles: dict[str, list[_Pattern]] = Field(
        default_factory=dict, description="Role, or ignored, by sheet name patterns."
    )
    class_from_sheet: list[_GroupPattern] = Field(
        default_factory=list, description="Patterns whose group is the class code."
    )
    default_class: str | None = Field(None, description="Class of rows that name none.")
    sewers_unless_said: str | None = Field(
        None,
        description="Class of sewers, where neither rows nor the names of layer, file and folder say it.",
    )
    columns: dict[str, dict[str, list[str]]] = Field(default_factory=dict, description="Role, attribute, names.")
    leave: dict[str, list[str]] = Field(
        default_factory=dict, description="Role to source columns that no attribute takes, whatever they are called."
    )
    codes: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Source column to its codes, as written, and the words they stand for."
    )
    classes: dict[str, str] = Field(default_factory=dict, description="Source code (or prefix*) to class or `secret`.")
    words: dict[str, dict[str, str]] = Field(default_factory=dict, description="Code table, source word, code.")
    datum: Datum = Field(default_factory=Datum)
    reader: dict[str, Any] = Field(default_factory=dict, description="Options of the reader.")

    def role_of(self, sheet: str, columns: Iterable[str], geometry: str | None) -> str | None:
        """The role a table plays, `ignored`, or None when nothing tells."""
        for role, patterns in self.roles.items():
            if any(re.search(pattern, sheet, re.IGNORECASE) for pattern in patterns):
                return role
        names = list(columns)
        for fitting in ROLES:
            found = self.mapping(fitting, names)
            if any(enough <= found.keys() for enough in _ENOUGH[fitting]):
                return fitting
        of_geometry = _ROLE_OF_GEOMETRY.get((geometry or "").removeprefix("Multi"))
        # Wells and chambers are drawn as areas, too.
        is_well = of_geometry == "structure" and (
            self.sheet_appurtenance(sheet) or self.mapping("node", names).keys() & _OF_WELLS
        )
        return "node" if is_well else of_geometry

    def mapping(self, role: str, columns: Iterable[str]) -> dict[str, str]:
        """Attribute to source column; the first name of each attribute's list that is there wins.

        Of columns that are alike but for case and punctuation, US_E and Use, the one that is written as in the list.
        """
        there: dict[str, str] = {}
        left = {plain(name) for name in self.leave.get(role, [])}
        known = [column for column in columns if plain(column) not in left]
        for column in known:
            there.setdefault(plain(column), column)
        written = dict(zip(known, known, strict=True))
        taken: dict[str, str] = {}
        for attribute in ATTRIBUTES[role]:
            for name in self.names(role, attribute):
                found = written.get(name) or there.get(plain(name))
                if found is not None and found not in taken.values():
                    taken[attribute] = found
                    break
        return taken | self._cut_off(role, [column for column in there.values() if column not in taken.values()], taken)

    def _cut_off(self, role: str, columns: Iterable[str], taken: Mapping[str, str]) -> dict[str, str]:
        """Attributes of columns whose name a shapefile cut off at 10 bytes, where it can be one attribute only."""
        found: dict[str, str] = {}
        for column in filter(_may_be_cut_off, columns):
            start = plain(column)
            fitting = [
                attribute
                for attribute in ATTRIBUTES[role]
                if any(plain(name).startswith(start) for name in self.names(role, attribute))
            ]
            if len(fitting) == 1 and fitting[0] not in taken:
                found.setdefault(fitting[0], column)
        return found

    def names(self, role: str, attribute: str) -> list[str]:
        """Source names of an attribute, its own name first."""
        shared = {"combined": ("segment", "node"), "ground": ("ground", "node")}.get(role, (role,))
        return [attribute, *(name for part in shared for name in self.columns.get(part, {}).get(attribute, []))]

    def factor(self, attribute: str, column: str) -> float:
        """What a column's numbers are multiplied with to be in the attribute's unit, as stated here or in its name."""
        stated = self.units.get(attribute) or unit_of(column) or self.height_unit(attribute, column)
        known = factor(attribute, stated) if stated else None
        return known or (self.millimetres if attribute in ("section", "diameter", "casing_mm") else 1.0)

    def height_unit(self, attribute: str, column: str) -> str | None:
        """The unit of a height or depth whose column states none."""
        is_open = attribute in _HEIGHTS and attribute not in self.units and not is_of_metres(column)
        return self.heights_in if is_open else None

    def in_model(self, attribute: str, column: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The numbers of a column in the attribute's unit, elevations from the project's vertical datum."""
        nulls = [null for null in self.null_values.get(attribute, []) if isinstance(null, float)]
        known = np.where(np.isin(values, nulls), np.nan, values) if nulls else values
        raised_m = self.raised_m if attribute in ELEVATIONS else 0.0
        return known * self.factor(attribute, column) + raised_m

    @property
    def raised_m(self) -> float:
        """What is added to every elevation to count it from the map's vertical datum."""
        return self.vertical.offset_m or 0.0

    @property
    def null_heights(self) -> list[float]:
        """Heights of drawn lines that stand for unknown: those that do in their elevations."""
        return [null for null in self.null_values.get("from_elevation_m", []) if isinstance(null, float)]

    def null_words(self, attribute: str) -> frozenset[str]:
        """Words that stand for unknown in this attribute alone, case-folded."""
        return frozenset(str(null).casefold() for null in self.null_values.get(attribute, []))

    def class_words(self) -> dict[str, str]:
        """Case-folded source word to utility class (or `secret`); prefixes end in an asterisk."""
        return dictionary("utility_class", self.classes)

    def code_words(self, table: str) -> dict[str, str]:
        """Case-folded source word to code of one code table, the profile's own words first."""
        return dictionary(table, self.words.get(table, _NO_WORDS))

    def sheet_class(self, sheet: str) -> str | None:
        """The class code in a sheet or layer name, as the source writes it; of several, the first that is known."""
        matches = (re.search(pattern, sheet, re.IGNORECASE) for pattern in self.class_from_sheet)
        words = [match[1] for match in matches if match]
        known = self.class_words()
        return next((word for word in words if word.casefold() in known), words[0] if words else None)

    def sheet_appurtenance(self, sheet: str) -> str | None:
        """The appurtenance that the name of a sheet or layer says its points are: of several words, the longest."""
        words = self.code_words("appurtenance")
        sheet = unicodedata.normalize("NFKC", sheet)
        name = f"{sheet.casefold().replace('_', ' ')} {_parts_of_name(sheet)}"
        found = (word for word in sorted(words, key=len, reverse=True) if len(word) > 1 and _names(name, word))
        return next((words[word] for word in found), None)

    def appurtenance_said(self, text: str) -> str | None:
        """The one appurtenance that a title or the name of a column speaks of; None where it names none or several."""
        words, text = self.code_words("appurtenance"), unicodedata.normalize("NFKC", text)
        name = f"{text.casefold()} {_parts_of_name(text)}"
        said = [word for word in words if len(word) > 1 and _names(name, word)]
        whole = {words[word] for word in said if not any(word != longer and word in longer for longer in said)}
        return whole.pop() if len(whole) == 1 else None

    def class_said(self, text: str, *, is_name: bool = False) -> str | None:
        """The one class that a title or file name speaks of; None where it names none or several.

        Titles are believed in Chinese and its like alone, names of files and layers (`is_name`) in any script.
        """
        words, text = self.class_words(), unicodedata.normalize("NFKC", text)
        name, text = _parts_of_name(unaccented(text)), text.replace("_", " ")
        said = [word for word in words if _says(text.casefold(), word) or (is_name and _speaks_of(name, word))]
        whole = [word for word in said if not any(word != longer and word in longer for longer in said)]
        return one_class({words[word] for word in whole})

    def stated_datum(self, class_code: str, burial_code: str | None) -> str | None:
        """What the profile says depth and elevation refer to, by burial, then by class; None where it is silent."""
        by_burial = self.datum.by_burial.get(burial_code or "", {})
        return by_burial.get(class_code) or self.datum.by_class.get(class_code)

    def datum_of(self, class_code: str, burial_code: str | None) -> str:
        """What depth and elevation refer to: as the profile says, else by the standard's table."""
        return self.stated_datum(class_code, burial_code) or standard_datum(class_code, burial_code)


@cache
def standard_datum(class_code: str, burial_code: str | None) -> str:
    """What depths of a class refer to where nobody says: limits/depth_datum.csv, else the class's own datum."""
    by_burial = {(row["class"], row["burial"]): row["datum"] for row in limits("depth_datum")}
    default = code_table("utility_class").get(class_code)
    return by_burial.get((class_code, burial_code or ""), default.fields["default_datum"] if default else "crown")


def is_enough(role: str, certainty: Mapping[str, float]) -> float | None:
    """The certainty of the least sure attribute that a table needs for a role, None where it has not what it needs."""
    sets = [min(certainty[name] for name in enough) for enough in _ENOUGH[role] if enough <= certainty.keys()]
    return max(sets, default=None)


def one_class(said: Iterable[str]) -> str | None:
    """The class that several words mean together: a sewer of foul water is a foul sewer; None for any other two."""
    classes = set(said)
    if len(classes) > 1 and classes <= _DRAINAGE:
        classes.discard("combined")
    return classes.pop() if len(classes) == 1 else None


def _parts_of_name(name: str) -> str:
    """The words of Latin letters in a name, apart: SewerManhole, sewer_manhole."""
    return " ".join(_NAME_PARTS.findall(name)).casefold()


@lru_cache(maxsize=_WORDS_AT_HAND)
def _names(name: str, word: str) -> bool:
    """Whether a word stands in a name; one of Latin letters by itself, also in the plural."""
    said = word.replace("_", " ") if word.isascii() else word
    if said not in name:
        return False
    return not word.isascii() or re.search(rf"(?<![a-z]){re.escape(said)}(?:e?s)?(?![a-z])", name) is not None


def _says(text: str, word: str) -> bool:
    if word not in text or _OTHER_SCRIPT.fullmatch(word) is None:
        return False
    return any(not _OF_PLACE.match(text, found.end()) for found in re.finditer(re.escape(word), text))


def _speaks_of(name: str, word: str) -> bool:
    """Whether a word of letters stands in a name; a long one also as a part of another: Regenwasserkanal."""
    if len(word) < _LEAST_LETTERS or word.replace("_", " ") not in name:
        return False
    if any(character.isdigit() or character > "\u024f" for character in word):
        return False
    name = _STREET.sub("", name)
    # Two words begin where one does: there is no "ep troncon" in AEP_troncons.
    return (len(word) >= _LETTERS_OF_A_PART and " " not in word and word in name) or _names(name, word)


def _may_be_cut_off(column: str) -> bool:
    """Whether a name fills the 10 bytes that a dBASE table has for it, but for the part of a character."""
    is_field = not re.search(r"[\s()\[\]]", column)
    return is_field and any(len(column.encode(encoding, "replace")) in (9, 10) for encoding in ("utf-8", "gb18030"))


@lru_cache(maxsize=_WORDS_AT_HAND)
def plain(header: str) -> str:
    """A header without case, spaces, punctuation and units, for comparing."""
    text = simplified(unicodedata.normalize("NFKC", str(header)).casefold())
    text = _BRACKETED_UNIT.sub("", text)
    return _CHINESE_UNIT.sub("", re.sub(r"[\s_\-.·:()\[\]/]", "", text))
