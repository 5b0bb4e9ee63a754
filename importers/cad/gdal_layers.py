"""What GDAL's CAD driver makes of a DWG drawing, put back into a DXF: shapes, layers and texts, no blocks."""

from pathlib import Path
from typing import Any

import fiona
from ezdxf.filemanagement import new

_TEXTS = ("CADText", "CADMText")


def write_dxf(layers: Path, target: Path) -> None:
    """Write the layers of a GeoPackage that the driver was converted to as one drawing.

    Raises
    ------
    fiona.errors.FionaError
        When the file cannot be read.
    """
    drawing = new("R2010", units=0)
    space = drawing.modelspace()
    for name in fiona.listlayers(layers):
        with fiona.open(layers, layer=name) as features:
            for feature in features:
                if feature.geometry is not None:
                    _add(space, name, feature)
    drawing.saveas(target)


def _add(space: Any, layer: str, feature: Any) -> None:
    kind, attributes = feature.properties.get("cadgeom_type"), {"layer": layer}
    for shape, places in _parts(feature.geometry):
        if kind in _TEXTS:
            space.add_text(
                feature.properties.get("text") or "", height=1, dxfattribs=attributes | {"insert": places[0]}
            )
        elif shape == "Point":
            space.add_point(places[0], attributes)
        else:
            space.add_polyline3d([(*place, 0.0)[:3] for place in places], dxfattribs=attributes)


def _parts(geometry: Any) -> list[tuple[str, list[Any]]]:
    """Points and lines of a geometry, rings of polygons among them."""
    if geometry.type == "GeometryCollection":
        return [part for inner in geometry.geometries for part in _parts(inner)]
    if geometry.type == "Point":
        return [("Point", [geometry.coordinates])]
    if geometry.type == "LineString":
        return [("LineString", list(geometry.coordinates))]
    if geometry.type in ("MultiLineString", "Polygon"):
        return [("LineString", list(part)) for part in geometry.coordinates]
    return []
