"""The class of rows that name none: from what they are joined to, the title, or the letters of point numbers."""

import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from importers.normalising.compact import CLASS, codes
from importers.normalising.ledger import Ledger
from importers.profiles import SECRET
from schemas.findings import Severity

# JS12, DL-7: the code of the class and a running number (CJJ 61-2017).
_LETTERS = r"^([A-Za-z]{2})[-_]?\d"
# Letters that mean a class in fewer rows of a table than this mean something else there.
_MOSTLY = 0.95
# Words for foul and storm water in one pipe.
_OF_BOTH = re.compile(r"combin|合流|混流|misch|unitair|mixt|mist[aoe]|gemengd|합류", re.IGNORECASE)
Ints = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


def classified(
    nodes: pd.DataFrame, segments: pd.DataFrame, class_words: Mapping[str, str], ledger: Ledger
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fill missing classes from the other end of the join, else from the title or the numbers; the rest is unknown."""
    of_node = codes(nodes["class_code"])
    numbers = nodes["source_key"]
    if len(segments):
        start, end = segments["from_node"].to_numpy(), segments["to_node"].to_numpy()
        own = codes(segments["class_code"])
        own = np.where(own < 0, of_node[start], own)
        own = _by_titles(own, segments["table"].to_numpy(), own < 0, ledger)
        # Of lines whose table says nothing, that of their points may.
        of_node = _by_titles(of_node, nodes["table"].to_numpy(), _marked(start[own < 0], len(nodes)), ledger)
        own = np.where(own < 0, of_node[start], own)
        own = _by_numbers(own, segments["table"].to_numpy(), numbers.take(start), class_words, ledger)
        segments = segments.assign(class_code=pd.Categorical.from_codes(own, dtype=CLASS))
        of_line = np.full(len(nodes), -1)
        # The first line at a node wins, one that starts there before any that ends there: written last.
        of_line[np.concatenate([start, end])[::-1]] = np.concatenate([own, own])[::-1]
        of_node = np.where(of_node < 0, of_line, of_node)
        ledger.classify(segments)
    of_node = _by_titles(of_node, nodes["table"].to_numpy(), of_node < 0, ledger)
    of_node = _by_numbers(of_node, nodes["table"].to_numpy(), numbers, class_words, ledger)
    nodes = nodes.assign(class_code=pd.Categorical.from_codes(of_node, dtype=CLASS))
    ledger.classify(nodes[nodes["row"] >= 0])
    return nodes, segments


def _marked(places: Ints, length: int) -> Mask:
    marked = np.zeros(length, dtype=bool)
    marked[places] = True
    return marked


def _by_titles(found: Ints, tables: Ints, wanted: Mask, ledger: Ledger) -> Ints:
    """Classes with those that are wanted and missing by what stands above each table."""
    found, is_missing = found.copy(), wanted & (found < 0)
    for table in np.unique(tables[is_missing]):
        if said := ledger.accounts[table].said_class:
            is_blank = is_missing & (tables == table)
            found[is_blank] = _position(said[0])
            _tell_said(int(is_blank.sum()), said, ledger, int(table))
    return found


def _by_numbers(
    found: Ints, tables: Ints, numbers: "pd.Series[str]", class_words: Mapping[str, str], ledger: Ledger
) -> Ints:
    """Classes with those that are missing by the letters of the point numbers of each table, else unknown."""
    found = found.copy()
    for table in np.unique(tables[found < 0]):
        is_blank = (found < 0) & (tables == table)
        found[is_blank] = _by_letters(numbers[is_blank], class_words, ledger, table)
    return found


def is_open_sewer(code: str, text: str) -> bool:
    """Whether a text speaks of sewers alone, and does not tell what flows in them."""
    return code == "combined" and _OF_BOTH.search(text) is None


def _tell_said(n_rows: int, said: tuple[str, str], ledger: Ledger, table: int) -> None:
    """Say what the class was taken from; a name that speaks of sewers alone does not tell what flows in them."""
    code, text = said
    is_open = is_open_sewer(code, text)
    ledger.note(
        table,
        Severity.WARNING if is_open else Severity.INFO,
        "IMP-TITLE",
        f"{n_rows} rows name no class; taken for {code}, as “{text}” says"
        + (", which does not tell foul from storm: if it is one of them, say so with --class." if is_open else "."),
        f"{n_rows} 行未注明类别，按“{text}”归为 {code}"
        + ("，该名称未区分雨污，如有区分请用 --class 指明。" if is_open else "。"),
    )


def _by_letters(numbers: "pd.Series[str]", class_words: Mapping[str, str], ledger: Ledger, table: int) -> Ints:
    letters = numbers.astype(object).str.extract(_LETTERS, expand=False).str.casefold()
    meant = letters.map(class_words)
    meant = meant.where(meant.ne(SECRET))
    if meant.notna().mean() < _MOSTLY:
        return np.full(len(numbers), _position("unknown"))
    told = dict(zip(letters[meant.notna()].str.upper(), meant.dropna(), strict=True))
    named = ", ".join(f"{letters} {code}" for letters, code in sorted(told.items()))
    ledger.note(
        int(table),
        Severity.WARNING,
        "IMP-LETTERS",
        f"{len(numbers)} rows name no class; it was taken from the letters of their point numbers: {named}.",
        f"{len(numbers)} 行未注明类别，按点号字母归类：{named}。",
    )
    return np.asarray(codes(meant.fillna("unknown").astype(CLASS)))


def _position(code: str) -> int:
    return list(CLASS.categories).index(code)
