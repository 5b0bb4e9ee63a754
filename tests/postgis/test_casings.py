"""Casings in the map: kept by version, written out and read again, shown to whom they are granted."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import shapely
from alembic import command
from psycopg import connect
from sqlalchemy import text

from importers.delivery import read_delivery
from importers.profile_files import load_profile
from importers.writing import sheets_of, write_texts
from pipemap.cluster import Cluster
from pipemap.datasets import read_dataset
from pipemap.db import Database
from pipemap.ingest import create_import
from pipemap.migrate import _alembic, migrate
from pipemap.projects import create_database
from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms
from tests.postgis.deliveries import bring_in, deltas_of, publish_now, street
from tests.postgis.test_sharing_stores import read, refresh_stores

SURVEYED = {
    "from_elevation_m": 8.0,
    "to_elevation_m": 8.0,
    "depth_datum_code": "axis",
    "elevation_source_code": "measured",
    "shape_code": "unknown",
}
AREA = shapely.box(499_000, 2_499_000, 501_000, 2_501_000)


def casings_of(database: Database, source: str) -> list[Any]:
    with database.transaction(read_only=True) as connection:
        rows = connection.execute(f"SELECT casing_mm FROM {source} ORDER BY feature_id").fetchall()
    return [row["casing_mm"] for row in rows]


def test_a_casing_has_versions_like_every_attribute(database: Database) -> None:
    publish_now(database, bring_in(database, street(2)))
    number = bring_in(database, street(2, casing_mm=600.0))
    assert deltas_of(database, number) == {("pipe_segment", "J0->J1"): "update"}
    assert casings_of(database, "pipemap.pipe_segment_delta") == [600]
    publish_now(database, number)
    assert casings_of(database, "pipemap.pipe_segment") == [600]
    assert casings_of(database, "pipemap.pipe_segment_history") == [None]
    assert casings_of(database, "pipemap_app.pipe_segment_as_of(1)") == [None]
    assert casings_of(database, "pipemap_app.pipe_segment_as_of(2)") == [600]


@pytest.mark.parametrize("profile", ["default", "cangnan-mdb", "hangzhou-csv"])
def test_a_casing_written_out_and_read_again_changes_nothing(database: Database, tmp_path: Path, profile: str) -> None:
    publish_now(database, bring_in(database, street(3, **SURVEYED, casing_mm=508.0)))
    with database.transaction(read_only=True) as connection:
        content = read_dataset(connection, "survey")
    sheets = sheets_of(content, load_profile(profile))
    (lines,) = [sheet for sheet in sheets if sheet.name == "lines"]
    heading = {"cangnan-mdb": "D_Dia"}.get(profile, "套管尺寸")
    assert [row[lines.header.index(heading)] for row in lines.rows] == [508, 508]
    paths = write_texts(sheets, tmp_path, "out", "utf-8")
    again = read_delivery(paths, profile=profile, srid=4547, dataset="survey")
    assert deltas_of(database, create_import(database, again, title="again", author="surveyor")) == {}


@pytest.mark.parametrize("precision", ["exact", "grid_5m"])
def test_a_casing_is_shown_to_whom_it_is_granted(database: Database, tmp_path: Path, precision: str) -> None:
    publish_now(database, bring_in(database, street(2, casing_mm=600.0)))
    given = {
        "agency": "roads",
        "purpose": "p",
        "area": AREA,
        "class_codes": ("water",),
        "position_precision": precision,
    }
    shown = {}
    for attributes in (("width_mm",), ("width_mm", "casing_mm")):
        with database.transaction() as connection:
            terms = Terms(**given, attributes=attributes, expires_at=datetime.now(UTC) + timedelta(days=1))
            key = agreements.issue_key(connection, agreements.agree(connection, terms, "manager"), "manager")
        refresh_stores(database, tmp_path / "shift.key")
        (item,) = read(database, key)[1].values()
        shown[attributes] = item["properties"]
    assert "casing_mm" not in shown["width_mm",]
    assert shown["width_mm", "casing_mm"]["casing_mm"] == 600


def test_a_map_that_knew_no_casings_keeps_its_pipes_and_can_hold_them(cluster: Cluster) -> None:
    url = cluster.url("before_casings")
    create_database(url)
    with Database(url) as database:
        engine = database.engine()
        with engine.begin() as connection:
            connection.execute(text("CREATE EXTENSION postgis"))
            connection.execute(text("CREATE SCHEMA pipemap"))
            command.upgrade(_alembic(connection), "0012")
        engine.dispose()
        with connect(url) as connection:
            connection.execute(
                "INSERT INTO pipemap.pipe_segment (feature_id, dataset_id, source_key, class_code, from_node_id,"
                " to_node_id, shape_code, width_mm, depth_datum_code, elevation_source_code, geom, valid_from_version)"
                " VALUES (7, 1, 'J0->J1', 'water', 1, 2, 'circle', 300, 'axis', 'unknown', 'LINESTRING(0 0, 9 0)', 1)"
            )
        migrate(database)
        with connect(url) as connection:
            read_back = connection.execute(
                "SELECT feature_id, width_mm, casing_mm FROM pipemap.pipe_segment"
            ).fetchall()
            assert read_back == [(7, 300, None)]
            connection.execute("UPDATE pipemap.pipe_segment SET casing_mm = 600")
