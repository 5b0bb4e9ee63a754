"""Plan coordinates of a file that may come from a package, of any kind that packages or their copies have.

GDAL reads what it knows. Of texts and workbooks every two numbers that stand side by side are taken for a place, either
way round: what is no vertex of the map is left out by whoever holds them against it. The file is hostile: it is read in
a process of its own.
"""

import json
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pyogrio
import shapely
from pyarrow import ArrowException
from pyogrio import raw
from pyogrio.errors import DataLayerError, DataSourceError
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from pipemap.confined import confined
from pipemap.errors import SourceError
from pipemap.sharing.watermark import Floats

Found = tuple[Floats, int | None]

# How a file of each kind begins; None: as text.
_BEGINNINGS = {
    ".gpkg": b"SQLite format 3\0", ".shp": b"\x00\x00\x27\x0a", ".fgb": b"fgb", ".geojson": b"{", ".json": b"{",
    ".geojsonl": b"{", ".parquet": b"PAR1", ".xlsx": b"PK\x03\x04", ".ifc": b"ISO-10303-21", ".csv": None, ".dxf": None,
    ".inp": None, ".zip": b"PK\x03\x04", ".kml": b"<", ".gml": b"<", ".tab": b"!table", ".mif": None, ".txt": None,
}  # fmt: skip
_FOLDER = ".gdb"
# A file with this in it has GDAL open whatever else it names, our database too.
_REFERRING = (b"<OGRVRT", b"<VRTDataset", b"<GDAL_WMS")
_LOOKED_AT = 1 << 16
_MOST_FILES, _MOST_UNPACKED = 1_000, 1 << 30
_MOST_VERTICES = 500_000
_NUMBER = r"[-+]?\d+\.\d*(?:[eE][-+]?\d+)?"
_CELL = re.compile(rf"<v>({_NUMBER})</v>")
_POINT = re.compile(rf"IFCCARTESIANPOINT\(\(({_NUMBER}),({_NUMBER})")
_MOVED = re.compile(rf"IFCMAPCONVERSION\([^,]*,[^,]*,({_NUMBER}),({_NUMBER})")
_SRS_NAME = re.compile(r"""srsName=["'][^"']*EPSG[:/]+(?:[\d.]*[:/])?(\d+)["']""")
_WGS84 = 4326
_EPSG = re.compile(r"IFCPROJECTEDCRS\('EPSG:(\d+)'")


def read_vertices(path: Path) -> Found:
    """Plan coordinates of a file's vertices, as many as are looked at, and its EPSG code where it has one."""
    _check_kind(path)
    with closing(confined(path, lambda: _told(path))) as told:
        content, srid = next(told)
    return np.frombuffer(content).reshape(-1, 2), srid


def _told(path: Path) -> Iterator[tuple[bytes, int | None]]:
    xy, srid = _found(path)
    yield xy[np.isfinite(xy).all(axis=1)][:_MOST_VERTICES].tobytes(), srid


def _found(path: Path) -> Found:
    read = _READERS.get(path.suffix.lower(), _layers)
    try:
        return read(path)
    except (
        DataSourceError, DataLayerError, shapely.errors.ShapelyError, ProjError, ArrowException, zipfile.BadZipFile,
        ValueError, KeyError, TypeError, OSError,
    ) as error:  # fmt: skip
        raise SourceError(f"{path.name} cannot be read as {path.suffix}.") from error


def _package(path: Path) -> Found:
    """All that can be read of what lies in a package."""
    with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
        held = archive.infolist()
        if len(held) > _MOST_FILES or sum(one.file_size for one in held) > _MOST_UNPACKED:
            raise SourceError(f"{path.name} holds more than is looked at; give one of the files in it.")
        archive.extractall(folder)
        found = [told for part in sorted(Path(folder).rglob("*")) if (told := _part(part)) is not None]
    srid = next((srid for _, srid in found if srid is not None), None)
    return np.vstack([np.empty((0, 2)), *(xy for xy, _ in found)]), srid


def _part(path: Path) -> Found | None:
    if path.suffix.lower() == ".zip":
        return None
    try:
        _check_kind(path)
        return _found(path)
    except SourceError:
        return None


