"""`python -m bench.damaged_models FOLDER`: damages models of every format, and counts what becomes of them.

None may crash the program, stall it for over 10 s or lose a row. Each file is read in a fork, in which the reader's
own process for an engine is left out (starting thousands of them would be most of the time); a crash while the engine
is at work counts as `engine`, which the program answers with one sentence.
"""

import argparse
import os
import random
import resource
import select
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from importers import ifc, landxml
from importers.delivery import read_delivery, reader_of
from importers.models import epanet_model
from importers.models.apart import MEMORY_LIMIT_BYTES, Refusal, refusal
from pipemap.errors import PipemapError

_LIMIT_S = 10
_SRID = 3878
_SUFFIXES = (".inp", ".xml", ".ifc")
_PIECES = (
    b"\x00", b"\xff", b"NaN", b"-1", b"1e308", b"1e400", b"0", b" ", b"\n", b"\t", b";", b"[", b"]", b"<", b">", b"/",
    b'"', b"'", b"(", b")", b"$", b"*", b"#1", b"&x;", b"[PIPES]\n", b"[JUNCTIONS]\n", b"[CONDUITS]\n", b"=", b",",
)  # fmt: skip
# What a fork says: the engine is at work, the reader is, and how it ended.
_ENGINE, _READER, _LOADED, _REFUSED, _LOST_ROWS, _CRASHED = b"e", b"r", b"+", b"-", b"!", b"x"


def damaged(content: bytes, chance: random.Random) -> bytes:
    """The content with a few bytes or lines changed, repeated, moved or gone, or cut off."""
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        content = chance.choice(_WAYS)(content, chance)
    return content


def _changed(content: bytes, chance: random.Random) -> bytes:
    at, piece = chance.randrange(len(content) + 1), chance.choice(_PIECES)
    return content[:at] + piece + content[at + chance.choice((0, 1, len(piece), 40)) :]


def _cut_off(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _with_lines_moved(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[one : one + chance.choice((0, 1))] = lines[other : other + chance.choice((0, 1, 5))]
    return b"\n".join(lines)


def _with_a_word_of_another_place(content: bytes, chance: random.Random) -> bytes:
    words = content.split(b" ")
    words[chance.randrange(len(words))] = chance.choice(words)
    return b" ".join(words)


_WAYS: Sequence[Callable[[bytes, random.Random], bytes]] = (
    _changed, _changed, _changed, _cut_off, _with_lines_moved, _with_a_word_of_another_place,
)  # fmt: skip


def fate(path: Path) -> tuple[str, float]:
    """What becomes of a file, and the seconds it took."""
    start = time.perf_counter()
    hears, says = os.pipe()
    child = os.fork()
    if child == 0:
        _read(path, says)
    os.close(says)
    heard = b""
    while (left_s := _LIMIT_S + start - time.perf_counter()) > 0 and select.select([hears], [], [], left_s)[0]:
        if not (word := os.read(hears, 64)):
            break
        heard += word
    os.close(hears)
    took_s = time.perf_counter() - start
    if took_s >= _LIMIT_S:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    ended = {_LOADED: "loaded", _REFUSED: "refused", _LOST_ROWS: "LOST ROWS", _CRASHED: "CRASHED", _ENGINE: "engine"}
    return ("HUNG" if took_s >= _LIMIT_S else ended.get(heard[-1:], "CRASHED")), took_s


def _read(path: Path, says: int) -> None:
    """Within the fork: read the file and say how it went; never returns."""
    os.chdir(path.parent)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    sys.stderr = sys.stdout = open(os.devnull, "w")  # noqa: SIM115

    def asked(module: str, file: Path) -> Any:
        os.write(says, _ENGINE)
        try:
            return import_module(module).answer(file)
        except Refusal as error:
            raise refusal(file, error.en, error.zh) from error
        except Exception as error:
            raise refusal(file, str(error), str(error)) from error
        finally:
            os.write(says, _READER)

    for reader in (epanet_model, landxml, ifc):
        reader.asked = asked  # type: ignore[attr-defined]
    try:
        counts = read_delivery([path], srid=_SRID).counts
        adds_up = all(count.rows == count.loaded + count.refused + count.skipped for count in counts)
        os.write(says, _LOADED if adds_up else _LOST_ROWS)
    except PipemapError:
        os.write(says, _REFUSED)
    except BaseException:
        os.write(says, _CRASHED)
    os._exit(0)


def main() -> None:
    """Damage every model of a folder in turn until there are enough, and print one line a kind."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.damaged_models", description="Damaged models and their fates."
    )
    parser.add_argument("folder", type=Path, help="models to damage, searched through")
    parser.add_argument("--files", type=int, default=2_500, help="damaged files of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where to leave files that went wrong")
    given = parser.parse_args()
    for kind, sources in _kinds(given.folder).items():
        fates, longest_s = Counter[str](), 0.0
        with tempfile.TemporaryDirectory(prefix="pipemap-damaged-") as folder:
            for number in range(given.files):
                source = sources[number % len(sources)]
                path = Path(folder, f"model{source.suffix.lower()}")
                path.write_bytes(damaged(source.read_bytes(), random.Random(f"{given.seed} {number}")))
                became, took_s = fate(path)
                fates[became] += 1
                longest_s = max(longest_s, took_s)
                if became.isupper() and given.keep:
                    path.rename(given.keep / f"{kind}-{number}{path.suffix}")
        told = ", ".join(f"{count} {name}" for name, count in sorted(fates.items()))
        print(f"{kind}: {len(sources)} models, {given.files} files: {told}; longest {longest_s:.1f} s", flush=True)


def _kinds(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() in _SUFFIXES:
            found.setdefault(reader_of(path).name, []).append(path)
    return found


if __name__ == "__main__":
    main()
