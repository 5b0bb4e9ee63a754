"""What is known to be wrong in real deliveries, by their own account, is what the rules tell."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.cluster import Cluster
from pipemap.db import Database
from pipemap.findings import list_findings
from pipemap.ingest import create_import
from pipemap.projects import create_database, init_project


def all_told(cluster: Cluster, name: str, files: Sequence[Path], srid: int) -> list[dict[str, Any]]:
    url = cluster.url(f"truth_{name}")
    create_database(url)
    with Database(url) as database:
        init_project(database, name, srid)
        delivery = read_delivery(list(files), srid=srid, dataset=name)
        changeset = create_import(database, delivery, title=name, author="surveyor")
        run_checks(database, changeset)
        with database.transaction() as connection:
            return list_findings(connection, changeset, limit=100_000, origin="check")


def keys(found: list[dict[str, Any]], rule: str) -> set[str]:
    return {row["feature_key"] for row in found if row["rule"] == rule}


def test_one_pipe_of_the_melbourne_sewer_rises_and_two_nodes_are_its_ends(cluster: Cluster, shared_data: Path) -> None:
    folder = shared_data / "gww-sewer-melbourne"
    files = [folder / f"{name}.geojson" for name in ("pipes", "nodes", "branches")]
    found = all_told(cluster, "melbourne", files, 7855)
    # The one pipe of the file whose start invert is below its end invert: 0.90 and 1.03 m.
    assert keys(found, "R30") == {"38439_CWW->184673_CWW"}
    assert keys(found, "P18") == {"38264_CWW", "184673_CWW"}


def test_four_arcs_of_the_giswater_sewer_rise(cluster: Cluster, shared_data: Path) -> None:
    found = all_told(cluster, "giswater", [shared_data / "giswater-samples" / "ud_network.gpkg"], 25831)
    # Those whose elev1 is below elev2 in the file.
    assert keys(found, "R30") == {"35->100008", "18963->18858", "302->235", "237->239"}


def test_nine_points_of_the_shenzhen_survey_stand_where_another_does(cluster: Cluster, shared_data: Path) -> None:
    found = all_told(cluster, "shennan", [shared_data / "cn-shennan-survey" / "survey.mdb"], 4547)
    assert len(keys(found, "R09") | keys(found, "P13")) == 9
    assert len([row for row in found if row["rule"] == "P01"]) == 11


def test_supply_and_return_of_a_heat_network_are_no_faults(cluster: Cluster, shared_data: Path) -> None:
    found = all_told(cluster, "heat", [shared_data / "schutterwald-gas-heat" / "heat.gpkg"], 25832)
    assert {row["severity"] for row in found if row["rule"] == "R14"} == {"info"}
