"""A cross-section of a planted street, by hand arithmetic and against PostGIS."""

import io
import math
import re
from collections.abc import Iterator

import ezdxf
import pytest
from ezdxf import bbox as bounding_box

from pipemap.clearance.drawn import line_clearance
from pipemap.db import Connection, Database, fetch_all
from pipemap.errors import UsageError
from pipemap.sections.cross import cross_section
from pipemap.sections.drawing import draw_cross_section
from pipemap.sections.svg import Language, as_file
from schemas.clearance import DrawnPipe
from tests.postgis.planting import EAST, NORTH, plant, plant_version, wkt
from tests.postgis.planting import plant_pipe as pipe

STREET = [(EAST, NORTH), (EAST + 20, NORTH)]


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.transaction() as connection:
        plant_version(connection, 1)
        yield connection


def test_pipes_are_cut_at_their_offset_depth_and_size(connection: Connection) -> None:
    water = pipe(connection, 1, (5, -10, 8.0), (5, 10, 8.4))
    pipe(connection, 2, (9, -10, 7.0), (9, 10, 7.0), shape_code="rect", width_mm=1000, height_mm=600)
    pipe(connection, 3, (15, 1, 7.0), (15, 10, 7.0))
    section = cross_section(connection, STREET)
    first, second = section.cuts
    assert (first.feature_id, first.station_m, first.axis_z_m) == (water, 5.0, pytest.approx(8.2))
    assert (first.crown_z_m, first.invert_z_m) == (pytest.approx(8.4), pytest.approx(8.0))
    assert first.cover_depth_m == pytest.approx(1.6)
    assert sorted({x for x, _ in second.outline}) == pytest.approx([8.5, 9.5])
    assert sorted({z for _, z in second.outline}) == pytest.approx([6.7, 7.3])
    (between,) = section.spacings
    assert (between.spacing_m, between.clear_m) == (pytest.approx(4.0), pytest.approx(3.3))
    assert section.ground[0] == (0.0, 10.0) and section.ground[-1] == (20.0, 10.0)


def test_a_casing_is_drawn_round_its_pipe_and_dimensioned(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.0), (5, 10, 8.0), casing_mm=1000)
    pipe(connection, 2, (9, -10, 8.0), (9, 10, 8.0))
    section = cross_section(connection, STREET)
    first, second = section.cuts
    assert (first.crown_z_m, first.invert_z_m) == (pytest.approx(8.2), pytest.approx(7.8)), "the pipe's own"
    assert first.cover_depth_m == pytest.approx(10 - 8.0 - 0.5)
    for shape, half_m in ((first.outline, 0.2), (first.casing, 0.5)):
        stations, heights = zip(*shape, strict=True)
        assert (min(stations), max(stations)) == (pytest.approx(5 - half_m), pytest.approx(5 + half_m))
        assert (min(heights), max(heights)) == (pytest.approx(8 - half_m), pytest.approx(8 + half_m))
    (between,) = section.spacings
    assert between.clear_m == pytest.approx(4.0 - 0.5 - 0.2) and second.casing == ()
    shapes = draw_cross_section(section).count("<polygon")
    connection.execute("UPDATE pipemap.pipe_segment SET casing_mm = NULL")
    assert draw_cross_section(cross_section(connection, STREET)).count("<polygon") == shapes - 1


def test_a_pipe_of_unknown_depth_or_size_is_told_and_not_drawn(connection: Connection) -> None:
    pipe(connection, 1, (5, -10), (5, 10), elevation_source_code="unknown")
    pipe(connection, 2, (9, -10, 7.0), (9, 10, 7.0), width_mm=None, height_mm=None)
    deep, sized = cross_section(connection, STREET).cuts
    assert (deep.axis_z_m, deep.crown_z_m, deep.cover_depth_m, deep.outline) == (None, None, None, ())
    assert (sized.axis_z_m, sized.crown_z_m, sized.outline) == (7.0, None, ())


def test_pairs_too_near_beside_the_section_are_marked_with_their_rule(connection: Connection) -> None:
    # Walls 0.6 m apart: sewer and water of 400 mm need 1.5 m in plan (GB 50289, table 4.1.9: over 200 mm).
    pipe(connection, 1, (5, -10, 8.0), (5, 10, 8.0))
    pipe(connection, 2, (6, -10, 8.0), (6, 10, 8.0), class_code="foul")
    (found,) = cross_section(connection, STREET).too_near
    assert (found.one, found.other, found.kind) == (1, 2, "horizontal")
    assert found.measured_m == pytest.approx(0.6) and found.limit_m == 1.5


