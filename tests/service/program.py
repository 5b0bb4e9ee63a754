"""The program `pipemap` as a person runs it: words in, exit code and both streams out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import psycopg

from schemas.tables import SCHEMA

PROGRAM = Path(sys.executable).with_name("pipemap")
_TIME_LIMIT_S = 300
# Loads every room once, then gives birth to a process per run: that spares each the start-up.
_NURSERY = """
import gc, json, os, sys
from importlib import import_module
from importlib.metadata import entry_points
import numba
from pipemap import cli

for point in entry_points(group="pipemap.commands"):
    point.load()
for name in ("pipemap.sharing.exchange", "pipemap.tracing.isolation", "pipemap.network"):
    import_module(name)
numba.njit(lambda: None)()
# What is loaded stays shared between the processes, and nothing of it is taken down at their end.
gc.freeze()
for line in sys.stdin:
    words, out, err = json.loads(line)
    child = os.fork()
    if not child:
        for stream, path in enumerate(("/dev/null", out, err)):
            os.dup2(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC), stream)
        sys.argv = ["pipemap", *words]
        try:
            cli.main()
        except SystemExit as end:
            sys.stdout.flush()
            os._exit(end.code or 0)
        os._exit(99)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    exit_code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)


@dataclass(frozen=True)
class Program:
    """The program in a folder, with an environment that knows one test database and nothing of this machine."""

    folder: Path
    url: str
    language: str = "zh"

    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PIPEMAP_DATABASE_URL": self.url,
            "PIPEMAP_DATA_DIR": str(self.folder / "no-private-server"),
            "PIPEMAP_LANGUAGE": self.language,
            "PIPEMAP_USER": "tester",
            "PIPEMAP_HOOK_HOSTS": "hooks.example.cn",
        }

    def run(self, *words: str, **settings: str) -> Outcome:
        """The installed program, started anew."""
        ended = subprocess.run(
            [PROGRAM, *words],
            cwd=self.folder,
            env=self.environment() | settings,
            capture_output=True,
            text=True,
            timeout=_TIME_LIMIT_S,
            check=False,
        )
        return Outcome(ended.returncode, ended.stdout, ended.stderr)

    def run_all(self, runs: Mapping[str, Iterable[str]], at_once: int = 2) -> dict[str, Outcome]:
        """Every run by its name, in order if one at a time: the same entry point, each in a process of its own."""
        with ThreadPoolExecutor(at_once) as pool, self._nurseries(at_once) as nurseries:

            def one(place: int, words: Iterable[str]) -> Outcome:
                nursery = nurseries.get()
                streams = [self.folder / f".{place}.{name}" for name in ("out", "err")]
                try:
                    exit_code = nursery.bear(list(words), *map(str, streams))
                finally:
                    # One that has died fails every further run: without it they would wait for ever.
                    nurseries.put(nursery)
                return Outcome(exit_code, *(stream.read_text("utf-8") for stream in streams))

            outcomes = pool.map(one, range(len(runs)), runs.values())
            return dict(zip(runs, outcomes, strict=True))

    @contextmanager
    def _nurseries(self, count: int) -> Iterator[Queue["_Nursery"]]:
        opened = [_Nursery(self) for _ in range(count)]
        waiting: Queue[_Nursery] = Queue()
        for nursery in opened:
            waiting.put(nursery)
        yield waiting
        for nursery in opened:
            nursery.process.communicate()


class _Nursery:
    def __init__(self, program: Program) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _NURSERY],
            cwd=program.folder,
            env=program.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def bear(self, words: list[str], out: str, err: str) -> int:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps([words, out, err]) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


def contents(url: str) -> dict[str, str]:
    """A fingerprint of every table of the map; the audit log, which refusals lengthen, is left out."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = %s::regnamespace"
            " AND relname NOT IN ('audit_log', 'audit_head')",
            [SCHEMA],
        ).fetchall()
        return {
            name: str(connection.execute(
                f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {SCHEMA}.{name} t"
            ).fetchone())
            for (name,) in tables
        }  # fmt: skip
