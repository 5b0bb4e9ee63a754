"""The height of a segment's axis from what was surveyed, and its geometry.

At each end, the elevation of the *datum* (outer top, inner bottom or axis) is the surveyed pipe
elevation, else ground elevation less depth (BdJm check 04: ground = depth + pipe elevation). The axis
lies half the section's outer height below a crown and half its inner one above an invert; where only one of
the two is known it stands for both. An axis is `measured` when both ends are, and `inferred`

* when an end without a depth takes the elevation that other segments of its class and datum have at
  that node, or
* when the height of the section is unknown: the axis then stands at the datum itself, off by half the
  unknown height at most.

Where an end stays unknown, so does the axis: the geometry has no z.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from importers.joining import SNAP_M, line_ends
from importers.ledger import Ledger
from importers.profiles import Profile
from schemas.findings import Severity

Floats = npt.NDArray[np.float64]

# Rounding of two decimals in three numbers (R27).
AGREEMENT_M = 0.02
# Elevations of one place in two columns of one file.
_SAME_M = 0.0005
# Depths below this say nothing about whether a column holds ground or pipe elevations.
_TELLING_DEPTH_M = 0.1


@dataclass(frozen=True)
class _Ends:
    """Both ends of every segment, arrays of shape (n, 2) with start and end in columns."""

    ground_m: Floats
    depth_m: Floats
    elevation_m: Floats


def with_axis(
    nodes: pd.DataFrame, segments: pd.DataFrame, profile: Profile, ledger: Ledger
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Segments with datum, elevation source and geometry, and nodes with the ground that segments know."""
    segments = segments.assign(depth_datum_code=_datums(segments, profile))
    segments = _without_ground_in_elevations(nodes, segments, ledger)
    nodes = _with_ground(nodes, segments)
    ends = _surveyed(nodes, segments)
    _report_disagreement(segments, ends, ledger)
    axis_m, is_inferred = _axis(segments, ends)
    lines = _lines(nodes, segments, ledger)
    drawn_m = _drawn_axis(segments, lines, axis_m) if profile.geometry_z == "axis" else None
    if drawn_m is not None:
        axis_m = np.where(np.isnan(axis_m), drawn_m, axis_m)
    is_unknown = np.isnan(axis_m).any(axis=1)
    source = np.where(is_unknown, "unknown", np.where(is_inferred.any(axis=1), "inferred", "measured"))
    return nodes, segments.assign(geom=_raised(lines, axis_m), elevation_source_code=source)


def _datums(segments: pd.DataFrame, profile: Profile) -> "pd.Series[str]":
    """The datum the row states, else the profile's for its class and burial."""
    burial = segments["burial_code"].astype(object).where(segments["burial_code"].notna(), "")
    pairs = segments["class_code"].astype(str) + "/" + burial.astype(str)
    rules = {pair: profile.datum_of(*str(pair).split("/", 1)) for pair in pairs.unique()}
    stated = segments["depth_datum_code"].astype(object)
    return stated.where(stated.notna(), pairs.map(rules))


