import itertools
from dataclasses import replace

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.clearance.core import Pipes, Verdicts, conflicts_between
from pipemap.clearance.geometry3d import piece_distance
from pipemap.clearance.rules import Party
from schemas.clearance import ConflictKind

Axis = list[tuple[float, float, float]]
PARTIES = (Party("water", width_mm=300), Party("sewer", width_mm=600))
RADII_M = (0.15, 0.30)
# Read from the tables: water above DN200 beside a sewer 1.5 m, crossing it 0.4 m; a water main over another 0.15 m.
HORIZONTAL_M = {(0, 1): 1.5}
VERTICAL_M = {(0, 0): 0.15, (0, 1): 0.4, (1, 1): 0.15}

centimetres = st.integers(-400, 400).map(lambda value: value / 100)
point = st.tuples(centimetres, centimetres, st.integers(-150, 0).map(lambda value: value / 100))
axes = st.tuples(point, point).filter(lambda ends: np.hypot(ends[0][0] - ends[1][0], ends[0][1] - ends[1][1]) > 2)


def pipes_of(drawn: list[tuple[int, Axis]]) -> Pipes:
    """Round pipes, each between nodes of its own; the number is the party."""
    n = len(drawn)
    party = np.array([kind for kind, _ in drawn], dtype=np.int64)
    radius = np.array(RADII_M)[party]
    vertices = [np.array(axis, dtype=float) for _, axis in drawn]
    return Pipes(
        feature_id=np.arange(n),
        class_index=party,
        nodes=np.arange(2 * n).reshape(n, 2),
        container_id=np.full(n, -1),
        is_round=np.full(n, True),
        half_width_m=radius,
        half_height_m=radius,
        party_index=party,
        parties=PARTIES,
        first_piece=np.concatenate([[0], np.cumsum([len(v) - 1 for v in vertices])]),
        start=np.concatenate([v[:-1] for v in vertices]),
        end=np.concatenate([v[1:] for v in vertices]),
    )


def judged(drawn: list[tuple[int, Axis]], left: int = 0, right: int = 1) -> list[tuple[ConflictKind, float]]:
    found: Verdicts = conflicts_between(pipes_of(drawn), np.array([left]), np.array([right]))
    assert found.is_conflict.all()
    return [(kind, float(m)) for kind, m in zip(found.kind, found.measured_m, strict=True)]


def same(one: list[tuple[ConflictKind, float]], other: list[tuple[ConflictKind, float]]) -> bool:
    kinds = [kind for kind, _ in one] == [kind for kind, _ in other]
    return kinds and np.allclose([m for _, m in one], [m for _, m in other], atol=1e-6)


@given(axes, axes, st.sampled_from([(0, 0), (0, 1), (1, 1)]))
@settings(max_examples=150, deadline=None)
def test_verdict_does_not_depend_on_who_asks_or_how_it_was_drawn(
    one: Axis, other: Axis, kinds: tuple[int, int]
) -> None:
    drawn = [(kinds[0], list(one)), (kinds[1], list(other))]
    verdict = judged(drawn)
    assert same(judged(drawn, 1, 0), verdict)
    assert same(judged([(kind, axis[::-1]) for kind, axis in drawn]), verdict)
    moved = [(kind, [(x + 512, y + 4096, z + 8) for x, y, z in axis]) for kind, axis in drawn]
    assert same(judged(moved), verdict)


@given(axes, axes, st.sampled_from([(0, 0), (0, 1), (1, 1)]))
@settings(max_examples=150, deadline=None)
def test_verdict_agrees_with_plan_geometry_by_another_library(one: Axis, other: Axis, kinds: tuple[int, int]) -> None:
    plan_one, plan_other = (shapely.LineString([at[:2] for at in axis]) for axis in (one, other))
    angle = abs((np.degrees(_bearing(one) - _bearing(other)) + 90) % 180 - 90)
    walls_m = plan_one.distance(plan_other) - RADII_M[kinds[0]] - RADII_M[kinds[1]]
    if abs(angle - 30) < 1 or plan_one.touches(plan_other) or abs(walls_m) < 0.002:
        return
    space_m = _sampled_distance(one, other) - RADII_M[kinds[0]] - RADII_M[kinds[1]]
    verdict = judged([(kinds[0], list(one)), (kinds[1], list(other))])
    if space_m < -0.02:
        side_by_side = kinds[0] == kinds[1] and angle < 30
        assert [kind for kind, _ in verdict] == [] if side_by_side else [ConflictKind.COLLISION]
    elif space_m > 0.02 and not (plan_one.crosses(plan_other) or (walls_m < 0 and angle > 30)):
        limit_m = HORIZONTAL_M.get((min(kinds), max(kinds)), 0.0)
        beside = ConflictKind.STACKED if walls_m < 0 else ConflictKind.HORIZONTAL
        assert [kind for kind, _ in verdict] == [beside] * (walls_m < limit_m - 0.0005 and limit_m > 0)
        assert all(abs(m - max(walls_m, 0)) < 1e-6 for _, m in verdict)
    elif space_m > 0.02:
        assert all(kind is ConflictKind.VERTICAL for kind, _ in verdict)
        assert all(m < VERTICAL_M[min(kinds), max(kinds)] for _, m in verdict)


def _bearing(axis: Axis) -> float:
    (x1, y1, _), (x2, y2, _) = axis
    return float(np.arctan2(y2 - y1, x2 - x1))


def _sampled_distance(one: Axis, other: Axis) -> float:
    """Shortest distance of 1,000 points of one axis to the other, good to millimetres for these lengths."""
    shares = np.linspace(0, 1, 1000)[:, None]
    start, end = np.array(one)
    points = start + shares * (end - start)
    ends = (np.repeat(np.array(other)[side : side + 1], 1000, axis=0) for side in (0, 1))
    return float(piece_distance(points, points, *ends).distance.min())


