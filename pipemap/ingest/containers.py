"""Lines that lie inside others: the ducts and tunnels that a delivery names by their keys."""

from typing import Any

from psycopg.sql import Identifier

from pipemap.copy_in import copy_frames
from pipemap.db import fetch_all
from pipemap.ingest.draft import CONTAINED, Draft
from pipemap.sql import queries
from pipemap.statements import compose
from schemas.findings import Finding, Severity


def link_containers(draft: Draft, is_first: bool) -> None:
    """Give drafted segments the containers that the delivery names for them.

    A key is one of the delivery, else of the map in the same dataset, else of the one other dataset that holds it.
    Where none does, a finding says so and the map's container stands. In a delivery that names containers, a segment
    without one lies in none. `is_first` tells that the map holds nothing of the dataset yet.
    """
    _run(draft, "stage")
    copy_frames(draft.connection, Identifier("contained"), draft.contained, CONTAINED)
    draft.connection.execute("ANALYZE contained")
    for name in ("resolve_in_delivery", "resolve_on_map", "resolve_elsewhere"):
        _run(draft, name)
    if not is_first:
        _run(draft, "add_changed")
        _run(draft, "clear")
    _run(draft, "set")
    unresolved = fetch_all(draft.connection, queries("containers")["unresolved"])
    draft.findings += [_no_container(row, draft.place(row)) for row in unresolved]


def _run(draft: Draft, name: str) -> None:
    values = None if name == "stage" else draft.identities
    draft.connection.execute(compose(queries("containers")[name], "pipe_segment"), values)


def _no_container(row: dict[str, Any], place: dict[str, Any]) -> Finding:
    key, container = row["source_key"], row["container_key"]
    return Finding(
        rule="IMP-CONTAINER",
        severity=Severity.WARNING,
        message_en=f"{key} is said to lie in {container}, which is no other line of this delivery and not just one of "
        "the map.",
        message_zh=f"{key} 所在管线 {container} 在本成果中不存在，在地图中也不存在或不唯一。",
        feature_kind="pipe_segment",
        feature_key=key,
        column="container_key",
        value=container,
        **place,
    )
