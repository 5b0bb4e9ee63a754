"""`pipemap import`: survey files into a draft changeset, with an account of every row."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import TaskID

from importers.archive import unpacked
from importers.delivery import OnProgress, Reading, dataset_name, read_delivery, read_tables, require_files
from importers.proposal import propose
from pipemap.changesets import Changeset, get_changeset
from pipemap.commands.session import open_database
from pipemap.findings import count_findings
from pipemap.ingest import create_import
from pipemap.projects import read_project
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, emit_table, emit_text, progress, say
from schemas.delivery import Delivery

app = typer.Typer()

FilesArgument = Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files of one delivery. 同一成果的文件")]


@app.command("import")
def import_files(
    files: FilesArgument,
    profile: Annotated[str | None, typer.Option(help="Shipped profile or TOML file; default: the best fit.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the files, for example EPSG:4547.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Delivery series; default: from the first file's name.")] = None,
    default_class: Annotated[
        str | None, typer.Option("--class", help="Class of rows that name none, for example water.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the changeset.")] = None,
    author: Annotated[str | None, typer.Option(help="Who imports; default: the setting PIPEMAP_USER.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Keep what the delivery does not mention.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what each column is taken for.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Import survey files as a draft changeset. 导入调查成果"""
    if dry_run:
        with _progress() as on_progress, unpacked(require_files(files)) as paths:
            reading = read_tables(paths, profile, on_progress)
        _show_proposal(reading, as_json)
        return
    with open_database() as database:
        with database.transaction(read_only=True) as connection:
            srid = read_project(connection).srid
        with _progress() as on_progress:
            delivery = read_delivery(
                files,
                profile=profile,
                srid=srid,
                source_crs=crs,
                dataset=dataset,
                default_class=default_class,
                on_progress=on_progress,
            )
            number = create_import(
                database,
                delivery,
                title=title or dataset or dataset_name(files[0]),
                author=author or Settings().user,
                partial=partial,
                on_progress=on_progress,
            )
        with database.transaction(read_only=True) as connection:
            changeset = get_changeset(connection, number)
            findings = count_findings(connection, number)
    _show_import(_summary(delivery, changeset, findings), as_json)


def _summary(delivery: Delivery, changeset: Changeset, findings: list[dict[str, Any]]) -> dict[str, Any]:
    row_counts = changeset.row_counts
    return {
        "changeset_id": changeset.changeset_id,
        "dataset": delivery.dataset,
        "files": [asdict(file) for file in delivery.files],
        "rows": row_counts,
        "totals": {name: sum(row[name] for row in row_counts) for name in ("rows", "loaded", "refused", "skipped")},
        "findings": sorted(findings, key=itemgetter("rule", "severity")),
        "changes": changeset.changes,
    }


def _show_import(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit_json(summary)
        return
    for name in sorted({file["profile"] for file in summary["files"]}):
        say(f"Read with the profile {name}.")
    columns = ("file", "sheet", "class_code", "rows", "loaded", "refused", "skipped")
    rows = [tuple(row[name] for name in columns) for row in summary["rows"]]
    totals = summary["totals"]
    rows.append(("total 合计", "", "", *(totals[name] for name in columns[3:])))
    emit_table("Rows 行数", ("file", "table", "class", *columns[3:]), rows)
    if summary["findings"]:
        emit_table(
            "Findings 问题",
            ("rule", "severity", "count"),
            [(found["rule"], found["severity"], found["count"]) for found in summary["findings"]],
        )
    emit_table(
        "Changes 变更",
        ("kind", "insert", "update", "delete"),
        [
            (kind, *(counts.get(op, 0) for op in ("insert", "update", "delete")))
            for kind, counts in summary["changes"].items()
        ],
    )
    number = summary["changeset_id"]
    emit_text(f"changeset {number} (dataset {summary['dataset']})")
    if not summary["changes"]:
        emit_text(f"Nothing changed; discard it with `pipemap discard {number}`. 与现状一致，无变更")


def _show_proposal(reading: Reading, as_json: bool) -> None:
    proposals = propose(reading)
    if as_json:
        emit_json(
            {
                "profile": reading.profile.name,
                "why": reading.why,
                "axis": reading.profile.axis,
                "columns": [asdict(proposal) for proposal in proposals],
            }
        )
        return
    say(f"Profile {reading.profile.name}: {reading.why}. Axis order: {reading.profile.axis}.")
    for file, sheet, role in dict.fromkeys((p.file, p.sheet, p.role) for p in proposals):
        emit_table(
            f"{file} / {sheet}: {role or 'not recognised 未识别'}",
            ("column", "taken for", "why", "samples"),
            [
                (p.column, p.attribute, p.why, " | ".join(p.samples))
                for p in proposals
                if (p.file, p.sheet) == (file, sheet)
            ],
        )


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A progress bar with one line per stage."""
    with progress() as bar:
        yield _stages(bar)


def _stages(bar: Any) -> Callable[[str, int, int], None]:
    tasks: dict[str, TaskID] = {}

    def on_progress(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bar.add_task(stage, total=total)
        bar.update(tasks[stage], completed=done, total=total)

    return on_progress
