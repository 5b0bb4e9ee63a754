"""Real sewers brought in and published as any delivery, for tests that trace them."""

from collections.abc import Sequence
from pathlib import Path

from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.db import Database
from pipemap.ingest import create_import
from pipemap.publishing import publish

MELBOURNE = ("gww-sewer-melbourne/pipes.geojson", "gww-sewer-melbourne/nodes.geojson",
             "gww-sewer-melbourne/branches.geojson")  # fmt: skip
GISWATER = ("giswater-samples/ud_network.gpkg",)


def publish_sewer(database: Database, shared_data: Path, files: Sequence[str], srid: int, profile: str) -> None:
    """Import with the shipped profile that the importers choose, waive what the checks find, and publish."""
    with database.transaction() as connection:
        connection.execute("UPDATE pipemap.project SET srid = %s", [srid])
    delivery = read_delivery([shared_data / name for name in files], srid=srid)
    assert {file.profile for file in delivery.files} == {profile}
    changeset = create_import(database, delivery, title="sewer", author="test")
    errors = {rule for rule, severity in run_checks(database, changeset) if severity == "error"}
    publish(database, changeset, message="m", author="test", waivers=dict.fromkeys(errors, "a sample"))
