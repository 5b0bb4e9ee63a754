"""Damaged files read one after the other by a process that lives for many: forking twice a file was most of its cost.

What one reading leaves behind could mar the next. So whatever goes wrong here is read once more in a process of its
own (`bench.damaged.fates.fate`), and that counts.
"""

import gc
import json
import os
import resource
import signal
import tempfile
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.damaged.fates import (
    CLOCK_LIMIT_S,
    GOOD,
    LIMIT_S,
    Fate,
    answered,
    fate,
    heard_line,
    judged,
    memory_mib,
    never_returning,
    set_apart,
)
from importers import passing

_FILES_A_PROCESS = 250
_FILES_A_COLLECTION = 10
_REFERENCES = Path("/proc/self/clear_refs")
# What resets the peak of the memory in use.
_PEAK = "5"


class Worker:
    """Reads files in one process after the other; `alone` counts those that were read again in one of their own."""

    def __init__(self) -> None:
        self.alone = 0
        self._child = 0
        self._says = self._hears = -1
        self._n_files = 0

    def fate(self, path: Path, told: Mapping[str, Any]) -> Fate:
        """As `bench.damaged.fates.fate`, many times faster."""
        if not self._child or self._n_files >= _FILES_A_PROCESS:
            self.end()
            self._start()
        self._n_files += 1
        found = self._asked(path, told)
        if found is not None and found.ended in GOOD:
            return found
        self.end()
        self.alone += 1
        return fate(path, told)

    def end(self) -> None:
        """End the process, if there is one."""
        if self._child:
            os.killpg(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
            _close(self._says, self._hears)
        self._child = 0

    def _start(self) -> None:
        asked, self._says = os.pipe()
        self._hears, answers = os.pipe()
        self._child = os.fork()
        if self._child == 0:
            os.setsid()
            _close(self._says, self._hears)
            never_returning(_serve, asked, answers)
        _close(asked, answers)
        self._n_files = 0

    def _asked(self, path: Path, told: Mapping[str, Any]) -> Fate | None:
        os.write(self._says, (json.dumps([str(path), dict(told)]) + "\n").encode())
        line = heard_line(self._hears, time.monotonic() + CLOCK_LIMIT_S)
        if not line:
            return None
        ended, words, cpu_s, peak_mib = json.loads(line)
        return Fate(*judged([ended, words], is_late=cpu_s > LIMIT_S, peak_mib=peak_mib), cpu_s, peak_mib)


def _serve(asked: int, answers: int) -> None:
    """Within the child: read what is named, a line each, until killed."""
    born_mib = memory_mib("VmRSS")
    in_engine = set_apart()
    passing._confined = _here  # type: ignore[assignment]
    with os.fdopen(asked) as lines:
        for number, line in enumerate(lines):
            path, told = json.loads(line)
            _limit_time()
            _REFERENCES.write_text(_PEAK)
            os.environ["TMPDIR"] = tempfile.tempdir = str(Path(path).parent)
            os.chdir(tempfile.tempdir)
            begun_s = time.process_time()
            ended, words = answered(Path(path), told, in_engine)
            answer = [ended, words[-6000:], time.process_time() - begun_s, max(memory_mib("VmHWM") - born_mib, 0)]
            os.write(answers, (json.dumps(answer) + "\n").encode())
            if number % _FILES_A_COLLECTION == 0:
                gc.collect()


def _here(_path: Path, work: Callable[[], Iterable[Any]]) -> Generator[Any]:
    """Instead of in yet another process."""
    yield from work()


def _close(*pipes: int) -> None:
    for pipe in pipes:
        os.close(pipe)


def _limit_time() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time()) + 3 * LIMIT_S, resource.RLIM_INFINITY))
