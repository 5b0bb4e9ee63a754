"""Types of the columns that stay in memory for every row of a delivery."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from importers.profiles import SECRET
from schemas.codetables import code_table

TEXT = pd.StringDtype("pyarrow", na_value=np.nan)
CLASS = pd.CategoricalDtype([*code_table("utility_class"), SECRET])
BURIAL = pd.CategoricalDtype(list(code_table("burial")))
DATUM = pd.CategoricalDtype(list(code_table("depth_datum")))
ELEVATION_SOURCE = pd.CategoricalDtype(list(code_table("elevation_source")))

COMPACT: dict[str, Any] = {
    **dict.fromkeys(("source_key", "from_key", "to_key", "node_key"), TEXT),
    "class_code": CLASS,
    "burial_code": BURIAL,
    "depth_datum_code": DATUM,
}


def compact(values: Any, kind: Any) -> Any:
    """Texts as one of these types: by way of Arrow, which makes each of them once and compares few."""
    texts = pa.array(values, pa.large_string(), from_pandas=True)
    if kind == TEXT:
        return pd.array(texts, dtype=TEXT)
    words = texts.dictionary_encode()
    numbers = np.append(kind.categories.get_indexer(words.dictionary.to_pylist()), -1)
    return pd.Categorical.from_codes(numbers[words.indices.fill_null(-1).to_numpy()], dtype=kind)


def codes(column: "pd.Series[Any]") -> Any:
    """The numbers of a column's categories, -1 where unknown, int64."""
    return column.cat.codes.to_numpy(np.int64)
