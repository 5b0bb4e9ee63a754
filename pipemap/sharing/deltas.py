"""Delta packages: every change between two versions as files, in a zip with its manifest."""

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipemap.db import Database
from pipemap.sharing import audit
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.feed import OPS, ChangesPage, ChangesRequest, read_lines
from pipemap.sharing.granted import Grant, grant_of, refusals_on_record
from pipemap.sharing.packing import checksum, describe, pack


@dataclass(frozen=True)
class DeltaPackage:
    """A finished package and what its manifest says."""

    path: Path
    manifest: dict[str, Any]


def write_delta(
    database: Database, key_sha256: str, request: ChangesRequest, folder: Path, timeout_s: int = 600
) -> DeltaPackage:
    """Write all changes after version `since` into a package in a folder; on record before it is handed out.

    `<kind>.geojsonl` holds what was added or changed, one GeoJSON feature a line; `removed.csv` what is gone. Raises
    what `read_lines` raises, and ViewOnlyError.
    """
    grant = _grant(database, key_sha256)
    with tempfile.TemporaryDirectory(dir=folder) as workshop:
        inside, ids = Path(workshop), hashlib.sha256()
        page, counts = _write(read_lines(database, key_sha256, request, timeout_s), inside, ids)
        manifest = describe(_facts(grant, page, counts), inside)
        path = folder / f"pipemap-v{page.since}-to-v{page.version}-delta.zip"
        pack(inside, path, manifest)
    account = {"since": page.since, "version": page.version, "format": "delta", "counts": counts}
    account |= {"ids_sha256": ids.hexdigest(), "bytes": path.stat().st_size, "package_sha256": checksum(path)}
    audit.look(database, grant, key_sha256, "share.export", account)
    return DeltaPackage(path, manifest)


def _grant(database: Database, key_sha256: str) -> Grant:
    with (
        refusals_on_record(database, key_sha256, {"format": "delta"}),
        database.transaction(read_only=True) as connection,
    ):
        grant = grant_of(connection, key_sha256)
        grant.check_export()
        return grant


def _write(pages: Iterator[ChangesPage], folder: Path, ids: Any) -> tuple[ChangesPage, dict[str, int]]:
    counts = dict.fromkeys(OPS, 0)
    with ExitStack() as stack:
        names = {kind: f"{kind}.geojsonl" for kind in SHARED_KINDS} | {"removed": "removed.csv"}
        files = {name: stack.enter_context((folder / path).open("w", encoding="utf-8")) for name, path in names.items()}
        files["removed"].write("kind,feature_id\n")
        for page in pages:
            for part in page.parts:
                files[part.kind].write(part.written["features"])
                files["removed"].write(part.written["gone"])
                ids.update(part.ids.encode())
            counts = {op: counts[op] + more for op, more in page.counts.items()}
    return page, counts


def _facts(grant: Grant, page: ChangesPage, counts: dict[str, int]) -> dict[str, Any]:
    return {
        "made_by": "pipemap",
        "since": page.since,
        "version": page.version,
        "permission": page.permission,
        "agency": grant.agency,
        "agreement_id": grant.agreement_id,
        "purpose": grant.purpose,
        "expires_at": grant.expires_at.isoformat(),
        "area_wkt": grant.area_wkt,
        "srid": page.srid,
        "counts": counts,
    }
