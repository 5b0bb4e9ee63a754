"""A burst as people report it: named, clicked, several at once, with what they know of the valves."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import orjson

from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.network import Ints, Network
from pipemap.network.adjacency import adjacency_of
from pipemap.network.kinds import pressure_groups
from pipemap.tracing.dependants import consumers_of, hydrants_of, unlinked_of
from pipemap.tracing.describing import Words, widest_at_nodes_mm
from pipemap.tracing.effects import ready_effects
from pipemap.tracing.fallbacks import fallbacks_of
from pipemap.tracing.hydrants import fed_hydrants
from pipemap.tracing.isolation import assumed_of, outcome_words
from pipemap.tracing.outcomes import Outcome, outcome_of
from pipemap.tracing.pairing import pairing_of
from pipemap.tracing.pairs import joint_cut
from pipemap.tracing.places import SURE_WITHIN_M, far_from_place, nearest_segment
from pipemap.tracing.sites import site_of
from pipemap.tracing.starts import Start
from pipemap.tracing.surroundings import (
    DEFAULT_RADIUS_M,
    Place,
    near_burst,
    open_end_notes,
    open_ends,
    surroundings_words,
)
from pipemap.tracing.vicinity import Near, ready_near
from pipemap.tracing.zones import zones_of
from pipemap.versions import current_version
from schemas.isolation import BurstAnswer, ClickedSegment, Note


@dataclass(frozen=True)
class BurstQuestion:
    """What has burst, all at once, and what is known of the valves.

    `places` are (x, y, z or None) in the project CRS; each means the nearest live segment of `class_codes`.
    `inaccessible` and `opened` are nodes of valves: ones that cannot be closed, closed ones that are opened to feed
    from elsewhere. Other utilities are looked for within `radius_m` in space; 0 leaves them out. `fallbacks` asks for
    what to do where a valve of the plan cannot be closed.
    """

    segment_ids: Sequence[int] = ()
    node_ids: Sequence[int] = ()
    places: Sequence[Place] = ()
    class_codes: Sequence[str] = ("water",)
    inaccessible: Sequence[int] = ()
    opened: Sequence[int] = ()
    radius_m: float = DEFAULT_RADIUS_M
    fallbacks: bool = False

    @classmethod
    def at(
        cls, start: Start, inaccessible: Sequence[int], opened: Sequence[int], radius_m: float = DEFAULT_RADIUS_M
    ) -> "BurstQuestion":
        """A burst where any trace may start; a place means water where no class is named."""
        classes = start.class_codes or ("water",)
        return cls(start.segment_ids, start.node_ids, start.places, classes, inaccessible, opened, radius_m)


def ask_burst(connection: Connection, network: Network, question: BurstQuestion) -> BurstAnswer:
    """The whole answer; the connection must see the map at the network's version or later.

    Raises NotFoundError, UsageError or CrsError as `places.nearest_segment` and `isolation.burst` do.
    """
    return BurstAnswer.model_validate(_answered(connection, network, question))


def burst_json(connection: Connection, network: Network, question: BurstQuestion) -> bytes:
    """The same as JSON, written straight from the fields: checking what we made takes longer than the trace."""
    # Models among the fields are written by theirs.
    return orjson.dumps(_answered(connection, network, question), default=vars)


class Found(NamedTuple):
    """A burst answered in positions and figures.

    `clicked` are the segments taken for places, `around` what lies within the radius asked for, `open_ends` nodes of
    the isolated zone and the pipes beside them.
    """

    outcome: Outcome
    clicked: Sequence[tuple[ClickedSegment, Place]]
    around: Near | None
    open_ends: tuple[Ints, Ints]


def find_burst(connection: Connection, network: Network, question: BurstQuestion) -> Found:
    """All that the arrays hold of the answer; what is asked and raised is as with `ask_burst`."""
    if not (question.segment_ids or question.node_ids or question.places):
        raise UsageError("Say what has burst: segments, nodes or places.")
    clicked = _clicked(connection, network, question)
    segment_ids = [*question.segment_ids, *(segment.segment_id for segment, _ in clicked)]
    site = site_of(network, segment_ids, question.node_ids)
    assumed = assumed_of(network, site.zones, question.inaccessible, question.opened)
    pairing = pairing_of(connection, network) if site.zones.group == "heat" else None
    cut = joint_cut(site, pairing, network, assumed)
    around = near_burst(network, site, question.radius_m, clicked) if question.radius_m > 0 else None
    return Found(outcome_of(network, site, cut, pairing), clicked, around, open_ends(network, cut))


def _answered(connection: Connection, network: Network, question: BurstQuestion) -> Words:
    found = find_burst(connection, network, question)
    plan, pairing, around = found.outcome.plan, found.outcome.pairing, found.around
    answer, taken = outcome_words(network, found.outcome), [segment for segment, _ in found.clicked]
    answer |= {
        "warnings": [*_far(found.clicked), *answer["warnings"], *open_end_notes(network, *found.open_ends)],
        "surroundings": None if around is None else surroundings_words(connection, network, around, question.radius_m),
        "fallbacks": fallbacks_of(network, plan.site, plan.cut, pairing) if question.fallbacks else [],
        "clicked": taken[0] if taken else None,
        "further_clicked": taken[1:],
    }
    return answer


def _clicked(connection: Connection, network: Network, question: BurstQuestion) -> list[tuple[ClickedSegment, Place]]:
    if not question.places:
        return []
    # The current tables are read straight.
    version = None if network.version == current_version(connection) else network.version
    return [(nearest_segment(connection, *place, question.class_codes, version), place) for place in question.places]


def make_ready(network: Network) -> None:
    """Compute now what the first burst would otherwise wait for."""
    ready_near(network)
    widest_at_nodes_mm(network)
    make_layout_ready(network)
    for group in pressure_groups(network):
        ready_effects(network, zones_of(network, group))


def make_layout_ready(network: Network) -> None:
    """The part of it that looks at the columns of the layout alone."""
    adjacency_of(network)
    for group in pressure_groups(network):
        zones = zones_of(network, group)
        consumers_of(network, zones)
        hydrants_of(network, zones)
        fed_hydrants(network, zones)
        unlinked_of(network, zones)


def _far(clicked: Sequence[tuple[ClickedSegment, Place]]) -> list[Note]:
    return [far_from_place(segment) for segment, _ in clicked if segment.distance_m > SURE_WITHIN_M]
