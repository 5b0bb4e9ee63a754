"""Wide tables of points: 连接点1, 管径1, 连接点2, 管径2 as a row for each connected point."""

import re
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pandas as pd

from importers.base import DERIVED, RecordTable
from importers.normalising.ledger import listed
from importers.profiles import plain
from importers.proposing.vocabulary import readings
from schemas.findings import Finding, Severity

_NUMBERED = re.compile(r"(?P<before>[^\d一二三四五六七八]*?)(?P<number>[1-8一二三四五六七八])(?P<after>\D*)")
_CHINESE = "一二三四五六七八"
_FIRST_WORDS = ("连接点", "连接井", "连接管点", "相邻点", "相邻井", "连接方向", "连接点号", "连接")
_LEAST_TRUST = 0.75


def with_rows_for_links(table: RecordTable, keys: frozenset[str]) -> RecordTable:
    """The table with numbered columns of connected points one below another, other tables as they are.

    Every row becomes as many as it names connected points, derived but the first; `keys` are plain names of columns of
    point numbers, without one of which nothing is done.
    """
    columns = [str(name) for name in table.rows.columns]
    groups = _groups(columns)
    link = next((base for base in groups if _names_other_end(base)), None)
    if link is None or len(groups[link]) < 2 or not any(_numbers_points(name, keys) for name in columns):
        return table
    taken = {base: held for base, held in groups.items() if held.keys() & groups[link].keys() and len(held) > 1}
    shared = [name for name in table.rows.columns if not any(name in held.values() for held in taken.values())]
    numbered = [{base: held.get(number) for base, held in taken.items()} for number in sorted(groups[link])]
    layers = [_layer(table.rows, shared, own) for own in numbered]
    is_named = np.column_stack([layer[link].notna() & layer[link].ne("") for layer in layers])
    is_named[~is_named.any(axis=1), 0] = True
    rows = pd.concat(layers).iloc[np.argsort(np.tile(np.arange(len(table.rows)), len(layers)), kind="stable")]
    derived = (np.cumsum(is_named, axis=1) > 1).ravel()
    rows = rows.assign(**{DERIVED: derived})[is_named.ravel()]
    return replace(table, rows=rows, findings=[*table.findings, _told(table, taken)])


def _groups(columns: list[str]) -> dict[str, dict[int, str]]:
    """Columns whose names differ by one small number alone: by the name without it, then by the number."""
    groups: dict[str, dict[int, str]] = defaultdict(dict)
    for name in columns:
        if match := _NUMBERED.fullmatch(name):
            number = match["number"]
            base = re.sub(r"[_\s第.-]+$", "", match["before"]) + match["after"]
            groups[base.strip()].setdefault(_CHINESE.find(number) + 1 or int(number), name)
    return groups


def _names_other_end(base: str) -> bool:
    words = readings("combined", base)
    return base in _FIRST_WORDS or any(word.attribute == "to_key" and word.trust >= _LEAST_TRUST for word in words)


def _numbers_points(name: str, keys: frozenset[str]) -> bool:
    words = readings("node", name)
    return plain(name) in keys or any(word.attribute == "key" and word.trust >= _LEAST_TRUST for word in words)


def _layer(rows: pd.DataFrame, shared: list[str], numbered: dict[str, str | None]) -> pd.DataFrame:
    nothing = pd.Series(None, index=rows.index, dtype=object)
    own = {base: nothing if name is None else rows[name] for base, name in numbered.items()}
    return rows[shared].assign(**own)


def _told(table: RecordTable, taken: dict[str, dict[int, str]]) -> Finding:
    names = listed([name for held in taken.values() for name in held.values()], 6)
    bases = listed(list(taken), 6)
    return Finding(
        rule="IMP-WIDE",
        severity=Severity.INFO,
        message_en=f"Columns {names} give several connected points of a row; each was read as a row of its own, "
        f"under the names {bases}.",
        message_zh=f"列 {names} 在一行中给出多个连接点；已按每个连接点一行读取，列名记为 {bases}。",
        file=table.file,
        sheet=table.sheet,
    )