def _without_ground_in_elevations(nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Where a table's "pipe elevations" are the ground elevations of its points, take them as such and say so."""
    ends = _surveyed(nodes, segments)
    telling = np.isfinite(ends.ground_m) & np.isfinite(ends.elevation_m) & (ends.depth_m > _TELLING_DEPTH_M)
    is_ground = telling & (np.abs(ends.ground_m - ends.elevation_m) < AGREEMENT_M / 2)
    per_table = pd.DataFrame({"telling": telling.sum(axis=1), "ground": is_ground.sum(axis=1)}).groupby(
        segments["table"].to_numpy()
    )
    totals = per_table.sum()
    held = totals.index[(totals["telling"] > 0) & (totals["ground"] >= 0.9 * totals["telling"])]
    if not len(held):
        return segments
    rows, segments = segments["table"].isin(held), segments.copy()
    for end in ("from", "to"):
        column, ground = f"{end}_elevation_m", f"{end}_ground_m"
        segments.loc[rows, ground] = segments.loc[rows, ground].fillna(segments.loc[rows, column])
        segments.loc[rows, column] = np.nan
    for number in held:
        ledger.note(
            int(number),
            Severity.INFO,
            "IMP-GROUND",
            "The elevation columns of the lines hold the ground elevation of the points; taken as ground.",
            "管线表的高程列实为地面高程，按地面高程处理。",
        )
    return segments


def _with_ground(nodes: pd.DataFrame, segments: pd.DataFrame) -> pd.DataFrame:
    told = pd.concat([segments.set_index(f"{end}_key")[f"{end}_ground_m"] for end in ("from", "to")]).dropna()
    if "ground_elevation_m" not in nodes:
        nodes = nodes.assign(ground_elevation_m=np.nan)
    first = nodes["source_key"].map(told[~told.index.duplicated()])
    return nodes.assign(ground_elevation_m=nodes["ground_elevation_m"].astype(float).fillna(first.astype(float)))


def _surveyed(nodes: pd.DataFrame, segments: pd.DataFrame) -> _Ends:
    if "ground_elevation_m" in nodes:
        of_node = nodes.set_index("source_key")["ground_elevation_m"].astype(float)
        ground = [segments[f"{end}_key"].map(of_node).to_numpy(float) for end in ("from", "to")]
    else:
        ground = [np.full(len(segments), np.nan)] * 2
    return _Ends(np.column_stack(ground), _both(segments, "depth_m"), _both(segments, "elevation_m"))


def _report_disagreement(segments: pd.DataFrame, ends: _Ends, ledger: Ledger) -> None:
    apart = np.abs(ends.ground_m - ends.depth_m - ends.elevation_m)
    for column, end in enumerate(("from", "to")):
        wrong = apart[:, column] > AGREEMENT_M + 1e-9
        ledger.report(
            segments[wrong].assign(end=segments.loc[wrong, f"{end}_key"], apart=apart[:, column].round(3)[wrong]),
            Severity.WARNING,
            "R27",
            "{source_key} at {end}: ground elevation less depth and pipe elevation differ by {apart} m; "
            "the elevation was taken.",
            "{source_key} 在 {end} 处：地面高程减埋深与管道高程相差 {apart} m，采用管道高程。",
            kind="pipe_segment",
            value="apart",
            limit=f"{AGREEMENT_M} m",
        )


def _axis(segments: pd.DataFrame, ends: _Ends) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Axis elevation at both ends, NaN where unknown, and whether it was inferred; shape (n, 2)."""
    datum_m = np.where(np.isnan(ends.elevation_m), ends.ground_m - ends.depth_m, ends.elevation_m)
    nearby_m = _at_neighbours(segments, datum_m)
    is_inferred = np.isnan(datum_m) & ~np.isnan(nearby_m)
    datum_m = np.where(is_inferred, nearby_m, datum_m)
    sides = {"crown": -1.0, "invert": 1.0, "axis": 0.0}
    side = np.asarray(segments["depth_datum_code"].map(sides), dtype=np.float64)
    offset_m = np.where(side == 0, 0.0, side * _half_height_m(segments, side))
    is_blind = np.isnan(offset_m)
    return datum_m + np.where(is_blind, 0.0, offset_m)[:, None], is_inferred | is_blind[:, None]


def _half_height_m(segments: pd.DataFrame, side: Floats) -> Floats:
    """From the datum to the axis: half the outer height from a crown, half the inner one from an invert."""
    height_mm, inner_mm = segments["height_mm"].to_numpy(float), segments["inner_height_mm"].to_numpy(float)
    is_inner = (side > 0) & ~np.isnan(inner_mm)
    return np.asarray(np.where(is_inner, inner_mm, height_mm) / 2000)


def _at_neighbours(segments: pd.DataFrame, datum_m: Floats) -> Floats:
    """Mean datum elevation of the segments of the same class and datum at each end's node."""
    group = segments["class_code"].astype(str) + "/" + segments["depth_datum_code"].astype(str) + "/"
    names = np.concatenate([group + segments["from_key"], group + segments["to_key"]])
    means = pd.Series(np.concatenate([datum_m[:, 0], datum_m[:, 1]])).groupby(names).transform("mean")
    return np.asarray(means.to_numpy(float).reshape(2, -1).T)


def _lines(nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger) -> npt.NDArray[np.object_]:
    """Plan lines from start to end node; drawn ones keep their vertices between the nodes."""
    places = nodes.set_index("source_key")[["x_m", "y_m"]]
    xy = np.stack([places.loc[segments[f"{end}_key"]].to_numpy(float) for end in ("from", "to")], axis=1)
    lines: npt.NDArray[np.object_] = shapely.linestrings(xy)
    drawn = segments["line"].to_numpy(object)
    given = np.flatnonzero(~shapely.is_missing(drawn))
    if not len(given):
        return lines
    ends = line_ends(drawn[given])
    forward, backward = _deviation(ends, xy[given]), _deviation(ends, xy[given, ::-1])
    along = np.where(backward < forward, shapely.reverse(drawn[given]), drawn[given])
    deviation = np.minimum(forward, backward)
    wrong = deviation > SNAP_M
    ledger.report(
        segments.iloc[given[wrong]].assign(apart=deviation[wrong].round(3)),
        Severity.WARNING,
        "IMP-ENDS",
        "The drawn line {source_key} ends {apart} m from its points; it was moved to them.",
        "图上管线 {source_key} 端点与管点相距 {apart} m，已移至管点。",
        kind="pipe_segment",
        value="apart",
        limit=f"{SNAP_M} m",
    )
    lines[given] = _with_ends(along, xy[given])
    return lines


def _deviation(ends: Floats, xy: Floats) -> Floats:
    return np.asarray(np.linalg.norm(ends - xy, axis=2).max(axis=1))


def _with_ends(lines: npt.NDArray[np.object_], xy: Floats) -> npt.NDArray[np.object_]:
    coordinates, owner = shapely.get_coordinates(lines, include_z=True, return_index=True)
    first = np.flatnonzero(np.r_[True, np.diff(owner) > 0])
    last = np.r_[first[1:] - 1, len(owner) - 1]
    coordinates[first, :2], coordinates[last, :2] = xy[:, 0], xy[:, 1]
    moved: npt.NDArray[np.object_] = shapely.linestrings(coordinates, indices=owner)
    return moved


def _drawn_axis(segments: pd.DataFrame, lines: npt.NDArray[np.object_], axis_m: Floats) -> Floats:
    """Elevation of the drawn ends; NaN and exactly 0 mean that the drawing is flat."""
    ends = np.column_stack([shapely.get_z(shapely.get_point(lines, end)) for end in (0, -1)])
    return np.where(ends == 0, np.nan, ends)


def _raised(lines: npt.NDArray[np.object_], axis_m: Floats) -> npt.NDArray[np.object_]:
    """The lines at their axis elevation, even between the ends; without z where an end is unknown.

    A line that is drawn at its axis elevations keeps what is drawn between the ends.
    """
    raised: npt.NDArray[np.object_] = shapely.force_2d(lines)
    known = np.flatnonzero(~np.isnan(axis_m).any(axis=1))
    if not len(known):
        return raised
    xy, owner = shapely.get_coordinates(raised[known], return_index=True)
    first = np.r_[True, np.diff(owner) > 0]
    is_end = first | np.r_[np.diff(owner) > 0, True]
    steps = np.r_[0.0, np.hypot(*np.diff(xy, axis=0).T)]
    steps[first] = 0.0
    along = np.cumsum(steps)
    along -= along[first][owner]
    length = along[np.r_[np.flatnonzero(first)[1:] - 1, len(owner) - 1]]
    share = np.divide(along, length[owner], out=np.where(first, 0.0, 1.0), where=length[owner] > 0)
    z = axis_m[known, 0][owner] * (1 - share) + axis_m[known, 1][owner] * share
    drawn_m = shapely.get_coordinates(lines[known], include_z=True)[:, 2]
    off_m = np.zeros(len(known))
    np.maximum.at(off_m, owner[is_end], np.nan_to_num(np.abs(drawn_m - z)[is_end], nan=np.inf))
    z = np.where((off_m < _SAME_M)[owner] & ~np.isnan(drawn_m), drawn_m, z)
    raised[known] = shapely.linestrings(np.column_stack([xy, z]), indices=owner)
    return raised


def _both(segments: pd.DataFrame, name: str) -> Floats:
    return segments[[f"from_{name}", f"to_{name}"]].to_numpy(float)
