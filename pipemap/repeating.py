"""Columns whose texts come again and again, which are then handled once each."""

import pyarrow as pa

# So many rows of a column tell.
_FIRST_ROWS = 1_000


def is_repeating(texts: pa.Array) -> bool:
    """Whether at most half of a column's first texts are different ones."""
    first = texts.slice(0, _FIRST_ROWS)
    return 2 * len(first.unique()) <= len(first)
