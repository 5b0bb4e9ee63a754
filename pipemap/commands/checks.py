"""`pipemap check`, `findings` and `rules`: what is wrong with a changeset, and what was looked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from pipemap.changesets import get_changeset
from pipemap.checks import Rule, Rulebook, rule_name, run_checks, told_elsewhere, tried_rules
from pipemap.checks.running import Progress
from pipemap.commands.session import open_database
from pipemap.commands.words import Language, Words, chosen
from pipemap.db import Connection, Database
from pipemap.errors import UsageError
from pipemap.findings import count_findings, list_findings
from pipemap.report import gather_report, write_csv, write_geopackage, write_html, write_json, write_whole
from pipemap.terminal import JsonOption, LimitOption, OffsetOption, emit_json, emit_text, progress, say
from schemas.findings import Severity

app = typer.Typer()


ChangesetArgument = Annotated[int, typer.Argument(metavar="CHANGESET", help="Number of the changeset. 变更集编号")]
LanguageOption = Annotated[Language | None, typer.Option("--lang", help="zh or en; PIPEMAP_LANGUAGE by default.")]
SeverityOption = Annotated[Severity | None, typer.Option(help="Only findings of this severity.")]
ClassOption = Annotated[str | None, typer.Option("--class", help="Only findings about this utility class.")]
SheetOption = Annotated[str | None, typer.Option("--sheet", help="Only findings in this sheet, layer or table.")]
RulesOption = Annotated[Path | None, typer.Option("--rules", help="TOML file with a city's thresholds.")]
HtmlOption = Annotated[Path | None, typer.Option("--html", help="Write a report with a map.")]
PackageOption = Annotated[Path | None, typer.Option("--gpkg", help="Write a GeoPackage.")]
CsvOption = Annotated[Path | None, typer.Option("--csv", help="Write a table.")]
DocumentOption = Annotated[Path | None, typer.Option("--report-json", help="Write the whole report as JSON.")]


@app.command()
def check(
    changeset: ChangesetArgument,
    rules: RulesOption = None,
    rule: Annotated[list[str] | None, typer.Option("--rule", help="Try only this rule; nothing is kept.")] = None,
    severity: SeverityOption = None,
    class_code: ClassOption = None,
    sheet: SheetOption = None,
    html: HtmlOption = None,
    gpkg: PackageOption = None,
    csv: CsvOption = None,
    report_json: DocumentOption = None,
    lang: LanguageOption = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Check a changeset and list the findings, on the terminal, as HTML, GeoPackage and CSV. 检查"""
    _require_folders(html, gpkg, csv, report_json)
    book = Rulebook.from_toml(rules) if rules else Rulebook.standard()
    wanted = {"severity": severity, "class_code": class_code, "sheet": sheet, "origin": "check"}
    with open_database() as database:
        with _checked(database, changeset, book, rule) as connection:
            listed = _listed(connection, changeset, limit, offset, wanted)
        _write_reports(database, changeset, book, chosen(lang), html, gpkg, csv, report_json)
    if as_json:
        emit_json({"changeset_id": changeset, "kept": not rule, **listed})
        return
    _print_listed(listed, offset, Words(chosen(lang)))
    if rule:
        say(
            Words(chosen(lang)).of("Only some rules were tried, so nothing was kept.", "仅试运行部分规则，结果未保存。")
        )


@contextmanager
def _checked(database: Database, changeset: int, book: Rulebook, only: list[str] | None) -> Iterator[Connection]:
    """A transaction to read the findings in: those of a check that is kept, or of a trial of some rules."""
    with _shown_progress() as on_progress:
        if not only:
            run_checks(database, changeset, rules=book, on_progress=on_progress)
        trial = tried_rules(database, changeset, rules=book.only(only), on_progress=on_progress) if only else None
        with trial or database.transaction(read_only=True) as connection:
            yield connection


