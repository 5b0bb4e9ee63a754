"""The height of a segment's axis from what was surveyed.

At each end, the elevation of the *datum* (outer top, inner bottom or axis) is the surveyed pipe
elevation, else ground elevation less depth (BdJm check 04: ground = depth + pipe elevation). The axis
lies half the section's outer height below a crown and half its inner one above an invert; where only one of
the two is known it stands for both. An axis is `measured` when both ends are, and `inferred`

* when the ground at an end lies between points of a survey of the ground (`importers.places.surface`), or
* when an end without a depth takes the elevation that other segments of its class and datum have at
  that node, or
* when the height of the section is unknown: the axis then stands at the datum itself, off by half the
  unknown height at most.

Where an end stays unknown, so does the axis: the geometry will have no z.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from importers.normalising.compact import ELEVATION_SOURCE, codes
from importers.normalising.datum_evidence import Floats, Surveyed
from importers.normalising.datums import resolved
from importers.normalising.joining import Keys
from importers.normalising.ledger import Ledger
from importers.normalising.normalise import LINE_ENDS
from importers.normalising.point_heights import with_heights_of_points
from importers.normalising.sheets import Context
from schemas.delivery import DatumUse
from schemas.findings import Severity

# Rounding of two decimals in three numbers (R27).
AGREEMENT_M = 0.02
_AT_ONCE = 50_000
# Depths below this say nothing about whether a column holds ground or pipe elevations.
_TELLING_DEPTH_M = 0.1
_MEASURED, _INFERRED, _UNKNOWN = (
    list(ELEVATION_SOURCE.categories).index(code) for code in ("measured", "inferred", "unknown")
)


def with_axis(
    nodes: pd.DataFrame, segments: pd.DataFrame, keys: Keys, context: Context
) -> tuple[pd.DataFrame, pd.DataFrame, list[DatumUse]]:
    """Segments with datum, elevation source and axis, nodes with the ground that segments know, and the datums used.

    Ends of segments are positions in `nodes`, `from_node` and `to_node`. The columns added to segments
    are `from_axis_m` and `to_axis_m`, and `is_reversed` where the line is drawn from its end node.
    """
    profile, ledger = context.profile, context.ledger
    segments = with_heights_of_points(nodes, segments, context.columns, ledger)
    segments = _without_ground_in_elevations(nodes, segments, ledger)
    nodes = _with_ground(nodes, segments)
    segments, uses = resolved(nodes, segments, _surveyed(nodes, segments), profile, context.columns, ledger)
    ends = _surveyed(nodes, segments)
    _note_disagreement(segments, ends, ledger)
    axis_m, is_inferred = _axis(segments, ends)
    is_reversed = _drawn_backwards(nodes, segments, keys, context)
    if profile.geometry_z == "axis":
        drawn_m = _drawn_axis(segments, is_reversed) + profile.raised_m
        if not profile.reader.get("trust_z"):
            drawn_m = _without_ground(drawn_m, segments, ends, ledger)
        is_filled = np.isnan(axis_m) & ~np.isnan(drawn_m)
        is_doubtful = is_filled & ~np.isnan(ends.depth_m)
        _tell_doubtful(segments, is_doubtful, ledger)
        axis_m, is_inferred = np.where(is_filled, drawn_m, axis_m), is_inferred | is_doubtful
    is_unknown = np.isnan(axis_m).any(axis=1)
    source = np.where(is_unknown, _UNKNOWN, np.where(is_inferred.any(axis=1), _INFERRED, _MEASURED))
    segments = segments.assign(
        from_axis_m=axis_m[:, 0],
        to_axis_m=axis_m[:, 1],
        elevation_source_code=pd.Categorical.from_codes(source, dtype=ELEVATION_SOURCE),
        is_reversed=is_reversed,
    )
    return nodes, segments, uses


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
    told = np.full(len(nodes), np.nan)
    at = np.concatenate([segments["from_node"], segments["to_node"]])
    ground_m = np.concatenate([segments["from_ground_m"], segments["to_ground_m"]])
    known = np.flatnonzero(~np.isnan(ground_m))[::-1]
    # What is told first is written last.
    told[at[known]] = ground_m[known]
    own_m = nodes["ground_elevation_m"]
    return nodes.assign(ground_elevation_m=own_m.where(own_m.notna(), told))


def _surveyed(nodes: pd.DataFrame, segments: pd.DataFrame) -> Surveyed:
    ground_m = nodes["ground_elevation_m"].to_numpy()
    is_inferred = nodes.get("is_ground_inferred", pd.Series(False, index=nodes.index)).to_numpy(bool)
    at = segments[["from_node", "to_node"]].to_numpy()
    return Surveyed(ground_m[at], _both(segments, "depth_m"), _both(segments, "elevation_m"), is_inferred[at])


def _note_disagreement(segments: pd.DataFrame, ends: Surveyed, ledger: Ledger) -> None:
    """Say which of two heights was taken where both are told; each such end is for rule R27 of a check to name."""
    apart_m = np.abs(ends.ground_m - ends.depth_m - ends.elevation_m)
    is_apart = apart_m > AGREEMENT_M + 1e-9
    tables = segments["table"].to_numpy()
    for number in np.unique(tables[is_apart.any(axis=1)]):
        of_table = apart_m[tables == number][is_apart[tables == number]]
        ledger.note(
            int(number),
            Severity.INFO,
            "IMP-HEIGHT",
            f"At {len(of_table)} ends of lines ground elevation less depth and pipe elevation differ, by up to "
            f"{of_table.max():.2f} m; the elevation was taken. A check names each of them (rule R27).",
            f"{len(of_table)} 处管线端点的地面高程减埋深与管道高程不符，最大相差 {of_table.max():.2f} m，采用管道高程；"
            "检查时逐一列出（规则 R27）。",
            value=f"{of_table.max():.2f} m",
            limit=f"{AGREEMENT_M} m",
            details={"ends": len(of_table)},
        )


def _axis(segments: pd.DataFrame, ends: Surveyed) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Axis elevation at both ends, NaN where unknown, and whether it was inferred; shape (n, 2)."""
    datum_m = np.where(np.isnan(ends.elevation_m), ends.ground_m - ends.depth_m, ends.elevation_m)
    nearby_m = _at_neighbours(segments, datum_m)
    is_of_neighbour = np.isnan(datum_m) & ~np.isnan(nearby_m)
    is_inferred = is_of_neighbour | (np.isnan(ends.elevation_m) & ends.is_ground_inferred)
    datum_m = np.where(is_of_neighbour, nearby_m, datum_m)
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
    values = datum_m.T.ravel()
    if not np.isnan(values).any():
        return datum_m
    kind = codes(segments["class_code"]) << 8 | codes(segments["depth_datum_code"])
    groups = np.concatenate([kind << 32 | segments[f"{end}_node"].to_numpy() for end in ("from", "to")])
    means = pd.Series(values).groupby(groups).transform("mean")
    return np.asarray(means.to_numpy(float).reshape(2, -1).T)


