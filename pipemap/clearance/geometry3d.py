"""Exact distances between many pairs of straight axis pieces at once, in space and in plan.

Every function takes four arrays of the same shape (n, d): start and end of piece a, start and end of
piece b. d is 3 for space or 2 for plan; lengths are in the unit of the coordinates. Pieces of no length
are points. Answers do not depend on the order of the pair, the direction of a piece or the origin.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bools: TypeAlias = NDArray[np.bool_]


class Nearest(NamedTuple):
    """Shortest distances (n,) and the shares (n,) of each piece's length at which they are reached."""

    distance: Floats
    at_a: Floats
    at_b: Floats


def piece_distance(a0: Floats, a1: Floats, b0: Floats, b1: Floats) -> Nearest:
    """Shortest distance of each pair of pieces.

    The minimum is either at an end of one piece or where both gradients vanish, so the five
    candidates are computed and the smallest wins; nothing depends on a tolerance for parallel pieces.
    """
    zero, one = np.zeros(len(a0)), np.ones(len(a0))
    candidates = [
        (zero, _nearest_share(a0, b0, b1)),
        (one, _nearest_share(a1, b0, b1)),
        (_nearest_share(b0, a0, a1), zero),
        (_nearest_share(b1, a0, a1), one),
        _stationary_shares(a0, a1, b0, b1),
    ]
    at_a = np.stack([shares[0] for shares in candidates])
    at_b = np.stack([shares[1] for shares in candidates])
    gaps = (a0 - b0) + at_a[:, :, None] * (a1 - a0) - at_b[:, :, None] * (b1 - b0)
    distances = np.linalg.norm(gaps, axis=2)
    best = distances.argmin(axis=0), np.arange(len(a0))
    return Nearest(distances[best], at_a[best], at_b[best])


def plan_crossings(a0: Floats, a1: Floats, b0: Floats, b1: Floats, reach: float = 0.0) -> tuple[Bools, Floats, Floats]:
    """Whether each pair crosses or touches in plan (x, y), and the shares of both pieces where it does.

    A piece that ends short of the other by no more than `reach` along its own line touches it still.
    Pieces that lie along one another do not cross: their shares would not be one place.
    """
    u, v, w = a1[:, :2] - a0[:, :2], b1[:, :2] - b0[:, :2], b0[:, :2] - a0[:, :2]
    area = _cross(u, v)
    length_a, length_b = np.linalg.norm(u, axis=1), np.linalg.norm(v, axis=1)
    slanted = np.abs(area) > 1e-12 * length_a * length_b
    divisor = np.where(slanted, area, 1.0)
    at_a, at_b = _cross(w, v) / divisor, _cross(w, u) / divisor
    past_a, past_b = (np.maximum(-share, share - 1) * length for share, length in ((at_a, length_a), (at_b, length_b)))
    crosses = slanted & (past_a <= reach) & (past_b <= reach)
    return crosses, np.clip(at_a, 0.0, 1.0), np.clip(at_b, 0.0, 1.0)


def point_at(start: Floats, end: Floats, share: Floats) -> Floats:
    """The points (n, d) at the given shares of each piece."""
    return start + share[:, None] * (end - start)


def plan_angle_deg(a0: Floats, a1: Floats, b0: Floats, b1: Floats) -> Floats:
    """Acute angle between the pieces in plan, 0 for parallel; 90 where a piece has no length in plan."""
    u, v = a1[:, :2] - a0[:, :2], b1[:, :2] - b0[:, :2]
    along = np.abs(np.einsum("nd,nd->n", u, v))
    across = np.abs(_cross(u, v))
    no_direction = (along == 0) & (across == 0)
    return np.where(no_direction, 90.0, np.degrees(np.arctan2(across, along)))


def _nearest_share(point: Floats, start: Floats, end: Floats) -> Floats:
    along = end - start
    squared = np.einsum("nd,nd->n", along, along)
    share = np.einsum("nd,nd->n", point - start, along) / np.where(squared > 0, squared, 1.0)
    return np.clip(np.where(squared > 0, share, 0.0), 0.0, 1.0)


def _stationary_shares(a0: Floats, a1: Floats, b0: Floats, b1: Floats) -> tuple[Floats, Floats]:
    """Shares where the lines through the pieces are nearest, brought into both pieces; ends for parallel ones."""
    u, v, w = a1 - a0, b1 - b0, a0 - b0
    uu, uv, vv = (np.einsum("nd,nd->n", p, q) for p, q in ((u, u), (u, v), (v, v)))
    uw, vw = np.einsum("nd,nd->n", u, w), np.einsum("nd,nd->n", v, w)
    determinant = uu * vv - uv * uv
    share = (uv * vw - vv * uw) / np.where(determinant > 0, determinant, 1.0)
    at_a = np.clip(np.where(determinant > 0, share, 0.0), 0.0, 1.0)
    at_b = _nearest_share(a0 + at_a[:, None] * u, b0, b1)
    return at_a, at_b


def _cross(p: Floats, q: Floats) -> Floats:
    product: Floats = p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0]
    return product