@app.command()
def findings(
    changeset: ChangesetArgument,
    rule: Annotated[str | None, typer.Option("--rule", help="Only findings of this rule.")] = None,
    severity: SeverityOption = None,
    class_code: ClassOption = None,
    sheet: SheetOption = None,
    html: HtmlOption = None,
    gpkg: PackageOption = None,
    csv: CsvOption = None,
    report_json: DocumentOption = None,
    rules_file: RulesOption = None,
    lang: LanguageOption = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List what import and check have found in a changeset, without checking again. 问题清单"""
    _require_folders(html, gpkg, csv, report_json)
    wanted = {"rule": rule, "severity": severity, "class_code": class_code, "sheet": sheet}
    with open_database() as database:
        with database.transaction(read_only=True) as connection:
            get_changeset(connection, changeset)
            listed = _listed(connection, changeset, limit, offset, wanted)
        book = Rulebook.from_toml(rules_file) if rules_file else Rulebook.standard()
        _write_reports(database, changeset, book, chosen(lang), html, gpkg, csv, report_json)
    if as_json:
        emit_json({"changeset_id": changeset, **listed})
        return
    _print_listed(listed, offset, Words(chosen(lang)))


def _listed(
    connection: Connection, changeset: int, limit: int, offset: int, wanted: dict[str, str | None]
) -> dict[str, Any]:
    """One page of the findings wanted, how many there are of each rule and in all."""
    counts = [dict(line) for line in count_findings(connection, changeset, **wanted)]
    page = list_findings(connection, changeset, limit=limit, offset=offset, **wanted)
    return {"counts": counts, "total": sum(line["count"] for line in counts), "findings": page}


@app.command()
def rules(
    rules_file: RulesOption = None,
    lang: LanguageOption = None,
    limit: LimitOption = 1000,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List every rule with its severity, thresholds and source. 规则一览"""
    book = Rulebook.from_toml(rules_file) if rules_file else Rulebook.standard()
    documents = sorted([*map(_rule_document, book.rules), *map(_elsewhere, told_elsewhere())], key=itemgetter("id"))
    listed = documents[offset : offset + limit]
    if as_json:
        emit_json(listed)
        return
    words = Words(chosen(lang))
    rows = (
        (
            each["id"], words.term(each["severity"]), words.of(each["name_en"], each["name_zh"]),
            _thresholds(each["thresholds"]), each["told_by"], words.of(each["source"], each["source_zh"]),
        )
        for each in listed
    )  # fmt: skip
    title = words.of(f"Rules: {len(documents)}", f"规则 {len(documents)} 条")
    words.table(title, ("rule", "severity", "what", "thresholds", "told by", "source"), rows)


def _require_folders(*files: Path | None) -> None:
    """Said before the work, not after it."""
    for file in files:
        if file is not None and (file.is_dir() or not file.parent.is_dir()):
            raise UsageError(f"{file} cannot be written: name a file in a folder that exists.")


def _write_reports(
    database: Database,
    changeset: int,
    book: Rulebook,
    language: Literal["zh", "en"],
    html: Path | None,
    gpkg: Path | None,
    csv: Path | None,
    report_json: Path | None,
) -> None:
    if not (html or gpkg or csv or report_json):
        return
    with database.transaction(read_only=True) as connection:
        report = gather_report(connection, changeset, book.grade_weights)
    if html:
        write_whole(html, lambda new: write_html(report, new, language))
    for path, write in ((gpkg, write_geopackage), (csv, write_csv), (report_json, write_json)):
        if path:
            write_whole(path, partial(write, report))
    for path in filter(None, (html, gpkg, csv, report_json)):
        found = len(report.findings)
        say(
            Words(language).of(
                f"{path}: {found} findings, those of the import among them", f"{path}：含导入时发现的共 {found} 个问题"
            )
        )


def _print_listed(listed: dict[str, Any], offset: int, words: Words) -> None:
    lines = [
        (words.term(line["severity"]), line["rule"], words.of(*rule_name(line["rule"])), line["count"])
        for line in listed["counts"]
    ]
    if not lines:
        emit_text(words.of("Nothing was found.", "未发现问题。"))
        return
    words.table(words.of("Findings", "问题统计"), ("severity", "rule", "what", "count"), lines)
    rows = [
        (
            words.term(row["severity"]), row["rule"], row["feature_key"],
            words.of(row["message_en"], row["message_zh"]), _place(row, words),
        )
        for row in listed["findings"]
    ]  # fmt: skip
    if rows:
        title = f"{offset + 1}–{offset + len(rows)} / {listed['total']}"
        words.table(title, ("severity", "rule", "key", "found", "where"), rows)


def _place(row: dict[str, Any], words: Words) -> str:
    if row["file"] is None:
        return words.attribute(row["column"] or "")
    return " · ".join(str(row[name]) for name in ("file", "sheet", "row", "column") if row[name] is not None)


def _rule_document(found: Rule) -> dict[str, Any]:
    return {
        "id": found.id,
        "severity": found.severity,
        "name_en": found.name_en,
        "name_zh": found.name_zh,
        "about": found.run.__doc__,
        "thresholds": dict(found.thresholds),
        "told_by": "check-survey" if found.sees == "survey" else "check",
        "told_as": found.id,
        "source": found.source,
        "source_zh": found.source_zh,
    }


def _elsewhere(line: dict[str, str]) -> dict[str, Any]:
    """A rule that no check runs, as those are listed that one does."""
    names = {name: line[name] for name in ("name_en", "name_zh", "told_by", "source", "source_zh")}
    about: dict[str, Any] = {
        "severity": None,
        "about": line["why"] or None,
        "thresholds": {},
        "told_as": line["told_as"] or None,
    }
    return {"id": line["rule_id"], **about, **names}


def _thresholds(values: dict[str, float]) -> str:
    return ", ".join(f"{name}={limit:g}" for name, limit in values.items())


@contextmanager
def _shown_progress() -> Iterator[Progress]:
    name = Words().of("check", "检查")
    with progress() as bar:
        task = bar.add_task(name, total=None)
        yield lambda stage, done, total: bar.update(task, description=stage or name, completed=done, total=total)
