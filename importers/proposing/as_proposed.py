"""Deliveries as they are imported: one that no profile knows whole is read as a dry run proposes, which is told."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from importers.archive import unpacked
from importers.delivery import OnProgress, UnknownLayoutError, dataset_name, read_delivery, require_files
from importers.normalising.ledger import listed
from importers.places.georeference import parse_crs
from importers.places.place_readings import Bounds, Home
from importers.places.surface import Floats
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


def read_whole(
    paths: Sequence[Path],
    *,
    srid: int,
    bounds: Bounds | None = None,
    terrain: Callable[[Floats], Floats] | None = None,
    dataset: str | None = None,
    on_progress: OnProgress,
    profile: str | Path | None = None,
    **options: Any,
) -> Delivery:
    """Read files as `read_delivery`, by what is proposed for them where no profile is named or knows all columns.

    Parameters and errors are those of `read_delivery`.
    """
    home, named = Home(parse_crs(f"EPSG:{srid}"), bounds, terrain), dataset or dataset_name(paths[0])
    with unpacked(require_files(paths)) as files:
        found = _as_known(
            files,
            srid=srid,
            bounds=bounds,
            terrain=terrain,
            dataset=named,
            on_progress=on_progress,
            profile=profile,
            **options,
        )
        if profile is None and _leaves_columns(found):
            found = _as_proposed(found, files, home, named, on_progress, options)
    if isinstance(found, UnknownLayoutError):
        raise found
    return found


def _as_known(files: Sequence[Path], **options: Any) -> Delivery | UnknownLayoutError:
    try:
        return read_delivery(files, **options)
    except UnknownLayoutError as error:
        return error


def _leaves_columns(found: Delivery | UnknownLayoutError) -> bool:
    """Whether columns were taken for nothing although their names read like attributes."""
    return isinstance(found, UnknownLayoutError) or any(finding.rule == _LEFT for finding in found.findings)


def _as_proposed(
    known: Delivery | UnknownLayoutError,
    files: Sequence[Path],
    home: Home,
    dataset: str,
    on_progress: OnProgress,
    options: Mapping[str, Any],
) -> Delivery | UnknownLayoutError:
    """The delivery by the profile that `dry_run` proposes; as it is known where no more rows come of that."""
    found = dry_run(files, home, name="proposed", on_progress=on_progress, **options)
    least = max(_loaded(known), 1)
    if found.trial is None or _loaded(found.trial) < least:
        return known
    return replace(found.trial, dataset=dataset, findings=[*found.trial.findings, *_told(found)])


def _loaded(known: Delivery | UnknownLayoutError) -> int:
    return 0 if isinstance(known, UnknownLayoutError) else sum(count.loaded for count in known.counts)


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
