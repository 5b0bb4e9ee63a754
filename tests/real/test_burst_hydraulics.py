"""What a cut leaves dry has no flow in EPANET, and what it leaves fed still has: pressure-driven runs, valves shut."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import wntr

from pipemap.network import Network, NodeKind
from pipemap.tracing.cuts import Cut, cut_at
from pipemap.tracing.sites import site_of
from pipemap.tracing.zones import zones_of
from tests.real.test_burst_net6 import our_network, states_of, valve_layer

CLOSED, OPEN = wntr.network.LinkStatus.Closed, wntr.network.LinkStatus.Open


def steady(path: Path) -> wntr.network.WaterNetworkModel:
    """The model without its controls, such that any pressure above nothing delivers what is wanted."""
    model = wntr.network.WaterNetworkModel(str(path))
    for control in list(model.control_name_list):
        model.remove_control(control)
    model.options.time.duration = 0
    model.options.hydraulic.demand_model = "PDD"
    model.options.hydraulic.minimum_pressure = 0.0
    model.options.hydraulic.required_pressure = 0.1
    return model


@contextmanager
def shut(model: wntr.network.WaterNetworkModel, links: set[str]) -> Iterator[None]:
    for link in links:
        model.get_link(link).initial_status = CLOSED
    yield
    for link in links:
        model.get_link(link).initial_status = OPEN


def delivered(model: wntr.network.WaterNetworkModel, folder: Path) -> dict[str, float]:
    run = wntr.sim.EpanetSimulator(model).run_sim(file_prefix=str(folder / "run"))
    flow = run.node["demand"].iloc[0]
    return {name: float(flow[name]) for name in model.junction_name_list}


def without_supply(network: Network, cut: Cut, names: list[str]) -> set[str]:
    zone = cut.zones.node_zone[: len(names)]
    lost = np.isin(zone, np.concatenate([cut.isolated_zones, cut.dry_zones]))
    return {name for name, is_lost in zip(names, lost.tolist(), strict=True) if is_lost}


def has_source(cut: Cut) -> bool:
    devices = cut.zones.ports.device[cut.zones.ports.of_zones(cut.isolated_zones)]
    return bool((cut.zones.ports.kind[devices] == NodeKind.SOURCE).any())


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("name", "every", "least"), [("Net3", 1, 20), ("L-TOWN", 5, 20)])
def test_nodes_without_a_path_to_a_source_have_no_flow_and_all_others_have(
    shared_data: Path, tmp_path: Path, name: str, every: int, least: int
) -> None:
    model = steady(shared_data / "epanet-networks" / f"{name}.inp")
    layer = valve_layer(model, "N-2")
    network = our_network(model, layer, states_of(layer, "N-2"))
    before = delivered(model, tmp_path)
    # EPANET lets up to some 4e-7 m3/s through a closed pipe, so smaller demands than these tell nothing.
    served = {name for name, flow in before.items() if flow > 1e-5}
    assert len(served) > 0.85 * sum(model.get_node(name).base_demand > 0 for name in before)
    _, one_per_zone = np.unique(zones_of(network, "water").segment_zone, return_index=True)
    compared = 0
    for segment in one_per_zone[::every].tolist():
        cut = cut_at(site_of(network, [segment]))
        if has_source(cut):
            continue
        links = {layer[device - len(network.nodes.id)][0] for device in cut.valves.tolist()}
        with shut(model, links):
            after = delivered(model, tmp_path)
        lost = without_supply(network, cut, model.node_name_list) & served
        assert {name for name in served if after[name] < 0.1 * before[name]} == lost
        assert {name for name in served if after[name] < 0.9 * before[name]} == lost
        compared += bool(lost)
    assert compared >= least
