"""A pipe in a casing is measured from the casing's outer wall: every number here by plain arithmetic."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import shapely

from pipemap.clearance.core import distances_between
from pipemap.clearance.dug import polygon_clearance
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.site import Site, as_pipes
from pipemap.db import Connection, Database
from schemas.clearance import Conflict, ConflictKind, Side
from tests.postgis.planting import EAST, NORTH, plant_pipe, plant_version

SEWER, MAIN = 1, 2
# The main crosses over the middle of the sewer, or runs beside it.
ACROSS, BESIDE = ((15, -10), (15, 10)), ((0, 1.25), (30, 1.25))


@pytest.fixture
def street(database: Database) -> Iterator[Connection]:
    """Ground at 10 m, and a sewer of 200 mm with its axis at 7 m."""
    with database.transaction() as connection:
        plant_version(connection, 1)
        plant_pipe(connection, SEWER, (0, 0, 7), (30, 0, 7), class_code="foul", **pipe(200))
        yield connection


def pipe(size_mm: float | None, **attributes: Any) -> dict[str, Any]:
    return {"width_mm": size_mm, "height_mm": size_mm, "size_basis_code": "outer", "burial_code": "direct"} | attributes


def lay(street: Connection, course: Any, z: float, casing_mm: float | None, **attributes: Any) -> int:
    """A water main of 200 mm over or beside the sewer."""
    attributes = {"class_code": "water", "casing_mm": casing_mm, **pipe(200, **attributes)}
    return plant_pipe(street, MAIN, *((x, y, z) for x, y in course), **attributes)


def between(street: Connection, one: int = SEWER, other: int = MAIN) -> list[Conflict]:
    return [found for found in segment_clearance(street, one).conflicts if found.other_id == other]


def test_a_cased_main_over_a_sewer_is_measured_from_its_casing(street: Connection) -> None:
    """0.65 m between axes: less 0.1 and 0.1 m that is more than the 0.4 m asked for, less 0.2 and 0.1 m it is not."""
    lay(street, ACROSS, 7.65, 400)
    (found,) = between(street)
    assert (found.kind, found.limit_m) == (ConflictKind.VERTICAL, 0.4)
    assert found.measured_m == pytest.approx(0.65 - 0.2 - 0.1)
    assert found.measured_from_casing == (Side.OTHER,)
    assert "measured from the casing of water supply K2 (400 mm as stated)" in found.message_en
    assert "自给水 K2的套管（所载尺寸 400 mm）外壁量起" in found.message_zh


@pytest.mark.parametrize("casing_mm", [None, 150])
def test_without_a_casing_that_can_hold_it_the_pipe_itself_counts(street: Connection, casing_mm: float | None) -> None:
    lay(street, ACROSS, 7.65, casing_mm)
    assert between(street) == []
    street.execute(
        "UPDATE pipemap.pipe_segment SET geom = ST_Translate(geom, 0, 0, -0.1) WHERE feature_id = %s", [MAIN]
    )
    (found,) = between(street)
    assert found.measured_m == pytest.approx(0.55 - 0.1 - 0.1)
    assert found.measured_from_casing == () and "casing" not in found.message_en and "套管" not in found.message_zh


def test_a_cased_main_beside_a_sewer_is_measured_from_its_casing(street: Connection) -> None:
    lay(street, BESIDE, 7, 400)
    (found,), (back,) = between(street), between(street, MAIN, SEWER)
    assert (found.kind, found.limit_m) == (ConflictKind.HORIZONTAL, 1.0)
    assert found.measured_m == pytest.approx(1.25 - 0.2 - 0.1)
    assert back.measured_m == found.measured_m and back.measured_from_casing == (Side.SEGMENT,)


def test_a_casing_that_a_sewer_runs_into_is_met(street: Connection) -> None:
    lay(street, ACROSS, 7.25, 400)
    (found,) = between(street)
    assert found.kind is ConflictKind.COLLISION
    assert found.measured_m == pytest.approx(0.25 - 0.2 - 0.1)


def test_cover_is_over_the_casing(street: Connection) -> None:
    """0.85 m from the ground to the axis: 0.75 m over the main, 0.65 m over its casing, 0.70 m under a carriageway."""
    lay(street, ACROSS, 9.15, 400)
    (found,) = [each for each in segment_clearance(street, MAIN).conflicts if each.kind is ConflictKind.COVER]
    assert (found.limit_m, found.measured_m) == (0.7, pytest.approx(10 - 9.15 - 0.2))
    assert found.measured_from_casing == (Side.SEGMENT,)


def test_a_casing_tells_the_outer_wall_of_a_pipe_of_unknown_size(street: Connection) -> None:
    lay(street, ACROSS, 7.65, 400, width_mm=None, height_mm=None)
    assert segment_clearance(street, SEWER).cannot_tell == ()
    (found,) = between(street)
    assert found.measured_m == pytest.approx(0.65 - 0.2 - 0.1)


def test_a_casing_round_a_box_is_round(street: Connection) -> None:
    """0.4 m aside and 0.4 m above: between two circles of 0.3 and 0.1 m of radius, not from the corner of a box."""
    lay(street, ((0, 0.4), (30, 0.4)), 7.4, 600, width_mm=300, height_mm=200, shape_code="rect")
    site = Site(street, None)
    pipes = as_pipes([site.segment(SEWER), site.segment(MAIN)])
    apart = distances_between(pipes, np.array([0]), np.array([1]))
    assert apart.space_m.tolist() == pytest.approx([math.hypot(0.4, 0.4) - 0.3 - 0.1])


def test_which_side_gives_way_hangs_on_the_pipes_and_not_on_their_casings(street: Connection) -> None:
    """A steel main of 100 mm in a casing of 800 mm is the smaller one beside a steel gas main of 300 mm."""
    lay(street, ACROSS, 7.65, 800, width_mm=100, height_mm=100, material_code="steel")
    gas = pipe(300, class_code="gas", material_code="steel", pressure_mpa=0.3)
    plant_pipe(street, 3, (0, 5, 7.65), (30, 5, 7.65), **gas)
    (found,) = between(street, MAIN, 3)
    assert found.measured_m == pytest.approx(-0.4 - 0.15)
    assert (found.gives_way, found.gives_way_because) == (Side.SEGMENT, "small")


def test_a_body_to_be_dug_over_a_cased_pipe_is_measured_from_its_casing(street: Connection) -> None:
    lay(street, ACROSS, 7.65, 400)
    body = shapely.box(EAST + 10, NORTH + 4, EAST + 20, NORTH + 8)
    (met,) = polygon_clearance(street, body, 7.8, 9.0).conflicts
    assert (met.kind, met.measured_m) == (ConflictKind.COLLISION, pytest.approx(7.8 - (7.65 + 0.2)))
    assert met.measured_from_casing == (Side.OTHER,)
    assert polygon_clearance(street, body, 7.86, 9.0).conflicts == ()
