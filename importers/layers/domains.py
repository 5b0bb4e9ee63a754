"""Coded values: what the numbers and letters in a column stand for, where the file itself says it."""

import sqlite3
from collections import defaultdict
from collections.abc import Mapping
from contextlib import closing
from xml.etree import ElementTree

import pyogrio

from importers.layers.code_lists import listed_names
from importers.layers.files import LayerFile

# Column to code to name.
Domains = Mapping[str, Mapping[str, str]]

_GDB_CATALOG = "GDB_Items"
_MOST_VALUES = 100_000
_GPKG_TABLES = ("gpkg_data_columns", "gpkg_data_column_constraints")
_GPKG_CODES = """
SELECT columns.column_name, codes.value, codes.description
FROM gpkg_data_columns AS columns JOIN gpkg_data_column_constraints AS codes USING (constraint_name)
WHERE columns.table_name = ? AND codes.constraint_type = 'enum' AND codes.description > ''
LIMIT ?
"""


def coded_values(file: LayerFile, layer: str) -> Domains:
    """The domains of a layer's columns, of a file geodatabase or a GeoPackage, or what tables beside it list instead.

    None where they cannot be read.
    """
    try:
        if file.driver == "OpenFileGDB":
            return _of_geodatabase(file, layer)
        return {**listed_names(file, layer), **_of_geopackage(file, layer)} if file.driver == "GPKG" else {}
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, sqlite3.Error, ValueError, RuntimeError):
        return {}


def _of_geodatabase(file: LayerFile, layer: str) -> Domains:
    columns = ["Name", "Definition"]
    _, _, _, cells = pyogrio.raw.read(
        file.source, layer=_GDB_CATALOG, columns=columns, read_geometry=False, LIST_ALL_TABLES="YES"
    )
    texts = [text for text in cells[columns.index("Definition")] if isinstance(text, str) and "<!DOCTYPE" not in text]
    items = [ElementTree.fromstring(text) for text in texts if "CodedValue" in text or "DomainName" in text]
    domains = {item.findtext("DomainName"): _codes(item) for item in items if item.find("CodedValues") is not None}
    return {
        field.findtext("Name", ""): domains[name]
        for item in items
        if item.findtext("Name") == layer
        for field in item.iter("GPFieldInfoEx")
        if (name := field.findtext("DomainName")) in domains
    }


def _codes(domain: ElementTree.Element) -> dict[str, str]:
    pairs = ((value.findtext("Code", ""), value.findtext("Name", "")) for value in domain.iter("CodedValue"))
    return {code: name for code, name in pairs if name}


def _of_geopackage(file: LayerFile, layer: str) -> Domains:
    found: dict[str, dict[str, str]] = defaultdict(dict)
    with closing(sqlite3.connect(f"{file.place.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN (?, ?)"
        if connection.execute(query, _GPKG_TABLES).fetchone()[0] == len(_GPKG_TABLES):
            for column, code, name in connection.execute(_GPKG_CODES, (layer, _MOST_VALUES)):
                found[str(column)][str(code)] = str(name)
    return found
