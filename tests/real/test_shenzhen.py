"""The Shenzhen survey in its four forms: totals as in its PROVENANCE.md, heights against each other."""

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import libarchive
import networkx as nx
import numpy as np
import pandas as pd
import pytest
import shapely

from importers.delivery import read_delivery
from pipemap.changesets import get_changeset
from pipemap.db import Database
from pipemap.ingest import create_import
from pipemap.network import load_network
from pipemap.tracing.outages import ask_outage
from pipemap.tracing.starts import Start
from schemas.delivery import Delivery
from tests.postgis.deliveries import publish_now
from tests.unit.rar_files import write_rar4

# Points and lines per class; D and DT are both telecom.
POINTS = {"street_light": 245, "telecom": 176, "power": 129, "storm": 110, "water": 109, "traffic_signal": 55,
          "foul": 43, "gas": 42}  # fmt: skip
LINES = {"street_light": 236, "telecom": 169, "power": 131, "storm": 102, "water": 105, "traffic_signal": 51,
         "foul": 40, "gas": 39}  # fmt: skip
FORMS = {
    "mdb": ["survey.mdb"],
    "utf8": ["管点调查表.csv", "管线调查表.csv"],
    "gbk": ["管点调查表_gbk.csv", "管线调查表_gbk.csv"],
    "dxf": ["drawing_J_W_Y.dxf"],
}
DRAWN = ["water", "foul", "storm"]
MILLIMETRE = 0.001


@pytest.fixture(scope="module")
def deliveries(shared_data: Path) -> dict[str, Delivery]:
    folder = shared_data / "cn-shennan-survey"
    return {form: read_delivery([folder / name for name in names], srid=4547) for form, names in FORMS.items()}


