"""`pipemap check-survey`: how well a dataset was surveyed, by a second survey of some of its points."""

from pathlib import Path
from typing import Annotated

import typer

from importers.cli import FilesArgument
from importers.delivery import read_delivery, require_files
from pipemap.checks import Rulebook
from pipemap.checks.resurvey import check_survey as judge
from pipemap.commands.session import open_database
from pipemap.commands.words import Words
from pipemap.projects import read_project
from pipemap.terminal import JsonOption, emit_json

app = typer.Typer()


@app.command("check-survey")
def check_survey(
    files: FilesArgument,
    dataset: Annotated[str, typer.Option(help="Dataset that was surveyed again. 被抽检的数据集")],
    changeset: Annotated[int | None, typer.Option(help="Judge it as this changeset has it, not as published.")] = None,
    profile: Annotated[str | None, typer.Option(help="Shipped profile or TOML file; default: the best fit.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the files, for example EPSG:4547.")] = None,
    rules: Annotated[Path | None, typer.Option("--rules", help="TOML file with a city's limits.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a second survey of some points with the first one: depths, places, ground. 抽检"""
    book = Rulebook.from_toml(rules) if rules else Rulebook.standard()
    with open_database() as database:
        with database.transaction(read_only=True) as connection:
            srid = read_project(connection).srid
        again = read_delivery(require_files(files), profile=profile, srid=srid, source_crs=crs, dataset=dataset)
        found = judge(database, again, dataset, changeset_id=changeset, rules=book)
    if as_json:
        emit_json({"dataset": dataset, "findings": [each.model_dump(mode="json") for each in found]})
        return
    words = Words()
    rows = [(words.term(each.severity), each.rule, words.message(each), each.row) for each in found]
    words.table(words.of("Survey check", "抽检"), ("severity", "rule", "found", "row"), rows)
