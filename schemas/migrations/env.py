"""Alembic environment: runs inside the connection that `pipemap.migrate` hands over."""

from alembic import context

from schemas.tables import SCHEMA, metadata


def _include_name(name: str | None, type_: str, _parents: object) -> bool:
    return name == SCHEMA if type_ == "schema" else True


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    include_schemas=True,
    include_name=_include_name,
    version_table_schema=SCHEMA,
)
with context.begin_transaction():
    context.run_migrations()
