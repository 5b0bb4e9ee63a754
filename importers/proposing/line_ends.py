"""Columns of drawn lines that number their ends, whatever they are called: one number is always at one place."""

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from importers.normalising.cells import Floats
from importers.proposing.match import Match, Reason
from importers.proposing.sample import Sample

_TRUST = 0.8
_MOST_COLUMNS, _MOST_LINES = 8, 2_000
_LEAST_DISTINCT, _LEAST_MEETING, _NEARLY_ALL, _MOSTLY = 0.3, 3, 0.95, 0.8
_DECIMALS = 2


def numbers_at_ends(
    samples: Mapping[str, Sample], free: Sequence[str], shapes: npt.NDArray[np.object_]
) -> dict[str, Match]:
    """Which free columns number the start and the end of lines, by where the lines meet."""
    lines = shapes[:_MOST_LINES]
    is_line = shapely.get_type_id(lines) == shapely.GeometryType.LINESTRING
    names = [name for name in free if _may_number(samples[name])][:_MOST_COLUMNS]
    if is_line.sum() <= _LEAST_MEETING or len(names) < 2:
        return {}
    places = [shapely.get_coordinates(shapely.get_point(lines[is_line], at)).round(_DECIMALS) for at in (0, -1)]
    words = {name: np.array(samples[name].head_words[:_MOST_LINES], dtype=object)[is_line] for name in names}
    for start, end in permutations(names, 2):
        if _is_one_place_each(np.concatenate([words[start], words[end]]), np.concatenate(places)):
            why = Reason("each of its values is at one place only", "每个取值只对应一个端点位置")
            columns = ((start, "from_key"), (end, "to_key"))
            return {name: Match(attribute, _TRUST, why, by_values=True) for name, attribute in columns}
    return {}


def _may_number(sample: Sample) -> bool:
    return sample.distinct_share > _LEAST_DISTINCT and sample.decimal_share < 0.1 and sample.filled > _MOSTLY


def _is_one_place_each(numbers: npt.NDArray[np.object_], places: Floats) -> bool:
    """Whether the same numbers stand where lines meet, and others where they do not."""
    ends = pd.DataFrame({"number": numbers, "x": places[:, 0], "y": places[:, 1]}).dropna()
    at = ends.groupby(["x", "y"]).ngroup()
    by_number = at.groupby(ends["number"]).agg(["size", "nunique"])
    meeting = by_number[by_number["size"] > 1]
    n_places = at.nunique()
    is_single = len(meeting) >= _LEAST_MEETING and (meeting["nunique"] == 1).mean() >= _NEARLY_ALL
    return bool(is_single and _MOSTLY * n_places <= len(by_number) <= n_places / _MOSTLY)
