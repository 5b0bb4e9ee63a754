"""The columns of a network: nodes, segments, consumers, and the valves of a layer laid over them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Any, TypeVar

import numba
import numpy as np
import numpy.typing as npt

from pipemap.copy_out import TextColumn
from pipemap.errors import NotFoundError, UsageError
from pipemap.network.axes import Axes
from schemas.codetables import code_table

Ints = npt.NDArray[np.int64]
SmallInts = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Reals = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Kept = TypeVar("Kept")

STATES = tuple(code_table("valve_state"))
OPERABILITIES = tuple(code_table("operability"))
UNKNOWN = -1
# What the ways of the water, and where consumers and hydrants stand on them, depend on.
LAYOUT = (
    *("nodes.id", "nodes.x_m", "nodes.y_m", "nodes.appurtenance", "nodes.state", "nodes.operability"),
    *("nodes.is_active", "nodes.is_missing"),
    *("segments.id", "segments.from_node", "segments.to_node", "segments.class_", "segments.flow"),
    *("segments.is_active", "segments.pressure"),
    *("consumers.id", "consumers.node", "consumers.x_m", "consumers.y_m", "consumers.class_"),
)


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes in ascending order of `id`; coordinates in the project CRS, NaN when unknown.

    `appurtenance`, `feature`, `state` and `operability` are positions in the code tables `appurtenance` and
    `feature`, in STATES and in OPERABILITIES; -1 is none or unknown. `is_missing` marks ends of
    segments that the map does not have.
    """

    id: Ints
    x_m: Floats
    y_m: Floats
    appurtenance: SmallInts
    state: SmallInts
    operability: SmallInts
    is_active: Flags
    is_missing: Flags
    key: TextColumn
    name: TextColumn
    address: TextColumn
    feature: SmallInts


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments in ascending order of `id`; ends are positions in Nodes; flow 1 along, -1 against, 0 unknown.

    x_m, y_m, z_m is the middle of the axis in the project CRS, NaN when unknown. `bore_width_mm` and `bore_height_mm`
    are the clear section; `is_bore_assumed` where an outer or unexplained size stands in. `class_`, `shape`,
    `material` and `pressure` are positions in the code tables `utility_class`, `section_shape`, `material` and
    `pressure`; -1 is unknown. The inverts are elevations of the inner bottom at the ends, NaN when unknown;
    `level` says what they come from, as a position in the code table `elevation_source`. `axis` is the whole axis from
    start to end. `width_mm` and `height_mm` are the outer section where it is known, else as stated; `lifecycle` is a
    position in the code table of that name.
    """

    id: Ints
    from_node: Ints
    to_node: Ints
    length_m: Floats
    x_m: Floats
    y_m: Floats
    z_m: Floats
    class_: SmallInts
    flow: SmallInts
    is_active: Flags
    shape: SmallInts
    bore_width_mm: Reals
    bore_height_mm: Reals
    is_bore_assumed: Flags
    material: SmallInts
    pressure: SmallInts
    key: TextColumn
    from_invert_m: Floats
    to_invert_m: Floats
    level: SmallInts
    dataset: Ints
    axis: Axes
    width_mm: Reals
    height_mm: Reals
    lifecycle: SmallInts
    voltage_kv: Reals
    owner: TextColumn


@dataclass(frozen=True, eq=False)
class Consumers:
    """Consumers in ascending order of `id`; `node` is a position in Nodes, `people` a count; -1 when unknown."""

    id: Ints
    node: Ints
    x_m: Floats
    y_m: Floats
    class_: SmallInts
    kind: SmallInts
    people: Ints
    is_critical: Flags
    name: TextColumn


@dataclass(frozen=True, eq=False)
class PairValves:
    """Valves that stand on a segment beside one of its nodes; both are positions in their arrays."""

    segment: Ints
    node: Ints
    state: SmallInts
    operability: SmallInts


@dataclass(frozen=True, eq=False)
class Network:
    """One version of the whole map; a new version is a new Network.

    `derived` keeps what is computed from the arrays, once for all readers; `by_layout` what is computed from the
    columns of LAYOUT alone, which versions of one layout share.
    """

    nodes: Nodes
    segments: Segments
    consumers: Consumers
    pair_valves: PairValves
    version: int | None = None
    derived: dict[str, Any] = field(default_factory=dict, repr=False)
    by_layout: dict[str, Any] = field(default_factory=dict, repr=False)
    _lock: RLock = field(default_factory=RLock, repr=False)

    def with_valves(
        self, pairs: Iterable[tuple[int, int]], states: Iterable[str] = (), operabilities: Iterable[str] = ()
    ) -> "Network":
        """The same network with a valve layer: (segment id, node id) pairs, "open" and "operable" by default.

        A valve stands on the segment, at the named end. NotFoundError when the segment does not end there,
        UsageError when two valves stand at one end.
        """
        wanted = np.array(list(pairs), np.int64).reshape(-1, 2)
        if len(np.unique(wanted, axis=0)) < len(wanted):
            raise UsageError("Two valves of the layer stand at the same end of a segment.")
        segment = positions_of(self.segments.id, wanted[:, 0].copy(), "segment")
        node = positions_of(self.nodes.id, wanted[:, 1].copy(), "node")
        if ((self.segments.from_node[segment] != node) & (self.segments.to_node[segment] != node)).any():
            raise NotFoundError("A valve of the layer does not stand at an end of its segment.")
        state = code_positions(STATES, states, len(wanted), "open")
        operability = code_positions(OPERABILITIES, operabilities, len(wanted), "operable")
        layer = PairValves(segment, node, state, operability)
        return replace(self, pair_valves=layer, derived={}, by_layout={}, _lock=RLock())

    def followed_by(self, nodes: Nodes, segments: Segments, consumers: Consumers, version: int) -> "Network":
        """A later version of the same map; where it keeps the layout it keeps what was found from it."""
        later = Network(nodes, segments, consumers, self.pair_valves, version)
        if any(self._column(name) is not later._column(name) for name in LAYOUT):
            return later
        return replace(later, by_layout=self.by_layout, _lock=self._lock)

    def _column(self, name: str) -> object:
        kind, column = name.split(".")
        return getattr(getattr(self, kind), column)

    @property
    def device_count(self) -> int:
        """Number of devices: device d is node d, or valve d - N of the valve layer."""
        return len(self.nodes.id) + len(self.pair_valves.node)

    def device_node(self, device: int) -> int:
        """Position of the node a device is or stands beside."""
        count = len(self.nodes.id)
        return device if device < count else int(self.pair_valves.node[device - count])

    def device_segment_id(self, device: int) -> int | None:
        """Identity of the segment a valve of the layer stands on; None for a node."""
        place = device - len(self.nodes.id)
        return int(self.segments.id[self.pair_valves.segment[place]]) if place >= 0 else None

    def device_key(self, device: int) -> str | None:
        """Key of a device: of its node, or "segment@node" for a valve of the layer, numbered after the nodes."""
        count = len(self.nodes.id)
        if device < count:
            return self.nodes.key[device]
        segment, node = self.pair_valves.segment[device - count], self.pair_valves.node[device - count]
        return f"{self.segments.id[segment]}@{self.nodes.id[node]}"

    def device_segment_ids(self, devices: Ints) -> list[int | None]:
        """The same for several devices."""
        if not len(self.pair_valves.node):
            return [None] * len(devices)
        return [self.device_segment_id(one) for one in devices.tolist()]

    def device_name(self, device: int) -> str:
        """What people call a device: its name, else its key, else its identity."""
        name = self.nodes.name[device] if device < len(self.nodes.id) else None
        return name or self.device_key(device) or str(self.nodes.id[device])

    def once(self, name: str, compute: Callable[[], Kept], *, by_layout: bool = False) -> Kept:
        """What `compute` gives, kept under `name`; `by_layout` when it looks at no column but those of LAYOUT."""
        found = self.by_layout if by_layout else self.derived
        if name not in found:
            with self._lock:
                if name not in found:
                    found[name] = compute()
        kept: Kept = found[name]
        return kept


def positions_of(sorted_ids: Ints, wanted: Ints, what: str) -> Ints:
    """Positions of identities in a sorted array; NotFoundError names the first one that is not there."""
    place, found = _placed(sorted_ids, wanted)
    if found < len(wanted):
        raise NotFoundError(f"There is no {what} {wanted[found]} in this version of the map.")
    return place


@numba.njit(cache=True, nogil=True)
def _placed(sorted_ids: Ints, wanted: Ints) -> tuple[Ints, int]:  # pragma: no cover
    """Positions of identities in a sorted array up to the first that is not there, and how many these are."""
    place = np.searchsorted(sorted_ids, wanted)
    for number, one in enumerate(place):
        if one == len(sorted_ids) or sorted_ids[one] != wanted[number]:
            return place, number
    return place, len(wanted)


def located(sorted_ids: Ints, wanted: Ints) -> tuple[Ints, Flags]:
    """Where each identity stands or would stand in a sorted array, and whether it does."""
    if not len(sorted_ids):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    place = np.minimum(sorted_ids.searchsorted(wanted), len(sorted_ids) - 1)
    return place, sorted_ids[place] == wanted


def no_pair_valves() -> PairValves:
    """An empty valve layer."""
    return PairValves(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(0, np.int8))


def code_positions(codes: tuple[str, ...], words: Iterable[str], count: int, default: str) -> SmallInts:
    """Positions of code words; "" is unknown (-1), and no words at all are `count` times the default."""
    place = {"": UNKNOWN, **{code: position for position, code in enumerate(codes)}}
    found = [place[word] for word in words] or [place[default]] * count
    return np.array(found, np.int8)
