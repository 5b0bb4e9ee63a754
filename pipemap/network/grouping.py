"""Many small lists in two arrays: bounds by key, and the members of each key one after the other."""

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@numba.njit(cache=True, nogil=True)
def grouped(keys: Ints, count: int) -> tuple[Ints, Ints]:  # pragma: no cover
    """Bounds of each key 0..count-1 and the positions of `keys` sorted by key, stable (counting sort)."""
    starts = np.zeros(count + 1, np.int64)
    for key in keys:
        starts[key + 1] += 1
    for key in range(count):
        starts[key + 1] += starts[key]
    order = np.empty(len(keys), np.int64)
    free = starts[:-1].copy()
    for position in range(len(keys)):
        key = keys[position]
        order[free[key]] = position
        free[key] += 1
    return starts, order


@numba.njit(cache=True, nogil=True)
def spread(bounds: Ints, keys: Ints) -> Ints:  # pragma: no cover
    """The positions `bounds[k]:bounds[k + 1]` of every key, one after the other."""
    size = 0
    for key in keys:
        size += bounds[key + 1] - bounds[key]
    found = np.empty(size, np.int64)
    place = 0
    for key in keys:
        for position in range(bounds[key], bounds[key + 1]):
            found[place] = position
            place += 1
    return found
