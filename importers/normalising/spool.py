"""Record batches laid by in an unnamed temporary file, so that memory does not grow with the delivery."""

import os
import tempfile
import weakref

import pyarrow as pa

from pipemap.errors import StorageError


class Spool:
    """Keeps record batches on disk; the file has no name, so the system removes it however the process ends."""

    def __init__(self) -> None:
        self._file, path = tempfile.mkstemp(prefix="pipemap-")
        os.unlink(path)
        weakref.finalize(self, os.close, self._file)
        self._places: list[tuple[int, int]] = []
        self._end = 0

    def add(self, batch: pa.RecordBatch) -> int:
        """Lay a batch by and return its number.

        Raises
        ------
        StorageError
            When the disk is full.
        """
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        self._write(memoryview(sink.getvalue()))
        return len(self._places) - 1

    def get(self, number: int) -> pa.RecordBatch:
        """A batch by its number."""
        place, size = self._places[number]
        data = os.pread(self._file, size, place)
        with pa.ipc.open_stream(pa.py_buffer(data)) as stream:
            return stream.read_next_batch()

    def _write(self, data: memoryview) -> None:
        self._places.append((self._end, len(data)))
        try:
            while len(data):
                written = os.pwrite(self._file, data, self._end)
                self._end, data = self._end + written, data[written:]
        except OSError as error:
            raise StorageError(
                f"There is no room for the delivery in the folder for temporary files ({error.strerror}); "
                "free some, or set TMPDIR to a larger one.",
                message_zh="临时文件夹空间不足，请清理后重试，或用 TMPDIR 指定其他位置。",
            ) from error
