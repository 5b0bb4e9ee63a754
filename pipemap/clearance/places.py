"""Conflicts by place: one crossing, or one run side by side, is one place however many nodes cut its pipes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from pipemap.clearance.geometry3d import Bools
from pipemap.clearance.numbers import Ints
from pipemap.clearance.site import DRAWN_ID, Segment
from schemas.clearance import Conflict, ConflictKind

# By their numbers.
KINDS = [kind.value for kind in ConflictKind]
# Instead of an identity: the ground above a pipe, and the node of a structure.
NOBODY = -1


class Sides(NamedTuple):
    """Both sides of n conflicts: identities, and the nodes of each (n, 2); `NOBODY` where there are none."""

    kind: Ints
    one: Ints
    other: Ints
    one_nodes: Ints
    other_nodes: Ints


def place_numbers(sides: Sides) -> Ints:
    """The number of the place of each conflict, from 0 on in the order in which they first appear.

    Two conflicts of one kind are of one place when a side is the same and the others are joined at a node. Pipes that
    lie too shallow go together from one branching to the next.
    """
    n = len(sides.kind)
    if n < 2:
        return np.zeros(n, np.int64)
    # Loading it takes longer than most commands need for all else, and few of them have conflicts to number.
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    row = np.tile(np.arange(n), 4)
    fixed = np.concatenate([sides.other, sides.other, sides.one, sides.one])
    node = np.concatenate([*sides.one_nodes.T, *sides.other_nodes.T])
    has_node = node != NOBODY
    joint = _numbered(np.column_stack([np.tile(sides.kind, 4), fixed, node])[has_node])
    row, fixed = row[has_node], fixed[has_node]
    goes_on = (fixed != NOBODY) | (np.bincount(joint)[joint] == 2)
    size = n + int(joint.max(initial=-1)) + 1
    links = row[goes_on], n + joint[goes_on]
    graph = coo_array((np.ones(len(links[0]), np.bool_), links), shape=(size, size))
    found = connected_components(graph, directed=False)[1][:n]
    _, first, place = np.unique(found, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[place]


def counted(sides: Sides, is_certain: Bools) -> dict[str, tuple[int, int]]:
    """How many places there are of each kind, and how many of these hold a conflict that is certain."""
    place = place_numbers(sides)
    kind_of = np.zeros(int(place.max(initial=-1)) + 1, np.int64)
    kind_of[place] = sides.kind
    certain = np.bincount(place, weights=is_certain, minlength=len(kind_of)) > 0
    return {
        kind: (int((kind_of == number).sum()), int(certain[kind_of == number].sum()))
        for number, kind in enumerate(KINDS)
        if (kind_of == number).any()
    }


def in_places(conflicts: Sequence[Conflict], nodes: Mapping[int, tuple[int, int]]) -> list[Conflict]:
    """Conflicts with the numbers of their places, counted from 1; `nodes` are those of pipes by identity.

    A pipe that is drawn goes by the identity `DRAWN_ID`.
    """
    none = NOBODY, NOBODY
    one = [found.segment_id or DRAWN_ID for found in conflicts]
    other = [NOBODY if found.other_id is None else found.other_id for found in conflicts]
    ends = [np.array([nodes.get(each, none) for each in side], np.int64).reshape(-1, 2) for side in (one, other)]
    kinds = np.array([KINDS.index(found.kind) for found in conflicts], np.int64)
    numbers = place_numbers(Sides(kinds, np.array(one, np.int64), np.array(other, np.int64), *ends))
    return [
        found.model_copy(update={"place": number + 1})
        for found, number in zip(conflicts, numbers.tolist(), strict=True)
    ]


def nodes_of(segments: Iterable[Segment]) -> dict[int, tuple[int, int]]:
    """The nodes of pipes by identity."""
    return {one.feature_id: (one.row["from_node_id"], one.row["to_node_id"]) for one in segments}


def _numbered(keys: Ints) -> Ints:
    """The number of each row among the different ones."""
    order = np.lexsort(keys.T)
    is_new = np.ones(len(keys), np.bool_)
    is_new[1:] = (np.diff(keys[order], axis=0) != 0).any(axis=1)
    numbers = np.empty(len(keys), np.int64)
    numbers[order] = np.cumsum(is_new) - 1
    return numbers
