"""The program `pipemap` as a person runs it: words in, exit code and both streams out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from schemas.tables import SCHEMA

PROGRAM = Path(sys.executable).with_name("pipemap")
_TIME_LIMIT_S = 300
# Loads every room and every format, then gives birth to a process per run.
_NURSERY = """
import gc, json, os, sys
from importlib import import_module
from importlib.metadata import entry_points
import numba
from pipemap import cli

for group in ("commands", "importers", "writers"):
    for point in entry_points(group=f"pipemap.{group}"):
        point.load()
for name in ("pipemap.sharing.exchange", "pipemap.tracing.isolation", "pipemap.network"):
    import_module(name)
numba.njit(lambda: None)()
# What is loaded stays shared between the processes, and nothing of it is taken down at their end.
gc.freeze()
for line in sys.stdin:
    folder, environment, words, out, err = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment)
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


class Nursery:
    """Spares runs of the program its start-up: it is loaded once, and each run is a process born from that."""

    def __init__(self, home: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _NURSERY],
            cwd=home,
            env={"PATH": os.environ["PATH"], "HOME": str(home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run_all(self, program: Program, runs: Mapping[str, Iterable[str]]) -> dict[str, Outcome]:
        """Every run by its name, in order: the same entry point, each in a process of its own."""
        return {name: self._run(program, list(words)) for name, words in runs.items()}

    def _run(self, program: Program, words: list[str]) -> Outcome:
        streams = [program.folder / f".{name}" for name in ("out", "err")]
        born = [str(program.folder), program.environment(), words, *map(str, streams)]
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(born) + "\n")
        self.process.stdin.flush()
        exit_code = int(self.process.stdout.readline())
        return Outcome(exit_code, *(stream.read_text("utf-8") for stream in streams))

    def close(self) -> None:
        self.process.communicate()


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