def _drawn_backwards(
    nodes: pd.DataFrame, segments: pd.DataFrame, keys: Keys, context: Context
) -> npt.NDArray[np.bool_]:
    """Which lines are drawn from their end node to their start node; ends that are not at their nodes are reported."""
    deviation_m, is_reversed = _deviations(nodes[["x_m", "y_m"]].to_numpy(float), segments)
    snap_m = context.profile.snap_m
    wrong = deviation_m > snap_m
    context.ledger.report(
        keys.named(segments[wrong]).assign(apart=deviation_m[wrong].round(3)),
        Severity.WARNING,
        "IMP-ENDS",
        "The drawn line {source_key} ends {apart} m from its points; it was moved to them.",
        "图上管线 {source_key} 端点与管点相距 {apart} m，已移至管点。",
        kind="pipe_segment",
        value="apart",
        limit=f"{snap_m:g} m",
    )
    return is_reversed


def _deviations(places: Floats, segments: pd.DataFrame) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """How far drawn lines end from their nodes at `places`, and which are drawn the other way round.

    Some at a time: four places of each line take more memory than all else of it.
    """
    deviation_m, is_reversed = np.empty(len(segments)), np.empty(len(segments), np.bool_)
    for start in range(0, len(segments), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        part = segments.iloc[rows]
        at_nodes = np.stack([places[part["from_node"]], places[part["to_node"]]], axis=1)
        drawn = part[list(LINE_ENDS)].to_numpy().reshape(-1, 2, 2)
        forward, backward = _deviation_m(drawn, at_nodes), _deviation_m(drawn, at_nodes[:, ::-1])
        deviation_m[rows], is_reversed[rows] = np.fmin(forward, backward), backward < forward
    return deviation_m, is_reversed


def _deviation_m(ends: Floats, places: Floats) -> Floats:
    return np.asarray(np.linalg.norm(ends - places, axis=2).max(axis=1))


def _drawn_axis(segments: pd.DataFrame, is_reversed: npt.NDArray[np.bool_]) -> Floats:
    """Elevation of the drawn ends, start node first; NaN and exactly 0 mean that the drawing is flat."""
    drawn_m = segments.reindex(columns=["start_z", "end_z"]).to_numpy(float)
    along_m = np.where(is_reversed[:, None], drawn_m[:, ::-1], drawn_m)
    return np.where(along_m == 0, np.nan, along_m)


def _without_ground(drawn_m: Floats, segments: pd.DataFrame, ends: Surveyed, ledger: Ledger) -> Floats:
    """Drawn heights but for those of tables whose lines are drawn at the ground elevation of their points."""
    is_known = np.isfinite(drawn_m) & np.isfinite(ends.ground_m)
    is_same = is_known & (np.abs(drawn_m - ends.ground_m) < AGREEMENT_M / 2)
    counts = pd.DataFrame({"known": is_known.sum(axis=1), "same": is_same.sum(axis=1)})
    of_table = counts.groupby(segments["table"].to_numpy()).sum()
    held = of_table.index[(of_table["known"] > 0) & (of_table["same"] >= 0.9 * of_table["known"])]
    for number in held:
        ledger.note(
            int(number),
            Severity.INFO,
            "IMP-Z",
            "The lines are drawn at the ground elevation of their points; their z was not taken for that of the pipes. "
            "If it is theirs, say trust_z = true under [reader] in a profile.",
            "管线按管点地面高程绘制，其 z 值未作为管道高程使用；如确为管道高程，请设 trust_z = true。",
        )
    return np.where(segments["table"].isin(held).to_numpy()[:, None], np.nan, drawn_m)


def _tell_doubtful(segments: pd.DataFrame, is_doubtful: npt.NDArray[np.bool_], ledger: Ledger) -> None:
    """Say where lines have a depth, no ground to count it from, and a drawn height that can be the pipe's or not."""
    numbers, counts = np.unique(segments["table"].to_numpy()[is_doubtful.any(axis=1)], return_counts=True)
    for number, n_lines in zip(numbers, counts, strict=True):
        ledger.note(
            int(number),
            Severity.WARNING,
            "IMP-Z",
            f"{n_lines} lines have a depth, no ground elevation to count it from, and a drawn z: the z was taken for "
            'the axis of the pipe, as inferred. If it is the ground, say geometry_z = "ignore" in a profile.',
            f"{n_lines} 条线有埋深而无地面高程，其图上 z 值按管中心推定；如为地面高程，请设 geometry_z。",
            details={"rows": int(n_lines)},
        )


def _both(segments: pd.DataFrame, name: str) -> Floats:
    return segments[[f"from_{name}", f"to_{name}"]].to_numpy(float)
