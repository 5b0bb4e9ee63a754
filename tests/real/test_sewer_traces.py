"""Sewer traces on real deliveries, against walks over the rows of their files, and what is joined against networkx."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import networkx as nx
import numpy as np
import pyogrio
import pytest

from pipemap.cluster import Cluster
from pipemap.network import Network
from pipemap.tracing.connectivity import bridges, connected, loops, reachable, shortest_path
from pipemap.tracing.gravity import gravity_of
from pipemap.tracing.sewers import blockage, downstream, upstream
from pipemap.tracing.starts import located_ids
from schemas.sewers import SewerAnswer
from tests.real.sewer_sets import GISWATER, MELBOURNE, SWMM_EXAMPLE, published

Row = tuple[str, str, float]
Arcs = dict[str, list[tuple[str, str]]]


@pytest.fixture(scope="module")
def melbourne(cluster: Cluster, shared_data: Path) -> Network:
    return published(cluster, shared_data, MELBOURNE)


@pytest.fixture(scope="module")
def giswater(cluster: Cluster, shared_data: Path) -> Network:
    return published(cluster, shared_data, GISWATER)


def arcs_of(rows: Iterable[Row]) -> Arcs:
    """Ways down from every node, with the name of the row: a row that does not fall runs the way it is drawn."""
    down: Arcs = defaultdict(list)
    for start, end, fall_m in rows:
        tail, head = (end, start) if fall_m < 0 else (start, end)
        down[tail].append((head, f"{start}->{end}"))
    return down


def turned(down: Arcs) -> Arcs:
    up: Arcs = defaultdict(list)
    for tail, ways in down.items():
        for head, name in ways:
            up[head].append((tail, name))
    return up


def walked(ways: Arcs, node: str) -> set[str]:
    seen, todo, names = {node}, [node], set()
    while todo:
        for other, name in ways[todo.pop()]:
            names.add(name)
            if other not in seen:
                seen.add(other)
                todo.append(other)
    return names


def numbered(network: Network) -> dict[str, int]:
    """Identity of every segment in service by its ends; a number tells it from one not in service between the same."""
    segments = network.segments
    return {
        str(segments.key[one]).partition("#")[0]: int(segments.id[one]) for one in np.flatnonzero(segments.is_active)
    }


def traced(network: Network, ask: Callable[..., SewerAnswer], node: int, names: set[str]) -> set[str]:
    """Those of some names that a trace from a node finds."""
    key = {value: name for name, value in numbered(network).items()}
    answer = ask(network, located_ids(network, [], [node]))
    return {key[one] for one in answer.segment_ids} & names


def node_ids(network: Network, rows: list[Row]) -> dict[str, int]:
    """Identity of every end of the rows, through the segments made of them."""
    segments, at = network.segments, numbered(network)
    found: dict[str, int] = {}
    for start, end, _ in rows:
        place = int(np.searchsorted(segments.id, at[f"{start}->{end}"]))
        found[start] = int(network.nodes.id[segments.from_node[place]])
        found[end] = int(network.nodes.id[segments.to_node[place]])
    return found


def melbourne_rows(shared_data: Path) -> list[Row]:
    text = (shared_data / "gww-sewer-melbourne" / "pipes.geojson").read_text(encoding="utf-8")
    rows = [feature["properties"] for feature in json.loads(text)["features"]]
    return [(row["START_NODE"], row["END_NODE"], row["START_INVELEV"] - row["END_INVELEV"]) for row in rows]


def giswater_rows(shared_data: Path) -> list[Row]:
    """Arcs in service; pressure pipes of pumps, which the sample names, run the way they are drawn."""
    arcs = pyogrio.read_dataframe(shared_data / "giswater-samples" / "ud_network.gpkg", layer="ud_arc")
    arcs = arcs[arcs["state"] == 1]
    fall_m = np.where(arcs["arc_type"] == "PUMP_PIPE", 1.0, arcs["elev1"] - arcs["elev2"])
    return list(zip(arcs["node_1"], arcs["node_2"], fall_m.tolist(), strict=True))


def assert_walks_equal(network: Network, rows: list[Row]) -> None:
    down = arcs_of(rows)
    up, names, ids = turned(down), {f"{start}->{end}" for start, end, _ in rows}, node_ids(network, rows)
    for node, node_id in ids.items():
        assert traced(network, downstream, node_id, names) == walked(down, node), node
        assert traced(network, upstream, node_id, names) == walked(up, node), node


def test_every_walk_in_the_melbourne_sewer_is_that_over_the_rows_of_its_file(
    melbourne: Network, shared_data: Path
) -> None:
    rows = melbourne_rows(shared_data)
    assert len(rows) == 326
    assert_walks_equal(melbourne, rows)


def test_every_walk_in_the_giswater_sewer_is_that_over_the_rows_of_its_file(
    giswater: Network, shared_data: Path
) -> None:
    rows = giswater_rows(shared_data)
    assert len(rows) == 193
    assert_walks_equal(giswater, rows)


def test_melbourne_has_two_ends_and_one_adverse_pipe_at_its_split(melbourne: Network, shared_data: Path) -> None:
    gravity, at = gravity_of(melbourne), numbered(melbourne)
    adverse = at["38439_CWW->184673_CWW"]
    assert melbourne.segments.id[gravity.is_contradicted].tolist() == [adverse]
    ids = node_ids(melbourne, melbourne_rows(shared_data))
    answer = downstream(melbourne, located_ids(melbourne, [], [ids["5236_CWW"]]))
    assert {(end.node.source_key, end.way) for end in answer.ends} == {
        ("38264_CWW", "flow"), ("184673_CWW", "doubtful"),
    }  # fmt: skip
    assert answer.doubtful_segment_ids == [adverse]
    told = {one.code: one for one in answer.assumptions}
    assert told["levels-contradicted"].segment_ids == [adverse] and "0.13 m" in told["levels-contradicted"].message_en
    assert "no-outfall" in told


def test_the_pumped_mains_of_giswater_are_followed_up_and_told(giswater: Network, shared_data: Path) -> None:
    ids = node_ids(giswater, giswater_rows(shared_data))
    for pit, main, rise, end in (
        ("302", "302->235", "+29.00 m", ("236", "outfall")),
        ("18963", "18963->18858", "+9.59 m", ("18888", "dead-end")),
    ):
        answer = downstream(giswater, located_ids(giswater, [], [ids[pit]]))
        [told] = [one for one in answer.assumptions if one.code == "way-out"]
        assert numbered(giswater)[main] in told.segment_ids and f"{main} ({rise})" in told.message_en
        assert [(one.node.source_key, one.code) for one in answer.ends] == [end]


@pytest.mark.parametrize("name", ["melbourne", "giswater"])
def test_lines_drawn_the_other_way_are_traced_alike(name: str, request: pytest.FixtureRequest) -> None:
    network: Network = request.getfixturevalue(name)
    gravity, segments = gravity_of(network), network.segments
    # What only the drawing directs is declared, so that turning a line says nothing new.
    said = np.where(np.isin(gravity.evidence, (1, 2, 3)), segments.flow, gravity.sign)
    told = replace(network, segments=replace(segments, flow=said), derived={}, by_layout={})
    is_turned = np.random.default_rng(4).random(len(segments.id)) < 0.4
    redrawn = replace(
        told,
        segments=replace(
            told.segments,
            from_node=np.where(is_turned, segments.to_node, segments.from_node),
            to_node=np.where(is_turned, segments.from_node, segments.to_node),
            from_invert_m=np.where(is_turned, segments.to_invert_m, segments.from_invert_m),
            to_invert_m=np.where(is_turned, segments.from_invert_m, segments.to_invert_m),
            flow=np.where(is_turned, -said, said).astype(np.int8),
        ),
        derived={},
        by_layout={},
    )
    for node in np.unique(segments.from_node[gravity.is_live])[::7].tolist():
        start = located_ids(network, [], [int(network.nodes.id[node])])
        for ask in (downstream, upstream):
            assert set(ask(redrawn, start).segment_ids) == set(ask(told, start).segment_ids)


@pytest.mark.parametrize("name", ["melbourne", "giswater"])
def test_what_is_joined_its_ways_loops_and_bridges_equal_networkx(name: str, request: pytest.FixtureRequest) -> None:
    network: Network = request.getfixturevalue(name)
    segments, live = network.segments, np.flatnonzero(network.segments.is_active)
    graph: nx.MultiGraph[int] = nx.MultiGraph()
    for one in live.tolist():
        ends = int(segments.from_node[one]), int(segments.to_node[one])
        graph.add_edge(*ends, key=int(segments.id[one]), length=float(segments.length_m[one]))
    simple = nx.Graph(graph)
    parallel = {frozenset((a, b)) for a, b in simple.edges if graph.number_of_edges(a, b) > 1}
    parting = {key for a, b in nx.bridges(simple) if frozenset((a, b)) not in parallel for key in graph[a][b]}
    scope = reachable(network, None, ["storm", "foul", "combined"])
    assert set(bridges(network, None, scope).segment_ids) == parting
    assert set(loops(network, None, scope).segment_ids) == set(segments.id[live].tolist()) - parting
    parts = sorted(nx.connected_components(graph), key=len, reverse=True)
    for part in parts[:5]:
        start = located_ids(network, [], [int(network.nodes.id[min(part)])])
        assert set(connected(network, start, scope).node_ids) == {int(network.nodes.id[node]) for node in part}
    rng, nodes = np.random.default_rng(5), sorted(parts[0])
    for one, other in rng.choice(nodes, (40, 2)).tolist():
        ends = [located_ids(network, [], [int(network.nodes.id[node])]) for node in (one, other)]
        way = shortest_path(network, *ends, scope)
        assert way.length_m == pytest.approx(nx.dijkstra_path_length(graph, one, other, weight="length"))


def test_a_pump_of_a_swmm_model_lifts_the_flow_on_and_is_told(cluster: Cluster, shared_data: Path) -> None:
    network = published(cluster, shared_data, SWMM_EXAMPLE)
    model = nx.DiGraph()
    text = (shared_data / "swmm-networks" / "epa_Example3.inp").read_text(encoding="utf-8")
    for name in ("[CONDUITS]", "[PUMPS]"):
        lines = text.partition(name)[2].partition("\n[")[0].splitlines()[1:]
        model.add_edges_from(line.split()[1:3] for line in lines if line.strip() and not line.startswith(";"))
    assert model.has_edge("SU1", "KRO1014")
    outfalls = {node for node in model if not model.out_degree(node)}
    ids = {str(network.nodes.key[place]): int(one) for place, one in enumerate(network.nodes.id)}
    assert len(outfalls) == 2 and set(model) <= set(ids)
    for node in model:
        answer = downstream(network, located_ids(network, [], [ids[node]]))
        reached = {end.node.source_key for end in answer.ends if end.code == "outfall"}
        assert reached == outfalls & (nx.descendants(model, node) | {node}), node
        pumped = [one for one in answer.assumptions if one.code == "pumped"]
        assert bool(pumped) == (
            "KRO1014" in nx.descendants(model, node) and "SU1" in nx.descendants(model, node) | {node}
        )


def test_a_blockage_in_giswater_names_the_house_connections_that_end_mid_span(
    giswater: Network, shared_data: Path
) -> None:
    path = shared_data / "giswater-samples" / "ud_network.gpkg"
    arcs = pyogrio.read_dataframe(path, layer="ud_arc", read_geometry=False)
    links = pyogrio.read_dataframe(path, layer="ud_link", read_geometry=False)
    links = links[links["state"] == 1]
    # The file says to which arc each connection leads; the map has only the place where it ends.
    leads_to = dict(zip(links["feature_id"].astype(str), links["exit_id"].astype(str), strict=True))
    arc_name = {str(arc): f"{a}->{b}" for arc, a, b in zip(arcs["arc_id"], arcs["node_1"], arcs["node_2"], strict=True)}
    at, segments = numbered(giswater), giswater.segments
    live = np.flatnonzero(segments.is_active).tolist()
    ends = {str(segments.key[one]).partition("->")[::2]: int(segments.id[one]) for one in live}
    # Those that end at a manhole are joined to it; the others end at a point of their own, named by its place.
    house = {start: identity for (start, end), identity in ends.items() if "@" in end and start in leads_to}
    assert len(house) > 600
    asked = [arc for arc in sorted(set(leads_to.values())) if arc_name.get(arc) in at]
    for arc in asked[::7]:
        answer = blockage(giswater, located_ids(giswater, [at[arc_name[arc]]], []))
        held = set(answer.segment_ids)
        above = {arc} | {other for other in asked if at[arc_name[other]] in held}
        drained = {house[one] for one, into in leads_to.items() if into in above and one in house}
        assert drained <= held
        named = [one for note in answer.assumptions if note.code == "ends-mid-span" for one in note.segment_ids]
        assert set(named) == drained
