"""A line that is drawn in three dimensions keeps the heights between its ends."""

import json
from pathlib import Path

import pytest
import shapely

from importers.delivery import read_delivery

EAST, NORTH = 492_000.0, 2_494_000.0


def layer(path: Path, *lines: list[tuple[float, float, float]]) -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"class_code": "water"},
            "geometry": {"type": "LineString", "coordinates": [(EAST + x, NORTH + y, z) for x, y, z in line]},
        }
        for line in lines
    ]
    crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "crs": crs, "features": features}), encoding="utf-8")
    return path


def test_heights_between_the_ends_are_those_drawn(tmp_path: Path) -> None:
    siphon = [(0.0, 0.0, 5.0), (10.0, 0.0, 2.0), (20.0, 0.0, 2.5), (30.0, 0.0, 4.0)]
    flat = [(0.0, 50.0, 0.0), (10.0, 50.0, 0.0)]
    delivery = read_delivery([layer(tmp_path / "lines.geojson", siphon, flat)], srid=4547)
    drawn, unknown = delivery.segments["geom"]
    assert shapely.get_coordinates(drawn, include_z=True)[:, 2].tolist() == pytest.approx([5, 2, 2.5, 4])
    assert not unknown.has_z
