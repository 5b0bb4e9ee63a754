import json
from collections.abc import Iterator

import numpy as np
import pytest
from typer.testing import CliRunner

from pipemap.commands.tracing import app
from pipemap.db import Connection, Database
from pipemap.errors import CrsError, NotFoundError, UsageError
from pipemap.network import load_network
from pipemap.tracing import isolation
from pipemap.tracing.asking import BurstQuestion, ask_burst, burst_json
from pipemap.tracing.places import nearest_segment, segment_by_key
from pipemap.tracing.toll import consumers_lost
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0
WORKS, VALVE, HYDRANT, SCHOOL_JOINT, FAR_VALVE, END = 11, 12, 13, 14, 15, 16


@pytest.fixture
def street(database: Database) -> Iterator[Database]:
    """Version 1; in version 2 the far valve was closed and a pipe beyond it was laid.

    works --901-- valve --902-- hydrant --903-- school --904-- far valve [--905-- end]
    """
    with database.transaction() as connection:
        connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'town'), (2, 'other')")
        plant_version(connection, 1)
        plant_version(connection, 2)
        nodes = {
            WORKS: {"appurtenance_code": "waterworks", "name": "东区水厂"},
            VALVE: {"appurtenance_code": "valve", "valve_state_code": "open", "address": "人民路 1 号"},
            HYDRANT: {"appurtenance_code": "hydrant"},
            SCHOOL_JOINT: {"feature_code": "bend"},
        }
        for node, attributes in nodes.items():
            plant(connection, "node", node, point(node), **attributes)
        far = {"appurtenance_code": "valve", "operability_code": "operable"}
        closed = {"valve_state_code": "closed", "valid_from_version": 2}
        plant(connection, "node", FAR_VALVE, point(FAR_VALVE), **far, **closed)
        before = {"valve_state_code": "open", "table": "node_history", "valid_to_version": 2}
        plant(connection, "node", FAR_VALVE, point(FAR_VALVE), **far, **before)
        plant(connection, "node", END, point(END), valid_from_version=2)
        for start in (WORKS, VALVE, HYDRANT, SCHOOL_JOINT):
            lay(connection, 890 + start, start, start + 1)
        lay(connection, 905, FAR_VALVE, END, valid_from_version=2, geom=wkt([place(FAR_VALVE)[:2], place(END)[:2]]))
        lay(connection, 906, WORKS, END, lifecycle_code="abandoned")
        lay(connection, 907, SCHOOL_JOINT, END, class_code="gas")
        school = {"kind_code": "school", "people": 800, "is_critical": True, "name": "实验小学"}
        plant(connection, "consumer", 50, point(SCHOOL_JOINT), node_id=SCHOOL_JOINT, **school)
        plant(connection, "consumer", 51, point(HYDRANT), node_id=HYDRANT, kind_code="household", people=None)
        plant(connection, "consumer", 52, point(HYDRANT), node_id=None, kind_code="household", people=3)
    yield database


def place(node: int) -> tuple[float, float, float]:
    return EAST + 100.0 * (node - WORKS), NORTH, -2.0


def point(node: int) -> str:
    x_m, y_m, _ = place(node)
    return f"POINT({x_m} {y_m})"


def lay(
    connection: Connection, segment: int, start: int, end: int, geom: str | None = None, **attributes: object
) -> None:
    ends = {"from_node_id": start, "to_node_id": end, "source_key": f"{start}->{end}"}
    plant(connection, "pipe_segment", segment, geom or wkt([place(start), place(end)]), **{**ends, **attributes})


def test_a_consumer_of_a_kind_without_a_code_is_counted_as_unknown(street: Database) -> None:
    with street.transaction() as connection:
        plant(connection, "consumer", 53, point(HYDRANT), node_id=HYDRANT, kind_code="temple", people=None)
        network = load_network(connection)
    lost = consumers_lost(network, np.arange(len(network.consumers.id)), np.zeros(4, np.bool_))
    assert lost["by_kind"] == {"household": 2, "school": 1, "unknown": 1}


