"""What GDAL makes of DWG and DGN drawings, put back into a DXF: shapes, layers and texts, no blocks."""

from pathlib import Path
from typing import Any

import fiona
from ezdxf.filemanagement import new

_DWG_TEXTS = ("CADText", "CADMText")
_DGN_TEXT, _DGN_LAYER = 17, "elements"


def write_dxf(layers: Path, target: Path, driver: str | None = None) -> None:
    """Write the layers of a file that GDAL converted a drawing to, or those of a drawing in DGN, as one drawing.

    `driver` pins that of a delivered drawing; to list its layers GDAL would choose one by the content.

    Raises
    ------
    fiona.errors.FionaError
        When the file cannot be read.
    """
    drawing = new("R2010", units=0)
    space = drawing.modelspace()
    for name in fiona.listlayers(layers) if driver is None else [_DGN_LAYER]:
        with fiona.open(layers, layer=name, driver=driver) as features:
            for feature in features:
                if feature.geometry is not None:
                    _add(space, _layer(name, feature.properties), feature)
    drawing.saveas(target)


def _layer(name: str, properties: Any) -> str:
    """A DGN drawing has its layers as levels, by number."""
    level = properties.get("Level")
    return name if level is None else f"Level {level}"


def _add(space: Any, layer: str, feature: Any) -> None:
    properties, attributes = feature.properties, {"layer": layer}
    is_text = properties.get("cadgeom_type") in _DWG_TEXTS or properties.get("Type") == _DGN_TEXT
    for shape, places in _parts(feature.geometry):
        if is_text:
            said = properties.get("text") or properties.get("Text") or ""
            space.add_text(said, height=1, dxfattribs=attributes | {"insert": places[0]})
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
