"""Columns told by what they add up to: ground less depth is pipe elevation, and the ground is that of the points."""

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np

from importers.normalising.cells import Floats
from importers.normalising.units import factor, unit_of
from importers.proposing.content import fit, is_ground
from importers.proposing.match import Match, Reason
from importers.proposing.sample import Sample
from importers.proposing.units_told import in_centimetres
from importers.proposing.vocabulary import readings, says_else

# Rounding of two decimals in three numbers.
_AGREEMENT_M = 0.0201
_LEAST_SHARE, _LEAST_ROWS = 0.8, 5
_TRUST, _TRUST_IN_ORDER = 0.9, 0.5
_MOST_COLUMNS = 12
_LEAST_DEPTH_M, _DEEPEST_M = 0.2, 15.0
_TRUST_BELOW, _NEARLY_ALL = 0.55, 0.95
# Most pipes of a street lie less deep.
_USUAL_DEPTH_M = 5.0


def heights(
    samples: Mapping[str, Sample],
    free: Sequence[str],
    ends: Mapping[str, str],
    ground_m: Mapping[str, float],
    bottom_m: Mapping[str, float],
) -> dict[str, list[Match]]:
    """What free columns of a line table are by the heights of its points.

    Parameters
    ----------
    ends
        The columns of both ends by attribute, `from_key` and `to_key`, with those of depths and elevations known.
    ground_m, bottom_m
        Elevations of the ground and of the bottom of wells by point number.
    """
    found: dict[str, list[Match]] = {}
    left = [name for name in free if samples[name].number_share > 0.9][:_MOST_COLUMNS]
    for end in ("from", "to"):
        ground = _ground(samples, ends.get(f"{end}_key"), ground_m)
        if ground is None:
            continue
        for name in left:
            if agree(samples[name].head - ground):
                why = Reason("it equals the ground elevation of that point", "与该端管点地面高程相等")
                found.setdefault(name, []).append(Match(f"{end}_ground_m", _TRUST, why, by_values=True))
        _add_depths(found, samples, [*left], ends, end, ground)
    return found or _below_ground(samples, left, ends, (ground_m, bottom_m)) or _in_order(samples, left, ends)


def _below_ground(
    samples: Mapping[str, Sample],
    left: Sequence[str],
    ends: Mapping[str, str],
    heights_m: tuple[Mapping[str, float], Mapping[str, float]],
) -> dict[str, list[Match]]:
    """Two columns between the ground and the bottom of the wells, one at either end, the nearer end first."""
    if any(f"{end}_elevation_m" in ends for end in ("from", "to")):
        return {}
    at = [[_ground(samples, ends.get(f"{end}_key"), by_point) for by_point in heights_m] for end in ("from", "to")]
    are_bottoms_known = all(bottom is not None for _, bottom in at)
    telling = [
        name
        for name in left
        if are_bottoms_known or is_ground(samples[name]) or _median(samples[name]) > _USUAL_DEPTH_M
    ]
    below = [[name for name in telling if _is_between(samples[name].head, *end)] for end in at]
    alike = [name for name in telling if name in (*below[0], *below[1])]
    if len(alike) != 2:
        return {}
    straight, crossed = alike, alike[::-1]
    ways = [way for way in (straight, crossed) if way[0] in below[0] and way[1] in below[1]]
    if not ways:
        return {}
    apart_m, apart_crossed_m = (_apart(samples, names, at) for names in (straight, crossed))
    # Where they lie below the ground of either end they stand in order, unless the bottoms of the wells clearly say
    # that they do not.
    is_crossed = len(ways) > 1 and apart_crossed_m < min(_AGREEMENT_M, apart_m / 2)
    order = crossed if is_crossed else ways[0]
    why = Reason("it lies below the ground of that end, as pipes do", "其值位于该端地面之下，与管道高程相符")
    found = zip(order, ("from_elevation_m", "to_elevation_m"), strict=True)
    return {name: [Match(attribute, _TRUST_BELOW, why, by_values=True)] for name, attribute in found}


def _is_between(values: Floats, ground: Floats | None, bottom: Floats | None) -> bool:
    if ground is None:
        return False
    cover = ground - values
    known = np.isfinite(cover)
    if int(known.sum()) < _LEAST_ROWS:
        return False
    is_so = (cover[known] >= _LEAST_DEPTH_M) & (cover[known] <= _DEEPEST_M)
    if bottom is not None and np.isfinite(bottom[known]).any():
        is_so &= ~(values[known] < bottom[known] - _DEEPEST_M / 10)
    return float(is_so.mean()) >= _NEARLY_ALL


