"""Export packages: an area of the map in a format of the writers of `importers`, in a zip with its manifest.

An agency's package holds exactly what its agreement grants; staff's holds everything. Rows stream from the database
to the file, so memory does not grow with the area. A package is on record before it is handed out.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import shapely
from psycopg.sql import SQL, Composed, Identifier
from shapely.geometry.base import BaseGeometry

from pipemap.copy_arrow import arrow_batches
from pipemap.db import Connection, Database, fetch_one
from pipemap.projects import Project, read_project
from pipemap.sharing import audit, ledger
from pipemap.sharing.digging_copies import put_sheet_into
from pipemap.sharing.granted import (
    Grant,
    Place,
    as_agency,
    digits,
    geometry_in,
    introduce,
    refusals_on_record,
    set_timeout,
)
from pipemap.sharing.item_statements import granted_columns
from pipemap.sharing.layers import GEOMETRY, LAYERS, Content, Layer, LayerRows, schema_of, writer
from pipemap.sharing.packing import checksum, describe, pack
from pipemap.sharing.secret import local_secret
from pipemap.sharing.sites import SitesPage
from pipemap.sharing.watermark import Pattern, new_mark
from pipemap.sql import queries
from pipemap.versions import SHARE_SCHEMA, current_version, relation, resolve_version
from schemas.tables import SCHEMA, metadata

Progress: TypeAlias = Callable[[int], None]


@dataclass
class ExportPackage:
    """A finished package, and what its manifest says."""

    path: Path
    manifest: dict[str, Any]


@dataclass(frozen=True)
class ExportRequest:
    """What is asked for: a format, a box or a polygon (project CRS) of the map, the CRS of the package, a version.

    Everything when neither box nor area is given, the newest version when none is.
    """

    format: str
    place: Place = field(default_factory=Place)
    area: BaseGeometry | None = None
    version: int | datetime | None = None

    def told(self) -> dict[str, Any]:
        """The request as it stands on record."""
        place, area = self.place, self.area
        return {
            "format": self.format,
            "bbox": place.bbox,
            "bbox_srid": place.bbox_srid,
            "area_wkt": None if area is None else shapely.to_wkt(area, rounding_precision=3),
        }


@dataclass
class _Job:
    """What is asked for, who asks, where it is put together, and what has gone into it so far."""

    request: ExportRequest
    project: Project
    version: int
    as_of: int | None
    grant: Grant | None
    progress: Progress
    ids: Any = field(default_factory=hashlib.sha256)
    counts: dict[str, int] = field(default_factory=dict)
    mark: str | None = None
    pattern: Pattern | None = None
    notes: list[str] = field(default_factory=list)
    has_sheet: bool = False

    @property
    def out_srid(self) -> int:
        return self.request.place.out_srid or self.project.srid

    def seen(self, layer: Layer, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Count a batch on its way to the file."""
        identities = batch.column("feature_id").to_numpy()
        self.ids.update("".join(f"{number}\n" for number in identities.tolist()).encode())
        self.counts[layer.name] += len(identities)
        self.progress(sum(self.counts.values()))
        return batch if self.pattern is None else self._marked(batch, self.pattern)

    def lay_on(self, mark_key: Path | None) -> None:
        """Have what goes into an agency's package carry a mark of its own; staff's carries none."""
        if mark_key is not None and self.grant is not None:
            self.mark = new_mark()
            self.pattern = Pattern.of(local_secret(mark_key), self.mark, self.out_srid)

    def _marked(self, batch: pa.RecordBatch, pattern: Pattern) -> pa.RecordBatch:
        is_of_project = self.grant is not None and self.out_srid == self.project.srid
        area = shapely.from_wkt(self.grant.area_wkt) if is_of_project and self.grant else None
        place = batch.schema.get_field_index(GEOMETRY)
        return batch.set_column(place, batch.schema.field(place), pattern.laid_on(batch.column(place), area))


