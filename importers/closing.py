"""What can be said of a delivery only when all of it has been read."""

from collections import defaultdict
from collections.abc import Sequence

from schemas.delivery import RowCount
from schemas.findings import Finding, Severity


def unclassed(counts: Sequence[RowCount]) -> list[Finding]:
    """One finding for every table with loaded rows of unknown class: how many, and how to name their class."""
    rows: dict[tuple[str, str], int] = defaultdict(int)
    unknown: dict[tuple[str, str], int] = defaultdict(int)
    for count in counts:
        rows[count.file, count.sheet] += count.loaded
        unknown[count.file, count.sheet] += count.loaded if count.class_code == "unknown" else 0
    return [
        Finding(
            rule="IMP-CLASS",
            severity=Severity.WARNING,
            message_en=f"{n} of {rows[file, sheet]} rows of {sheet} are of unknown class; name it with --class, or say "
            "in a profile which column or words tell it.",
            message_zh=f"{sheet} 的 {rows[file, sheet]} 行中有 {n} 行类别不明；"
            "请用 --class 指明，或在配置文件中说明类别列及其取值。",
            file=file,
            sheet=sheet,
            details={"rows": n},
        )
        for (file, sheet), n in unknown.items()
        if n
    ]
