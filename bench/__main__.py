"""`python -m bench`: build the city, run the cases, print the table."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from pathlib import Path

from bench.bursts import mains_lines, wntr_lines
from bench.cases import burst_lines, history_lines, load_city, lookup_lines
from bench.city import build_city, write_tables
from bench.clearances import clearance_lines
from bench.deliveries import delivered, delivered_again, delivered_as_tables
from bench.exports import export_lines
from bench.feed import feed_lines
from bench.flows import flow_lines
from bench.ground import ground_lines
from bench.measure import Line, report, row
from bench.serving import own_server
from bench.sharing import sharing_lines
from bench.tables import table_lines
from pipemap.cluster import Cluster

_WARM_UP = 3_000
_RESULTS = Path(__file__).parent / "results"
# What runs alone, on so much of something.
_ALONE: dict[str, tuple[Callable[[int], Iterable[Line]], str]] = {
    "flows": (flow_lines, "sewer and connection traces alone, of these sizes"),
    "clearances": (clearance_lines, "clearance cases alone, on cities of these sizes"),
    "exports": (export_lines, "export cases alone, on cities of these sizes"),
    "feed": (feed_lines, "change feed alone, on cities of these sizes"),
    "ground": (ground_lines, "ground models alone, of so many posts each way"),
    "sharing": (sharing_lines, "OGC API cases alone, on cities of these sizes"),
}


def _given() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(prog="python -m bench", description="Ratios against peers and floors.")
    arguments.add_argument("--segments", type=int, default=100_000, help="size of the city")
    arguments.add_argument("--mains", type=int, nargs="+", help="trace cases alone, on networks of these sizes")
    arguments.add_argument("--deliveries", type=int, nargs="+", help="import and checks of cities of these sizes")
    for name, (_, told) in _ALONE.items():
        arguments.add_argument(f"--{name}", type=int, nargs="+", help=told)
    return arguments.parse_args()


def main() -> None:
    given = _given()
    chosen = {name: sizes for name in _ALONE if (sizes := getattr(given, name))}
    for name, sizes in chosen.items():
        alone(name, _ALONE[name][0], sizes)
    if chosen:
        return
    segments: int = given.segments
    with own_server() as (cluster, folder):
        if given.deliveries:
            # What compiled steps take on their first day is not what they take.
            deliver(cluster, folder, _WARM_UP)
        for size in given.deliveries or ():
            print(report(size, deliver(cluster, folder, size), _RESULTS / "deliveries"))
        if given.deliveries:
            return
        for size in given.mains or [segments]:
            lines = []
            for line in chain(wntr_lines(), mains_lines(cluster, size)):
                show([line])
                lines.append(line)
            print(report(size, lines, _RESULTS / "mains"))
        if given.mains:
            return
        files = build_city(segments).write(folder)
        city, lines = load_city(cluster, files)
        lines += table_lines(folder)
        show(lines)
        for case in (burst_lines, lookup_lines, history_lines):
            found = case(city)
            show(found)
            lines += found
        print(report(segments, lines, _RESULTS))


def alone(name: str, lines_of: Callable[[int], Iterable[Line]], sizes: Sequence[int]) -> None:
    """The cases of one part of the table, a table a size."""
    for size in sizes:
        lines = []
        for line in lines_of(size):
            show([line])
            lines.append(line)
        print(report(size, lines, _RESULTS / name), flush=True)


def deliver(cluster: Cluster, folder: Path, segments: int) -> list[Line]:
    """A city of so many segments delivered twice."""
    city = build_city(segments)
    files, tables = city.write(folder), write_tables(city, folder)
    del city
    url, lines = delivered(cluster, f"delivered_{segments}", files)
    show(lines)
    more = [*delivered_again(url, files), *delivered_as_tables(cluster, f"tables_{segments}", tables)]
    show(more)
    return lines + more


def show(lines: list[Line]) -> None:
    """Tell lines as they are taken; a long run may be interrupted."""
    print("\n".join(map(row, lines)), file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
