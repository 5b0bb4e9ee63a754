"""A cable, duct, duct bank or tunnel is cut, or a cabinet is lost: the circuits that go down and who hangs on them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

import numpy as np
from psycopg.sql import SQL

from pipemap.db import Connection, fetch_all
from pipemap.errors import UsageError
from pipemap.network import Ints, Network, class_groups
from pipemap.network.adjacency import adjacency_of
from pipemap.sql import queries
from pipemap.tracing.alternatives import is_state_unknown
from pipemap.tracing.circuits import Cables, Circuit, cables_of, circuit_names, is_cable, part_of
from pipemap.tracing.describing import Words, described_valves, device_places
from pipemap.tracing.losses import Loss, parted, tripped
from pipemap.tracing.served import described_points
from pipemap.tracing.starts import Start, located
from pipemap.tracing.toll import consumers_lost
from pipemap.tracing.walking import listed
from pipemap.versions import current_version, relation
from schemas.codetables import codes_where
from schemas.isolation import NodePlace
from schemas.outages import CircuitOutage, Hit, OutageAnswer
from schemas.traces import Assumption, TraceStop

_TUNNELS = ("utility_tunnel",)
_TEXTS = {
    "no-circuit": (
        "{count} of the cut cables or ducts name no circuit: plain connectivity stands in for it, and only what every "
        "way to a source led through is told.",
        "被切断的线缆或管道中有 {count} 条未记录回路：按管线连通关系分析，仅列出唯一供电（信）路径被切断的部分。",
    ),
    "source-unknown": (
        "On {count} of the circuits no source is known: all that is joined to the cut is told.",
        "有 {count} 条回路没有已知的电（信）源：列出与切断处相连的全部管线。",
    ),
    "cables-not-drawn": (
        "By the survey {count} cables lie in the cut ducts that are not on the map by themselves.",
        "据普查，被切断管道内有 {count} 条线缆，图上未单独绘出。",
    ),
    "switch-state-unknown": (
        "The state of {count} of the switches is unknown; they are taken to conduct.",
        "有 {count} 个开关状态不明，按导通处理。",
    ),
    "pipes-inside": (
        "{count} pipes of other utilities lie inside what was cut; ask for a burst of each.",
        "被切断的管廊（沟）内有其他管线 {count} 条，请分别进行爆管分析。",
    ),
}  # fmt: skip
_SWITCH = ("Open this switch.", "断开此开关。")


def ask_outage(connection: Connection, network: Network, start: Start) -> OutageAnswer:
    """What a cut at segments, nodes or the cables or tunnels nearest to places takes down.

    With a segment everything inside it is cut, at any depth; with a node every cable and tunnel that meets there. The
    connection must see the map at the network's version or later. Raises UsageError when nothing cut is a cable
    or holds one, and what `starts.located` does.
    """
    cable_codes = sorted(codes_where("utility_class", "flow", "cable"))
    found = located(connection, network, start, [*cable_codes, *_TUNNELS])
    cables = cables_of(connection, network)
    beside = adjacency_of(network).at(found.nodes)
    beside = beside[is_cable(network)[beside] | np.isin(beside, list(cables.contents))]
    hit = cables.inside(np.union1d(found.segments, beside))
    cut = hit[is_cable(network)[hit]]
    if not len(cut):
        raise UsageError("Nothing there is a cable or holds one; for pipes ask for a burst.")
    told = _told(connection, network, hit)
    losses = list(_losses(network, cables, cut))
    out, others = _with_another(network, cables, losses)
    circuits = sorted((_described(one, circuit) for circuit, one in losses), key=_most_people)
    return OutageAnswer(
        version=network.version,
        question="outage",
        class_codes=cable_codes,
        start=found.told(network),
        segment_ids=sorted({one for each in circuits for one in (*each.isolated_segment_ids, *each.dry_segment_ids)}),
        node_ids=sorted({one.node_id for each in circuits for one in each.points_lost}),
        length_m=_length_m(network, circuits),
        stopped_at=list(_stops(circuits)),
        stop_counts={"switch": len(list(_stops(circuits)))} if any(each.switches_to_open for each in circuits) else {},
        assumptions=[*found.doubts(), *_assumptions(losses, told, cable_codes, _bare(cables, cut))],
        hit=[one for one in told if one.class_code in (*cable_codes, *_TUNNELS)],
        other_utilities=[one for one in told if one.class_code not in (*cable_codes, *_TUNNELS)],
        circuits=circuits,
        consumer_ids_out=out,
        consumer_ids_with_another_circuit=others,
    )


def drawn_roles(answer: OutageAnswer) -> dict[str, dict[int, str]]:
    """What to draw of an answer: by kind of feature, its identity and what it is."""
    segments: dict[int, str] = {}
    for one in reversed(answer.circuits):
        segments |= dict.fromkeys(one.dry_segment_ids, "dry") | dict.fromkeys(one.isolated_segment_ids, "isolated")
    segments |= {one.segment_id: "cut" for one in (*answer.hit, *answer.other_utilities)}
    nodes = dict.fromkeys(answer.node_ids, "lost")
    for one in answer.circuits:
        nodes |= {valve.node_id: "switch" for valve in one.switches_to_open}
    return {"pipe_segment": segments, "node": nodes}


def _told(connection: Connection, network: Network, hit: Ints) -> list[Hit]:
    version = None if network.version == current_version(connection) else network.version
    query = SQL(queries("circuits")["hit"]).format(segments=relation("pipe_segment", version))
    rows = fetch_all(connection, query, {"ids": network.segments.id[hit].tolist()})
    return [Hit(circuits=circuit_names(row.pop("circuit") or ""), **row) for row in rows]


def _bare(cables: Cables, cut: Ints) -> Ints:
    """Cut segments that name no circuit and hold nothing that could."""
    return np.array(
        [one for one in cut.tolist() if one not in cables.circuits and one not in cables.contents], np.int64
    )


def _losses(network: Network, cables: Cables, cut: Ints) -> Iterator[tuple[Circuit | str, Loss]]:
    """The loss of every circuit that is cut, and by group that of cables without one."""
    hit_circuits = dict.fromkeys(circuit for one in cut.tolist() for circuit in cables.circuits.get(one, ()))
    for circuit in hit_circuits:
        whole = np.array(sorted(cables.segments[circuit]), np.int64)
        part = part_of(network, whole)
        hit = np.flatnonzero(np.isin(whole, cut))
        yield circuit, (tripped if circuit[0] == "power" else parted)(part, circuit[0], hit)
    bare = _bare(cables, cut)
    groups = class_groups()[network.segments.class_]
    for group in np.unique(groups[bare]).tolist():
        whole = np.flatnonzero(is_cable(network) & (groups == group))
        yield group, parted(part_of(network, whole), group, np.flatnonzero(np.isin(whole, bare)))


def _described(loss: Loss, circuit: Circuit | str) -> CircuitOutage:
    network = loss.network
    lost = np.concatenate([loss.isolated, loss.dry])
    fields: Words = {
        "circuit": None if isinstance(circuit, str) else circuit[1],
        "group_code": circuit if isinstance(circuit, str) else circuit[0],
        "basis": "connectivity" if isinstance(circuit, str) else "circuit",
        "is_source_known": loss.is_source_known,
        "sources": device_places(network, loss.sources),
        "cut_segment_ids": network.segments.id[loss.site.segments].tolist(),
        "isolated_segment_ids": network.segments.id[loss.isolated].tolist(),
        "dry_segment_ids": network.segments.id[loss.dry].tolist(),
        "length_m": round(float(network.segments.length_m[lost].sum()), 3),
        "switches_to_open": _switches(loss, loss.to_open),
        "switches_to_close": _switches(loss, loss.to_close),
        "consumers": consumers_lost(network, loss.consumers, loss.is_near),
        "consumer_ids": network.consumers.id[loss.consumers].tolist(),
        "points_lost": described_points(network, loss.points),
    }
    return CircuitOutage.model_validate(fields)


def _switches(loss: Loss, devices: Ints) -> list[Words]:
    return described_valves(loss.network, listed(loss.network, loss.site, devices)) if len(devices) else []


def _most_people(one: CircuitOutage) -> tuple[bool, int, int, int, str]:
    return one.circuit is None, -one.consumers.people, -one.consumers.count, -len(one.points_lost), one.circuit or ""


def _length_m(network: Network, circuits: Iterable[CircuitOutage]) -> float:
    ids = {one for each in circuits for one in (*each.isolated_segment_ids, *each.dry_segment_ids)}
    segments = np.searchsorted(network.segments.id, np.array(sorted(ids), np.int64))
    return round(float(network.segments.length_m[segments].sum()), 3)


def _with_another(
    network: Network, cables: Cables, losses: list[tuple[Circuit | str, Loss]]
) -> tuple[list[int], list[int]]:
    """Consumers lost by some circuit: those with none left, and those whom another one at their node still serves."""
    lost_by: dict[int, set[Circuit]] = defaultdict(set)
    for circuit, loss in losses:
        for one in loss.network.consumers.id[loss.consumers].tolist():
            lost_by[one] |= set() if isinstance(circuit, str) else {circuit}
    ids = np.array(sorted(lost_by), np.int64)
    positions = np.searchsorted(network.consumers.id, ids)
    out: list[int] = []
    others: list[int] = []
    for one, consumer in zip(ids.tolist(), positions.tolist(), strict=True):
        beside = adjacency_of(network).at(network.consumers.node[consumer : consumer + 1])
        group = class_groups()[network.consumers.class_[consumer]]
        there = {circuit for segment in beside.tolist() for circuit in cables.circuits.get(segment, ())}
        is_served = any(circuit[0] == group for circuit in there - lost_by[one])
        (others if is_served else out).append(one)
    return out, others


def _stops(circuits: Iterable[CircuitOutage]) -> Iterator[TraceStop]:
    for circuit in circuits:
        for one in circuit.switches_to_open:
            place = {name: getattr(one, name) for name in NodePlace.model_fields}
            yield TraceStop(
                code="switch", message_en=_SWITCH[0], message_zh=_SWITCH[1], node=NodePlace.model_validate(place)
            )  # fmt: skip


def _assumptions(
    losses: list[tuple[Circuit | str, Loss]], told: list[Hit], cable_codes: list[str], bare: Ints
) -> Iterator[Assumption]:
    if len(bare):
        named = [one.segment_id for one in told if not one.circuits and one.class_code in cable_codes]
        yield _assumption("no-circuit", len(bare), named)
    sourceless = sum(not loss.is_source_known for _, loss in losses)
    if sourceless:
        yield _assumption("source-unknown", sourceless)
    holders = {one.container_id for one in told}
    undrawn = [one for one in told if one.cable_count and one.segment_id not in holders and not one.circuits]
    if undrawn:
        count = sum(one.cable_count or 0 for one in undrawn)
        yield _assumption("cables-not-drawn", count, [one.segment_id for one in undrawn])
    doubtful = [
        loss.network.nodes.id[loss.to_open[is_state_unknown(loss.network, loss.to_open)]].tolist() for _, loss in losses
    ]
    switches = sorted({one for some in doubtful for one in some})
    if switches:
        yield _assumption("switch-state-unknown", len(switches), node_ids=switches)
    pipes = [one.segment_id for one in told if one.class_code not in (*cable_codes, *_TUNNELS)]
    if pipes:
        yield _assumption("pipes-inside", len(pipes), pipes)


def _assumption(
    code: str, count: int, segment_ids: list[int] | None = None, node_ids: list[int] | None = None
) -> Assumption:
    english, chinese = _TEXTS[code]
    return Assumption(
        code=code,
        message_en=english.format(count=count),
        message_zh=chinese.format(count=count),
        count=count,
        segment_ids=segment_ids or [],
        node_ids=node_ids or [],
    )
