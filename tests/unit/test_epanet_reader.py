"""EPANET models come out as nodes, segments and consumers whose rows count once per element."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.base import DERIVED, RecordTable
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
        (" P1  R A 1000", " P1  R Z 1000", "undefined node Z"),
        (" P1  R A 1000", " P1  R A abc", "illegal numeric value abc"),
        (MODEL, "", "is empty"),
        (MODEL, "a;b;c\n1;2;3\n", "holds no network"),
        (MODEL, "[CONDUITS]\nC1 A B 10\n", "SWMM"),
        (MODEL[MODEL.index("[COORDINATES]") : MODEL.index("[VERTICES]")], "", "no [COORDINATES]"),
    ],
)
def test_refusals_say_why(model: Path, old: str, new: str, words: str) -> None:
    model.write_text(MODEL.replace(old, new), encoding="utf-8")
    assert words in refusal(model)


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
