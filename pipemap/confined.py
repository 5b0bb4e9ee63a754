"""Files that may be hostile, read in a process of their own: `sandbox` says what it gives up before the file is opened.

The process may break down, stall, or be taken over by what is in the file. So this one believes nothing that it says
but plain values (texts, numbers, bytes, lists, dicts), and tells every end of it in one sentence that names the file.
"""

import gc
import io
import os
import pickle
import signal
import tempfile
import traceback
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from pipemap import errors
from pipemap.errors import PipemapError, SourceError
from pipemap.forked import END, give_back, started
from pipemap.sandbox import Limits, shut_in

_ITEM, _ERROR, _LIMIT, _FAULT = "item", "error", "limit", "fault"
_ERRORS: dict[str, type[PipemapError]] = {
    kind.code: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PipemapError)
}
_MOST_BYTES = 2**31
# So long a process that says nothing more may take to end.
_GRACE_S = 5


class Breakdown(Exception):
    """What went wrong in a reader, as it was told there."""


def confined(path: Path, work: Callable[[], Iterable[Any]], limits: Limits | None = None) -> Generator[Any]:
    """The plain items of `work()`, which reads the file; made in a process of its own, one or two of them ahead.

    Files that the work writes go to a folder for temporary files that ends with it.

    Raises
    ------
    PipemapError
        What the work raises of this kind.
    SourceError
        When the work breaks down over the file or takes more than `limits`, by default those for its size.
    """
    limits = limits or Limits.for_reading(path.stat().st_size if path.exists() else 0)
    give_back()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipemap-reading-")))
        said, process = started(stack, _tell, work, folder, limits)
        stack.callback(_end_programs, process)
        while (told := _heard(said)) != END:
            if told is None:
                process.join(_GRACE_S)
                raise _ended(path, process.exitcode, limits)
            kind, *words = told
            if kind != _ITEM:
                raise _error(path, kind, words, limits)
            yield words[0]


def _tell(saying: Connection, work: Callable[[], Iterable[Any]], folder: Path, limits: Limits) -> None:
    # What is not collected is not written to, and need not be copied.
    gc.freeze()
    shut_in(folder, limits, saying.fileno())
    try:
        for item in work():
            _say(saying, _ITEM, item)
    except PipemapError as error:
        _say(saying, _ERROR, error.code, error.message, error.details)
    except MemoryError:
        _say(saying, _LIMIT)
    except Exception as error:
        words = traceback.format_exception_only(error)[-1].strip()
        _say(saying, _FAULT, words, traceback.format_exc())


def _end_programs(process: BaseProcess) -> None:
    """End the process with all that it started."""
    assert process.pid
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _say(saying: Connection, *words: Any) -> None:
    saying.send_bytes(pickle.dumps(words, pickle.HIGHEST_PROTOCOL))


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"{module}.{name} is not plain")


def _heard(said: Connection) -> Any:
    """What the process says next; None when it is gone, or says what it never would."""
    try:
        return _Plain(io.BytesIO(said.recv_bytes(_MOST_BYTES))).load()
    except (EOFError, OSError, pickle.UnpicklingError):
        return None


def _error(path: Path, kind: str, words: list[Any], limits: Limits) -> PipemapError:
    if kind == _ERROR:
        code, message, details = words
        return _ERRORS[code](message, **details)
    if kind == _LIMIT:
        most = f"{limits.memory_bytes / 2**30:g} GiB"
        return _refusal(path, f"takes more than {most} of memory to read", f"读取所需内存超过 {most}")
    error = _broken(path, words[0])
    error.__cause__ = Breakdown(words[1])
    return error


def _ended(path: Path, code: int | None, limits: Limits) -> SourceError:
    if code == -signal.SIGXCPU:
        return _refusal(
            path,
            f"keeps its reader busy for more than {limits.cpu_s} s of processor time; it is damaged",
            f"使读取程序占用处理器超过 {limits.cpu_s} 秒，文件已损坏",
        )
    if code == -signal.SIGKILL:
        return _refusal(
            path,
            "could not be read: the process was ended from outside, most likely the memory of the machine ran out",
            "无法读取：处理进程被系统终止，很可能是内存不足",
        )
    error = _broken(path, signal.strsignal(-code) if code and code < 0 else None)
    error.__cause__ = Breakdown(f"the process ended with {code}")
    return error


def _broken(path: Path, words: str | None) -> SourceError:
    why = f" ({words[:200].rstrip('.')})" if words else ""
    return _refusal(path, f"makes its reader break down{why}; it is damaged", f"使读取程序崩溃{why}，文件已损坏")


def _refusal(path: Path, en: str, zh: str) -> SourceError:
    return SourceError(f"{path.name} {en}.", message_zh=f"{path.name} {zh}。")