def export(
    database: Database,
    key_sha256: str | None,
    format: str,
    folder: Path,
    place: Place | None = None,
    actor: str = "staff",
    timeout_s: int = 600,
    mark_key: Path | None = None,
) -> ExportPackage:
    """Write a package into a folder; `key_sha256` None means staff, named by `actor`, who see everything.

    `mark_key` is the file with the secret of watermarks; without one an agency's package carries none.

    Raises UsageError for an unknown format, UnknownKeyError for a key that is not in force, ViewOnlyError for one
    whose agreement allows no export.
    """
    request = ExportRequest(format, place or Place())
    return export_package(database, key_sha256, request, folder, actor, timeout_s, mark_key=mark_key)


def export_package(
    database: Database,
    key_sha256: str | None,
    request: ExportRequest,
    folder: Path,
    actor: str = "staff",
    timeout_s: int = 3_600,
    progress: Progress = lambda _: None,
    mark_key: Path | None = None,
) -> ExportPackage:
    """Write the package of a request; `progress` is told how many features have gone into it so far."""
    writer(request.format)
    with tempfile.TemporaryDirectory(dir=folder) as workshop:
        inside = Path(workshop)
        with (
            refusals_on_record(database, key_sha256 or "", request.told()),
            database.transaction(read_only=True) as connection,
        ):
            set_timeout(connection, timeout_s)
            with _begun(connection, key_sha256, request, progress) as job:
                job.lay_on(mark_key)
                _write(connection, job, inside)
            if job.grant is not None and key_sha256 is not None:
                job.has_sheet = put_sheet_into(connection, key_sha256, job.grant.version, job.mark, inside)
        manifest = describe(_facts(job), inside)
        name = f"pipemap-v{job.version}-{job.ids.hexdigest()[:8]}-{request.format}.zip"
        package = ExportPackage(folder / name, manifest)
        pack(inside, package.path, manifest)
    _put_on_record(database, key_sha256, actor, job, package)
    return package


def _put_on_record(database: Database, key_sha256: str | None, actor: str, job: _Job, package: ExportPackage) -> None:
    account = _account(job, package)
    if job.grant is not None and key_sha256 is not None:
        shown = Place() if job.has_sheet else job.request.place
        ledger.charge(database, job.grant, shown, job.project.srid)
        audit.look(database, job.grant, key_sha256, "share.export", account)
        return
    with database.transaction() as connection:
        audit.record(connection, actor, "share.export", account)


def count_features(connection: Connection, key_sha256: str | None, request: ExportRequest) -> int:
    """How many features a request asks for; raises what `export` raises for a key that is not in force."""
    with _begun(connection, key_sha256, request, lambda _: None) as job:
        counts = (fetch_one(connection, *_statement(job, layer, SQL("count(*) AS count"))) for layer in LAYERS)
        return sum(row["count"] for row in counts if row)


@contextmanager
def _begun(
    connection: Connection, key_sha256: str | None, request: ExportRequest, progress: Progress
) -> Iterator[_Job]:
    """The reading of a request, as the agency that holds the key or as staff."""
    project = read_project(connection)
    newest = current_version(connection)
    version = resolve_version(connection, request.version)
    asked = None if version in (None, newest) else version
    with _asking(connection, key_sha256, request.place, project.srid, asked) as grant:
        if request.area is not None:
            wkb = shapely.to_wkb(shapely.force_2d(request.area))
            connection.execute(queries("sharing")["want_area"], {"area": wkb, "srid": project.srid})
        if grant is not None:
            grant.check_export()
            version = grant.version
        yield _Job(request, project, newest if version is None else version, asked, grant, progress)


def _asking(
    connection: Connection, key_sha256: str | None, place: Place, srid: int, version: int | None
) -> AbstractContextManager[Grant | None]:
    if key_sha256 is not None:
        return as_agency(connection, key_sha256, place, srid, version)

    @contextmanager
    def as_staff() -> Iterator[None]:
        introduce(connection, "", place, srid, version)
        yield

    return as_staff()


