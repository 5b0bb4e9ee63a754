"""Composes the statements that are alike for every feature kind from the declared columns."""

from collections.abc import Iterable
from typing import LiteralString

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from schemas.tables import SCHEMA, attribute_names, state_names

# Columns that refer to nodes, by the name of the key that stands for them in a delivery.
NODE_LINKS: dict[str, dict[str, str]] = {
    "node": {},
    "pipe_segment": {"from_node_id": "from_key", "to_node_id": "to_key"},
    "consumer": {"node_id": "node_key"},
    "structure": {},
}


def content_names(kind: str) -> tuple[str, ...]:
    """Columns whose change makes a new state: key, attributes, unmapped columns and geometry; not provenance."""
    return ("source_key", "extra", *attribute_names(kind))


def compose(statement: LiteralString, kind: str, **parts: Composable) -> Composed:
    """Fill a named statement with the tables and columns of one kind.

    `{current}`, `{history}` and `{delta}` become its tables, `{state}` its state columns,
    `{state_of_x}` the same columns read from the alias `x`, and `{kind}` its name.
    """
    aliases = {f"state_of_{alias}": columns(state_names(kind), alias) for alias in ("c", "d", "h", "m", "s")}
    return SQL(statement).format(
        current=table(kind),
        history=table(f"{kind}_history"),
        delta=table(f"{kind}_delta"),
        state=columns(state_names(kind)),
        kind=Literal(kind),
        **(aliases | parts),
    )


def table(name: str) -> Composable:
    """A table of the map."""
    return Identifier(SCHEMA, name)


def columns(names: Iterable[str], alias: str | None = None) -> Composable:
    """Column names joined by commas, read from an alias when one is given."""
    prefix = (alias,) if alias else ()
    return SQL(", ").join(Identifier(*prefix, name) for name in names)


def value(name: str, alias: str) -> Composable:
    """A column as it is compared: geometries byte by byte, so that every digit and z counts."""
    cast: LiteralString = "::bytea" if name == "geom" else ""
    return Identifier(alias, name) + SQL(cast)


def differs(names: Iterable[str], left: str, right: str) -> Composable:
    """Whether any of the columns differs between two aliases; two unknowns are alike."""
    listed = tuple(names)
    rows = (SQL("(") + SQL(", ").join(value(name, alias) for name in listed) + SQL(")") for alias in (left, right))
    return SQL(" IS DISTINCT FROM ").join(rows)
