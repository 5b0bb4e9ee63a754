"""Arrays of millions of rows, written part by part to files without a name and mapped from there.

Of what is mapped only the pages in use take memory. The system takes them back when it needs room, `let_go` at once.
"""

import mmap
import tempfile
import weakref
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from pipemap.errors import StorageError

# So much stays in memory: most changes are small.
_HELD_BYTES = 1 << 20
_mapped: set[weakref.ref[mmap.mmap]] = set()


class Shelf:
    """One array that grows by parts; its file goes with the last of what is mapped, however the process ends."""

    def __init__(self, dtype: npt.DTypeLike) -> None:
        self._dtype = np.dtype(dtype)
        self._file = tempfile.SpooledTemporaryFile(_HELD_BYTES, prefix="pipemap-")  # noqa: SIM115 (closed below)
        weakref.finalize(self, self._file.close)

    def add(self, values: npt.NDArray[Any]) -> None:
        """Lay further values by.

        Raises
        ------
        StorageError
            When the disk is full.
        """
        try:
            self._file.write(np.ascontiguousarray(values, self._dtype).reshape(-1).view(np.uint8).data)
            self._file.flush()
        except OSError as error:
            # What is left would be written once more, and fail once more, when the shelf goes.
            with suppress(OSError):
                self._file.close()
            raise StorageError(
                f"There is no room in the folder for temporary files ({error.strerror}); free some, or set TMPDIR to a "
                "larger one.",
                message_zh="临时文件夹空间不足，请清理后重试，或用 TMPDIR 指定其他位置。",
            ) from error

    def array(self) -> npt.NDArray[Any]:
        """All values so far, to be read only: what is written to them is lost when they are let go of."""
        size = self._file.tell()
        return np.ndarray(size // self._dtype.itemsize, self._dtype, self._bytes(size))

    def _bytes(self, size: int) -> mmap.mmap | bytearray:
        if size <= _HELD_BYTES:
            self._file.seek(0)
            return bytearray(self._file.read())
        # As an array that may be written, though nobody does: numba compiles a step once more for one that may not.
        mapped = mmap.mmap(self._file.fileno(), size, access=mmap.ACCESS_COPY)
        _mapped.add(weakref.ref(mapped, _mapped.discard))
        return mapped


def shelved(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array as one that is mapped."""
    shelf = Shelf(values.dtype)
    shelf.add(values)
    return shelf.array().reshape(values.shape)


def let_go(*arrays: npt.NDArray[Any]) -> None:
    """Have some arrays, by default all that this process has mapped, take no memory until they are next looked at."""
    for each in map(_origin, arrays) if arrays else [reference() for reference in tuple(_mapped)]:
        if isinstance(each, mmap.mmap):
            each.madvise(mmap.MADV_DONTNEED)


def _origin(array: Any) -> Any:
    """What holds the values that an array is a view of."""
    while isinstance(array, np.ndarray):
        array = array.base
    return array
