"""Tables of codes and names beside the layers of a GeoPackage, as a project of QGIS looks values up in them."""

import re
import sqlite3
from contextlib import closing
from typing import Any

import pyogrio

from importers.layers.files import LayerFile

_MOST_ROWS, _MOST_COLUMNS, _MOST_VALUES = 1_000, 12, 10_000
_TABLES = "SELECT table_name FROM gpkg_contents WHERE data_type IN ('attributes', 'aspatial') AND table_name <> ?"
_COLUMNS = "SELECT name FROM pragma_table_info(?) ORDER BY pk, cid"
_KEYS = "SELECT name FROM pragma_table_info(?) ORDER BY pk = 0, cid LIMIT 2"
_DECLARED = 'SELECT "from", "table" FROM pragma_foreign_key_list(?)'
_WORDS = re.compile(r"[a-z]+|[^\W\d_a-z]+")
_BETWEEN_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
# What is said of a table or column of codes besides what they are of.
_BESIDE = frozenset(
    ("id", "fk", "cod", "code", "codigo", "ref", "dom", "domain", "lut", "lookup", "lkp", "list", "liste",
     "lista", "cat", "catalog", "catalogo", "tbl", "table", "tab", "val", "value", "values")
)  # fmt: skip


def listed_names(file: LayerFile, layer: str) -> dict[str, dict[str, str]]:
    """Names by codes of those columns of a layer that refer to a table of such.

    By a foreign key, by their name, or as the key or first column of one of the tables has that name.
    The values of a column are codes of its table, as far as they are looked at; 0 may be none.
    """
    found: dict[str, dict[str, str]] = {}
    with closing(sqlite3.connect(f"{file.place.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        tables = [name for (name,) in connection.execute(_TABLES, (layer,))]
        columns = [name for (name,) in connection.execute(_COLUMNS, (layer,))] if tables else []
        keys = {name: _keys(connection, name) for name in tables}
        declared = dict(connection.execute(_DECLARED, (layer,)).fetchall())
    for column in columns:
        of_name = [name for name in tables if _words(name) and _words(name) == _words(column)]
        of_name = of_name or [name for name in tables if _words(column) and column.casefold() in keys[name]]
        table = str(declared.get(column) or (of_name[0] if len(of_name) == 1 else ""))
        if table in tables and (names := _names(_cells(file, table), _values(file, layer, column))):
            found[column] = names
    return found


def _keys(connection: sqlite3.Connection, table: str) -> frozenset[str]:
    """The key of a table and its first column besides."""
    return frozenset(str(name).casefold() for (name,) in connection.execute(_KEYS, (table,)))


def _cells(file: LayerFile, table: str) -> list[list[Any]]:
    """The columns of a small table, its own key the last of them; none of a large one."""
    _, numbers, _, columns = pyogrio.raw.read(
        file.source, layer=table, read_geometry=False, return_fids=True, max_features=_MOST_ROWS + 1
    )
    return [list(cells) for cells in (*columns[:_MOST_COLUMNS], numbers)] if len(numbers) <= _MOST_ROWS else []


def _values(file: LayerFile, layer: str, column: str) -> set[str]:
    """The first values of a column; its own key has none."""
    meta, _, _, columns = pyogrio.raw.read(
        file.source, layer=layer, columns=[column], read_geometry=False, max_features=_MOST_VALUES
    )
    cells = columns[0] if len(meta["fields"]) else []
    return {_text(cell) for cell in cells if cell is not None and cell == cell} - {"0"}


def _names(columns: list[list[Any]], values: set[str]) -> dict[str, str] | None:
    """Names by the first column of codes that has all values; the table's own key is one where no other is."""
    names = next((column for column in columns if _are_names(column)), None)
    if names is None or not values:
        return None
    of_codes = [dict(zip(map(_text, codes), map(str, names), strict=True)) for codes in columns if codes is not names]
    unique = [of_code for of_code in of_codes if len(of_code) == len(names)]
    return next((of_code for of_code in unique[: max(len(unique) - 1, 1)] if values <= of_code.keys()), None)


def _are_names(cells: list[Any]) -> bool:
    return bool(cells) and all(isinstance(cell, str) and any(map(str.isalpha, cell)) for cell in cells)


def _words(name: str) -> frozenset[str]:
    """What a name is of: `material_id` and `dom_material` are of one."""
    return frozenset(_WORDS.findall(_BETWEEN_WORDS.sub(" ", name).casefold())) - _BESIDE


def _text(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
