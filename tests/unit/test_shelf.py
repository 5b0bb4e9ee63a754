"""Arrays on a shelf are what was laid by, take no memory once let go of, and leave no file behind."""

import gc
import resource
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.errors import StorageError
from pipemap.shelf import Shelf, let_go, shelved

MANY = 1_000_000


def resident_kib() -> int:
    """Memory that pages of nameless temporary files take in this process."""
    is_ours, total = False, 0
    for line in Path("/proc/self/smaps").read_text(encoding="utf-8").splitlines():
        if "-" in line.split()[0]:
            is_ours = line.startswith(tuple("0123456789abcdef")) and tempfile.gettempdir() in line
        elif is_ours and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total


@pytest.fixture
def file_limit() -> Iterator[int]:
    """No file may grow larger than this."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 << 20, hard))
    yield 4 << 20
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@settings(max_examples=30, deadline=None)
@given(sizes=st.lists(st.integers(0, 60_000), max_size=12), dtype=st.sampled_from(["f8", "i4", "?", "u1", "M8[D]"]))
def test_an_array_is_its_parts_one_after_the_other(sizes: list[int], dtype: str) -> None:
    rng = np.random.default_rng(len(sizes))
    parts = [rng.integers(0, 2, size).astype(dtype) for size in sizes]
    shelf = Shelf(dtype)
    for number, part in enumerate(parts):
        shelf.add(part)
        so_far: npt.NDArray[np.generic] = np.concatenate(parts[: number + 1])
        assert np.array_equal(shelf.array(), so_far)
    assert shelf.array().dtype == np.dtype(dtype)


@pytest.mark.parametrize("is_one_of_two", [False, True])
def test_what_is_let_go_of_takes_no_memory_and_is_there_when_it_is_looked_at(is_one_of_two: bool) -> None:
    values = np.arange(MANY, dtype=np.float64).reshape(-1, 2)
    array, other = shelved(values), shelved(values)
    assert np.array_equal(array, other)
    held_kib, one_kib = resident_kib(), array.nbytes // 1024
    assert held_kib >= 2 * one_kib
    let_go(*([array[1:]] if is_one_of_two else []))
    assert resident_kib() <= held_kib - (1 if is_one_of_two else 2) * one_kib
    assert resident_kib() >= (one_kib if is_one_of_two else 0)
    assert np.array_equal(array, values)
    assert np.array_equal(other, values)


def test_a_shelf_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    array = shelved(np.arange(MANY))
    assert not list(tmp_path.iterdir())
    assert array[-1] == MANY - 1
    before_kib = resident_kib()
    assert before_kib > 0
    del array
    gc.collect()
    assert resident_kib() == 0


def test_a_full_disk_is_told(file_limit: int) -> None:
    shelf = Shelf(np.uint8)
    with pytest.raises(StorageError, match="no room"):
        for _ in range(8):
            shelf.add(np.zeros(file_limit // 4, np.uint8))


def test_a_disk_that_is_full_for_the_last_few_values_is_told(file_limit: int) -> None:
    shelf = Shelf(np.uint8)
    shelf.add(np.zeros(file_limit, np.uint8))
    with pytest.raises(StorageError, match="no room"):
        shelf.add(np.zeros(10, np.uint8))
        shelf.array()
