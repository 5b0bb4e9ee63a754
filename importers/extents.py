"""The area that a delivery declares to be complete for: a polygon as text, or from a layer file."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from importers.base import RecordTable
from importers.passing import read_confined
from pipemap.errors import SourceError, UsageError


def read_extent(text: str, srid: int) -> BaseGeometry:
    """A polygon in the project CRS, from WKT in that CRS or from the polygons of a layer file.

    Raises
    ------
    UsageError
        When the text is neither WKT of a polygon nor the name of a file.
    SourceError
        When the file has no polygon, or cannot be read.
    """
    area = _from_file(Path(text), srid) if Path(text).is_file() else _from_text(text)
    if area.geom_type not in ("Polygon", "MultiPolygon") or area.is_empty or not area.is_valid:
        raise UsageError("The extent of a delivery must be a valid polygon.", message_zh="成果范围必须是有效的多边形。")
    return area


def _from_text(text: str) -> BaseGeometry:
    try:
        return shapely.from_wkt(text)
    except shapely.errors.GEOSException as error:
        raise UsageError(
            f"{text[:60]} is neither a polygon as WKT nor a file.",
            message_zh=f"{text[:60]} 既不是 WKT 多边形，也不是文件。",
        ) from error


def _from_file(path: Path, srid: int) -> BaseGeometry:
    # Imported here: slow to load, and an import without such a file does without.
    from importers.gis import GisReader

    tables = [table for table in read_confined(GisReader(), path, {}) if table.geometry is not None]
    if not tables or any(table.crs is None for table in tables):
        raise SourceError(
            f"{path.name} has no polygon, or does not say its coordinate system; deliver it with one.",
            message_zh=f"{path.name} 没有多边形，或未说明坐标系，请补充。",
        )
    return shapely.union_all(np.concatenate([_moved(table, srid) for table in tables]))


def _moved(table: RecordTable, srid: int) -> npt.NDArray[np.object_]:
    transform = Transformer.from_crs(table.crs, srid, always_xy=True).transform
    moved: npt.NDArray[np.object_] = shapely.transform(table.geometry, transform, interleaved=False)
    return moved
