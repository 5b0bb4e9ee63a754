"""The project a database holds: its name, coordinate reference system and vertical datum."""

from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
import psycopg.sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from pipemap.db import Connection, Database, fetch_one, translated_errors
from pipemap.errors import ConflictError, CrsError, NotFoundError

DEFAULT_NAME = "pipemap"
DEFAULT_SRID = 4547
DEFAULT_VERTICAL_DATUM = "1985国家高程基准"
_srids: WeakKeyDictionary[Database, int] = WeakKeyDictionary()
_WORDS = {"name": "name", "srid": "CRS", "vertical_datum": "vertical datum"}


@dataclass(frozen=True)
class Project:
    """One city's map."""

    name: str
    srid: int
    vertical_datum: str


def create_database(url: str) -> None:
    """Create the database a URL names if the server does not have it yet."""
    parts = {key: str(value) for key, value in conninfo_to_dict(url).items()}
    name = parts.pop("dbname")
    with translated_errors(), psycopg.connect(make_conninfo(dbname="postgres", **parts), autocommit=True) as link:
        if not link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            link.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))


def init_project(
    database: Database,
    name: str = DEFAULT_NAME,
    srid: int = DEFAULT_SRID,
    vertical_datum: str = DEFAULT_VERTICAL_DATUM,
) -> Project:
    """Bring the schema up to date and write the project once; a second call changes nothing."""
    # Imported here: Alembic is slow to load, and only a new or an older database needs it.
    from pipemap.migrate import migrate

    _check_projected(srid)
    migrate(database)
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO pipemap.project (name, srid, vertical_datum) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            [name, srid, vertical_datum],
        )
        return read_project(connection)


def project_srid(database: Database) -> int:
    """EPSG code of a database's project, which never changes; 0 for a local grid."""
    known = known_srid(database)
    if known is None:
        with database.transaction(read_only=True) as connection:
            known = _srids[database] = read_project(connection).srid
    return known


def known_srid(database: Database) -> int | None:
    """The same without asking the database; None when it has not been asked yet."""
    return _srids.get(database)


def open_project(database: Database, **stated: Any) -> Project:
    """The project of a database, made when there is none; ConflictError when it is not as stated."""
    project = init_project(database, **stated)
    for field, wanted in stated.items():
        stored = getattr(project, field)
        if stored != wanted:
            prefix = "EPSG:" if field == "srid" else ""
            raise ConflictError(
                f"The {_WORDS[field]} of this project is {prefix}{stored}, not {prefix}{wanted}, and stays so; "
                "leave the option out, or choose another database."
            )
    return project


def read_project(connection: Connection) -> Project:
    """The project of this database; NotFoundError when `pipemap init` has not run."""
    try:
        row = fetch_one(connection, "SELECT name, srid, vertical_datum FROM pipemap.project")
    except psycopg.errors.UndefinedTable as error:
        raise NotFoundError("This database holds no pipemap project yet; run `pipemap init` first.") from error
    if row is None:
        raise NotFoundError("This database holds no pipemap project yet; run `pipemap init` first.")
    return Project(**row)


def _check_projected(srid: int) -> None:
    try:
        crs = CRS.from_epsg(srid)
    except ProjError as error:
        raise CrsError(f"EPSG:{srid} is not a known coordinate reference system.") from error
    if not crs.is_projected or crs.axis_info[0].unit_name != "metre":
        raise CrsError(f"EPSG:{srid} ({crs.name}) is not a projected system in metres, as the map needs.")
