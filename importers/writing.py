"""A dataset as point and line tables in the layout of a profile: the inverse of reading them.

Heights are written as they were surveyed, with the datum they refer to, so that reading the tables again gives
the same axes. A table has no place for the bends of a line nor for structures: both are counted.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell

from importers.profiles import Profile, plain
from pipemap.datasets import DatasetContent
from pipemap.formulas import begins_formula

Row = Mapping[str, Any]

# Names the key in tables of any role, so it does not tell which role a table plays.
_EVERY_KEY = "source_key"

_NODE_NUMBERS = ("ground_elevation_m", "well_depth_m", "horizontal_accuracy_m", "vertical_accuracy_m")
_SIZES = ("width_mm", "height_mm", "nominal_mm", "inner_width_mm", "inner_height_mm")
_SEGMENT_NUMBERS = (
    "hole_count", "used_hole_count", "cable_count", "from_depth_m", "to_depth_m", "from_elevation_m",
    "to_elevation_m", "horizontal_accuracy_m", "vertical_accuracy_m",
)  # fmt: skip


@dataclass(frozen=True)
class Sheet:
    """A table to write: its name, its header and its rows of texts, numbers and None."""

    name: str
    header: list[str]
    rows: list[list[Any]]


def sheets_of(content: DatasetContent, profile: Profile) -> list[Sheet]:
    """The tables of a dataset, without columns that hold nothing."""
    words = _Words(profile)
    parts = (
        ("points", "node", content.nodes, _node_cells(words)),
        ("lines", "segment", content.segments, _segment_cells(words)),
        ("consumers", "consumer", content.consumers, _consumer_cells(words)),
    )
    return [_sheet(profile, *part) for part in parts if part[2]]


def write_workbook(sheets: Iterable[Sheet], path: Path) -> None:
    """Write an xlsx file; every text is a text, never a formula."""
    book = Workbook(write_only=True)
    for sheet in sheets:
        page = book.create_sheet(sheet.name)
        for row in (sheet.header, *sheet.rows):
            page.append([_cell(page, value) for value in row])
    book.save(path)


def write_texts(sheets: Iterable[Sheet], folder: Path, stem: str, encoding: str) -> list[Path]:
    """Write one csv file per table.

    Raises
    ------
    UnicodeEncodeError
        When a text cannot be written in the encoding.
    """
    written = []
    for sheet in sheets:
        path = folder / f"{stem}_{sheet.name}.csv"
        with path.open("w", newline="", encoding=encoding) as file:
            csv.writer(file).writerows([sheet.header, *([_text(value) for value in row] for row in sheet.rows)])
        written.append(path)
    return written


class _Words:
    """Codes as the words of a profile, and numbers in its units."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self._known: dict[str, dict[str, str]] = {}

    def word(self, table: str, code: str | None) -> str | None:
        """A word that the profile reads as the code."""
        if code is None:
            return None
        if table not in self._known:
            pairs = self.profile.class_words() if table == "utility_class" else self.profile.code_words(table)
            self._known[table] = {}
            for word, meaning in pairs.items():
                if not word.endswith("*"):
                    self._known[table].setdefault(meaning, word)
        return self._known[table].get(code, code)


_Cells = dict[str, Callable[[Row], Any]]


def _node_cells(words: _Words) -> _Cells:
    return {
        "key": lambda row: row["source_key"],
        **_shared_cells(words),
        **_place_cells(words.profile),
        **{name: _of(name) for name in _NODE_NUMBERS},
        "feature": lambda row: words.word("feature", row["feature_code"]),
        "appurtenance": lambda row: words.word("appurtenance", row["appurtenance_code"]),
        "valve_state": lambda row: words.word("valve_state", row["valve_state_code"]),
        "operability": lambda row: words.word("operability", row["operability_code"]),
        "name": _of("name"),
        "address": _of("address"),
        **_life_cells(words),
    }


