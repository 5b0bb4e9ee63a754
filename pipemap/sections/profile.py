"""Long profile 纵断面: a run of pipes from the side, with ground, wells, slopes and every pipe it crosses."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import shapely

from pipemap.clearance.answer import from_verdicts
from pipemap.clearance.core import conflicts_between
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.ground import ground_at
from pipemap.clearance.numbers import known
from pipemap.clearance.site import Segment, Site, as_pipes
from pipemap.db import Connection, fetch_all
from pipemap.ground.surveyed import SurveyedGround
from pipemap.pages import Version
from pipemap.sections.places import Place, places_on
from pipemap.sections.runs import Run, Step, run_of
from pipemap.sql import queries
from pipemap.statements import compose
from pipemap.versions import relation, resolve_version
from schemas.profiles import Crossing, Levels, LongProfile, ProfileNode, ProfilePipe

_GROUND_STEP_M = 10.0
_MOST_STEPS = 400
_Judged = dict[tuple[int, int], tuple[str, float | None, str, str]]


def long_profile(connection: Connection, segment_ids: Sequence[int], version: Version = None) -> LongProfile:
    """The run that some segments make, named in the order they are passed; stations count from its first node.

    Raises NotFoundError for a segment this version does not have, UsageError where two that follow do not meet.
    """
    site = Site(connection, version)
    run = run_of(site, segment_ids)
    rows = _node_rows(connection, resolve_version(connection, version), run)
    nodes = [_node(*each) for each in zip(run.node_ids, run.node_stations_m, rows, strict=True)]
    ground = _ground(site, run, nodes, [row.get("vertical_accuracy_m") for row in rows])
    return LongProfile(
        version=site.version,
        length_m=run.line.length,
        line=tuple((x, y) for x, y in shapely.get_coordinates(run.line).tolist()),
        nodes=tuple(nodes),
        pipes=tuple(_pipe(step, ground) for step in run.steps),
        ground=tuple((station, z) for station, z in ground.tolist()),
        ground_models=site.terrain.used,
        crossings=tuple(_crossings(site, run)),
    )


def _node_rows(connection: Connection, version: int | None, run: Run) -> list[dict[str, Any]]:
    """What is known of each node of the run."""
    query = compose(queries("sections")["nodes"], "node", nodes=relation("node", version))
    rows = {row["feature_id"]: row for row in fetch_all(connection, query, {"node_ids": run.node_ids})}
    return [rows.get(node_id, {}) for node_id in run.node_ids]


def _node(node_id: int, station_m: float, row: dict[str, Any]) -> ProfileNode:
    ground, depth = row.get("ground_elevation_m"), row.get("well_depth_m")
    return ProfileNode.model_validate(
        {
            "node_id": node_id,
            "station_m": station_m,
            **{name: row.get(name) for name in ("source_key", "feature_code", "appurtenance_code")},
            "ground_z_m": ground,
            "bottom_z_m": ground - depth if isinstance(ground, float) and isinstance(depth, float) else None,
        }
    )


def _ground(site: Site, run: Run, nodes: Sequence[ProfileNode], accuracies_m: Sequence[float | None]) -> Floats:
    """Ground line (n, 2): as surveyed at nodes, between them of the models less what these are off at the nodes."""
    step_m = max(_GROUND_STEP_M, run.line.length / _MOST_STEPS)
    steps = np.union1d(np.arange(0.0, run.line.length, step_m), run.node_stations_m)
    told_m, which = site.terrain.told(shapely.get_coordinates(shapely.line_interpolate_point(run.line, steps)))
    surveyed = _surveyed_ground(site, run, nodes, step_m)
    if np.isnan(told_m).all():
        return surveyed
    at_nodes = np.searchsorted(steps, run.node_stations_m)
    own = SurveyedGround(np.array([node.ground_z_m for node in nodes], np.float64), np.array(accuracies_m, np.float64))
    off_m = own.off_m(told_m[at_nodes], site.terrain.accuracy_m(which[at_nodes]))
    between_m = np.interp(steps, *surveyed.T) if len(surveyed) else np.full(len(steps), np.nan)
    heights = np.where(np.isnan(told_m), between_m, told_m + np.interp(steps, run.node_stations_m, off_m))
    return np.column_stack([steps, heights])[np.isfinite(heights)]


def _surveyed_ground(site: Site, run: Run, nodes: Sequence[ProfileNode], step_m: float) -> Floats:
    """The surveyed ground at the nodes, and by the points around where a node has none."""
    known = [(node.station_m, node.ground_z_m) for node in nodes if node.ground_z_m is not None]
    missing = [node.station_m for node in nodes if node.ground_z_m is None]
    if missing:
        steps = np.unique([*np.arange(0.0, run.line.length, step_m).tolist(), *missing, run.line.length])
        around = ground_at(site, shapely.get_coordinates(shapely.line_interpolate_point(run.line, steps)))
        gaps = _beside_unknown(steps, nodes)
        known += [(float(at), float(z)) for at, z in zip(steps[gaps], around[gaps], strict=True) if math.isfinite(z)]
    return np.array(sorted(known), np.float64).reshape(-1, 2)


def _beside_unknown(stations: Floats, nodes: Sequence[ProfileNode]) -> Floats:
    """Which stations lie between two nodes of which one has no ground of its own."""
    at = np.array([node.station_m for node in nodes])
    is_known = np.array([node.ground_z_m is not None for node in nodes])
    left = np.clip(np.searchsorted(at, stations, side="right") - 1, 0, len(at) - 1)
    right = np.clip(np.searchsorted(at, stations, side="left"), 0, len(at) - 1)
    beside: Floats = ~(is_known[left] & is_known[right])
    return beside


def _pipe(step: Step, ground: Floats) -> ProfilePipe:
    segment, row = step.segment, step.segment.row
    levels = [_levels(step, place, ground) for place in (0, -1)]
    length_m = float(step.stations_m[-1] - step.stations_m[0])
    fall_m = float(step.axis[0, 2] - step.axis[-1, 2])
    return ProfilePipe(
        segment_id=segment.feature_id,
        **{name: row[name] for name in ("source_key", "class_code", "shape_code")},
        **{name: row.get(name) for name in ("material_code", "width_mm", "height_mm")},
        is_reversed=step.is_reversed,
        from_station_m=float(step.stations_m[0]),
        to_station_m=float(step.stations_m[-1]),
        length_m=length_m,
        slope_permille=known(1000 * fall_m / length_m) if length_m > 0 else None,
        start=levels[0],
        end=levels[1],
        axis=tuple((float(at), float(z)) for at, z in zip(step.stations_m, step.axis[:, 2], strict=True))
        if segment.has_elevation
        else (),
        half_height_m=known(segment.own_half_m[1]),
    )


def _levels(step: Step, place: int, ground: Floats) -> Levels:
    axis_z, half_m = float(step.axis[place, 2]), step.segment.own_half_m[1]
    ground_z = float(np.interp(step.stations_m[place], *ground.T)) if len(ground) else math.nan
    return Levels(
        axis_z_m=known(axis_z),
        crown_z_m=known(axis_z + half_m),
        invert_z_m=known(axis_z - half_m),
        cover_depth_m=known(ground_z - axis_z - step.segment.half_height_m),
    )


def _crossings(site: Site, run: Run) -> Iterator[Crossing]:
    """Pipes that the run crosses in plan, less those that are joined to it."""
    own, passed = {step.segment.feature_id for step in run.steps}, set(run.node_ids)
    others = [
        found
        for found in site.around(run.line, 0.0)
        if found.feature_id not in own and not passed & {found.row["from_node_id"], found.row["to_node_id"]}
    ]
    places = sorted(places_on(run.line, others), key=lambda place: place.station_m)
    crossed = [_step_at(run, place.station_m) for place in places]
    judged = _judged([step.segment for step in crossed], [place.segment for place in places])
    for number, (place, step) in enumerate(zip(places, crossed, strict=True), 1):
        yield _crossing(number, place, step, judged)


def _step_at(run: Run, station_m: float) -> Step:
    ends = [float(step.stations_m[-1]) for step in run.steps]
    return run.steps[min(int(np.searchsorted(ends, station_m)), len(ends) - 1)]


def _crossing(number: int, place: Place, step: Step, judged: _Judged) -> Crossing:
    other, row = place.segment, place.segment.row
    axis_z, half_m = float(place.point[2]), other.own_half_m[1]
    own_z = float(np.interp(place.station_m, step.stations_m, step.axis[:, 2]))
    is_above = None if math.isnan(axis_z + own_z) else axis_z >= own_z
    pair = (step.segment.feature_id, other.feature_id)
    state, limit_m, english, chinese = judged.get(pair, ("clear" if other.is_live else "out_of_use", None, "", ""))
    return Crossing.model_validate(
        {
            "number": number,
            "segment_id": other.feature_id,
            **{name: row.get(name) for name in ("owner", "width_mm", "height_mm")},
            **{name: row[name] for name in ("source_key", "class_code", "shape_code")},
            "is_live": other.is_live,
            "station_m": place.station_m,
            "crossing_deg": place.crossing_deg,
            "axis_z_m": known(axis_z),
            "crown_z_m": known(axis_z + half_m),
            "invert_z_m": known(axis_z - half_m),
            "own_segment_id": step.segment.feature_id,
            "is_above": is_above,
            "gap_m": known(abs(axis_z - own_z) - other.half_height_m - step.segment.half_height_m),
            "state": state,
            "limit_m": limit_m,
            "message_en": english,
            "message_zh": chinese,
        }
    )


def _judged(own: Sequence[Segment], others: Sequence[Segment]) -> _Judged:
    """What the clearance rules say of each crossing pair that is live: too near, or nobody can tell."""
    pairs = {(a.feature_id, b.feature_id): (a, b) for a, b in zip(own, others, strict=True) if b.is_live}
    if not pairs:
        return {}
    segments = {one.feature_id: one for pair in pairs.values() for one in pair}
    place = {feature_id: at for at, feature_id in enumerate(segments)}
    left, right = (np.array([place[pair[side]] for pair in pairs]) for side in (0, 1))
    verdicts = conflicts_between(as_pipes(list(segments.values())), left, right)
    conflicts, unknown = from_verdicts(verdicts, list(segments.values()))
    ids = list(segments)
    named = [(ids[a], ids[b]) for a, b in zip(verdicts.left, verdicts.right, strict=True)]
    found: _Judged = {}
    for row, one in zip(np.flatnonzero(verdicts.cannot_tell).tolist(), unknown, strict=True):
        found[_either(named[row], pairs)] = ("cannot_tell", None, one.reason_en, one.reason_zh)
    for row, each in zip(np.flatnonzero(verdicts.is_conflict).tolist(), conflicts, strict=True):
        if each.kind in ("vertical", "collision"):
            found[_either(named[row], pairs)] = ("too_near", each.limit_m, each.message_en, each.message_zh)
    return found


def _either(pair: tuple[int, int], pairs: dict[tuple[int, int], tuple[Segment, Segment]]) -> tuple[int, int]:
    return pair if pair in pairs else pair[::-1]
