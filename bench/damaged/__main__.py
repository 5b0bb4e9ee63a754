"""`python -m bench.damaged FOLDER`: damages deliveries of every kind, and counts what becomes of them.

None may crash the program, stall it for over 10 s, fill the memory or lose a row. What was found goes into
`bench/results/damaged/READER.json`; a run that was interrupted goes on behind the last file written there.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.damaged.fates import GOOD, Fate, fate, warm
from bench.damaged.mutations import damaged
from bench.damaged.seeds import Seed, seeds
from bench.damaged.workers import Worker
from bench.measure import in_child

_RESULTS = Path(__file__).parents[1] / "results" / "damaged"
_TOLD_EVERY = 50


class Tally:
    """What became of the files of one reader so far, kept in a file."""

    def __init__(self, reader: str, seed: int, *, is_fresh: bool) -> None:
        self.place = _RESULTS / f"{reader}.json"
        self.reader, self.seed = reader, seed
        kept = json.loads(self.place.read_text()) if self.place.exists() and not is_fresh else {}
        kept = kept if kept.get("seed") == seed else {}
        self.files: int = kept.get("files", 0)
        self.fates = Counter[str](kept.get("fates", {}))
        self.longest_s: float = kept.get("longest_s", 0.0)
        self.peak_mib: int = kept.get("peak_mib", 0)
        self.wrong: list[dict[str, Any]] = kept.get("wrong", [])

    def add(self, found: Fate, seed: Seed, ways: str) -> None:
        """Count one file, and keep what went wrong."""
        self.fates[found.ended] += 1
        self.longest_s, self.peak_mib = max(self.longest_s, found.cpu_s), max(self.peak_mib, found.peak_mib)
        if found.ended not in GOOD:
            told = {"number": self.files, "file": seed.name, "ways": ways, "ended": found.ended, "words": found.words}
            self.wrong.append(told)
        self.files += 1

    def save(self) -> None:
        """Write it down."""
        _RESULTS.mkdir(parents=True, exist_ok=True)
        kept = {name: value for name, value in vars(self).items() if name != "place"}
        self.place.write_text(json.dumps(kept, ensure_ascii=False, indent=1))

    def __str__(self) -> str:
        told = ", ".join(f"{count} {name}" for name, count in sorted(self.fates.items()))
        return f"{self.reader}: {self.files} files: {told}; longest {self.longest_s:.1f} s, peak {self.peak_mib} MiB"


def main() -> None:
    """Damage the deliveries of every reader in turn until there are enough; one line a reader."""
    parser = argparse.ArgumentParser(prog="python -m bench.damaged", description="Damaged deliveries and their fates.")
    parser.add_argument("folder", type=Path, help="deliveries to damage, searched through")
    parser.add_argument("--files", type=int, default=10_000, help="damaged files of each reader")
    parser.add_argument("--reader", action="append", help="this reader only (may be repeated)")
    parser.add_argument("--only", default="", help="deliveries with this in their name only")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, action="append", help="only this file (may be repeated); say its fate")
    parser.add_argument("--keep", type=Path, help="where to leave files that went wrong")
    parser.add_argument("--fresh", action="store_true", help="count from the first file again")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pipemap-seeds-") as scratch:
        # In a process of its own: what GDAL keeps running after writing does not survive a fork.
        of_readers, _ = in_child(seeds, given.folder, Path(scratch))
    warm(next(seed for seed in of_readers["tables"] if seed.main == "book.txt"))
    for reader in given.reader or sorted(of_readers):
        sources = [seed for seed in of_readers[reader] if given.only in seed.name and _is_loaded(seed)]
        if given.number:
            for number in given.number:
                print(number, *_tried(sources, given, reader, number), sep="\n  ")
            continue
        _run(reader, sources, given)


def _run(reader: str, sources: list[Seed], given: argparse.Namespace) -> None:
    tally, worker = Tally(reader, given.seed, is_fresh=given.fresh), Worker()
    try:
        while tally.files < given.files:
            seed, ways, found = _tried(sources, given, reader, tally.files, worker.fate)
            tally.add(found, seed, ways)
            if tally.files % _TOLD_EVERY == 0:
                tally.save()
                print(tally, end="\r", file=sys.stderr, flush=True)
    finally:
        worker.end()
        tally.save()
        print(tally, flush=True)


def _is_loaded(seed: Seed) -> bool:
    """Whether a delivery is loaded when nothing is wrong with it; of others there is little to learn."""
    with tempfile.TemporaryDirectory(prefix="pipemap-whole-") as folder:
        found = fate(seed.write(Path(folder), seed.parts), seed.told)
    if found.ended != "loaded":
        print(f"{seed.name} is left out, it is not even loaded whole: {found.words[-300:]}", file=sys.stderr)
    return found.ended == "loaded"


def _tried(
    sources: list[Seed], given: argparse.Namespace, reader: str, number: int, read: Callable[..., Fate] = fate
) -> tuple[Seed, str, Fate]:
    seed, chance = sources[number % len(sources)], random.Random(f"{given.seed} {number}")
    parts, ways = damaged(seed.parts, chance)
    folder = Path(tempfile.mkdtemp(prefix="pipemap-damaged-"))
    try:
        found = read(seed.write(folder, parts), seed.told)
        if given.keep and (found.ended not in GOOD or given.number):
            shutil.copytree(folder, given.keep / f"{reader}-{number}", dirs_exist_ok=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return seed, ways, found


if __name__ == "__main__":
    main()
