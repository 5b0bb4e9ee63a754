"""The route of a new pipe: the cheapest way through a corridor that keeps every clearance and has its cover.

It is searched for on a grid (`grid`, `searching`), pulled straight as far as it stays clear, and judged piece by piece
by the clearance engine (`judging`), as the draft it may become will be. Where there is none, the way that breaks
fewest limits is judged instead: what it is too near to is what stands in the way.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely

from pipemap.clearance.drawn import drawn_segment
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.ground import ground_around
from pipemap.clearance.questions import reach_of
from pipemap.clearance.rules import cover_limit
from pipemap.clearance.site import Segment, Site
from pipemap.crs import line_in_project, polygon_in_project
from pipemap.db import Connection, fetch_one
from pipemap.errors import NotFoundError, UsageError
from pipemap.pages import Version
from pipemap.routing.grid import Grid, grid_over, is_too_large, zones_of
from pipemap.routing.hops import Depths, End, hops_between, hops_from
from pipemap.routing.judging import Surroundings
from pipemap.routing.searching import FORBIDDEN, Costs, cheapest_way
from pipemap.routing.words import proposal_words
from pipemap.sql import queries
from schemas.clearance import Conflict, DrawnPipe
from schemas.codetables import code_table
from schemas.routing import RouteEnd, RouteProposal, RouteWish

_LEVEL_M, _MOST_LEVELS = 0.1, 60
# How much deeper than the least cover a route may go where nobody says.
_DEEPER_M = 2.0
# Farther than this a pipe does not cross others in one go.
_LONGEST_HOP_M = 20.0
_COSTS = Costs()
# Vertices this near to one another in plan are one.
_SAME_M = 0.05


def corridor_along(line: Sequence[tuple[float, float]], half_width_m: float) -> shapely.Polygon:
    """The corridor on both sides of a line, round at its ends."""
    if len(set(line)) < 2:
        raise UsageError("A corridor along a line needs at least two different points.")
    corridor: shapely.Polygon = shapely.LineString(line).buffer(half_width_m)
    return corridor


def propose_route(
    connection: Connection, wish: RouteWish, corridor: shapely.Polygon, version: Version = None, srid: int | None = None
) -> RouteProposal:
    """The cheapest route for a pipe between two ends inside a corridor, or what stands in the way of any.

    Corridor and ends are in `srid` (the project CRS when None), the answer in the project CRS. Raises UsageError for a
    wish that makes no sense (ends outside of the corridor, a class that flows by gravity, no ground known there),
    NotFoundError for a node that is not there.
    """
    if corridor.is_empty or not corridor.is_valid or corridor.area == 0:
        raise UsageError("The corridor must be closed, must not cross itself and must have an area.")
    site = Site(connection, version)
    own_srid = site.srid if srid is None else srid
    corridor = polygon_in_project(corridor, own_srid, site.srid)
    if is_too_large(corridor):
        raise UsageError(
            "The corridor is too large to be searched finely enough; give a part of it.",
            message_zh="走廊过大，无法足够细致地搜索，请分段进行。",
        )
    start, end = (_place(connection, each, wish, own_srid, site.srid) for each in (wish.start, wish.end))
    around, grid = _surroundings(site, wish, corridor, (start, end)), grid_over(corridor, start)
    _check(wish, grid, (start, end))
    axis, keeps_out = _search(around, wish, grid, (start, end)).axis()
    return _answer(site, wish, around, grid, _pulled(axis, around) if keeps_out else axis)


def _surroundings(site: Site, wish: RouteWish, corridor: shapely.Polygon, places: Sequence[Floats]) -> Surroundings:
    line = (tuple(places[0].tolist()), tuple(places[1].tolist()))
    asked = drawn_segment(site, _pipe(wish, line))
    reach_m = reach_of(asked)
    limit = cover_limit(asked.party, True)
    return Surroundings(
        asked=asked,
        others=site.neighbours(corridor, reach_m),
        structures=site.structures(corridor, reach_m),
        corridor=corridor,
        ground=ground_around(site, corridor),
        least_cover_m=max(limit.min_m if limit else 0.0, wish.cover_depth_m or 0.0),
        joined=(wish.start.node_id, wish.end.node_id),
        cross_unknown=wish.cross_unknown,
    )


@dataclass(frozen=True, eq=False)
class _Search:
    """One search: the ends are joined nodes or places, in plan."""

    around: Surroundings
    grid: Grid
    depths: Depths
    ends: tuple[End, End]
    places: tuple[Floats, Floats]

    def axis(self) -> tuple[Floats, bool]:
        """Axis (n, 3) of the cheapest way, empty where there is none, and whether it keeps out of every zone."""
        plan, around, depths = self.grid.plan, self.around, self.depths
        zones = zones_of(self.grid, around.asked, around.others, around.structures, around.cross_unknown)
        hops = hops_between(plan, zones, depths, _LONGEST_HOP_M)
        start, goal = (hops_from(end, plan, zones, depths, _LONGEST_HOP_M) for end in self.ends)
        at = self.grid.cell_of(self.places[0]), self.grid.cell_of(self.places[1])
        way = cheapest_way(plan, zones, depths, hops, (start, goal), at, _COSTS)
        if len(way.cells) == 0:
            return np.empty((0, 3)), False
        inner = np.column_stack([self.grid.places[way.cells], depths.highest_m[way.cells] - _LEVEL_M * way.levels])
        tips = [
            np.append(place, end.z_m if end.is_fixed else end.z_m - _LEVEL_M * level)
            for place, end, level in zip(self.places, self.ends, way.levels[[0, -1]], strict=True)
        ]
        return _corners(np.vstack([tips[0], inner, tips[1]])), way.cost < FORBIDDEN * plan.cell_m / 2


def _search(around: Surroundings, wish: RouteWish, grid: Grid, places: tuple[Floats, Floats]) -> _Search:
    below_m = around.least_cover_m + around.asked.half_height_m
    count = _level_count(wish, around.least_cover_m)
    depths = Depths(around.ground.at(grid.places) - below_m, _LEVEL_M, count)
    if np.isnan(depths.highest_m).any():
        raise UsageError(
            "No surveyed ground is known along the corridor, so no depth can be proposed.",
            message_zh="该走廊附近没有地面高程，无法确定埋深。",
        )
    ends = tuple(
        _end(around, node_id, grid.local(place[None])[0], float(around.ground.at(place[None])[0]) - below_m)
        for node_id, place in zip(around.joined, places, strict=True)
    )
    return _Search(around, grid, depths, (ends[0], ends[1]), places)


def _end(around: Surroundings, node_id: int | None, at: Floats, highest_m: float) -> End:
    """An end at the height of the pipes it joins; free to lie at any level where they are too shallow or unknown."""
    joins = np.array(
        [node_id is not None and node_id in _nodes_of(other) for other in around.others]
        + [False] * (len(around.structures) + 1),
        np.bool_,
    )
    heights_m = [
        other.axis[0 if other.row["from_node_id"] == node_id else -1, 2]
        for other, is_joined in zip(around.others, joins, strict=False)
        if is_joined
    ]
    height_m = float(np.mean(heights_m)) if heights_m else math.nan
    is_fixed = height_m <= highest_m
    return End(at[0], at[1], height_m if is_fixed else highest_m, is_fixed, joins)


def _nodes_of(segment: Segment) -> tuple[int, int]:
    return segment.row["from_node_id"], segment.row["to_node_id"]


def _level_count(wish: RouteWish, least_cover_m: float) -> int:
    deepest_m = least_cover_m + _DEEPER_M if wish.deepest_cover_m is None else wish.deepest_cover_m
    if deepest_m < least_cover_m:
        raise UsageError(
            f"A cover of at least {least_cover_m:.2f} m is asked for, so {deepest_m:.2f} m cannot be the greatest.",
            message_zh=f"最小覆土要求 {least_cover_m:.2f} m，最大覆土不能是 {deepest_m:.2f} m。",
        )
    return min(_MOST_LEVELS, 1 + math.floor((deepest_m - least_cover_m) / _LEVEL_M + 1e-6))


def _place(connection: Connection, end: RouteEnd, wish: RouteWish, srid: int, project_srid: int) -> Floats:
    if end.node_id is None:
        assert end.at is not None
        return _in_project(end.at, srid, project_srid)
    row = fetch_one(connection, queries("routing")["node_place"], {"node_id": end.node_id})
    if row is None:
        raise NotFoundError(f"There is no node {end.node_id} on the map.", message_zh=f"图上没有管点 {end.node_id}。")
    if row["class_code"] != wish.class_code:
        raise UsageError(
            f"Node {end.node_id} is of {row['class_code']}; a pipe of {wish.class_code} does not join it.",
            message_zh=f"管点 {end.node_id} 属于 {row['class_code']}，与 {wish.class_code} 不能相接。",
        )
    return np.array([row["x_m"], row["y_m"]])


def _in_project(at: tuple[float, float], srid: int, project_srid: int) -> Floats:
    # A line of no length is a point that can be transformed.
    place: Floats = shapely.get_coordinates(line_in_project(shapely.LineString([at, at]), srid, project_srid))[0]
    return place


def _pipe(wish: RouteWish, line: Sequence[tuple[float, ...]]) -> DrawnPipe:
    given = wish.model_dump(exclude={"start", "end", "cover_depth_m", "deepest_cover_m", "cross_unknown"})
    return DrawnPipe(line=tuple(line), from_node_id=wish.start.node_id, to_node_id=wish.end.node_id, **given)


def _check(wish: RouteWish, grid: Grid, places: tuple[Floats, Floats]) -> None:
    if code_table("utility_class")[wish.class_code].fields["flow"] == "gravity":
        raise UsageError(
            "Routes are proposed for pressure pipes and cables; a line that flows by gravity needs its fall designed.",
            message_zh="自动选线适用于压力管线和电缆；重力流管线须先设计坡度。",
        )
    for place, name in zip(places, ("start", "end"), strict=True):
        if grid.cell_of(place) < 0:
            raise UsageError(
                f"The {name} of the route lies outside of the corridor.",
                message_zh="路由端点不在走廊内。",
            )


def _corners(axis: Floats) -> Floats:
    """A line without repeated points and without those that lie straight between their neighbours."""
    kept = [axis[0]]
    for here, there in pairwise(axis[1:]):
        way, onward = here - kept[-1], there - here
        straight = np.linalg.norm(way) * np.linalg.norm(onward) - way @ onward
        if np.linalg.norm(way[:2]) > _SAME_M and straight > 1e-9:
            kept.append(here)
    if len(kept) > 1 and np.linalg.norm(axis[-1, :2] - kept[-1][:2]) <= _SAME_M:
        kept.pop()
    return np.array([*kept, axis[-1]])


def _pulled(axis: Floats, around: Surroundings) -> Floats:
    """A line pulled straight as far as it stays clear and becomes no dearer; dearer only where it crowds itself."""
    frugal = _pulled_while(axis, around, is_frugal=True)
    return _pulled_while(axis, around, is_frugal=False) if around.crowds_itself(frugal) else frugal


def _pulled_while(axis: Floats, around: Surroundings, is_frugal: bool) -> Floats:
    costs = np.concatenate([[0.0], np.cumsum(_cost(np.stack([axis[:-1], axis[1:]], axis=1), around))])
    kept, last = [0], len(axis) - 1
    while kept[-1] < last:
        here = kept[-1]
        ahead = np.arange(last, here, -1)
        pieces = np.stack([np.broadcast_to(axis[here], (len(ahead), 3)), axis[ahead]], axis=1)
        if is_frugal:
            cheap = _cost(pieces, around) <= costs[ahead] - costs[here] + 1e-6
            pieces, ahead = pieces[cheap], ahead[cheap]
        good = ahead[around.stand(pieces, np.full(len(ahead), here == 0), ahead == last)]
        kept.append(int(good[0]) if len(good) else here + 1)
    return axis[kept]


def _cost(pieces: Floats, around: Surroundings) -> Floats:
    """What straight pieces (m, 2, 3) cost, as the search reckons."""
    length_m = np.linalg.norm(pieces[:, 1, :2] - pieces[:, 0, :2], axis=1)
    top_m = pieces[..., 2] + around.asked.half_height_m + around.least_cover_m
    deeper_m = np.maximum(around.ground.at(pieces[..., :2].reshape(-1, 2)).reshape(-1, 2) - top_m, 0.0).mean(axis=1)
    cost: Floats = length_m * (1 + _COSTS.deeper * deeper_m) + _COSTS.crossing * around.count_crossed(pieces)
    return cost


def _answer(site: Site, wish: RouteWish, around: Surroundings, grid: Grid, axis: Floats) -> RouteProposal:
    conflicts, unknown = around.judged(axis) if len(axis) else ([], [])
    found = len(axis) > 0 and not conflicts and (wish.cross_unknown or not unknown)
    cover_m = around.ground.at(axis[:, :2]) - axis[:, 2] - around.asked.half_height_m
    length_m = float(np.linalg.norm(np.diff(axis[:, :2], axis=0), axis=1).sum())
    crossings = around.crossings(axis) if len(axis) else []
    english, chinese = proposal_words(found, length_m, cover_m, crossings, conflicts, unknown)
    return RouteProposal(
        version=site.version,
        found=found,
        pipe=_pipe(wish, [(x, y, z) for x, y, z in axis.round(3).tolist()]) if len(axis) else None,
        length_m=round(length_m, 2) if len(axis) else None,
        least_cover_m=round(float(cover_m.min()), 3) if len(axis) else None,
        greatest_cover_m=round(float(cover_m.max()), 3) if len(axis) else None,
        crossings=tuple(crossings),
        blocked_by=() if found else tuple(_worst(conflicts)),
        cannot_tell=tuple(unknown),
        corridor=tuple((x, y) for x, y in shapely.get_coordinates(around.corridor.exterior).round(3).tolist()),
        cell_m=round(grid.plan.cell_m, 3),
        message_en=english,
        message_zh=chinese,
    )


def _worst(conflicts: Sequence[Conflict]) -> list[Conflict]:
    """Of each thing in the way the worst conflict, the worst first."""
    worst: dict[tuple[str | None, int | None], Conflict] = {}
    for found in sorted(conflicts, key=lambda each: -each.shortfall_m):
        worst.setdefault((found.other_kind, found.other_id), found)
    return list(worst.values())
