"""The change feed: 10,000 segments changed by one publish, read by an agency, against the bare GeoJSON of them."""

from collections.abc import Iterator
from pathlib import Path

import shapely
from psycopg.sql import SQL, Literal

from bench.exports import shared_city
from bench.measure import Line, paired_s
from bench.serving import granted_key, own_server
from pipemap.db import Database, fetch_one
from pipemap.sharing.agreements import hash_key
from pipemap.sharing.deltas import write_delta
from pipemap.sharing.feed import ChangesRequest, read_changes
from pipemap.sharing.stores import refresh_stores
from pipemap.statements import columns, table
from schemas.tables import attribute_names, state_names

_CHANGED = 10_000
_REPEATS = 7
_PUBLISH = SQL("""
WITH widened AS (SELECT feature_id FROM {current} WHERE feature_id % {every} = 0 ORDER BY feature_id LIMIT {changed}),
     ended AS (
         INSERT INTO {history} ({state}, valid_from_version, valid_to_version)
         SELECT {state}, valid_from_version, 2 FROM {current} WHERE feature_id IN (SELECT feature_id FROM widened)
     )
UPDATE {current} SET width_mm = 400, valid_from_version = 2 WHERE feature_id IN (SELECT feature_id FROM widened)
""")
_BARE = SQL("""
SELECT string_agg(ST_AsGeoJSON(f.*, 'geom', 4), ',') AS features
FROM (SELECT feature_id, {columns} FROM {current} WHERE valid_from_version = 2) AS f
""")


def feed_lines(segments: int) -> Iterator[Line]:
    """Cases over a city of so many segments."""
    with own_server() as (cluster, folder):
        url, everything = shared_city(cluster, segments)
        with Database(url, max_connections=4) as database:
            keys = _publish(database, segments, folder) | {"the whole map": everything}
            for name, key in keys.items():
                yield from _page_lines(database, name, key)
            yield _package_line(database, everything, folder)


def _page_lines(database: Database, name: str, key: str) -> Iterator[Line]:
    for pages, limit in (("one page", _CHANGED), ("ten pages", _CHANGED // 10)):
        found = _follow(database, key, limit)
        ours_s, bare_s = paired_s(lambda: _follow(database, key, limit), lambda: _bare(database), _REPEATS)  # noqa: B023
        yield Line(f"changes of {name}, {pages}", ours_s, bare_s, "bare GeoJSON of 10k", f"{found} changes")


def _package_line(database: Database, key: str, folder: Path) -> Line:
    ours_s, bare_s = paired_s(
        lambda: write_delta(database, key, ChangesRequest(1), folder), lambda: _bare(database), _REPEATS
    )
    return Line("changes of the whole map, delta package", ours_s, bare_s, "bare GeoJSON of 10k", "zip and checksums")


def _follow(database: Database, key: str, limit: int) -> int:
    count, request = 0, ChangesRequest(1, limit=limit)
    while True:
        page = read_changes(database, key, request, timeout_s=600)
        count += sum(page.counts.values()) if page.body else 0
        if page.next is None:
            return count
        request = ChangesRequest(1, page.next, limit=limit)


def _bare(database: Database) -> None:
    names = columns(attribute_names("pipe_segment"))
    with database.transaction(read_only=True) as connection:
        fetch_one(connection, _BARE.format(columns=names, current=table("pipe_segment")))


def _publish(database: Database, segments: int, folder: Path) -> dict[str, str]:
    """Version 2 widens 10,000 segments all over the city; keys of a round area and of a desensitised copy."""
    with database.transaction() as connection:
        connection.execute(
            "INSERT INTO pipemap.version (version, changeset_id, author, message, counts) "
            "VALUES (1, 1, 'bench', 'built', '{}'), (2, 2, 'bench', 'widened', '{}')"
        )
        connection.execute(
            _PUBLISH.format(
                current=table("pipe_segment"),
                history=table("pipe_segment_history"),
                state=columns(state_names("pipe_segment")),
                every=Literal(max(segments // _CHANGED, 1)),
                changed=Literal(_CHANGED),
            )
        )
        box = fetch_one(connection, "SELECT ST_AsBinary(ST_Extent(geom)) AS box FROM pipemap.pipe_segment")
        assert box is not None
        around = shapely.from_wkb(box["box"])
        middle = around.centroid.buffer(around.length / 12)
        keys = {
            "a round area": hash_key(granted_key(connection, middle, ("water",))),
            "a desensitised copy": hash_key(granted_key(connection, around, ("water",), position_precision="grid_5m")),
        }
    refresh_stores(database, folder / "shift.key")
    with database.transaction() as connection:
        connection.execute("ANALYZE")
    return keys