def test_what_is_too_near_far_from_the_section_is_not_marked(connection: Connection) -> None:
    # 5 m apart in the section, coming together 50 m up the street.
    pipe(connection, 1, (5, -10, 8.0), (5, 50, 8.0))
    pipe(connection, 2, (10, -10, 8.0), (10, 10, 8.0), (5.5, 50, 8.0), class_code="foul")
    assert cross_section(connection, STREET).too_near == ()


def test_abandoned_pipes_are_shown_but_nothing_is_asked_of_them(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.0), (5, 10, 8.0))
    pipe(connection, 2, (6, -10, 8.0), (6, 10, 8.0), class_code="foul", lifecycle_code="abandoned")
    section = cross_section(connection, STREET)
    assert [cut.is_live for cut in section.cuts] == [True, False]
    assert (section.too_near, section.spacings) == ((), ())


def test_stations_and_heights_are_those_of_postgis_along_a_bent_line(connection: Connection) -> None:
    for number in range(1, 30):
        turn = number * 0.7
        x, y = 3 * math.cos(turn) + number, 12 * math.sin(turn)
        pipe(connection, number, (x, y, 5.0), (x + 4, -y, 7.5), (x + 9, 14 - y, 6.0))
    line = [(EAST, NORTH), (EAST + 15, NORTH + 3), (EAST + 40, NORTH - 2)]
    expected = fetch_all(
        connection,
        """SELECT feature_id, ST_Z(p.geom) AS z,
            ST_LineLocatePoint(line.geom, p.geom) * ST_Length(line.geom) AS station_m
        FROM pipemap.pipe_segment AS s, ST_GeomFromText(%(line)s, 4547) AS line (geom),
            LATERAL ST_Dump(ST_Intersection(s.geom, line.geom)) AS p
        ORDER BY station_m""",
        {"line": wkt(line)},
    )
    cuts = cross_section(connection, line).cuts
    assert len(cuts) > 15
    assert [cut.feature_id for cut in cuts] == [row["feature_id"] for row in expected]
    assert [cut.station_m for cut in cuts] == pytest.approx([row["station_m"] for row in expected])
    assert [cut.axis_z_m for cut in cuts] == pytest.approx([row["z"] for row in expected])


def test_a_line_through_a_vertex_cuts_a_pipe_once(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.0), (5, 0, 8.0), (7, 10, 8.0))
    assert len(cross_section(connection, STREET).cuts) == 1


def test_buildings_are_told_where_the_line_runs_through_them(connection: Connection) -> None:
    corners = ", ".join(f"{EAST + x} {NORTH + y}" for x, y in ((12, -5), (18, -5), (18, 5), (12, 5), (12, -5)))
    plant(connection, "structure", 900, f"POLYGON(({corners}))", base_elevation_m=9.0, top_elevation_m=30.0)
    (found,) = cross_section(connection, STREET).structures
    assert (found.from_m, found.to_m, found.base_z_m) == (12.0, 18.0, 9.0)


@pytest.mark.parametrize("line", [[(EAST, NORTH), (EAST, NORTH)], [(EAST, NORTH), (EAST + 2_001, NORTH)]])
def test_a_line_of_no_length_or_too_long_is_refused(connection: Connection, line: list[tuple[float, float]]) -> None:
    with pytest.raises(UsageError):
        cross_section(connection, line)


def test_covers_and_clear_heights_are_dimensioned_with_their_limits(connection: Connection) -> None:
    # Gas over a sewer: 10.0 - (8.5 + 0.1) of cover; 8.5 - 0.1 - (7.6 + 0.2) between them.
    pipe(connection, 1, (5, -10, 8.5), (5, 10, 8.5), class_code="gas", width_mm=200, height_mm=200)
    pipe(connection, 2, (4, -10, 7.6), (6, 10, 7.6), class_code="foul")
    section = cross_section(connection, STREET)
    (gap,) = section.vertical_gaps
    assert {gap.upper, gap.lower} == {cut.number for cut in section.cuts}
    assert gap.clear_m == pytest.approx(0.6) and gap.from_z_m == pytest.approx(7.8)
    # GB 50289-2016: gas and sewer cross at 0.15 m; gas of unknown pressure is laid at least 0.6 m deep off the roads.
    assert gap.limit_m == 0.15
    gas = next(cut for cut in section.cuts if cut.class_code == "gas")
    assert gas.cover_depth_m == pytest.approx(1.4) and gas.cover_limit_m == 0.6


