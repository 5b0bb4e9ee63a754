"""Dimensions of a cross-section: side by side and one over the other, each with the limit the rules set."""

from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

import numpy as np

from pipemap.clearance.conditions import Party
from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.rules import Direction, cover_limit, strictest
from pipemap.sections.places import Place
from schemas.sections import Cut, CutStructure, Spacing, VerticalGap


def with_cover_limits(
    cuts: Sequence[Cut], places: Sequence[Place], structures: Sequence[CutStructure]
) -> Iterator[Cut]:
    """Cuts with the cover the rules ask for."""
    for cut, place in zip(cuts, places, strict=True):
        limit_m = cover_limit_m(place.segment.party, cut.station_m, structures) if cut.is_live else None
        yield cut.model_copy(update={"cover_limit_m": limit_m})


def cover_limit_m(party: Party, station_m: float, structures: Sequence[CutStructure]) -> float | None:
    """The cover the rules ask for at a station: under a road of the map that of a carriageway, else that of a path."""
    under_road = any(found.kind_code == "road" and found.from_m <= station_m <= found.to_m for found in structures)
    limit = cover_limit(party, under_road)
    return None if limit is None else limit.min_m


def spacings(cuts: Sequence[Cut], places: Sequence[Place]) -> Iterator[Spacing]:
    """Every two live pipes side by side."""
    for one, other in pairwise(cut for cut in cuts if cut.is_live):
        sides = [_side(cut) for cut in (one, other)]
        clear_m = sides[1][0] - sides[0][1] if all(sides) else None
        yield Spacing(
            one=one.number,
            other=other.number,
            spacing_m=other.station_m - one.station_m,
            clear_m=clear_m,
            limit_m=_limit("horizontal", places, one, other),
        )


def vertical_gaps(
    cuts: Sequence[Cut], places: Sequence[Place], together: Collection[tuple[int, int]] = ()
) -> Iterator[VerticalGap]:
    """Every live pipe and the next one under it in the plane, where they come nearest to one another.

    Pairs of numbers that lie `together`, in one trench or bank, have nothing between them to measure.
    """
    live = sorted((cut for cut in cuts if cut.is_live and cut.wall), key=_top, reverse=True)
    for rank, upper in enumerate(live):
        under = [lower for lower in live[rank + 1 :] if _overlap(upper, lower)]
        if under:
            lower = max(under, key=_top)
            if tuple(sorted((upper.number, lower.number))) in together:
                continue
            station_m, to_z_m, from_z_m = _nearest(upper, lower)
            yield VerticalGap(
                upper=upper.number,
                lower=lower.number,
                station_m=station_m,
                from_z_m=from_z_m,
                to_z_m=to_z_m,
                clear_m=to_z_m - from_z_m,
                limit_m=_limit("vertical", places, upper, lower),
            )


def _limit(direction: Direction, places: Sequence[Place], one: Cut, other: Cut) -> float | None:
    parties = [places[cut.number - 1].segment.party for cut in (one, other)]
    limit = strictest(direction, *parties)
    return None if limit is None else limit.min_m


def _side(cut: Cut) -> tuple[float, ...]:
    stations = [station for station, _ in cut.wall]
    return (min(stations), max(stations)) if stations else ()


def _overlap(one: Cut, other: Cut) -> tuple[float, ...]:
    """From and to where two outlines stand over one another; empty where they do not."""
    (low, high), (from_m, to_m) = _side(one), _side(other)
    found = max(low, from_m), min(high, to_m)
    return found if found[0] < found[1] else ()


def _nearest(upper: Cut, lower: Cut) -> tuple[float, float, float]:
    """Where two outlines over one another come nearest: station, bottom of the upper and top of the lower there.

    Outlines are convex, so that is above a corner of one of them, or at an end of what they share.
    """
    from_m, to_m = _overlap(upper, lower)
    corners = np.array([station for cut in (upper, lower) for station, _ in cut.wall])
    stations = np.unique([from_m, (from_m + to_m) / 2, to_m, *corners[(corners > from_m) & (corners < to_m)]])
    bottom, top = _edge(upper, stations, np.minimum), _edge(lower, stations, np.maximum)
    # Of level pipes everything is as near: told in the middle.
    least = np.flatnonzero(bottom - top <= (bottom - top).min() + 1e-6)
    at = int(least[len(least) // 2])
    return float(stations[at]), float(bottom[at]), float(top[at])


def _edge(cut: Cut, stations: Floats, side: np.ufunc) -> Floats:
    """The lower (np.minimum) or upper (np.maximum) edge of an outline at stations within it."""
    shape = np.array(cut.wall)
    start, end = shape, np.roll(shape, -1, axis=0)
    low, high = np.minimum(start[:, 0], end[:, 0]), np.maximum(start[:, 0], end[:, 0])
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip((stations[:, None] - start[:, 0]) / (end[:, 0] - start[:, 0]), 0.0, 1.0)
    z = start[:, 1] + np.nan_to_num(share) * (end[:, 1] - start[:, 1])
    none = np.inf if side is np.minimum else -np.inf
    on_edge = (low <= stations[:, None]) & (stations[:, None] <= high)
    found: Floats = side.reduce(np.where(on_edge, z, none), axis=1)
    return found


def _top(cut: Cut) -> float:
    return max(z for _, z in cut.wall)
