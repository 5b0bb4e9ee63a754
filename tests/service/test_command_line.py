"""Every command there is answers with one JSON document and nothing else; every list is paged."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import typer

from pipemap.cli import build
from pipemap.commands.vocabulary import COLUMNS
from pipemap.db import Database
from sample_data.demo import load_district
from sample_data.district import write_district
from schemas.tables import SCHEMA
from tests.conftest import Clone
from tests.service.program import Nursery, Outcome, Program

# `serve` answers over HTTP.
WITHOUT_DOCUMENT = {"serve"}
HAN = re.compile(r"[\u3400-\u9fff]+")
# What prints a file, or stops the server of the other runs.
SILENT = {"profiles default", "db stop", "db start", "init"}
# The district is changesets 1 to 6; what follows opens the next ones.
UPDATE, UNDO, AGAIN = 7, 8, 9
DRAINAGE = "district/排水管点表_2025.csv district/排水管线表_2025.csv"
HERE = "512000,2611700,512400,2612000"
ASKED = (
    "share request --agency a --applicant b --purpose dig --reason c"
    " --area 512120,2611890,512220,2611990 --classes water,gas"
)
OWN_LIMITS = (
    "rule_id,standard,clause,a_class,a_condition,b_class,b_condition,min_clear_m,confidence\n"
    "CITY1,the city's own,1,water,,gas,,1.2,verified_1\n"
)
QUESTIONS = [
    "changesets", "show 1", "log", "log --changeset 1", "diff 1..2", "history 1", "findings 1", "rules",
    "share list", "share requests",
    "share hooks",
    f"find pipe_segment --bbox {HERE}", "near --at 512150,2611900 --radius 50",
    "corridor --line '512000 2611700,512400 2612000' --half-width 20", "clearance --segment SEGMENT",
    "clearance --city", "clearance --changeset 1", "limits show water gas --width 300",
    "limits show gas", "limits list",
    "clearance --line '512130 2611900,512145 2611912' --class gas --width 160 --cover 1.2",
    "excavation --polygon 'POLYGON((512130 2611900,512145 2611900,512145 2611912,512130 2611900))' --depth 2",
    "route --from 512130,2611900 --to 512145,2611912 --along '512130 2611900,512145 2611912' --class water --width 160",
    "room --line '512130 2611895,512150 2611915' --class water --width 200",
    "section --line '512130 2611895,512150 2611915'",
    "section --line '512130 2611895,512150 2611915' --class gas --width 160 --cover 1.2",
    "profile --from WS001 --to WS004 --class foul", "statistics --by owner --by decade",
    "trace burst --key 'JS069->JS070'",
    "trace leak --at 512150,2611900",
    "trace outage --at 512150,2611900",
    "doctor", "audit list", "audit verify", f"audit whose {DRAINAGE.split()[0]}", "sample elsewhere",
    "db start", "db stop", "init", "profiles", "profiles default", "trace criticality --limit 3",
    "trace shutdown --cut 'weld,2026-08-03T22:00,2026-08-04T05:00,key:JS069->JS070'", "export . --dataset gas",
    "trace pressure --key 'JS069->JS070' --limit 3",
    "trace up --at 512150,2611900", "trace down --at 512150,2611900", "trace loops --class water",
    "trace pollution --at 512150,2611900 --class foul", "trace blockage --at 512150,2611900 --class storm",
    "trace connected --key 'JS069->JS070'", "trace bridges --class water --limit 3",
    "trace path --from 'key:JS069->JS070' --to at:512150:2611900 --class water",
    f"check-survey {DRAINAGE} --dataset drainage", "ground show", "ground show --at 512150,2611900",
]  # fmt: skip
WORK = [
    f"share agree --agency a --purpose p --area {HERE} --classes storm,foul --attributes all --expires 2099-01-01",
    "share agreement-approve 1 --by checker",
    "share key 1", "share hook 1 https://hooks.example.cn/pipemap", "share hook-approve 1",
    f"import {DRAINAGE} --dataset drainage --author surveyor", f"check {UPDATE}", f"submit {UPDATE}",
    f"approve {UPDATE}", f"publish {UPDATE} -m update", f"revert {UPDATE}", f"discard {UNDO}",
    f"import {DRAINAGE} --dataset again --author surveyor", f"rebase {AGAIN}", f"reject {AGAIN}",
    ASKED, f"{ASKED},power", f"{ASKED},heat", "share approve 1 --by manager",
    "share narrow 2 --by manager --reason less --classes water", "share refuse 3 --by manager --reason no",
    "share allow a 30 --reason city", "share contact 供水公司 0755-1234", "share identity 1 someone --issuer https://id.example.cn",
    "share refresh", "share export --out . --format geojson", "worker --until-idle",
    "share hook-again 1", "share hook-pause 1", "share hook-resume 1", "share hook-end 1",
    "limits add limits.csv --table horizontal", "limits remove 1",
    "share revoke 1", "audit anchor anchor.json", "demo --no-serve",
    "ground load district/ground.tif --crs EPSG:4547", "ground remove ground",
    "design 'gas main' --line '512130 2611900,512145 2611912' --class gas --width 160 --cover 1.2",
]  # fmt: skip
# Lists as they are asked for, and where the rows are in the document.
LISTS = {
    "changesets": None, "log": None, "rules": None, "audit list": None,
    "show 1": "deltas", "diff 0..2": "deltas", "findings 1": "findings",
}  # fmt: skip


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, set[str]]]:
    """Every command of `pipemap --help` and below, with its options."""
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from _commands(child, (*path, name))
    else:
        yield " ".join(path), {option for parameter in command.params for option in parameter.opts}


COMMANDS = dict(_commands(typer.main.get_command(build())))


@pytest.fixture(scope="module")
def program(clone: Clone, template: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("district")
    district = write_district(folder / "district")
    (folder / "limits.csv").write_text(OWN_LIMITS, encoding="utf-8")
    url = clone(template, "command_line")
    with Database(url) as database:
        load_district(database, district, lambda _: None)
    return Program(folder, url)


@pytest.fixture(scope="module")
def answers(program: Program, nursery: Nursery) -> dict[str, Outcome]:
    """The questions and the pages of every list, then the work in its order."""
    with psycopg.connect(program.url) as connection:
        found = connection.execute("SELECT min(feature_id) FROM pipemap.pipe_segment").fetchone()
    pages = [f"{typed} {page}" for typed in LISTS for page in ("--limit 3", "--limit 1 --offset 2")]
    asked = {typed: typed.replace("SEGMENT", str(found and found[0])) for typed in (*QUESTIONS, *pages)}
    runs = {typed: shlex.split(words) for typed, words in asked.items()} | {typed: shlex.split(typed) for typed in WORK}
    return nursery.run_all(program, {typed: [*words, "--json"] for typed, words in runs.items()})


def test_every_command_is_tried_and_has_a_document() -> None:
    tried = {name for name in COMMANDS for typed in (*QUESTIONS, *WORK) if re.match(rf"{name}( |$)", typed)}
    assert tried | WITHOUT_DOCUMENT == set(COMMANDS)
    assert {name for name, options in COMMANDS.items() if "--json" not in options} == WITHOUT_DOCUMENT


@pytest.mark.parametrize("typed", [*QUESTIONS, *WORK])
def test_a_command_prints_one_document_and_nothing_else(typed: str, answers: dict[str, Outcome]) -> None:
    answer = answers[typed]
    assert answer.exit_code == 0, answer.err
    assert isinstance(answer.document, dict | list)
    assert "Traceback" not in answer.err


def test_every_list_with_an_offset_is_paged_here() -> None:
    paged = {name for name, options in COMMANDS.items() if {"--limit", "--offset"} <= options}
    tried = {name for name in paged for typed in LISTS if re.match(rf"{name}( |$)", typed)}
    # `check` pages as `findings` does; the district has one agreement at most, and its features have one state.
    assert paged - tried == {"check", "share list", "share requests", "share hooks", "history"}


@pytest.mark.parametrize("typed", LISTS)
def test_a_page_is_a_part_of_the_list(typed: str, answers: dict[str, Outcome]) -> None:
    three, third = (answers[f"{typed} {page}"].document for page in ("--limit 3", "--limit 1 --offset 2"))
    rows = LISTS[typed]
    if rows is not None:
        three, third = three[rows], third[rows]
    assert len(three) == 3
    assert third == three[2:]


@pytest.fixture(scope="module")
def spoken(program: Program, nursery: Nursery, answers: dict[str, Outcome]) -> dict[str, dict[str, Outcome]]:
    """What each question says to a person, by language."""
    segment = answers["find pipe_segment --bbox " + HERE].document["features"][0]["id"]
    asked = {typed: shlex.split(typed.replace("SEGMENT", str(segment))) for typed in QUESTIONS if typed not in SILENT}
    return {language: nursery.run_all(replace(program, language=language), asked) for language in ("zh", "en")}


@pytest.fixture(scope="module")
def own_words(program: Program) -> re.Pattern[str]:
    """Chinese that stands in the map and its files themselves: names, owners, titles."""
    with psycopg.connect(program.url) as connection:
        columns = connection.execute(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s"
            " AND data_type IN ('text', 'jsonb') AND column_name NOT LIKE 'message%%'", [SCHEMA]
        ).fetchall()  # fmt: skip
        values = " ".join(
            text or ""
            for table, column in columns
            for (text,) in connection.execute(
                f"""SELECT string_agg(DISTINCT "{column}"::text, ' ') FROM {SCHEMA}.{table}"""
            )
        )
    return re.compile("|".join(sorted(set(HAN.findall(values)), key=len, reverse=True)))


@pytest.mark.parametrize("typed", [typed for typed in QUESTIONS if typed not in SILENT])
def test_a_command_speaks_the_one_language_of_the_setting(
    typed: str, spoken: dict[str, dict[str, Outcome]], own_words: re.Pattern[str]
) -> None:
    for language, outcomes in spoken.items():
        ended = outcomes[typed]
        assert ended.exit_code == 0, ended.err
        lines = (ended.out + ended.err).splitlines()
        heads = {head.strip() for line in lines if line.startswith("┃") for head in line.strip("┃").split("┃")}
        assert heads <= {name if language == "en" else chinese for name, chinese in COLUMNS.items()}
        said = [own_words.sub("", line) for line in lines if line[:1] not in "┏┃┡│└"]
        strange = HAN if language == "en" else re.compile(r"[a-z]{2,} [a-z]{2,} [a-z]{2,}")
        assert not [line for line in said if strange.search(re.sub("`.*?`", "", line))]


def test_the_words_of_the_work_tell_of_what_was_done(program: Program, answers: dict[str, Outcome]) -> None:
    assert answers[f"publish {UPDATE} -m update"].document == {"changeset_id": UPDATE, "version": 7}
    assert answers[f"revert {UPDATE}"].document == {"changeset_id": UNDO}
    package = Path(answers["share export --out . --format geojson"].document["path"])
    assert (program.folder / package).stat().st_size > 0


def test_the_installed_program_prints_the_same(program: Program, answers: dict[str, Outcome]) -> None:
    assert program.run("rules", "--json").out == answers["rules"].out


@pytest.mark.parametrize(("words", "not_needed"), [
    (["log"], {"numba", "scipy", "pandas", "geopandas", "fastapi", "fiona", "pyogrio", "alembic"}),
    (["import", "nothing.csv"], {"numba", "geopandas", "fastapi"}),
])  # fmt: skip
def test_a_command_loads_its_own_room_only(program: Program, words: list[str], not_needed: set[str]) -> None:
    ended = program.run(*words, PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in ended.err.splitlines()}
    assert "pipemap.cli" in loaded
    assert not loaded & not_needed
