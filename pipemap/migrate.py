"""Brings a database to the current schema: tables by Alembic, views and functions dropped and rebuilt."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from pipemap.db import Database, translated_errors

# Any fixed number: two migrations at once wait for each other.
_LOCK = 4_547_001


def migrate(database: Database) -> None:
    """Create or upgrade everything in the database, in one transaction; a second run changes nothing."""
    engine = database.engine()
    with translated_errors(), engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS postgis"))
        connection.execute(text("CREATE SCHEMA IF NOT EXISTS pipemap"))
        _drop_derived(connection)
        command.upgrade(_alembic(connection), "head")
        _build_derived(connection)
    engine.dispose()


def _alembic(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("schemas") / "migrations"))
    config.attributes["connection"] = connection
    return config


def _drop_derived(connection: Connection) -> None:
    """Derived objects hold no data, so they never stand in the way of a column change."""
    connection.execute(text("DROP SCHEMA IF EXISTS pipemap_share CASCADE"))
    connection.execute(text("DROP SCHEMA IF EXISTS pipemap_app CASCADE"))


def _build_derived(connection: Connection) -> None:
    folder = files("schemas") / "sql"
    for script in sorted(folder.iterdir(), key=lambda path: path.name):
        if script.name.endswith(".sql"):
            # Without parameters a per cent sign is only a per cent sign.
            connection.execution_options(no_parameters=True).exec_driver_sql(script.read_text(encoding="utf-8"))
