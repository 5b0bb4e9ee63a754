"""What rules share that look at the lines that meet at a point."""

import numpy as np

from pipemap.checks.columns import Ints
from pipemap.checks.scope import Scope


def pairs_at_nodes(scope: Scope) -> tuple[Ints, Ints, Ints]:
    """Nodes where exactly two lines meet, both of one class, and these two lines; removed lines are left out."""
    node, one, other = paired_ends(scope)
    return node, scope.ends.segment[one], scope.ends.segment[other]


def paired_ends(scope: Scope) -> tuple[Ints, Ints, Ints]:
    """Nodes where exactly two lines meet, both of one class, and the ends of these lines that are there."""
    ends = scope.ends
    standing = ~scope.segments.words("lifecycle_code").is_in(["removed"])[ends.segment]
    between = np.append(scope.degree == 2, False)
    at = np.flatnonzero(standing & between[ends.node])
    at = at[np.argsort(ends.node[at], kind="stable")]
    one, other = at[::2], at[1::2]
    classes = scope.segments.words("class_code").codes
    lines = ends.segment[one], ends.segment[other]
    same = (classes[lines[0]] == classes[lines[1]]) & (lines[0] != lines[1])
    return ends.node[one][same], one[same], other[same]


def class_groups(scope: Scope) -> tuple[Ints, Ints]:
    """The class of each node and of each segment as numbers that compare; unknown ones match nothing."""
    number = {word: code for code, word in enumerate(scope.nodes.words("class_code").known_words)}
    of_nodes = scope.nodes.words("class_code").translated(number, -1)
    return of_nodes, scope.segments.words("class_code").translated(number, -2)
