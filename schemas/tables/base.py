"""What every table stands in: one schema, one collection of declarations."""

from sqlalchemy import MetaData

SCHEMA = "pipemap"

metadata = MetaData(schema=SCHEMA)
