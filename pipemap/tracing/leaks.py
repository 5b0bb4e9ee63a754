"""A leak of gas: where it can gather, by true distance in space."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np
from psycopg.sql import SQL, Composable

from pipemap.db import Connection, fetch_all
from pipemap.errors import UsageError
from pipemap.network import Ints, Network, class_groups
from pipemap.network.adjacency import adjacency_of
from pipemap.sql import queries
from pipemap.tracing.starts import Located, Start, located
from pipemap.versions import current_version, relation
from schemas.codetables import code_table, codes_where
from schemas.leaks import EnclosedSpace, LeakAnswer
from schemas.traces import Assumption

DEFAULT_RADIUS_M = 10.0
GREATEST_RADIUS_M = 200.0
_MOST_SPACES = 500
# Half the widest culvert or tunnel.
_WIDEST_M = 4.0
_NOT_THERE = ("planned", "removed")
_HOLLOW = ("conduit", "duct_block", "trench", "passage", "tunnel", "civil_defence")
_ROOFED = ("building", "tunnel")
_TUNNELS = ("utility_tunnel",)
_TEXTS = {
    "leak-height-unknown": (
        "The height of the leak is unknown: all distances are in plan, the true ones may be longer.",
        "泄漏点高程不明：距离均为平面距离，实际距离可能更大。",
    ),
    "space-height-unknown": (
        "The height of {count} of the spaces is unknown: their distance is in plan, the true one may be longer.",
        "有 {count} 处空间高程不明：其距离为平面距离，实际距离可能更大。",
    ),
    "owner-unknown": (
        "The owner of {count} of the spaces is not on the map.",
        "有 {count} 处空间图上未记录权属单位。",
    ),
}


def ask_leak(connection: Connection, network: Network, start: Start, radius_m: float = DEFAULT_RADIUS_M) -> LeakAnswer:
    """Enclosed spaces within `radius_m` (metres) of a leak on a pipe, a node or at the point of a pipe nearest a place.

    Places look for gas unless the start names classes. The connection must see the map at the network's version or
    later. Raises UsageError for a node on no pipe or a radius beyond 200 m, and what `starts.located` does.
    """
    if not 0 < radius_m <= GREATEST_RADIUS_M:
        raise UsageError(f"The radius lies between 0 and {GREATEST_RADIUS_M:g} m, not {radius_m:g} m.")
    found = located(connection, network, start, ("gas",))
    own = _own_classes(network, found)
    rows = _rows(connection, network, found, start, own, radius_m)
    spaces = [EnclosedSpace.model_validate({key: row[key] for key in EnclosedSpace.model_fields}) for row in rows]
    segment_ids = [one.feature_id for one in spaces if one.feature_kind == "pipe_segment"]
    segments = np.searchsorted(network.segments.id, np.array(segment_ids, np.int64))
    found_in_all = int(str(rows[0]["found"])) if rows else 0
    return LeakAnswer(
        version=network.version,
        question="leak",
        class_codes=own,
        start=found.told(network),
        segment_ids=segment_ids,
        node_ids=[one.feature_id for one in spaces if one.feature_kind == "node"],
        length_m=round(float(network.segments.length_m[segments].sum()), 3),
        stopped_at=[],
        stop_counts={},
        assumptions=[*found.doubts(), *_assumptions(network, found, spaces)],
        radius_m=radius_m,
        spaces=spaces,
        spaces_left_out=found_in_all - len(rows),
        owners=dict(Counter(one.owner or "" for one in spaces).most_common()),
    )


def drawn_roles(answer: LeakAnswer) -> dict[str, dict[int, str]]:
    """What to draw of an answer: by kind of feature, its identity and what it is."""
    roles: dict[str, dict[int, str]] = {"pipe_segment": dict.fromkeys(answer.start.segment_ids, "leak")}
    for one in answer.spaces:
        roles.setdefault(one.feature_kind, {})[one.feature_id] = one.kind
    return roles


def _own_classes(network: Network, found: Located) -> list[str]:
    """All classes of the groups that leak."""
    beside = adjacency_of(network).at(found.nodes)
    lonely = found.nodes[adjacency_of(network).counts(found.nodes) == 0]
    if len(lonely):
        raise UsageError(f"Node {network.nodes.id[lonely[0]]} is on no pipe, so nothing leaks there.")
    leaking: Ints = np.concatenate([found.segments, beside])
    groups = set(class_groups()[network.segments.class_[leaking]].tolist())
    return [code for code, entry in code_table("utility_class").items() if entry.fields["group_code"] in groups]


def _rows(
    connection: Connection, network: Network, found: Located, start: Start, own: list[str], radius_m: float
) -> list[dict[str, object]]:
    version = None if network.version == current_version(connection) else network.version
    tables = {kind: relation(kind, version) for kind in ("node", "pipe_segment", "structure")}
    query = SQL(queries("leaks")["spaces"]).format(
        leak=_leak(found, tables["pipe_segment"]),
        nodes=tables["node"],
        segments=tables["pipe_segment"],
        structures=tables["structure"],
    )
    params = {
        **_leak_params(network, found, start),
        "own_classes": own,
        "not_there": list(_NOT_THERE),
        "enclosed": sorted(codes_where("appurtenance", "is_enclosed", "1")),
        "tunnels": list(_TUNNELS),
        "sewers": sorted(codes_where("utility_class", "flow", "gravity")),
        "cables": sorted(codes_where("utility_class", "flow", "cable")),
        "hollow": list(_HOLLOW),
        "roofed": list(_ROOFED),
        "radius_m": radius_m,
        "widest_m": _WIDEST_M,
        "limit": _MOST_SPACES,
    }
    return fetch_all(connection, query, params)


def _leak(found: Located, segments: Composable) -> Composable:
    """The geometries that leak: whole axes, points of axes nearest to places, ends of axes at nodes."""
    clicked = {one.segment_id for one in found.clicked}
    parts = {
        "burst_whole": len(found.segments) > len(clicked),
        "burst_clicked": bool(found.clicked),
        "burst_at_nodes": bool(len(found.nodes)),
    }
    wanted = [SQL(queries("network")[name]).format(segments=segments) for name, is_wanted in parts.items() if is_wanted]
    return SQL(" UNION ALL ").join(wanted)


def _leak_params(network: Network, found: Located, start: Start) -> Mapping[str, object]:
    clicked = [one.segment_id for one in found.clicked]
    return {
        "whole_ids": [one for one in network.segments.id[found.segments].tolist() if one not in clicked],
        "clicked_ids": clicked,
        "x": [x_m for x_m, _, _ in start.places],
        "y": [y_m for _, y_m, _ in start.places],
        "node_ids": network.nodes.id[found.nodes].tolist(),
    }


def _assumptions(network: Network, found: Located, spaces: list[EnclosedSpace]) -> Iterator[Assumption]:
    beside = np.concatenate([found.segments, adjacency_of(network).at(found.nodes)])
    flat = beside[np.isnan(network.segments.z_m[beside])]
    if len(flat):
        yield _assumption("leak-height-unknown", len(flat), network.segments.id[flat].tolist())
    unknown = [one for one in spaces if not one.is_height_known]
    if unknown and len(flat) < len(beside):
        yield _assumption("space-height-unknown", len(unknown), _ids(unknown, "pipe_segment"), _ids(unknown, "node"))
    nobodys = [one for one in spaces if one.owner is None and one.feature_kind != "structure"]
    if nobodys:
        yield _assumption("owner-unknown", len(nobodys), _ids(nobodys, "pipe_segment"), _ids(nobodys, "node"))


def _ids(spaces: list[EnclosedSpace], kind: str) -> list[int]:
    return [one.feature_id for one in spaces if one.feature_kind == kind]


def _assumption(code: str, count: int, segment_ids: list[int], node_ids: list[int] | None = None) -> Assumption:
    english, chinese = _TEXTS[code]
    return Assumption(
        code=code,
        message_en=english.format(count=count),
        message_zh=chinese.format(count=count),
        count=count,
        segment_ids=segment_ids,
        node_ids=node_ids or [],
    )
