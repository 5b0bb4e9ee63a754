from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import shapely
from pyproj import Transformer

from pipemap.clearance.dug import polygon_clearance
from pipemap.clearance.questions import segment_clearance
from pipemap.db import Connection, Database
from pipemap.errors import CrsError, NotFoundError, UsageError
from schemas.clearance import ClearanceAnswer, Conflict, ConflictKind
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0
Point = tuple[float, ...]


class Street:
    """A drawing board: pipes in metres from a corner, each between nodes of its own unless told otherwise."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._numbers = count(1)

    def node(self, x: float, y: float, ground_m: float | None = 0.0) -> int:
        place = f"POINT({EAST + x} {NORTH + y})"
        return plant(self.connection, "node", next(self._numbers), place, ground_elevation_m=ground_m)

    def pipe(self, class_code: str, *axis: Point, nodes: tuple[int, int] | None = None, **attributes: Any) -> int:
        ends = nodes or (self.node(*axis[0][:2]), self.node(*axis[-1][:2]))
        shape = {"horizontal_accuracy_m": 0.01, "vertical_accuracy_m": 0.01, "width_mm": 200, **attributes}
        moved = [(EAST + x, NORTH + y, *z) for x, y, *z in axis]
        return plant(
            self.connection, "pipe_segment", next(self._numbers), wkt(moved), class_code=class_code,
            from_node_id=ends[0], to_node_id=ends[1], **shape,
        )  # fmt: skip

    def building(self, *corners: Point, **attributes: Any) -> int:
        ring = ", ".join(f"{EAST + x} {NORTH + y}" for x, y in [*corners, corners[0]])
        return plant(self.connection, "structure", next(self._numbers), f"POLYGON(({ring}))", **attributes)

    def ask(self, segment_id: int) -> ClearanceAnswer:
        return segment_clearance(self.connection, segment_id)

    def conflicts(self, segment_id: int) -> list[Conflict]:
        """Without cover, which every test would otherwise have to provide for."""
        return [found for found in self.ask(segment_id).conflicts if found.kind is not ConflictKind.COVER]


@pytest.fixture
def street(database: Database) -> Iterator[Street]:
    with database.transaction() as connection:
        plant_version(connection, 1)
        yield Street(connection)


def close(found: float, expected: float) -> bool:
    return abs(found - expected) < 1e-4


def test_crossing_pipes_are_judged_from_the_bottom_of_the_upper_to_the_top_of_the_lower(street: Street) -> None:
    # Upper: axis -1.00, radius 0.10, bottom -1.10. Lower: axis -1.70, radius 0.30, top -1.40. Gap 0.30 < 0.40.
    water = street.pipe("water", (0, 10, -1.0), (20, 10, -1.0))
    sewer = street.pipe("foul", (10, 0, -1.7), (10, 20, -1.7), width_mm=600)
    (found,) = street.conflicts(water)
    assert (found.kind, found.other_id, found.other_class_code) == (ConflictKind.VERTICAL, sewer, "foul")
    assert close(found.measured_m, 0.30) and found.limit_m == 0.40 and close(found.shortfall_m, 0.10)
    assert (found.standard, found.confidence, found.to_be_confirmed) == ("GB 50289-2016", "verified_1", False)
    assert found.point == (EAST + 10, NORTH + 10, -1.35)
    assert not found.within_accuracy
    assert "0.30 m; 0.40 m is required by GB 50289-2016 table 4.1.14" in found.message_en
    assert "垂直净距为 0.30 m，GB 50289-2016 表 4.1.14要求不小于 0.40 m" in found.message_zh


def test_a_crossing_is_not_judged_by_the_horizontal_rule(street: Street) -> None:
    water = street.pipe("water", (0, 10, -1.0), (20, 10, -1.0))
    street.pipe("foul", (10, 0, -3.0), (10, 20, -3.0))
    assert street.conflicts(water) == []


def test_sloping_pipes_are_compared_where_they_cross(street: Street) -> None:
    # At x = 5 of 20 the sewer's axis is at -1.5 - 0.25 = -1.75: gap 1.75 - 1.0 - 0.1 - 0.3 = 0.35.
    water = street.pipe("water", (5, -5, -1.0), (5, 5, -1.0))
    street.pipe("foul", (0, 0, -1.5), (20, 0, -2.5), width_mm=600)
    (found,) = street.conflicts(water)
    # The sloping pipe takes up its radius over the cosine of its slope, 0.0004 m more.
    assert abs(found.measured_m - 0.35) < 0.0005 and found.limit_m == 0.40


def test_parallel_pipes_are_judged_wall_to_wall_whatever_their_depths(street: Street) -> None:
    # Axes 1.60 m apart, radii 0.15 and 0.30: 1.15 m; water above DN200 beside a sewer needs 1.5 m.
    water = street.pipe("water", (0, 0, -1.0), (50, 0, -1.0), width_mm=300)
    sewer = street.pipe("storm", (0, 1.6, -4.0), (50, 1.6, -4.2), width_mm=600)
    (found,) = street.conflicts(water)
    assert found.kind is ConflictKind.HORIZONTAL and close(found.measured_m, 1.15) and found.limit_m == 1.5
    (back,) = street.conflicts(sewer)
    assert (back.measured_m, back.limit_m, back.rule_id) == (found.measured_m, found.limit_m, found.rule_id)


def test_distance_is_found_between_vertices_too(street: Street) -> None:
    # The vertices of the long pipe are 30 m from the short one; its middle is 0.8 m away.
    long = street.pipe("water", (-30, 0, -1), (30, 0, -1))
    street.pipe("foul", (-1, 0.8, -1), (1, 0.8, -1))
    (found,) = street.conflicts(long)
    assert close(found.measured_m, 0.6) and found.limit_m == 1.0
    assert abs(found.nearest[0][0] - EAST) <= 1


def test_a_duct_block_is_wider_than_high(street: Street) -> None:
    # Half width 0.4 and half height 0.15: 0.9 - 0.4 - 0.1 = 0.4 beside, 0.5 - 0.15 - 0.1 = 0.25 below.
    block = {"shape_code": "rect", "width_mm": 800, "height_mm": 300, "burial_code": "duct_block"}
    water = street.pipe("water", (0, 0, -1.0), (30, 0, -1.0))
    beside = street.pipe("telecom", (0, 0.9, -1.0), (12, 0.9, -1.0), **block)
    street.pipe("power", (20, -5, -1.5), (20, 5, -1.5), **block)
    (found,) = street.conflicts(water)
    assert found.other_id == beside and close(found.measured_m, 0.4)
    assert found.limit_m == 1.0 and found.to_be_confirmed, "the number was recalled, so it is not a certain violation"
    assert "may be required" in found.message_en and "可能要求" in found.message_zh


def test_pipes_that_intersect_are_one_collision(street: Street) -> None:
    water = street.pipe("water", (0, 0, -1.0), (20, 0, -1.0), width_mm=300)
    gas = street.pipe("gas", (10, -5, -1.2), (10, 5, -1.2), pressure_code="low")
    (found,) = street.conflicts(water)
    assert (found.kind, found.other_id) == (ConflictKind.COLLISION, gas)
    assert close(found.measured_m, 0.2 - 0.15 - 0.1)
    assert "intersect by 0.05 m" in found.message_en and "相碰" in found.message_zh


def test_a_box_and_a_pipe_at_its_corner_do_not_touch(street: Street) -> None:
    # 0.08 m beside and 0.08 m above the corner: 0.113 m from it, more than the radius of 0.1 m.
    tunnel = street.pipe("utility_tunnel", (0, 0, -5), (40, 0, -5), shape_code="rect", width_mm=4000, height_mm=3000)
    street.pipe("unknown", (0, 2.08, -3.42), (40, 2.08, -3.42))
    assert street.conflicts(tunnel) == []


def test_joined_pipes_and_the_next_one_of_the_run_are_no_conflict(street: Street) -> None:
    #   a ---- b          c hangs on b by a stub of half a metre
    #          |-- c
    nodes = [street.node(*at) for at in ((0, 0), (20, 0), (20, -0.5), (0, -0.5))]
    main = street.pipe("gas", (0, 0, -1), (20, 0, -1), nodes=(nodes[0], nodes[1]))
    street.pipe("gas", (20, 0, -1), (20, -0.5, -1), nodes=(nodes[1], nodes[2]))
    street.pipe("gas", (20, -0.5, -1), (0, -0.5, -1), nodes=(nodes[2], nodes[3]))
    assert street.conflicts(main) == []


def test_the_pipe_after_a_crossing_is_not_too_near(street: Street) -> None:
    # The water main turns 0.3 m behind the sewer it crosses well above.
    nodes = [street.node(*at) for at in ((-20, 0), (0.3, 0), (20, 5))]
    street.pipe("water", (-20, 0, -1), (0.3, 0, -1), nodes=(nodes[0], nodes[1]))
    behind = street.pipe("water", (0.3, 0, -1), (20, 5, -1), nodes=(nodes[1], nodes[2]))
    sewer = street.pipe("foul", (0, -20, -4), (0, 20, -4))
    assert street.conflicts(sewer) == [] and street.conflicts(behind) == []


def test_a_cable_in_its_duct_and_two_cables_of_one_duct(street: Street) -> None:
    duct = street.pipe("telecom", (0, 0, -1), (30, 0, -1), width_mm=400)
    cable = street.pipe("telecom", (0, 0.05, -1), (30, 0.05, -1), width_mm=50, container_id=duct)
    street.pipe("power", (0, -0.05, -1), (30, -0.05, -1), width_mm=50, container_id=duct)
    assert street.conflicts(duct) == [] and street.conflicts(cable) == []


@pytest.mark.parametrize("left_out", [{"lifecycle_code": "abandoned"}, {"burial_code": "overhead"}])
def test_pipes_out_of_use_or_above_the_ground_are_not_compared(street: Street, left_out: dict[str, str]) -> None:
    water = street.pipe("water", (0, 0, -1), (20, 0, -1))
    street.pipe("foul", (0, 0.5, -1), (20, 0.5, -1), **left_out)
    answer = street.ask(water)
    assert (answer.conflicts, answer.checked_pairs) == ((), 0)


def test_unknown_depth_can_be_judged_in_plan_but_not_at_a_crossing(street: Street) -> None:
    water = street.pipe("water", (0, 0), (20, 0))
    street.pipe("foul", (0, 0.9, -1), (5, 0.9, -1))
    crossing = street.pipe("gas", (10, -5, -1), (10, 5, -1), pressure_code="low")
    answer = street.ask(water)
    (found,) = answer.conflicts
    assert found.kind is ConflictKind.HORIZONTAL and found.point[2] is None
    told = {(entry.kind, entry.other_id): entry for entry in answer.cannot_tell}
    assert told.keys() == {(ConflictKind.VERTICAL, crossing), (ConflictKind.COVER, None)}
    assert told[ConflictKind.VERTICAL, crossing].needs == ("segment.elevation",)
    assert "elevation is not known" in told[ConflictKind.VERTICAL, crossing].reason_en
    assert "高程未知" in told[ConflictKind.VERTICAL, crossing].reason_zh


def test_unknown_size_is_not_taken_for_nothing(street: Street) -> None:
    # Axes 1.2 m apart, one radius 0.1: 1.1 m if the other had no size; 1.0 m is needed.
    water = street.pipe("water", (0, 0, -1), (20, 0, -1))
    sewer = street.pipe("foul", (0, 1.2, -1), (20, 1.2, -1), width_mm=None)
    answer = street.ask(water)
    (told,) = (entry for entry in answer.cannot_tell if entry.kind is ConflictKind.HORIZONTAL)
    assert answer.conflicts == () and (told.other_id, told.needs) == (sewer, ("other.width_mm",))


def test_unknown_size_does_not_hide_what_is_too_near_anyway(street: Street) -> None:
    water = street.pipe("water", (0, 0, -1), (20, 0, -1))
    street.pipe("foul", (0, 0.7, -1), (20, 0.7, -1), width_mm=None)
    (found,) = street.conflicts(water)
    assert close(found.measured_m, 0.6) and "at most 0.60 m" in found.message_en and "至多" in found.message_zh


def test_a_shortfall_inside_the_survey_accuracy_is_said_to_be(street: Street) -> None:
    # Ground at 0, axes at -1.0 and -1.65: gap 0.65 - 0.1 - 0.18 = 0.37, 0.03 short of 0.40.
    # CJJ 61: 0.15 of the depth, so 0.15 and 0.2475 m.
    unsure = {"horizontal_accuracy_m": None, "vertical_accuracy_m": None}
    water = street.pipe("water", (0, 0, -1.0), (20, 0, -1.0), **unsure)
    street.pipe("foul", (10, -5, -1.65), (10, 5, -1.65), width_mm=360, **unsure)
    (found,) = street.conflicts(water)
    assert found.within_accuracy and close(found.accuracy_m, (0.15**2 + 0.2475**2) ** 0.5)
    assert "within the survey accuracy of 0.29 m" in found.message_en and "测量精度" in found.message_zh


def test_an_inferred_elevation_is_no_certain_conflict(street: Street) -> None:
    water = street.pipe("water", (0, 0, -1.0), (20, 0, -1.0), elevation_source_code="inferred")
    street.pipe("foul", (10, -5, -1.4), (10, 5, -1.4))
    (found,) = street.conflicts(water)
    assert found.to_be_confirmed and found.assumed == ("water.elevation",)


def test_unknown_gas_pressure_takes_the_strictest_tier_and_says_so(street: Street) -> None:
    gas = street.pipe("gas", (0, 0, -1), (20, 0, -1))
    street.pipe("foul", (0, 1.8, -1), (20, 1.8, -1))
    (found,) = street.conflicts(gas)
    assert (found.limit_m, found.assumed, found.to_be_confirmed) == (2.0, ("gas.pressure_mpa",), True)
    assert "gas pressure" in found.message_en and "压力" in found.message_zh


def test_building_beside_and_above_a_gas_main(street: Street) -> None:
    gas = street.pipe("gas", (0, 0, -1), (20, 0, -1), pressure_code="medium_a", width_mm=200)
    house = street.building((0, 1.2), (8, 1.2), (8, 9), (0, 9), name="8 号楼")
    over = street.building((12, -3), (18, -3), (18, 3), (12, 3))
    found = {conflict.other_id: conflict for conflict in street.conflicts(gas)}
    assert found.keys() == {house, over}
    assert close(found[house].measured_m, 1.1) and found[house].limit_m == 1.5
    assert found[over].measured_m == 0 and found[over].other_kind == "structure"
    assert "8 号楼" in found[house].message_zh


def test_cover_is_measured_from_the_ground_to_the_outer_top(street: Street) -> None:
    # Ground falls from 10.0 to 9.4 over the pipe; top of the pipe is 8.8, so 0.6 m are left at the end.
    nodes = (street.node(0, 0, 10.0), street.node(20, 0, 9.4))
    shallow = street.pipe("gas", (0, 0, 8.7), (20, 0, 8.7), nodes=nodes, pressure_code="low")
    (found,) = street.ask(shallow).conflicts
    assert found.kind is ConflictKind.COVER and close(found.measured_m, 0.6) and found.limit_m == 0.9
    assert found.assumed == ("segment.carriageway",) and found.to_be_confirmed
    assert found.point[:2] == (EAST + 20, NORTH)

    shallower = street.pipe("gas", (0, 50, 8.9), (20, 50, 8.9), nodes=nodes, pressure_code="low")
    (found,) = street.ask(shallower).conflicts
    assert (found.limit_m, found.assumed, found.to_be_confirmed) == (0.6, (), False)
    assert close(found.measured_m, 0.4)


def test_every_pair_has_the_same_answer_from_both_ends(street: Street) -> None:
    pipes = [
        street.pipe("water", (0, 0, -1), (30, 0, -1.1)),
        street.pipe("gas", (0, 0.55, -1), (30, 0.6, -1), pressure_code="medium_b"),
        street.pipe("power", (5, -9, -1.5), (6, 9, -1.5), burial_code="direct"),
        street.pipe("foul", (12, -9, -1.4), (13, 9, -1.6), width_mm=500),
        street.pipe("telecom", (0, 1.3, -0.8), (15, 1.2, -0.8), (30, 1.5, -0.9), shape_code="rect", height_mm=300),
    ]
    answers = {
        (frozenset((asked, found.other_id)), found.kind): found for asked in pipes for found in street.conflicts(asked)
    }
    seen = 0
    for asked in pipes:
        for found in street.conflicts(asked):
            twin = answers[frozenset((asked, found.other_id)), found.kind]
            assert (found.measured_m, found.limit_m, found.rule_id) == (twin.measured_m, twin.limit_m, twin.rule_id)
            seen += 1
    assert seen == 2 * len(answers) and len(answers) >= 5


def test_a_body_meets_what_is_in_it_and_keeps_its_distance_with_a_class(street: Street) -> None:
    inside = street.pipe("water", (5, -10, -1.0), (5, 20, -1.0))
    below = street.pipe("foul", (8, -10, -2.4), (8, 20, -2.4), width_mm=400)
    beside = street.pipe("power", (11.3, 0, -1), (11.3, 10, -1), burial_code="direct")
    unknown = street.pipe("gas", (3, -5), (3, 20), pressure_code="low")
    body = shapely.box(EAST, NORTH, EAST + 10, NORTH + 10)

    dig = polygon_clearance(street.connection, body, -2.0, 0.5)
    assert [found.other_id for found in dig.conflicts] == [inside]
    assert [entry.other_id for entry in dig.cannot_tell] == [unknown]

    planned = polygon_clearance(street.connection, body, -2.0, 0.5, class_code="heat")
    found = {conflict.other_id: conflict for conflict in planned.conflicts}
    assert found.keys() == {inside, beside}
    assert close(found[beside].measured_m, 1.2) and found[beside].limit_m == 2.0
    # The sewer's top is 0.2 m under the body, and heat over a sewer needs 0.15 m.
    assert below not in found
    assert planned.checked_pairs == 4


def test_a_sewer_just_under_a_planned_body(street: Street) -> None:
    sewer = street.pipe("foul", (5, -10, -2.25), (5, 20, -2.45), width_mm=400)
    body = shapely.box(EAST, NORTH, EAST + 10, NORTH + 10)
    (found,) = polygon_clearance(street.connection, body, -2.0, 0.5, class_code="heat").conflicts
    # The axis enters the body's plan a radius early, at y = -0.2: -2.25 - 0.2 * 9.8 / 30 + 0.2.
    assert (found.kind, found.other_id) == (ConflictKind.VERTICAL, sewer)
    assert close(found.measured_m, -2.0 - (-2.25 - 0.2 * 9.8 / 30 + 0.2))


def test_questions_that_cannot_be_asked(street: Street) -> None:
    body = shapely.box(EAST, NORTH, EAST + 10, NORTH + 10)
    with pytest.raises(NotFoundError, match="no pipe_segment 777"):
        street.ask(777)
    with pytest.raises(UsageError, match="not in the ground"):
        street.ask(street.pipe("power", (0, 0, 8), (9, 0, 8), burial_code="overhead"))
    with pytest.raises(UsageError, match="lower elevation"):
        polygon_clearance(street.connection, body, 1.0, 0.0)
    with pytest.raises(UsageError, match="not a utility class"):
        polygon_clearance(street.connection, body, 0.0, 1.0, class_code="wine")
    with pytest.raises(UsageError, match="cross itself"):
        polygon_clearance(street.connection, shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)]), 0.0, 1.0)


def test_a_body_in_degrees_meets_the_same_and_is_never_read_as_metres(street: Street) -> None:
    pipe = street.pipe("water", (5, -10, -1.0), (5, 20, -1.0))
    body = shapely.box(EAST, NORTH, EAST + 10, NORTH + 10)
    degrees = shapely.transform(body, Transformer.from_crs(4547, 4326, always_xy=True).transform, interleaved=False)

    (found,) = polygon_clearance(street.connection, degrees, -2.0, 0.5, polygon_srid=4326).conflicts
    (twin,) = polygon_clearance(street.connection, body, -2.0, 0.5).conflicts
    assert found.other_id == twin.other_id == pipe and found.point == pytest.approx(twin.point, abs=1e-3)

    for polygon, srid in ((degrees, None), (body, 4326), (shapely.box(13, 50, 14, 51), 4326)):
        with pytest.raises(CrsError, match="outside of where EPSG:4547"):
            polygon_clearance(street.connection, polygon, -2.0, 0.5, polygon_srid=srid)
    with pytest.raises(CrsError, match="EPSG:99 is not a known"):
        polygon_clearance(street.connection, degrees, -2.0, 0.5, polygon_srid=99)
