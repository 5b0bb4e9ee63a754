"""What a cut takes from whom, counted in one compiled step: a burst is told in less time than ten small steps take."""

from typing import Any, NamedTuple, TypeAlias

import numba

from pipemap.network import Floats, Ints, Network, SmallInts
from pipemap.tracing.cuts import Cut
from pipemap.tracing.dependants import Around, Things, consumers_of, hydrants_of, lost_among
from pipemap.tracing.drainage import Drained, Held, drained_columns, held_in
from pipemap.tracing.floods import Statuses
from pipemap.tracing.frayed import Seen, ZoneFlags, frayed_zones, glance
from pipemap.tracing.hydrants import Fed, fed_hydrants, instead_of
from pipemap.tracing.toll import People, Toll, counted, people_of
from pipemap.tracing.zones import Zones

Pipes: TypeAlias = tuple[Ints, Ints, Floats, SmallInts]
_Columns: TypeAlias = tuple[Around, Things, People, Things, Fed, Pipes, Drained, ZoneFlags]


class Effects(NamedTuple):
    """What a cut does, but for the walk to its valves.

    `hydrants` without water are positions in `dependants.hydrant_nodes`, `instead` the nearest one still fed to each,
    -1 for none, and `instead_m` how far it lies; `isolated_m` and `dry_m` are lengths of pipe.
    """

    toll: Toll
    hydrants: Ints
    instead: Ints
    instead_m: Floats
    isolated_m: float
    dry_m: float
    held: Held
    seen: Seen


def effects_of(network: Network, cut: Cut) -> Effects:
    """All that a cut does by itself; who loses the other side of heat is not in the toll."""
    found = _effects(
        *ready_effects(network, cut.zones), cut.status, cut.isolated_zones, cut.dry_zones, cut.isolated, cut.dry
    )
    toll, (hydrants, instead, instead_m), (isolated_m, dry_m), held, seen = found
    return Effects(Toll(*toll), hydrants, instead, instead_m, isolated_m, dry_m, Held(*held), Seen(*seen))


def ready_effects(network: Network, zones: Zones) -> _Columns:
    """All columns that counting looks at, put together once per network."""
    return network.once(f"effects {zones.group}", lambda: _columns(network, zones))


def _columns(network: Network, zones: Zones) -> _Columns:
    segments = network.segments
    return (
        zones.around,
        consumers_of(network, zones).columns,
        people_of(network),
        hydrants_of(network, zones).columns,
        fed_hydrants(network, zones).columns,
        (segments.from_node, segments.to_node, segments.length_m, segments.class_),
        drained_columns(network),
        (zones.is_known, zones.is_fed, frayed_zones(network, zones)),
    )


@numba.njit(cache=True, nogil=True)
def _effects(
    around: Around,
    consumers: Things,
    people: People,
    hydrants: Things,
    fed: Fed,
    pipes: Pipes,
    drained: Drained,
    flags: ZoneFlags,
    status: Statuses,
    isolated_zones: Ints,
    dry_zones: Ints,
    isolated: Ints,
    dry: Ints,
) -> Any:  # pragma: no cover
    from_node, to_node, length_m, class_ = pipes
    lost, is_near = lost_among(consumers, around, isolated_zones, dry_zones, status)
    toll = counted(people, lost)
    without, _ = lost_among(hydrants, around, isolated_zones, dry_zones, status)
    instead, instead_m = instead_of(fed, without)
    lengths_m = sum_of(length_m, isolated), sum_of(length_m, dry)
    held = held_in(drained, from_node, to_node, length_m, isolated)
    seen = glance(flags, isolated_zones, class_, isolated)
    return (lost, is_near, *toll), (without, instead, instead_m), lengths_m, held, seen


@numba.njit(cache=True, nogil=True)
def sum_of(column: Floats, some: Ints) -> float:  # pragma: no cover
    """The sum of some rows of a column."""
    total = 0.0
    for one in some:
        total += column[one]
    return total