def test_a_pipe_that_slants_along_the_section_is_as_near_to_one_over_it_as_where_they_meet(
    connection: Connection,
) -> None:
    # Along the section it rises by 0.1 from 7.0 at x = 0; its upper edge of 0.3 m width stands 0.2 m over its axis.
    pipe(connection, 1, (0, -1, 7.0), (20, 1, 9.0), shape_code="rect", width_mm=300, height_mm=400, class_code="foul")
    pipe(connection, 2, (10.5, -10, 8.6), (10.5, 10, 8.6), width_mm=200, height_mm=200)
    (gap,) = cross_section(connection, STREET).vertical_gaps
    # 8.5 is the bottom of the upper one; the lower one is highest under the east side of it.
    assert gap.clear_m == pytest.approx(8.5 - (7.0 + 0.1 * 10.5 + 0.2), abs=0.02)
    assert gap.station_m == pytest.approx(10.5, abs=0.11)


def test_lines_of_two_owners_in_one_bank_have_no_clear_height_to_keep(connection: Connection) -> None:
    bank = {"shape_code": "rect", "width_mm": 800, "height_mm": 400, "burial_code": "duct_block"}
    pipe(connection, 1, (5, -10, 8.5), (5, 10, 8.5), class_code="power", **bank)
    pipe(connection, 2, (5.2, -10, 8.5), (5.2, 10, 8.5), class_code="telecom", **bank)
    section = cross_section(connection, STREET)
    assert section.vertical_gaps == () and section.too_near == ()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_said_under_a_section_stays_on_the_sheet(connection: Connection, language: Language) -> None:
    for number, (x, code) in enumerate(((5, "gas"), (5.5, "foul"), (6.2, "telecom")), 1):
        pipe(connection, number, (x, -10, 8.5), (x, 10, 8.5), class_code=code)
    svg = draw_cross_section(cross_section(connection, STREET), language)
    notes = re.findall(r'<text x="70.0"[^>]*fill="#d00000"[^>]*>([^<]*)</text>', svg)
    # Chinese letters are as wide as they are high, 13; those of Latin script about half of that.
    assert notes and max(sum(13 if ord(one) > 0x2E80 else 6.5 for one in told) for told in notes) < 1120
    assert len(notes) > 2 or language == "zh"


def test_a_section_is_drawn_whose_ground_ends_long_before_it_does(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.5), (5, 10, 8.5))
    section = cross_section(connection, [(EAST, NORTH), (EAST + 1500, NORTH)])
    # As where a ground model ends and nothing was surveyed.
    known = tuple(place for place in section.ground if place[0] < 500)
    assert "<polyline" in draw_cross_section(section.model_copy(update={"ground": known}))


def test_pipes_side_by_side_have_no_clear_height_between_them(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.5), (5, 10, 8.5))
    pipe(connection, 2, (7, -10, 7.6), (7, 10, 7.6), class_code="foul")
    section = cross_section(connection, STREET)
    assert section.vertical_gaps == ()
    assert section.spacings[0].limit_m == 1.5


@pytest.mark.parametrize("exaggeration", [1.0, 4.0])
def test_the_drawing_in_cad_has_every_pipe_in_metres(connection: Connection, exaggeration: float) -> None:
    pipe(connection, 1, (5, -10, 8.5), (5, 10, 8.5), class_code="gas", width_mm=200, height_mm=200)
    pipe(connection, 2, (9, -10, 7.0), (9, 10, 7.0), shape_code="rect", width_mm=1000, height_mm=600)
    svg = draw_cross_section(cross_section(connection, STREET), "zh", exaggeration)
    file = ezdxf.read(io.StringIO(as_file(svg, "dxf").decode()))
    assert not file.audit().errors
    boxes = [
        bounding_box.extents([line])
        for line in file.modelspace().query('LWPOLYLINE[layer=="pipes"]')
    ]  # fmt: skip
    found = sorted((*box.extmin.vec2, *box.extmax.vec2) for box in boxes)
    wanted = [(4.9, 8.4, 5.1, 8.6), (8.5, 6.7, 9.5, 7.3)]
    for box, (x1, low, x2, high) in zip(found, wanted, strict=True):
        assert box == pytest.approx((x1, low * exaggeration, x2, high * exaggeration), abs=0.01)
    texts = {text.dxf.text for text in file.modelspace().query("TEXT")}
    assert {"横断面图", "燃气", "K1", "1000×600"} <= texts


def test_an_exaggeration_that_makes_no_sense_is_refused(connection: Connection) -> None:
    with pytest.raises(UsageError):
        draw_cross_section(cross_section(connection, STREET), "zh", 0.0)


