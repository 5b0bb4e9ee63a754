"""What is installed, where the database is, and what is wrong with it."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from importlib.resources import files

from pipemap.cluster import Cluster, server_binaries
from pipemap.db import Connection, Database, database_url, fetch_one, ping
from pipemap.errors import PipemapError
from pipemap.projects import read_project
from pipemap.settings import Settings

ROOMS = ("schemas", "pipemap", "importers", "api", "viewer")


@dataclass(frozen=True)
class Symptom:
    """One thing looked at: whether it is well, what was seen, and what to do if it is not."""

    subject: str
    is_well: bool
    seen: str
    remedy: str = ""


def examine(settings: Settings) -> Iterator[Symptom]:
    """Look at everything pipemap leans on, worst dependency first; never raises."""
    yield _packages()
    yield _program("mdb-export", "Access databases are read by a slower fallback; install mdbtools.")
    yield _viewer_bundle()
    yield _server(settings)
    yield from _database(settings)


def _packages() -> Symptom:
    owners = packages_distributions()
    foreign = sorted(room for room in ROOMS if set(owners.get(room, [])) - {"pipemap"})
    seen = f"foreign packages own {', '.join(foreign)}" if foreign else "each room belongs to pipemap alone"
    return Symptom("python packages", not foreign, seen, "Install pipemap into an environment of its own.")


def _program(name: str, remedy: str) -> Symptom:
    path = shutil.which(name)
    return Symptom(name, path is not None, path or "not installed", "" if path else remedy)


def _viewer_bundle() -> Symptom:
    bundle = files("viewer") / "static" / "vendor" / "deck.min.js"
    found = bundle.is_file()
    return Symptom("viewer bundle", found, "deck.gl is in place" if found else "missing", "Run `make setup`.")


def _server(settings: Settings) -> Symptom:
    if settings.database_url is not None:
        return Symptom("server", True, "configured by PIPEMAP_DATABASE_URL")
    binaries = server_binaries()
    if binaries is None:
        return Symptom("server", False, "PostgreSQL is not installed", "Install postgresql-15-postgis-3.")
    running = Cluster(settings.data_dir).is_running()
    return Symptom("server", True, f"private, in {settings.data_dir}, {'running' if running else 'stopped'}")


def _database(settings: Settings) -> Iterator[Symptom]:
    try:
        ping(database_url(settings))
        with Database(database_url(settings)) as database, database.transaction(read_only=True) as connection:
            yield _postgis(connection)
            project = read_project(connection)
            yield Symptom("project", True, f"{project.name}, EPSG:{project.srid}, {project.vertical_datum}")
            for subject, question in _QUESTIONS.items():
                yield question(connection, subject)
    except PipemapError as error:
        yield Symptom("database", False, error.message, "Run `pipemap init`.")


def _postgis(connection: Connection) -> Symptom:
    row = fetch_one(connection, "SELECT current_setting('server_version') AS server, postgis_lib_version() AS postgis")
    seen = row or {}
    return Symptom("postgis", True, f"PostgreSQL {seen.get('server')}, PostGIS {seen.get('postgis')}")


def _contents(connection: Connection, subject: str) -> Symptom:
    row = fetch_one(
        connection,
        "SELECT (SELECT max(version) FROM pipemap.version) AS version, (SELECT count(*) FROM pipemap.node) AS nodes,"
        " (SELECT count(*) FROM pipemap.pipe_segment) AS segments,"
        " (SELECT count(*) FROM pipemap.changeset WHERE state NOT IN ('published', 'rejected')) AS drafts",
    )
    seen = row or {}
    words = f"version {seen.get('version') or 0}: {seen.get('nodes')} nodes, {seen.get('segments')} segments"
    return Symptom(subject, True, f"{words}; {seen.get('drafts')} open changesets")


def _dangling(connection: Connection, subject: str) -> Symptom:
    row = fetch_one(
        connection,
        "SELECT count(*) AS n FROM pipemap.pipe_segment s"
        " LEFT JOIN pipemap.node a ON a.feature_id = s.from_node_id"
        " LEFT JOIN pipemap.node b ON b.feature_id = s.to_node_id"
        " WHERE a.feature_id IS NULL OR b.feature_id IS NULL",
    )
    count = int(row["n"]) if row else 0
    return Symptom(subject, count == 0, f"{count} segments without an end node", "Restore from a backup.")


_QUESTIONS: dict[str, Callable[[Connection, str], Symptom]] = {"contents": _contents, "references": _dangling}
