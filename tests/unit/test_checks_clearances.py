"""The clearance rule on hand-drawn pipes: which pairs it must name, how gravely, and which it must leave alone."""

from itertools import count
from typing import Any

import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.checks import Rulebook
from pipemap.checks.scope import Scope
from schemas.findings import Finding, Severity
from tests.unit.scopes import findings as told
from tests.unit.scopes import scope_of

EAST_M, NORTH_M = 500_000.0, 2_500_000.0
Row = dict[str, Any]
Axis = list[tuple[float, ...]]
PRECISE = {"horizontal_accuracy_m": 0.01, "vertical_accuracy_m": 0.01}
BANK = {"shape_code": "rect", "width_mm": 900.0, "height_mm": 600.0, "burial_code": "duct_block"}

# Crossing at (10, 0): the water pipe's bottom at 7.9 m.
WATER: tuple[str, Axis] = ("water", [(0, 0, 8), (20, 0, 8)])


def across(z_m: float) -> Axis:
    return [(10, -10, z_m), (10, 10, z_m)]


def pipe(key: str, class_code: str, axis: Axis, nodes: tuple[int, int] | None = None, **attributes: Any) -> Row:
    """A precisely surveyed round pipe of 200 mm, between nodes of its own unless told otherwise."""
    place = [(EAST_M + x, NORTH_M + y, *z) for x, y, *z in axis]
    return {
        "source_key": key, "class_code": class_code, "nodes": nodes, "geom": shapely.LineString(place),
        "shape_code": "circle", "width_mm": 200.0, "height_mm": 200.0, "burial_code": "direct",
        "elevation_source_code": "measured", **PRECISE, **attributes,
    }  # fmt: skip


def drawn(*pipes: Row) -> Scope:
    own_nodes = count(1)
    rows = [{"feature_id": 1000 + number, **row} for number, row in enumerate(pipes)]
    nodes: dict[int, Row] = {}
    for row in rows:
        ends = row.pop("nodes") or (100 + next(own_nodes), 100 + next(own_nodes))
        row["from_node_id"], row["to_node_id"] = ends
        for node, place in zip(ends, (row["geom"].coords[0], row["geom"].coords[-1]), strict=True):
            point = {"feature_id": node, "source_key": f"P{node}", "class_code": row["class_code"], "changed": False}
            nodes[node] = point | {"geom": shapely.Point(place[:2]), "ground_elevation_m": 10.0}
    return scope_of(pd.DataFrame(list(nodes.values())), pd.DataFrame(rows))


def findings(*pipes: Row) -> list[Finding]:
    return told(drawn(*pipes), Rulebook.standard().only(["R40"]))


def pairs(found: list[Finding]) -> set[tuple[str, frozenset[str | None]]]:
    return {(each.details["kind"], frozenset([each.feature_key, each.details["other_source_key"]])) for each in found}


def test_a_crossing_with_too_little_between_the_walls_is_told_with_its_numbers() -> None:
    # Sewer top at 7.5 + 0.1 = 7.6 m, water bottom at 7.9 m: 0.30 m where table 4.1.14 asks for 0.40 m.
    (found,) = findings(pipe("main", *WATER), pipe("sewer", "foul", across(7.5)))
    assert (found.severity, found.feature_key) == (Severity.WARNING, "main")
    assert (found.value, found.limit) == ("0.30 m", "0.4 m GB 50289-2016")
    assert (found.x_m, found.y_m) == (EAST_M + 10, NORTH_M)
    assert found.details["clause"] == "table 4.1.14"
    assert found.details["point"][2] == pytest.approx(7.75)
    assert "main and foul sewer sewer is 0.30 m; 0.40 m is required by GB 50289-2016" in found.message_en
    assert "垂直净距为 0.30 m" in found.message_zh


def test_a_crossing_with_the_clearance_asked_for_is_not_told() -> None:
    assert findings(pipe("main", *WATER), pipe("sewer", "foul", across(7.39))) == []


def test_bodies_in_one_place_are_one_collision() -> None:
    (found,) = findings(pipe("main", *WATER), pipe("gas", "gas", across(8.15)))
    assert (found.severity, found.details["kind"], found.value) == (Severity.WARNING, "collision", "-0.05 m")


@pytest.mark.parametrize(
    "doubt",
    [
        # Without an accuracy the survey's own limit of 0.15 of the depth counts.
        {"vertical_accuracy_m": None},
        {"elevation_source_code": "inferred"},
    ],
)
def test_what_the_survey_cannot_tell_for_certain_is_a_note(doubt: Row) -> None:
    (found,) = findings(pipe("main", *WATER), pipe("sewer", "foul", across(7.5), **doubt))
    assert found.severity is Severity.INFO


def test_a_limit_that_was_recalled_and_not_read_is_a_note() -> None:
    # 0.50 m between reclaimed water and a buried cable is in the table from memory.
    (found,) = findings(pipe("reclaimed", "reclaimed", WATER[1]), pipe("cable", "power", across(7.5)))
    assert found.severity is Severity.INFO
    assert "to be confirmed" in found.message_en


