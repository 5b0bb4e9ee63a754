"""Where each line has the least ground over it: at an end, or between both where a ground model tells it."""

from typing import NamedTuple

import numpy as np

from pipemap.checks.columns import Bools, Floats, Ints
from pipemap.checks.rules.accuracy import surveyed
from pipemap.checks.scope import Scope

# So near to a node a place is at it.
_AT_NODE_M = 0.01


class Thinnest(NamedTuple):
    """Some lines, where each has least ground over it: the place x, y, the crown of the pipe and the ground there.

    `cover_m` is the ground over the outer top, that of a casing where the pipe lies in one. `is_by_model` is whether a
    ground model tells the ground there, `model_accuracy_m` how well, 0 where nobody says or the survey tells it.
    """

    segment: Ints
    place: Floats
    crown_m: Floats
    ground_m: Floats
    cover_m: Floats
    is_by_model: Bools
    model_accuracy_m: Floats

    @property
    def above_m(self) -> Floats:
        """How far the crown stands above the ground, negative below it."""
        return self.crown_m - self.ground_m

    def part(self, rows: Ints) -> "Thinnest":
        """Some of the lines."""
        heights = self.crown_m[rows], self.ground_m[rows], self.cover_m[rows]
        model = self.is_by_model[rows], self.model_accuracy_m[rows]
        return Thinnest(self.segment[rows], self.place[rows], *heights, *model)

    def told(self, scope: Scope) -> tuple[list[str], list[str]]:
        """Where that is in words, English and Chinese: the number of a node, or how far it is from one."""
        start, end = (ends[self.segment, :2] for ends in (scope.axes.start, scope.axes.end))
        from_start_m, from_end_m = (np.hypot(*(self.place - side).T) for side in (start, end))
        is_end = from_end_m < np.minimum(_AT_NODE_M, from_start_m)
        keys = scope.node_keys(np.where(is_end, scope.to_pos[self.segment], scope.from_pos[self.segment]))
        apart_m = np.where(is_end, from_end_m, from_start_m)
        rows = list(zip(keys.tolist(), apart_m.tolist(), self.is_by_model.tolist(), strict=True))
        english = [f"{_from_en(key, metres)}{' by the ground model' if model else ''}" for key, metres, model in rows]
        return english, [f"{_from_zh(key, metres)}{'（按地面模型）' if model else ''}" for key, metres, model in rows]


def thinnest(scope: Scope) -> Thinnest:
    """Where lines have least ground over them; those of which nobody knows it are left out.

    Where ground models know the ground it is taken all along (`pipemap.ground.along`), else that of the nodes, and
    an end that sticks out of it is left out.
    """
    cover_m = scope.ends.cover_m
    along, surveyed = by_models(scope), at_ends(scope, worse_ends(np.where(cover_m >= 0, -cover_m, np.nan)))
    others = surveyed.part(np.flatnonzero(~np.isin(surveyed.segment, along.segment)))
    return Thinnest(*(np.concatenate(columns) for columns in zip(along, others, strict=True)))


def by_models(scope: Scope) -> Thinnest:
    """Where lines have least ground over them by the ground models, and by the nodes where those know none.

    No line where no model is loaded.
    """
    found = scope.shallowest
    if found is None:
        return at_ends(scope, np.empty(0, np.int64))
    crown_m = found.place[:, 2] + scope.height_m / 2
    cover_m = found.ground_m - crown_m - scope.casing_over_m
    rows = np.flatnonzero(np.isfinite(found.over_m) & np.isfinite(crown_m))
    heights, model = (crown_m, found.ground_m, cover_m), (found.is_by_model, found.accuracy_m)
    return Thinnest(np.arange(len(crown_m)), found.place[:, :2], *heights, *model).part(rows)


def at_ends(scope: Scope, at: Ints) -> Thinnest:
    """Lines at some of their ends, with the surveyed ground there."""
    ends = scope.ends
    heights = ends.crown_m[at], ends.ground_m[at], ends.cover_m[at]
    return Thinnest(ends.segment[at], ends.xyz[at, :2], *heights, np.zeros(len(at), np.bool_), np.zeros(len(at)))


def accuracies_m(scope: Scope, found: Thinnest) -> Floats:
    """How far the survey of each line and the ground model over it may be trusted together."""
    _, surveyed_m = surveyed(scope, found.segment).accuracies_m()
    together_m: Floats = np.hypot(surveyed_m, found.model_accuracy_m)
    return together_m


def worse_ends(badness: Floats) -> Ints:
    """The end of each line where the value is larger, lines with no known value left out; the start when alike."""
    start, end = np.split(badness, 2)
    at = np.arange(len(start)) + np.where(
        np.nan_to_num(end, nan=-np.inf) > np.nan_to_num(start, nan=-np.inf), len(start), 0
    )
    return at[np.isfinite(badness[at])]


def _from_en(key: str, apart_m: float) -> str:
    return key if apart_m < _AT_NODE_M else f"{apart_m:.1f} m from {key}"


def _from_zh(key: str, apart_m: float) -> str:
    return key if apart_m < _AT_NODE_M else f"距 {key} {apart_m:.1f} m"
