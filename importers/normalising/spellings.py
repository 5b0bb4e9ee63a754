"""Point numbers that lines spell otherwise than the points do: `rq-3` and `RQ - 3` for `RQ-3`."""

import re
from collections import defaultdict
from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from importers.normalising.ledger import Ledger
from schemas.findings import Severity

_BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s_\-–—－]+(?=\d)")
_LETTERS_AND_FIGURES = re.compile(r"^([A-Za-z]+)[-_]?(\d+)$")
_BETWEEN = re.compile(r"[\s_–—－]+|(?<!\d)-|-(?!\d)")


def with_known_spelling(nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Segments whose ends are spelt as the points are, where case, blanks, dashes or letters of a class are missing.

    A number that two points could be meant by stays as it is.
    """
    if not len(nodes):
        return segments
    known = pa.array(nodes["source_key"], type=pa.string())
    lost = {end: _lost(segments[end], known) for end in ("from_key", "to_key")}
    if not any(len(rows) for rows in lost.values()):
        return segments
    spelt = _by_fold(known.to_pylist())
    by_figures = _by_figures(nodes)
    without_zeros = _without_zeros(known.to_pylist())
    segments = segments.copy()
    for end, rows in lost.items():
        written = segments.loc[rows, end].astype(object)
        classes = segments.loc[rows, "class_code"].astype(object)
        meant = written.map(lambda key: spelt.get(folded(key)))
        bare = [by_figures.get(pair) for pair in zip(classes.astype(str), written, strict=True)]
        meant = meant.where(meant.notna(), pd.Series(bare, index=rows, dtype=object))
        meant = meant.where(meant.notna(), written.map(without_zeros.get))
        found = meant[meant.notna()]
        segments.loc[found.index, end] = found
        ledger.report(
            segments.loc[found.index, ["table", "place"]].assign(written=written[found.index], meant=found),
            Severity.WARNING,
            "R20",
            "Point {written} is not in the point table; {meant} was taken, the same but for case, blanks, dashes, "
            "zeros before it or the letters of its class.",
            "点号 {written} 不在管点表中；按仅大小写、空格、连字符、前导零或类别字母不同的 {meant} 连接。",
            kind="pipe_segment",
            value="written",
        )
    return segments


def _lost(column: "pd.Series[str]", known: pa.Array) -> "pd.Index[int]":
    texts = pa.array(column, type=pa.string())
    is_lost = pc.and_(pc.is_valid(texts), pc.invert(pc.is_in(texts, value_set=known)))
    rows: pd.Index[int] = column.index[is_lost.to_numpy(zero_copy_only=False)]
    return rows


def _by_fold(keys: Iterable[str]) -> dict[str, str]:
    """The point number of each folded one, without those that several fold to."""
    spelt: dict[str, str] = {}
    several = set()
    for key in keys:
        fold = folded(key)
        if spelt.setdefault(fold, key) != key:
            several.add(fold)
    return {fold: key for fold, key in spelt.items() if fold not in several}


def _without_zeros(keys: Iterable[str]) -> dict[str, str]:
    """The point of each number as a spreadsheet writes it, 1 for 0001, where no two are the same."""
    meant: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        if key.isdecimal() and key.startswith("0"):
            meant[key.lstrip("0")].append(key)
    return {figures: found[0] for figures, found in meant.items() if len(found) == 1}


def _by_figures(nodes: pd.DataFrame) -> dict[tuple[str, str], str]:
    """The point of each class and bare number, 12 for JS12, where all points of a class begin with the same letters."""
    letters: dict[str, set[str]] = defaultdict(set)
    named: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, of_class in zip(nodes["source_key"].tolist(), nodes["class_code"].astype(object).tolist(), strict=True):
        match = _LETTERS_AND_FIGURES.match(str(key))
        letters[str(of_class)].add(match[1] if match else "")
        if match:
            named[str(of_class), match[2]].append(key)
    alike = {of_class for of_class, found in letters.items() if len(found) == 1}
    return {pair: keys[0] for pair, keys in named.items() if pair[0] in alike and len(keys) == 1}


def folded(key: str) -> str:
    """A point number without case, blanks and dashes; dashes between figures stay."""
    # 1-12 is not 11-2.
    return _BETWEEN.sub("", _BETWEEN_DIGITS.sub("-", key)).casefold()
