"""Features as GeoJSON text, written by the database.

`row_to_json` writes the same, but looks up the type of every column and quotes its name once a row.
"""

from collections.abc import Iterator, Sequence

from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from schemas.tables import number_names

# So many arguments a function of PostgreSQL may have.
_MOST_ARGUMENTS = 100
_BEGIN = '{"type":"Feature","id":'


def feature(columns: Sequence[str], geometry: Composable) -> Composable:
    """One feature over the alias `f` as text, with columns as its properties; coordinates have %(digits)s decimals."""
    shape = SQL("ST_AsGeoJSON({}, %(digits)s, 0)").format(geometry)
    parts = [Literal(_BEGIN), Identifier("f", "feature_id"), Literal(',"geometry":'), shape, *_properties(columns)]
    while len(parts) > _MOST_ARGUMENTS:
        parts = [_concatenated(parts[:_MOST_ARGUMENTS]), *parts[_MOST_ARGUMENTS:]]
    return _concatenated(parts)


def without_last(features: bytes, feature_id: int) -> bytes:
    """Features joined by commas without the last of several, which has this identity."""
    # No text in them can hold this: the quotes of a text are escaped.
    return features[: features.rindex(b",%b%d," % (_BEGIN.encode(), feature_id))]


def _properties(columns: Sequence[str]) -> Iterator[Composable]:
    """What follows the geometry. `concat` leaves out a null, so what comes after a value says that it was one."""
    if not columns:
        yield Literal(',"properties":{}}')
        return
    yield Literal(f',"properties":{{"{columns[0]}":')
    for column, after in zip(columns, [*(f',"{following}":' for following in columns[1:]), "}}"], strict=True):
        value = Identifier("f", column)
        yield value if column in number_names() else SQL("to_json({})").format(value)
        yield SQL("CASE WHEN {} IS NULL THEN {} ELSE {} END").format(value, Literal(f"null{after}"), Literal(after))


def _concatenated(parts: Sequence[Composable]) -> Composed:
    return SQL("concat({})").format(SQL(", ").join(parts))
