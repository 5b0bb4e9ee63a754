"""Tiles as they are handed out: made of what a key may see, kept for others who may see the same, each look on record.

What stands behind a key is asked of the database at every request, so that a revoked key is shown nothing that is
kept. The same bytes shown again to the same key within ten minutes are the same look.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from psycopg.rows import DictRow
from psycopg.sql import SQL, Identifier

from pipemap.db import Database
from pipemap.errors import NotFoundError
from pipemap.pages import Box
from pipemap.projects import project_srid
from pipemap.sharing import audit, ledger
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.granted import (
    Grant,
    Place,
    UnknownKeyError,
    View,
    read_at_once,
    read_under,
    recording_refusals,
    window_of,
)
from pipemap.sharing.item_statements import granted_columns
from pipemap.sharing.reading import BlockingReading, Reading, now
from pipemap.sharing.tiles import solid, tilesets, vector
from pipemap.sharing.tiles.cache import Looks, Made, TileCache
from pipemap.sharing.tiles.grids import Tile, find_tile, own_grid
from pipemap.sharing.tiles.vector import Drawing, Source
from pipemap.sql import queries
from pipemap.versions import SHARE_SCHEMA, resolve_version

Form: TypeAlias = Literal["mvt", "glb", "tileset"]
_STAFF_DIGEST = "staff"
_NOTHING = Drawing("SELECT WHERE false", {}, lambda _rows, _version: Made(b""))


@dataclass(frozen=True)
class Standing:
    """What a key is worth at a moment: the version it reads and the digest of its permission."""

    key_sha256: str | None
    version: int
    digest: str


@dataclass(frozen=True)
class Wanted:
    """One tile of one kind, or where it is None the tileset of all; of the newest version when that is None."""

    kind: str
    tile: Tile | None
    form: Form = "mvt"
    version: int | None = None

    def seen_by(self, standing: Standing) -> tuple[Any, ...]:
        """What its bytes depend on."""
        return self.form, self.kind, self.tile, standing.version, standing.digest


class TileServer:
    """The tiles of one database; `max_bytes` bounds what is kept in memory."""

    def __init__(self, database: Database, timeout_s: int, max_bytes: int) -> None:
        self.cache = TileCache(max_bytes)
        self._database = database
        self._timeout_s = timeout_s
        self._looks = Looks()
        # What was last behind keys in force: where to look first, never what is held to be so.
        self._stood: dict[str | None, Standing] = {}

    def find(self, kind: str, grid_id: str, level: int, row: int, column: int) -> Wanted:
        """A tile by its names and numbers; NotFoundError when there is none such."""
        if kind not in SHARED_KINDS:
            raise NotFoundError(f"There is no collection {kind}; there are {', '.join(SHARED_KINDS)}.")
        return Wanted(kind, find_tile(self.project_srid(), grid_id, level, row, column))

    def find_solid(self, kind: str, place: tuple[int, int, int] | None, version: int | None) -> Wanted:
        """The bodies of a tile by its level, row and column, or their tileset; NotFoundError where there are none."""
        if kind != "pipe_segment":
            raise NotFoundError(f"There is no 3D of {kind}; there is of pipe_segment.")
        grid = own_grid(self.project_srid())
        if place is None:
            return Wanted(kind, None, "tileset", version)
        if place[0] not in solid.SOLID_LEVELS:
            raise NotFoundError(f"There is no tile {place}; levels are {', '.join(map(str, solid.SOLID_LEVELS))}.")
        return Wanted(kind, find_tile(self.project_srid(), grid.id, *place), "glb", version)

    def project_srid(self) -> int:
        """EPSG code of the project, which never changes; 0 for a local grid."""
        return project_srid(self._database)

    async def check(self, reading: Reading, key_sha256: str | None, version: int | None = None) -> Standing:
        """What a key is worth at this moment, or staff where it is None; UnknownKeyError when it is not in force."""
        rows = await self._rows(reading, key_sha256, version, Place(), _NOTHING)
        if not rows:
            raise UnknownKeyError
        return self._standing(key_sha256, version, rows[0])

    def may_have_shown(self, key_sha256: str | None, wanted: Wanted) -> bool:
        """Whether it is worth a check: unless a key's last one says that `shown_before` would find nothing."""
        likely = self._stood.get(key_sha256)
        return likely is None or self.shown_before(likely, wanted) is not None

    def shown_before(self, standing: Standing, wanted: Wanted) -> Made | None:
        """A kept tile whose look by this key is on record already."""
        key = wanted.seen_by(standing)
        if standing.key_sha256 is not None and not self._looks.is_on_record((standing.key_sha256, key)):
            return None
        return self.cache.get(key)

    def show(self, key_sha256: str | None, wanted: Wanted) -> Made:
        """One tile, kept or made now, its look on record.

        Raises UnknownKeyError (on record too) when the key is not in force, NotFoundError for a strange version.
        """
        return now(self.show_by(BlockingReading(self._database, self._timeout_s), key_sha256, wanted))

    async def show_by(self, reading: Reading, key_sha256: str | None, wanted: Wanted) -> Made:
        """The same in a coroutine."""
        asked = {"kind": wanted.kind, "format": wanted.form, "tile": _name(wanted.tile)}
        async with recording_refusals(reading, key_sha256 or "", asked):
            if wanted.version is not None:
                await reading.run(self._check_version, wanted.version)
            made, standing, grant, window = await self._made(reading, key_sha256, wanted)
        key = wanted.seen_by(standing)
        self.cache.keep(key, made)
        if grant is not None:
            place = _place(wanted, self.project_srid()) or Place()
            if place.bbox is not None:
                await ledger.charge_window(reading, grant, place, window, counts_outside=False)
            where = {"bbox": place.bbox, "bbox_srid": place.bbox_srid}
            details = {**asked, **where, "version": standing.version, **_account(made)}
            await reading.record(audit.looks_under(grant, key_sha256 or "", "share.tile", [details]))
            self._looks.remember((key_sha256, key))
        return made

    def _check_version(self, version: int) -> None:
        with self._database.transaction(read_only=True) as connection:
            resolve_version(connection, version)

    async def _made(
        self, reading: Reading, key_sha256: str | None, wanted: Wanted
    ) -> tuple[Made, Standing, Grant | None, bytes | Box | None]:
        """A tile, kept or drawn, with what stood behind the key while it was looked for, and the window as WKB."""

        async def read(
            grant: Grant | None, is_certain: bool
        ) -> tuple[Made, Standing, Grant | None, bytes | Box | None] | None:
            place = None if is_certain else _place(wanted, self.project_srid())
            window = None if place is None else window_of(place, self.project_srid())
            view = None if grant is None else grant.view(wanted.kind, wanted.version, window=window)
            found = await self._found(reading, key_sha256, wanted, grant, view)
            if found is None or (grant is not None and grant.digest != found[1].digest):
                return None
            made, standing, asked = found
            return made, standing, grant, asked if view is None else view.deep or asked

        return await read_under(reading, key_sha256, read)

    async def _found(
        self, reading: Reading, key_sha256: str | None, wanted: Wanted, grant: Grant | None, view: View | None
    ) -> tuple[Made, Standing, bytes | None] | None:
        """The same under a grant, in one round trip; None when nothing in force stands behind the key."""
        likely = self._stood.get(key_sha256)
        if wanted.version is not None:
            likely = await self.check(reading, key_sha256, wanted.version)
        kept = None if likely is None else self.cache.get(wanted.seen_by(likely))
        drawing = _NOTHING if kept is not None else self._drawing(wanted, grant, view)
        found = await self._drawn(reading, key_sha256, wanted, drawing)
        if found is None or kept is None:
            return found
        _, standing, asked = found
        if standing == likely:
            return kept, standing, asked
        return await self._found(reading, key_sha256, wanted, grant, view)

    async def _drawn(
        self, reading: Reading, key_sha256: str | None, wanted: Wanted, drawing: Drawing
    ) -> tuple[Made, Standing, bytes | None] | None:
        """The same of what is drawn now."""
        place = _place(wanted, self.project_srid()) or Place()
        rows = await self._rows(reading, key_sha256, wanted.version, place, drawing)
        if not rows:
            return None
        standing = self._standing(key_sha256, wanted.version, rows[0])
        made = drawing.make([row for row in rows if row["is_drawn"]], standing.version)
        if made is not None:
            return made, standing, rows[0]["wanted"]
        assert drawing.otherwise is not None
        return await self._drawn(reading, key_sha256, wanted, drawing.otherwise)

    async def _rows(
        self, reading: Reading, key_sha256: str | None, version: int | None, place: Place, drawing: Drawing
    ) -> list[DictRow]:
        statement = _statement(drawing.statement, None if key_sha256 is None else drawing.grant)
        values = {"version": version, "digest": _STAFF_DIGEST, **drawing.values}
        return await read_at_once(reading, key_sha256, place, version, statement, values)

    def _standing(self, key_sha256: str | None, version: int | None, row: DictRow) -> Standing:
        standing = Standing(key_sha256, row["of_version"], row["of_digest"])
        if version is None:
            self._stood[key_sha256] = standing
        return standing

    def _drawing(self, wanted: Wanted, grant: Grant | None, view: View | None) -> Drawing:
        srid = self.project_srid()
        if _place(wanted, srid) is None:
            return _NOTHING
        columns = granted_columns(grant, wanted.kind)
        source = Source(wanted.kind, columns, srid, view, wanted.version, wanted.tile is None)
        if wanted.tile is None:
            return tilesets.drawing(own_grid(srid), source)
        if wanted.form == "glb":
            return solid.drawing(wanted.tile, source)
        return vector.drawing(wanted.tile, source) or _NOTHING


@lru_cache(256)
def _statement(drawing: str, grant: str | None) -> bytes:
    standing = SQL(queries("tiles")["staff_standing"]) if grant is None else Identifier(SHARE_SCHEMA, grant)
    # Written by `Drawing`, so as trustworthy as a literal.
    return SQL(queries("tiles")["drawn"]).format(standing=standing, drawing=SQL(drawing)).as_bytes(None)


def _place(wanted: Wanted, srid: int) -> Place | None:
    if wanted.tile is None:
        return Place()
    return Place(wanted.tile.box, srid) if wanted.form == "glb" else vector.place_of(wanted.tile, srid)


def _name(tile: Tile | None) -> str:
    if tile is None:
        return "all"
    return f"{tile.grid.id}/{tile.level}/{tile.row}/{tile.column}"


def _account(made: Made) -> dict[str, Any]:
    return {"count": made.shown, "bytes": len(made.body), "ids_sha256": made.ids_sha256}
