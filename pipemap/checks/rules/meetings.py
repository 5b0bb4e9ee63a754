"""What rules share that look at the lines that meet at a point."""

import numpy as np

from pipemap.checks.columns import Ints
from pipemap.checks.scope import Scope


def pairs_at_nodes(scope: Scope) -> tuple[Ints, Ints, Ints]:
    """Nodes where exactly two lines meet, both of one class, and these two lines; removed lines are left out."""
    ends = scope.ends
    standing = ~scope.segments.words("lifecycle_code").is_in(["removed"])[ends.segment]
    between = np.append(scope.degree == 2, False)
    at = np.flatnonzero(standing & between[ends.node])
    at = at[np.argsort(ends.node[at], kind="stable")]
    one, other = ends.segment[at[::2]], ends.segment[at[1::2]]
    classes = scope.segments.words("class_code").codes
    same = (classes[one] == classes[other]) & (one != other)
    return ends.node[at[::2]][same], one[same], other[same]
