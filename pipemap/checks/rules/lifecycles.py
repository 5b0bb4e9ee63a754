"""Rules about state and dates."""

from datetime import date

import numpy as np

from pipemap.checks.breaches import Breaches
from pipemap.checks.check import Check, Says, Told
from pipemap.checks.registry import rule
from pipemap.checks.scope import Kind
from schemas.codetables import code_table
from schemas.findings import Severity

_KINDS: tuple[Kind, ...] = ("node", "pipe_segment")
_BUILT = ("in_service", "abandoned", "empty", "removed")


@rule(
    "P17",
    Severity.WARNING,
    en="state and date of building disagree",
    zh="状态与建成日期矛盾",
    source="pipemap: peers' checks (Giswater: state and end date that disagree)",
    source_zh="本系统：参照同类软件检查（Giswater：状态与停用日期矛盾）",
    earliest_year=1850,
)
def state_against_date(check: Check) -> Told:
    """Planned things that were built already, built ones that will be, and dates before there were pipes."""
    return [each for kind in _KINDS for each in _of_kind(check, kind)]


def _of_kind(check: Check, kind: Kind) -> list[Breaches]:
    columns, today = check.scope.columns[kind], np.datetime64(date.today())
    built_on, state = columns.values("installed_on"), columns.words("lifecycle_code")
    earliest = np.datetime64(f"{int(check['earliest_year'])}-01-01")
    names = {word: code_table("lifecycle").get(word) for word in state.known_words}
    early = Says(
        en="{key} is booked as {state_en}, but was built on {day}",
        zh="{key} 状态为{state_zh}，但建成日期为 {day}",
        value="{day}",
        column="installed_on",
    )
    late = Says(
        en="{key} is booked as {state_en}, but its date of building, {day}, has not come yet",
        zh="{key} 状态为{state_zh}，但建成日期 {day} 尚未到",
        value="{day}",
        column="installed_on",
    )
    ancient = Says(
        en="{key} is booked as built on {day}, before {earliest_year:g}",
        zh="{key} 建成日期 {day} 早于 {earliest_year:g} 年",
        value="{day}",
        limit="{earliest_year:g}",
        column="installed_on",
    )
    is_old = built_on < earliest
    cases = (
        (state.is_in(["planned"]) & (built_on <= today) & ~is_old, early),
        (state.is_in(_BUILT) & (built_on > today), late),
        (is_old, ancient),
    )
    return [
        check.report(
            kind,
            at,
            says,
            day=built_on[at].astype(str),
            state_en=state[at].translated({word: code.name_en for word, code in names.items() if code}, "?"),
            state_zh=state[at].translated({word: code.name_zh for word, code in names.items() if code}, "?"),
        )
        for which, says in cases
        for at in [np.flatnonzero(which)]
    ]