def test_side_by_side_only_what_applies_for_certain_is_told() -> None:
    # 0.6 m between water and sewer, 1.0 m asked for; telecom ducts beside it hang on a recalled number.
    along = [(0, 0.8, 8), (20, 0.8, 8)]
    (found,) = findings(pipe("main", *WATER), pipe("sewer", "foul", along))
    assert (found.severity, found.details["kind"]) == (Severity.WARNING, "horizontal")
    assert findings(pipe("main", *WATER), pipe("ducts", "telecom", along, **BANK)) == []


def test_pipes_that_are_joined_or_follow_one_another_are_left_alone() -> None:
    run = [
        pipe("a->b", "gas", [(0, 0, 8), (20, 0, 8)], (1, 2)),
        pipe("b->c", "gas", [(20, 0, 8), (20, 0.4, 8)], (2, 3)),
        pipe("c->d", "gas", [(20, 0.4, 8), (0, 0.4, 8)], (3, 4)),
    ]
    assert findings(*run) == []


OUT_OF_THE_WAY: list[Row] = [
    {"lifecycle_code": "abandoned"},
    {"lifecycle_code": "removed"},
    {"burial_code": "overhead"},
    {"burial_code": "in_well"},
    {"geom": shapely.LineString([(EAST_M + 10, NORTH_M - 10), (EAST_M + 10, NORTH_M + 10)])},
]


@pytest.mark.parametrize("attributes", OUT_OF_THE_WAY)
def test_what_is_gone_or_above_the_ground_or_of_unknown_height_collides_with_nothing(attributes: Row) -> None:
    assert findings(pipe("main", *WATER), pipe("other", "gas", across(8.0), **attributes)) == []


def test_a_pair_is_told_by_the_pipe_that_changed() -> None:
    standing = {"changed": False}
    (found,) = findings(pipe("old", *WATER, **standing), pipe("new", "gas", across(8.0)))
    assert (found.feature_key, found.details["other_source_key"]) == ("new", "old")
    assert findings(pipe("old", *WATER, **standing), pipe("older", "gas", across(8.0), **standing)) == []


def test_a_design_is_judged_against_what_stands_but_an_old_design_is_in_nobodys_way() -> None:
    design = {"lifecycle_code": "planned"}
    assert len(findings(pipe("main", *WATER, changed=False), pipe("plan", "gas", across(8.0), **design))) == 1
    assert findings(pipe("plan", *WATER, changed=False, **design), pipe("gas", "gas", across(8.0))) == []


def test_one_duct_bank_booked_for_each_owner_is_one_note() -> None:
    bank = [
        pipe("power", "power", [(0, 0, 8), (20, 0, 8)], **BANK),
        pipe("telecom", "telecom", [(0.1, 0.05, 8), (20.1, 0.05, 8)], (1, 2), **BANK),
        # On from the same well with another section.
        pipe("narrow", "telecom", [(20.1, 0.05, 8), (20.1, 20, 8)], (2, 3), **BANK | {"width_mm": 500.0}),
    ]
    (note,) = findings(*bank)
    assert (note.severity, note.feature_key) == (Severity.INFO, None)
    assert note.details["pairs"] == [["power", "telecom"], ["power", "narrow"]]


def test_a_duct_bank_driven_through_another_one_still_collides() -> None:
    (found,) = findings(
        pipe("power", "power", [(0, 0, 8), (20, 0, 8)], **BANK),
        pipe("telecom", "telecom", across(8.1), **BANK | {"height_mm": 450.0}),
    )
    assert found.details["kind"] == "collision"


LEVELS = st.integers(50, 120).map(lambda decimetres: decimetres / 10)
PLACES = st.integers(0, 5).map(lambda number: 10.0 * number)
RUNS = st.lists(st.tuples(PLACES, PLACES, PLACES, LEVELS), min_size=1, max_size=6)


@settings(deadline=None, max_examples=40)
@given(RUNS, RUNS)
def test_a_grid_of_mains_and_sewers_is_judged_as_arithmetic_says(mains: Any, sewers: Any) -> None:
    """Mains run east, sewers north, no end within a metre of another pipe; 0.40 m of clearance is asked for."""
    water = {f"w{i}": (a, b + 7, y + 4 * i / 7, z) for i, (a, b, y, z) in enumerate(mains) if b + 7 > a}
    foul = {f"f{i}": (a, b + 7, x + 4 * i / 7, z) for i, (a, b, x, z) in enumerate(sewers) if b + 7 > a}
    expected = set()
    for w, (x0, x1, y, z_water) in water.items():
        for f, (y0, y1, x, z_foul) in foul.items():
            gap_m = abs(z_water - z_foul) - 0.2
            if x0 - 3 < x < x1 - 3 and y0 - 3 < y < y1 - 3 and gap_m < 0.35:
                expected.add(("collision" if gap_m < -1e-6 else "vertical", frozenset([w, f])))
    pipes = [pipe(w, "water", [(x0 - 3, y, z), (x1 - 3, y, z)]) for w, (x0, x1, y, z) in water.items()]
    pipes += [pipe(f, "foul", [(x, y0 - 3, z), (x, y1 - 3, z)]) for f, (y0, y1, x, z) in foul.items()]
    found = pairs(findings(*pipes)) if pipes else set()
    mixed = {each for each in found if {key[0] for key in each[1] if key} == {"w", "f"} and each[0] != "horizontal"}
    assert mixed == expected
