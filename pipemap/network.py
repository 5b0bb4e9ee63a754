"""The network of one version as immutable arrays: nodes, segments, consumers and what each node does to flow.

Traces never ask the database: a network is loaded once per version and shared by all readers.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from enum import IntEnum
from functools import cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from psycopg.sql import SQL, Composable, Literal

from pipemap.copy_out import CopiedRows, TextColumn, copy_rows
from pipemap.db import Connection
from pipemap.errors import NotFoundError, UsageError
from pipemap.sql import queries
from pipemap.versions import current_version, relation
from schemas.codetables import Code, code_table, codes_where

Ints = npt.NDArray[np.int64]
SmallInts = npt.NDArray[np.int8]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Kept = TypeVar("Kept")

STATES = ("open", "closed", "unknown")
OPERABILITIES = ("operable", "inoperable", "inaccessible", "unknown")
UNKNOWN = -1


class NodeKind(IntEnum):
    """What a node does to the flow through it."""

    JOINT = 0
    OPEN_VALVE = 1
    CLOSED_VALVE = 2
    ONE_WAY = 3
    SOURCE = 4
    STUCK_VALVE = 5


SEPARATING = (NodeKind.OPEN_VALVE, NodeKind.CLOSED_VALVE, NodeKind.ONE_WAY, NodeKind.SOURCE)
_ONE_WAY_ROLES = ("one_way", "pump", "regulator")


@dataclass(frozen=True, eq=False)
class Nodes:
    """Nodes in ascending order of `id`; coordinates in the project CRS, NaN when unknown.

    `appurtenance`, `state` and `operability` are positions in the code table `appurtenance`, in STATES
    and in OPERABILITIES; -1 is none or unknown.
    """

    id: Ints
    x_m: Floats
    y_m: Floats
    appurtenance: SmallInts
    state: SmallInts
    operability: SmallInts
    is_active: Flags
    key: TextColumn
    name: TextColumn
    address: TextColumn


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments in ascending order of `id`; ends are positions in Nodes; flow 1 along, -1 against, 0 unknown.

    x_m, y_m, z_m is the middle of the axis in the project CRS, NaN when unknown.
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
    key: TextColumn


@dataclass(frozen=True, eq=False)
class Consumers:
    """Consumers; `node` is a position in Nodes, -1 when unknown; `people` -1 when unknown."""

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

    `derived` keeps what is computed from the arrays, once for all readers.
    """

    nodes: Nodes
    segments: Segments
    consumers: Consumers
    pair_valves: PairValves
    version: int | None = None
    derived: dict[str, Any] = field(default_factory=dict, repr=False)

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
        segment = positions_of(self.segments.id, wanted[:, 0], "segment")
        node = positions_of(self.nodes.id, wanted[:, 1], "node")
        if ((self.segments.from_node[segment] != node) & (self.segments.to_node[segment] != node)).any():
            raise NotFoundError("A valve of the layer does not stand at an end of its segment.")
        state = code_positions(STATES, states, len(wanted), "open")
        operability = code_positions(OPERABILITIES, operabilities, len(wanted), "operable")
        return replace(self, pair_valves=PairValves(segment, node, state, operability), derived={})

    def device_key(self, device: int) -> str | None:
        """Key of a device: of its node, or "segment@node" for a valve of the layer, numbered after the nodes."""
        count = len(self.nodes.id)
        if device < count:
            return self.nodes.key[device]
        segment, node = self.pair_valves.segment[device - count], self.pair_valves.node[device - count]
        return f"{self.segments.id[segment]}@{self.nodes.id[node]}"

    def device_name(self, device: int) -> str:
        """What people call a device: its name, else its key, else its identity."""
        name = self.nodes.name[device] if device < len(self.nodes.id) else None
        return name or self.device_key(device) or str(self.nodes.id[device])

    def node_kinds(self) -> SmallInts:
        """NodeKind of every node; what is not in service is a plain joint."""
        return self.once("node_kinds", lambda: _node_kinds(self.nodes))

    def once(self, name: str, compute: Callable[[], Kept]) -> Kept:
        """What `compute` gives, kept under `name`."""
        if name not in self.derived:
            self.derived[name] = compute()
        kept: Kept = self.derived[name]
        return kept


