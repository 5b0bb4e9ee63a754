"""Export packages: an area of the map as GeoPackage, GeoJSON, shapefile or CSV, in a zip with its manifest.

An agency's package holds exactly what its agreement grants; staff's holds everything. Rows stream from the database
to the file, so memory does not grow with the area. A package is on record before it is handed out.
"""

import hashlib
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from psycopg.sql import SQL, Composed, Identifier

from pipemap.db import Connection, Database
from pipemap.errors import UsageError
from pipemap.projects import Project, read_project
from pipemap.sharing import audit
from pipemap.sharing.agreements import shareable_attributes
from pipemap.sharing.granted import (
    SHARE_SCHEMA,
    Grant,
    Place,
    as_agency,
    digits,
    geometry_in,
    introduce,
    refusals_on_record,
    set_timeout,
)
from pipemap.sharing.layers import LAYERS, WRITERS, Layer, Row, Sink
from pipemap.sql import queries
from pipemap.versions import current_version
from schemas.tables import SCHEMA, attribute_names

FORMATS = tuple(WRITERS)
_BATCH = 2_000
_TERMS = {
    "en": "For the stated purpose only, until the stated day; not to be passed on. Verify on site before digging.",
    "zh": "仅限所述用途,至所述日期为止,不得转交他人;开挖前须现场核实。",
}


@dataclass
class ExportPackage:
    """A finished package, and what its manifest says."""

    path: Path
    manifest: dict[str, Any]


@dataclass
class _Job:
    """What is asked for, where it is put together, and what has gone into it so far."""

    format: str
    place: Place
    folder: Path
    grant: Grant | None
    project: Project
    ids: Any = field(default_factory=hashlib.sha256)
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def out_srid(self) -> int:
        return self.place.out_srid or self.project.srid

    def columns(self, kind: str) -> tuple[str, ...]:
        """Columns of a kind that go into the package, geometry apart."""
        if self.grant is not None:
            return ("feature_id", *self.grant.columns(kind))
        every = [name for name in shareable_attributes() if name in ("source_key", *attribute_names(kind))]
        return ("feature_id", "class_code", *every)


def export(
    database: Database,
    key_sha256: str | None,
    format: str,
    folder: Path,
    place: Place | None = None,
    actor: str = "staff",
    timeout_s: int = 600,
) -> ExportPackage:
    """Write a package into a folder; `key_sha256` None means staff, named by `actor`, who see everything.

    Raises UsageError for an unknown format, UnknownKeyError for a key that is not in force, ViewOnlyError for one
    whose agreement allows no export.
    """
    if format not in WRITERS:
        raise UsageError(f"{format} is not an export format; the formats are {', '.join(FORMATS)}.")
    place = place or Place()
    asked = {"format": format, "bbox": place.bbox, "bbox_srid": place.bbox_srid}
    with tempfile.TemporaryDirectory(dir=folder) as workshop:
        with (
            refusals_on_record(database, key_sha256 or "", asked),
            database.transaction(read_only=True) as connection,
        ):
            set_timeout(connection, timeout_s)
            job = _read(connection, key_sha256, format, place, Path(workshop))
            version = job.grant.version if job.grant else current_version(connection)
        manifest = _manifest(job, version)
        package = ExportPackage(folder / f"pipemap-v{version}-{job.ids.hexdigest()[:8]}-{format}.zip", manifest)
        _pack(job, package)
    with database.transaction() as connection:
        who = actor if job.grant is None else job.grant.agency
        audit.record(connection, who, "share.export", _account(job, package))
    return package


def _read(connection: Connection, key_sha256: str | None, format: str, place: Place, folder: Path) -> _Job:
    project = read_project(connection)
    if key_sha256 is None:
        introduce(connection, "", place, project.srid)
        return _write_layers(connection, _Job(format, place, folder, None, project))
    with as_agency(connection, key_sha256, place, project.srid) as grant:
        grant.check_export()
        return _write_layers(connection, _Job(format, place, folder, grant, project))


def _write_layers(connection: Connection, job: _Job) -> _Job:
    for layer in LAYERS:
        job.counts[layer.name] = 0
        sink = Sink(job.folder, layer, job.out_srid, job.columns(layer.kind))
        WRITERS[job.format](sink, _rows(connection, job, layer))
    return job


def _rows(connection: Connection, job: _Job, layer: Layer) -> Iterator[Row]:
    values = {
        "has_box": job.place.bbox is not None,
        "out_srid": job.place.out_srid,
        "digits": digits(job.out_srid),
    }
    with connection.cursor(f"export_{layer.name}") as cursor:
        cursor.itersize = _BATCH
        for row in cursor.execute(_statement(job, layer), values):
            job.ids.update(b"%d\n" % row["feature_id"])
            job.counts[layer.name] += 1
            yield row


def _statement(job: _Job, layer: Layer) -> Composed:
    place = geometry_in(Identifier("v", "geom"), job.project.srid, job.place.out_srid)
    if layer.kind == "pipe_segment":
        place = SQL("ST_Multi({})").format(place)
    as_text = SQL("ST_AsText({}, %(digits)s)" if job.format == "csv" else "ST_AsGeoJSON({}, %(digits)s, 0)")
    return SQL(queries("sharing")["export_rows"]).format(
        columns=SQL(", ").join(Identifier("v", name) for name in job.columns(layer.kind)),
        geometry=as_text.format(place),
        relation=Identifier(SCHEMA if job.grant is None else SHARE_SCHEMA, layer.kind),
        condition=SQL(layer.condition),
    )


def _manifest(job: _Job, version: int) -> dict[str, Any]:
    grant = job.grant
    return {
        "made_by": f"pipemap ({job.project.name})",
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": version,
        "agency": grant and grant.agency,
        "agreement_id": grant and grant.agreement_id,
        "purpose": grant and grant.purpose,
        "expires_at": grant and grant.expires_at.isoformat(),
        "area_wkt": grant and grant.area_wkt,
        "class_codes": grant and grant.class_codes,
        "attributes": grant and grant.attributes,
        "bbox": job.place.bbox,
        "bbox_srid": job.place.bbox_srid or job.project.srid,
        "srid": job.out_srid,
        "vertical_datum": job.project.vertical_datum,
        "counts": job.counts,
        "terms": _TERMS,
        "files": [_described(path) for path in sorted(job.folder.iterdir())],
    }


def _described(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"name": path.name, "bytes": path.stat().st_size, "sha256": digest}


def _pack(job: _Job, package: ExportPackage) -> None:
    with zipfile.ZipFile(package.path, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(job.folder.iterdir()):
            archive.write(path, path.name)
        archive.writestr("manifest.json", orjson.dumps(package.manifest, option=orjson.OPT_INDENT_2))


def _account(job: _Job, package: ExportPackage) -> dict[str, Any]:
    told = ("agreement_id", "bbox", "bbox_srid", "srid", "version", "counts")
    return {name: package.manifest[name] for name in told} | {
        "format": job.format,
        "ids_sha256": job.ids.hexdigest(),
        "bytes": package.path.stat().st_size,
        "package_sha256": _described(package.path)["sha256"],
    }