def _segment_cells(words: _Words) -> _Cells:
    return {
        "from_key": _of("from_key"),
        "to_key": _of("to_key"),
        **_shared_cells(words),
        "section": _of("section_text"),
        **{name: _size(name) for name in _SIZES},
        "casing_mm": _of("casing_mm"),
        "material": lambda row: words.word("material", row["material_code"]),
        "burial": lambda row: words.word("burial", row["burial_code"]),
        "pressure": _of("pressure_mpa"),
        "pressure_or_voltage": lambda row: words.word("pressure", row["pressure_code"]),
        "voltage": _of("voltage_kv"),
        "flow_direction": lambda row: words.word("flow_direction", row["flow_direction_code"]),
        "circuit": _of("circuit"),
        "container_key": _of("container_key"),
        **{name: _of(name) for name in _SEGMENT_NUMBERS},
        "depth_datum": lambda row: words.word("depth_datum", row["depth_datum_code"]),
        **_life_cells(words),
    }


def _consumer_cells(words: _Words) -> _Cells:
    return {
        "key": lambda row: row["source_key"],
        **_shared_cells(words),
        **_place_cells(words.profile),
        "node_key": _of("node_key"),
        "kind": lambda row: words.word("consumer_kind", row["kind_code"]),
        "name": _of("name"),
        "address": _of("address"),
        "people": _of("people"),
        "demand_m3_per_d": _of("demand_m3_per_d"),
    }


def _shared_cells(words: _Words) -> _Cells:
    return {"class": lambda row: words.word("utility_class", row["class_code"])}


def _place_cells(profile: Profile) -> _Cells:
    first, second = ("x_m", "y_m") if profile.axis == "x_is_easting" else ("y_m", "x_m")
    return {"x": _of(first), "y": _of(second)}


def _life_cells(words: _Words) -> _Cells:
    return {
        "owner": _of("owner"),
        "lifecycle": lambda row: words.word("lifecycle", row["lifecycle_code"]),
        "installed_on": _of("installed_on"),
    }


def _of(name: str) -> Callable[[Row], Any]:
    return lambda row: row[name]


def _size(name: str) -> Callable[[Row], Any]:
    """A size that no text of the section tells."""
    return lambda row: None if row["section_text"] else row[name]


def _sheet(profile: Profile, name: str, role: str, rows: Sequence[Row], cells: _Cells) -> Sheet:
    columns = {attribute: [_plain(cell(row)) for row in rows] for attribute, cell in cells.items()}
    columns = {attribute: values for attribute, values in columns.items() if any(v is not None for v in values)}
    headers = _headers(profile, role, columns)
    for attribute, header in headers.items():
        factor = profile.factor(attribute, header)
        if factor != 1.0:
            columns[attribute] = [value / factor if isinstance(value, float) else value for value in columns[attribute]]
        columns[attribute] = _with_unread(columns[attribute], header, rows)
    extra = dict(_extra_columns(rows, profile, role, headers.values()))
    return Sheet(
        name, [*headers.values(), *extra], [list(row) for row in zip(*columns.values(), *extra.values(), strict=True)]
    )


def _with_unread(values: list[Any], header: str, rows: Sequence[Row]) -> list[Any]:
    """Cells that could not be understood when they were read stand again as they stood."""
    kept = ((row["extra"] or {}).get(header) for row in rows)
    return [text if value is None else value for value, text in zip(values, kept, strict=True)]


def _headers(profile: Profile, role: str, attributes: Iterable[str]) -> dict[str, str]:
    """The name of each attribute that the profile reads as it: the first in its list, else the attribute's own."""
    wanted = {
        attribute: [name for name in (*profile.names(role, attribute)[1:], attribute) if name != _EVERY_KEY]
        for attribute in attributes
    }
    headers = {attribute: names[0] for attribute, names in wanted.items()}
    taken = {column: attribute for attribute, column in profile.mapping(role, headers.values()).items()}
    return {a: header if taken.get(header) == a else a for a, header in headers.items()}


def _extra_columns(
    rows: Sequence[Row], profile: Profile, role: str, headers: Iterable[str]
) -> Iterator[tuple[str, list[Any]]]:
    """The source columns that no attribute took; a name that the profile takes for an attribute is left out."""
    names = dict.fromkeys(name for row in rows for name in row["extra"] or ())
    known = {plain(header) for header in headers}
    for name in names:
        if plain(name) not in known and not profile.mapping(role, [name]):
            yield name, [(row["extra"] or {}).get(name) for row in rows]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _text(value: Any) -> Any:
    # After a blank no spreadsheet runs it, and readers strip the blank.
    return f" {value}" if begins_formula(value) else value


def _cell(page: Any, value: Any) -> Any:
    cell = WriteOnlyCell(page, value=value)
    if isinstance(value, str):
        cell.data_type = "s"
    return cell
