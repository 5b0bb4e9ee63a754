"""The pipes that are near one another: the same as comparing every pipe with every other, however the map is cut."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.clearance import candidates
from pipemap.clearance.candidates import candidate_pairs, pairs_within, rule_reach
from pipemap.clearance.core import Pipes, distances_between
from pipemap.clearance.rules import Party

N_PIPES, LIMIT_M = 120, 0.8
PARTIES = (Party("water", width_mm=300), Party("gas", pressure_code="medium_a", width_mm=200), Party("telecom"))


def random_pipes(seed: int, spread_m: float, length_m: float) -> Pipes:
    """Pipes of one to three pieces, some joined, some without a height or a size, some straight north or east."""
    random = np.random.default_rng(seed)
    counts = random.integers(1, 4, N_PIPES)
    first = np.concatenate([[0], np.cumsum(counts)])
    steps = random.normal(0, [length_m, length_m, 0.4], (first[-1], 3))
    steps[random.random(first[-1]) < 0.2, 0] = 0.0
    steps[random.random(first[-1]) < 0.2, 1] = 0.0
    begin = random.uniform([0, 0, -3], [spread_m, spread_m, 0], (N_PIPES, 3))
    begin += [500_000.0, 2_500_000.0, 0.0]
    begin[random.random(N_PIPES) < 0.1, 2] = np.nan
    past = np.cumsum(steps, axis=0)
    past += np.repeat(begin - (past - steps)[first[:-1]], counts, axis=0)
    half_m = np.where(random.random(N_PIPES) < 0.1, np.nan, random.uniform(0.05, 1.5, N_PIPES))
    return Pipes(
        feature_id=np.arange(N_PIPES),
        class_index=np.zeros(N_PIPES, np.int64),
        nodes=random.integers(0, 600, (N_PIPES, 2)),
        container_id=np.full(N_PIPES, -1),
        is_round=np.full(N_PIPES, True),
        half_width_m=half_m,
        half_height_m=half_m,
        party_index=random.integers(0, len(PARTIES), N_PIPES),
        parties=PARTIES,
        first_piece=first,
        start=past - steps,
        end=past,
    )


def every_pair(pipes: Pipes) -> tuple[np.ndarray, np.ndarray]:
    left, right = np.triu_indices(len(pipes), 1)
    apart = ~(pipes.nodes[left][:, :, None] == pipes.nodes[right][:, None, :]).any(axis=(1, 2))
    return left[apart], right[apart]


@given(st.integers(0, 2**31), st.sampled_from([(60.0, 4.0), (600.0, 60.0), (9000.0, 3000.0)]), st.integers(3, 400))
@settings(max_examples=40, deadline=None)
def test_pairs_within_a_limit_are_those_of_every_pair_with_every_other(
    seed: int, scale: tuple[float, float], strip: int
) -> None:
    pipes = random_pipes(seed, *scale)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "_STRIP_PIECES", strip)
        left, right, space_m = pairs_within(pipes, LIMIT_M)
    found = dict(zip(zip(left.tolist(), right.tolist(), strict=True), space_m.tolist(), strict=True))
    ones, others = every_pair(pipes)
    apart_m = distances_between(pipes, ones, others).space_m
    near = apart_m < LIMIT_M
    expected = zip(zip(ones[near].tolist(), others[near].tolist(), strict=True), apart_m[near].tolist(), strict=True)
    assert found == dict(expected)


@given(st.integers(0, 2**31), st.sampled_from([(60.0, 4.0), (600.0, 60.0)]))
@settings(max_examples=30, deadline=None)
def test_whoever_comes_first_and_is_at_home_asks_about_all_within_reach_in_plan(
    seed: int, scale: tuple[float, float]
) -> None:
    pipes = random_pipes(seed, *scale)
    random = np.random.default_rng(seed)
    is_home, rank = random.random(N_PIPES) < 0.6, random.permutation(N_PIPES)
    rank[~is_home & (random.random(N_PIPES) < 0.5)] = -1
    found = set(zip(*(side.tolist() for side in candidate_pairs(pipes, rule_reach(pipes), is_home, rank)), strict=True))
    limit_m = np.maximum(pipes.rules.horizontal_m, 0.0)[pipes.rules.of_party[pipes.party_index]]
    limit_m = limit_m[:, pipes.rules.of_party[pipes.party_index]]
    axes = [shapely.LineString(np.vstack([pipes.start[a:b], pipes.end[b - 1 : b]])[:, :2]) for a, b in _pieces(pipes)]
    half_m = np.where(np.isnan(pipes.half_width_m), 1.0, pipes.half_width_m)
    for one, other in zip(*every_pair(pipes), strict=True):
        asks, asked = sorted((int(one), int(other)), key=lambda pipe: (rank[pipe] < 0, rank[pipe]))
        spare_m = limit_m[one, other] + half_m[one] + half_m[other] - axes[one].distance(axes[other])
        if abs(spare_m) > 1e-6:
            assert ((asks, asked) in found) == (spare_m > 0 and is_home[asks])
        assert (asked, asks) not in found


def _pieces(pipes: Pipes) -> list[tuple[int, int]]:
    return list(zip(pipes.first_piece[:-1].tolist(), pipes.first_piece[1:].tolist(), strict=True))


def test_a_map_without_pipes_or_heights_has_no_pairs() -> None:
    pipes = random_pipes(1, 60.0, 4.0)
    assert [len(column) for column in pairs_within(pipes.part(np.arange(0)), LIMIT_M)] == [0, 0, 0]
    pipes.start[:, 2] = np.nan
    assert [len(column) for column in pairs_within(pipes, LIMIT_M)] == [0, 0, 0]