def keyed(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index("source_key").sort_index()


def of_drawing(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["class_code"].isin(DRAWN)]


def ends_apart(one: pd.DataFrame, other: pd.DataFrame) -> "pd.Series[float]":
    """Largest distance along any axis between the vertices of lines of the same key."""
    pairs = zip(one["geom"], other.loc[one.index, "geom"], strict=True)
    apart = [
        np.abs(shapely.get_coordinates(a, include_z=True) - shapely.get_coordinates(b, include_z=True)).max()
        for a, b in pairs
    ]
    return pd.Series(apart, index=one.index)


def test_packed_it_is_the_same_delivery(deliveries: dict[str, Delivery], shared_data: Path, tmp_path: Path) -> None:
    files = {name: (shared_data / "cn-shennan-survey" / name).read_bytes() for name in FORMS["gbk"]}
    with libarchive.file_writer(str(tmp_path / "深南.7z"), "7zip") as packed:
        for name, content in files.items():
            packed.add_file_from_memory(f"成果/{name}", len(content), content)
    as_rar = write_rar4(tmp_path / "深南.rar", {f"成果\\{name}".encode("gbk"): files[name] for name in files})
    for path in (tmp_path / "深南.7z", as_rar):
        delivery = read_delivery([path], srid=4547)
        assert [file.name for file in delivery.files] == [file.name for file in deliveries["gbk"].files]
        pd.testing.assert_frame_equal(delivery.nodes, deliveries["gbk"].nodes)
        pd.testing.assert_frame_equal(delivery.segments, deliveries["gbk"].segments)


@pytest.mark.parametrize("form", ["mdb", "utf8", "gbk"])
def test_every_row_is_loaded(deliveries: dict[str, Delivery], form: str) -> None:
    delivery = deliveries[form]
    assert Counter(delivery.nodes["class_code"]) == POINTS
    assert Counter(delivery.segments["class_code"]) == LINES
    assert sum(count.refused for count in delivery.counts) == 0
    assert sum(count.loaded for count in delivery.counts) == 909 + 873
    assert delivery.files[0].profile == "egw-survey"


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_account_adds_up_and_nothing_is_an_error(deliveries: dict[str, Delivery], form: str) -> None:
    for count in deliveries[form].counts:
        assert count.loaded + count.refused + count.skipped == count.rows
    loaded = sum(count.loaded for count in deliveries[form].counts)
    assert loaded == len(deliveries[form].nodes) + len(deliveries[form].segments)


def test_every_axis_is_measured(deliveries: dict[str, Delivery]) -> None:
    assert set(deliveries["mdb"].segments["elevation_source_code"]) == {"measured"}
    assert all(geom.has_z for geom in deliveries["mdb"].segments["geom"])


@pytest.mark.parametrize("form", ["utf8", "gbk"])
def test_database_and_text_tables_agree(deliveries: dict[str, Delivery], form: str) -> None:
    for kind in ("nodes", "segments"):
        one, other = keyed(getattr(deliveries["mdb"], kind)), keyed(getattr(deliveries[form], kind))
        same = [
            name for name in one.columns if name not in ("geom", "extra", "source_sheet", "source_row", "source_file")
        ]
        pd.testing.assert_frame_equal(one[same], other[same])
    segments = [keyed(deliveries[name].segments) for name in ("mdb", form)]
    nodes = [keyed(deliveries[name].nodes)["geom"].to_numpy(object) for name in ("mdb", form)]
    assert ends_apart(*segments).max() < MILLIMETRE
    assert shapely.distance(*nodes).max() < MILLIMETRE


def test_drawing_and_database_hold_the_same_nodes(deliveries: dict[str, Delivery]) -> None:
    one, drawn = keyed(of_drawing(deliveries["mdb"].nodes)), keyed(deliveries["dxf"].nodes)
    # W920 is drawn but stands in no table (PROVENANCE.md).
    assert set(drawn.index) - set(one.index) == {"W920"}
    assert set(one.index) <= set(drawn.index)
    assert (
        shapely.distance(one["geom"].to_numpy(object), drawn.loc[one.index, "geom"].to_numpy(object)).max() < MILLIMETRE
    )
    assert (one["ground_elevation_m"] - drawn.loc[one.index, "ground_elevation_m"]).abs().max() < MILLIMETRE


def test_drawing_and_database_hold_the_same_axes(deliveries: dict[str, Delivery]) -> None:
    one, drawn = keyed(of_drawing(deliveries["mdb"].segments)), keyed(deliveries["dxf"].segments)
    assert set(one.index) == set(drawn.index)
    drawn = drawn.loc[one.index]
    is_bare = drawn["section_text"].isna()
    says_the_same = one["section_text"] == drawn["section_text"]
    # Three sewers are drawn without attributes; eight sewers have another size in the drawing than in the table.
    assert is_bare.sum() == 3
    assert (~says_the_same & ~is_bare).sum() == 8
    assert ends_apart(one[says_the_same], drawn).max() < MILLIMETRE
    assert set(drawn.loc[is_bare, "elevation_source_code"]) <= {"inferred", "unknown"}


def test_where_the_sizes_differ_the_inverts_still_agree(deliveries: dict[str, Delivery]) -> None:
    one, drawn = keyed(of_drawing(deliveries["mdb"].segments)), keyed(deliveries["dxf"].segments)
    differs = one["section_text"] != drawn.loc[one.index, "section_text"].fillna(one["section_text"])
    assert set(one.loc[differs, "depth_datum_code"]) == {"invert"}
    for key in one.index[differs]:
        inverts = [
            shapely.get_coordinates(form.loc[key, "geom"], include_z=True)[:, 2] - form.loc[key, "height_mm"] / 2000
            for form in (one, drawn)
        ]
        assert np.abs(inverts[0] - inverts[1]).max() < MILLIMETRE


@pytest.mark.parametrize("form", ["mdb", "dxf"])
def test_every_feature_arrives_in_a_changeset(deliveries: dict[str, Delivery], database: Database, form: str) -> None:
    delivery = deliveries[form]
    number = create_import(database, delivery, title="survey", author="tester")
    with database.transaction(read_only=True) as connection:
        changes = get_changeset(connection, number).changes
    assert changes["node"]["insert"] == len(delivery.nodes)
    assert changes["pipe_segment"]["insert"] == len(delivery.segments)


@pytest.mark.parametrize("form", ["utf8", "gbk"])
def test_text_tables_of_a_survey_in_the_map_change_nothing(
    deliveries: dict[str, Delivery], database: Database, form: str
) -> None:
    first, again = (replace(deliveries[name], dataset="sz") for name in ("mdb", form))
    number = create_import(database, first, title="survey", author="tester")
    publish_now(database, number)
    number = create_import(database, again, title="the same survey", author="tester")
    with database.transaction(read_only=True) as connection:
        changes = get_changeset(connection, number).changes
    assert not any(count for of_kind in changes.values() for count in of_kind.values())


def test_the_drawing_of_a_part_takes_nothing_away(deliveries: dict[str, Delivery], database: Database) -> None:
    first, drawn = (replace(deliveries[name], dataset="sz") for name in ("mdb", "dxf"))
    publish_now(database, create_import(database, first, title="survey", author="tester"))
    number = create_import(database, drawn, title="drawing", author="tester", partial=True)
    names = ("burial_code", "flow_direction_code", "installed_on")
    lost = " OR ".join(f"(c.{name} IS NOT NULL AND d.{name} IS NULL)" for name in names)
    with database.transaction(read_only=True) as connection:
        (row,) = connection.execute(
            f"SELECT count(*) FILTER (WHERE {lost} OR NOT d.extra ?& ARRAY(SELECT jsonb_object_keys(c.extra))) "
            "AS poorer FROM pipemap.pipe_segment_delta d JOIN pipemap.pipe_segment c USING (feature_id) "
            "WHERE d.changeset_id = %s",
            [number],
        ).fetchall()
    assert row["poorer"] == 0


def test_a_cut_duct_bank_tells_its_cables_and_all_that_is_joined(
    deliveries: dict[str, Delivery], database: Database, shared_data: Path
) -> None:
    # The survey has cables as numbers in their banks, and neither circuits nor sources.
    publish_now(database, create_import(database, deliveries["mdb"], title="survey", author="tester"))
    groups = {"D": "telecom", "DT": "telecom", "L": "power", "LD": "power", "XH": "power"}
    with (shared_data / "cn-shennan-survey" / "管线调查表.csv").open(encoding="utf-8") as file:
        cables = [row for row in csv.DictReader(file) if row["CODE"] in groups]
    banks = [row for row in cables if row["D_TYPE"] == "管块"][::25]
    assert len(banks) > 5 and any(row["CAB_COUNT"] > "0" for row in banks)
    joined: dict[str, nx.Graph[str]] = {name: nx.Graph() for name in groups.values()}
    for row in cables:
        joined[groups[row["CODE"]]].add_edge(row["S_POINT"], row["E_POINT"])
    with database.transaction(read_only=True) as connection:
        network = load_network(connection)
        keys = [network.segments.key[place] or "" for place in range(len(network.segments.id))]
        ids = dict(zip(keys, network.segments.id.tolist(), strict=True))
        for row in banks:
            bank, graph = ids[f"{row['S_POINT']}->{row['E_POINT']}"], joined[groups[row["CODE"]]]
            around = graph.subgraph(nx.node_connected_component(graph, row["S_POINT"]))
            answer = ask_outage(connection, network, Start(segment_ids=[bank]))
            (lost,) = answer.circuits
            assert (lost.circuit, lost.is_source_known, lost.cut_segment_ids) == (None, False, [bank])
            places = np.searchsorted(network.segments.id, answer.segment_ids).tolist()
            assert {frozenset(keys[one].split("->")) for one in places} == {frozenset(edge) for edge in around.edges}
            inside = {"cables-not-drawn": int(row["CAB_COUNT"])} if row["CAB_COUNT"] > "0" else {}
            told = {one.code: one.count for one in answer.assumptions}
            assert told == {"no-circuit": 1, "source-unknown": 1, **inside}
