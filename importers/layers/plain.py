"""Points alone or lines alone, as nearly all that surveys deliver is: told from their bytes, before any shape is made.

Such shapes need nothing made plain, and can go on as they are.
"""

import struct
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Octets = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

# Farther than any place, in whatever unit; squares of numbers up to it can still be reckoned with.
FAR = 1e15
# Byte order and type of well-known binary, least significant byte first: whether a line, and how many dimensions.
_KINDS = {
    struct.pack("<BI", 1, code): kind
    for code, kind in {1: (False, 2), 1001: (False, 3), 2: (True, 2), 1002: (True, 3)}.items()
}
_POINT_HEAD, _LINE_HEAD, _NUMBER = 5, 9, 8


def are_plain(wkb: Any) -> bool:
    """Whether an Arrow column of well-known binary holds points alone, or lines alone, of as many dimensions.

    Nor may any be missing, empty, damaged or somewhere that is no place: what that means is for others to say.
    """
    if not len(wkb) or wkb.null_count:
        return False
    octets, bounds = octets_and_bounds(wkb)
    sizes = np.diff(bounds)
    if sizes.min() < _LINE_HEAD:
        return False
    heads = octets[bounds[:-1, None] + np.arange(_LINE_HEAD)]
    kind = _KINDS.get(heads[0, :_POINT_HEAD].tobytes())
    if kind is None or (heads[:, :_POINT_HEAD] != heads[0, :_POINT_HEAD]).any():
        return False
    are_lines, n_dimensions = kind
    counts = heads[:, _POINT_HEAD:].copy().view("<u4").ravel().astype(np.int64) if are_lines else np.ones_like(sizes)
    head = _LINE_HEAD if are_lines else _POINT_HEAD
    is_whole = sizes == head + counts * n_dimensions * _NUMBER
    return bool(is_whole.all() and counts.min() > are_lines and _are_places(octets, bounds, head, n_dimensions))


def _are_places(octets: Octets, bounds: Ints, head: int, n_dimensions: int) -> bool:
    is_body = np.ones(len(octets), np.bool_)
    is_body[bounds[:-1, None] + np.arange(head)] = False
    numbers = octets[is_body].view("<f8").reshape(-1, n_dimensions)
    return bool((np.abs(numbers[:, :2]) < FAR).all() and not np.isnan(numbers).any())


def octets_and_bounds(values: Any) -> tuple[Octets, Ints]:
    """All octets of an Arrow column of texts or binaries, and where each value begins and the last one ends."""
    is_large = pa.types.is_large_binary(values.type) or pa.types.is_large_string(values.type)
    _, offsets, data = values.buffers()
    bounds = np.frombuffer(offsets, np.int64 if is_large else np.int32)[values.offset : values.offset + len(values) + 1]
    bounds = bounds.astype(np.int64)
    return np.frombuffer(data or b"", np.uint8)[bounds[0] : bounds[-1]], bounds - bounds[0]
