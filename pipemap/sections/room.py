"""Room for a new pipe: the strips of a section, or of a whole corridor, that the clearance rules leave free."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely

from pipemap.clearance.casings import check_casing
from pipemap.clearance.ground import ground_at
from pipemap.clearance.numbers import ACROSS_DEG, WIDEST_NEIGHBOUR_M, known_or
from pipemap.clearance.parties import party_of
from pipemap.clearance.rules import Limit, Party, cover_limit, strictest, widest
from pipemap.clearance.site import Segment, Site, Structure
from pipemap.crs import drawn_line_in_project
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.pages import Version
from pipemap.sections.places import Place, places_on
from schemas.codetables import code_table
from schemas.room import BlockedDepth, Bound, FoundRoom, FreeStrip, PlannedPipe, RoomAlong, SectionRoom

LONGEST_M, WIDEST_HALF_M, MOST_SECTIONS = 2_000.0, 100.0, 200
_END = Bound(kind="end")
# So far to both sides of a plane pipes count as crossed in it.
_BESIDE_M = 1.0


@dataclass(frozen=True)
class _Surroundings:
    """What is around the line or the corridor, read once."""

    site: Site
    pipe: PlannedPipe
    party: Party
    segments: list[Segment]
    structures: list[Structure]

    @property
    def half_m(self) -> float:
        return (self.pipe.casing_mm or self.pipe.width_mm) / 2000

    @property
    def tall_m(self) -> float:
        return (self.pipe.casing_mm or self.pipe.height_mm or self.pipe.width_mm) / 1000


@dataclass(frozen=True)
class _Band:
    """Where the axis of the new pipe may not lie, and because of what."""

    from_m: float
    to_m: float
    bound: Bound


def find_room(
    connection: Connection,
    line: Sequence[tuple[float, float]],
    pipe: PlannedPipe,
    version: Version = None,
    line_srid: int | None = None,
) -> FoundRoom:
    """Where a pipe laid straight across the section along a line has room.

    Raises UsageError for a line or a pipe that makes no sense, CrsError as `cross_section`.
    """
    site = Site(connection, version)
    drawn = _drawn(site, line, line_srid)
    strips = _strips(_around(site, pipe, drawn), drawn)
    return FoundRoom(version=site.version, pipe=pipe, line=_told(drawn), length_m=drawn.length, strips=tuple(strips))


def find_room_along(
    connection: Connection,
    line: Sequence[tuple[float, float]],
    half_width_m: float,
    pipe: PlannedPipe,
    step_m: float = 10.0,
    version: Version = None,
    line_srid: int | None = None,
) -> RoomAlong:
    """Where a pipe has room all along a corridor, judged in sections every `step_m` across its middle line."""
    site = Site(connection, version)
    middle = _drawn(site, line, line_srid)
    if not 0 < half_width_m <= WIDEST_HALF_M:
        raise UsageError(f"A corridor is up to {WIDEST_HALF_M:g} m wide to either side.")
    if not (step_m > 0 and middle.length / step_m < MOST_SECTIONS):
        raise UsageError(f"At most {MOST_SECTIONS} sections are judged: take longer steps or a shorter corridor.")
    around = _around(site, pipe, middle.buffer(half_width_m, cap_style="flat"))
    count = max(1, math.ceil(middle.length / step_m))
    stations = (np.arange(count) + 0.5) * middle.length / count
    sections = [_section(around, middle, float(station), half_width_m, step_m / 2) for station in stations]
    narrowest = min(sections, key=_room_of)
    return RoomAlong(
        version=site.version,
        pipe=pipe,
        length_m=middle.length,
        half_width_m=half_width_m,
        step_m=step_m,
        strips=tuple(_common([section.strips for section in sections])),
        narrowest_at_m=narrowest.station_m,
        sections=tuple(sections),
    )


def _drawn(site: Site, line: Sequence[tuple[float, float]], line_srid: int | None) -> shapely.LineString:
    if len(set(line)) < 2 or not np.isfinite(line).all():
        raise UsageError("Room is looked for along a line of at least two different points.")
    srid = site.srid if line_srid is None else line_srid
    return drawn_line_in_project(shapely.LineString(line), srid, site.srid, LONGEST_M)


def _around(site: Site, pipe: PlannedPipe, place: shapely.Geometry) -> _Surroundings:
    if pipe.class_code not in code_table("utility_class"):
        raise UsageError(
            f"{pipe.class_code} is not a utility class; there are {', '.join(code_table('utility_class'))}."
        )
    check_casing(pipe.casing_mm, pipe.width_mm, pipe.height_mm)
    party = party_of(pipe.model_dump(), site.limits)
    reach_m = widest("horizontal", party) + (pipe.casing_mm or pipe.width_mm) / 2000 + WIDEST_NEIGHBOUR_M
    return _Surroundings(site, pipe, party, site.neighbours(place, reach_m), site.structures(place, reach_m))


def _section(
    around: _Surroundings, middle: shapely.LineString, station_m: float, half_width_m: float, beside_m: float
) -> SectionRoom:
    """Free strips of the section across the middle line at a station."""
    at = shapely.line_interpolate_point(middle, [station_m, station_m - 0.01, min(middle.length, station_m + 0.01)])
    here, back, ahead = shapely.get_coordinates(at)
    way = (ahead - back) / np.linalg.norm(ahead - back)
    right = np.array([way[1], -way[0]])
    across = shapely.LineString([here - right * half_width_m, here + right * half_width_m])
    strips = [
        strip.model_copy(update={"from_m": strip.from_m - half_width_m, "to_m": strip.to_m - half_width_m})
        for strip in _strips(around, across, beside_m)
    ]
    return SectionRoom(station_m=station_m, strips=tuple(strips))


def _strips(around: _Surroundings, drawn: shapely.LineString, beside_m: float = _BESIDE_M) -> Iterator[FreeStrip]:
    """What the bands leave of a line; pipes that run along it within `beside_m` are crossed by the new one."""
    bands = [*_pipe_bands(around, drawn), *_structure_bands(around, drawn)]
    crossed = [one for one in around.segments if _is_along(one, drawn) and one.plan.distance(drawn) <= beside_m]
    last_m = drawn.length - around.half_m
    at_m, left = around.half_m, _END
    for band in sorted(bands, key=lambda each: each.from_m):
        if at_m < min(band.from_m, last_m):
            yield _strip(around, drawn, crossed, (at_m, left), (min(band.from_m, last_m), band.bound))
        if band.to_m > at_m:
            at_m, left = band.to_m, band.bound
    if at_m < last_m:
        yield _strip(around, drawn, crossed, (at_m, left), (last_m, _END))


def _pipe_bands(around: _Surroundings, drawn: shapely.LineString) -> Iterator[_Band]:
    """Bands around pipes that run beside the new one, also those just beyond the ends of the line."""
    beyond_m = widest("horizontal", around.party) + around.half_m + WIDEST_NEIGHBOUR_M
    for place in places_on(_extended(drawn, beyond_m), around.segments):
        if place.crossing_deg >= 90 - ACROSS_DEG:
            yield _pipe_band(around, place, place.station_m - beyond_m)


def _pipe_band(around: _Surroundings, place: Place, station_m: float) -> _Band:
    segment = place.segment
    limit = strictest("horizontal", around.party, segment.party)
    wide_m = known_or(segment.half_width_m) / math.sin(math.radians(place.crossing_deg))
    reach_m = wide_m + around.half_m + (limit.min_m if limit else 0.0)
    is_size_known = not math.isnan(segment.half_width_m)
    bound = _bound("pipe", segment, segment.row["class_code"], limit, is_size_known)
    return _Band(station_m - reach_m, station_m + reach_m, bound)


def _structure_bands(around: _Surroundings, drawn: shapely.LineString) -> Iterator[_Band]:
    for found in around.structures:
        limit = strictest("horizontal", around.party, found.party) if found.party else None
        if limit is None:
            continue
        near = shapely.intersection(drawn, found.outline.buffer(limit.min_m + around.half_m))
        for part in shapely.get_parts(near):
            if part.length > 0:
                ends = shapely.line_locate_point(drawn, shapely.points(part.coords)[[0, -1]])
                bound = _bound("structure", found, found.row["kind_code"], limit, True)
                yield _Band(float(min(ends)), float(max(ends)), bound)


def _bound(
    kind: Literal["pipe", "structure"], found: Segment | Structure, code: str, limit: Limit | None, is_sure: bool
) -> Bound:
    return Bound(
        kind=kind,
        feature_id=found.feature_id,
        source_key=found.row["source_key"],
        code=code,
        limit_m=limit.min_m if limit else None,
        standard=limit.standard if limit else "",
        clause=limit.clause if limit else "",
        is_certain=is_sure and not (limit is not None and limit.to_be_confirmed),
    )


def _strip(
    around: _Surroundings,
    drawn: shapely.LineString,
    crossed: Sequence[Segment],
    start: tuple[float, Bound],
    end: tuple[float, Bound],
) -> FreeStrip:
    middle = shapely.get_coordinates(shapely.line_interpolate_point(drawn, (start[0] + end[0]) / 2))
    ground_m = float(ground_at(around.site, middle)[0]) if crossed else math.nan
    inside = [one for one in crossed if _runs_over(one, drawn, start[0], end[0])]
    blocked = [_blocked(around, one, ground_m) for one in inside]
    cover = cover_limit(around.party, False)
    return FreeStrip(
        from_m=start[0],
        to_m=end[0],
        left=start[1],
        right=end[1],
        least_cover_m=cover.min_m if cover else None,
        blocked=tuple(blocked),
        is_free_at_cover=_is_free_at(around.pipe.cover_depth_m, blocked),
    )


def _blocked(around: _Surroundings, other: Segment, ground_m: float) -> BlockedDepth:
    """Covers of the new pipe between which the vertical limit to a pipe that it crosses is broken."""
    limit = strictest("vertical", around.party, other.party)
    limit_m = limit.min_m if limit else 0.0
    high_m = ground_m - (other.axis[:, 2].max() + other.half_height_m)
    low_m = ground_m - (other.axis[:, 2].min() - other.half_height_m)
    told = {name: other.row[name] for name in ("feature_id", "source_key", "class_code")}
    if math.isnan(high_m + low_m):
        return BlockedDepth(**told)
    return BlockedDepth(**told, from_cover_m=max(0.0, high_m - limit_m - around.tall_m), to_cover_m=low_m + limit_m)


def _is_free_at(cover_m: float | None, blocked: Sequence[BlockedDepth]) -> bool | None:
    if cover_m is None:
        return None
    known = [(one.from_cover_m, one.to_cover_m) for one in blocked]
    if any(low is not None and high is not None and low < cover_m < high for low, high in known):
        return False
    return None if any(low is None for low, _ in known) else True


def _is_along(segment: Segment, drawn: shapely.LineString) -> bool:
    """Whether a pipe runs along the line, from end to end, so that the new one crosses it."""
    one = segment.axis[-1, :2] - segment.axis[0, :2]
    other = np.subtract(drawn.coords[-1], drawn.coords[0])
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    return lengths > 0 and abs(float(one @ other)) / lengths > math.cos(math.radians(90 - ACROSS_DEG))


def _runs_over(segment: Segment, drawn: shapely.LineString, from_m: float, to_m: float) -> bool:
    ends = shapely.line_locate_point(drawn, shapely.points(segment.axis[[0, -1], :2]))
    return bool(ends.min() < to_m and ends.max() > from_m)


def _extended(drawn: shapely.LineString, by_m: float) -> shapely.LineString:
    """The line made longer at both ends."""
    points = shapely.get_coordinates(drawn)
    head, tail = points[0] - points[1], points[-1] - points[-2]
    head, tail = head / np.linalg.norm(head) * by_m, tail / np.linalg.norm(tail) * by_m
    return shapely.LineString([points[0] + head, *points[1:-1], points[-1] + tail])


def _common(sections: Sequence[Sequence[FreeStrip]]) -> list[tuple[float, float]]:
    """What is free in every section."""
    common = [(-math.inf, math.inf)]
    for strips in sections:
        pairs = ((max(low, one.from_m), min(high, one.to_m)) for low, high in common for one in strips)
        common = [(low, high) for low, high in pairs if low < high]
    return common


def _room_of(section: SectionRoom) -> float:
    return sum(strip.to_m - strip.from_m for strip in section.strips)


def _told(drawn: shapely.LineString) -> tuple[tuple[float, float], ...]:
    return tuple((x, y) for x, y in shapely.get_coordinates(drawn).tolist())
