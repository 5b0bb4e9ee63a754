"""What lies around a burst on the map: pipes of other utilities, and pipes that may be joined but are not drawn so."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from psycopg.sql import SQL, Composed

from pipemap.db import Connection, fetch_all
from pipemap.network import Ints, Network
from pipemap.network.adjacency import adjacency_of
from pipemap.sql import queries
from pipemap.tracing.cuts import Cut
from pipemap.tracing.describing import Words, note
from pipemap.versions import relation
from schemas.codetables import codes_where
from schemas.isolation import ClickedSegment

Place = tuple[float, float, float | None]

DEFAULT_RADIUS_M = 5.0
_MOST_NEIGHBOURS = 200
# Half the widest culvert or tunnel that a neighbour may be.
_WIDEST_M = 4.0
_OPEN_END_M = 0.3
_MOST_ENDS = 200
_NOT_THERE = ("planned", "removed")
_OPEN_END = (
    "{names} ends at another pipe ({others}) but is not joined to it on the map; if it is in truth, the cut is wider.",
    "{names} 的端点紧邻另一条管线（{others}），图上未连接；若实际相连，关阀范围会更大。",
)


def surroundings_of(
    connection: Connection,
    burst: Sequence[Words],
    version: int | None,
    radius_m: float,
    clicked: Sequence[tuple[ClickedSegment, Place]] = (),
) -> Words:
    """Segments of other utilities within a distance of the burst, nearest first, at most 200.

    `burst` are the fields of the BurstPlaces; the fields of a Surroundings are given. `version` None
    reads the newest. Around a clicked place the distance is from the point of the axis nearest to it, else from the
    whole segment.
    """
    taken = {segment.segment_id for segment, _ in clicked}
    whole = [place["segment_id"] for place in burst if place["segment_id"] not in (None, *taken)]
    places = [place for _, place in clicked]
    wanted = {
        "whole_ids": whole,
        "clicked_ids": [segment.segment_id for segment, _ in clicked],
        "x": [x_m for x_m, _, _ in places],
        "y": [y_m for _, y_m, _ in places],
        "node_ids": [place["node_id"] for place in burst if place["node_id"] is not None],
        "own_classes": sorted({place["class_code"] for place in burst}),
        "not_there": list(_NOT_THERE),
        "radius_m": radius_m,
        "widest_m": _WIDEST_M,
        "limit": _MOST_NEIGHBOURS,
    }
    parts = {"burst_whole": whole, "burst_clicked": places, "burst_at_nodes": wanted["node_ids"]}
    statement = _statement("neighbours", version, tuple(name for name, given in parts.items() if given))
    neighbours = fetch_all(connection, statement, wanted)
    owners = Counter(neighbour["owner"] or "" for neighbour in neighbours)
    return {"radius_m": radius_m, "neighbours": neighbours, "owners": dict(owners.most_common())}


def open_ends(connection: Connection, network: Network, version: int | None, cut: Cut) -> list[Words]:
    """A warning where an isolated pipe ends beside another one, so that the trace may have stopped too early."""
    nodes = _free_ends(network, cut)[:_MOST_ENDS]
    if not len(nodes):
        return []
    of_group = codes_where("utility_class", "group_code", cut.zones.group)
    wanted = {
        "node_ids": network.nodes.id[nodes].tolist(),
        "class_codes": list(of_group),
        "active": list(codes_where("lifecycle", "is_active", "1")),
        "tolerance_m": _OPEN_END_M,
    }
    rows = fetch_all(connection, _statement("open_ends", version), wanted)
    names = ", ".join(str(row["node_key"]) for row in rows)
    others = ", ".join(dict.fromkeys(key for row in rows for key in row["segment_keys"]))
    return [note("open-end", _OPEN_END, names=names, others=others)] if rows else []


def _free_ends(network: Network, cut: Cut) -> Ints:
    """Joints of the isolated zone at which only one live pipe ends."""
    isolated, segments = cut.isolated, network.segments
    ends = np.unique(np.concatenate([segments.from_node[isolated], segments.to_node[isolated]]))
    ends = ends[cut.zones.node_zone[ends] >= 0]
    adjacency = adjacency_of(network)
    live = segments.is_active[adjacency.at(ends)]
    owner = np.repeat(np.arange(len(ends)), adjacency.counts(ends))
    free: Ints = ends[np.bincount(owner[live], minlength=len(ends)) == 1]
    return free


@lru_cache(maxsize=32)
def _statement(name: str, version: int | None, bursts: tuple[str, ...] = ()) -> bytes:
    """The text of a query; putting it together takes about as long as asking it."""
    axes = SQL(" UNION ALL ").join(_query(burst, version) for burst in bursts)
    return _query(name, version, burst=axes).as_bytes(None)


def _query(name: str, version: int | None, **parts: Composed) -> Composed:
    tables = {"segments": relation("pipe_segment", version), "nodes": relation("node", version)}
    return SQL(queries("network")[name]).format(**tables, **parts)