def positions_of(sorted_ids: Ints, wanted: Ints, what: str) -> Ints:
    """Positions of identities in a sorted array; NotFoundError names the first one that is not there."""
    place, is_found = _located(sorted_ids, wanted)
    if not is_found.all():
        raise NotFoundError(f"There is no {what} {wanted[~is_found][0]} in this version of the map.")
    return place


def _located(sorted_ids: Ints, wanted: Ints) -> tuple[Ints, Flags]:
    """Where each identity stands or would stand, and whether it does."""
    if not len(sorted_ids):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    place = np.minimum(np.searchsorted(sorted_ids, wanted), len(sorted_ids) - 1)
    return place, sorted_ids[place] == wanted


def class_groups() -> npt.NDArray[np.str_]:
    """Group code of every utility class, by position in the code table."""
    return np.array([code.fields["group_code"] for code in code_table("utility_class").values()])


def valve_kinds(state: SmallInts, operability: SmallInts) -> SmallInts:
    """NodeKind of valves: closed ones part whatever their operability, open ones only when they can be closed."""
    is_closed = state == STATES.index("closed")
    is_stuck = (operability == OPERABILITIES.index("inoperable")) | (operability == OPERABILITIES.index("inaccessible"))
    kinds = np.where(is_stuck, NodeKind.STUCK_VALVE, NodeKind.OPEN_VALVE)
    return np.where(is_closed, NodeKind.CLOSED_VALVE, kinds).astype(np.int8)


def load_network(connection: Connection, version: int | None = None) -> Network:
    """The network of one version (the current one by default), by one binary COPY per kind.

    Use one repeatable-read transaction, so that the three kinds are of the same moment. Lengths are
    along the axis in metres. A segment whose end node is missing ends at a plain node of its own, with
    the missing identity and no place, so that one broken reference does not hide the whole map.
    """
    stored = current_version(connection) if version is None else version
    rows = _read_segments(connection, relation("pipe_segment", version))
    nodes = _load_nodes(connection, relation("node", version))
    nodes = _with_missing(nodes, np.concatenate([rows.numbers(1, np.int64), rows.numbers(2, np.int64)]))
    segments = _segments(rows, nodes.id)
    consumers = _load_consumers(connection, relation("consumer", version), nodes.id)
    return Network(nodes, segments, consumers, no_pair_valves(), stored)


def no_pair_valves() -> PairValves:
    """An empty valve layer."""
    return PairValves(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.int8), np.zeros(0, np.int8))


def code_positions(codes: tuple[str, ...], words: Iterable[str], count: int, default: str) -> SmallInts:
    """Positions of code words; "" is unknown (-1), and no words at all are `count` times the default."""
    place = {"": UNKNOWN, **{code: position for position, code in enumerate(codes)}}
    found = [place[word] for word in words] or [place[default]] * count
    return np.array(found, np.int8)


@cache
def _role_flags() -> tuple[Flags, Flags, Flags]:
    """By position in the code table `appurtenance`, and False for -1: closable, source, one-way."""
    table = list(code_table("appurtenance").values())

    def flags(test: Callable[[Code], bool]) -> Flags:
        return np.array([*map(test, table), False])

    return (
        flags(lambda code: code.flag("is_closable")),
        flags(lambda code: code.fields["role"] == "source"),
        flags(lambda code: code.fields["role"] in _ONE_WAY_ROLES),
    )


def _node_kinds(nodes: Nodes) -> SmallInts:
    is_closable, is_source, is_one_way = _role_flags()
    kinds = np.zeros(len(nodes.id), np.int8)
    kinds[is_one_way[nodes.appurtenance]] = NodeKind.ONE_WAY
    kinds[is_source[nodes.appurtenance]] = NodeKind.SOURCE
    closable = is_closable[nodes.appurtenance]
    kinds[closable] = valve_kinds(nodes.state[closable], nodes.operability[closable])
    kinds[~nodes.is_active] = NodeKind.JOINT
    return kinds


def _query(name: str, relation: Composable, **lists: Iterable[str]) -> Composable:
    literals = {key: Literal(list(values)) for key, values in lists.items()}
    return SQL(queries("network")[name]).format(relation=relation, **literals)


def _active_codes() -> frozenset[str]:
    return codes_where("lifecycle", "is_active", "1")


