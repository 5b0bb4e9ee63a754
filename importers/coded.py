"""Codes of a column as what they stand for, whoever says it: the file itself or a profile."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def decoded(cells: Any, names: Mapping[str, str]) -> Any:
    """The column with names in place of codes; what is no code stays as it is."""
    index, values = pd.factorize(pd.Series(cells, dtype=object if isinstance(cells, list) else None))
    words = [names.get(_code(value), value) for value in values]
    return np.array([*words, None, None], dtype=object)[np.where(index < 0, len(words), index)]


def _code(value: Any) -> str:
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
