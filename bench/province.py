"""`python -m bench.province`: a province judged chunk by chunk on a Dask cluster of two processes, one killed half-way.

Every chunk is made where it is judged, by the same tile function that judges a city; of each only what was found
comes back. What is lost with the killed process is judged again by the other.
"""

import argparse
import os
import resource
import signal
import time
from typing import Any

import numpy as np
import pandas as pd
from distributed import Client, LocalCluster, as_completed

from bench.measure import machine
from bench.pipes import STREET_M, streets_for, synthetic_pipes
from pipemap.clearance.city import City, Structures
from pipemap.clearance.tiles import Tile, judge_tile


def chunk(number: int, side: int) -> Tile:
    """One square of the province, with an accuracy of 5 cm and the ground 1.5 m over every axis."""
    pipes = synthetic_pipes(side, seed=number, origin_m=(500_000.0 + number * 2 * STREET_M * side, 2_500_000.0))
    n = len(pipes)
    ground_m = np.column_stack([pipes.start[:, 2], pipes.end[:, 2]]) + 1.5
    nothing = np.empty(0, dtype=object)
    structures = Structures(np.empty(0, np.int64), nothing, nothing, {})
    city = City(
        pipes, np.full(n, 0.05), np.full(n, 0.05), np.zeros(n, np.bool_), ground_m, np.zeros(n, np.bool_), structures
    )
    return Tile(number, city, np.ones(n, np.bool_), np.arange(n))


def judge_chunk(number: int, side: int) -> dict[str, Any]:
    """How many segments a chunk has, how many of each kind were found, and what it took of which process."""
    began_s = time.process_time()
    tile = chunk(number, side)
    found: pd.DataFrame = judge_tile(tile)
    kinds = found.groupby(["kind", "state"]).size().to_dict()
    return {
        "number": number,
        "segments": len(tile.rank),
        "kinds": kinds,
        "process": os.getpid(),
        "processor_s": time.process_time() - began_s,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def judge_province(client: Client, chunks: int, side: int, kill_after: int | None = None) -> list[dict[str, Any]]:
    """Every chunk's account; when so many are back, one of the worker processes is killed."""
    done: list[dict[str, Any]] = []
    for future in as_completed(client.map(judge_chunk, range(chunks), side=side, retries=3)):
        done.append(future.result())
        if len(done) == kill_after:
            os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    return sorted(done, key=lambda each: int(each["number"]))


def main() -> None:
    """Judge the province with one process, with two, and with one of two killed half-way."""
    arguments = argparse.ArgumentParser(prog="python -m bench.province", description=__doc__)
    arguments.add_argument("--segments", type=int, default=4_000_000)
    arguments.add_argument("--chunks", type=int, default=40)
    given = arguments.parse_args()
    side = streets_for(given.segments // given.chunks)
    print(machine())
    expected: list[Any] = []
    wall_s: list[float] = []
    for workers, kill_after in ((1, None), (2, None), (2, given.chunks // 2)):
        cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        with cluster, Client(cluster) as client:
            client.run(judge_chunk, 0, 2)
            start = time.perf_counter()
            done = judge_province(client, given.chunks, side, kill_after)
            seconds = time.perf_counter() - start
        wall_s.append(seconds)
        found = [(each["number"], each["segments"], each["kinds"]) for each in done]
        expected = expected or found
        rows, same = sum(sum(each["kinds"].values()) for each in done), "the same" if found == expected else "OTHERS"
        print(
            f"{workers} processes{', one killed half-way' if kill_after else ''}: {seconds:.1f} s,"
            f" {sum(each['segments'] for each in done):,} segments in {len(done)} chunks,"
            f" {rows:,} rows, {same}; {_shares(done)}",
            flush=True,
        )
    print(f"2 processes against 1: {wall_s[0] / wall_s[1]:.2f} times as fast", flush=True)


def _shares(done: list[dict[str, Any]]) -> str:
    """What each process did and took."""
    processes = pd.DataFrame(done).groupby("process")
    shares = zip(processes.size(), processes["processor_s"].sum(), processes["peak_mib"].max(), strict=True)
    return "; ".join(f"{n} chunks in {s:.1f} s of processor time, peak {mib:.0f} MiB" for n, s, mib in shares)


if __name__ == "__main__":
    main()
