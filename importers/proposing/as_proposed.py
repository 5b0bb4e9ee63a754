"""Deliveries of a layout that no profile knows whole: read as a dry run proposes, which is told column by column."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from importers.delivery import OnProgress
from importers.normalising.ledger import listed
from importers.places.place_readings import Home
from importers.proposing.dry_run import DryRun, dry_run
from importers.proposing.match import Reason
from importers.proposing.proposal import TableProposal
from importers.proposing.vocabulary import labels
from schemas.codetables import code_table
from schemas.delivery import Delivery
from schemas.findings import Finding, Severity

_LEFT, _RULE = "IMP-COLUMN", "IMP-PROPOSED"
_CERTAIN = 1.0
_SHOWN = 12


def leaves_columns(delivery: Delivery) -> bool:
    """Whether columns were taken for nothing although their names read like attributes."""
    return any(finding.rule == _LEFT for finding in delivery.findings)


def as_proposed(
    delivery: Delivery, paths: Sequence[Path], home: Home, on_progress: OnProgress, **options: Any
) -> Delivery:
    """The delivery with the profile that is proposed for it, as `dry_run`; as it is where fewer rows came of that."""
    found = dry_run(paths, home, name="proposed", on_progress=on_progress, **options)
    if found.trial is None or _loaded(found.trial) < _loaded(delivery):
        return delivery
    return replace(found.trial, dataset=delivery.dataset, findings=[*found.trial.findings, *_told(found)])


def _loaded(delivery: Delivery) -> int:
    return sum(count.loaded for count in delivery.counts)


def _told(found: DryRun) -> Iterator[Finding]:
    for table in found.tables:
        yield from _columns_told(table)
    if found.class_told is not None:
        named = code_table("utility_class")[found.class_told.code]
        yield _assumed(
            f"Rows that name no class are {named.name_en}", f"未注明类别的行按{named.name_zh}", found.class_told.why
        )
    if found.foot_told is not None:
        yield _assumed("Heights are taken to be in feet", "高程和埋深按英尺", found.foot_told)


def _columns_told(table: TableProposal) -> Iterator[Finding]:
    """What columns of one table were taken for whose names the profile does not know."""
    taken = {
        column.column: column.attribute
        for column in table.columns
        if column.attribute is not None and (column.certainty or 0.0) < _CERTAIN
    }
    if not taken:
        return
    en = listed([f"{column} as {attribute}" for column, attribute in taken.items()], _SHOWN)
    zh = listed([f"{column}（{labels()[attribute]}）" for column, attribute in taken.items()], _SHOWN)
    yield Finding(
        rule=_RULE,
        severity=Severity.WARNING,
        message_en=f"No profile knows {len(taken)} columns of {table.sheet}; they were taken for what their names and "
        f"values say ({en}). `pipemap import --dry-run --write-profile` tells why and writes a profile to correct it.",
        message_zh=f"{table.sheet} 中有 {len(taken)} 列不在任何配置中，已按列名和取值识别（{zh}）；"
        "可用 `pipemap import --dry-run --write-profile` 查看原因并生成配置以更正。",
        file=table.file,
        sheet=table.sheet,
        details={"columns": taken},
    )


def _assumed(en: str, zh: str, why: Reason) -> Finding:
    return Finding(
        rule=_RULE, severity=Severity.WARNING, message_en=f"{en}: {why.en}.", message_zh=f"{zh}处理：{why.zh}。"
    )
