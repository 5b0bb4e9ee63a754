"""Pressures of models brought in by the importer, against WNTR on the files themselves, whole and after a cut."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
import wntr

from importers.delivery import read_delivery
from pipemap.db import Database
from pipemap.network import load_network
from pipemap.pressure.asking import PressureCheck, prepare_pressure
from pipemap.pressure.quantities import Choices
from pipemap.tracing.asking import BurstQuestion
from schemas.delivery import Delivery
from tests.postgis.deliveries import bring_in, publish_now

THRESHOLD_M = 10.0
# The file's own run and ours differ by what the importer rounds and by how far EPANET balances.
NEAR_M = 0.05
Pressures = dict[str, float]


def model_of(path: Path) -> Any:
    """The file's model at its mean demand and first state, pressure-driven as ours is."""
    model = wntr.network.WaterNetworkModel(str(path))
    for control in list(model.control_name_list):
        model.remove_control(control)
    hydraulic = model.options.hydraulic
    model.options.time.duration = 0
    hydraulic.demand_model, hydraulic.minimum_pressure, hydraulic.required_pressure = "PDD", 0.0, THRESHOLD_M
    hydraulic.accuracy, hydraulic.trials = 1e-4, 500
    model.add_pattern("even", [1.0])
    for _, junction in model.junctions():
        for series in junction.demand_timeseries_list:
            series.base_value *= series.pattern.multipliers.mean() if series.pattern else 1.0
            # Without a pattern of its own, EPANET would take the one called 1.
            series.pattern_name = "even"
    for _, link in [*model.pumps(), *model.reservoirs()]:
        for pattern in ("speed_pattern_name", "head_pattern_name"):
            if getattr(link, pattern, None):
                setattr(link, pattern, None)
    return model


def run(model: Any, folder: Path) -> Pressures:
    found = wntr.sim.EpanetSimulator(model).run_sim(file_prefix=str(folder / "run"))
    return {name: float(found.node["pressure"].iloc[0][name]) for name in model.junction_name_list}


def published(database: Database, path: Path, valves: Sequence[str] = ()) -> Delivery:
    """The file on the map, some of its junctions turned into valves."""
    delivery = read_delivery([path], srid=4547)
    at_valve = delivery.nodes["source_key"].isin(valves)
    delivery.nodes.loc[at_valve, ["appurtenance_code", "valve_state_code", "operability_code"]] = [
        "valve", "open", "operable",
    ]  # fmt: skip
    publish_now(database, bring_in(database, delivery))
    return delivery


def prepared(database: Database, key: str) -> PressureCheck:
    with database.transaction(read_only=True) as connection:
        row = connection.execute(
            "SELECT feature_id FROM pipemap.pipe_segment WHERE extra->>'id' = %s ORDER BY 1 LIMIT 1", [key]
        ).fetchone()
        question = BurstQuestion(segment_ids=[row["feature_id"]])
        return prepare_pressure(connection, load_network(connection), question, Choices(THRESHOLD_M))


def told(database: Database, check: PressureCheck) -> tuple[Pressures, Pressures, Any]:
    with database.transaction(read_only=True) as connection:
        answer = check.answer(connection, check.solved(), with_nodes=True)
        rows = connection.execute("SELECT feature_id, source_key FROM pipemap.node").fetchall()
    keys = {row["feature_id"]: row["source_key"] for row in rows}
    named = [keys[one] for one in answer.nodes.node_ids]
    before, after = (
        {key: np.nan if value is None else value for key, value in zip(named, column, strict=True)}
        for column in (answer.nodes.before_m, answer.nodes.after_m)
    )
    return before, after, answer


def worst_m(found: Pressures, expected: Pressures, keys: set[str]) -> float:
    return max(abs(found[key] - expected[key]) for key in keys)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("name", "pipe"), [("Net3", "131"), ("Net6", "LINK-0")])
def test_the_pressures_of_an_imported_model_are_those_of_its_file(
    shared_data: Path, tmp_path: Path, database: Database, name: str, pipe: str
) -> None:
    path = shared_data / "epanet-networks" / f"{name}.inp"
    model = model_of(path)
    published(database, path)
    before, _, answer = told(database, prepared(database, pipe))
    expected = run(model, tmp_path)
    fed = fed_by_open_links(model) & expected.keys()
    assert fed == before.keys() & expected.keys()
    assert worst_m(before, expected, fed) < NEAR_M
    assert answer.before.is_balanced


def fed_by_open_links(model: Any, closed: set[str] = frozenset()) -> set[str]:
    graph = nx.DiGraph()
    for name, link in model.links():
        if name in closed or link.initial_status == wntr.network.LinkStatus.Closed:
            continue
        graph.add_edge(link.start_node_name, link.end_node_name)
        if link.link_type == "Pipe" and not link.check_valve:
            graph.add_edge(link.end_node_name, link.start_node_name)
    sources = [*model.reservoir_name_list, *model.tank_name_list]
    return set(sources).union(*(nx.descendants(graph, source) for source in sources if source in graph))


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_after_a_cut_the_pressures_are_those_of_the_file_with_the_isolated_pipes_closed(
    shared_data: Path, tmp_path: Path, database: Database
) -> None:
    path = shared_data / "epanet-networks" / "L-TOWN.inp"
    model = model_of(path)
    # Where two pipes meet, a shut valve is the same as a shut pipe.
    degrees = model.to_graph().degree()
    valves = [name for name in model.junction_name_list if degrees[name] == 2]
    published(database, path, valves)
    check = prepared(database, "p232")
    before, after, answer = told(database, check)
    assert worst_m(before, run(model, tmp_path), before.keys() & set(model.junction_name_list)) < NEAR_M
    isolated = set(check.plan.isolated_segment_ids)
    with database.transaction(read_only=True) as connection:
        rows = connection.execute("SELECT feature_id, extra->>'id' AS id FROM pipemap.pipe_segment").fetchall()
    closed = {row["id"] for row in rows if row["feature_id"] in isolated}
    assert 1 < len(closed) < 0.3 * model.num_links
    fed = fed_by_open_links(model, closed)
    for name in closed:
        model.get_link(name).initial_status = wntr.network.LinkStatus.Closed
    for name in set(model.junction_name_list) - fed:
        for series in model.get_node(name).demand_timeseries_list:
            series.base_value = 0.0
    expected = run(model, tmp_path)
    still_fed = {key for key, value in after.items() if not np.isnan(value)} & expected.keys()
    assert still_fed == fed & expected.keys()
    assert worst_m(after, expected, still_fed) < NEAR_M
    assert answer.after.is_balanced and answer.without_supply > 0
