"""A version of the map read into arrays, whole or by what was published since an earlier one."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from psycopg.sql import SQL, Composable, Literal

from pipemap.copy_out import CopiedRows, copy_rows
from pipemap.db import Connection, fetch_all
from pipemap.network.arrays import (
    OPERABILITIES,
    STATES,
    UNKNOWN,
    Consumers,
    Ints,
    Network,
    Nodes,
    Segments,
    SmallInts,
    located,
    no_pair_valves,
    positions_of,
)
from pipemap.network.axes import Axes
from pipemap.network.merging import Merge, with_missing
from pipemap.sql import queries
from pipemap.statements import table
from pipemap.versions import current_version, relation
from schemas.codetables import code_table, codes_where

_KINDS = ("node", "pipe_segment", "consumer")
# Beyond this many changed features reading everything is as fast, and simpler for the server.
_MOST_CHANGES = 20_000


def load_network(connection: Connection, version: int | None = None) -> Network:
    """The network of one version (the current one by default), by one binary COPY per kind.

    Use one repeatable-read transaction, so that the three kinds are of the same moment. Lengths are
    along the axis in metres. A segment whose end node is missing ends at a plain node of its own, with
    the missing identity and no place, so that one broken reference does not hide the whole map.
    """
    stored = current_version(connection) if version is None else version
    rows = _read_segments(connection, relation("pipe_segment", version))
    ends = np.concatenate([rows.numbers(1, np.int64), rows.numbers(2, np.int64)])
    nodes = with_missing(_read_nodes(connection, relation("node", version)), ends)
    segments = _segments(rows, nodes.id)
    consumers = _read_consumers(connection, relation("consumer", version), nodes.id)
    return Network(nodes, segments, consumers, no_pair_valves(), stored)


def refresh_network(connection: Connection, network: Network) -> Network:
    """The network of the newest version, from that of an earlier one and the rows published in between.

    It equals what `load_network` gives. The same network when nothing was published; a full load when
    too much was, or when references are broken. The connection must see one moment.
    """
    newest = current_version(connection)
    if newest == network.version:
        return network
    if network.version is None or newest < network.version or network.nodes.is_missing.any():
        return load_network(connection)
    changes = [_changed(connection, kind, network.version) for kind in _KINDS]
    if sum(len(change.ids) for change in changes) > _MOST_CHANGES:
        return load_network(connection)
    refreshed = _patched(connection, network, changes, newest)
    return load_network(connection) if refreshed is None else refreshed


@dataclass(frozen=True, eq=False)
class _Change:
    """The features of one kind that are not what they were, and where their new states are found."""

    ids: Ints
    states: Composable


def _changed(connection: Connection, kind: str, version: int) -> _Change:
    named = {"current": table(kind), "history": table(f"{kind}_history"), "version": Literal(version)}
    rows = fetch_all(connection, SQL(queries("network")["changed_ids"]).format(**named))
    ids = np.array([row["feature_id"] for row in rows], np.int64)
    return _Change(ids, SQL(queries("network")["changed_states"]).format(**named))


def _patched(connection: Connection, network: Network, changes: list[_Change], version: int) -> Network | None:
    """The network with the changes in it; None where a segment would refer to a node that is not there."""
    of_nodes, of_segments, of_consumers = changes
    to_nodes = Merge.of(network.nodes.id, of_nodes.ids, _read_nodes(connection, of_nodes.states))
    nodes = to_nodes.applied(network.nodes)
    rows = _read_segments(connection, of_segments.states)
    ends = np.concatenate([rows.numbers(1, np.int64), rows.numbers(2, np.int64)])
    if not located(nodes.id, ends)[1].all():
        return None
    to_segments = Merge.of(network.segments.id, of_segments.ids, _segments(rows, nodes.id))
    segments = to_segments.applied(to_nodes.repointed(network.segments, "from_node", "to_node"))
    if min(segments.from_node.min(initial=0), segments.to_node.min(initial=0)) < 0:
        return None
    new_consumers = _read_consumers(connection, of_consumers.states, nodes.id)
    to_consumers = Merge.of(network.consumers.id, of_consumers.ids, new_consumers)
    consumers = to_consumers.applied(to_nodes.repointed(network.consumers, "node"))
    return network.followed_by(nodes, segments, consumers, version)


def _query(name: str, relation: Composable, **lists: Iterable[str]) -> Composable:
    literals = {key: Literal(list(values)) for key, values in lists.items()}
    return SQL(queries("network")[name]).format(relation=relation, **literals)


def _active_codes() -> frozenset[str]:
    return codes_where("lifecycle", "is_active", "1")


def _places(rows: CopiedRows, column: int) -> SmallInts:
    """Code positions as SQL counts them, from 1 with null for unknown, to ours."""
    found: npt.NDArray[np.int32] = rows.numbers(column, np.int32) - 1
    return found.astype(np.int8)


def _read_nodes(connection: Connection, relation: Composable) -> Nodes:
    query = _query(
        "nodes",
        relation,
        appurtenances=code_table("appurtenance"),
        features=code_table("feature"),
        states=STATES,
        operabilities=OPERABILITIES,
        active=_active_codes(),
    )
    rows = copy_rows(connection, query, 11)
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
        is_missing=np.zeros(len(rows), np.bool_),
        key=rows.text(7, order),
        name=rows.text(8, order),
        address=rows.text(9, order),
        feature=_places(rows, 10)[order],
    )


def _read_segments(connection: Connection, relation: Composable) -> CopiedRows:
    query = _query(
        "segments",
        relation,
        classes=code_table("utility_class"),
        shapes=code_table("section_shape"),
        materials=code_table("material"),
        pressures=code_table("pressure"),
        elevation_sources=code_table("elevation_source"),
        lifecycles=code_table("lifecycle"),
        active=_active_codes(),
    )
    return copy_rows(connection, query, 27)


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
        shape=_places(rows, 10)[order],
        bore_width_mm=rows.numbers(11, np.float32, null=np.nan)[order],
        bore_height_mm=rows.numbers(12, np.float32, null=np.nan)[order],
        is_bore_assumed=rows.numbers(13, np.bool_)[order],
        material=_places(rows, 14)[order],
        pressure=_places(rows, 15)[order],
        key=rows.text(16, order),
        from_invert_m=rows.numbers(17, np.float64, null=np.nan)[order],
        to_invert_m=rows.numbers(18, np.float64, null=np.nan)[order],
        level=_places(rows, 19)[order],
        dataset=rows.numbers(20, np.int32)[order].astype(np.int64),
        axis=Axes.read(rows, 21, order),
        width_mm=rows.numbers(22, np.float32, null=np.nan)[order],
        height_mm=rows.numbers(23, np.float32, null=np.nan)[order],
        lifecycle=_places(rows, 24)[order],
        voltage_kv=rows.numbers(25, np.float32, null=np.nan)[order],
        owner=rows.text(26, order),
    )


def _read_consumers(connection: Connection, relation: Composable, node_ids: Ints) -> Consumers:
    query = _query("consumers", relation, classes=code_table("utility_class"), kinds=code_table("consumer_kind"))
    rows = copy_rows(connection, query, 9)
    ids = rows.numbers(0, np.int64)
    order = np.argsort(ids)
    place, is_known = located(node_ids, rows.numbers(1, np.int64, null=UNKNOWN)[order])
    return Consumers(
        id=ids[order],
        node=np.where(is_known, place, UNKNOWN),
        x_m=rows.numbers(2, np.float64)[order],
        y_m=rows.numbers(3, np.float64)[order],
        class_=_places(rows, 4)[order],
        kind=_places(rows, 5)[order],
        people=rows.numbers(6, np.int32, null=UNKNOWN)[order].astype(np.int64),
        is_critical=rows.numbers(7, np.bool_)[order],
        name=rows.text(8, order),
    )
