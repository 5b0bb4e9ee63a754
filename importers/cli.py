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
from importers.delivery import OnProgress, dataset_name, require_files
from importers.extents import read_extent
from importers.places.georeference import parse_crs
from importers.places.local_grid import read_local_grid
from importers.places.place_readings import Home
from importers.places.surface import Floats
from importers.proposing.as_proposed import read_whole
from importers.proposing.dry_run import dry_run
from importers.proposing.dry_run_words import document, show, show_datums
from pipemap.actors import named
from pipemap.changesets import Changeset, count_unchanged, get_changeset
from pipemap.cluster import Cluster
from pipemap.commands.session import open_database
from pipemap.commands.words import Words
from pipemap.db import Database
from pipemap.errors import CrsError, NotFoundError, StorageError, UsageError
from pipemap.findings import count_findings
from pipemap.ingest import create_import
from pipemap.matching import MATCH_WITHIN_M
from pipemap.placing import existing_extent
from pipemap.projects import DEFAULT_SRID, read_project
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, emit_text, progress, say
from schemas.delivery import Delivery

app = typer.Typer()

_OPS = ("insert", "update", "delete")

FilesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="FILE...", help="Files of one delivery, also packed (zip, rar, 7z). 同一成果的文件或压缩包"),
]


@app.command("import")
def import_files(
    files: FilesArgument,
    profile: Annotated[str | None, typer.Option(help="Shipped profile or TOML file; default: the best fit.")] = None,
    crs: Annotated[
        str | None, typer.Option(help="CRS of the files, for example EPSG:4547; local: that of PIPEMAP_CRS_FILE.")
    ] = None,
    crs_file: Annotated[
        Path | None, typer.Option(help="TOML file that defines the local system of the files. 地方坐标系参数文件")
    ] = None,
    dataset: Annotated[str | None, typer.Option(help="Delivery series; default: from the first file's name.")] = None,
    default_class: Annotated[
        str | None, typer.Option("--class", help="Class of rows that name none, for example water.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title of the changeset.")] = None,
    author: Annotated[str | None, typer.Option(help="Who imports; default: the setting PIPEMAP_USER.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Keep what the delivery does not mention.")] = False,
    extent: Annotated[
        str | None,
        typer.Option(
            help="Polygon as WKT in the project CRS, or a layer file of it: only within it is removed. 成果范围"
        ),
    ] = None,
    match_within: Annotated[
        float, typer.Option("--match-within", min=0.0, max=5.0, help="Metres within which a renumbered point is found.")
    ] = MATCH_WITHIN_M,
    with_check: Annotated[
        bool, typer.Option("--check", help="Check the changeset at once, which is sooner done than afterwards. 并检查")
    ] = False,
    is_dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what each column is taken for, and what an import would find.")
    ] = False,
    write_profile: Annotated[
        Path | None, typer.Option("--write-profile", help="Write the profile that a dry run proposes to this file.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Import survey files as a draft changeset. 导入调查成果"""
    crs, crs_file = _system(crs, crs_file)
    options: dict[str, Any] = {"profile": profile, "source_crs": crs, "crs_file": crs_file}
    options["default_class"] = default_class
    if is_dry_run or write_profile is not None:
        _try(files, _home(crs), write_profile, as_json, **options)
        return
    with open_database() as database:
        with database.transaction(read_only=True) as connection:
            srid, bounds = read_project(connection).srid, existing_extent(connection)
        with _progress() as on_progress:
            delivery = read_whole(
                files,
                srid=srid,
                bounds=bounds,
                terrain=_terrain(database),
                dataset=dataset,
                on_progress=on_progress,
                **options,
            )
            number = _drafted(
                database,
                delivery,
                with_check,
                on_progress,
                title=title or dataset or dataset_name(files[0]),
                author=named(author) if author else Settings().user,
                partial=partial,
                extent=None if extent is None else read_extent(extent, srid),
                match_within_m=match_within,
            )
        with database.transaction(read_only=True) as connection:
            changeset = get_changeset(connection, number)
            findings = count_findings(connection, number)
            unchanged = count_unchanged(connection, changeset)
    _show_import(_summary(delivery, changeset, findings, unchanged), as_json)


def _drafted(database: Database, delivery: Delivery, with_check: bool, on_progress: OnProgress, **options: Any) -> int:
    """The number of the draft that a delivery became, which is checked where that was asked for."""
    if not with_check:
        return create_import(database, delivery, on_progress=on_progress, **options)
    # What the rules are made of takes longer to load than a small delivery to import.
    from pipemap.checks import Proposed, run_checks

    proposed = Proposed()
    number = create_import(database, delivery, on_progress=on_progress, follower=proposed, **options)

    def on_rule(_rule: str, done: int, total: int) -> None:
        on_progress("check", done, total)

    run_checks(database, number, on_progress=on_rule, proposed=proposed)
    return number


def _terrain(database: Database) -> Callable[[Floats], Floats]:
    """The ground models of the map, to be asked where a profile says so."""

    def at(xy: Floats) -> Floats:
        from pipemap.ground.sampling import ground_at

        with database.transaction(read_only=True) as connection:
            return ground_at(connection, xy[:, 0], xy[:, 1])

    return at


def _terrain_of(settings: Settings, xy: Floats) -> Floats:
    """The ground models of the map at some places, by a connection of their own."""
    with open_database(settings) as database:
        return _terrain(database)(xy)


def _summary(
    delivery: Delivery, changeset: Changeset, findings: list[dict[str, Any]], unchanged: dict[str, int]
) -> dict[str, Any]:
    row_counts = changeset.row_counts
    return {
        "changeset_id": changeset.changeset_id,
        "dataset": delivery.dataset,
        "files": [asdict(file) for file in delivery.files],
        "rows": row_counts,
        "totals": {name: sum(row[name] for row in row_counts) for name in ("rows", "loaded", "refused", "skipped")},
        "datums": [asdict(use) for use in delivery.datums],
        "findings": sorted(findings, key=itemgetter("rule", "severity")),
        "changes": changeset.changes,
        "unchanged": unchanged,
    }


def _show_import(summary: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit_json(summary)
        return
    words = Words()
    for name in sorted({file["profile"] for file in summary["files"]}):
        say(words.of(f"Read with the profile {name}.", f"按配置 {name} 读取。"))
    names = ("rows", "loaded", "refused", "skipped")
    rows = [
        (row["file"], row["sheet"], words.class_(row["class_code"]), *(row[name] for name in names))
        for row in summary["rows"]
    ]
    rows.append((words.term("total"), "", "", *(summary["totals"][name] for name in names)))
    words.table(words.of("Rows", "行数"), ("file", "sheet", "class", *names), rows)
    show_datums(summary["datums"], words)
    if summary["findings"]:
        found = [(each["rule"], words.term(each["severity"]), each["count"]) for each in summary["findings"]]
        words.table(words.of("Findings", "问题"), ("rule", "severity", "count"), found)
    changed = [
        (words.term(kind), *(summary["changes"].get(kind, {}).get(op, 0) for op in _OPS), count)
        for kind, count in summary["unchanged"].items()
    ]
    words.table(words.of("Changes", "变更"), ("kind", "new", "modified", "deleted", "unchanged"), changed)
    number, dataset = summary["changeset_id"], summary["dataset"]
    emit_text(words.of(f"Changeset {number} (dataset {dataset})", f"变更集 {number}（数据集 {dataset}）"))
    if summary["findings"]:
        emit_text(
            words.of(
                f"`pipemap findings {number}` tells what was found and where; --html report.html draws it on a map.",
                f"问题明细与位置：`pipemap findings {number}`；加 --html report.html 可输出带图报告。",
            )
        )
    if not summary["changes"]:
        emit_text(
            words.of(
                f"Nothing changed; discard it with `pipemap discard {number}`.",
                f"与现状一致，无变更；可用 `pipemap discard {number}` 删除。",
            )
        )


def _try(files: list[Path], home: Home, write_profile: Path | None, as_json: bool, **options: Any) -> None:
    """Show what an import would make of files, and write the profile that was proposed."""
    if write_profile is not None and write_profile.exists():
        raise UsageError(
            f"{write_profile.name} is there already and may hold your changes; name another file, or delete it first.",
            message_zh=f"{write_profile.name} 已存在，可能含有您的修改；请换一个文件名，或先删除。",
        )
    name = write_profile.stem if write_profile else "mine"
    with _progress() as on_progress, unpacked(require_files(files)) as paths:
        found = dry_run(paths, home, name=name, on_progress=on_progress, **options)
    if write_profile is not None:
        try:
            write_profile.write_text(found.text, encoding="utf-8")
        except OSError as error:
            raise UsageError(
                f"{write_profile} cannot be written: {error.strerror}.", message_zh=f"无法写入 {write_profile}。"
            ) from error
    if as_json:
        emit_json(document(found))
    else:
        show(found, Words())
    if write_profile is not None:
        say(
            Words().of(
                f"The profile is in {write_profile}; edit it, then import with --profile {write_profile}.",
                f"配置已写入 {write_profile}；修改后用 --profile {write_profile} 导入。",
            )
        )


def _system(crs: str | None, crs_file: Path | None) -> tuple[str | None, Path | None]:
    """The system that the options name: a code, or the file that defines a local one."""
    if crs is None or not crs.casefold().startswith("local"):
        if crs is not None and crs_file is not None:
            raise UsageError(
                "Give either --crs or --crs-file: both name the system of the files.",
                message_zh="--crs 与 --crs-file 均指定文件的坐标系，请只用其一。",
            )
        return crs, crs_file
    file = crs_file or Settings().crs_file
    if file is None:
        raise UsageError(
            f"{crs} is defined in a file: name it with --crs-file or the setting PIPEMAP_CRS_FILE.",
            message_zh=f"{crs} 须由文件定义：请用 --crs-file 或设置 PIPEMAP_CRS_FILE 指明。",
        )
    if crs.casefold() not in ("local", (found := read_local_grid(file).name).casefold()):
        raise CrsError(
            f"{file.name} defines {found}, not {crs}.", message_zh=f"{file.name} 定义的是 {found}，不是 {crs}。"
        )
    return None, file


def _home(crs: str | None) -> Home:
    """Where the map is; without a map the system that was named, or the usual one."""
    settings = Settings()
    if settings.database_url is not None or Cluster(settings.data_dir).exists():
        try:
            with open_database(settings) as database, database.transaction(read_only=True) as connection:
                system, extent = parse_crs(f"EPSG:{read_project(connection).srid}"), existing_extent(connection)
                return Home(system, extent, lambda xy: _terrain_of(settings, xy))
        except (NotFoundError, StorageError) as error:
            words = Words()
            say(words.of(f"No map to compare with: {error.message}", f"没有可比对的地图：{words.error(error)}"))
    given = parse_crs(crs) if crs else None
    is_usable = given is not None and given.is_projected and given.to_epsg() is not None
    return Home(given if given is not None and is_usable else parse_crs(f"EPSG:{DEFAULT_SRID}"))


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A progress bar with one line per stage."""
    with progress() as bar:
        yield _stages(bar)


def _stages(bar: Any) -> Callable[[str, int, int], None]:
    words, tasks = Words(), dict[str, TaskID]()

    def on_progress(stage: str, done: int, total: int) -> None:
        if stage not in tasks:
            tasks[stage] = bar.add_task(" ".join(words.term(part) or part for part in stage.split()), total=total)
        bar.update(tasks[stage], completed=done, total=total)

    return on_progress
