"""EPANET models come out as nodes, segments and consumers whose rows count once per element."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wntr.epanet.util import FlowUnits, HydParam, to_si

from importers.base import DERIVED, RecordTable
from importers.delivery import read_delivery
from importers.epanet import EpanetReader
from pipemap.errors import SourceError

#   R --P1--> A --P2(CV)--> B --V(PRV)--> C --PU--> T        D: no link to it but P3, closed, with a bend
MODEL = """[TITLE]
five nodes
[JUNCTIONS]
;id elevation
 A   100  2
 B   90
 节点C 80  1.5
 D   70
[RESERVOIRS]
 R   220
[TANKS]
 T   120 1 0 5 10
[PIPES]
 P1  R A 1000 12 100 0 Open
 P2  A B 500 8 100 0 CV
 P3  B D 300 6 100 0 Closed
[PUMPS]
 PU  节点C T POWER 5
[VALVES]
 A   B 节点C 8 PRV 40
[PATTERNS]
 1   0.5 1.5 1.0
 X   2 2
[DEMANDS]
 节点C 1 1
 节点C 0.5 X
[COORDINATES]
 A 100 0
 B 200 0
 节点C 300 0
 D 200 100
 R 0 0
 T 400 0
[VERTICES]
 P3 220 0
 P3 220 90
[OPTIONS]
 UNITS GPM
 DEMAND MULTIPLIER 2
