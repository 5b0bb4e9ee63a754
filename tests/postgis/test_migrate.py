"""The schema that migrations lead to is the one that is declared, and migrating again loses nothing."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from pipemap.db import Database
from pipemap.migrate import migrate
from schemas.tables import SCHEMA, metadata
from tests.postgis.deliveries import bring_in, publish_now, street, whole_map


def schema_text(database: Database) -> list[tuple[object, ...]]:
    """Columns, constraints, indexes and functions as the server describes them."""
    with database.transaction() as connection:
        rows = connection.execute(
            """
            SELECT table_schema || '.' || table_name AS owner, column_name AS name,
                   concat_ws(' ', udt_name, is_nullable, column_default) AS definition
            FROM information_schema.columns WHERE table_schema LIKE 'pipemap%'
            UNION ALL
            SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
            FROM pg_constraint WHERE connamespace = 'pipemap'::regnamespace
            UNION ALL
            SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname LIKE 'pipemap%'
            UNION ALL
            SELECT pronamespace::regnamespace::text, proname, prosrc
            FROM pg_proc WHERE pronamespace::regnamespace::text LIKE 'pipemap%'
            ORDER BY 1, 2, 3
            """
        ).fetchall()
    return [tuple(row.values()) for row in rows]


def test_migrations_lead_to_the_declared_tables(database: Database) -> None:
    # Alembic takes the first schema of the search path for nameless, and ours may be it.
    address = database.url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(address, connect_args={"options": "-c search_path=public"})
    with engine.connect() as connection:
        options = {
            "include_schemas": True,
            "include_name": lambda name, kind, _: name == SCHEMA if kind == "schema" else True,
            "version_table_schema": SCHEMA,
            "compare_type": True,
            "compare_server_default": True,
        }
        difference = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    assert difference == []


def test_declared_tables_alone_make_the_same_schema(database: Database) -> None:
    declared = "declared"
    migrated = tables_of(database, SCHEMA)
    engine = database.engine()
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE SCHEMA {declared}")
        scoped = connection.execution_options(schema_translate_map={SCHEMA: declared})
        metadata.create_all(scoped)
    engine.dispose()
    assert tables_of(database, declared) == migrated


def tables_of(database: Database, schema: str) -> set[tuple[str, ...]]:
    """Columns, constraints and indexes of one schema, with its own name taken out."""
    with database.transaction() as connection:
        rows = connection.execute(
            """
            SELECT c.relname AS owner, a.attname AS name,
                   concat_ws(' ', format_type(a.atttypid, a.atttypmod), a.attnotnull,
                             pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum)) AS definition
            FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
            LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
            WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relnamespace = %(schema)s::regnamespace
            UNION ALL
            SELECT c.relname, k.conname, pg_get_constraintdef(k.oid)
            FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
            WHERE k.connamespace = %(schema)s::regnamespace
            UNION ALL
            SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = %(schema)s::text
            """,
            {"schema": schema},
        ).fetchall()
    described = {tuple(str(cell).replace(f"{schema}.", "") for cell in row.values()) for row in rows}
    return {row for row in described if row[0] != "alembic_version"}


def test_migrating_again_changes_nothing_and_keeps_the_map(database: Database) -> None:
    publish_now(database, bring_in(database, street()))
    schema, features = schema_text(database), whole_map(database)
    migrate(database)
    assert schema_text(database) == schema
    assert whole_map(database) == features
