"""`pipemap audit`: the record of every publish and every look, verified and anchored."""

from dataclasses import asdict
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipemap.commands.moments import moment
from pipemap.commands.session import open_database
from pipemap.commands.words import Words, clock
from pipemap.errors import SourceError
from pipemap.settings import Settings
from pipemap.sharing import anchors, audit, chains
from pipemap.sharing.audit import AuditFilter
from pipemap.terminal import JsonOption, LimitOption, OffsetOption, emit_json, emit_text

if TYPE_CHECKING:
    from pipemap.sharing.accusing import Verdict

app = typer.Typer()
log = typer.Typer(help="The record of every publish and every look. 审计")
app.add_typer(log, name="audit")

_BROKEN_LOG_EXIT = 46
MomentOption = Annotated[str | None, typer.Option(help="A day (2026-12-31) or an instant with its time zone.")]


@log.command(name="list")
def list_entries(
    actor: Annotated[str | None, typer.Option(help="Only of this agency or user.")] = None,
    action: Annotated[str | None, typer.Option(help="Only this action, for example share.export.")] = None,
    since: MomentOption = None,
    until: MomentOption = None,
    limit: LimitOption = 100,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List what was done and looked at, newest first. 列出审计记录"""
    beginning = None if since is None else moment(since, time.min)
    end = None if until is None else moment(until, time.max)
    filters = AuditFilter(actor, action, beginning, end)
    with open_database() as database, database.transaction(read_only=True) as connection:
        entries = audit.list_entries(connection, filters, limit, offset)
    if as_json:
        emit_json(entries)
        return
    rows = [
        (e["chain"], e["seq"], e["at"].isoformat(timespec="seconds"), e["actor"], e["action"], _told(e["details"]))
        for e in entries
    ]
    words = Words()
    words.table(words.of("Audit log", "审计日志"), ("chain", "entry", "time", "actor", "action", "details"), rows)


@log.command()
def verify(
    anchor: Annotated[
        Path | None, typer.Option(help="File of anchors; by default that of the service, where there is one.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute every chain; exit code 46 when an entry was altered, deleted, inserted or cut off. 校验审计链"""
    with open_database() as database:
        kept = anchor or anchors.anchor_file(Settings().audit_dir, database)
        seen = anchors.read_anchors(kept) if anchor or kept.exists() else None
        with database.transaction(read_only=True) as connection:
            report = chains.verify(connection, seen)
    if as_json:
        heads = {chain: head._asdict() for chain, head in report.heads.items()}
        emit_json(asdict(report) | {"heads": heads, "is_intact": report.is_intact})
    else:
        _print_report(report)
    if not report.is_intact:
        raise typer.Exit(_BROKEN_LOG_EXIT)


@log.command(name="anchor")
def write_anchor(
    file: Annotated[Path | None, typer.Argument(help="By default the file that the service appends to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Append the heads of all chains, signed, to a file outside the database, for `verify`. 锚定"""
    if file is not None and not file.parent.is_dir():
        raise SourceError(f"{file} cannot be written: there is no folder {file.parent}.")
    with open_database() as database:
        anchor = anchors.write_anchor(database, file or anchors.anchor_file(Settings().audit_dir, database))
    if as_json:
        emit_json({"at": anchor.at, "heads": {chain: head._asdict() for chain, head in anchor.heads.items()}})
    else:
        words = Words()
        heads = [(chain, *head) for chain, head in anchor.heads.items()]
        words.table(words.of("Anchor", "锚"), ("chain", "entry", "hash"), heads)


@log.command()
def whose(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of any export format; a part of one will do.")],
    crs: Annotated[int | None, typer.Option(help="EPSG code of a file that does not say it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Name the recipient whose export package a file comes from, by the watermark in its coordinates. 追溯来源"""
    # Imported here: GDAL is slow to load, and every other command does without it.
    from pipemap.sharing.accusing import whose as find_recipient
    from pipemap.sharing.secret import local_secret

    with open_database() as database, database.transaction(read_only=True) as connection:
        verdict = find_recipient(connection, local_secret(Settings().mark_key_path), file, crs)
    if as_json:
        emit_json(asdict(verdict))
        return
    emit_text(_verdict(verdict, Words()))


def _verdict(verdict: "Verdict", words: Words) -> str:
    found, score, limit = verdict.recipient, f"{verdict.score:.1f}", f"{verdict.threshold:.1f}"
    told = words.of(
        f"(T {score}, limit {limit}, {verdict.vertices} vertices, {verdict.packages} packages)",
        f"（T {score}，限值 {limit}，顶点 {verdict.vertices} 个，导出包 {verdict.packages} 个）",
    )
    if found is None:
        return words.joined(words.of("Nobody can be named.", "无法追溯。"), told)
    of_package = words.of(
        f"{found.agency}, agreement {found.agreement_id}, {clock(found.at)}, mark {found.mark}",
        f"{found.agency}，协议 {found.agreement_id}，{clock(found.at)}，水印 {found.mark}",
    )
    return words.joined(of_package, told)


def _print_report(report: chains.AuditReport) -> None:
    words = Words()
    if report.is_intact:
        counts = f"All {report.entries} entries of {len(report.heads)} chains"
        emit_text(
            words.of(
                f"{counts} are as written; {report.anchors} anchors agree.",
                f"{len(report.heads)} 条链共 {report.entries} 条记录完好，已与 {report.anchors} 个锚点核对。",
            )
        )
        return
    rows = [(p.chain, p.seq, p.kind, words.message(p)) for p in report.problems]
    words.table(words.of("Audit log", "审计日志"), ("chain", "entry", "problem", "what"), rows)


def _told(details: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in details.items() if value not in (None, "", [], {}))
