"""Models of every format reach the map whole, and the same model again changes nothing."""

from pathlib import Path

import pytest

from importers.delivery import read_delivery
from pipemap.changesets import get_changeset
from pipemap.checks import run_checks
from pipemap.db import Database, fetch_all
from pipemap.findings import blocking_findings
from pipemap.ingest import create_import
from pipemap.lookup import near
from tests.postgis.deliveries import publish_now
from tests.unit.ifc_models import HEIGHT, drop, sewer
from tests.unit.test_epanet_reader import MODEL as EPANET
from tests.unit.test_landxml_reader import MODEL as LANDXML
from tests.unit.test_swmm_reader import MODEL as SWMM


def written(path: Path, kind: str) -> Path:
    if kind == "ifc":
        return sewer().write(path / "model.ifc")
    text, name = {"epanet": (EPANET, "water.inp"), "swmm": (SWMM, "sewer.inp"), "landxml": (LANDXML, "net.xml")}[kind]
    (path / name).write_text(text, encoding="utf-8")
    return path / name


@pytest.mark.parametrize("kind", ["epanet", "swmm", "landxml", "ifc"])
def test_a_model_is_stored_whole_and_again_changes_nothing(database: Database, tmp_path: Path, kind: str) -> None:
    file = written(tmp_path, kind)
    delivery = read_delivery([file], srid=4547, dataset="model")
    sizes = {name: delivery.size(name) for name in ("node", "pipe_segment", "consumer")}
    changeset = create_import(database, delivery, title="model", author="modeller")
    run_checks(database, changeset)
    # The made-up models lie far from any city, and one names a structure that is none.
    with database.transaction(read_only=True) as connection:
        blocking = blocking_findings(connection, changeset)
    assert set(blocking) <= {"R03", "R06"}
    publish_now(database, changeset, waivers=dict.fromkeys(blocking, "made up"))
    with database.transaction(read_only=True) as connection:
        stored = {
            name: int(fetch_all(connection, f"SELECT count(*) AS n FROM pipemap.{name}")[0]["n"]) for name in sizes
        }
        files = fetch_all(connection, "SELECT DISTINCT importer FROM pipemap.source_file")
    assert stored == sizes
    assert [row["importer"] for row in files] == [kind]
    again = create_import(database, read_delivery([file], srid=4547, dataset="model"), title="model", author="modeller")
    with database.transaction(read_only=True) as connection:
        assert get_changeset(connection, again).changes == {}


def test_an_upright_pipe_is_stored_checked_and_found_in_space(database: Database, tmp_path: Path) -> None:
    delivery = read_delivery([drop(has_fittings=False).write(tmp_path / "drop.ifc")], srid=4547, dataset="drop")
    changeset = create_import(database, delivery, title="drop", author="modeller")
    run_checks(database, changeset)
    with database.transaction(read_only=True) as connection:
        blocking = blocking_findings(connection, changeset)
    publish_now(database, changeset, waivers=dict.fromkeys(blocking, "made up"))
    (upright,) = (row for row in delivery.segments.itertuples() if row.extra["id"] == "upright")
    x, y, _ = upright.geom.coords[0]
    with database.transaction(read_only=True) as connection:
        stored = fetch_all(connection, "SELECT ST_3DLength(geom) AS length_m FROM pipemap.pipe_segment ORDER BY 1")
        found = near(connection, x, y, HEIGHT - 1.5, 1.0)
    assert [round(row["length_m"], 3) for row in stored] == [3, 10, 10]
    assert found.count == 1