def _apart(samples: Mapping[str, Sample], names: Sequence[str], at: Sequence[Sequence[Floats | None]]) -> float:
    """How far the columns are from the bottoms of their ends, 0 where no bottom is known."""
    pairs = zip(names, at, strict=True)
    apart = [np.abs(samples[name].head - bottom) for name, (_, bottom) in pairs if bottom is not None]
    known = [each[np.isfinite(each)] for each in apart]
    return sum(float(np.median(each)) for each in known if len(each))


def _add_depths(
    found: dict[str, list[Match]],
    samples: Mapping[str, Sample],
    left: Sequence[str],
    ends: Mapping[str, str],
    end: str,
    ground: Floats,
) -> None:
    """Pairs of columns, at least one of them free, that make up the ground together."""
    depth, elevation = ends.get(f"{end}_depth_m"), ends.get(f"{end}_elevation_m")
    pairs = [(depth, name) for name in left] if depth else [(name, elevation) for name in left] if elevation else []
    for one, other in pairs or list(permutations(left, 2)):
        if one is None or other is None or not agree(ground - samples[one].head - samples[other].head):
            continue
        if (fit("from_depth_m", samples[one]) or 0.0) < _LEAST_SHARE or agree(samples[other].head - ground):
            continue
        if one in left and other in left and _is_rather(samples, other, one):
            continue
        for name, attribute in ((one, f"{end}_depth_m"), (other, f"{end}_elevation_m")):
            why = Reason("ground less depth is elevation with it", "地面高程、埋深与管道高程三者相符")
            if name in left:
                found.setdefault(name, []).append(Match(attribute, _TRUST, why, by_values=True))


def _is_rather(samples: Mapping[str, Sample], depth: str, elevation: str) -> bool:
    """Whether, of two columns that make up the ground, this one is the depth: by name, else the lesser."""
    says = [{reading.attribute for reading in readings("segment", name)} for name in (depth, elevation)]
    named = [bool(said & {"depths", "from_depth_m", "to_depth_m"}) for said in says]
    if named[0] != named[1]:
        return named[0]
    return float(np.nanmedian(samples[depth].head)) < float(np.nanmedian(samples[elevation].head))


def _in_order(samples: Mapping[str, Sample], left: Sequence[str], ends: Mapping[str, str]) -> dict[str, list[Match]]:
    """Two neighbouring columns that look like depths, where no other column gives any."""
    if any(f"{end}_{what}_m" in ends for end in ("from", "to") for what in ("depth", "elevation")):
        return {}
    alike = [name for name in left if _is_depth(name, samples[name])]
    if len(alike) != 2:
        return {}
    why = Reason("two columns of small decimals, in this order", "两列小数，按先后次序")
    pairs = zip(alike, ("from_depth_m", "to_depth_m"), strict=True)
    return {name: [Match(attribute, _TRUST_IN_ORDER, why, by_values=True)] for name, attribute in pairs}


def _is_depth(name: str, sample: Sample) -> bool:
    """Whether a column can be depths of a street: decimals, not too small, and not said to be something else."""
    if says_else("segment", name) or factor("from_depth_m", unit_of(name) or "m") not in (1.0, 0.01):
        return False
    is_deep = _LEAST_DEPTH_M < _median(sample) <= _USUAL_DEPTH_M * (100 if in_centimetres(sample) else 1)
    return is_deep and sample.decimal_share > 0.3 and (fit("from_depth_m", sample) or 0.0) > 0.95


def _median(sample: Sample) -> float:
    values = sample.known_numbers[sample.known_numbers != 0]
    return float(np.median(values)) if len(values) else 0.0


def _ground(samples: Mapping[str, Sample], column: str | None, ground_m: Mapping[str, float]) -> Floats | None:
    if column is None or not ground_m:
        return None
    words = samples[column].head_words
    return np.array([ground_m.get(word or "", np.nan) for word in words], dtype=np.float64)


def agree(apart: Floats) -> bool:
    """Whether what should be nothing is nothing but rounding in most of the rows, and in enough of them."""
    known = np.isfinite(apart)
    return int(known.sum()) >= _LEAST_ROWS and float((np.abs(apart[known]) <= _AGREEMENT_M).mean()) >= _LEAST_SHARE
