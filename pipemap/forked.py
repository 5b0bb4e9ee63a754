"""Work done in forked processes: they see what this one holds without a copy of it, and every core is busy.

For commands alone, not for the service: a fork takes no thread along.
"""

import ctypes
import os
import pickle
import signal
import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import IO, Any, TypeVar

from pipemap.errors import PipemapError

T = TypeVar("T")
# Where the items of a part lie in the file of the process that made them; None when it has no more.
_Place = tuple[int, int] | None

_FORK = get_context("fork")
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
# What a process says when it has said everything.
END = "end"


def forked(work: Callable[[], Iterable[T]]) -> Generator[T]:
    """The items of `work()`, made in one process while those before them are used, one or two of them at most.

    What goes wrong in making them is raised where they are used.
    """
    with ExitStack() as stack:
        items, _ = started(stack, _send_items, work)
        while (found := _received(items)) != END:
            yield found[0]


def shared_out(count: int, work: Callable[[int], Iterable[T]], processes: int | None = None) -> Generator[T]:
    """The items of `work(0)`, `work(1)` and so on in this order, made by several processes, one for each core.

    Items that are made before their turn wait on disk. What goes wrong in making them is raised at once.
    """
    number = min(processes or len(os.sched_getaffinity(0)), count)
    if number < 2:
        for part in range(count):
            yield from work(part)
        return
    next_part = _FORK.Value("q", 0)
    give_back()
    with ExitStack() as stack:
        shelves = [stack.enter_context(tempfile.TemporaryFile(prefix="pipemap-")) for _ in range(number)]
        makers = [started(stack, _make_parts, next_part, count, work, shelf)[0] for shelf in shelves]
        laid: defaultdict[int, deque[tuple[int, _Place]]] = defaultdict(deque)
        for part in range(count):
            yield from _of_part(laid[part], makers, shelves, laid)


def _of_part(
    waiting: "deque[tuple[int, _Place]]",
    makers: Sequence[Connection],
    shelves: Sequence[IO[bytes]],
    laid: "defaultdict[int, deque[tuple[int, _Place]]]",
) -> Generator[Any]:
    """The items of one part as they become ready, while word of other parts is noted."""
    while True:
        while not waiting:
            for ready in wait([maker for maker in makers if not maker.closed]):
                _note(makers, ready, laid)
        maker, place = waiting.popleft()
        if place is None:
            return
        yield pickle.loads(os.pread(shelves[maker].fileno(), *place))


def _note(makers: Sequence[Connection], ready: Any, laid: "defaultdict[int, deque[tuple[int, _Place]]]") -> None:
    word = _received(ready)
    if word == END:
        ready.close()
    else:
        part, place = word
        laid[part].append((makers.index(ready), place))


def started(stack: ExitStack, target: Callable[..., None], *arguments: Any) -> tuple[Connection, BaseProcess]:
    """Start a process that ends with this one or with the stack: what it says, `END` as its last word, and itself."""
    said, saying = Pipe(duplex=False)
    process = _FORK.Process(target=_child, args=(saying, target, arguments), daemon=True)
    stack.enter_context(closing(said))
    process.start()
    saying.close()
    stack.callback(process.join)
    stack.callback(process.kill)
    return said, process


def _received(said: Connection) -> Any:
    try:
        word = said.recv()
    except EOFError:
        raise PipemapError(
            "A process at work on this was ended from outside; most likely the memory of the machine ran out.",
            message_zh="处理进程被系统终止，很可能是内存不足。",
        ) from None
    if isinstance(word, BaseException):
        raise word
    return word


def _child(saying: Connection, target: Callable[..., None], arguments: Sequence[Any]) -> None:
    # An interrupt is for the parent to act on, which ends its children; so does its own end, however it comes.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    try:
        target(saying, *arguments)
        saying.send(END)
    except BrokenPipeError:
        return
    except Exception as error:
        saying.send(_portable(error))


def end_with_parent() -> None:
    """Have the system end this process when the one that started it ends, however that comes."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _portable(error: Exception) -> Exception:
    """The error itself, or its words where it cannot go from one process to another.

    What it came from stays behind: libraries that teach `pickle` to take that along meet errors that cannot be.
    """
    error = error.with_traceback(None)
    error.__cause__ = error.__context__ = None
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(str(error))
    return error


def _send_items(saying: Connection, work: Callable[[], Iterable[Any]]) -> None:
    for item in work():
        saying.send((item,))


def _make_parts(
    saying: Connection, next_part: Any, count: int, work: Callable[[int], Iterable[Any]], shelf: IO[bytes]
) -> None:
    """Make one part after another that nobody has begun; items go to the shelf, word of them to the parent."""
    end = 0
    while (part := _taken(next_part)) < count:
        for item in work(part):
            data = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
            shelf.write(data)
            shelf.flush()
            saying.send((part, (len(data), end)))
            end += len(data)
        saying.send((part, None))
        give_back()


def give_back() -> None:
    """Return freed memory to the system, which the C library keeps and every child would be born with."""
    _LIBC.malloc_trim(0)


def _taken(next_part: Any) -> int:
    with next_part.get_lock():
        next_part.value += 1
        return int(next_part.value) - 1
