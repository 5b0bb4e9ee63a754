"""SQLite databases: GeoPackage, SpatiaLite and plain ones, of which every table holds its rows itself.

A virtual table can be a file of the machine that opens the database, and a view can read it: the reader may read files.
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from importers.layers.files import LayerFile, head
from importers.refusing import refusal

_MAGIC = b"SQLite format 3\x00"
_GEOPACKAGE_IDS = (b"GPKG", b"GP10", b"GP11")
# Indexes, whose content lies in other tables of the same database.
_INDEXES = frozenset(
    {"rtree", "rtree_i32", "geopoly", "fts3", "fts4", "fts5"}
    | {"virtualspatialindex", "virtualelementary", "virtualknn", "virtualknn2"}
)
_LAYERS = "SELECT table_name FROM gpkg_geometry_columns"
_VIEWS = "SELECT name, sql FROM sqlite_master WHERE type = 'view'"
_VIRTUAL = re.compile(
    r"""CREATE\s+VIRTUAL\s+TABLE\s+(?:"([^"]+)"|'([^']+)'|\[([^\]]+)\]|`([^`]+)`|(\w+))\s+USING\s+(\w+)""",
    re.IGNORECASE,
)
# Where a damaged schema is no text, neither are SQLite's words about it.
_FAULTS = (sqlite3.Error, UnicodeDecodeError)
# What lies in a journal beside the file counts where it can be read; GDAL takes the file alone where it cannot.
_WITHOUT_JOURNAL, _WITH_JOURNAL = "mode=ro&immutable=1", "mode=ro"


def is_database(path: Path) -> bool:
    """Whether the file begins like an SQLite database."""
    return head(path, len(_MAGIC)) == _MAGIC


def geopackage(path: Path, _scratch: Path, _encoding: str | None) -> LayerFile:
    """A GeoPackage, by the mark that its standard demands."""
    if not is_database(path):
        raise refusal(path, "is not a GeoPackage, whatever its name says", "不是 GeoPackage 文件")
    if not _is_geopackage(path):
        raise refusal(path, "is an SQLite database but not a GeoPackage", "是 SQLite 数据库，但不是 GeoPackage")
    _demand_own_tables(path)
    return LayerFile(path, "GPKG", path, repeats_layers=_views(path))


def database(path: Path, _scratch: Path, _encoding: str | None) -> LayerFile:
    """A database with the tables of SpatiaLite, of FDO or with none that tell of geometry; a GeoPackage as such."""
    if not is_database(path):
        raise refusal(path, "is not an SQLite database, whatever its name says", "不是 SQLite 数据库")
    _demand_own_tables(path)
    is_geopackage = _is_geopackage(path)
    return LayerFile(path, "GPKG" if is_geopackage else "SQLite", path, repeats_layers=_views(path))


def _is_geopackage(path: Path) -> bool:
    return head(path, 72)[68:] in _GEOPACKAGE_IDS


def _views(path: Path) -> dict[str, str]:
    """Views of layers, and the layer that each draws its rows from; none where the layers are not told."""
    with (
        suppress(*_FAULTS),
        closing(sqlite3.connect(f"{path.resolve().as_uri()}?{_WITHOUT_JOURNAL}", uri=True)) as connection,
    ):
        layers = {str(name) for (name,) in connection.execute(_LAYERS)}
        views = {str(name): str(sql) for name, sql in connection.execute(_VIEWS)}
        tables = layers - views.keys()
        drawn_from = {
            view: sorted(
                table for table in tables if re.search(rf"(?<!\w){re.escape(table)}(?!\w)", sql, re.IGNORECASE)
            )
            for view, sql in views.items()
            if view in layers
        }
        return {view: of[0] for view, of in drawn_from.items() if of}
    return {}


def _demand_own_tables(path: Path) -> None:
    try:
        foreign = sorted(_foreign_tables(path, _WITHOUT_JOURNAL))
    except _FAULTS as error:
        words = str(error) if isinstance(error, sqlite3.Error) else "its schema is no text"
        raise refusal(path, f"is damaged: {words}; ask for it again", "已损坏，请重新提供") from error
    with suppress(*_FAULTS):
        foreign = foreign or sorted(_foreign_tables(path, _WITH_JOURNAL))
    if foreign:
        raise refusal(
            path,
            f"holds a table that is read from elsewhere, “{foreign[0]}”; copy its rows into a table of their own",
            f"含有从其他文件读取的虚拟表“{foreign[0]}”，请改为普通表",
        )


def _foreign_tables(path: Path, how: str) -> Iterator[str]:
    """The virtual tables that are no indexes, by what SQLite itself makes of the schema."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?{how}", uri=True)) as connection:
        virtual = connection.execute("SELECT name FROM pragma_table_list WHERE type = 'virtual'").fetchall()
        said = [_VIRTUAL.match(str(sql)) for (sql,) in connection.execute("SELECT sql FROM sqlite_master")]
    indexes = {next(filter(None, made.groups())) for made in said if made and made[6].casefold() in _INDEXES}
    yield from (name for (name,) in virtual if name not in indexes)
