"""Python's search for cycles, held back while millions of shapes and texts are made that are in none."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# New objects before the young are looked through, and how many such turns before older ones are: shapes count as
# objects that may be in a cycle, and with Python's own 700 each is looked at again and again.
_NEW_OBJECTS, _TURNS, _OLDER_TURNS = 100_000, 20, 100


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for cycles seldom in a block and in processes forked there; not never, for some libraries make some."""
    before = gc.get_threshold()
    gc.set_threshold(_NEW_OBJECTS, _TURNS, _OLDER_TURNS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
