"""Columns that the model has no word for, as JSON text: made a distinct value at a time, joined by Arrow."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from importers.normalising.dates import parse_date

_MIDNIGHT = " 00:00:00"
_ACCESS_DAY = re.compile(r"(\d{4}-\d\d-\d\d|\d\d/\d\d/\d\d) 00:00:00")
_INTEGERS = range(-(2**63), 2**64)


def objects(columns: Mapping[str, "pd.Series[Any]"], n_rows: int) -> pa.Array:
    """One JSON object per row with the values that are known, null where there is none."""
    found = [members(name, column) for name, column in columns.items() if column.notna().any()]
    return joined(found, n_rows)


def joined(found: list[pa.Array], n_rows: int) -> pa.Array:
    """JSON objects of members such as `"name":1,`, null where a row has no member."""
    if not found:
        return pa.nulls(n_rows, pa.string())
    # Nulls that are skipped in a join would take rows without a member out of it (Arrow 26).
    listed = pc.binary_join_element_wise(*(member.fill_null("") for member in found), "")
    wrapped = pc.binary_join_element_wise("{", pc.utf8_rtrim(listed, ","), "}", "")
    return pc.if_else(pc.equal(listed, ""), pa.scalar(None, pa.string()), wrapped)


def members(name: str, column: "pd.Series[Any]") -> pa.Array:
    """`"name":value,` of every row, null where the value says nothing."""
    # Python takes 1, 1.0 and true for the same value; JSON does not.
    if column.dtype == object and pd.api.types.infer_dtype(column, skipna=True).startswith("mixed"):
        return pa.array(_texts(name, column.to_list()), pa.string())
    index, values = pd.factorize(column, use_na_sentinel=True)
    texts = pa.array(_texts(name, values.tolist()), pa.string())
    return texts.take(pa.array(index, mask=index < 0))


def _texts(name: str, values: npt.NDArray[Any] | list[Any]) -> list[str | None]:
    prefix = _json(name)
    plain = (_plain(value) for value in values)
    return [None if value is None else f"{prefix}:{_json(value)}," for value in plain]


def with_member(texts: pa.Array, member: pa.Array) -> pa.Array:
    """JSON objects with one more member each; both may be null."""
    inside = pc.binary_join_element_wise(pc.utf8_slice_codeunits(texts, 1, -1), ",", "")
    return joined([inside, member], len(texts))


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _plain(value: Any) -> Any:
    if value is None or value != value or value == "":
        return None
    if type(value) is str and "\0" not in value and not value.endswith(_MIDNIGHT):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        # PostgreSQL cannot hold the zero character, which some survey files pad their fields with.
        value = value.replace("\0", "")
    # Exports of one Access table write its dates differently; a day is the same day.
    if isinstance(value, datetime | str) and (day := _ACCESS_DAY.fullmatch(str(value))):
        return str(parse_date(day[1]) or value)
    is_too_large = isinstance(value, int) and value not in _INTEGERS
    return value if isinstance(value, str | int | float | bool) and not is_too_large else str(value)
