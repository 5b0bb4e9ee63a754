"""The made-up district is sound by construction: only what the answer key plants may break a rule."""

import csv
import json
from itertools import combinations
from pathlib import Path

import networkx as nx
import pytest
from python_calamine import CalamineWorkbook
from shapely import STRtree
from shapely.geometry import LineString

from sample_data.cables import build_cables
from sample_data.district import District, write_district
from sample_data.drainage import build_drainage
from sample_data.gas_heat import build_gas, build_heat
from sample_data.model import Line, Network
from sample_data.water import build_water

# GB 50289-2016 table 4.1.14, the largest value that any pair of our lanes must keep when crossing.
_VERTICAL_M = {frozenset({"foul", "water"}): 0.40, frozenset({"storm", "water"}): 0.40}
_SMALLEST_M = 0.15


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    return write_district(tmp_path_factory.mktemp("district"))


def _graph(network: Network) -> nx.Graph:
    graph = nx.Graph((line.start, line.end) for line in network.lines)
    graph.add_nodes_from(network.points)
    return graph


def test_water_reaches_every_consumer_from_both_sources() -> None:
    network, consumers = build_water()
    graph = _graph(network)
    for source in (p.number for p in network.points.values() if p.appurtenance in ("水厂", "水池")):
        reached = nx.node_connected_component(graph, source)
        assert {consumer.point for consumer in consumers} <= reached


def test_sewers_fall_all_the_way_to_their_outfall() -> None:
    network = build_drainage()
    flow = nx.DiGraph((line.start, line.end) for line in network.lines)
    for line in network.lines:
        upper, lower = network.points[line.start], network.points[line.end]
        assert upper.ground_elevation_m - line.start_depth_m > lower.ground_elevation_m - line.end_depth_m
    ends = {n for n in flow if flow.out_degree(n) == 0}
    assert {network.points[n].appurtenance for n in ends} == {"出水口", "污水处理厂"}
    assert nx.is_directed_acyclic_graph(flow)


def test_no_two_utilities_cross_closer_than_the_standard_allows() -> None:
    networks = [build_water()[0], build_drainage(), build_gas(), build_heat(), build_cables()]
    lines = [(network, line) for network in networks for line in network.lines]
    axes = [LineString([network.points[n].xy_m for n in (line.start, line.end)]) for network, line in lines]
    crossings = 0
    for a, b in zip(*STRtree(axes).query(axes, predicate="crosses"), strict=True):
        if a < b and not {lines[a][1].start, lines[a][1].end} & {lines[b][1].start, lines[b][1].end}:
            crossings += 1
            place = axes[a].intersection(axes[b])
            limit = _VERTICAL_M.get(frozenset({lines[a][1].class_code, lines[b][1].class_code}), _SMALLEST_M)
            assert _gap_m(*lines[a], *lines[b], place) >= limit - 1e-6, (lines[a][1].key, lines[b][1].key)
    assert crossings > 500


def _gap_m(net_a: Network, a: Line, net_b: Network, b: Line, place: LineString) -> float:
    (low_a, high_a), (low_b, high_b) = _span_m(net_a, a, place), _span_m(net_b, b, place)
    return max(low_a - high_b, low_b - high_a)


def _span_m(network: Network, line: Line, place: LineString) -> tuple[float, float]:
    start, end = network.points[line.start], network.points[line.end]
    axis = LineString([start.xy_m, end.xy_m])
    share = axis.project(place) / axis.length
    datum = [p.ground_elevation_m - d for p, d in ((start, line.start_depth_m), (end, line.end_depth_m))]
    level = datum[0] + share * (datum[1] - datum[0])
    height = line.height_mm / 1000
    return (level, level + height) if line.class_code in ("storm", "foul") else (level - height, level)


def test_the_district_has_the_promised_size_and_classes() -> None:
    lines = [*build_water()[0].lines, *build_drainage().lines, *build_gas().lines]
    lines += [*build_heat().lines, *build_cables().lines]
    assert 2_800 <= len(lines) <= 3_500
    assert len({line.class_code for line in lines}) == 9


def test_writing_twice_gives_the_same_tables(district: District, tmp_path: Path) -> None:
    again = write_district(tmp_path)
    assert again.answer_key.read_bytes() == district.answer_key.read_bytes()
    for first, second in zip(district.datasets[1].files, again.datasets[1].files, strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_the_answer_key_names_rows_that_are_really_there(district: District) -> None:
    key = json.loads(district.answer_key.read_text(encoding="utf-8"))
    assert len({fault["key"] for fault in key["faults"]}) == len(key["faults"]) >= 15
    sheets = _workbook(district.datasets[0].files[0])
    numbers = [row[0] for row in sheets["管点"]]
    (twice,) = [fault["key"] for fault in key["faults"] if fault["rule"] == "R07"]
    assert numbers.count(twice) == 2
    lines = {f"{row[0]}->{row[1]}" for row in sheets["管线"]}
    assert {fault["key"] for fault in key["faults"] if fault["rule"] in ("R13", "R14", "R20")} <= lines


def test_the_later_delivery_differs_exactly_as_the_key_says(district: District) -> None:
    changes = json.loads(district.answer_key.read_text(encoding="utf-8"))["drainage_update"]
    old, new = (_csv_rows(dataset.files) for dataset in (district.datasets[1], district.drainage_update))
    assert old.keys() - new.keys() == set(changes["removed"])
    assert new.keys() - old.keys() == set(changes["added"])
    assert {key for key in old.keys() & new.keys() if old[key] != new[key]} == set(changes["changed"])


def _workbook(path: Path) -> dict[str, list[list[object]]]:
    book = CalamineWorkbook.from_path(path)
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def _csv_rows(paths: tuple[Path, ...]) -> dict[str, tuple[str, ...]]:
    rows = {}
    for path in paths:
        with path.open(encoding="gb18030", newline="") as file:
            for row in csv.DictReader(file):
                key = row["EXP_NO"] if "EXP_NO" in row else f"{row['S_POINT']}->{row['E_POINT']}"
                rows[key] = tuple(row.values())
    return rows


def test_no_two_consumers_share_a_meter() -> None:
    _, consumers = build_water()
    assert not [pair for pair in combinations(consumers, 2) if pair[0].point == pair[1].point]