def test_the_arrays_hold_what_the_tables_hold(street: Database) -> None:
    with street.transaction(read_only=True) as connection:
        network = load_network(connection)
        rows = connection.execute(
            "SELECT feature_id, from_node_id, to_node_id, source_key, ST_3DLength(geom) AS length_m,"
            " lifecycle_code IS DISTINCT FROM 'abandoned' AS live FROM pipemap.pipe_segment ORDER BY 1"
        ).fetchall()
    nodes, segments, consumers = network.nodes, network.segments, network.consumers
    assert network.version == 2
    assert nodes.id.tolist() == [WORKS, VALVE, HYDRANT, SCHOOL_JOINT, FAR_VALVE, END]
    assert nodes.x_m.tolist() == [place(node)[0] for node in nodes.id]
    assert (nodes.name[0], nodes.address[1], nodes.name[1], nodes.key[0]) == ("东区水厂", "人民路 1 号", None, "K11")
    for i, row in enumerate(rows):
        assert segments.id[i] == row["feature_id"]
        assert nodes.id[segments.from_node[i]] == row["from_node_id"]
        assert nodes.id[segments.to_node[i]] == row["to_node_id"]
        assert segments.key[i] == row["source_key"]
        assert segments.length_m[i] == pytest.approx(row["length_m"], abs=1e-9)
        assert segments.is_active[i] == row["live"]
    assert segments.z_m[segments.id == 901][0] == -2.0
    assert str(segments.z_m[segments.id == 905][0]) == "nan"
    assert consumers.id.tolist() == [50, 51, 52]
    assert consumers.node.tolist() == [3, 2, -1]
    assert consumers.people.tolist() == [800, -1, 3]
    assert consumers.name[0] == "实验小学"


def test_a_burst_names_valves_people_and_hydrants(street: Database) -> None:
    with street.transaction(read_only=True) as connection:
        answer = isolation.burst(load_network(connection), [903])
    assert [(valve.node_id, valve.address) for valve in answer.valves_to_close] == [(VALVE, "人民路 1 号")]
    assert answer.isolated_segment_ids == [902, 903, 904]
    assert (answer.dry_segment_ids, answer.already_dry_segment_ids) == ([], [905])
    assert answer.isolated_length_m == 300
    assert answer.consumer_ids == [50, 51]
    assert (answer.consumers.count, answer.consumers.people) == (2, 800)
    assert answer.consumers.by_kind == {"household": 1, "school": 1}
    assert [(one.name, one.zone) for one in answer.consumers.critical] == [("实验小学", "isolated")]
    assert [hydrant.node_id for hydrant in answer.hydrants_lost] == [HYDRANT]
    assert [(p.source_key, p.class_code, p.x_m, p.z_m) for p in answer.burst] == [("13->14", "water", EAST + 250, -2.0)]
    assert [warning.code for warning in answer.warnings] == ["consumers-unlinked", "people-unknown"]
    assert "1 consumers within" in answer.warnings[0].message_en


@pytest.mark.parametrize(
    "question", [BurstQuestion([902, 904], fallbacks=True), BurstQuestion(node_ids=[HYDRANT], radius_m=50.0)]
)
def test_what_is_written_is_what_the_models_hold(street: Database, question: BurstQuestion) -> None:
    with street.transaction(read_only=True) as connection:
        network = load_network(connection)
        written, answer = burst_json(connection, network, question), ask_burst(connection, network, question)
    assert answer.surroundings is not None and answer.valves_to_close
    assert json.loads(written) == answer.model_dump(mode="json")


def test_a_past_version_answers_as_it_stood(street: Database) -> None:
    with street.transaction(read_only=True) as connection:
        answer = isolation.burst(load_network(connection, 1), [901])
    # Nodes and pipes of version 2 are not there; 906 and 907 end at a node that version 1 does not have.
    assert answer.version == 1
    assert answer.isolated_segment_ids == [901]
    assert answer.dry_segment_ids == [902, 903, 904]
    assert answer.already_dry_segment_ids == []
    assert [warning.code for warning in answer.warnings] == ["source-in-zone", "consumers-unlinked", "people-unknown"]


def test_only_live_pressure_pipes_burst(street: Database) -> None:
    with street.transaction(read_only=True) as connection:
        network = load_network(connection)
    with pytest.raises(UsageError, match="not in service"):
        isolation.burst(network, [906])
    with pytest.raises(NotFoundError, match="4711"):
        isolation.burst(network, [4711])
    with pytest.raises(UsageError, match="different utilities"):
        isolation.burst(network, [901, 907])


def test_a_clicked_point_takes_the_nearest_live_pipe_of_the_class_in_space(street: Database) -> None:
    x_m, y_m, _ = place(SCHOOL_JOINT)
    with street.transaction() as connection:
        # Above the water main lies another one, half a metre off in plan and six metres off in height.
        above = wkt([(x_m, y_m + 0.5, 4.0), (x_m + 100, y_m + 0.5, 4.0)])
        lay(connection, 908, SCHOOL_JOINT, END, geom=above, source_key="14->16#2")
        assert nearest_segment(connection, x_m + 50, y_m + 0.4, -2.0).segment_id == 904
        assert nearest_segment(connection, x_m + 50, y_m + 0.4, 4.0).segment_id == 908
        taken = nearest_segment(connection, x_m + 50, y_m + 0.4)
        assert (taken.segment_id, taken.source_key, taken.class_code) == (908, "14->16#2", "water")
        assert taken.distance_m == pytest.approx(0.1)
        assert nearest_segment(connection, x_m + 50, y_m, class_codes=["gas"]).segment_id == 907
        far = nearest_segment(connection, EAST + 450, NORTH + 49, -2.0, version=2)
        assert far.segment_id == 905 and far.distance_m == pytest.approx(49)
        with pytest.raises(NotFoundError, match="50 m"):
            nearest_segment(connection, EAST + 450, NORTH + 51, version=2)
        with pytest.raises(CrsError, match="outside"):
            nearest_segment(connection, 114.0, 22.6)
        with pytest.raises(UsageError, match="steam"):
            nearest_segment(connection, EAST, NORTH, class_codes=["steam"])


