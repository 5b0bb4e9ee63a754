"""Cables on the map: the circuits each belongs to, and what lies inside each duct, duct bank or tunnel."""

import re
from collections import defaultdict
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
from psycopg.sql import SQL

from pipemap.db import Connection, fetch_all
from pipemap.network import Consumers, Flags, Ints, Network, Nodes, Segments, class_groups, no_pair_valves
from pipemap.network.arrays import located
from pipemap.sql import queries
from pipemap.versions import current_version, relation
from schemas.codetables import code_table, codes_where

Columns = TypeVar("Columns", Nodes, Segments, Consumers)
Circuit = tuple[str, str]

_BETWEEN = re.compile(r"[;；、,，|]")


@dataclass(frozen=True, eq=False)
class Cables:
    """Circuits as (group, name), and segments by position.

    `segments` has the segments of every circuit, `circuits` the circuits of every segment that names some, `contents`
    what lies straight inside a segment.
    """

    segments: dict[Circuit, list[int]]
    circuits: dict[int, list[Circuit]]
    contents: dict[int, list[int]]

    def inside(self, segments: Ints) -> Ints:
        """Some segments and whatever lies inside them at any depth, sorted."""
        found, stack = set(segments.tolist()), segments.tolist()
        while stack:
            inner = [one for one in self.contents.get(stack.pop(), ()) if one not in found]
            found.update(inner)
            stack += inner
        return np.array(sorted(found), np.int64)


def cables_of(connection: Connection, network: Network) -> Cables:
    """The circuits and containments of a network, read once; the connection must see its version or later."""
    return network.once("cables", lambda: _cables(connection, network))


def circuit_names(text: str) -> list[str]:
    """The circuits named in one cell, such as "10kV青禾线；10kV望江线"."""
    return list(dict.fromkeys(name for part in _BETWEEN.split(text) if (name := part.strip())))


def is_cable(network: Network) -> Flags:
    """Which segments are live cables or ducts of power or telecom."""
    of_class = [*(code.fields["flow"] == "cable" for code in code_table("utility_class").values()), False]
    found: Flags = np.array(of_class)[network.segments.class_] & network.segments.is_active
    return found


def part_of(network: Network, segments: Ints) -> Network:
    """Some segments (sorted positions) with their nodes and consumers as a network of their own."""
    of_all = network.segments
    nodes = np.unique(np.concatenate([of_all.from_node[segments], of_all.to_node[segments]]))
    is_there = np.zeros(len(network.nodes.id) + 1, np.bool_)
    is_there[nodes] = True
    consumers = _taken(network.consumers, np.flatnonzero(is_there[network.consumers.node]))
    part = _taken(of_all, segments)
    return Network(
        _taken(network.nodes, nodes),
        replace(
            part,
            from_node=np.searchsorted(nodes, part.from_node),
            to_node=np.searchsorted(nodes, part.to_node),
        ),
        replace(consumers, node=np.searchsorted(nodes, consumers.node)),
        no_pair_valves(),
        network.version,
    )


def without(network: Network, segments: Ints) -> Network:
    """The same network with some segments out of service."""
    is_active = network.segments.is_active.copy()
    is_active[segments] = False
    return Network(
        network.nodes,
        replace(network.segments, is_active=is_active),
        network.consumers,
        network.pair_valves,
        network.version,
    )


def _taken(columns: Columns, positions: Ints) -> Columns:
    taken: dict[str, Any] = {}
    for field in fields(columns):
        column = getattr(columns, field.name)
        taken[field.name] = column[positions] if isinstance(column, np.ndarray) else column.taken(positions)
    return replace(columns, **taken)


def _cables(connection: Connection, network: Network) -> Cables:
    version = None if network.version == current_version(connection) else network.version
    query = SQL(queries("circuits")["cables"]).format(segments=relation("pipe_segment", version))
    params = {
        "cables": sorted(codes_where("utility_class", "flow", "cable")),
        "active": sorted(codes_where("lifecycle", "is_active", "1")),
    }
    rows = fetch_all(connection, query, params)
    place, is_there = located(network.segments.id, np.array([row["feature_id"] for row in rows], np.int64))
    containers = np.array([row["container_id"] or 0 for row in rows], np.int64)
    around, is_around = located(network.segments.id, containers)
    segments, circuits, contents = defaultdict(list), {}, defaultdict(list)
    groups, cable = class_groups()[network.segments.class_], is_cable(network)
    for number in np.flatnonzero(is_there).tolist():
        one = int(place[number])
        if is_around[number]:
            contents[int(around[number])].append(one)
        names = circuit_names(rows[number]["circuit"] or "") if cable[one] else []
        if names:
            circuits[one] = [(str(groups[one]), name) for name in names]
        for circuit in circuits.get(one, ()):
            segments[circuit].append(one)
    return Cables(dict(segments), circuits, dict(contents))
