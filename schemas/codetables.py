"""Code tables: the controlled vocabularies of the model, each with English and Chinese names."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

CODE_TABLES = (
    "utility_class",
    "feature",
    "appurtenance",
    "material",
    "burial",
    "pressure",
    "lifecycle",
    "valve_state",
    "operability",
    "elevation_source",
    "section_shape",
    "size_basis",
    "depth_datum",
    "consumer_kind",
    "structure_kind",
    "request_purpose",
)


@dataclass(frozen=True)
class Code:
    """One value of a code table; `fields` holds the table's own further columns as text."""

    code: str
    name_en: str
    name_zh: str
    fields: dict[str, str]

    def flag(self, field: str) -> bool:
        """Whether a 0/1 column is set."""
        return self.fields[field] == "1"


# The code table of every coded attribute, by kind of feature.
CODED: dict[str, dict[str, str]] = {
    "node": {
        "class_code": "utility_class",
        "feature_code": "feature",
        "appurtenance_code": "appurtenance",
        "valve_state_code": "valve_state",
        "operability_code": "operability",
        "lifecycle_code": "lifecycle",
    },
    "pipe_segment": {
        "class_code": "utility_class",
        "shape_code": "section_shape",
        "size_basis_code": "size_basis",
        "material_code": "material",
        "burial_code": "burial",
        "pressure_code": "pressure",
        "lifecycle_code": "lifecycle",
        "depth_datum_code": "depth_datum",
        "elevation_source_code": "elevation_source",
    },
    "consumer": {"class_code": "utility_class", "kind_code": "consumer_kind"},
    "structure": {"kind_code": "structure_kind"},
}


@cache
def code_table(name: str) -> dict[str, Code]:
    """The codes of one table by code, in the file's order."""
    text = (files("schemas") / "codes" / f"{name}.csv").read_text(encoding="utf-8")
    return {row["code"]: _code(row) for row in csv.DictReader(text.splitlines())}


@cache
def aliases(name: str) -> dict[str, str]:
    """Source words to code for one table: code, both names and every alias, case-folded."""
    words: dict[str, str] = {}
    for code in code_table(name).values():
        listed = code.fields.get("aliases", "").split("|")
        for word in (code.code, code.name_en, code.name_zh, *listed):
            if word:
                words.setdefault(word.strip().casefold(), code.code)
    return words


def codes_where(name: str, field: str, value: str) -> frozenset[str]:
    """The codes whose column `field` equals `value`, for example every closable appurtenance."""
    return frozenset(c.code for c in code_table(name).values() if c.fields[field] == value)


def limits(name: str) -> list[dict[str, str]]:
    """The rows of one table of limits (`clearance_horizontal`, `clearance_vertical`, `cover_depth`)."""
    text = (files("schemas") / "limits" / f"{name}.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def _code(row: dict[str, str]) -> Code:
    named = {"code", "name_en", "name_zh"}
    rest = {key: value for key, value in row.items() if key not in named}
    return Code(row["code"], row["name_en"], row["name_zh"], rest)
