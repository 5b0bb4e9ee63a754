"""Types of the columns that stay in memory for every row of a delivery."""

from typing import Any

import numpy as np
import pandas as pd

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


def codes(column: "pd.Series[Any]") -> Any:
    """The numbers of a column's categories, -1 where unknown, int64."""
    return column.cat.codes.to_numpy(np.int64)
