"""One rule at work on a second survey: what it differs by from the first one, and whether that keeps to a limit."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pipemap.checks.columns import Bools, Floats
from pipemap.checks.rule import Rule
from schemas.findings import Finding, Severity

# Below so many checks the mean of the differences counts, from there on their root mean square.
_FEW_CHECKS = 15


@dataclass(frozen=True, eq=False)
class Remeasured:
    """Differences between two surveys of n things; NaN where either of them says nothing.

    `rows` holds key, x_m, y_m, file, sheet and row of the second survey; `depth_m` is the first one's depth.
    """

    rows: pd.DataFrame
    is_visible: Bools
    depth_m: Floats
    plan_m: Floats
    height_m: Floats
    off_depth_m: Floats


@dataclass(frozen=True)
class SurveyCheck:
    """A rule at work on a second survey."""

    rule: Rule
    points: Remeasured
    ends: Remeasured

    def __getitem__(self, threshold: str) -> float:
        return self.rule.thresholds[threshold]

    def judged(
        self, what: tuple[str, str], measured: Remeasured, asked: Bools, off_m: Floats, limit_m: Floats
    ) -> list[Finding]:
        """Every difference beyond its limit, and whether all of them together keep to it.

        Together they do when the mean of the differences, in parts of their limits, is 1 at most; from 15
        checks on their root mean square is taken.
        """
        at = np.flatnonzero(asked & np.isfinite(off_m))
        if not len(at):
            return []
        parts = np.abs(off_m[at]) / limit_m[at]
        far = at[parts > 1]
        return [
            *(self._far(what, measured, row, off_m[row], limit_m[row]) for row in far.tolist()),
            self._sum(what, parts),
        ]

    def _far(self, what: tuple[str, str], measured: Remeasured, row: int, off_m: float, limit_m: float) -> Finding:
        place = measured.rows.iloc[row]
        return Finding(
            rule=self.rule.id,
            severity=self.rule.severity,
            message_en=f"{place['key']}: the {what[0]} measured again differs by {off_m:+.3f} m, "
            f"more than {limit_m:.3f} m",
            message_zh=f"{place['key']}：{what[1]}复测差值 {off_m:+.3f} m，超过限差 {limit_m:.3f} m",
            feature_key=place["key"],
            file=place["file"],
            sheet=place["sheet"],
            row=place["row"],
            value=f"{off_m:+.3f} m",
            limit=f"{limit_m:.3f} m",
            x_m=place["x_m"],
            y_m=place["y_m"],
        )

    def _sum(self, what: tuple[str, str], parts: Floats) -> Finding:
        few = len(parts) < _FEW_CHECKS
        share = float(parts.mean() if few else np.sqrt((parts**2).mean()))
        how_en, how_zh = ("mean", "平均值") if few else ("root mean square", "中误差")
        passed_en, passed_zh = ("keeps to", "合格") if share <= 1 else ("breaks", "超限")
        return Finding(
            rule=self.rule.id,
            severity=Severity.INFO if share <= 1 else self.rule.severity,
            message_en=f"The {what[0]} of {len(parts)} checks {passed_en} the limit: {how_en} {share:.0%} of it",
            message_zh=f"{what[1]}复测 {len(parts)} 点{passed_zh}：{how_zh}为限差的 {share:.0%}",
            value=f"{share:.0%}",
            limit="100%",
            details={"checks": len(parts), "statistic": how_en, "share_of_limit": share},
        )
