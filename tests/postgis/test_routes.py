"""Routes proposed through a made-up street: what they keep, what blocks them, and their drafts without a conflict."""

import math
from itertools import count

import numpy as np
import pytest
import shapely

from pipemap.clearance.questions import segment_clearance
from pipemap.db import Connection, Database
from pipemap.errors import NotFoundError, UsageError
from pipemap.routing.designs import read_design, save_design
from pipemap.routing.proposing import corridor_along, propose_route
from schemas.clearance import ConflictKind
from schemas.routing import RouteEnd, RouteProposal, RouteWish
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0
SURE = {"horizontal_accuracy_m": 0.01, "vertical_accuracy_m": 0.01}


class Street:
    """Level ground at 10 m, 60 m long; pipes and structures are laid into it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ids = count(1)
        with database.transaction() as connection:
            plant_version(connection, 1)
            connection.execute("SELECT setval('pipemap.feature_id_seq', 1000)")
            connection.execute("SELECT setval(pg_get_serial_sequence('pipemap.changeset', 'changeset_id'), 10)")
            for x, y in [(-20, -20), (-20, 20), (80, -20), (80, 20)]:
                self._plant(connection, "node", f"POINT({EAST + x} {NORTH + y})", ground_elevation_m=10.0)

    def lay(
        self, *axis: tuple[float, ...], class_code: str = "foul", width_mm: float = 400, **attributes: object
    ) -> int:
        """A pipe between two new nodes; its identity."""
        with self.database.transaction() as connection:
            nodes = [self._node(connection, place, class_code) for place in (axis[0], axis[-1])]
            ends = dict(zip(("from_node_id", "to_node_id"), nodes, strict=True))
            shape = {"class_code": class_code, "width_mm": width_mm, "height_mm": width_mm}
            moved = wkt([(EAST + x, NORTH + y, *z) for x, y, *z in axis])
            return self._plant(connection, "pipe_segment", moved, **{**shape, **ends, **SURE, **attributes})

    def build(self, outline: str, kind_code: str = "building") -> int:
        with self.database.transaction() as connection:
            geometry = shapely.transform(shapely.from_wkt(outline), lambda at: at + np.array([EAST, NORTH]))
            return self._plant(connection, "structure", shapely.to_wkt(geometry), kind_code=kind_code)

    def ask(self, half_width_m: float = 6.0, **given: object) -> RouteProposal:
        wish = {"start": place(0, 0), "end": place(60, 0), "class_code": "water", "width_mm": 200} | given
        corridor = corridor_along([(EAST, NORTH), (EAST + 60, NORTH)], half_width_m)
        with self.database.transaction(read_only=True) as connection:
            return propose_route(connection, RouteWish.model_validate(wish), corridor)

    def _node(self, connection: Connection, at: tuple[float, ...], class_code: str) -> int:
        point = f"POINT({EAST + at[0]} {NORTH + at[1]})"
        return self._plant(connection, "node", point, class_code=class_code, ground_elevation_m=10.0)

    def _plant(self, connection: Connection, kind: str, geom: str, **attributes: object) -> int:
        return plant(connection, kind, next(self.ids), geom, **attributes)


@pytest.fixture
def street(database: Database) -> Street:
    return Street(database)


def place(x: float, y: float) -> RouteEnd:
    return RouteEnd(at=(EAST + x, NORTH + y))


def line_of(found: RouteProposal) -> np.ndarray:
    assert found.pipe is not None
    return np.array(found.pipe.line) - [EAST, NORTH, 0]


def as_draft(street: Street, found: RouteProposal) -> None:
    """The route has no conflict as a draft changeset, judged by the engine that judges any changeset."""
    assert found.found and found.pipe is not None, found.message_en
    number = save_design(street.database, found.pipe, title="t", author="a")
    with street.database.transaction(read_only=True) as connection:
        clearance = read_design(connection, number).clearance
    assert (clearance.conflicts, clearance.cannot_tell, clearance.slants) == ((), (), ())


def test_an_empty_street_is_run_straight_through_at_the_least_cover(street: Street) -> None:
    found = street.ask()
    # GB 50289-2016 table 4.1.1: 0.7 m under a carriageway; the axis half the pipe below that.
    assert line_of(found) == pytest.approx(np.array([[0, 0, 9.2], [60, 0, 9.2]]), abs=1e-3)
    assert (found.length_m, found.least_cover_m, found.crossings) == (60.0, 0.7, ())
    as_draft(street, found)


def test_a_wish_for_more_cover_is_kept(street: Street) -> None:
    assert line_of(street.ask(cover_depth_m=1.5))[:, 2] == pytest.approx([8.4, 8.4])


def test_a_pipe_across_the_street_is_crossed_below_where_there_is_no_room_above(street: Street) -> None:
    # Its top at 9.2 m leaves no room above for a pipe with 0.7 m of cover, its bottom is at 8.8 m.
    sewer = street.lay((30, -10, 9.0), (30, 10, 9.0))
    found = street.ask()
    (crossing,) = found.crossings
    assert (crossing.other_id, crossing.is_above, crossing.limit_m) == (sewer, False, 0.4)
    assert crossing.between_m is not None and 0.4 <= crossing.between_m <= 0.55
    assert line_of(found)[[0, -1], 2] == pytest.approx([9.2, 9.2])
    as_draft(street, found)


def test_a_wall_is_gone_around_by_its_gap(street: Street) -> None:
    # Water of more than 200 mm keeps 3 m off a building (GB 50289-2016 table 4.1.9), its axis 3.15 m.
    street.build("POLYGON((28 -6, 32 -6, 32 0, 28 0, 28 -6))")
    found = street.ask(width_mm=300)
    route = shapely.LineString(line_of(found)[:, :2])
    assert 3.15 - 1e-3 <= route.distance(shapely.box(28, -6, 32, 0)) < 3.5
    # Straight to beside the corners and straight on; the round off a corner is shorter.
    assert found.length_m is not None and found.length_m < 2 * math.hypot(28, 3.15) + 4 + 0.3
    as_draft(street, found)


def test_what_closes_the_street_is_named(street: Street) -> None:
    street.lay((0, 8, 5.0), (60, 8, 5.0))
    house = street.build("POLYGON((28 -9, 32 -9, 32 9, 28 9, 28 -9))")
    found = street.ask()
    assert not found.found
    assert [(each.kind, each.other_kind, each.other_id) for each in found.blocked_by] == [
        (ConflictKind.UNDER_BUILDING, "structure", house)
    ]
    assert "no route" in found.message_en and "没有满足" in found.message_zh


def test_a_pipe_of_unknown_depth_blocks_unless_it_may_be_crossed(street: Street) -> None:
    street.lay((30, -10), (30, 10))
    blocked = street.ask()
    assert not blocked.found
    assert {told.other_id for told in blocked.cannot_tell} == {7}
    crossed = street.ask(cross_unknown=True)
    assert crossed.found and crossed.length_m == 60.0
    assert [told.kind for told in crossed.cannot_tell] == [ConflictKind.VERTICAL]
    assert [(each.is_above, each.between_m) for each in crossed.crossings] == [(None, None)]


def test_pipes_that_fill_the_crossing_from_cover_to_the_deepest_level_block_it(street: Street) -> None:
    deep = [street.lay((30, -10, z), (30, 10, z), width_mm=800) for z in (8.9, 8.0, 7.1)]
    found = street.ask()
    assert not found.found and {each.other_id for each in found.blocked_by} <= set(deep)
    assert found.blocked_by
    below = street.ask(deepest_cover_m=5.0)
    assert {each.is_above for each in below.crossings} == {False}
    as_draft(street, below)


def test_a_pipe_beside_the_line_is_kept_away_from(street: Street) -> None:
    # Sewer walls at y = ±0.2: water keeps 1.0 m (GB 50289-2016 table 4.1.9), so its axis 1.3 m.
    street.lay((10, 0, 7.0), (50, 0, 7.0))
    found = street.ask()
    assert shapely.LineString(line_of(found)[:, :2]).distance(shapely.LineString([(10, 0), (50, 0)])) >= 1.3 - 1e-3
    assert found.length_m is not None and 60.2 < found.length_m < 62
    as_draft(street, found)


def test_a_route_joins_the_pipes_at_its_nodes(street: Street) -> None:
    main = street.lay((0, -20, 8.8), (0, 0, 8.8), class_code="water", width_mm=300)
    street.lay((0, 0, 8.8), (0, 20, 8.8), class_code="water", width_mm=300)
    with street.database.transaction() as connection:
        connection.execute("UPDATE pipemap.pipe_segment SET from_node_id = 6 WHERE from_node_id = 8")
    found = street.ask(start=RouteEnd(node_id=6))
    assert found.pipe is not None and found.pipe.from_node_id == 6
    assert line_of(found)[0] == pytest.approx([0, 0, 8.8])
    as_draft(street, found)
    with street.database.transaction(read_only=True) as connection:
        assert segment_clearance(connection, main).conflicts == ()


def test_a_corridor_in_two_parts_or_one_without_the_ends_is_told(street: Street) -> None:
    with pytest.raises(UsageError, match="start of the route lies outside"):
        street.ask(start=place(0, 30))
    with pytest.raises(UsageError, match="end of the route lies outside"):
        street.ask(end=place(100, 0))


def test_a_wish_that_makes_no_sense_is_refused(street: Street) -> None:
    with pytest.raises(UsageError, match="flows by gravity"):
        street.ask(class_code="foul")
    with pytest.raises(UsageError, match="not in the code table"):
        street.ask(class_code="lava")
    with pytest.raises(UsageError, match=r"0\.50 m cannot be the greatest"):
        street.ask(deepest_cover_m=0.5)
    with pytest.raises(NotFoundError, match="no node 999"):
        street.ask(start=RouteEnd(node_id=999))
    street.lay((0, 0, 7.0), (0, 5, 7.0))
    with pytest.raises(UsageError, match="does not join"):
        street.ask(start=RouteEnd(node_id=5))


@pytest.mark.parametrize("seed", range(6))
def test_what_is_found_in_a_crowded_street_has_no_conflict_as_a_draft(street: Street, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(6):
        x, lean = rng.uniform(8, 52), rng.uniform(-6, 6)
        z = rng.uniform(6.0, 9.3, 2)
        class_code = str(rng.choice(["gas", "telecom", "power", "foul", "heat"]))
        street.lay((x, -12, z[0]), (x + lean, 12, z[1]), class_code=class_code, width_mm=float(rng.integers(100, 600)))
    for y in (-4.0, 3.5):
        street.lay((5, y, 8.0), (rng.uniform(20, 55), y + rng.uniform(-1, 1), 8.0), class_code="gas", width_mm=200)
    found = street.ask(deepest_cover_m=5.0)
    if found.found:
        as_draft(street, found)
    else:
        assert found.blocked_by


def test_a_pipe_in_a_casing_crosses_with_its_casing_clear(street: Street) -> None:
    """A sewer with its top at 9.2 m leaves no room above; below it 0.4 m stay clear of the casing of 0.5 m."""
    street.lay((30, -10, 9.0), (30, 10, 9.0))
    bare, cased = street.ask(deepest_cover_m=4), street.ask(deepest_cover_m=4, casing_mm=500)
    lowest_m = [float(line_of(found)[:, 2].min()) for found in (bare, cased)]
    assert bare.found and cased.found and cased.pipe is not None and cased.pipe.casing_mm == 500
    for found, axis_m, half_m in zip((bare, cased), lowest_m, (0.1, 0.25), strict=True):
        assert found.crossings[0].between_m >= 0.4 - 1e-6
        assert axis_m <= 9.0 - 0.2 - 0.4 - half_m + 1e-6
    as_draft(street, cased)
