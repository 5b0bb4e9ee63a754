"""What becomes of one damaged file, read in a process of its own with limits."""

import gc
import json
import mmap
import os
import resource
import select
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from bench.damaged.counting import unaccounted
from bench.damaged.seeds import Seed
from importers import ifc, landxml
from importers.delivery import read_delivery
from importers.models import epanet_model
from importers.models.apart import MEMORY_LIMIT_BYTES, Refusal, refusal
from pipemap.confined import Breakdown
from pipemap.errors import PipemapError

LIMIT_S = 10
# Waiting for a busy machine is no fault of the file.
CLOCK_LIMIT_S = 60
_PEAK_LIMIT_MIB = 1536
_STATUS = Path("/proc/self/status")
# What is no fault: it was loaded, it was refused in one sentence, or an engine broke down in the process of its own
# that it has outside of this measurement.
GOOD = ("loaded", "refused", "engine")
_LOADED_LATE = (
    "importers.models.ifc_file", "importers.models.landxml_file", "importers.models.epanet_engine",
    "pyogrio", "fiona", "ezdxf", "lxml.etree", "python_calamine",
)  # fmt: skip


@dataclass(frozen=True)
class Fate:
    """How a reading ended (`GOOD`, or CRASHED, HUNG, MEMORY, LOST ROWS), what was said, and what it took.

    Memory is counted beyond what the process was born with, as it is forked from one that may be large.
    """

    ended: str
    words: str
    cpu_s: float
    peak_mib: int


def fate(path: Path, told: Mapping[str, Any]) -> Fate:
    """Read a file in a child process, with what is told of it; wait for its end, but not for ever."""
    hears, says = os.pipe()
    born_mib = memory_mib("VmRSS")
    child = os.fork()
    if child == 0:
        os.setsid()
        os.close(hears)
        never_returning(_read, path, told, says)
    os.close(says)
    heard = heard_line(hears, time.monotonic() + CLOCK_LIMIT_S)
    if heard is None:
        os.killpg(child, signal.SIGKILL)
    os.close(hears)
    status, used = os.wait4(child, 0)[1:]
    cpu_s, peak_mib = used.ru_utime + used.ru_stime, max(used.ru_maxrss // 1024 - born_mib, 0)
    said = json.loads(heard) if heard else ["CRASHED", f"ended with status {status}"]
    return Fate(*judged(said, is_late=heard is None or cpu_s > LIMIT_S, peak_mib=peak_mib), cpu_s, peak_mib)


def judged(said: list[str], *, is_late: bool, peak_mib: int) -> tuple[str, str]:
    """How a reading ended and what was said, its time and memory considered."""
    if is_late:
        return "HUNG", said[1]
    if peak_mib > _PEAK_LIMIT_MIB:
        return "MEMORY", f"{peak_mib} MiB; {said[1]}"
    return said[0], said[1]


def heard_line(hears: int, until_s: float) -> bytes | None:
    """The next line that a child says, nothing when it ends before; None when that takes too long."""
    heard = b""
    while (left_s := until_s - time.monotonic()) > 0:
        if select.select([hears], [], [], left_s)[0]:
            if not (words := os.read(hears, 65_536)):
                return b""
            heard += words
            if heard.endswith(b"\n"):
                return heard
    return None


def _read(path: Path, told: Mapping[str, Any], says: int) -> None:
    """Within the child: read the file and say how it went."""

    def say(ended: str, words: str) -> None:
        os.write(says, (json.dumps([ended, words[-6000:]]) + "\n").encode())

    gc.disable()
    os.chdir(path.parent)
    os.environ["TMPDIR"] = str(path.parent)
    in_engine = set_apart()
    resource.setrlimit(resource.RLIMIT_CPU, (3 * LIMIT_S, 3 * LIMIT_S))
    say(*answered(path, told, in_engine))


def never_returning(work: Callable[..., None], *given: Any) -> NoReturn:
    """Within a child: do the work and end; what the parent was doing is not gone on with, whatever happens."""
    try:
        work(*given)
        os._exit(0)
    finally:
        os._exit(1)


def set_apart() -> mmap.mmap:
    """Within a child: keep it quiet and within limits; what is answered says whether it is in an engine."""
    _limit_memory()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1), os.dup2(nowhere, 2)
    # Shared with the process that reads, whose descriptors are not ours.
    in_engine = mmap.mmap(-1, 1)
    _without_processes_of_engines(in_engine)
    return in_engine


def _limit_memory() -> None:
    """Within a child: keep it from filling the memory, and its end from filling the disk."""
    most = memory_mib("VmSize") * 2**20 + MEMORY_LIMIT_BYTES
    for limit, value in ((resource.RLIMIT_AS, most), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (value, value))


def memory_mib(name: str) -> int:
    """What the system says of this process's memory: `VmSize`, `VmRSS`, or its peak `VmHWM`."""
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:"))
    return int(line.split()[1]) // 1024


def answered(path: Path, told: Mapping[str, Any], in_engine: mmap.mmap) -> tuple[str, str]:
    """Read the file here: how that ended and what was said."""
    try:
        fault = unaccounted(path, read_delivery([path], **told))
    except PipemapError as error:
        if isinstance(error.__cause__, Breakdown):
            return "engine" if in_engine[0] else "CRASHED", f"{error.message}\n{error.__cause__}"
        return "refused", error.message
    except MemoryError:
        return "MEMORY", traceback.format_exc()
    except BaseException:
        return "CRASHED", traceback.format_exc()
    return "LOST ROWS" if fault else "loaded", fault or ""


def _without_processes_of_engines(in_engine: mmap.mmap) -> None:
    """Within a child: starting an engine's own process would be most of the time; a crash in it counts as `engine`."""

    def asked(module: str, file: Path) -> Any:
        in_engine[0] = 1
        # As in a process of its own, which may write where it is.
        os.chdir(tempfile.gettempdir())
        try:
            return import_module(module).answer(file)
        except Refusal as error:
            raise refusal(file, error.en, error.zh) from error
        except (Exception, MemoryError) as error:
            raise refusal(file, str(error), str(error)) from error
        finally:
            in_engine[0] = 0

    for reader in (epanet_model, landxml, ifc):
        reader.asked = asked  # type: ignore[attr-defined]


def warm(seed: Seed) -> None:
    """Read a delivery that needs no engine, and load what the others need, so that no child has to."""
    for name in _LOADED_LATE:
        import_module(name)
    with tempfile.TemporaryDirectory(prefix="pipemap-warm-") as folder:
        read_delivery([seed.write(Path(folder), seed.parts)], **seed.told)
    # What a child does not write to it need not copy.
    gc.collect()
    gc.freeze()
