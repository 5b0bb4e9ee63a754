"""`pipemap init`, `doctor` and `db`: setting up and looking after the place the map lives in."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipemap.cluster import Cluster
from pipemap.commands.words import Words
from pipemap.db import Database, database_url
from pipemap.doctor import Symptom, examine
from pipemap.errors import UsageError
from pipemap.projects import DEFAULT_NAME, DEFAULT_SRID, DEFAULT_VERTICAL_DATUM, create_database, open_project
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, emit_text

app = typer.Typer()
server = typer.Typer(help="The private database server. 私有数据库服务")
app.add_typer(server, name="db")


@app.command()
def init(
    name: Annotated[str | None, typer.Option(help="Name of the city or project.", show_default=DEFAULT_NAME)] = None,
    crs: Annotated[
        str | None, typer.Option(help="Projected CRS of the map.", show_default=f"EPSG:{DEFAULT_SRID}")
    ] = None,
    vertical_datum: Annotated[
        str | None, typer.Option(help="Vertical datum of all elevations.", show_default=DEFAULT_VERTICAL_DATUM)
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Create the database of a project, or bring an existing one up to date. 建库"""
    given = {"name": name, "srid": None if crs is None else parse_epsg(crs), "vertical_datum": vertical_datum}
    stated = {field: value for field, value in given.items() if value is not None}
    url = database_url(Settings())
    create_database(url)
    with Database(url) as database:
        project = open_project(database, **stated)
    if as_json:
        emit_json(asdict(project))
    else:
        emit_text(f"{project.name}: EPSG:{project.srid}, {project.vertical_datum}")


@app.command()
def doctor(as_json: JsonOption = False) -> None:
    """Say what is installed, where the database is, and what is wrong with it. 体检"""
    symptoms = list(examine(Settings()))
    if as_json:
        emit_json([symptom.document for symptom in symptoms])
    else:
        words = Words()
        rows = [_seen(symptom, words) for symptom in symptoms]
        words.table("pipemap doctor", ["", "what", "seen", "what to do"], rows)
    if not all(symptom.is_well for symptom in symptoms):
        raise typer.Exit(1)


@server.command()
def start(as_json: JsonOption = False) -> None:
    """Start the private server. 启动"""
    settings = Settings()
    database_url(settings)
    # The address of a configured database may hold a password, so it is not repeated.
    if settings.database_url is None:
        _report(f"running in {settings.data_dir}", f"运行中，位于 {settings.data_dir}", as_json)
    else:
        _report("configured elsewhere", "使用已配置的数据库", as_json)


@server.command()
def stop(as_json: JsonOption = False) -> None:
    """Stop the private server; nothing is lost. 停止"""
    Cluster(Settings().data_dir).stop()
    _report("stopped", "已停止", as_json)


def parse_epsg(text: str) -> int:
    """The number in `EPSG:4547` or `4547`."""
    authority, _, code = text.rpartition(":")
    if authority.upper() not in ("", "EPSG") or not code.isdigit():
        raise UsageError(f"{text!r} is not a coordinate reference system like EPSG:4547.")
    return int(code)


def _seen(symptom: Symptom, words: Words) -> tuple[str, ...]:
    told = symptom.in_chinese if words.is_chinese else (symptom.subject, symptom.seen, symptom.remedy)
    subject, seen, remedy = told
    return ("ok", subject, seen, "") if symptom.is_well else ("!!", subject, seen, remedy)


def _report(english: str, chinese: str, as_json: bool) -> None:
    if as_json:
        emit_json({"server": english})
    else:
        emit_text(Words().of(english, chinese))
