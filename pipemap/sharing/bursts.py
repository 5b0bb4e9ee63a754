"""Bursts for other agencies: worked out on the whole network, told as far as the agreement shows it.

A valve that the agreement hides parts the water all the same, so a trace of the shown pipes alone would send people to
the wrong valves. The trace therefore runs on the whole network of the version that is read, and of its answer only
what the agreement's views show is told: segments and nodes that are shown, valves and hydrants where
`appurtenance_code` is granted, closed valves where `valve_state_code` is. Lengths, distances and orders are worked out
anew from what is shown; consumers, which no agreement grants, are left out. What else is cut off is neither listed nor
counted: the answer says only that there is more, and whom the agreement says to call. That a shown pipe is out of
service, which the trace refuses, is told whoever asks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from pipemap.crs import Bounds
from pipemap.db import Connection, Database, fetch_all, fetch_one
from pipemap.errors import UsageError
from pipemap.network import Ints, Network, positions_of
from pipemap.network.watching import LiveNetwork
from pipemap.projects import read_project
from pipemap.sharing.asking import Question, Told, as_ourselves, ask
from pipemap.sharing.granted import Place, want
from pipemap.sql import queries
from pipemap.tracing.asking import BurstQuestion, ask_burst
from pipemap.tracing.dependants import hydrant_nodes
from pipemap.tracing.hydrants import fed_hydrants
from pipemap.tracing.places import CLICK_RADIUS_M, nearest_segment
from pipemap.tracing.sites import site_of
from pipemap.tracing.surroundings import Place as Clicked
from pipemap.versions import GrantedVersion
from schemas.isolation import BurstAnswer
from schemas.shared_answers import AgencyBurst, ShownHydrant, ShownValve

HYDRANTS_WITHIN_M = 1_000.0
_MOST_HYDRANTS = 5
# Farther than any class of precision moves a place.
_DISPLACED_M = 100.0


@dataclass(frozen=True)
class BurstReport:
    """What has burst: shown segments by identity, or a place (x, y, z or None) for the nearest one that is shown.

    `class_codes` say which pipes a place may mean, `told` are the words of the question for the record.
    """

    segment_ids: Sequence[int] = ()
    place: Clicked | None = None
    class_codes: Sequence[str] = ("water",)
    version: int | datetime | None = None
    told: Mapping[str, Any] = field(default_factory=dict)


def ask_agency_burst(
    database: Database, networks: LiveNetwork, key_sha256: str, report: BurstReport, timeout_s: int = 30
) -> bytes:
    """The answer (an AgencyBurst) as JSON, as `asking.ask` gives it.

    Raises UsageError unless either segments or a place are named, and what `asking.ask` and `tracing.ask_burst` raise.
    """
    if bool(report.segment_ids) == (report.place is not None):
        raise UsageError("Say what has burst: segments, or a place.")
    question = Question(
        "burst",
        None if report.place is None else shapely.Point(report.place[:2]),
        segment_ids=report.segment_ids,
        reach_m=CLICK_RADIUS_M,
        version=report.version,
        told=report.told,
    )

    def put(connection: Connection, shown: GrantedVersion) -> Told:
        segment_ids, away_m = list(report.segment_ids), None
        if report.place is not None:
            taken = nearest_segment(connection, *report.place, report.class_codes, shown)
            segment_ids, away_m = [taken.segment_id], taken.distance_m
        with as_ourselves(connection):
            network = networks.at(connection, int(shown))
            found = ask_burst(connection, network, BurstQuestion(segment_ids=segment_ids, radius_m=0))
        return _Shown(connection, network, found, segment_ids).told(away_m)

    return ask(database, key_sha256, question, put, timeout_s)


class _Shown:
    """What the agreement's views show of an answer."""

    def __init__(self, connection: Connection, network: Network, found: BurstAnswer, segment_ids: list[int]) -> None:
        self._connection, self._network, self._found, self._burst_ids = connection, network, found, segment_ids
        self._named = {
            *segment_ids,
            *found.isolated_segment_ids,
            *found.dry_segment_ids,
            *found.already_dry_segment_ids,
        }
        # The views look around what is cut off alone: by so many identities they would look through the whole area.
        want(connection, Place(_box_around(network, sorted(self._named))), read_project(connection).srid)
        rows = fetch_all(connection, queries("asked")["pipes"], {"feature_ids": list(self._named)})
        self._length_m = {row["feature_id"]: row["length_m"] for row in rows}
        self._axes = {row["feature_id"]: shapely.from_wkb(row["axis"]) for row in rows}
        self._burst = shapely.union_all([self._axes[one] for one in segment_ids])

    def told(self, away_m: float | None) -> Told:
        """The answer, and the box around the pipes it tells of."""
        found = self._found
        valves = self._valves([one.node_id for one in found.valves_to_close])
        isolated, dry = self._kept(found.isolated_segment_ids), self._kept(found.dry_segment_ids)
        lost = [one.node_id for one in found.hydrants_lost]
        answer = AgencyBurst(
            segment_ids=self._burst_ids,
            distance_m=away_m,
            valves_to_close=valves,
            closed_valves_relied_on=self._valves(
                [one.node_id for one in found.closed_valves_relied_on], of_known_state=True
            ),
            isolated_segment_ids=isolated,
            dry_segment_ids=dry,
            already_dry_segment_ids=self._kept(found.already_dry_segment_ids),
            isolated_length_m=sum(self._length_m[one] for one in isolated),
            dry_length_m=sum(self._length_m[one] for one in dry),
            hydrants_lost=self._hydrants(lost),
            hydrants_to_use=self._hydrants(self._fed_near(lost), HYDRANTS_WITHIN_M, _MOST_HYDRANTS),
            **self._beyond(valves),
        )
        return Told(answer, shapely.total_bounds(list(self._axes.values())).tolist())

    def _kept(self, segment_ids: Sequence[int]) -> list[int]:
        return [one for one in segment_ids if one in self._axes]

    def _valves(self, node_ids: Sequence[int], of_known_state: bool = False) -> list[ShownValve]:
        values = {"feature_ids": list(node_ids), "burst": shapely.to_wkb(self._burst), "of_known_state": of_known_state}
        rows = fetch_all(self._connection, queries("asked")["valves"], values)
        return [ShownValve(order=order, **row) for order, row in enumerate(rows, 1)]

    def _hydrants(
        self, node_ids: Sequence[int], within_m: float | None = None, most: int | None = None
    ) -> list[ShownHydrant]:
        values = {"feature_ids": list(node_ids), "burst": shapely.to_wkb(self._burst)}
        rows = fetch_all(self._connection, queries("asked")["hydrants"], {**values, "within_m": within_m, "most": most})
        return [ShownHydrant(**row) for row in rows]

    def _fed_near(self, lost: Sequence[int]) -> list[int]:
        """Hydrants that still have water, all that may be shown within reach."""
        network, place = self._network, shapely.centroid(self._burst)
        fed: Ints = hydrant_nodes(network)[fed_hydrants(network, site_of(network, self._burst_ids).zones).hydrants]
        away_m = np.hypot(network.nodes.x_m[fed] - place.x, network.nodes.y_m[fed] - place.y)
        near = network.nodes.id[fed[away_m <= HYDRANTS_WITHIN_M + _DISPLACED_M + _across_m(self._burst)]]
        kept: list[int] = np.setdiff1d(near, lost).tolist()
        return kept

    def _beyond(self, valves: Sequence[ShownValve]) -> dict[str, Any]:
        """That more is cut off, or has to be closed, than is shown; in words."""
        found = self._found
        has_all = self._named == self._axes.keys() and len(valves) == len(found.valves_to_close)
        if has_all and not found.sources_to_shut:
            return {"goes_on": False}
        row = fetch_one(self._connection, queries("sharing")["granted"])
        telephone = row and row["sites_telephone"]
        return {
            "goes_on": True,
            "message_en": "More is cut off, or has to be closed, than this agreement shows: call "
            f"{telephone or 'the owner of the pipe'} before relying on this list.",
            "message_zh": "受影响的管线或须关闭的阀门超出本协议所示范围，"
            f"使用本清单前请联系{telephone or '权属单位'}。",
        }


def _box_around(network: Network, segment_ids: Sequence[int]) -> Bounds:
    """Where segments may be shown, and the hydrants near them."""
    segments = network.segments
    at = positions_of(segments.id, np.array(segment_ids, np.int64), "segment")
    reach_m = float(segments.length_m[at].max()) + HYDRANTS_WITHIN_M + _DISPLACED_M
    x_m, y_m = segments.x_m[at], segments.y_m[at]
    low, high = (np.nanmin([x_m, y_m], axis=1), np.nanmax([x_m, y_m], axis=1))
    return float(low[0]) - reach_m, float(low[1]) - reach_m, float(high[0]) + reach_m, float(high[1]) + reach_m


def _across_m(burst: BaseGeometry) -> float:
    low_x, low_y, high_x, high_y = burst.bounds
    return float(np.hypot(high_x - low_x, high_y - low_y))