[END]
"""


def read(path: Path) -> dict[tuple[str, str | None], RecordTable]:
    assert EpanetReader().accepts(path)
    tables = list(EpanetReader().read([path], {}))
    assert all(len(table.rows) == len(table.geometry) for table in tables if table.geometry is not None)
    return {(table.sheet, table.role): table for table in tables}


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        list(EpanetReader().read([path], {}))
    assert raised.value.message.startswith(path.name)
    assert "\n" not in raised.value.message
    return raised.value.message


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "模型.inp"
    path.write_text(MODEL, encoding="utf-8")
    return path


def test_every_element_counts_once_at_its_own_line(model: Path) -> None:
    lines = MODEL.splitlines()
    counted: dict[str, list[int]] = {}
    for (sheet, _), table in read(model).items():
        counted.setdefault(sheet, []).extend(table.rows.index[~table.rows[DERIVED].to_numpy(bool)])
    demands = counted.pop("demands")
    assert demands == []
    assert {sheet: [lines[row - 1].split()[0] for row in rows] for sheet, rows in counted.items()} == {
        "junctions": ["A", "B", "节点C", "D"],
        "reservoirs": ["R"],
        "tanks": ["T"],
        "pipes": ["P1", "P2", "P3"],
        "pumps": ["PU"],
        "valves": ["A"],
    }


def test_what_a_pressure_run_needs_is_kept_in_metric_units(model: Path) -> None:
    text = MODEL.replace("[CONTROLS]", "").replace("[OPTIONS]", "[CURVES]\n Q 500 100\n[OPTIONS]\n HEADLOSS H-W")
    text = text.replace("PU  节点C T POWER 5", "PU  节点C T HEAD Q SPEED 0.8\n PB  节点C T POWER 5")
    model.write_text(text.replace("P1  R A 1000 12 100 0", "P1  R A 1000 12 100 2.5"), encoding="utf-8")
    tables = read(model)

    def si(value: float, what: HydParam) -> float:
        return float(to_si(FlowUnits.GPM, value, what))

    [valve] = tables["valves", "node"].rows.itertuples()
    assert valve.setting_m == pytest.approx(si(40, HydParam.Pressure), rel=1e-3)
    assert np.isnan(valve.setting_m3_per_d)
    assert tables["tanks", "node"].rows.level_m.tolist() == pytest.approx([0.3048])
    by_curve, by_power = tables["pumps", "node"].rows.itertuples()
    flow, head = map(float, by_curve.pump_curve.split())
    assert (flow, head) == pytest.approx((si(500, HydParam.Flow) * 86400, 30.48), rel=1e-4)
    assert (by_curve.speed, by_power.pump_curve) == (0.8, None)
    assert by_power.power_kw == pytest.approx(si(5, HydParam.Power) / 1000, rel=1e-3)
    pipes = tables["pipes", "segment"].rows
    assert pipes.minor_loss.tolist() == [2.5, 0, 0, 0, 0]
    assert set(pipes.head_loss) == {"H-W"}
    assert set(tables["pumps", "segment"].rows.length_m) == {0.0}


def test_units_become_metric(model: Path) -> None:
    tables = read(model)
    junctions = tables["junctions", "node"].rows.set_index("key")
    assert junctions.ground_elevation_m["A"] == pytest.approx(100 * 0.3048)
    pipes = tables["pipes", "segment"].rows
    assert pipes.diameter.iloc[0] == pytest.approx(12 * 25.4)
    assert pipes.length_m.iloc[0] == pytest.approx(304.8)
    assert tables["reservoirs", "node"].rows["head_m"].iloc[0] == pytest.approx(220 * 0.3048)
    assert "ground_elevation_m" not in tables["reservoirs", "node"].rows


def test_metric_files_stay_as_they_are(model: Path) -> None:
    model.write_text(MODEL.replace("GPM", "LPS"), encoding="utf-8")
    tables = read(model)
    assert tables["junctions", "node"].rows.ground_elevation_m.tolist() == [100, 90, 80, 70]
    assert tables["pipes", "segment"].rows.diameter.tolist() == [12, 8, 8, 6, 6]


def test_mean_demands(model: Path) -> None:
    consumers = read(model)["demands", "consumer"].rows.set_index("node_key")
    gallon_per_minute = 3.785411784e-3 * 60 * 24
    # A follows the default pattern, of mean 1; C has 1 with mean 1 and 0.5 with mean 2; all are doubled.
    assert consumers.demand_m3_per_d["A"] == pytest.approx(2 * 1.0 * 2 * gallon_per_minute)
    assert consumers.demand_m3_per_d["节点C"] == pytest.approx((1 * 1.0 + 0.5 * 2.0) * 2 * gallon_per_minute)
    assert set(consumers.index) == {"A", "节点C"}


def test_demands_without_a_pattern_follow_the_default_one(model: Path) -> None:
    model.write_text(MODEL.replace(" 1   0.5 1.5 1.0", " 1   0.5 1.5 4.0"), encoding="utf-8")
    consumers = read(model)["demands", "consumer"].rows.set_index("node_key")
    assert consumers.demand_m3_per_d["A"] == pytest.approx(2 * 2.0 * 2 * 3.785411784e-3 * 60 * 24)


def test_devices_stand_in_the_middle_of_two_segments(model: Path) -> None:
    tables = read(model)
    pipe_nodes = tables["pipes", "node"].rows.set_index("key")
    assert pipe_nodes.appurtenance.to_dict() == {"P2": "check_valve", "P3": "valve"}
    assert pipe_nodes.valve_state.to_dict() == {"P2": None, "P3": "closed"}
    pipes = tables["pipes", "segment"].rows
    assert list(zip(pipes.from_key, pipes.to_key, pipes.flow_direction, strict=True)) == [
        ("R", "A", None),
        ("A", "P2", "forward"),
        ("P2", "B", "forward"),
        ("B", "P3", None),
        ("P3", "D", None),
    ]
    assert pipes.length_m.tolist() == pytest.approx([304.8, 76.2, 76.2, 45.72, 45.72])
    [pump] = tables["pumps", "node"].rows.itertuples()
    assert (pump.key, pump.appurtenance) == ("PU", "pump_station")
    assert tables["pumps", "segment"].rows.flow_direction.tolist() == ["forward", "forward"]


def test_a_valve_named_like_a_junction_gets_a_name_of_its_own(model: Path) -> None:
    tables = read(model)
    [valve] = tables["valves", "node"].rows.itertuples()
    assert (valve.key, valve.id, valve.appurtenance) == ("A@link", "A", "pressure_reducing_valve")
    assert tables["valves", "segment"].rows.to_key.iloc[0] == "A@link"


def test_halves_share_the_middle_and_keep_every_bend(model: Path) -> None:
    tables = read(model)
    lines, nodes = tables["pipes", "segment"].geometry, tables["pipes", "node"].geometry
    assert lines is not None
    assert nodes is not None
    first, second = lines[3:]
    whole = [(200, 0), (220, 0), (220, 90), (200, 100)]
    assert list(first.coords)[:-1] + list(second.coords)[1:] == whole
    assert first.coords[-1] == second.coords[0] == nodes[1].coords[0]
    assert first.length == pytest.approx(shapely.LineString(whole).length / 2)
    assert first.length == pytest.approx(second.length)


@given(
    st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=6),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_path_is_halved(model: Path, bends: list[tuple[int, int]]) -> None:
    vertices = "".join(f" P3 {x} {y}\n" for x, y in bends)
    model.write_text(MODEL.replace(" P3 220 0\n P3 220 90\n", vertices), encoding="utf-8")
    lines = read(model)["pipes", "segment"].geometry
    assert lines is not None
    first, second = lines[3:]
    whole = shapely.LineString([(200, 0), *bends, (200, 100)])
    assert first.length == pytest.approx(whole.length / 2)
    assert second.length == pytest.approx(whole.length / 2)


def test_ids_in_a_chinese_code_page(model: Path) -> None:
    model.write_bytes(MODEL.encode("gbk"))
    tables = read(model)
    assert tables["junctions", "node"].rows.key.tolist() == ["A", "B", "节点C", "D"]
    assert tables["junctions", "node"].rows.index.tolist() == [5, 6, 7, 8]


def test_an_element_without_place_is_still_a_row(model: Path) -> None:
    model.write_text(MODEL.replace(" D 200 100\n", ""), encoding="utf-8")
    tables = read(model)
    junctions = tables["junctions", "node"]
    assert junctions.geometry is not None
    assert [shape is None for shape in junctions.geometry] == [False, False, False, True]
    pipes = tables["pipes", "segment"].geometry
    assert pipes is not None
    assert [shape is None for shape in pipes] == [False, False, False, True, True]


def test_a_long_path(tmp_path: Path) -> None:
    folder = tmp_path / ("a" * 120) / ("b" * 120)
    folder.mkdir(parents=True)
    path = folder / "model.inp"
    path.write_text(MODEL, encoding="utf-8")
    assert ("pipes", "segment") in read(path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (" UNITS GPM", " UNITS FOO", "invalid option value FOO (UNITS FOO)"),
        (MODEL[MODEL.index("[JUNCTIONS]") : MODEL.index("[RESERVOIRS]")], "", "undefined node A"),
        (MODEL, "", "is empty"),
        (MODEL, "a;b;c\n1;2;3\n", "holds no network"),
        (MODEL, "[CONDUITS]\nC1 A B 10\n", "SWMM"),
        (MODEL[MODEL.index("[COORDINATES]") : MODEL.index("[VERTICES]")], "", "no [COORDINATES]"),
    ],
)
def test_refusals_say_why(model: Path, old: str, new: str, words: str) -> None:
    model.write_text(MODEL.replace(old, new), encoding="utf-8")
    assert words in refusal(model)


def test_a_line_the_engine_refuses_is_told_in_its_words_and_the_rest_is_read(model: Path) -> None:
    model.write_text(MODEL.replace(" P1  R A 1000", " P1  R Z 1000"), encoding="utf-8")
    pipes = read(model)["pipes", "segment"]
    assert pipes.refused_rows == 1
    assert list(dict.fromkeys(pipes.rows["id"])) == ["P2", "P3"]
    [told] = pipes.findings
    assert "undefined node Z" in told.message_en
    assert (told.sheet, told.row) == ("pipes", MODEL.splitlines().index(" P1  R A 1000 12 100 0 Open") + 1)
    assert told.value == "P1  R Z 1000 12 100 0 Open"


def test_an_element_whose_numbers_the_engine_cannot_read_keeps_its_place(model: Path) -> None:
    model.write_text(MODEL.replace(" B   90", " B   9O"), encoding="utf-8")
    junctions = read(model)["junctions", "node"]
    assert junctions.refused_rows == 0
    assert junctions.rows.key.tolist() == ["A", "B", "节点C", "D"]
    assert np.isnan(junctions.rows.ground_elevation_m.iloc[1])
    [told] = junctions.findings
    assert "illegal numeric value 9O" in told.message_en
    assert told.row == 6


def test_of_two_lines_of_one_name_the_first_is_the_element(model: Path) -> None:
    model.write_text(MODEL.replace(" B   90\n", " B   90\n B   90\n"), encoding="utf-8")
    junctions = read(model)["junctions", "node"]
    assert junctions.rows.index.tolist() == [5, 6, 8, 9]
    assert junctions.rows.ground_elevation_m.notna().all()
    assert junctions.refused_rows == 1
    assert [(told.row, "duplicate ID label B" in told.message_en) for told in junctions.findings] == [(7, True)]


def test_faults_in_controls_are_told_once_and_harm_nothing(model: Path) -> None:
    controls = "[CONTROLS]\n LINK X OPEN AT TIME 1\n LINK Y OPEN AT TIME 1\n[OPTIONS]"
    model.write_text(MODEL.replace("[OPTIONS]", controls), encoding="utf-8")
    tables = read(model)
    [told] = [told for table in tables.values() for told in table.findings]
    assert told.details == {"rows": 2}
    assert "undefined link X" in told.message_en
    assert len(tables["junctions", "node"].rows) == 4


def test_comments_name_points_and_tags_are_kept(model: Path) -> None:
    text = MODEL.replace(" B   90", " B   90 ;西门").replace("A B 500 8 100 0 CV", "A B 500 8 100 0 CV ;旧管")
    model.write_text(text.replace("[OPTIONS]", "[TAGS]\n NODE B 二区\n LINK P2 主干\n[OPTIONS]"), encoding="utf-8")
    tables = read(model)
    junctions = tables["junctions", "node"].rows.set_index("key")
    assert (junctions["name"]["B"], junctions.tag["B"]) == ("西门", "二区")
    pipes = tables["pipes", "segment"].rows.set_index("id")
    assert set(pipes.comment["P2"]) == {"旧管"}
    assert set(pipes.tag["P2"]) == {"主干"}
    assert tables["pipes", "segment"].rows.roughness.tolist() == [100.0] * 5


@pytest.mark.parametrize(
    ("valve", "appurtenance"),
    [
        ("PRV 40", "pressure_reducing_valve"),
        ("PSV 40", "pressure_sustaining_valve"),
        ("PBV 4", "valve"),
        ("FCV 9", "flow_control_valve"),
        ("TCV 2", "valve"),
        ("GPV G", "valve"),
    ],
)
def test_every_kind_of_valve_and_its_status(model: Path, valve: str, appurtenance: str) -> None:
    text = MODEL.replace("PRV 40", valve).replace("[OPTIONS]", "[CURVES]\n G 1 1\n G 2 3\n[OPTIONS]")
    for status, state in (("", "open"), ("[STATUS]\n A Closed\n", "closed")):
        model.write_text(text.replace("[OPTIONS]", f"{status}[OPTIONS]"), encoding="utf-8")
        [device] = read(model)["valves", "node"].rows.itertuples()
        assert (device.appurtenance, device.valve_state, device.type) == (appurtenance, state, valve[:3])


def test_consumers_are_of_unknown_kind(model: Path) -> None:
    delivery = read_delivery([model], srid=4547)
    assert set(delivery.consumers["kind_code"]) == {"unknown"}


@pytest.mark.parametrize("unit", ["CFS", "GPM", "MGD", "IMGD", "AFD", "LPS", "LPM", "MLD", "CMH", "CMD"])
def test_demands_of_every_flow_unit_agree_with_wntr(model: Path, unit: str) -> None:
    model.write_text(MODEL.replace("GPM", unit), encoding="utf-8")
    consumers = read(model)["demands", "consumer"].rows.set_index("node_key")
    m3_per_s = to_si(FlowUnits[unit], 4.0, HydParam.Demand)
    assert consumers.demand_m3_per_d["A"] == pytest.approx(m3_per_s * 86400, rel=1e-4)


def test_a_map_in_degrees_says_so(model: Path) -> None:
    model.write_text(MODEL.replace("[OPTIONS]", "[BACKDROP]\n UNITS DEGREES\n[OPTIONS]"), encoding="utf-8")
    tables = read(model)
    assert all(table.crs is not None and table.crs.to_epsg() == 4326 for table in tables.values())
    assert [told.rule for table in tables.values() for told in table.findings] == ["IMP-SCALE"]


def test_a_map_in_feet_is_told_by_the_lengths(model: Path) -> None:
    tables = "[JUNCTIONS]\n A 1\n B 1\n[RESERVOIRS]\n R 9\n[PIPES]\n P A B {} 300 100\n Q B R {} 300 100\n"
    places = "[COORDINATES]\n A 0 0\n B 1000 0\n R 2000 0\n[OPTIONS]\n UNITS LPS\n[END]\n"
    for length_m, expected in ((304.8, ["IMP-SCALE"]), (1000, []), (500, [])):
        model.write_text(tables.format(length_m, length_m) + places, encoding="utf-8")
        assert [told.rule for table in read(model).values() for told in table.findings] == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_hides_nothing(model: Path, encoding: str) -> None:
    model.write_text(MODEL.removeprefix("[TITLE]\nfive nodes\n"), encoding=encoding)
    junctions = read(model)["junctions", "node"].rows
    assert junctions.key.tolist() == ["A", "B", "节点C", "D"]
    assert junctions.index.tolist() == [3, 4, 5, 6]


def test_an_absent_file(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "no.inp")


@given(
    st.integers(0, len(MODEL)),
    st.lists(st.tuples(st.integers(0, 999), st.binary(max_size=40), st.sampled_from([1, 60])), max_size=5),
)
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_accounted_for(model: Path, cut: int, inserted: list[tuple[int, bytes, int]]) -> None:
    data = MODEL.encode()
    data = data[:cut] if cut % 2 else data
    for place, piece, times in inserted:
        data = data[:place] + piece * times + data[place + len(piece) :]
    model.write_bytes(data)
    try:
        tables = read(model)
    except SourceError as error:
        assert error.message.startswith(model.name)
        return
    assert all(np.isfinite(table.rows.index).all() for table in tables.values())
