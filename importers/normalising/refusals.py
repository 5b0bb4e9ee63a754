"""Rows of a whole sheet that cannot or must not become features, refused with a finding."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from importers.normalising.ledger import Ledger
from importers.profiles import PLACE, SECRET
from schemas.findings import Severity


def without_secrets(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Refuse military and secret lines (standards.md section 4); the finding says how many, never where."""
    secret = frame[frame["class_code"] == SECRET]
    if not len(secret):
        return frame
    ledger.refuse_silently(secret)
    for number, count in secret["table"].value_counts(sort=False).items():
        ledger.note(
            int(str(number)),
            Severity.WARNING,
            "IMP-SECRET",
            f"{count} rows are of a military or secret class and were not loaded.",
            f"{count} 行属于军用或保密类别，未载入。",
            details={"rows": int(count)},
        )
    ledger.classify(secret)
    return frame.drop(secret.index)


def numbered_only(
    frame: pd.DataFrame,
    columns: Mapping[str, str | None],
    ledger: Ledger,
    excused: "pd.Series[bool] | bool" = False,
) -> pd.DataFrame:
    """Refuse rows of which a number is blank in a table that has numbers; `columns` says where each stands."""
    is_excused = np.broadcast_to(np.asarray(excused), len(frame))
    is_left = is_excused.copy()
    for key, column in columns.items():
        blank = frame[key].isna().to_numpy() & ~is_left
        ledger.refuse(frame[blank], Severity.ERROR, "R03", "The point number is missing.", "点号为空。", column=column)
        is_left |= blank
    kept: pd.DataFrame = frame[is_excused | ~is_left]
    return kept


def placed_only(frame: pd.DataFrame, kind: str, ledger: Ledger) -> pd.DataFrame:
    """Refuse rows without a place, and report those that lie outside the CRS's area of use."""
    kept = with_place_only(frame, kind, ledger)
    ledger.report(
        kept[kept["outside"]],
        # How far outside is a fault is for the rule to say when it is checked.
        Severity.INFO,
        "R06",
        "{source_key} lies outside the area where the coordinate system is used.",
        "{source_key} 超出坐标系适用范围。",
        kind=kind,
        attributes=PLACE,
    )
    return kept


def with_place_only(frame: pd.DataFrame, kind: str, ledger: Ledger) -> pd.DataFrame:
    """Refuse rows without a place."""
    lost = frame["x_m"].isna() | frame["y_m"].isna()
    ledger.refuse(
        frame[lost],
        Severity.ERROR,
        "R03",
        "{source_key} has no coordinates that can be used.",
        "{source_key} 没有可用的坐标。",
        kind=kind,
        attributes=PLACE,
    )
    return frame[~lost]
