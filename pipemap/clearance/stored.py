"""Answers from rows of numbers: what the city-wide run of a version found, and what a changeset would be too near."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from psycopg.rows import DictRow
from psycopg.sql import SQL, Literal

from pipemap.clearance.answer import Pair, cannot_tell, conflict, needs_of
from pipemap.clearance.city import City, load_changeset
from pipemap.clearance.edition import engine_digest
from pipemap.clearance.ground import over_models
from pipemap.clearance.numbers import WIDEST_NEIGHBOUR_M, known
from pipemap.clearance.places import in_places, nodes_of
from pipemap.clearance.questions import with_move
from pipemap.clearance.rules import Limit, cover_limit, strictest, widest_of_all
from pipemap.clearance.site import Segment, Site, Structure
from pipemap.clearance.tables import LimitTables, limits_in_force, limits_of_sets
from pipemap.clearance.tiles import changeset_tile, judge_tile
from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import ConflictError, NotFoundError
from pipemap.ground.storing import digest_of, ground_models
from pipemap.pages import Version
from pipemap.sql import queries
from pipemap.statements import table
from pipemap.versions import Box, current_version, resolve_version
from schemas.clearance import CannotTell, ClearanceAnswer, Conflict, ConflictKind, FoundCount, Slant, StoredRun

# What two runs must have been judged by alike to be compared: column, what it is and what it is of, in Chinese.
_JUDGED_BY = (
    ("rules", "limits", "limits", "限值"),
    ("ground", "ground models", "ground", "地面模型"),
    ("engine", "editions of pipemap", "edition", "软件版本"),
)
_ORDER = {kind.value: place for place, kind in enumerate(ConflictKind)}


def stored_run(connection: Connection, version: Version = None) -> StoredRun:
    """What the city-wide run of a version (the newest when None) counted; NotFoundError when it was not run."""
    run = _run_of(connection, version)
    counts = fetch_all(connection, queries("clearance")["counts_of"], {"run_id": run["run_id"]})
    places = run["places"] or {}
    now = _judging_now(connection)
    outdated = _outdated(run, now)
    return StoredRun(
        version=run["version"],
        segments=run["segments"],
        finished_at=run["finished_at"],
        limits_digest=run["rules"],
        limit_set_ids=run["limit_set_ids"],
        by_limits_in_force=run["rules"] == now["rules"],
        ground_digest=run["ground"],
        ground_models=run["ground_models"],
        by_ground_loaded=run["ground"] == now["ground"],
        engine_digest=run["engine"],
        by_this_engine=run["engine"] == now["engine"],
        outdated_en=outdated and outdated[0],
        outdated_zh=outdated and outdated[1],
        sizes_taken_as_outer=run["sizes_taken_as_outer"],
        counts=tuple(FoundCount(**row, **_places(row, places)) for row in counts),
    )


def why_outdated(connection: Connection, version: Version = None) -> tuple[str, str] | None:
    """Why the run of a version should be taken again, in English and Chinese; None where nothing has changed since."""
    return _outdated(_run_of(connection, version), _judging_now(connection))


def _places(row: Mapping[str, Any], places: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """How many places the conflicts of a kind are of; nothing for what is no conflict."""
    if row["state"] != "conflict" or row["kind"] not in places:
        return {}
    return dict(zip(("places", "certain_places"), places[row["kind"]], strict=True))


def _judging_now(connection: Connection) -> dict[str, str]:
    """What a run would be judged by now."""
    return {
        "rules": limits_in_force(connection).digest,
        "ground": digest_of(ground_models(connection)),
        "engine": engine_digest(),
    }


def _outdated(run: DictRow, now: Mapping[str, str]) -> tuple[str, str] | None:
    changed = [words for column, *words in _JUDGED_BY if run[column] != now[column]]
    if not changed:
        return None
    version = run["version"]
    english, chinese = " and ".join(by[0] for by in changed), "、".join(by[2] for by in changed)
    return (
        f"Out of date: version {version} was judged by other {english} than there are now; "
        f"run `pipemap clearance --city --version {version}` again.",
        f"已过期：第 {version} 版判定所用的{chinese}与现行不同，"
        f"请重新运行 pipemap clearance --city --version {version}。",
    )


def stored_conflicts(
    connection: Connection,
    version: Version = None,
    *,
    since: Version = None,
    kinds: Sequence[str] = (),
    certain: bool = False,
    bbox: Box | None = None,
    limit: int = 1000,
    offset: int = 0,
) -> list[Conflict]:
    """Conflicts that the run of a version found, the certain and worst first; `since` keeps those an older run had not.

    `certain` leaves out what is within the survey accuracy or to be confirmed; `bbox` is in the project CRS.
    NotFoundError when either version was not run, ConflictError when the two were judged by different limits or ground
    models.
    """
    run = _run_of(connection, version)
    west, south, east, north = bbox or (None, None, None, None)
    wanted = {
        "run_id": run["run_id"],
        "since_run_id": None if since is None else _older_run(connection, since, run)["run_id"],
        "state": "conflict", "kinds": list(kinds) or None, "certain": certain, "limit": limit, "offset": offset,
        "min_x": west, "min_y": south, "max_x": east, "max_y": north,
    }  # fmt: skip
    rows = fetch_all(connection, queries("clearance")["found"], wanted)
    return _told(_site_of(connection, run), rows)


def stored_conflict(
    connection: Connection, segment_id: int, other_id: int | None = None, version: Version = None
) -> Conflict:
    """One conflict that the run of a version found, with a move that clears it and makes no new one.

    `other_id` is the pipe or structure on the other side, None for the cover of the segment. NotFoundError when the
    version was not run or has no such conflict, ConflictError when the ground it was judged by is no longer loaded.
    """
    run = _run_of(connection, version)
    wanted = {"run_id": run["run_id"], "segment_id": segment_id, "other_id": other_id}
    row = fetch_one(connection, queries("clearance")["found_pair"], wanted)
    if row is None:
        pair = f"{segment_id} and its ground" if other_id is None else f"{segment_id} and {other_id}"
        raise NotFoundError(f"No conflict between {pair} is known in version {run['version']}.")
    site = _site_of(connection, run)
    _require_ground(site, run)
    return with_move(site, _told(site, [row])[0])


def changeset_clearance(connection: Connection, changeset_id: int) -> ClearanceAnswer:
    """What a changeset brings against the live map and itself: only what it touches is judged.

    Raises NotFoundError when there is no such changeset.
    """
    if fetch_one(connection, queries("clearance")["changeset"], {"changeset_id": changeset_id}) is None:
        raise NotFoundError(f"There is no changeset {changeset_id}.")
    limits = limits_in_force(connection)
    of_pipes_m, of_structures_m = (widest_of_all(limits, only) + 2 * WIDEST_NEIGHBOUR_M for only in (True, False))
    city = load_changeset(connection, changeset_id, of_pipes_m, of_structures_m, limits)
    found = judge_tile(changeset_tile(city)) if city.is_changed.any() else pd.DataFrame({"state": []})
    rows = [plain_row(row) for row in found.to_dict("records")]
    live = Site(connection, None, limits)
    segments = _segments_with_proposed(live, changeset_id, rows)
    structures = live.structures_by_id(_ids(rows, "other_id", "structure"))
    by_state = {state: [row for row in rows if row["state"] == state] for state in ("conflict", "cannot_tell", "slant")}
    conflicts = [conflict_of(row, segments, structures) for row in by_state["conflict"]]
    conflicts.sort(key=lambda each: (_ORDER[each.kind], -each.shortfall_m))
    return ClearanceAnswer(
        version=current_version(connection),
        conflicts=tuple(in_places(conflicts, nodes_of(segments.values()))),
        cannot_tell=tuple(_untold(live, row, segments, structures) for row in by_state["cannot_tell"]),
        slants=tuple(_slant(row, segments) for row in by_state["slant"]),
        checked_pairs=_compared(city),
        sizes_taken_as_outer=city.sizes_taken_as_outer,
        ground_models=city.models_used,
    )


def _site_of(connection: Connection, run: DictRow) -> Site:
    newest = run["version"] == current_version(connection)
    return Site(connection, None if newest else run["version"], _limits_of(connection, run), run["ground_models"])


def _told(site: Site, rows: Sequence[Mapping[str, Any]]) -> list[Conflict]:
    segments = site.segments_by_id(_ids(rows, "segment_id", None) | _ids(rows, "other_id", "pipe_segment"))
    structures = site.structures_by_id(_ids(rows, "other_id", "structure"))
    return in_places([conflict_of(row, segments, structures) for row in rows], nodes_of(segments.values()))


def _compared(city: City) -> int:
    return int((~city.is_changed).sum()) + len(city.structures.feature_id)


def _run_of(connection: Connection, version: Version) -> DictRow:
    resolved = resolve_version(connection, version)
    number = current_version(connection) if resolved is None else resolved
    run = fetch_one(connection, queries("clearance")["run_of"], {"version": number})
    if run is None:
        raise NotFoundError(f"Version {number} was not judged as a whole yet: `pipemap clearance --city` does it.")
    return run


def _older_run(connection: Connection, since: Version, run: DictRow) -> DictRow:
    """The run of the version since which news are asked for."""
    older = _run_of(connection, since)
    for column, by_en, of_en, by_zh in _JUDGED_BY:
        if older[column] != run[column]:
            raise ConflictError(
                f"Versions {older['version']} and {run['version']} were judged by different {by_en}, so their "
                f"difference would tell of the {of_en}: run `pipemap clearance --city --version {older['version']}` "
                "again, then ask.",
                message_zh=f"第 {older['version']} 版与第 {run['version']} 版按不同{by_zh}判定，不能比较；"
                f"请先重新运行 pipemap clearance --city --version {older['version']}。",
            )
    return older


def _require_ground(site: Site, run: DictRow) -> None:
    """That the ground a run was judged by is still there, so that no move is proposed by another."""
    if digest_of(site.terrain.models) != run["ground"]:
        names = ", ".join(run["ground_models"])
        raise ConflictError(
            f"Version {run['version']} was judged by ground models that have been replaced or removed since ({names}), "
            f"so no move can be proposed: run `pipemap clearance --city --version {run['version']}` again.",
            message_zh=f"第 {run['version']} 版判定所用的地面模型（{names}）已被替换或移除，无法给出移动建议；"
            f"请重新运行 pipemap clearance --city --version {run['version']}。",
        )


def _limits_of(connection: Connection, run: DictRow) -> LimitTables:
    """The limits a run was judged by, so that each conflict is told with its own."""
    limits = limits_of_sets(connection, run["limit_set_ids"])
    if limits.digest != run["rules"]:
        raise ConflictError(
            f"Version {run['version']} was judged by limits of an older edition of pipemap: "
            "run `pipemap clearance --city` again.",
            message_zh=f"第 {run['version']} 版按旧版软件的限值判定，请重新运行 pipemap clearance --city。",
        )
    return limits


def _ids(rows: Iterable[Mapping[str, Any]], column: str, other_kind: str | None) -> set[int]:
    return {row[column] for row in rows if other_kind is None or row["other_kind"] == other_kind}


def _segments_with_proposed(live: Site, changeset_id: int, rows: Sequence[Mapping[str, Any]]) -> dict[int, Segment]:
    """Segments by identity, as the changeset proposes them where it does."""
    wanted = _ids(rows, "segment_id", None) | _ids(rows, "other_id", "pipe_segment")
    own = SQL("(SELECT * FROM {} WHERE changeset_id = {} AND op <> 'delete')")
    segments, nodes = (own.format(table(f"{kind}_delta"), Literal(changeset_id)) for kind in ("pipe_segment", "node"))
    either = SQL(
        "(SELECT feature_id, ground_elevation_m, vertical_accuracy_m FROM {own} AS own"
        " UNION ALL SELECT feature_id, ground_elevation_m, vertical_accuracy_m"
        " FROM {live} AS live WHERE NOT EXISTS (SELECT FROM {own} AS own WHERE own.feature_id = live.feature_id))"
    ).format(own=nodes, live=table("node"))
    return live.segments_by_id(wanted) | live.reading(segments, either).segments_by_id(wanted)


def plain_row(row: dict[Any, Any]) -> dict[str, Any]:
    """A row as the database would give it."""
    return {name: None if value is pd.NA or value != value else value for name, value in row.items()}


def conflict_of(
    row: Mapping[str, Any], segments: Mapping[int, Segment], structures: Mapping[int, Structure]
) -> Conflict:
    """A row in words, by the segments and structures of which it is."""
    pair, kind = _pair(row, segments, structures), ConflictKind(row["kind"])
    nearest = _point(row, "near_"), _point(row, "far_")
    told = conflict(kind, pair, _limit(row, pair), row["measured_m"], nearest, at_most=bool(row["is_at_most"]))
    angle_deg = row["crossing_deg"]
    return told.model_copy(update={"crossing_deg": None if angle_deg is None else round(angle_deg, 2)})


def _untold(
    live: Site, row: Mapping[str, Any], segments: Mapping[int, Segment], structures: Mapping[int, Structure]
) -> CannotTell:
    pair, kind = _pair(row, segments, structures), ConflictKind(row["kind"])
    if kind is ConflictKind.COVER and pair.asked is not None:
        pair = replace(pair, asked=over_models(live, pair.asked))
    return cannot_tell(kind, pair, needs_of(kind, pair))


def _slant(row: Mapping[str, Any], segments: Mapping[int, Segment]) -> Slant:
    other = segments[row["other_id"]]
    place = _point(row, "")
    return Slant(
        segment_id=row["segment_id"],
        other_id=row["other_id"],
        other_source_key=other.row["source_key"],
        other_class_code=other.row["class_code"],
        crossing_deg=round(row["crossing_deg"], 2),
        point=(float(place[0]), float(place[1]), known(place[2])),
    )


def _pair(row: Mapping[str, Any], segments: Mapping[int, Segment], structures: Mapping[int, Structure]) -> Pair:
    asked = segments[row["segment_id"]]
    other: Segment | Structure | None = None
    if row["other_kind"] is not None:
        other = (segments if row["other_kind"] == "pipe_segment" else structures)[row["other_id"]]
    return Pair(asked, asked.name, other, _ground_accuracy_m(row, asked))


def _ground_accuracy_m(row: Mapping[str, Any], asked: Segment) -> float:
    """What the accuracy of a cover holds beside that of the pipe."""
    if row["kind"] != ConflictKind.COVER or row["accuracy_m"] is None:
        return 0.0
    return math.sqrt(max(0.0, row["accuracy_m"] ** 2 - asked.vertical_accuracy_m**2))


def _limit(row: Mapping[str, Any], pair: Pair) -> Limit | None:
    """The limit a row was judged by."""
    kind, asked = row["kind"], pair.asked
    assert asked is not None
    if kind == ConflictKind.COLLISION:
        return None
    if pair.other is None:
        return _cover_limit(row, asked)
    assert pair.other.party is not None
    return strictest("vertical" if kind == ConflictKind.VERTICAL else "horizontal", asked.party, pair.other.party)


def _cover_limit(row: Mapping[str, Any], asked: Segment) -> Limit | None:
    carriageway, path = cover_limit(asked.party, True), cover_limit(asked.party, False)
    if carriageway is None or (path is not None and path.min_m == row["limit_m"]):
        return path
    return carriageway.assuming("segment.carriageway") if row["to_be_confirmed"] else carriageway


def _point(row: Mapping[str, Any], place: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([row[f"{place}{axis}_m"] for axis in ("x", "y", "z")], dtype=np.float64)
