"""Tiles as they are handed out: made of what a key may see, kept for others who may see the same, each look on record.

What stands behind a key is asked of the database at every request, so that a revoked key is shown nothing that is
kept. The same bytes shown again to the same key within ten minutes are the same look.
"""

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from psycopg.sql import SQL, Identifier

from pipemap.db import Connection, Database
from pipemap.errors import NotFoundError
from pipemap.projects import project_srid
from pipemap.sharing import audit, ledger
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.granted import (
    Grant,
    Place,
    UnknownKeyError,
    as_agency,
    introduce,
    refusals_on_record,
    set_timeout,
)
from pipemap.sharing.items import granted_columns
from pipemap.sharing.tiles import solid, vector
from pipemap.sharing.tiles.cache import Looks, Made, TileCache
from pipemap.sharing.tiles.grids import Tile, find_tile, own_grid
from pipemap.sharing.tiles.tilesets import draw_tileset
from pipemap.sharing.tiles.vector import Source
from pipemap.sql import queries
from pipemap.versions import SHARE_SCHEMA, current_version, relation, resolve_version

Form: TypeAlias = Literal["mvt", "glb", "tileset"]
_STAFF_DIGEST = "staff"


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

    def check(self, key_sha256: str | None, version: int | None = None) -> Standing:
        """What a key is worth at this moment, or staff where it is None; UnknownKeyError when it is not in force."""
        with self._database.at_once() as connection:
            return _standing(connection, key_sha256, version)

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
        asked = {"kind": wanted.kind, "format": wanted.form, "tile": _name(wanted.tile)}
        with (
            refusals_on_record(self._database, key_sha256 or "", asked),
            self._database.transaction(read_only=True) as connection,
        ):
            set_timeout(connection, self._timeout_s)
            resolve_version(connection, wanted.version)
            made, standing, grant = self._made(connection, key_sha256, wanted)
        key = wanted.seen_by(standing)
        self.cache.keep(key, made)
        if grant is not None:
            place = _place(wanted, self.project_srid()) or Place()
            if place.bbox is not None:
                ledger.charge(self._database, grant, place, self.project_srid(), counts_outside=False)
            where = {"bbox": place.bbox, "bbox_srid": place.bbox_srid}
            details = {**asked, **where, "version": grant.version, **_account(made)}
            audit.look(self._database, grant, key_sha256 or "", "share.tile", details)
            self._looks.remember((key_sha256, key))
        return made

    def _made(
        self, connection: Connection, key_sha256: str | None, wanted: Wanted
    ) -> tuple[Made, Standing, Grant | None]:
        srid = self.project_srid()
        place = _place(wanted, srid)
        if key_sha256 is None:
            introduce(connection, "", place or Place(), srid)
            standing = _standing(connection, None, wanted.version)
            return self._drawn(connection, wanted, standing, None, place), standing, None
        with as_agency(connection, key_sha256, place or Place(), srid, wanted.version) as grant:
            standing = Standing(key_sha256, grant.version, grant.digest)
            return self._drawn(connection, wanted, standing, grant, place), standing, grant

    def _drawn(
        self, connection: Connection, wanted: Wanted, standing: Standing, grant: Grant | None, place: Place | None
    ) -> Made:
        kept = self.cache.get(wanted.seen_by(standing))
        if kept is not None:
            return kept
        if place is None:
            return Made(b"")
        source = _source(connection, wanted, grant, self.project_srid())
        if wanted.tile is None:
            return draw_tileset(connection, own_grid(self.project_srid()), source, standing.version)
        draw = solid.draw if wanted.form == "glb" else vector.draw
        return draw(connection, wanted.kind, wanted.tile, source)


def _standing(connection: Connection, key_sha256: str | None, version: int | None) -> Standing:
    if key_sha256 is None:
        return Standing(None, current_version(connection) if version is None else version, _STAFF_DIGEST)
    settings = {"key_sha256": key_sha256, "version": version}
    with connection.pipeline():
        connection.execute(queries("tiles")["say_who_asks"], settings)
        found = connection.execute(queries("tiles")["standing"])
    row = found.fetchone()
    if row is None:
        raise UnknownKeyError
    return Standing(key_sha256, row["version"], row["digest"])


def _place(wanted: Wanted, srid: int) -> Place | None:
    if wanted.tile is None:
        return Place()
    return Place(wanted.tile.box, srid) if wanted.form == "glb" else vector.place_of(wanted.tile, srid)


def _source(connection: Connection, wanted: Wanted, grant: Grant | None, srid: int) -> Source:
    """The view that the agency sees, which looks into the wanted box alone; for staff the map, and the box told."""
    columns = granted_columns(grant, wanted.kind)
    if grant is not None:
        return Source(Identifier(SHARE_SCHEMA, wanted.kind), SQL("true"), columns, srid)
    in_box = SQL("v.geom && current_setting('pipemap.wanted')::geometry")
    version = None if wanted.version == current_version(connection) else wanted.version
    return Source(relation(wanted.kind, version), SQL("true") if wanted.tile is None else in_box, columns, srid)


def _name(tile: Tile | None) -> str:
    if tile is None:
        return "all"
    return f"{tile.grid.id}/{tile.level}/{tile.row}/{tile.column}"


def _account(made: Made) -> dict[str, Any]:
    return {"count": made.shown, "bytes": len(made.body), "ids_sha256": made.ids_sha256}
