"""What cover, sections and digs make of a ground model: a hump between two wells that no survey point knows of."""

from collections.abc import Iterator

import numpy as np
import pytest
import shapely

from pipemap.clearance.drawn import line_clearance
from pipemap.clearance.ground import ground_at
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.running import run_city
from pipemap.clearance.site import Site
from pipemap.clearance.stored import stored_conflicts
from pipemap.db import Connection, Database
from pipemap.excavating.asking import excavation
from pipemap.ground.grid import Grid
from pipemap.ground.storing import Origin, store_model
from pipemap.network import load_network
from pipemap.sections.cross import cross_section
from pipemap.sections.drawing import draw_cross_section
from pipemap.sections.profile import long_profile
from pipemap.sections.profile_drawing import draw_long_profile
from schemas.clearance import ConflictKind, DrawnPipe
from schemas.excavation import Dig
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 512_000.0, 2_612_000.0
# One post a metre over 200 m each way, the pipe in the middle of it from west to east.
GRID = Grid(EAST - 50.0, NORTH + 100.0, 1.0, 1.0, 200, 200)
X = GRID.west_m + np.arange(200) * 1.0 - EAST


# Better than the 3 cm that a survey is taken for of which nobody says how good it is.
BETTER_M = 0.02


def load(database: Database, z_m: np.ndarray, accuracy_m: float | None = None) -> None:
    """A model whose heights, given along x, are the same all the way from north to south."""
    z = np.broadcast_to(z_m.astype(np.float32), (200, 200))
    parts = ((w, z[w.row : w.row + w.height, w.column : w.column + w.width]) for w in GRID.windows())
    origin = Origin("city 2024", "dem.tif", "0" * 64, "", "tester", accuracy_m=accuracy_m)
    store_model(database, origin, GRID, parts, replace=True)


@pytest.fixture
def pipe(database: Database) -> Iterator[Connection]:
    """Pipe 1 of 400 mm at 8.6 m from x = 0 to 100, the ground surveyed at 10 m at both ends: 1.2 m of cover."""
    with database.transaction() as connection:
        plant_version(connection, 1)
        for number, x in ((1, 0.0), (2, 100.0)):
            plant(connection, "node", number, f"POINT({EAST + x} {NORTH})", ground_elevation_m=10.0, class_code="water")
        axis = [(EAST, NORTH, 8.6), (EAST + 100, NORTH, 8.6)]
        ends = {"from_node_id": 1, "to_node_id": 2, "width_mm": 400, "height_mm": 400, "vertical_accuracy_m": 0.01}
        plant(connection, "pipe_segment", 1, wkt(axis), burial_code="direct", **ends)
    with database.transaction() as connection:
        yield connection


def covers(connection: Connection) -> list[float]:
    found = segment_clearance(connection, 1).conflicts
    return [one.measured_m for one in found if one.kind is ConflictKind.COVER]


def test_no_move_is_proposed_into_ground_that_only_the_model_knows(database: Database) -> None:
    """A water main 0.1 m over a sewer, 0.8 m of cover by the model at 10 m and 2.8 m by the wells at 12 m.

    Raised by the 0.3 m that are lacking it would have 0.5 m of cover; it has to go under the sewer.
    """
    with database.transaction() as connection:
        plant_version(connection, 1)
        for number, ends, code in (
            (1, [(EAST, NORTH, 9.0), (EAST + 100, NORTH, 9.0)], "water"),
            (2, [(EAST + 50, NORTH - 50, 8.5), (EAST + 50, NORTH + 50, 8.5)], "foul"),
        ):
            for node, (x, y, _) in zip((10 * number, 10 * number + 1), ends, strict=True):
                plant(connection, "node", node, f"POINT({x} {y})", ground_elevation_m=12.0)
            plant(
                connection, "pipe_segment", number, wkt(ends), class_code=code, from_node_id=10 * number,
                to_node_id=10 * number + 1, width_mm=400, height_mm=400, burial_code="direct",
            )  # fmt: skip
    with database.transaction(read_only=True) as connection:
        before = segment_clearance(connection, 1)
    assert before.clearing_move is not None and before.clearing_move.dz_m == pytest.approx(0.3)
    load(database, np.full(200, 10.0), BETTER_M)
    with database.transaction(read_only=True) as connection:
        after = segment_clearance(connection, 1)
    assert after.clearing_move is not None and after.clearing_move.dz_m == pytest.approx(-1.3)


