"""What has to be closed or switched off before a dig, by the traces of bursts and outages."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from pipemap.db import Connection
from pipemap.errors import NotFoundError, UsageError
from pipemap.network import Network
from pipemap.tracing.asking import BurstQuestion, ask_burst
from pipemap.tracing.outages import ask_outage
from pipemap.tracing.starts import Start
from schemas.codetables import code_table
from schemas.excavation import Meeting, Shutoff
from schemas.isolation import BurstValve, NodePlace
from schemas.outages import CircuitOutage

_NO_VALVES = (
    "It runs by gravity and has no valves: plug it at the wells above, or pump over.",
    "重力流管道无阀门可关，须在上游井内封堵或导流。",
)
_NO_PLAN = ("Nothing on the map tells how to shut it off: ask its owner.", "图上无法确定关断方式，请联系权属单位。")


def shutoffs(connection: Connection, network: Network, meetings: Iterable[Meeting]) -> Iterator[Shutoff]:
    """One plan for each group of utilities of which pipes in service are met."""
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for meeting in meetings:
        known = code_table("utility_class").get(meeting.class_code)
        if known is not None and meeting.is_live:
            groups[known.fields["group_code"], known.fields["flow"]].append(meeting.segment_id)
    for (group, flow), ids in sorted(groups.items()):
        try:
            yield _with_reason(_PLANS.get(flow, _unplanned)(connection, network, group, ids))
        except (UsageError, NotFoundError):
            yield _empty(group, ids, _NO_PLAN)


def _with_reason(plan: Shutoff) -> Shutoff:
    """A plan that closes nothing says why."""
    if plan.valves or plan.sources or plan.message_en:
        return plan
    return plan.model_copy(update={"message_en": _NO_PLAN[0], "message_zh": _NO_PLAN[1]})


def _by_valves(connection: Connection, network: Network, group: str, ids: Sequence[int]) -> Shutoff:
    found = ask_burst(connection, network, BurstQuestion(segment_ids=ids, radius_m=0))
    return Shutoff(
        group_code=group,
        segment_ids=list(ids),
        valves=found.valves_to_close,
        sources=found.sources_to_shut,
        isolated_length_m=found.isolated_length_m,
        consumers=found.consumers.count,
        people=found.consumers.people,
        critical=found.consumers.critical,
    )


def _by_switches(connection: Connection, network: Network, group: str, ids: Sequence[int]) -> Shutoff:
    circuits = ask_outage(connection, network, Start(ids)).circuits
    lost = {consumer for circuit in circuits for consumer in circuit.consumer_ids}
    return Shutoff(
        group_code=group,
        segment_ids=list(ids),
        valves=_switches(circuits),
        sources=_sources(circuits),
        isolated_length_m=sum(circuit.length_m for circuit in circuits),
        consumers=len(lost),
        people=sum(circuit.consumers.people for circuit in circuits),
        critical=list({one.feature_id: one for each in circuits for one in each.consumers.critical}.values()),
    )


def _switches(circuits: Sequence[CircuitOutage]) -> list[BurstValve]:
    """The switches of all circuits, each once, numbered through."""
    found = {switch.node_id: switch for circuit in circuits for switch in circuit.switches_to_open}
    return [switch.model_copy(update={"order": order}) for order, switch in enumerate(found.values(), 1)]


def _sources(circuits: Sequence[CircuitOutage]) -> list[NodePlace]:
    """The sources of circuits that no switch parts from the dig, each once."""
    bare = [circuit for circuit in circuits if not circuit.switches_to_open]
    return list({source.node_id: source for circuit in bare for source in circuit.sources}.values())


def _by_plugs(connection: Connection, network: Network, group: str, ids: Sequence[int]) -> Shutoff:
    return _empty(group, ids, _NO_VALVES)


def _unplanned(connection: Connection, network: Network, group: str, ids: Sequence[int]) -> Shutoff:
    return _empty(group, ids, _NO_PLAN)


def _empty(group: str, ids: Sequence[int], why: tuple[str, str]) -> Shutoff:
    return Shutoff(
        group_code=group,
        segment_ids=list(ids),
        valves=[],
        sources=[],
        isolated_length_m=0.0,
        consumers=0,
        people=0,
        critical=[],
        message_en=why[0],
        message_zh=why[1],
    )


_PLANS = {"pressure": _by_valves, "cable": _by_switches, "gravity": _by_plugs}