def _write(connection: Connection, job: _Job, folder: Path) -> None:
    job.counts |= dict.fromkeys((layer.name for layer in LAYERS), 0)
    with ExitStack() as stack:
        layers = (_rows(stack, connection, job, layer) for layer in LAYERS)
        writer(job.request.format)(Content(folder, layers, job.out_srid, job.project, job.version, job.notes))
    if job.grant is not None and job.grant.sites_telephone is not None:
        (folder / "redacted_sites.geojson").write_bytes(_sites(connection, job).collection())


def _sites(connection: Connection, job: _Job) -> SitesPage:
    """Where the agency must ask before it relies on the package."""
    place = job.request.place
    shape = geometry_in(Identifier("v", "geom"), job.project.srid, place.out_srid)
    values = {"has_box": _has_area(job), "out_srid": place.out_srid, "digits": digits(job.out_srid)}
    row = fetch_one(connection, SQL(queries("sharing")["redacted_sites"]).format(geometry=shape), values)
    assert row is not None
    return SitesPage(row["features"].encode(), row["shown"], job.out_srid, job.version)


def _has_area(job: _Job) -> bool:
    return job.request.place.bbox is not None or job.request.area is not None


def _rows(stack: ExitStack, connection: Connection, job: _Job, layer: Layer) -> LayerRows:
    schema = schema_of(layer.kind, ("feature_id", *granted_columns(job.grant, layer.kind)))
    columns = SQL(", ").join([*(_cast(layer.kind, name) for name in schema.names[:-1]), _geometry(job, layer)])
    query, values = _statement(job, layer, columns)
    ordered = SQL("{} ORDER BY v.feature_id").format(query)
    # A writer that stops early must not leave the connection in the middle of a COPY.
    batches = stack.enter_context(closing(arrow_batches(connection, ordered, schema, values)))
    return LayerRows(layer, schema, (job.seen(layer, batch) for batch in batches))


def _statement(job: _Job, layer: Layer, columns: Any) -> tuple[Composed, dict[str, Any]]:
    query = SQL(queries("sharing")["export_rows"]).format(
        columns=columns,
        relation=relation(layer.kind, job.as_of) if job.grant is None else Identifier(SHARE_SCHEMA, layer.kind),
        condition=SQL(layer.condition),
    )
    return query, {"has_box": _has_area(job), "out_srid": job.request.place.out_srid}


def _cast(kind: str, name: str) -> Composed:
    """A column as the type the tables declare, whatever a view has made of it."""
    declared = metadata.tables[f"{SCHEMA}.{kind}"].columns[name].type
    return SQL("CAST({} AS {})").format(Identifier("v", name), SQL(str(declared)))


def _geometry(job: _Job, layer: Layer) -> Composed:
    place = geometry_in(Identifier("v", "geom"), job.project.srid, job.request.place.out_srid)
    many = SQL("ST_Multi({})" if layer.kind == "pipe_segment" else "{}").format(place)
    return SQL("ST_AsBinary({}, 'NDR')").format(many)


def _facts(job: _Job) -> dict[str, Any]:
    grant, place = job.grant, job.request.place
    return {
        "made_by": f"pipemap ({job.project.name})",
        "version": job.version,
        "agency": grant and grant.agency,
        "agreement_id": grant and grant.agreement_id,
        "purpose": grant and grant.purpose,
        "expires_at": grant and grant.expires_at.isoformat(),
        "area_wkt": grant and grant.area_wkt,
        "class_codes": grant and grant.class_codes,
        "attributes": grant and grant.attributes,
        "bbox": place.bbox,
        "bbox_srid": place.bbox_srid or job.project.srid,
        "asked_area_wkt": job.request.told()["area_wkt"],
        "srid": job.out_srid,
        "vertical_datum": job.project.vertical_datum,
        "counts": job.counts,
        "watermark": job.mark,
        "notes": job.notes,
    }


def _account(job: _Job, package: ExportPackage) -> dict[str, Any]:
    told = ("agreement_id", "bbox", "bbox_srid", "asked_area_wkt", "srid", "version", "counts", "watermark")
    return {name: package.manifest[name] for name in told} | {
        "format": job.request.format,
        "ids_sha256": job.ids.hexdigest(),
        "bytes": package.path.stat().st_size,
        "package_sha256": checksum(package.path),
    }
