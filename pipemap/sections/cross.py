"""Cross-section 横断面: every pipe that a vertical plane along a drawn line cuts, in its true place and size."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import shapely

from pipemap.clearance.answer import from_verdicts
from pipemap.clearance.core import conflicts_between
from pipemap.clearance.drawn import drawn_segment
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.ground import ground_along, ground_at
from pipemap.clearance.numbers import known
from pipemap.clearance.site import Segment, Site, as_pipes, chainage
from pipemap.crs import drawn_line_in_project
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.pages import Version
from pipemap.sections.along import DRAWN_NUMBER, drawn_along, gaps_along, lies_along
from pipemap.sections.dimensions import spacings, vertical_gaps, with_cover_limits
from pipemap.sections.outlines import outline
from pipemap.sections.places import Place, places_on
from schemas.clearance import DrawnPipe
from schemas.sections import CrossSection, Cut, CutStructure, TooNear, Undecided

LONGEST_M = 2_000.0
# How far to both sides of the plane pipes are compared: what is too near elsewhere is no matter of this section.
_BESIDE_M = 1.0
_GROUND_STEP_M = 5.0
_MOST_STEPS = 200


def cross_section(
    connection: Connection,
    line: Sequence[tuple[float, float]],
    version: Version = None,
    line_srid: int | None = None,
    pipe: DrawnPipe | None = None,
) -> CrossSection:
    """What a vertical plane along a drawn line cuts; stations count from the line's first point.

    The line (x, y) is in `line_srid`, the project CRS when None; the answer is in the project CRS. A drawn `pipe`, in
    the same CRS, is cut and judged with the others, or seen from the side where the line is its own. Raises UsageError
    for a line of no length or longer than 2 km, or a pipe that makes no sense, CrsError for one outside of where the
    project CRS is used.
    """
    site = Site(connection, version)
    drawn = _drawn(site, line, line_srid)
    asked = [] if pipe is None else [drawn_segment(site, pipe, line_srid)]
    along, across = (asked, []) if asked and lies_along(asked[0], drawn) else ([], asked)
    places = sorted(places_on(drawn, [*site.around(drawn, 0.0), *across]), key=lambda place: place.station_m)
    ground = _ground(site, drawn, places)
    structures = list(_structures(site, drawn))
    bare = [_cut(number, place, ground) for number, place in enumerate(places, 1)]
    cuts = list(with_cover_limits(bare, places, structures))
    too_near, undecided, together = _compared(places, along)
    crossed = [gap for one in along for gap in gaps_along(one, drawn, places, together)]
    return CrossSection(
        version=site.version,
        line=tuple((x, y) for x, y in shapely.get_coordinates(drawn).tolist()),
        length_m=drawn.length,
        ground=tuple((station, z) for station, z in ground.tolist()),
        ground_models=site.terrain.used,
        cuts=tuple(cuts),
        spacings=tuple(spacings(cuts, places)),
        vertical_gaps=(*crossed, *vertical_gaps(cuts, places, together)),
        too_near=tuple(too_near),
        undecided=tuple(undecided),
        structures=tuple(structures),
        drawn=drawn_along(along[0], drawn, structures) if along else None,
        compared_within_m=_BESIDE_M,
    )


def _drawn(site: Site, line: Sequence[tuple[float, float]], line_srid: int | None) -> shapely.LineString:
    if len(set(line)) < 2 or not np.isfinite(line).all():
        raise UsageError("A section needs a line of at least two different points.")
    srid = site.srid if line_srid is None else line_srid
    return drawn_line_in_project(shapely.LineString(line), srid, site.srid, LONGEST_M)


def _ground(site: Site, drawn: shapely.LineString, places: Sequence[Place]) -> Floats:
    """Ground line (n, 2) at every cut and step: over a cut pipe as along it, else as around (`ground_at`)."""
    step_m = max(_GROUND_STEP_M, drawn.length / _MOST_STEPS)
    steps = shapely.line_locate_point(drawn, shapely.points(shapely.get_coordinates(shapely.segmentize(drawn, step_m))))
    own = {place.station_m: _own_ground(site, place) for place in places if place.segment.ground_m is not None}
    stations = np.unique([*steps.tolist(), drawn.length, *(place.station_m for place in places)])
    around = ground_at(site, shapely.get_coordinates(shapely.line_interpolate_point(drawn, stations)))
    at_cuts = np.array([own.get(station, math.nan) for station in stations.tolist()])
    ground: Floats = np.column_stack([stations, np.where(np.isnan(at_cuts), around, at_cuts)])
    return np.asarray(ground[np.isfinite(ground[:, 1])])


def _own_ground(site: Site, place: Place) -> float:
    """The ground over a pipe where it is cut."""
    return float(ground_along(site, place.segment, np.array([place.along_axis_m]), place.point[None, :2])[0])


def _cut(number: int, place: Place, ground: Floats) -> Cut:
    segment, row = place.segment, place.segment.row
    axis_z = known(float(place.point[2]))
    own_half_m = segment.own_half_m
    ground_z = known(float(np.interp(place.station_m, *ground.T))) if len(ground) else None
    top_z = None if axis_z is None else known(axis_z + segment.half_height_m)
    return Cut(
        number=number,
        **{name: row.get(name) for name in ("owner", "material_code", "lifecycle_code", "width_mm", "height_mm")},
        feature_id=None if segment.is_drawn else segment.feature_id,
        **{name: row[name] for name in ("source_key", "class_code", "shape_code")},
        elevation_source_code=row["elevation_source_code"] or "unknown",
        is_live=segment.is_live,
        is_drawn=segment.is_drawn,
        station_m=place.station_m,
        x_m=float(place.point[0]),
        y_m=float(place.point[1]),
        crossing_deg=place.crossing_deg,
        axis_z_m=axis_z,
        crown_z_m=None if axis_z is None else known(axis_z + own_half_m[1]),
        invert_z_m=None if axis_z is None else known(axis_z - own_half_m[1]),
        ground_z_m=ground_z,
        cover_depth_m=None if top_z is None or ground_z is None else ground_z - top_z,
        outline=_outline(place, own_half_m, row["shape_code"] == "circle"),
        casing=_outline(place, (segment.half_width_m, segment.half_height_m), True) if segment.is_cased else (),
    )


def _outline(place: Place, half_m: tuple[float, float], is_round: bool) -> tuple[tuple[float, float], ...]:
    if not np.isfinite([place.point[2], *place.way, *half_m]).all():
        return ()
    shape = outline(place.along, place.way, *half_m, is_round, place.segment.plan.length + half_m[0])
    points = (shape + np.array([place.station_m, place.point[2]])).tolist()
    return tuple((station, z) for station, z in points)


def _compared(
    places: Sequence[Place], along: Sequence[Segment]
) -> tuple[list[TooNear], list[Undecided], set[tuple[int, int]]]:
    """Every two live pipes of the section, as far as they run beside it; last those that lie in one trench or bank."""
    live = [(number, place) for number, place in enumerate(places, 1) if place.segment.is_live]
    numbers = [*(DRAWN_NUMBER for _ in along), *(number for number, _ in live)]
    pieces = [*along, *(_beside(place) for _, place in live)]
    if len(pieces) < 2:
        return [], [], set()
    left, right = np.triu_indices(len(pieces), 1)
    verdicts = conflicts_between(as_pipes(pieces), left, right)
    # Told in the order of the verdicts of each kind.
    conflicts, unknown = from_verdicts(verdicts, pieces)
    broken, open_ = np.flatnonzero(verdicts.is_conflict), np.flatnonzero(verdicts.cannot_tell)
    pair = [(numbers[a], numbers[b]) for a, b in zip(verdicts.left, verdicts.right, strict=True)]
    told = TooNear.model_fields.keys() - {"one", "other"}
    too_near = [
        TooNear(one=pair[row][0], other=pair[row][1], **found.model_dump(include=told))
        for row, found in zip(broken.tolist(), conflicts, strict=True)
    ]
    undecided = [
        Undecided(one=pair[row][0], other=pair[row][1], reason_en=found.reason_en, reason_zh=found.reason_zh)
        for row, found in zip(open_.tolist(), unknown, strict=True)
    ]
    return too_near, undecided, {pair[row] for row in np.flatnonzero(verdicts.shares_bank).tolist()}


def _beside(place: Place) -> Segment:
    """The part of a pipe within reach of the plane."""
    along_m, axis = chainage(place.segment.axis), place.segment.axis
    reach_m = _BESIDE_M / max(math.sin(math.radians(place.crossing_deg)), 0.1)
    low, high = max(0.0, place.along_axis_m - reach_m), min(float(along_m[-1]), place.along_axis_m + reach_m)
    inner = along_m[(along_m > low) & (along_m < high)]
    stations = np.array([low, *inner.tolist(), high])
    part = np.column_stack([np.interp(stations, along_m, axis[:, column]) for column in range(3)])
    return replace(place.segment, axis=part)


def _structures(site: Site, drawn: shapely.LineString) -> Iterator[CutStructure]:
    for found in site.structures(drawn, 0.0):
        for part in shapely.get_parts(shapely.intersection(drawn, found.outline)):
            if part.length == 0:
                continue
            ends = sorted(shapely.line_locate_point(drawn, shapely.points(part.coords)[[0, -1]]).tolist())
            yield CutStructure(
                feature_id=found.feature_id,
                kind_code=found.row["kind_code"],
                name=found.row["name"] or found.row["source_key"],
                from_m=ends[0],
                to_m=ends[1],
                base_z_m=found.row["base_elevation_m"],
                top_z_m=found.row["top_elevation_m"],
            )
