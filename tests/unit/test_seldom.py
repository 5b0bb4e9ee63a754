"""The search for cycles is held back for a block and for no longer."""

import gc

import pytest

from pipemap.seldom import seldom_collected


def test_cycles_are_searched_for_as_before_once_the_block_ends_however_it_ends() -> None:
    before = gc.get_threshold()

    with pytest.raises(KeyError), seldom_collected():
        assert gc.isenabled()
        assert gc.get_threshold()[0] > before[0]
        raise KeyError

    assert gc.get_threshold() == before
