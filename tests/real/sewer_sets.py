"""Real sewers brought in and published as any delivery, for tests that trace them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.cluster import Cluster
from pipemap.db import Database
from pipemap.ingest import create_import
from pipemap.network import Network, load_network
from pipemap.projects import create_database, init_project
from pipemap.publishing import publish


@dataclass(frozen=True)
class Sewer:
    """A delivery with the profile its importer has to choose."""

    name: str
    files: Sequence[str]
    srid: int
    profile: str


MELBOURNE = Sewer(
    "melbourne", [f"gww-sewer-melbourne/{name}.geojson" for name in ("pipes", "nodes", "branches")], 7855, "gww-sewer"
)
SWMM_EXAMPLE = Sewer("swmm-example3", ["swmm-networks/epa_Example3.inp"], 25832, "swmm")
GISWATER = Sewer("giswater-ud", ["giswater-samples/ud_network.gpkg"], 25831, "giswater-ud")


def published(cluster: Cluster, shared_data: Path, sewer: Sewer) -> Network:
    """The network of a sewer imported with its shipped profile, what the checks find waived, and published."""
    url = cluster.url(f"traced_{sewer.name.replace('-', '_')}")
    create_database(url)
    with Database(url) as database:
        init_project(database, sewer.name, sewer.srid)
        delivery = read_delivery([shared_data / name for name in sewer.files], srid=sewer.srid)
        assert {file.profile for file in delivery.files} == {sewer.profile}
        changeset = create_import(database, delivery, title=sewer.name, author="test")
        errors = {rule for rule, severity in run_checks(database, changeset) if severity == "error"}
        publish(database, changeset, message="m", author="test", waivers=dict.fromkeys(errors, "a sample"))
        with database.transaction(read_only=True) as connection:
            return load_network(connection)
