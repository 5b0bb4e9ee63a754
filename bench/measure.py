"""Medians of repeated runs, ratios between two of them, and the machine they were taken on."""

import multiprocessing
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import orjson

T = TypeVar("T")


@dataclass(frozen=True)
class Line:
    """One line of the table: our time, the other's, and ours divided by it (or the inverse, as named)."""

    name: str
    ours_s: float | None
    other_s: float | None
    other: str
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Our time as a multiple of the other's."""
        return self.ours_s / self.other_s if self.ours_s and self.other_s else None


def median_s(work: Callable[[], object], repeats: int, warm_ups: int = 1) -> float:
    """Median wall time of one call, in seconds."""
    for _ in range(warm_ups):
        work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def paired_s(ours: Callable[[], object], other: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Medians of two pieces of work run in turn, so that a drifting machine meets both alike."""
    ours(), other()
    times: list[tuple[float, float]] = [(_once_s(ours), _once_s(other)) for _ in range(repeats)]
    return statistics.median(a for a, _ in times), statistics.median(b for _, b in times)


@dataclass(frozen=True)
class Peak:
    """The most memory that processes took, and the most of it that is no page of a file, in MiB."""

    mib: int
    own_mib: int

    def __str__(self) -> str:
        return f"{self.mib} MiB, {self.own_mib} without pages of files"


def in_child(work: Callable[..., T], *arguments: object) -> tuple[T, int]:
    """What a function gives when it runs in a process of its own, and the most memory it took, in MiB."""
    result, peak = watched(work, *arguments)
    return result, peak.mib


def watched(work: Callable[..., T], *arguments: object) -> tuple[T, Peak]:
    """What a function gives when it runs in a process of its own, and its memory, looked at four times a second.

    Processes that it starts count with it, memory that they share counts once.
    """
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as child:
        pid, peak_mib, own_mib = child.submit(os.getpid).result(), 0.0, 0.0
        result = child.submit(work, *arguments)
        while not wait([result], timeout=0.25).done:
            held = [_held_mib(member) for member in _family(pid)]
            peak_mib = max(peak_mib, sum(each for each, _ in held))
            own_mib = max(own_mib, sum(own for _, own in held))
        return result.result(), Peak(round(peak_mib), round(own_mib))


def cpu_s(pid: int) -> float:
    """Processor time that a process and all that it started have taken, of those that still run."""
    return sum(map(_ticks, _family(pid))) / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> int:
    try:
        return sum(map(int, _stat(pid)[11:13]))
    except OSError:
        # It has ended.
        return 0


def _held_mib(pid: int) -> tuple[float, float]:
    """A process's share of the memory it uses, and of that which is no page of a file."""
    try:
        parts = dict(line.split()[:2] for line in _proc(f"{pid}/smaps_rollup")[1:])
    except OSError:
        # It has ended.
        return 0.0, 0.0
    return int(parts["Pss:"]) / 1024, int(parts["Pss_Anon:"]) / 1024


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    parents = {number: parent for number in _pids() if (parent := _parent(number))}
    family = [pid]
    for member in family:
        family += [number for number, parent in parents.items() if parent == member]
    return family


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _parent(pid: int) -> int | None:
    try:
        return int(_stat(pid)[1])
    except OSError:
        return None


def _stat(pid: int) -> list[str]:
    """What the kernel tells of a process, from its state on."""
    return _proc(f"{pid}/stat")[0].rpartition(")")[2].split()


def machine() -> str:
    """Processor, cores, memory and Python of this machine."""
    model = next((x.split(":")[1].strip() for x in _proc("cpuinfo") if x.startswith("model name")), "unknown")
    cores = sum(x.startswith("processor") for x in _proc("cpuinfo"))
    kib = int(next(x.split()[1] for x in _proc("meminfo") if x.startswith("MemTotal")))
    return f"{model}, {cores} cores, {kib / 2**20:.0f} GiB, Python {platform.python_version()}"


def report(size: int, lines: list[Line], results: Path) -> str:
    """Write the run as JSON and return it as a Markdown table."""
    results.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(line), "ratio": line.ratio} for line in lines]
    (results / f"{size}.json").write_bytes(orjson.dumps({"machine": machine(), "segments": size, "lines": rows}))
    head = f"{size:,} segments; {machine()}\n\n| case | ours | other | ratio | |\n|---|---|---|---|---|\n"
    return head + "\n".join(row(line) for line in lines)


def row(line: Line) -> str:
    """One line as a row of the Markdown table."""
    ratio = f"{line.ratio:.3g}" if line.ratio else "-"
    return f"| {line.name} | {_time(line.ours_s)} | {_time(line.other_s)} {line.other} | {ratio} | {line.note} |"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"


def _once_s(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _proc(name: str) -> list[str]:
    return Path(f"/proc/{name}").read_text(encoding="utf-8").splitlines()