def test_a_drawn_pipe_is_cut_and_judged_with_the_others(connection: Connection) -> None:
    pipe(connection, 1, (5, -10, 8.0), (5, 10, 8.0))
    axis = ((EAST + 6, NORTH - 10, 8.0), (EAST + 6, NORTH + 10, 8.0))
    planned = DrawnPipe(line=axis, class_code="foul", width_mm=400)
    section = cross_section(connection, STREET, pipe=planned)
    laid, drawn = section.cuts
    assert (laid.is_drawn, drawn.is_drawn, drawn.feature_id) == (False, True, None)
    assert (drawn.station_m, drawn.cover_depth_m) == (6.0, pytest.approx(10 - 8.0 - 0.2))
    (between,) = section.spacings
    assert (between.clear_m, between.limit_m) == (pytest.approx(0.6), 1.5)
    (found,) = section.too_near
    assert (found.one, found.other, found.measured_m, found.limit_m) == (1, 2, pytest.approx(0.6), 1.5)
    assert "拟建" in draw_cross_section(section, "zh") and "planned" in draw_cross_section(section, "en")
    assert section.drawn is None and len(cross_section(connection, STREET).cuts) == 1


@pytest.mark.parametrize(("cover_m", "clear_m"), [(1.2, 0.2), (1.3, 0.1), (1.9, -0.1), (2.1, 0.1), (2.2, 0.2)])
def test_a_drawn_pipe_is_seen_from_the_side_with_what_it_crosses_dimensioned(
    connection: Connection, cover_m: float, clear_m: float
) -> None:
    """A main of 400 mm at 8.2 m is crossed by one of 200 mm; 0.15 m must be between them (GB 50289, table 4.1.14)."""
    pipe(connection, 1, (5, -10, 8.2), (5, 10, 8.2))
    pipe(connection, 2, (15, -10), (15, 10), elevation_source_code="unknown")
    planned = DrawnPipe(line=tuple(STREET), class_code="water", width_mm=200, cover_depth_m=cover_m)
    section = cross_section(connection, STREET, pipe=planned)
    assert section.drawn is not None and len(section.cuts) == 2
    assert (section.drawn.cover_depth_m, section.drawn.cover_limit_m) == (pytest.approx(cover_m), 0.6)
    assert [z for _, z in section.drawn.axis] == pytest.approx([10 - cover_m - 0.1] * len(section.drawn.axis))
    (gap,) = section.vertical_gaps
    is_above = cover_m < 1.8
    assert (gap.upper, gap.lower) == ((0, 1) if is_above else (1, 0))
    assert (gap.station_m, gap.clear_m, gap.limit_m) == (5.0, pytest.approx(clear_m), 0.15)
    asked = line_clearance(connection, planned)
    told = {(found.kind, found.measured_m, found.limit_m) for found in asked.conflicts if found.other_id == 1}
    assert {(found.kind, found.measured_m, found.limit_m) for found in section.too_near} == told
    assert bool(told) == (clear_m < 0.15) and all(found.one == 0 for found in section.too_near)
    assert [(one.one, one.other) for one in section.undecided] == [(0, 2)]
    dxf = ezdxf.read(io.StringIO(as_file(draw_cross_section(section, "en"), "dxf").decode()))
    assert len(dxf.modelspace().query('LWPOLYLINE[layer=="drawn"]')) == 2
    words = {text.dxf.text for text in dxf.modelspace().query("TEXT")}
    assert {"planned water supply DN200", f"{cover_m:.2f} ≥0.60", f"{clear_m:.2f} ≥0.15"} <= words


def test_a_drawn_pipe_without_known_ground_is_told_and_not_drawn(connection: Connection) -> None:
    planned = DrawnPipe(line=tuple(STREET), class_code="water", width_mm=200, cover_depth_m=1.0)
    section = cross_section(connection, STREET, pipe=planned)
    assert section.drawn is not None and (section.drawn.axis, section.drawn.cover_depth_m) == ((), None)
    assert "planned" in draw_cross_section(section, "en")


def test_a_sloping_drawn_pipe_is_the_same_from_the_side_whichever_end_it_was_drawn_from(connection: Connection) -> None:
    """It falls from 9.5 m to 8.5 m and crosses a main of 400 mm at 8.0 m; at 5 m its axis is at 9.25 m."""
    pipe(connection, 1, (5, -10, 8.0), (5, 10, 8.0))
    axis = ((EAST, NORTH, 9.5), (EAST + 20, NORTH, 8.5))
    planned = [DrawnPipe(line=line, class_code="water", width_mm=200) for line in (axis, axis[::-1])]
    forth, back = (cross_section(connection, STREET, pipe=one) for one in planned)
    (gap,) = back.vertical_gaps
    assert (gap.upper, gap.lower, gap.clear_m) == (0, 1, pytest.approx(9.25 - 0.1 - 8.2))
    assert back.vertical_gaps == forth.vertical_gaps and back.drawn == forth.drawn
    assert draw_cross_section(back) == draw_cross_section(forth)
