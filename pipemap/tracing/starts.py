"""Where a trace begins, as people put it: segments and nodes by identity, places by coordinates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.network import Ints, Network, positions_of
from pipemap.tracing.places import SURE_WITHIN_M, nearest_segment
from pipemap.tracing.surroundings import Place
from pipemap.versions import current_version
from schemas.codetables import code_table
from schemas.isolation import ClickedSegment
from schemas.traces import Assumption, TraceStart


@dataclass(frozen=True)
class Start:
    """Segments and nodes by identity, and places (x, y, z or None) in the project CRS.

    A place means the nearest live segment of `class_codes`, which are all the question allows when none are named.
    """

    segment_ids: Sequence[int] = ()
    node_ids: Sequence[int] = ()
    places: Sequence[Place] = ()
    class_codes: Sequence[str] = ()

    def __bool__(self) -> bool:
        return bool(self.segment_ids or self.node_ids or self.places)


@dataclass(frozen=True, eq=False)
class Located:
    """A start as positions in a network, in ascending order, each once."""

    segments: Ints
    nodes: Ints
    clicked: tuple[ClickedSegment, ...] = ()

    def told(self, network: Network) -> TraceStart:
        """The start as an answer tells it."""
        return TraceStart(
            segment_ids=network.segments.id[self.segments].tolist(),
            node_ids=network.nodes.id[self.nodes].tolist(),
            clicked=list(self.clicked),
        )

    def doubts(self) -> list[Assumption]:
        """That a segment taken for a place is a guess, when it lies far off."""
        far = [one for one in self.clicked if one.distance_m > SURE_WITHIN_M]
        if not far:
            return []
        named = ", ".join(f"{one.source_key or one.segment_id} ({one.distance_m:.1f} m)" for one in far)
        return [
            Assumption(
                code="far-from-place",
                message_en=f"The segment taken lies far from the place given: {named}; check that it is the one meant.",
                message_zh=f"所取管段距所给位置较远：{named}，请核实是否为所指管段。",
                count=len(far),
                segment_ids=[one.segment_id for one in far],
            )
        ]


def located(connection: Connection, network: Network, start: Start, class_codes: Sequence[str] = ()) -> Located:
    """The start in this network; places look for `class_codes` (all when empty) unless the start names classes.

    The connection must see the map at the network's version or later.

    Raises
    ------
    UsageError
        When nothing is named, or a class is not in the code table.
    NotFoundError
        When something is not in this version, or no live segment is near a place.
    CrsError
        When the map cannot be at a place.
    """
    if not start:
        raise UsageError("Say where to start: segments, nodes or places.")
    version = None if network.version == current_version(connection) else network.version
    codes = tuple(start.class_codes or class_codes or code_table("utility_class"))
    clicked = tuple(nearest_segment(connection, *place, codes, version) for place in start.places)
    segment_ids = [*start.segment_ids, *(one.segment_id for one in clicked)]
    return located_ids(network, segment_ids, start.node_ids, clicked)


def located_ids(
    network: Network, segment_ids: Sequence[int], node_ids: Sequence[int], clicked: tuple[ClickedSegment, ...] = ()
) -> Located:
    """A start by identity alone."""
    segments = positions_of(network.segments.id, np.unique(np.array(segment_ids, np.int64)), "segment")
    nodes = positions_of(network.nodes.id, np.unique(np.array(node_ids, np.int64)), "node")
    return Located(segments, nodes, clicked)
