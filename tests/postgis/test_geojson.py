"""Features as text: held against PostgreSQL's own way of writing a row as JSON."""

from datetime import date
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier, Placeholder

from pipemap import geojson
from pipemap.db import Connection, Database, fetch_one
from schemas.tables import SHARED_KINDS, metadata, state_names

_GEOM = SQL("ST_MakePoint(1, 2)")
_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=8)
_OF_TYPE: dict[str, st.SearchStrategy[Any]] = {
    "TEXT": _TEXT | st.sampled_from(["供水", '"', "\\", "}]", '"},{"type":"Feature","id":7,', "\n\t\x1f", "'"]),
    "INTEGER": st.integers(-(2**31), 2**31 - 1),
    "BIGINT": st.integers(-(2**63), 2**63 - 1),
    "REAL": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "DOUBLE PRECISION": st.floats(allow_nan=False, allow_infinity=False),
    "DATE": st.dates(date(1, 1, 1)),
    "JSONB": st.just('{"a": 1}'),
}


@st.composite
def features(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    kind = draw(st.sampled_from(SHARED_KINDS))
    columns = metadata.tables[f"pipemap.{kind}"].columns
    names = [name for name in state_names(kind) if name not in ("feature_id", "geom")]
    return kind, {name: draw(st.none() | _OF_TYPE[columns[name].type.compile()]) for name in names}


@given(features())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_feature_is_written_as_postgresql_writes_its_row(
    database: Database, given: tuple[str, dict[str, Any]]
) -> None:
    kind, values = given
    with database.transaction() as connection:
        written, wanted = _both(connection, kind, values)
    assert (
        written
        == f'{{"type":"Feature","id":5,"geometry":{{"type":"Point","coordinates":[1,2]}},"properties":{wanted}}}'
    )


def _both(connection: Connection, kind: str, values: dict[str, Any]) -> tuple[str, str]:
    """A feature as we write it, and its row as PostgreSQL does."""
    columns = metadata.tables[f"pipemap.{kind}"].columns
    cells = SQL(", ").join(
        SQL("{}::{} AS {}").format(Placeholder(name), SQL(columns[name].type.compile()), Identifier(name))
        for name in values
    )
    statement = SQL(
        "SELECT {feature} AS written, row_to_json(p)::text AS wanted"
        " FROM (SELECT 5 AS feature_id, * FROM (SELECT {cells}) AS c) AS f CROSS JOIN LATERAL (SELECT {names}) AS p"
    ).format(
        feature=geojson.feature(list(values), _GEOM),
        cells=cells,
        names=SQL(", ").join(Identifier("f", name) for name in values),
    )
    row = fetch_one(connection, statement, {"digits": 3, **values})
    assert row is not None
    return row["written"], row["wanted"]


def test_features_of_many_and_of_no_columns_are_written(database: Database) -> None:
    with database.transaction(read_only=True) as connection:
        for names in ([], [f"column_{number}" for number in range(300)]):
            cells = SQL(", ").join(
                [SQL("5 AS feature_id"), *(SQL("1 AS {}").format(Identifier(name)) for name in names)]
            )
            statement = SQL("SELECT {}::json AS written FROM (SELECT {}) AS f")
            row = fetch_one(connection, statement.format(geojson.feature(names, _GEOM), cells), {"digits": 3})
            assert row is not None
            assert row["written"]["properties"] == dict.fromkeys(names, 1)


def test_the_last_of_several_features_is_left_out_whatever_their_texts_say() -> None:
    told = '{"type":"Feature","id":2,"properties":{"owner":",{\\"type\\":\\"Feature\\",\\"id\\":2,"}}'
    first = '{"type":"Feature","id":1,"properties":{}}'
    assert geojson.without_last(f"{first},{told}".encode(), 2) == first.encode()
