"""Sensitive sites as an agreement may show them: a padded shape and whom to call, not what stands there, nor where.

The pattern is the redacted site of OGC's MUDDI (23-024): a facility that says no more than that somebody must be asked.
"""

from dataclasses import dataclass

import orjson
from psycopg.sql import SQL, Identifier

from pipemap.db import Database, fetch_one
from pipemap.projects import read_project
from pipemap.sharing import audit, ledger
from pipemap.sharing.granted import Place, as_agency, digits, geometry_in, refusals_on_record, set_timeout
from pipemap.sql import queries


@dataclass(frozen=True)
class SitesPage:
    """Redacted sites as a JSON array of GeoJSON features, of a version and in a CRS."""

    features: bytes
    count: int
    srid: int
    version: int

    def collection(self) -> bytes:
        """The sites as a GeoJSON FeatureCollection; the CRS is named when it is not WGS 84."""
        members = {"type": "FeatureCollection", "numberReturned": self.count, "version": self.version}
        if self.srid not in (0, 4326):
            members["crs"] = {"type": "name", "properties": {"name": f"urn:ogc:def:crs:EPSG::{self.srid}"}}
        return orjson.dumps(members)[:-1] + b',"features":' + self.features + b"}"


def read_sites(
    database: Database, key_sha256: str, place: Place, version: int | None = None, timeout_s: int = 30
) -> SitesPage:
    """What a key may see of sensitive sites; nothing when its agreement leaves them out. On record, as a refusal is.

    Raises UsageError, CrsError or UnknownKeyError.
    """
    asked = {"kind": "redacted_site", "bbox": place.bbox, "bbox_srid": place.bbox_srid}
    with refusals_on_record(database, key_sha256, asked), database.transaction(read_only=True) as connection:
        set_timeout(connection, timeout_s)
        srid = read_project(connection).srid
        out_srid = place.out_srid or srid
        with as_agency(connection, key_sha256, place, srid, version) as grant:
            statement = SQL(queries("sharing")["redacted_sites"]).format(
                geometry=geometry_in(Identifier("v", "geom"), srid, place.out_srid)
            )
            values = {"has_box": place.bbox is not None, "out_srid": place.out_srid, "digits": digits(out_srid)}
            row = fetch_one(connection, statement, values)
    assert row is not None
    page = SitesPage(row["features"].encode(), row["shown"], out_srid, grant.version)
    told = asked | {"format": "geojson", "version": page.version, "count": page.count, "bytes": len(page.features)}
    ledger.charge_shown(database, grant, page.features, out_srid)
    audit.look(database, grant, key_sha256, "share.sites", told)
    return page