def test_a_hollow_between_wells_is_too_little_cover_there(database: Database, pipe: Connection) -> None:
    assert covers(pipe) == []
    assert segment_clearance(pipe, 1).ground_models == ()
    load(database, 10.0 - 0.9 * np.exp(-(((X - 40) / 10) ** 2)))
    with database.transaction() as connection:
        answer = segment_clearance(connection, 1)
        (thin,) = [one for one in answer.conflicts if one.kind is ConflictKind.COVER]
    assert thin.measured_m == pytest.approx(0.3, abs=1e-3)
    assert thin.nearest[0][:2] == pytest.approx((EAST + 40, NORTH))
    assert answer.ground_models == ("city 2024",)


def test_where_the_model_is_unknown_the_ground_runs_straight_from_node_to_node(
    database: Database, pipe: Connection
) -> None:
    """The hollow lies in a hole of the model; at the rest of the pipe it has enough cover."""
    z = np.where(np.abs(X - 40) < 20, np.nan, 10.0)
    load(database, z)
    with database.transaction() as connection:
        assert covers(connection) == []
        answer = cross_section(connection, [(EAST - 10, NORTH - 0.5), (EAST + 110, NORTH + 0.5)])
        assert {round(height, 6) for _, height in answer.ground} == {10.0}


def test_a_model_tells_the_cover_of_a_pipe_whose_nodes_have_no_ground(database: Database, pipe: Connection) -> None:
    pipe.execute("UPDATE pipemap.node SET ground_elevation_m = NULL")
    assert any(one.kind is ConflictKind.COVER for one in segment_clearance(pipe, 1).cannot_tell)
    pipe.commit()
    load(database, np.full(200, 9.0))
    with database.transaction() as connection:
        assert covers(connection) == [pytest.approx(0.2)]


def test_a_line_drawn_by_its_cover_follows_the_model(database: Database, pipe: Connection) -> None:
    load(database, 12.0 + 0.05 * X, BETTER_M)
    with database.transaction() as connection:
        drawn = DrawnPipe(
            line=((EAST, NORTH + 5), (EAST + 100, NORTH + 5)), class_code="gas", width_mm=200, cover_depth_m=1.5
        )
        axis = line_clearance(connection, drawn).drawn_axis
    assert axis is not None and len(axis) > 4
    assert [z for *_, z in axis] == pytest.approx([12.0 + 0.05 * (x - EAST) - 1.6 for x, *_ in axis], abs=1e-3)


def test_a_section_and_a_profile_show_the_models_ground_and_say_so(database: Database, pipe: Connection) -> None:
    line = [(EAST + 40, NORTH - 20), (EAST + 40, NORTH + 20)]
    bare = cross_section(pipe, line)
    assert bare.cuts[0].cover_depth_m == pytest.approx(1.2) and bare.ground_models == ()
    assert "ground (surveyed points)" in draw_cross_section(bare, "en")
    load(database, 10.0 + 0.5 * np.exp(-(((X - 40) / 10) ** 2)))
    with database.transaction() as connection:
        section, profile = cross_section(connection, line), long_profile(connection, [1])
    assert section.cuts[0].cover_depth_m == pytest.approx(1.7, abs=1e-3)
    assert {round(z, 3) for _, z in section.ground} == {10.5}
    assert section.ground_models == profile.ground_models == ("city 2024",)
    assert max(profile.ground, key=lambda at: at[1]) == pytest.approx((40.0, 10.5), abs=1e-3)
    assert "ground (model city 2024)" in draw_cross_section(section, "en")
    assert "地面（地面模型 city 2024）" in draw_long_profile(profile, "zh")


