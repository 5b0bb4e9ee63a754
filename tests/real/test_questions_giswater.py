"""Sections, statistics and the city-wide run on a real water and a real sewer network, against the files' own lines."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyogrio
import pytest
import shapely

from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.running import run_city
from pipemap.clearance.stored import stored_conflicts, stored_run
from pipemap.db import Database
from pipemap.ingest import create_import
from pipemap.lookup import corridor, near, nearest
from pipemap.publishing import publish
from pipemap.sections.cross import cross_section
from pipemap.statistics.counting import statistics

IN_USE = (
    "SELECT feature_id FROM pipemap.pipe_segment WHERE coalesce(lifecycle_code, 'unknown') IN ('in_service', 'unknown')"
)
Lines = npt.NDArray[Any]


@pytest.fixture(params=["ws", "ud"])
def network(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def arcs(network: str, shared_data: Path) -> Lines:
    """The lines of the file in plan, in its own CRS, which is the project's."""
    path = shared_data / "giswater-samples" / f"{network}_network.gpkg"
    layers = {"ws": ["ws_arc"], "ud": ["ud_arc", "ud_link"]}[network]
    wkb = np.concatenate([pyogrio.raw.read(path, layer=layer, columns=[])[2] for layer in layers])
    return np.asarray(shapely.force_2d(shapely.from_wkb(wkb)))


@pytest.fixture
def giswater(database: Database, shared_data: Path, network: str) -> Database:
    with database.transaction() as connection:
        connection.execute("UPDATE pipemap.project SET srid = 25831")
    delivery = read_delivery([shared_data / "giswater-samples" / f"{network}_network.gpkg"], srid=25831)
    changeset = create_import(database, delivery, title="giswater", author="test")
    errors = {rule for rule, severity in run_checks(database, changeset) if severity == "error"}
    publish(database, changeset, message="m", author="test", waivers=dict.fromkeys(errors, "a sample"))
    return database


def test_lengths_and_numbers_are_those_of_the_file(giswater: Database, arcs: Lines) -> None:
    with giswater.transaction(read_only=True) as connection:
        counted = statistics(connection, with_out_of_use=True)
    plan_m = float(shapely.length(arcs).sum())
    assert sum(group.segments for group in counted.groups) == len(arcs)
    # A pipe that falls is a little longer than its line in plan.
    assert plan_m - 1e-3 <= sum(group.length_m for group in counted.groups) <= 1.01 * plan_m


def test_what_is_near_nearest_and_along_is_what_brute_force_finds_among_the_files_lines(
    giswater: Database, arcs: Lines
) -> None:
    random, (west, south, east, north) = np.random.default_rng(9), shapely.total_bounds(arcs)
    n_found = 0
    with giswater.transaction(read_only=True) as connection:
        for _ in range(12):
            (x, y), other = random.uniform([west, south], [east, north], (2, 2)).tolist()
            apart_m = np.sort(shapely.distance(shapely.Point(x, y), arcs))
            found = near(connection, x, y, None, 60.0, limit=9_999).as_dicts()
            first = nearest(connection, x, y, None, 7).as_dicts()
            beside_m = np.sort(shapely.distance(shapely.LineString([(x, y), other]), arcs))
            along = corridor(connection, [(x, y), (other[0], other[1])], 15.0, limit=9_999).as_dicts()
            for rows, expected in (
                (found, apart_m[apart_m <= 60.0]), (first, apart_m[:7]), (along, beside_m[beside_m <= 15.0])
            ):  # fmt: skip
                assert np.allclose(sorted(row["properties"]["distance_m"] for row in rows), expected, atol=2e-3)
            n_found += len(found) + len(along)
    assert n_found > 50


@pytest.mark.parametrize("by", ["class_code", "owner", "material_code", "lifecycle_code", "decade"])
def test_quantities_add_up_whatever_they_are_counted_by(giswater: Database, arcs: Lines, by: str) -> None:
    with giswater.transaction(read_only=True) as connection:
        counted = statistics(connection, [by], with_out_of_use=True)
        in_use = statistics(connection, [by])
        rows = connection.execute(IN_USE).fetchall()
    (total,) = counted.total
    assert sum(group.segments for group in counted.groups) == total.segments == len(arcs)
    assert sum(group.length_m for group in counted.groups) == pytest.approx(total.length_m)
    for group in counted.groups:
        for lengths in (group.length_m_by_decade, group.length_m_by_material, group.length_m_by_depth):
            assert sum(lengths.values()) == pytest.approx(group.length_m), "what is not known stands under unknown"
    assert sum(group.segments for group in in_use.groups) == len(rows)


def test_a_section_cuts_the_files_own_lines_where_they_cross(giswater: Database, arcs: Lines) -> None:
    random, (west, south, east, north) = np.random.default_rng(7), shapely.total_bounds(arcs)
    n_cuts = 0
    with giswater.transaction(read_only=True) as connection:
        for _ in range(20):
            ends = random.uniform([west, south], [east, north], (2, 2))
            drawn = shapely.LineString(ends)
            section = cross_section(connection, [(float(x), float(y)) for x, y in ends])
            crossed = shapely.get_parts(shapely.intersection(drawn, arcs))
            expected = sorted(drawn.project(point) for point in crossed if not point.is_empty)
            assert np.allclose([cut.station_m for cut in section.cuts], expected, atol=2e-3)
            n_cuts += len(expected)
    assert n_cuts > 40


def test_the_city_wide_run_says_of_every_pipe_what_asking_it_says(giswater: Database, network: str) -> None:
    run_city(giswater)
    with giswater.transaction(read_only=True) as connection:
        run = stored_run(connection)
        stored = stored_conflicts(connection, limit=9_999)
        rows = connection.execute(IN_USE).fetchall()
        answers = [segment_clearance(connection, row["feature_id"]) for row in rows]
    asked = {(each.kind, frozenset([each.segment_id, each.other_id])) for told in answers for each in told.conflicts}
    assert {(each.kind, frozenset([each.segment_id, each.other_id])) for each in stored} == asked
    assert {"ws": not stored, "ud": bool(stored)}[network], "the water network has no heights to judge"
    untold = {each.segment_id for told in answers for each in told.cannot_tell if each.kind == "cover"}
    assert sum(each.count for each in run.counts if (each.kind, each.state) == ("cover", "cannot_tell")) == len(untold)