def test_a_key_names_one_segment_or_asks_for_the_dataset(street: Database) -> None:
    with street.transaction() as connection:
        assert segment_by_key(connection, "12->13") == 902
        lay(connection, 909, VALVE, HYDRANT, dataset_id=2)
        with pytest.raises(UsageError, match="town, other"):
            segment_by_key(connection, "12->13")
        assert segment_by_key(connection, "12->13", "other") == 909
        with pytest.raises(NotFoundError, match="9->9"):
            segment_by_key(connection, "9->9")


def test_the_command_answers_in_json_and_in_words(street: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", street.url)
    run = CliRunner()
    by_key = run.invoke(app, ["trace", "burst", "--key", "13->14", "--dataset", "town", "--json"])
    answer = json.loads(by_key.stdout)
    assert [valve["node_id"] for valve in answer["valves_to_close"]] == [VALVE]
    at = run.invoke(app, ["trace", "burst", "--at", f"{EAST + 250},{NORTH + 3},-2", "--class", "water", "--json"])
    by_place = json.loads(at.stdout)
    own = ("clicked", "surroundings")
    assert by_place == answer | {name: by_place[name] for name in own} and answer["clicked"] is None
    # The gas pipe begins at the far end of the segment, 50 m from the place.
    assert [one["segment_id"] for one in answer["surroundings"]["neighbours"]] == [907]
    assert by_place["surroundings"] == {"radius_m": 5.0, "neighbours": [], "owners": {}, "telephones": {}}
    assert by_place["clicked"]["source_key"] == "13->14" and by_place["clicked"]["distance_m"] == pytest.approx(3)
    words = run.invoke(app, ["trace", "burst", "--segment", "903"])
    assert "人民路 1 号" in words.stdout
    assert "实验小学" in words.stdout
    near = run.invoke(app, ["trace", "burst", "--at", f"{EAST + 250},{NORTH + 3},-2"])
    assert "所取管段：13->14（给水" in near.stdout and "3.00 m" in near.stdout and "请核实" not in near.stderr
    guessed = run.invoke(app, ["trace", "burst", "--at", f"{EAST + 250},{NORTH + 30}"])
    assert "30.00 m" in guessed.stdout and "请核实爆管是否为该管段" in guessed.stderr
    nonsense = run.invoke(app, ["trace", "burst", "--at", "here"])
    assert isinstance(nonsense.exception, UsageError)


def test_the_trace_says_where_the_map_may_have_stopped_it_too_early(street: Database) -> None:
    x_m, y_m, z_m = place(SCHOOL_JOINT)
    with street.transaction() as connection:
        # A branch that ends on the main but is not joined to it, a removed pipe that still meets it,
        # and one whose far end is at a point that was never surveyed.
        plant(connection, "node", 61, f"POINT({x_m} {y_m + 80})")
        plant(connection, "node", 62, f"POINT({x_m} {y_m + 40})")
        lay(connection, 911, SCHOOL_JOINT, 61, geom=wkt([(x_m, y_m, z_m), (x_m, y_m + 80, z_m)]))
        lay(connection, 912, HYDRANT, 62, geom=wkt([(x_m - 100, y_m, z_m), (x_m + 0.2, y_m + 40, z_m)]))
        lay(connection, 913, HYDRANT, 4711, geom=wkt([(x_m - 100, y_m, z_m), (x_m - 100, y_m - 9, z_m)]))
        lay(connection, 914, HYDRANT, 61, lifecycle_code="abandoned")
        answer = ask_burst(connection, load_network(connection), BurstQuestion(segment_ids=[903]))
    notes = {note.code: note for note in answer.warnings}
    assert {"open-end", "node-missing", "out-of-service-joined"} <= set(notes)
    assert "K62" in notes["open-end"].message_en and "14->61" in notes["open-end"].message_zh
    assert "12->4711" in notes["node-missing"].message_en or "13->4711" in notes["node-missing"].message_en
    assert "13->61" in notes["out-of-service-joined"].message_zh


def test_pipes_of_two_classes_that_are_joined_are_told(street: Database) -> None:
    with street.transaction() as connection:
        plant(connection, "node", 61, point(END))
        lay(connection, 911, SCHOOL_JOINT, 61, class_code="reclaimed")
        answer = isolation.burst(load_network(connection), [903])
    assert "classes-joined" in [note.code for note in answer.warnings] and 911 in answer.isolated_segment_ids
