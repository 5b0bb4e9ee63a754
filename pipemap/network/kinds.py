"""What a node does to the flow through it, by its appurtenance, its state and whether it can be moved."""

from collections.abc import Callable
from enum import IntEnum
from functools import cache

import numpy as np
import numpy.typing as npt

from pipemap.network.arrays import OPERABILITIES, STATES, Flags, Network, SmallInts
from schemas.codetables import Code, code_table


class NodeKind(IntEnum):
    """What a node does to the flow through it."""

    JOINT = 0
    OPEN_VALVE = 1
    CLOSED_VALVE = 2
    ONE_WAY = 3
    SOURCE = 4
    STUCK_VALVE = 5


ONE_WAY_ROLES = ("one_way", "pump", "regulator")
_REGULATORS = ("regulator_station", "pressure_reducing_valve")
_BROKEN_OPEN = OPERABILITIES.index("broken_open")
_BROKEN_CLOSED = OPERABILITIES.index("broken_closed")
_IMMOVABLE = [OPERABILITIES.index(code) for code in ("inoperable", "inaccessible", "broken_open", "broken_closed")]


def class_groups() -> npt.NDArray[np.str_]:
    """Group code of every utility class, by position in the code table."""
    return np.array([code.fields["group_code"] for code in code_table("utility_class").values()])


def pressure_groups(network: Network) -> list[str]:
    """Groups of pressure classes that the network has pipes of."""
    codes = list(code_table("utility_class").values())
    there = (codes[place] for place in np.unique(network.segments.class_).tolist() if place >= 0)
    return sorted({code.fields["group_code"] for code in there if code.fields["flow"] == "pressure"})


def node_kinds(network: Network, group: str) -> SmallInts:
    """NodeKind of every node to the flow of one group of classes; what is not in service is a plain joint."""
    return network.once(f"node kinds {group}", lambda: _node_kinds(network, group), by_layout=True)


def valve_kinds(state: SmallInts, operability: SmallInts) -> SmallInts:
    """NodeKind of valves: a broken one is as it is broken; a closed one parts; an open one parts if it can be moved."""
    is_closed = ((state == STATES.index("closed")) & (operability != _BROKEN_OPEN)) | (operability == _BROKEN_CLOSED)
    kinds = np.where(is_immovable(operability), NodeKind.STUCK_VALVE, NodeKind.OPEN_VALVE)
    return np.where(is_closed, NodeKind.CLOSED_VALVE, kinds).astype(np.int8)


def one_way_kinds(state: SmallInts, operability: SmallInts) -> SmallInts:
    """NodeKind of check valves, regulators and pumps: one-way, unless shut or, broken open, passable both ways."""
    of_valve = valve_kinds(state, operability)
    kinds = np.where(operability == _BROKEN_OPEN, NodeKind.STUCK_VALVE, NodeKind.ONE_WAY)
    return np.where(of_valve == NodeKind.CLOSED_VALVE, NodeKind.CLOSED_VALVE, kinds).astype(np.int8)


def regulator_kinds(state: SmallInts, operability: SmallInts) -> SmallInts:
    """NodeKind of gas regulators: valves that can be shut for a burst; one that cannot be moved is still one-way."""
    of_valve = valve_kinds(state, operability)
    is_held = (of_valve == NodeKind.STUCK_VALVE) & (operability != _BROKEN_OPEN)
    return np.where(is_held, NodeKind.ONE_WAY, of_valve).astype(np.int8)


def regulators_of(network: Network, group: str) -> Flags:
    """Whether each node is in service and parts two pressure tiers of gas; nothing is a regulator to other groups."""
    named = np.array([*(code in _REGULATORS for code in code_table("appurtenance")), False])
    found: Flags = named[network.nodes.appurtenance] & network.nodes.is_active & (group == "gas")
    return found


def switch_kinds(state: SmallInts, operability: SmallInts) -> SmallInts:
    """NodeKind of electrical switches, which lead while closed: what an open valve does a closed switch does."""
    open_, closed = STATES.index("open"), STATES.index("closed")
    as_valve = np.select([state == open_, state == closed], [closed, open_], state)
    held = np.select(
        [operability == _BROKEN_OPEN, operability == _BROKEN_CLOSED], [_BROKEN_CLOSED, _BROKEN_OPEN], operability
    )
    return valve_kinds(as_valve.astype(np.int8), held.astype(np.int8))


def is_immovable(operability: SmallInts) -> Flags:
    """Whether a valve stays as it is, for whatever reason."""
    found: Flags = np.isin(operability, _IMMOVABLE)
    return found


def has_role(network: Network, *roles: str) -> Flags:
    """Whether each node is in service and has an appurtenance of one of the roles."""
    named = np.array([*(code.fields["role"] in roles for code in code_table("appurtenance").values()), False])
    found: Flags = named[network.nodes.appurtenance] & network.nodes.is_active
    return found


def _node_kinds(network: Network, group: str) -> SmallInts:
    nodes = network.nodes
    is_closable, is_one_way, is_source = (flags[nodes.appurtenance] for flags in _flags(group))
    kinds = np.zeros(len(nodes.id), np.int8)
    kinds[is_one_way] = one_way_kinds(nodes.state[is_one_way], nodes.operability[is_one_way])
    is_regulator = regulators_of(network, group)
    kinds[is_regulator] = regulator_kinds(nodes.state[is_regulator], nodes.operability[is_regulator])
    kinds[is_source] = NodeKind.SOURCE
    kinds[is_closable] = valve_kinds(nodes.state[is_closable], nodes.operability[is_closable])
    is_switch = has_role(network, "switch")
    kinds[is_switch] = switch_kinds(nodes.state[is_switch], nodes.operability[is_switch])
    kinds[~nodes.is_active] = NodeKind.JOINT
    return kinds


@cache
def _flags(group: str) -> tuple[Flags, Flags, Flags]:
    """By position in the code table `appurtenance`, and False for -1: closable, one-way, source of the group."""
    table = list(code_table("appurtenance").values())

    def flags(test: Callable[[Code], bool]) -> Flags:
        return np.array([*map(test, table), False])

    return (
        flags(lambda code: code.flag("is_closable")),
        flags(lambda code: code.fields["role"] in ONE_WAY_ROLES),
        flags(lambda code: code.fields["role"] == "source" and code.fields["source_of"] == group),
    )
