"""The touched networks as links between vertices: what is loaded with its attributes, and what lies beyond."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipemap.checks.columns import Bools, Columns, Ints, Words
from schemas.codetables import code_table, codes_where


@dataclass(frozen=True, eq=False)
class Farther:
    """Links of the touched networks beyond the features loaded, and the stations among their nodes.

    `reached_node_ids` are the nodes of which all links are here, None when that is so of all nodes; from
    others the network goes on unseen. `stations_elsewhere` names the groups of classes and the roles of
    which something stands on the map at all, loaded or not.
    """

    from_node_id: Ints
    to_node_id: Ints
    class_code: Words
    lifecycle_code: Words
    station_node_id: Ints
    station_code: Words
    reached_node_ids: Ints | None = None
    stations_elsewhere: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def none(cls) -> "Farther":
        """Nothing beyond."""
        ids, words = np.empty(0, np.int64), Words.of([])
        return cls(ids, ids, words, words, ids, words)


@dataclass(frozen=True, eq=False)
class Links:
    """Links between vertices; the first vertices are the nodes of a scope, in their order.

    `row` is the segment of a link, -1 for one that lies beyond the scope. Stations are vertices with an
    appurtenance; `open_vertex` are those from where the network goes on unseen.
    """

    vertex: "pd.Index[int]"
    row: Ints
    start: Ints
    end: Ints
    class_code: Words
    is_active: Bools
    is_touched: Bools
    station_vertex: Ints
    station_code: Words
    open_vertex: Ints

    @classmethod
    def of(cls, nodes: Columns, segments: Columns, from_pos: Ints, to_pos: Ints, farther: Farther) -> "Links":
        """The links of the segments whose nodes are known, and the farther ones."""
        beyond = np.unique(np.concatenate([farther.from_node_id, farther.to_node_id]))
        beyond = np.setdiff1d(beyond, nodes.values("feature_id"), assume_unique=True)
        vertex = pd.Index(np.concatenate([nodes.values("feature_id"), beyond]))
        joined = np.flatnonzero((from_pos >= 0) & (to_pos >= 0))
        appurtenance = nodes.words("appurtenance_code")
        stations = np.flatnonzero(appurtenance.is_known())
        return cls(
            vertex=vertex,
            row=np.concatenate([joined, np.full(len(farther.from_node_id), -1)]),
            start=np.concatenate([from_pos[joined], vertex.get_indexer(farther.from_node_id)]),
            end=np.concatenate([to_pos[joined], vertex.get_indexer(farther.to_node_id)]),
            class_code=Words.joined([segments.words("class_code")[joined], farther.class_code]),
            is_active=np.concatenate(
                [is_active(segments.words("lifecycle_code"))[joined], is_active(farther.lifecycle_code)]
            ),
            is_touched=np.concatenate(
                [segments.values("touched")[joined], np.zeros(len(farther.from_node_id), np.bool_)]
            ),
            station_vertex=np.concatenate([stations, vertex.get_indexer(farther.station_node_id)]),
            station_code=Words.joined([appurtenance[stations], farther.station_code]),
            open_vertex=_unseen(vertex, farther),
        )

    @property
    def vertex_count(self) -> int:
        """How many vertices there are."""
        return len(self.vertex)

    def stations(self, role: str) -> Ints:
        """Vertices where something of a role stands, for example every source."""
        return self.station_vertex[self.station_code.is_in(codes_where("appurtenance", "role", role))]

    def graph(self, class_codes: Collection[str]) -> "Graph":
        """The links of these classes that are in service."""
        chosen = np.flatnonzero(self.class_code.is_in(class_codes) & self.is_active)
        start, end = self.start[chosen], self.end[chosen]
        return Graph(self, chosen, start, end, connected(self.vertex_count, start, end))


def _unseen(vertex: "pd.Index[int]", farther: Farther) -> Ints:
    if farther.reached_node_ids is None:
        return np.empty(0, np.int64)
    return np.flatnonzero(~vertex.isin(farther.reached_node_ids))


@dataclass(frozen=True, eq=False)
class Graph:
    """Some links: which ones they are, the vertices they join, and the connected piece of each vertex."""

    links: Links
    chosen: Ints
    start: Ints
    end: Ints
    piece: Ints

    @property
    def piece_of_link(self) -> Ints:
        """The connected piece of each link."""
        return self.piece[self.start]

    def holds(self, vertices: Ints) -> Bools:
        """Whether each piece holds any of these vertices, by number of the piece."""
        held = np.zeros(self.links.vertex_count, np.bool_)
        held[self.piece[vertices]] = True
        return held


def connected(count: int, start: Ints, end: Ints) -> Ints:
    """The number of the connected piece that each of `count` vertices is in."""
    if count == 0:
        return np.empty(0, np.int64)
    matrix = coo_array((np.ones(len(start), np.int8), (start, end)), shape=(count, count))
    return connected_components(matrix, directed=False)[1].astype(np.int64)


def is_active(lifecycle: Words) -> Bools:
    """Whether a lifecycle code is part of the live network; unknown counts as in service."""
    inactive = [code.code for code in code_table("lifecycle").values() if not code.flag("is_active")]
    return ~lifecycle.is_in(inactive)
