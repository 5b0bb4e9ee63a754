"""Loads what the touched networks go on to beyond the neighbourhood: all of it, or as far as it matters.

A whole city's networks are read whole. A small change on a large map is followed link by link from what
it touches, up to a limit: what goes on from there was connected, or told of, when it came. Only a
change that takes a line away between two halves that both go on needs the whole network to be judged.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from psycopg.sql import SQL
from sqlalchemy.dialects.postgresql import BIGINT, TEXT

from pipemap.checks.columns import Ints
from pipemap.checks.links import Farther
from pipemap.checks.reading import ColumnReader
from pipemap.checks.scope import Scope
from pipemap.copy_out import copy_blocks
from pipemap.db import Connection, fetch_one
from pipemap.sql import queries
from schemas.codetables import code_table, codes_where

MOST_LINKS = 20_000
_ENDS = {"from_node_id": BIGINT(), "to_node_id": BIGINT()}
_LINK = {**_ENDS, "class_code": TEXT(), "lifecycle_code": TEXT()}
_STATION = {"feature_id": BIGINT(), "appurtenance_code": TEXT()}
_ROLES = ("source", "outfall")
# A larger change is followed farther.
_SHARE = 4


class FartherReader:
    """The networks around one changeset; `most_links` bounds how far they are followed."""

    def __init__(self, connection: Connection, changeset_id: int, most_links: int = MOST_LINKS) -> None:
        self._connection = connection
        self._wanted = {"changeset_id": changeset_id}
        self._most_links = most_links
        self._left = self._columns("left_links", _ENDS)

    @property
    def left_node_ids(self) -> Ints:
        """Nodes of lines that the changeset takes away or changes."""
        return np.concatenate([self._left["from_node_id"], self._left["to_node_id"]])

    def complete(self, scope: Scope) -> Scope:
        """The scope with what lies beyond it, once its features are loaded and listed in `check_near`."""
        touched = int(scope.segments.values("touched").sum())
        wanted = {"classes": _classes_to_follow(scope), "most": self._most_links + _SHARE * touched}
        if self._is_small(wanted):
            return replace(scope, farther=self._whole(wanted))
        followed = replace(scope, farther=self._followed(scope, wanted))
        return replace(scope, farther=self._whole(wanted)) if self._is_undecided(followed) else followed

    def _is_small(self, wanted: Mapping[str, Any]) -> bool:
        found = fetch_one(self._connection, queries("checks")["count_links"], dict(wanted))
        return found is not None and found["count"] < wanted["most"]

    def _whole(self, wanted: Mapping[str, Any]) -> Farther:
        links = self._columns("farther_links", _LINK, wanted)
        return _farther(links, self._columns("farther_stations", _STATION, wanted))

    def _followed(self, scope: Scope, wanted: Mapping[str, Any]) -> Farther:
        self._connection.execute(queries("checks")["create_reached"], {**self._wanted, **wanted})
        self._connection.execute("ANALYZE check_reached")
        reached = self._columns("reached", {"node_id": BIGINT()})["node_id"]
        farther = _farther(self._columns("reached_links", _LINK, wanted), self._columns("reached_stations", _STATION))
        unseen = len(reached) == wanted["most"]
        return replace(farther, reached_node_ids=reached if unseen else None, stations_elsewhere=self._stations(scope))

    def _stations(self, scope: Scope) -> frozenset[tuple[str, str]]:
        """Groups of touched classes and roles of which something stands anywhere on the map."""
        groups: dict[str, list[str]] = {}
        for code in code_table("utility_class").values():
            groups.setdefault(code.fields["group_code"], []).append(code.code)
        touched = set(scope.segments.words("class_code")[scope.segments.values("touched")].texts())
        pairs = [(group, role) for group, classes in groups.items() if touched & set(classes) for role in _ROLES]
        return frozenset((group, role) for group, role in pairs if self._stands(groups[group], role))

    def _stands(self, classes: list[str], role: str) -> bool:
        wanted = {"classes": classes, "codes": list(codes_where("appurtenance", "role", role))}
        found = fetch_one(self._connection, queries("checks")["station_exists"], wanted)
        return found is not None and bool(found["is_there"])

    def _is_undecided(self, scope: Scope) -> bool:
        """Whether a line was taken away between two pieces that both go on unseen."""
        links = scope.links
        graph = links.graph(_classes_to_follow(scope))
        goes_on = graph.holds(links.open_vertex)
        ends = np.column_stack([links.vertex.get_indexer(self._left[name]) for name in _ENDS])
        one, other = graph.piece[ends[(ends >= 0).all(axis=1)]].T
        return bool((goes_on[one] & goes_on[other] & (one != other)).any())

    def _columns(self, name: str, types: Mapping[str, Any], wanted: Mapping[str, Any] | None = None) -> dict[str, Any]:
        reader = ColumnReader(types)
        parameters = {**self._wanted, **(wanted or {})}
        reader.add(copy_blocks(self._connection, SQL(queries("checks")[name]), len(types), parameters))
        return reader.columns()


def _farther(links: Mapping[str, Any], stations: Mapping[str, Any]) -> Farther:
    return Farther(
        links["from_node_id"],
        links["to_node_id"],
        links["class_code"],
        links["lifecycle_code"],
        stations["feature_id"],
        stations["appurtenance_code"],
    )


def _classes_to_follow(scope: Scope) -> list[str]:
    """The classes that share a network with one that is loaded: all of its group."""
    loaded = {word for kind in ("node", "pipe_segment") for word in scope.classes(kind).known_words}
    classes = code_table("utility_class")
    groups = {classes[code].fields["group_code"] for code in loaded if code in classes}
    return sorted(loaded | {code.code for code in classes.values() if code.fields["group_code"] in groups})
