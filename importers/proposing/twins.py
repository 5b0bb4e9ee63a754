"""Heights at the other end of a line, told by a name that is one word away: Kóta dna od beside Kóta dna do."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from importers.proposing.content import fit
from importers.proposing.match import ADOPTED, Match, Reason
from importers.proposing.sample import Sample

_HEIGHTS = ("elevation_m", "depth_m", "ground_m")
_LEAST_FIT, _FURTHEST_APART_M = 0.8, 10.0


def other_ends(samples: Mapping[str, Sample], free: Sequence[str], taken: Mapping[str, str]) -> dict[str, Match]:
    """What free columns are that stand beside one of the known end and are named like it but for one word.

    Parameters
    ----------
    taken
        The columns of attributes that are known.
    """
    known = {column: attribute for attribute, column in taken.items()}
    found = {}
    for first, second in pairwise(samples):
        for twin, column, ends in ((second, first, ("from", "to")), (first, second, ("to", "from"))):
            height = str(known.get(column)).removeprefix(f"{ends[0]}_")
            attribute = f"{ends[1]}_{height}"
            if height not in _HEIGHTS or known.get(column) != f"{ends[0]}_{height}":
                continue
            if twin in free and attribute not in taken and _are_alike(samples, column, twin, attribute):
                why = Reason(f"it stands beside {column} and is named like it", f"与 {column} 相邻且列名仅一词之差")
                found[twin] = Match(attribute, ADOPTED, why, by_values=True)
    return found


def _are_alike(samples: Mapping[str, Sample], column: str, twin: str, attribute: str) -> bool:
    one, other = (re.findall(r"\w+", name.casefold()) for name in (column, twin))
    n_apart = sum(a != b for a, b in zip(one, other, strict=False))
    if len(one) != len(other) or len(one) < 2 or n_apart != 1:
        return False
    apart_m = samples[column].head - samples[twin].head
    known = np.abs(apart_m[np.isfinite(apart_m)])
    is_near = len(known) > 0 and float(np.median(known)) < _FURTHEST_APART_M
    return is_near and (fit(attribute, samples[twin]) or 0.0) >= _LEAST_FIT
