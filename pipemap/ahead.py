"""Work made ready in a thread while what came before is used: the processor and the database are busy at once."""

import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Iterable[T], depth: int = 2) -> Generator[T]:
    """The items in their order, at most `depth` of them made before they are asked for.

    What goes wrong in making them is raised where they are used. When the user of the items stops early,
    or is interrupted, the thread ends with the item it is at.
    """
    ready: queue.Queue[tuple[bool, T | BaseException | None]] = queue.Queue(depth)
    stopped = threading.Event()
    maker = threading.Thread(target=_make, args=(iter(items), ready, stopped), daemon=True)
    maker.start()
    try:
        while True:
            is_item, item = ready.get()
            if is_item:
                yield item  # type: ignore[misc]
            elif item is None:
                return
            else:
                assert isinstance(item, BaseException)
                raise item
    finally:
        stopped.set()
        # A maker that waits for room finds some.
        while not ready.empty():
            ready.get_nowait()
        maker.join()


def _make(
    items: Iterator[T], ready: "queue.Queue[tuple[bool, T | BaseException | None]]", stopped: threading.Event
) -> None:
    try:
        for item in items:
            ready.put((True, item))
            if stopped.is_set():
                return
        ready.put((False, None))
    except BaseException as error:
        ready.put((False, error))
