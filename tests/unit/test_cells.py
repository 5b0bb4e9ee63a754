"""Cells as people and programs write them: numbers, null words and dates."""

import math
from datetime import date, datetime
from typing import Any
from unicodedata import normalize

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importers.normalising.cells import cells, code_in, numbers
from importers.normalising.dates import parse_date
from importers.profile_files import load_profile

NULLS = frozenset({"", "/", "无", "null", "9999"})


def read(*values: Any) -> tuple[list[float], list[bool]]:
    found, bad = numbers(pd.Series(list(values), dtype=object), NULLS, zero_is_unknown=False)
    return found.tolist(), bad.tolist()


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("1.5", 1.5),
        (" 1.5 ", 1.5),
        ("１.5", 1.5),
        ("-0.3", -0.3),
        ("2,600,714.44", 2600714.44),
        ("1,234.5", 1234.5),
        ("۱٬۲۳۴٫۵", 1234.5),
        (7, 7),
    ],
)
def test_numbers_are_read_as_they_are_written(written: Any, number: float) -> None:
    assert read(written, "x") == ([number, pytest.approx(math.nan, nan_ok=True)], [False, True])


@pytest.mark.parametrize("written", ["1,234", "1,5", "DN300", "1.2.3", True, datetime(2024, 1, 20), "inf"])
def test_what_may_be_another_number_or_none_is_flagged(written: Any) -> None:
    _, bad = read(written, 1.5)
    assert bad == [True, False]


@pytest.mark.parametrize("unknown", ["", "/", "无", "NULL", "9999", "9999.0", None, math.nan, -9999, "-9999", 1e20])
def test_null_words_and_fill_numbers_are_unknown_not_wrong(unknown: Any) -> None:
    found, bad = read("1", unknown)
    assert math.isnan(found[1])
    assert bad == [False, False]


@given(st.lists(st.text("aJ1 \t\x1f\u3000\uff11\ud800/", max_size=4), min_size=1))
def test_a_column_of_texts_reads_like_its_cells_one_by_one(values: list[str]) -> None:
    found = cells(pd.Series(values, dtype=object), NULLS).texts().tolist()
    assert found == [cells(pd.Series([value], dtype=object), NULLS).texts()[0] for value in values]
    assert found == [None if (word := normalize("NFKC", value).strip()) in NULLS else word for value in values]


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e7, 1e7).map(str), st.sampled_from([*NULLS, "x", "１２", "1,000,000"])))
)
@settings(deadline=None)
def test_a_column_reads_like_its_cells_one_by_one(values: list[Any]) -> None:
    found, bad = read(*values)
    alone = [read(value) for value in values]
    assert np.array_equal(found, [cell[0][0] for cell in alone], equal_nan=True)
    assert bad == [cell[1][0] for cell in alone]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("预制直埋保温钢管", "steel"), ("RCC NP3", "concrete"), ("PVC-KG", "pvc"), ("ductile cast iron", "ductile_iron"),
     ("PVC lined steel", None), ("steel or PVC", None), ("glass fibre", None), ("非金属管", None), ("PVC?", None),
     ("焊接钢管3PE防腐", "steel"), ("20#钢", "steel"), ("不锈钢304", "steel"), ("水泥管块", "concrete"),
     ("月石", None)],
)  # fmt: skip
def test_a_material_is_read_by_a_part_where_no_other_part_says_else(written: str, read_as: str | None) -> None:
    found = code_in(written, load_profile("default").code_words("material"))
    assert (found and found[0]) == read_as


def test_a_null_word_that_is_a_number_is_unknown_among_numbers_too() -> None:
    found, bad = numbers(pd.Series([1.5, 9999.0, math.nan]), NULLS, zero_is_unknown=False)
    assert (np.isnan(found).tolist(), bad.any()) == ([False, True, True], False)


def test_words_are_trimmed_and_known_by_what_they_say() -> None:
    column = pd.Series(["  三通 ", "ＤＮ300", "Null", 12.0, 12.5, date(2024, 5, 1), None], dtype=object)
    assert cells(column, NULLS).texts().tolist() == ["三通", "DN300", None, "12", "12.5", "2024-05-01", None]


@pytest.mark.parametrize(
    ("written", "day"),
    [
        ("20150601", date(2015, 6, 1)),
        ("2015-06", date(2015, 6, 1)),
        ("2015年6月", date(2015, 6, 1)),
        ("45352", date(2024, 3, 1)),
        ("45352.75", date(2024, 3, 1)),
        ("1.6.2015", date(2015, 6, 1)),
        ("01.06.2015.", date(2015, 6, 1)),
        ("06/2015", date(2015, 6, 1)),
        ("2015", date(2015, 1, 1)),
        ("昭和55年度", date(1980, 1, 1)),
        ("令和元年5月1日", date(2019, 5, 1)),
        ("平成3年", date(1991, 1, 1)),
        ("二〇一二年三月", date(2012, 3, 1)),
        ("一九九八年十一月二十日", date(1998, 11, 20)),
        # Days of Iran's calendar: its revolution, and new year's day after a leap year.
        ("۱۳۵۷/۱۱/۲۲", date(1979, 2, 11)),
        ("۱۴۰۰/۰۱/۰۱", date(2021, 3, 21)),
        ("1385", None),
        ("20120500", date(2012, 5, 1)),
        ("2012-00-00", date(2012, 1, 1)),
        ("Mar 5, 2016", date(2016, 3, 5)),
        ("S55", None),
        ("12345", None),
        ("2015-13", None),
        ("99999", None),
        ("soon", None),
    ],
)
def test_dates_are_read_as_surveys_and_spreadsheets_write_them(written: str, day: date | None) -> None:
    assert parse_date(written) == day
