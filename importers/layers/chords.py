"""Arcs as chords, for formats whose arcs GDAL does not turn into them itself."""

import numpy as np
import numpy.typing as npt

SAGITTA_M = 0.01

Floats = npt.NDArray[np.float64]


def chords(start: Floats, through: Floats, end: Floats, sagitta_m: float = SAGITTA_M) -> Floats:
    """Places along the arc after its start, no chord more than `sagitta_m` from it.

    Parameters
    ----------
    start, end
        x, y and possibly z; a height goes evenly from one to the other.
    through
        x and y of a place on the arc.

    Returns
    -------
    Array (n, 2) or (n, 3) whose last row is `end`; that row alone where the three places lie on a line.
    """
    centre = _centre(start[:2], through, end[:2])
    if centre is None:
        return end[None, :]
    radius = float(np.hypot(*(start[:2] - centre)))
    first, middle, last = (np.arctan2(*(place[:2] - centre)[::-1]) for place in (start, through, end))
    sweep = _sweep(first, middle, last)
    step = 2 * np.arccos(max(1 - sagitta_m / radius, 0.0)) if radius > sagitta_m else np.pi / 4
    share = np.linspace(0, 1, max(int(np.ceil(abs(sweep) / step)), 2) + 1)[1:]
    angle = first + sweep * share
    places = np.column_stack([centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle)])
    heights = [start[2] + (end[2] - start[2]) * share] if len(start) == len(end) == 3 else []
    places = np.column_stack([places, *heights])
    places[-1] = end[: places.shape[1]]
    return places


def _sweep(first: float, middle: float, last: float) -> float:
    """Angle from first to last that passes the middle; positive is anticlockwise."""
    turn, to_middle = (last - first) % (2 * np.pi), (middle - first) % (2 * np.pi)
    return turn if to_middle <= turn else turn - 2 * np.pi


def _centre(a: Floats, b: Floats, c: Floats) -> Floats | None:
    """Centre of the circle through three places, None when they lie on a line."""
    ab, ac = b - a, c - a
    twice_area = 2 * (ab[0] * ac[1] - ab[1] * ac[0])
    if abs(twice_area) < 1e-9 * max(float(ab @ ab), float(ac @ ac), 1e-12):
        return None
    across = np.array([ac[1] * (ab @ ab) - ab[1] * (ac @ ac), ab[0] * (ac @ ac) - ac[0] * (ab @ ab)])
    return np.asarray(a + across / twice_area)