def _layers(path: Path) -> Found:
    """What GDAL reads of it."""
    layers = [raw.read(path, layer=name, columns=[]) for name, _ in pyogrio.list_layers(path)]
    found = [
        shapely.get_coordinates(shapely.from_wkb(geometry)) for _, _, geometry, _ in layers if geometry is not None
    ]
    srid = next((CRS(meta["crs"]).to_epsg() for meta, *_ in layers if meta["crs"]), None)
    return np.vstack([np.empty((0, 2)), *found]), srid


def _table(path: Path) -> Found:
    """A table of geometries, or one of coordinates."""
    xy, srid = _layers(path)
    return (xy, srid) if len(xy) else _text(path)


def _text(path: Path) -> Found:
    return _places(_content(path)), None


def _keyhole(path: Path) -> Found:
    return _places(_content(path)), _WGS84


def _geography(path: Path) -> Found:
    content = _content(path)
    name = _SRS_NAME.search(content)
    return _places(content), int(name[1]) if name else None


def _workbook(path: Path) -> Found:
    with zipfile.ZipFile(path) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/") and name.endswith(".xml")]
        found = [_side_by_side(_CELL.findall(archive.read(name).decode("utf-8", "replace"))) for name in sheets]
    return np.vstack([np.empty((0, 2)), *found]), None


def _parquet(path: Path) -> Found:
    file = pq.ParquetFile(path)
    geo = json.loads((file.schema_arrow.metadata or {})[b"geo"])
    name = geo["primary_column"]
    shapes = shapely.from_wkb(file.read([name], use_threads=False).column(name).to_numpy(zero_copy_only=False))
    crs = geo["columns"][name].get("crs")
    return shapely.get_coordinates(shapes), CRS.from_json_dict(crs).to_epsg() if crs else None


def _ifc(path: Path) -> Found:
    content = path.read_text(encoding="ascii", errors="replace")
    moved, epsg = _MOVED.search(content), _EPSG.search(content)
    origin = np.array(moved.groups() if moved else (0, 0), dtype=np.float64)
    xy = np.array(_POINT.findall(content), dtype=np.float64).reshape(-1, 2)
    return xy + origin, int(epsg[1]) if epsg else None


def _json(path: Path) -> Found:
    """CityJSON, or GeoJSON by another name."""
    document: dict[str, Any] = json.loads(path.read_bytes())
    if document.get("type") != "CityJSON":
        return _layers(path)
    steps = np.array(document["vertices"], dtype=np.float64).reshape(-1, 3)[:, :2]
    change = document["transform"]
    xy = steps * np.array(change["scale"][:2]) + np.array(change["translate"][:2])
    system = str(document.get("metadata", {}).get("referenceSystem", "")).rpartition("/")[2]
    flat = _places(json.dumps(document["CityObjects"]))
    return np.vstack([xy, flat]), int(system) if system.isdecimal() else None


def _content(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _places(content: str) -> Floats:
    """Where any numbers of a text may be, two beside each other."""
    return _side_by_side(re.findall(_NUMBER, content))


def _side_by_side(numbers: list[str]) -> Floats:
    """Every two neighbours as a place, either way round."""
    values = np.array(numbers, dtype=np.float64)
    pairs = np.column_stack([values[:-1], values[1:]]) if len(values) > 1 else np.empty((0, 2))
    return np.vstack([pairs, pairs[:, ::-1]])


_READERS: dict[str, Callable[[Path], Found]] = {
    ".csv": _table, ".inp": _text, ".xlsx": _workbook, ".parquet": _parquet, ".ifc": _ifc,
    ".json": _json, ".zip": _package, ".kml": _keyhole, ".gml": _geography, ".mif": _text, ".txt": _text,
}  # fmt: skip


def _check_kind(path: Path) -> None:
    """Refuse what is not the kind of file that it calls itself."""
    kind = path.suffix.lower()
    if kind == _FOLDER and path.is_dir():
        return
    if kind not in _BEGINNINGS:
        raise SourceError(f"{path.name}: files of these kinds can be told: {', '.join([*_BEGINNINGS, _FOLDER])}.")
    try:
        with path.open("rb") as file:
            head = file.read(_LOOKED_AT)
    except OSError as error:
        raise SourceError(f"{path.name}: {error.strerror}.") from error
    if not head.lstrip().startswith(_BEGINNINGS[kind] or b"") or any(mark in head for mark in _REFERRING):
        raise SourceError(f"{path.name} is not a {kind} file.")