def test_a_dig_is_as_deep_as_the_models_ground_says(database: Database, pipe: Connection) -> None:
    pit = shapely.box(EAST + 38, NORTH - 3, EAST + 42, NORTH + 3)

    def dug(connection: Connection) -> tuple[str, float | None, float | None]:
        found = excavation(connection, pit, Dig(depth_m=1.5), lambda: load_network(connection))
        (met,) = found.meetings
        return met.state, met.starts_at_m, found.ground_high_m

    assert dug(pipe) == ("met", pytest.approx(1.2), pytest.approx(10.0))
    load(database, np.full(200, 11.0), BETTER_M)
    with database.transaction() as connection:
        assert dug(connection) == ("under", pytest.approx(2.2), pytest.approx(11.0))


def grounds(connection: Connection) -> dict[str, float]:
    """The ground over the middle of the pipe, at x = 40 m, as every question takes it."""
    (thin,) = (one for one in segment_clearance(connection, 1).conflicts if one.kind is ConflictKind.COVER)
    (cut,) = cross_section(connection, [(EAST + 40, NORTH - 20), (EAST + 40, NORTH + 20)]).cuts
    pit = shapely.box(EAST + 39.9, NORTH - 3, EAST + 40.1, NORTH + 3)
    (met,) = excavation(connection, pit, Dig(depth_m=1.5), lambda: load_network(connection)).meetings
    drawn = DrawnPipe(
        line=((EAST + 40, NORTH), (EAST + 41, NORTH)), class_code="water", width_mm=200, cover_depth_m=1.0
    )
    axis = line_clearance(connection, drawn).drawn_axis
    assert axis is not None and axis[0][2] is not None and cut.ground_z_m is not None and met.starts_at_m is not None
    return {
        "cover": thin.nearest[1][2] or 0.0,
        "section": cut.ground_z_m,
        "profile": dict(long_profile(connection, [1]).ground)[40.0],
        "dig": 8.8 + met.starts_at_m,
        "drawn": axis[0][2] + 1.1,
    }


@pytest.mark.parametrize(
    ("survey_m", "model_m", "is_model_taken"),
    [
        (None, None, False),
        (None, 0.5, False),
        (None, 0.02, True),
        (0.5, 0.5, False),
        (0.5, 0.2, True),
        (0.5, None, False),
    ],
)
def test_surveyed_ground_holds_at_its_points_and_the_model_between_them_unless_it_is_the_better(
    database: Database, pipe: Connection, survey_m: float | None, model_m: float | None, is_model_taken: bool
) -> None:
    """A model 0.2 m too high at the west node and 0.3 m too low at the east one, with a hollow of 0.9 m between."""
    for number, x in ((3, 0.0), (4, 100.0)):
        plant(pipe, "node", number, f"POINT({EAST + x} {NORTH + 60})", ground_elevation_m=10.0)
    pipe.execute("UPDATE pipemap.node SET vertical_accuracy_m = %s", [survey_m])
    pipe.commit()
    off_m = 0.2 - 0.5 * X / 100
    load(database, 10.0 + off_m - 0.9 * np.exp(-(((X - 40) / 10) ** 2)), model_m)
    expected = 9.1 + (off_m[90] if is_model_taken else 0.0)
    with database.transaction() as connection:
        told = grounds(connection)
        ends = dict(long_profile(connection, [1]).ground)
    assert told == pytest.approx(dict.fromkeys(told, expected), abs=5e-3)
    assert (ends[0.0], ends[100.0]) == pytest.approx((10.2, 9.7) if is_model_taken else (10.0, 10.0), abs=1e-3)
    run_city(database)
    with database.transaction(read_only=True) as connection:
        (found,) = stored_conflicts(connection)
    assert found.nearest[1][2] == pytest.approx(expected, abs=5e-3)


def test_what_the_model_is_off_at_surveyed_points_fades_out_where_there_are_none(
    database: Database, pipe: Connection
) -> None:
    load(database, np.full(200, 12.0))
    with database.transaction() as connection:
        site = Site(connection, None)
        places = np.array([(EAST + x, NORTH + y) for x, y in ((0, 0), (100, 25), (100, -50), (50, 99))])
        assert ground_at(site, places).tolist() == pytest.approx([10.0, 10.5, 11.0, 12.0])