@given(axes, axes, st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_a_vertex_in_the_middle_of_a_pipe_changes_nothing(one: Axis, other: Axis, tenth: int) -> None:
    drawn = [(0, list(one)), (1, list(other))]
    start, end = np.array(one)
    middle = tuple((start + tenth / 10 * (end - start)).tolist())
    cut = [(0, [one[0], middle, one[1]]), (1, list(other))]
    plain, with_vertex = judged(drawn), judged(cut)
    assert [kind for kind, _ in plain] == [kind for kind, _ in with_vertex]
    assert np.allclose([m for _, m in plain], [m for _, m in with_vertex], atol=1e-6)


def test_many_pairs_at_once_are_the_pairs_one_by_one() -> None:
    random = np.random.default_rng(3)
    drawn: list[tuple[int, Axis]] = []
    for number in range(30):
        middle = random.uniform([0, 0, -2], [12, 12, 0])
        step = random.normal(0, [3, 3, 0.2])
        drawn.append(
            (number % 2, [tuple(middle - step), tuple(middle), tuple(middle + step + random.normal(0, 0.5, 3))])
        )
    left, right = (np.array(side) for side in zip(*itertools.combinations(range(30), 2), strict=True))
    pipes = pipes_of(drawn)
    together = conflicts_between(pipes, left, right)
    found = {(int(a), int(b)): (kind, m) for a, b, kind, m in zip(
        together.left, together.right, together.kind, together.measured_m.tolist(), strict=True)}  # fmt: skip
    assert len(found) > 30 and len(set(together.kind)) == 4
    for a, b in zip(left.tolist(), right.tolist(), strict=True):
        alone = conflicts_between(pipes, np.array([a]), np.array([b]))
        assert found.get((a, b)) == next(iter(zip(alone.kind, alone.measured_m.tolist(), strict=True)), None)


def test_nothing_to_compare_is_no_conflict() -> None:
    nothing = np.array([], dtype=np.int64)
    found = conflicts_between(pipes_of([(0, [(0, 0, 0), (1, 0, 0)])]), nothing, nothing)
    assert len(found.kind) == 0 and found.near_left.shape == (0, 3)


@pytest.mark.parametrize(("gap_m", "is_short"), [(0.4000, False), (0.3990, True), (0.4010, False)])
def test_a_limit_that_is_just_kept_is_kept(gap_m: float, is_short: bool) -> None:
    # 0.4 less 0.45 of radii: coordinates and sums of decimals are never exact in binary.
    low = -0.1 - 0.45 - gap_m
    drawn: list[tuple[int, Axis]] = [(0, [(0, -2, -0.1), (0, 2, -0.1)]), (1, [(-2, 0, low), (2, 0, low)])]
    assert bool(judged(drawn)) == is_short


def ending_on_a_main(end: tuple[float, float, float], party: int = 0, main_z_m: float = 0.0) -> Verdicts:
    """A pipe of 300 mm across a main along x, up to some end."""
    drawn = [(0, [(-20.0, 0.0, main_z_m), (20.0, 0.0, main_z_m)]), (party, [(3.0, 9.0, end[2]), end])]
    return conflicts_between(pipes_of(drawn), np.array([0]), np.array([1]))


@pytest.mark.parametrize("end_y_m", [0.0, 0.29, -0.29])
@pytest.mark.parametrize("z_m", [0.0, np.nan])
def test_a_connection_that_ends_on_a_main_of_its_utility_is_joined_to_it(end_y_m: float, z_m: float) -> None:
    assert len(ending_on_a_main((3.0, end_y_m, z_m), main_z_m=z_m).left) == 0


def test_a_pipe_that_goes_on_across_or_is_of_another_utility_is_not_joined_to_it() -> None:
    across = ending_on_a_main((3.0, -9.0, np.nan), main_z_m=np.nan)
    assert list(across.kind) == [ConflictKind.VERTICAL] and across.cannot_tell.all()
    for met in (ending_on_a_main((3.0, -9.0, 0.0)), ending_on_a_main((3.0, 0.0, 0.0), party=1)):
        assert met.kind == [ConflictKind.COLLISION] and met.is_conflict.all()
    above = ending_on_a_main((3.0, 0.0, 0.4))
    assert above.kind == [ConflictKind.VERTICAL], "0.1 m over the main is not on it"
    assert above.measured_m == pytest.approx([0.1])


@pytest.mark.parametrize(
    ("other", "apart_m", "banks", "shares"),
    [
        ("power", 0.2, (True, False), True),
        ("power", 0.2, (True, True), True),
        ("power", 0.4, (True, False), False),
        ("power", 0.2, (False, False), False),
        ("gas", 0.2, (True, False), False),
    ],
)
def test_a_cable_that_leaves_a_bank_in_its_well_lies_in_the_same_trench(
    other: str, apart_m: float, banks: tuple[bool, bool], shares: bool
) -> None:
    bank = [(0.0, 0.0, 0.0), (20.0, 0.0, 0.0)]
    drawn = pipes_of([(0, bank), (1, [(-apart_m, 0.05, 0.0), (20.0, 8.0, 0.0)])])
    parties = (Party("telecom", "trench"), Party(other, "conduit"))
    found = conflicts_between(replace(drawn, parties=parties, in_bank=np.array(banks)), np.array([0]), np.array([1]))
    assert found.kind == [ConflictKind.COLLISION]
    assert found.shares_bank.tolist() == [shares] and found.is_conflict.tolist() == [not shares]
