"""Plans for what nobody can know beforehand: a valve of unknown state that does not hold, a stuck one that does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numba
import numpy as np

from pipemap.network import OPERABILITIES, STATES, Flags, Ints, Network, NodeKind, SmallInts
from pipemap.tracing.cuts import Assumed, Cut, cut_of_zones
from pipemap.tracing.describing import device_columns

# Each costs as much as the plan itself; what is left out can be asked for by naming the valve.
MOST_ALTERNATIVES = 5
_STUCK = int(NodeKind.STUCK_VALVE)
_MAY_BE_FREED = [OPERABILITIES.index(code) for code in ("inoperable", "inaccessible")]


@dataclass(frozen=True, eq=False)
class Otherwise:
    """The cut there would be if some devices failed to hold, or held after all."""

    outcome: Literal["fails", "holds"]
    devices: Ints
    cut: Cut


def alternatives_of(network: Network, cut: Cut, in_order: Ints) -> tuple[list[Otherwise], int]:
    """The cuts for doubtful valves one by one and for all of them, and how many have none of their own.

    `in_order` are the valves to close in their order. Doubtful are those of unknown state, and stuck ones
    inside the isolated zone that would narrow the cut if they could be closed.
    """
    doubtful, stuck = _in_doubt(_unknown_states(network), cut.touches.kind, in_order, cut.unusual)
    if not len(doubtful) and not len(stuck):
        return [], 0
    stuck = stuck[_may_be_freed(network, cut, stuck)]
    found = [*_failing(cut, doubtful), *_holding(cut, stuck)]
    left_out = max(0, len(doubtful) - MOST_ALTERNATIVES) + max(0, len(stuck) - MOST_ALTERNATIVES)
    return found, left_out


def is_state_unknown(network: Network, devices: Ints) -> Flags:
    """Whether the map does not say if a valve is open or closed."""
    is_unknown: Flags = _unknown_states(network)[devices]
    return is_unknown


def _unknown_states(network: Network) -> Flags:
    def are_unknown() -> Flags:
        state = np.concatenate([network.nodes.state, network.pair_valves.state])
        return np.asarray((state < 0) | (state == STATES.index("unknown")))

    return network.once("state unknown", are_unknown, by_layout=True)


@numba.njit(cache=True, nogil=True)
def _in_doubt(is_unknown: Flags, kind: SmallInts, valves: Ints, unusual: Ints) -> tuple[Ints, Ints]:  # pragma: no cover
    """Valves of unknown state, in their order, and those of the other devices that are stuck valves."""
    return valves[is_unknown[valves]], unusual[kind[unusual] == _STUCK]


def stuck_one_by_one(cut: Cut, devices: Ints) -> Iterator[Cut]:
    """The cuts there would be if each of some devices, alone, could not be closed."""
    for device in devices:
        assumed = replace(cut.assumed, stuck=np.union1d(cut.assumed.stuck, device))
        yield cut_of_zones(cut.zones, cut.burst_zones, assumed)


def _failing(cut: Cut, doubtful: Ints) -> Iterator[Otherwise]:
    for devices in _each_and_all(doubtful):
        assumed = replace(cut.assumed, stuck=np.union1d(cut.assumed.stuck, devices))
        yield Otherwise("fails", devices, cut_of_zones(cut.zones, cut.burst_zones, assumed))


def _holding(cut: Cut, stuck: Ints) -> Iterator[Otherwise]:
    for devices in _each_and_all(stuck):
        assumed = Assumed(
            np.setdiff1d(cut.assumed.stuck, devices), np.union1d(cut.assumed.freed, devices), cut.assumed.opened
        )
        narrower = cut_of_zones(cut.zones, cut.burst_zones, assumed)
        if len(narrower.isolated_zones) < len(cut.isolated_zones):
            yield Otherwise("holds", devices, narrower)


def _each_and_all(devices: Ints) -> Iterator[Ints]:
    for place in range(min(len(devices), MOST_ALTERNATIVES)):
        yield devices[place : place + 1]
    if len(devices) > 1:
        yield devices


def _may_be_freed(network: Network, cut: Cut, stuck: Ints) -> Flags:
    """Whether somebody might free each of some stuck valves, those named in the question included."""
    _, _, operability = device_columns(network, stuck)
    return np.isin(operability, _MAY_BE_FREED) | np.isin(stuck, cut.assumed.stuck)
