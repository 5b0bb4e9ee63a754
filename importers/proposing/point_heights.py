"""What columns of points are by their own numbers: the ground, the bottom of a well, and the depth between them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt
import shapely

from importers.base import RecordTable
from importers.normalising.cells import Floats, cells, numbers
from importers.normalising.units import factor, unit_of
from importers.proposing.arithmetic import agree
from importers.proposing.content import is_ground
from importers.proposing.match import Match, Reason
from importers.proposing.sample import Sample
from importers.proposing.vocabulary import datum_in_name

_TRUST, _TRUST_IN_BELOW, _TRUST_IN_ORDER = 0.85, 0.6, 0.5
_MOST_COLUMNS, _LEAST_ROWS = 12, 5
_SHALLOWEST_M, _DEEPEST_M, _NEARLY_ALL = 0.3, 15.0, 0.95
# Depths and bottoms can change places where both are alike.
_LEAST_RATIO = 2.0
# Degrees are written to a metre at least.
_SAME = 1e-7
_OF_PIPES = {"node": ("pipe_depth_m", "pipe_elevation_m"), "combined": ("depths", "from_elevation_m")}
_ROLES = ("ground_elevation_m", "well_bottom_m", "well_depth_m")


def well_heights(
    samples: Mapping[str, Sample],
    free: Sequence[str],
    taken: Mapping[str, str],
    shapes: npt.NDArray[np.object_] | None = None,
) -> dict[str, Match]:
    """What free columns of a table of points are, by other columns of the same rows.

    Parameters
    ----------
    taken
        The columns of attributes that are known.
    shapes
        The points of the rows, where they are drawn: what gives their places once more is no height.
    """
    numeric = [name for name in free if samples[name].number_share > 0.9 and not samples[name].is_blank]
    left = [name for name in numeric if shapes is None or not _is_place(samples[name], shapes)][:_MOST_COLUMNS]
    return _of_three(samples, left, _with_bottom(taken)) or _of_two(samples, left, taken)


def pipe_levels(
    samples: Mapping[str, Sample], free: Sequence[str], taken: Mapping[str, str], role: str
) -> dict[str, Match]:
    """The free column that is the ground less the depth of a pipe, where the depth is known and no level is."""
    depth, level = _OF_PIPES[role]
    if not {"ground_elevation_m", depth} <= taken.keys() or level in taken:
        return {}
    ground_m, depth_m = (_metres(samples[taken[name]], taken[name]) for name in ("ground_elevation_m", depth))
    fitting = [name for name in free if agree(ground_m - depth_m - _metres(samples[name], name))]
    why = Reason("ground less depth is this level", "地面高程减埋深等于该列高程")
    return {name: Match(level, _TRUST, why, by_values=True) for name in fitting[:1]}


def _is_place(sample: Sample, shapes: npt.NDArray[np.object_]) -> bool:
    """Whether a column gives an ordinate of the points themselves."""
    points = shapes[: len(sample.head)]
    ordinates = (shapely.get_x(points), shapely.get_y(points))
    return any(bool(np.isclose(sample.head, at, rtol=_SAME, atol=0.0).all()) for at in ordinates)


def heights_by_number(
    table: RecordTable, column_of: Callable[[str], str | None]
) -> tuple[dict[str, float], dict[str, float]]:
    """Elevations of the ground and of the bottom of wells of a table by point number; `column_of` an attribute."""
    key = column_of("key")
    if key is None:
        return {}, {}
    texts = cells(table.rows[key], ()).texts()
    ground_m, bottom_m, depth_m = (_numbers(table, column_of(name)) for name in _ROLES)
    return _by_number(texts, ground_m), _by_number(texts, ground_m - depth_m) | _by_number(texts, bottom_m)


def _numbers(table: RecordTable, column: str | None) -> Floats:
    if column is None:
        return np.full(len(table.rows), np.nan)
    return numbers(table.rows[column], (), zero_is_unknown=False)[0]


def _by_number(texts: Iterable[str | None], heights_m: Floats) -> dict[str, float]:
    return {text: float(h) for text, h in zip(texts, heights_m, strict=True) if text is not None and h == h}


def _with_bottom(taken: Mapping[str, str]) -> dict[str, str]:
    """The known columns; where none is of the bottoms of wells, one of the inner bottoms of their pipes is."""
    pipes = taken.get("pipe_elevation_m")
    is_bottom = pipes is not None and datum_in_name(pipes) == "invert" and _ROLES[1] not in taken
    return {**taken, _ROLES[1]: pipes} if pipes is not None and is_bottom else dict(taken)


def _of_three(samples: Mapping[str, Sample], left: Sequence[str], taken: Mapping[str, str]) -> dict[str, Match]:
    """Ground less bottom is depth, in nearly every row."""
    why = Reason("ground less bottom is depth with it", "地面高程、井底高程与井深三者相符")
    for names in _choices(left, taken):
        ground, bottom, depth = (_metres(samples[name], name) for name in names)
        if not agree(ground - bottom - depth) or float(np.nanmedian(depth)) < _SHALLOWEST_M:
            continue
        if np.nanmedian(np.abs(bottom)) < _LEAST_RATIO * np.nanmedian(depth) and taken.keys().isdisjoint(_ROLES[1:]):
            continue
        found = zip(names, _ROLES, strict=True)
        return {name: Match(role, _TRUST, why, by_values=True) for name, role in found if name in left}
    return {}


def _of_two(samples: Mapping[str, Sample], left: Sequence[str], taken: Mapping[str, str]) -> dict[str, Match]:
    """One column of elevations lies below another by what a well is deep."""
    if _ROLES[2] in taken:
        return {}
    for ground, bottom in _pairs(left, taken):
        apart = samples[ground].head - samples[bottom].head
        known = apart[np.isfinite(apart)]
        is_well = (known >= _SHALLOWEST_M) & (known <= _DEEPEST_M)
        # What is the same at every well says nothing of its bottom.
        are_levels = (
            min(len(samples[ground].words), len(samples[bottom].words)) > 1
            and min(samples[ground].decimal_share, samples[bottom].decimal_share) > 0.5
        )
        if len(known) < _LEAST_ROWS or is_well.mean() < _NEARLY_ALL or not are_levels or not is_ground(samples[ground]):
            continue
        shown = f"{known.min():.2f}–{known.max():.2f}"
        why = Reason(f"the one lies {shown} m below the other", f"两列高程相差 {shown} m，分别为地面与井底")
        found = zip((ground, bottom), _ROLES[:2], strict=True)
        return {name: Match(role, _TRUST_IN_BELOW, why, by_values=True) for name, role in found if name in left}
    return {}


def _choices(left: Sequence[str], taken: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Columns for ground, bottom and depth, at least one of them free, those that are known in their place."""
    open_roles = [role for role in _ROLES if role not in taken]
    for chosen in permutations(left, len(open_roles)) if open_roles else ():
        found = dict(zip(open_roles, chosen, strict=True)) | {role: taken[role] for role in _ROLES if role in taken}
        yield tuple(found[role] for role in _ROLES)


def _pairs(left: Sequence[str], taken: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    grounds = [taken[_ROLES[0]]] if _ROLES[0] in taken else left
    bottoms = [taken[_ROLES[1]]] if _ROLES[1] in taken else left
    yield from ((one, other) for one in grounds for other in bottoms if one != other and {one, other} & {*left})


def _metres(sample: Sample, column: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    unit = unit_of(column)
    return sample.head * (factor("well_depth_m", unit) or 1.0 if unit else 1.0)
