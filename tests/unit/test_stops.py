"""Drawn lines that run through points: a pipe from each point to the next, with nothing made up between them."""

import math
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest
import shapely

from importers.delivery import read_delivery
from importers.normalising.stops import RULE
from schemas.delivery import Delivery

EAST, NORTH = 500_000.0, 2_490_000.0


def at(x: float, y: float, *z: float) -> tuple[float, ...]:
    return (EAST + x, NORTH + y, *z)


def deliver(folder: Path, points: dict[str, list[Any]], line: list[tuple[float, ...]], **said: Any) -> Delivery:
    places = [shapely.Point(at(*place)) for place in points.pop("at")]
    for name, frame in {
        "管点": gpd.GeoDataFrame(points, geometry=places, crs="EPSG:4547"),
        "管线": gpd.GeoDataFrame(
            {"管径": [200], "管类": ["JS"]} | {name: [value] for name, value in said.items()},
            geometry=[shapely.LineString([at(*place) for place in line])],
            crs="EPSG:4547",
        ),
    }.items():
        frame.to_file(folder / "a.gpkg", layer=name)
    return read_delivery([folder / "a.gpkg"], srid=4547)


def points(*classes: str) -> dict[str, list[Any]]:
    # J2 is a vertex of the line, J3 lies beside it within the tolerance, J4 off it.
    return {
        "点号": ["J1", "J2", "J3", "J4", "J5"],
        "管类": list(classes or ["JS"] * 5),
        "at": [(0, 0), (10, 0), (15, 0.03), (17, 0.2), (20, 0)],
    }


LINE = [(0.0, 0.0), (10.0, 0.0), (20.0, 0.0)]


def test_a_line_through_points_of_its_class_is_a_pipe_from_each_to_the_next(tmp_path: Path) -> None:
    delivery = deliver(tmp_path, points(), LINE)
    pipes = delivery.segments
    assert list(zip(pipes["from_key"], pipes["to_key"], strict=True)) == [("J1", "J2"), ("J2", "J3"), ("J3", "J5")]
    assert set(pipes["width_mm"]) == {200.0}
    assert set(pipes["source_row"]) == {1}
    told = [finding for finding in delivery.findings if finding.rule == RULE]
    assert [(finding.sheet, finding.details["rows"]) for finding in told] == [("管线", 1)]
    counts = [(count.rows, count.loaded) for count in delivery.counts if count.sheet == "管线"]
    assert counts == [(1, 1)]


@pytest.mark.parametrize("named", [{}, {"起点点号": "J1", "终点点号": "J5"}], ids=["of-gas", "named-ends"])
def test_a_line_passes_points_of_another_class_and_those_it_does_not_name(
    tmp_path: Path, named: dict[str, str]
) -> None:
    classes = ("JS", "JS", "JS", "JS", "JS") if named else ("JS", "RQ", "RQ", "RQ", "JS")
    delivery = deliver(tmp_path, points(*classes), LINE, **named)
    assert [(pipe.from_key, pipe.to_key) for pipe in delivery.segments.itertuples()] == [("J1", "J5")]


def test_a_line_stays_whole_where_other_lines_of_its_class_name_their_points(tmp_path: Path) -> None:
    deliver(tmp_path, points(), [(17.0, 0.2), (20.0, 0.0)], 起点点号="J4", 终点点号="J5")
    branch = gpd.GeoDataFrame({"管类": ["JS"]}, geometry=[shapely.LineString([at(*p) for p in LINE])], crs="EPSG:4547")
    branch.to_file(tmp_path / "b.gpkg", layer="支管管线")
    pipes = read_delivery([tmp_path / "a.gpkg", tmp_path / "b.gpkg"], srid=4547).segments
    assert set(zip(pipes["from_key"], pipes["to_key"], strict=True)) == {("J4", "J5"), ("J1", "J5")}


def test_heights_of_a_line_that_comes_apart_stay_where_they_were_told(tmp_path: Path) -> None:
    ends = {"起点管底高程": 8.0, "终点管底高程": 7.0}
    pipes = deliver(tmp_path, points(), LINE, **ends).segments
    assert pipes["from_elevation_m"].tolist()[0] == 8.0
    assert pipes["to_elevation_m"].tolist()[-1] == 7.0
    between = [*pipes["from_elevation_m"].tolist()[1:], *pipes["to_elevation_m"].tolist()[:-1]]
    assert all(math.isnan(height) for height in between)


def test_one_depth_of_a_line_and_its_drawn_heights_hold_for_each_pipe(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    deep = deliver(tmp_path, points(), LINE, 埋深=1.2).segments
    assert set(deep["from_depth_m"]) | set(deep["to_depth_m"]) == {1.2}
    raised = deliver(tmp_path / "b", points(), [(0, 0, 8), (10, 0, 7), (20, 0, 6)]).segments
    ends = [[z for _, _, z in pipe.coords] for pipe in raised["geom"]]
    assert ends == [[8.0, 7.0], [7.0, 6.5], [6.5, 6.0]]
