"""Conflicts within a window, judged anew: of what an agreement shows of a version there is no stored run."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import shapely

from pipemap.clearance.city import City, Structures
from pipemap.clearance.numbers import WIDEST_NEIGHBOUR_M
from pipemap.clearance.rules import widest_of_all
from pipemap.clearance.site import Segment, Site, Structure, as_pipes
from pipemap.clearance.stored import conflict_of, plain_row
from pipemap.clearance.tiles import changeset_tile, judge_tile
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.ground.along import Shallowest, shallowest
from pipemap.ground.surveyed import SurveyedGround
from pipemap.pages import Version
from pipemap.versions import Box
from schemas.clearance import Conflict, ConflictKind, ConflictsWithin, FoundCount

MOST_KM2 = 4.0
# Shortfalls that differ by less are listed as equal.
_DECIMALS = 6
# By what a conflict is known again at another version: its kind and both sides.
Pair: TypeAlias = tuple[str, int, int | None]


def pairs_within(connection: Connection, bbox: Box, version: Version = None) -> frozenset[Pair]:
    """The conflicts of what reaches a window of the project CRS, as `conflicts_within` leaves them out.

    Wherever along them: what is midway in the window today may have been so outside of it.
    """
    *_, found = _found_around(connection, bbox, version)
    return frozenset(map(_pair, _in_order(found, (), certain=False)))


def conflicts_within(
    connection: Connection,
    bbox: Box,
    version: Version = None,
    *,
    kinds: Sequence[str] = (),
    certain: bool = False,
    known: Collection[Pair] = (),
    limit: int = 1000,
    offset: int = 0,
) -> ConflictsWithin:
    """What a city-wide run would find midway in a window of the project CRS, the certain and worst first, with counts.

    `certain` leaves out what is within the survey accuracy or to be confirmed, `known` what is known already.
    UsageError for a window of more than 4 km2.
    """
    site, segments, structures, found = _found_around(connection, bbox, version)
    west, south, east, north = bbox
    found = [row for row in found if west <= row["x_m"] <= east and south <= row["y_m"] <= north]
    news = [row for row in _in_order(found, kinds, certain) if _pair(row) not in known]
    page = news[offset : offset + limit]
    return ConflictsWithin(
        version=site.version,
        bbox=(bbox[0], bbox[1], bbox[2], bbox[3]),
        limits_digest=site.limits.digest,
        ground_models=site.terrain.used,
        counts=_counts(found),
        conflicts=_told(page, segments, structures),
    )


def _found_around(
    connection: Connection, bbox: Box, version: Version
) -> tuple[Site, list[Segment], list[Structure], list[dict[str, Any]]]:
    _check_size(bbox)
    site, window = Site(connection, version), shapely.box(*bbox)
    reach_m = widest_of_all(site.limits) + 2 * WIDEST_NEIGHBOUR_M
    segments = [found for found in site.around_and_joined(window, reach_m) if found.is_live]
    structures = list(site.structures(window, reach_m))
    return site, segments, structures, _judged(site, segments, structures)


def _pair(row: Mapping[str, Any]) -> Pair:
    return row["kind"], row["segment_id"], row["other_id"]


def _check_size(bbox: Box) -> None:
    km2 = (bbox[2] - bbox[0]) * (bbox[3] - bbox[1]) / 1e6
    if not km2 <= MOST_KM2:
        raise UsageError(
            f"At most {MOST_KM2:g} km² are judged at once; this window has {km2:.1f} km². Ask for parts of it.",
            message_zh=f"一次最多判定 {MOST_KM2:g} km²，所给范围为 {km2:.1f} km²，请分块查询。",
        )


def _judged(site: Site, segments: Sequence[Segment], structures: Sequence[Structure]) -> list[dict[str, Any]]:
    """Rows as a run stores them."""
    if not segments:
        return []
    found = judge_tile(changeset_tile(_city(site, segments, structures)))
    return [plain_row(row) for row in found.to_dict("records")]


def _city(site: Site, segments: Sequence[Segment], structures: Sequence[Structure]) -> City:
    """The segments as a city that asks of all of them."""
    columns = zip(*(each.surveyed_ends for each in segments), strict=True)
    ends = SurveyedGround(*(np.concatenate(column) for column in columns))
    return City(
        pipes=as_pipes(list(segments)),
        horizontal_accuracy_m=np.array([each.horizontal_accuracy_m for each in segments]),
        vertical_accuracy_m=np.array([each.vertical_accuracy_m for each in segments]),
        is_inferred=np.array([each.is_inferred for each in segments], dtype=np.bool_),
        ground_m=ends.ground_m,
        is_changed=np.ones(len(segments), dtype=np.bool_),
        structures=_outlines(structures),
        limits=site.limits,
        shallowest=_over_models(site, segments, ends),
    )


def _outlines(structures: Sequence[Structure]) -> Structures:
    kinds = [each.row["kind_code"] for each in structures]
    return Structures(
        np.array([each.feature_id for each in structures], dtype=np.int64),
        np.array(kinds, dtype=object),
        np.array([each.outline for each in structures], dtype=object),
        {kind: each.party for kind, each in zip(kinds, structures, strict=True)},
    )


def _over_models(site: Site, segments: Sequence[Segment], ends: SurveyedGround) -> Shallowest | None:
    if not site.terrain.models:
        return None
    counts = [len(each.axis) for each in segments]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return shallowest(first, np.concatenate([each.axis for each in segments]), ends, site.terrain)


def _in_order(found: Sequence[dict[str, Any]], kinds: Sequence[str], certain: bool) -> list[dict[str, Any]]:
    """The conflicts asked for, in the order in which stored ones are told."""
    asked = [row for row in found if row["state"] == "conflict" and (not kinds or row["kind"] in kinds)]
    return sorted((row for row in asked if not certain or _is_certain(row)), key=_place_in_order)


def _place_in_order(row: dict[str, Any]) -> tuple[Any, ...]:
    shortfall_m = round(row["limit_m"] - row["measured_m"], _DECIMALS)
    return not _is_certain(row), -shortfall_m, row["segment_id"], row["other_id"] or 0, row["x_m"], row["y_m"]


def _is_certain(row: dict[str, Any]) -> bool:
    return not (row["within_accuracy"] or row["to_be_confirmed"])


def _counts(found: Sequence[dict[str, Any]]) -> tuple[FoundCount, ...]:
    number = Counter((row["kind"], row["state"]) for row in found)
    certain = Counter(row["kind"] for row in found if row["state"] == "conflict" and _is_certain(row))
    return tuple(
        FoundCount(
            kind=ConflictKind(kind), state=state, count=count, certain=certain[kind] if state == "conflict" else 0
        )
        for (kind, state), count in sorted(number.items())
    )


def _told(
    rows: Sequence[dict[str, Any]], segments: Sequence[Segment], structures: Sequence[Structure]
) -> tuple[Conflict, ...]:
    pipes = {each.feature_id: each for each in segments}
    outlines = {each.feature_id: each for each in structures}
    return tuple(conflict_of(row, pipes, outlines) for row in rows)
