"""CityJSON 2.0: every feature a GenericCityObject, coordinates in whole millimetres, heights only where known."""

from typing import Any

import orjson
import shapely

from importers.writers.network import Piece, PipeNetwork, Point, attributes, local_origin, read_network
from pipemap.sharing.layers import Content

_STEP_M = 0.001
_CRS = "https://www.opengis.net/def/crs/EPSG/0/{}"


def write_cityjson(content: Content) -> None:
    """Write one file; what is of unknown height has no geometry but its plan as WKT among the attributes."""
    network = read_network(content, "CityJSON")
    vertices = _Vertices(network)
    objects = {f"node-{point.feature_id}": _point_object(point, vertices) for point in network.points}
    objects |= _segment_objects(network, vertices)
    title = f"{content.project.name}, version {content.version}"
    metadata = {"title": title} | ({"referenceSystem": _CRS.format(content.srid)} if content.srid else {})
    document = {
        "type": "CityJSON",
        "version": "2.0",
        "metadata": metadata,
        "transform": {"scale": [_STEP_M] * 3, "translate": [*vertices.origin, 0.0]},
        "CityObjects": objects,
        "vertices": vertices.found,
    }
    (content.folder / "pipemap.city.json").write_bytes(orjson.dumps(document))


class _Vertices:
    """The places of a file, each once, in steps from a local origin."""

    def __init__(self, network: PipeNetwork) -> None:
        self.origin = local_origin(network)
        self.found: list[tuple[int, int, int]] = []
        self._places: dict[tuple[int, int, int], int] = {}

    def place(self, x: float, y: float, z: float) -> int:
        """The number of a place."""
        steps = tuple(
            round((value - start) / _STEP_M) for value, start in zip((x, y, z), (*self.origin, 0), strict=True)
        )
        if steps not in self._places:
            self._places[steps] = len(self.found)  # type: ignore[index]
            self.found.append(steps)  # type: ignore[arg-type]
        return self._places[steps]  # type: ignore[index]


def _point_object(point: Point, vertices: _Vertices) -> dict[str, Any]:
    told = attributes(point.row)
    if point.z_m is None:
        return _object(told | {"plan_wkt": f"POINT ({point.x_m:.4f} {point.y_m:.4f})"}, [])
    place = vertices.place(point.x_m, point.y_m, point.z_m)
    return _object(told, [{"type": "MultiPoint", "lod": "1", "boundaries": [place]}])


def _segment_objects(network: PipeNetwork, vertices: _Vertices) -> dict[str, Any]:
    """Pieces of one segment are one object."""
    objects: dict[str, Any] = {}
    for piece in network.pieces:
        found = objects.setdefault(f"pipe_segment-{piece.feature_id}", _object(attributes(piece.row), []))
        if not piece.has_height:
            plans = [found["attributes"].pop("plan_wkt", None), shapely.to_wkt(shapely.LineString(piece.axis))]
            found["attributes"]["plan_wkt"] = "; ".join(plan for plan in plans if plan)
        elif found["geometry"]:
            found["geometry"][0]["boundaries"].append(_line(piece, vertices))
        else:
            found["geometry"].append({"type": "MultiLineString", "lod": "1", "boundaries": [_line(piece, vertices)]})
    return objects


def _line(piece: Piece, vertices: _Vertices) -> list[int]:
    return [vertices.place(x, y, z) for x, y, z in piece.axis.tolist()]


def _object(told: dict[str, Any], geometry: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "GenericCityObject", "attributes": told, "geometry": geometry}