def _places(rows: CopiedRows, column: int) -> SmallInts:
    """Code positions as SQL counts them, from 1 with null for unknown, to ours."""
    found: npt.NDArray[np.int32] = rows.numbers(column, np.int32) - 1
    return found.astype(np.int8)


def _load_nodes(connection: Connection, relation: Composable) -> Nodes:
    query = _query(
        "nodes",
        relation,
        appurtenances=code_table("appurtenance"),
        states=STATES,
        operabilities=OPERABILITIES,
        active=_active_codes(),
    )
    rows = copy_rows(connection, query, 10)
    ids = rows.numbers(0, np.int64)
    order = np.argsort(ids)
    return Nodes(
        id=ids[order],
        x_m=rows.numbers(1, np.float64)[order],
        y_m=rows.numbers(2, np.float64)[order],
        appurtenance=_places(rows, 3)[order],
        state=_places(rows, 4)[order],
        operability=_places(rows, 5)[order],
        is_active=rows.numbers(6, np.bool_)[order],
        key=rows.text(7, order),
        name=rows.text(8, order),
        address=rows.text(9, order),
    )


def _with_missing(nodes: Nodes, ids: Ints) -> Nodes:
    """The nodes and, as plain joints without a place, those of `ids` that are not among them."""
    missing = np.unique(ids[~_located(nodes.id, ids)[1]])
    if not len(missing):
        return nodes
    extra = len(missing)
    order = np.argsort(np.concatenate([nodes.id, missing]))

    def widened(column: npt.NDArray[Any], blank: float) -> npt.NDArray[Any]:
        return np.concatenate([column, np.full(extra, blank, column.dtype)])[order]

    return Nodes(
        id=np.concatenate([nodes.id, missing])[order],
        x_m=widened(nodes.x_m, np.nan),
        y_m=widened(nodes.y_m, np.nan),
        appurtenance=widened(nodes.appurtenance, UNKNOWN),
        state=widened(nodes.state, UNKNOWN),
        operability=widened(nodes.operability, UNKNOWN),
        is_active=widened(nodes.is_active, False),
        key=nodes.key.widened(extra, order),
        name=nodes.name.widened(extra, order),
        address=nodes.address.widened(extra, order),
    )


def _read_segments(connection: Connection, relation: Composable) -> CopiedRows:
    query = _query("segments", relation, classes=code_table("utility_class"), active=_active_codes())
    return copy_rows(connection, query, 11)


def _segments(rows: CopiedRows, node_ids: Ints) -> Segments:
    ids = rows.numbers(0, np.int64)
    order = np.argsort(ids)
    return Segments(
        id=ids[order],
        from_node=positions_of(node_ids, rows.numbers(1, np.int64)[order], "node"),
        to_node=positions_of(node_ids, rows.numbers(2, np.int64)[order], "node"),
        length_m=rows.numbers(3, np.float64)[order],
        x_m=rows.numbers(4, np.float64, null=np.nan)[order],
        y_m=rows.numbers(5, np.float64, null=np.nan)[order],
        z_m=rows.numbers(6, np.float64, null=np.nan)[order],
        class_=_places(rows, 7)[order],
        flow=rows.numbers(8, np.int32)[order].astype(np.int8),
        is_active=rows.numbers(9, np.bool_)[order],
        key=rows.text(10, order),
    )


def _load_consumers(connection: Connection, relation: Composable, node_ids: Ints) -> Consumers:
    query = _query("consumers", relation, classes=code_table("utility_class"), kinds=code_table("consumer_kind"))
    rows = copy_rows(connection, query, 9)
    served_from = rows.numbers(1, np.int64, null=UNKNOWN)
    place, is_known = _located(node_ids, served_from)
    return Consumers(
        id=rows.numbers(0, np.int64),
        node=np.where(is_known, place, UNKNOWN),
        x_m=rows.numbers(2, np.float64),
        y_m=rows.numbers(3, np.float64),
        class_=_places(rows, 4),
        kind=_places(rows, 5),
        people=rows.numbers(6, np.int32, null=UNKNOWN).astype(np.int64),
        is_critical=rows.numbers(7, np.bool_),
        name=rows.text(8, np.arange(len(rows))),
    )
