"""Whatever a user hands to the command line: one sentence, the right exit code, an unchanged map, no traceback."""

import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg
import pytest
import typer

from pipemap import cli
from pipemap.changesets import reject
from pipemap.cluster import Cluster
from pipemap.db import Database, translated_errors
from tests.conftest import Clone
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment
from tests.service.bad_files import EAST, NORTH, write_bad_files
from tests.service.program import PROGRAM, Nursery, Outcome, Program, contents

USAGE, MISSING, SOURCE, CONFLICT, REJECTED, FORBIDDEN, CRS, STORAGE = 2, 40, 41, 42, 43, 44, 45, 60
CODES = {USAGE: ("usage",), MISSING: ("not-found",), SOURCE: ("source",), CONFLICT: ("conflict",),
         REJECTED: ("rejected",), FORBIDDEN: ("forbidden", "unauthorized"), CRS: ("crs",)}  # fmt: skip
PUBLISHED, DRAFT, TURNED_DOWN = "1", "2", "3"
CLOSED = "postgresql://u:hidden@127.0.0.1:1/map"
GOOD = "import points.csv lines.csv"

# What is typed, the exit code, and what the sentence has to say.
IMPORTS = [
    ("import jet.mdb", SOURCE, "jet.mdb is damaged"),
    ("import pages.mdb", SOURCE, "pages.mdb is damaged"),
    ("import renamed.mdb", SOURCE, "renamed.mdb is not an Access database"),
    ("import bare.dxf", SOURCE, "bare.dxf has no attributes"),
    ("import cut.dxf", SOURCE, "cut.dxf is cut off"),
    ("import drawing.dwg", SOURCE, "save it as DXF"),
    ("import zeros.csv", SOURCE, "zeros.csv is not text in UTF-8 or GB18030"),
    ("import bytes.csv", SOURCE, "bytes.csv is not"),
    ("import latin.csv", SOURCE, "latin.csv is not in UTF-8 nor GB18030"),
    ("import swapped.csv", SOURCE, "X and Y are swapped"),
    ("import schematic.csv", CRS, "schematic.csv"),
    ("import headless.csv", SOURCE, "Nothing in headless.csv is known to be points or pipes"),
    ("import header.csv", SOURCE, "header.csv"),
    ("import blank.xlsx", SOURCE, "blank.xlsx has no cell with anything in it"),
    ("import cut.xlsx", SOURCE, "cut.xlsx is not a workbook"),
    ("import renamed.xlsx", SOURCE, "renamed.xlsx is not a workbook"),
    ("import noprj.shp", CRS, "add its .prj or name the system with --crs"),
    ("import noshx.shp", SOURCE, "without its index noshx.shx"),
    ("import badprj.shp", SOURCE, "badprj.prj"),
    ("import cutshp.shp", SOURCE, "cutshp.shp is cut off"),
    ("import vrt.shp", SOURCE, "vrt.shp is not a shapefile"),
    ("import vrt.geojson", SOURCE, "vrt.geojson is not GeoJSON"),
    ("import cut.geojson", SOURCE, "cut.geojson"),
    ("import renamed.gpkg", SOURCE, "renamed.gpkg is not a GeoPackage"),
    ("import cut.gpkg", SOURCE, "cut.gpkg"),
    ("import outside.zip", SOURCE, "leads outside the archive"),
    ("import nothing.zip", SOURCE, "nothing.zip holds no files"),
    ("import renamed.zip", SOURCE, "renamed.zip"),
    *((f"import empty.{kind}", SOURCE, f"empty.{kind} is") for kind in
      ("csv", "xlsx", "mdb", "shp", "gpkg", "geojson", "dxf", "inp", "zip")),
    *((f"import folder.{kind}", SOURCE, f"folder.{kind} is a folder; name the files in it") for kind in
      ("csv", "shp", "dxf", "inp", "mdb")),
    ("import folder.gdb", SOURCE, "folder.gdb is not a file geodatabase"),
    ("import folder", SOURCE, "folder is a folder; name the files in it"),
    ("import garbage.inp", SOURCE, "garbage.inp"),
    ("import words.inp", SOURCE, "words.inp"),
    ("import letter.doc", SOURCE, "letter.doc is of no kind that can be imported; use xlsx"),
    ("import nowhere.csv", MISSING, "no file nowhere.csv"),
    ("import points.csv nowhere.csv", MISSING, "no file nowhere.csv"),
    ("import --dry-run nowhere.csv", MISSING, "no file nowhere.csv"),
    ("import --dry-run zeros.csv", SOURCE, "zeros.csv"),
    ("import", USAGE, "Missing argument"),
    (f"{GOOD} --crs EPSG:999999", CRS, "EPSG:999999 is not a known coordinate reference system"),
    (f"{GOOD} --crs nonsense", CRS, "nonsense is not a known coordinate reference system"),
    (f"{GOOD} --crs EPSG:4326", CRS, "points.csv"),
    (f"{GOOD} --crs EPSG:2435", CRS, "Beijing 1954"),
    (f"{GOOD} --crs EPSG:4534", CRS, "points.csv"),
    (f"{GOOD} --crs EPSG:32631", CRS, "lie far from where CGCS2000"),
    (f"{GOOD} --profile nope", MISSING, "no profile nope; the shipped ones are"),
    (f"{GOOD} --profile broken.toml", SOURCE, "The profile broken.toml is not valid"),
    (f"{GOOD} --profile wrong.toml", SOURCE, "The profile wrong.toml is not valid: axis"),
    (f"{GOOD} --profile alien.toml", SOURCE, "colour"),
    (f"{GOOD} --profile bytes.toml", SOURCE, "bytes.toml cannot be read"),
    (f"{GOOD} --profile pattern.toml", SOURCE, "The profile pattern.toml is not valid"),
]  # fmt: skip
ARGUMENTS = [
    ("shwo 1", USAGE, "No such command 'shwo'"),
    ("log --limit 0", USAGE, "greater than or equal to 1"),
    ("log --offset x", USAGE, "--offset"),
    *((f"{verb} 999", MISSING, "no changeset 999; `pipemap changesets` lists them") for verb in
      ("show", "check", "findings", "submit", "approve", "reject", "discard", "revert", "rebase", "publish -m x")),
    ("show one", USAGE, "CHANGESET"),
    ("show 99999999999999999999", USAGE, "not one that the map can hold"),
    (f"show {DRAFT} --kind pipe", USAGE, "pipe_segment"),
    (f"show {DRAFT} --op change", USAGE, "'insert', 'update', 'delete'"),
    ("changesets --state done", USAGE, "draft"),
    (f"publish {DRAFT}", USAGE, "--message"),
    (f"publish {DRAFT} -m ' '", USAGE, "message"),
    (f"publish {DRAFT} -m x --waive R17", USAGE, "names a rule and a reason"),
    (f"publish {TURNED_DOWN} -m x", REJECTED, "rejected"),
    (f"submit {DRAFT}", REJECTED, "draft"),
    (f"approve {DRAFT}", REJECTED, "draft"),
    (f"discard {PUBLISHED}", REJECTED, "published"),
    (f"rebase {PUBLISHED}", REJECTED, "published"),
    (f"check {PUBLISHED}", CONFLICT, "published"),
    (f"revert {DRAFT}", REJECTED, "not published; discard it instead"),
    (f"rebase {DRAFT} --prefer yours", USAGE, "mine"),
    ("diff 1", USAGE, "3..5"),
    ("diff 3..x", USAGE, "'x' is neither a version number nor a date"),
    ("diff 0..99", MISSING, "99"),
    ("diff 0..1 --bbox 1,2,3", USAGE, "four numbers"),
    ("diff 0..1 --bbox a,b,c,d", USAGE, "four numbers"),
    ("diff 0..1 --bbox nan,0,1,1", USAGE, "four numbers"),
    ("diff 0..1 --kind pipe", USAGE, "pipe_segment"),
    ("history 999999", MISSING, "999999"),
    ("history NOPE --dataset survey", MISSING, "NOPE"),
    ("history NOPE", MISSING, "NOPE"),
    ("history W --dataset elsewhere", MISSING, "W"),
    ("find pipe", USAGE, "pipe_segment"),
    ("find node --bbox 1,2,3", USAGE, "--bbox takes 4 numbers"),
    ("find node --bbox a,b,c,d", USAGE, "--bbox takes numbers"),
    ("find node --bbox nan,1,2,3", USAGE, "finite"),
    ("find node --bbox 5,5,1,1", USAGE, "minimum"),
    ("find node --where colour=red", USAGE, "colour"),
    ("find node --where colour", USAGE, "attribute=value"),
    ("find node --class steam", USAGE, "steam"),
    ("find node --version 99", MISSING, "99"),
    ("find node --crs EPSG:1", CRS, "EPSG:1"),
    ("find node --z-min 9 --z-max 1", USAGE, "above the upper"),
    ("near --at x,y --radius 5", USAGE, "--at takes numbers"),
    ("near --at 5 --radius 5", USAGE, "--at takes 2 or 3 numbers"),
    ("near --at 5,5 --radius -1", USAGE, "radius"),
    ("near --at 5,5 --radius nan", USAGE, "radius"),
    ("near --at 5,inf --radius 5", USAGE, "finite"),
    ("corridor --line 1 --half-width 5", USAGE, "--line takes 2 numbers"),
    ("corridor --line '1 2' --half-width 5", USAGE, "two different points"),
    ("corridor --line '1 2,a b' --half-width 5", USAGE, "--line takes"),
    ("corridor --line '1 2,3 4' --half-width 0", USAGE, "half"),
    ("clearance", USAGE, "--segment or --polygon"),
    ("clearance --segment 999999", MISSING, "999999"),
    ("clearance --segment 1 --version 99", MISSING, "99"),
    ("clearance --polygon nowhere.geojson --z-min 0 --z-max 1", USAGE, "--polygon"),
    ("clearance --polygon 'POLYGON((0 0,1 1' --z-min 0 --z-max 1", USAGE, "--polygon"),
    ("clearance --polygon 'POLYGON((0 0,1 1,1 0,0 1,0 0))' --z-min 0 --z-max 1", USAGE, "polygon"),
    ("clearance --polygon 'POLYGON((0 0,1 0,1 1,0 0))'", USAGE, "--z-min and --z-max"),
    ("clearance --polygon 'POLYGON((0 0,1 0,1 1,0 0))' --z-min 5 --z-max 1", USAGE, "lower elevation below"),
    ("clearance --polygon 'POLYGON((0 0,1 0,1 1,0 0))' --z-min 0 --z-max 1 --class steam", USAGE, "steam"),
    ("trace burst", USAGE, "--segment, --key or --at"),
    ("trace burst --segment 999999", MISSING, "999999"),
    ("trace burst --key 'NO->WHERE'", MISSING, "NO->WHERE"),
    ("trace burst --key 'S1->S2'", USAGE, "a question for pressure pipes"),
    ("trace burst --at here", USAGE, "X,Y"),
    ("trace burst --at nan,0", USAGE, "X,Y"),
    ("trace burst --at 0,0", CRS, "outside"),
    ("trace burst --at 510000,2600000", MISSING, "Within 50 m"),
    ("trace burst --at 0,0 --class steam", USAGE, "steam"),
    ("trace burst --segment 1 --version 99", MISSING, "99"),
    ("trace", USAGE, "`pipemap trace --help` says how"),
    *((f"share agree --agency a --purpose p --area {area} --classes {classes} --expires {day}{more}", code, said)
      for area, classes, day, more, code, said in (
          ("0,0,9,9", "steam", "2099-01-01", "", USAGE, "steam"),
          ("0,0,9,9", "water", "2001-01-01", "", USAGE, "expires at a moment to come"),
          ("0,0,9,9", "water", "soon", "", USAGE, "soon"),
          ("0,0,9", "water", "2099-01-01", "", USAGE, "min x,min y,max x,max y"),
          ("'POINT(0 0)'", "water", "2099-01-01", "", USAGE, "olygon"),
          ("nowhere.geojson", "water", "2099-01-01", "", SOURCE, "nowhere.geojson"),
          ("0,0,9,9", "water", "2099-01-01", " --attributes colour", USAGE, "colour"),
          ("0,0,9,9", "water", "2099-01-01", " --area-crs EPSG:999999", CRS, "999999"),
      )),
    ("share key 999", MISSING, "999"),
    ("share revoke 999", MISSING, "999"),
    ("share export --key pmk_nobody", FORBIDDEN, "key"),
    ("share export --format doc", USAGE, "gpkg"),
    ("share export --out nowhere", USAGE, "nowhere is not a folder"),
    ("share export --bbox 1,2", USAGE, "minx,miny,maxx,maxy"),
    ("share export --crs EPSG:999999", CRS, "999999"),
    ("audit verify --anchor nowhere.json", SOURCE, "nowhere.json"),
    ("audit verify --anchor broken.toml", SOURCE, "broken.toml"),
    ("audit anchor nowhere/anchor.json", SOURCE, "nowhere/anchor.json"),
    ("audit list --since yesterday", USAGE, "yesterday"),
    (f"check {DRAFT} --rules nowhere.toml", MISSING, "nowhere.toml"),
    (f"check {DRAFT} --rules rules.toml", USAGE, "rules.toml"),
    (f"check {DRAFT} --rules rules_alien.toml", USAGE, "no rule R999"),
    (f"check {DRAFT} --rule R999", USAGE, "R999"),
    (f"findings {DRAFT} --severity bad", USAGE, "error"),
    (f"findings {DRAFT} --html nowhere/report.html", USAGE, "nowhere/report.html"),
    (f"findings {DRAFT} --gpkg nowhere/report.gpkg", USAGE, "nowhere/report.gpkg"),
    (f"findings {DRAFT} --csv folder", USAGE, "folder"),
    ("init --crs EPSG:4326", CRS, "not a projected system"),
    ("init --crs somewhere", USAGE, "somewhere"),
    ("sample points.csv", SOURCE, "points.csv"),
]  # fmt: skip
CASES = {typed: (code, said) for typed, code, said in (*IMPORTS, *ARGUMENTS)}


@pytest.fixture(scope="module")
def program(clone: Clone, template: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    """A folder of bad files beside a published main and sewer; changesets 1 published, 2 draft, 3 rejected."""
    folder = tmp_path_factory.mktemp("bad")
    write_bad_files(folder)
    url = clone(template, "bad_input")
    sewer = {"class_code": "foul"}
    mains = delivery(
        [node("W", 0), node("V", 10), node("S1", 0, 50, **sewer), node("S2", 10, 50, **sewer)],
        [segment("W", "V", [(0, 0, 8), (10, 0, 8)]), segment("S1", "S2", [(0, 50, 8), (10, 50, 7)], **sewer)],
    )
    with Database(url) as database:
        publish_now(database, bring_in(database, mains))
        bring_in(database, delivery([node("D1", 0, 90)], dataset="draft"))
        reject(database, bring_in(database, delivery([node("D2", 0, 95)], dataset="rejected")), reviewer="reviewer")
    return Program(folder, url, "en")


@pytest.fixture(scope="module")
def before(program: Program) -> dict[str, str]:
    return contents(program.url)


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, program: Program, nursery: Nursery, before: dict[str, str]
) -> dict[str, Outcome]:
    """Every case that this session asks for, run once with --json."""
    asked = [
        item.callspec.params.get("typed")
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and hasattr(item, "callspec")
    ]
    return nursery.run_all(program, {typed: [*shlex.split(typed), "--json"] for typed in asked if typed in CASES})


@pytest.mark.parametrize("typed", CASES)
def test_bad_input_gets_one_sentence_and_its_exit_code(typed: str, outcomes: dict[str, Outcome]) -> None:
    exit_code, said = CASES[typed]
    outcome = outcomes[typed]
    sentence = one_sentence(outcome)
    assert said in sentence
    assert outcome.exit_code == exit_code
    error = outcome.document["error"]
    assert error["code"] in CODES[exit_code]
    assert sentence == f"{error['code']}: {error['message']}"


def test_no_bad_input_changes_the_map(program: Program, before: dict[str, str], outcomes: dict[str, Outcome]) -> None:
    assert contents(program.url) == before


@pytest.mark.parametrize("typed", ["import noprj.shp", "show 999"])
def test_the_installed_program_ends_as_the_entry_point_does(typed: str, program: Program) -> None:
    exit_code, said = CASES[typed]
    ended = program.run(*shlex.split(typed))
    assert said in one_sentence(ended)
    assert (ended.exit_code, ended.out) == (exit_code, "")


def test_an_error_is_said_in_chinese_where_it_knows_how(program: Program) -> None:
    ended = program.run("import", "nowhere.csv", "--json", PIPEMAP_LANGUAGE="zh")
    error = ended.document["error"]
    assert one_sentence(ended) == f"{error['code']}: {error['message_zh']}" != f"{error['code']}: {error['message']}"


def test_letters_in_a_number_column_are_a_finding_in_an_import_that_adds_up(clone: Clone, program: Program) -> None:
    apart = Program(program.folder, clone("template_pipemap", "letters"))
    ended = apart.run("import", "points.csv", "lines.csv", "--json")
    assert (ended.exit_code, ended.err) == (0, "")
    answer = ended.document
    assert answer["totals"] == {"rows": 5, "loaded": 5, "refused": 0, "skipped": 0}
    listed = apart.run("findings", str(answer["changeset_id"]), "--json").document["findings"]
    told = [(found["file"], found["row"], found["column"]) for found in listed if found["value"] == "三百"]
    assert told == [("lines.csv", 3, "管径")]


@pytest.mark.parametrize(
    ("typed", "settings", "exit_code", "said"),
    [
        ("log", {"PIPEMAP_DATABASE_URL": CLOSED}, STORAGE, "`pipemap doctor` says where"),
        ("serve", {"PIPEMAP_DATABASE_URL": CLOSED}, STORAGE, "`pipemap doctor` says where"),
        ("init", {"PIPEMAP_DATABASE_URL": "the:hidden server"}, USAGE, "PIPEMAP_DATABASE_URL is not a URL"),
        ("serve", {"PIPEMAP_STAFF_TOKEN": "x" * 23}, USAGE, "PIPEMAP_STAFF_TOKEN can be guessed"),
        ("log", {"PIPEMAP_PORT": "many"}, USAGE, "The setting PIPEMAP_PORT is not valid"),
    ],
)
def test_wrong_settings_are_said_at_once(
    program: Program, typed: str, settings: dict[str, str], exit_code: int, said: str
) -> None:
    ended = program.run(typed, **settings)
    assert said in one_sentence(ended)
    assert "hidden" not in ended.err
    assert (ended.exit_code, ended.out) == (exit_code, "")


def test_a_database_without_a_map_asks_for_init(cluster: Cluster, program: Program) -> None:
    ended = Program(program.folder, cluster.url("postgres"), "en").run("log")
    assert "run `pipemap init`" in one_sentence(ended)
    assert ended.exit_code == STORAGE


@pytest.mark.parametrize("words", [("--host", "0.0.0.0"), ("--port", "TAKEN")])
def test_a_service_that_cannot_start_says_why(program: Program, words: tuple[str, ...]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = program.run("serve", *(port if word == "TAKEN" else word for word in words))
    assert {"0.0.0.0": "PIPEMAP_STAFF_TOKEN", "TAKEN": port}[words[1]] in one_sentence(ended)
    assert (ended.exit_code, ended.out) == (USAGE, "")


def test_an_interruption_stays_one_where_the_connection_refuses_to_be_rolled_back() -> None:
    with pytest.raises(KeyboardInterrupt), translated_errors():
        try:
            raise KeyboardInterrupt
        finally:
            raise psycopg.ProgrammingError


def test_an_interrupted_import_leaves_nothing_and_says_so(program: Program, before: dict[str, str]) -> None:
    many = "".join(f"P{i},JS,,,{NORTH + i % 300},{EAST + i // 300},10\n" for i in range(60_000))
    (program.folder / "many.csv").write_text(f"物探点号,管线类型,特征,附属物,X,Y,地面高程\n{many}")
    running = subprocess.Popen(
        [PROGRAM, "import", "many.csv"],
        cwd=program.folder,
        env=program.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for_a_session(program.url, running)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate()
    assert one_sentence(Outcome(running.returncode, out, err)).startswith("Interrupted")
    assert (running.returncode, out) == (130, "")
    assert contents(program.url) == before


def test_an_unexpected_failure_is_one_sentence_that_says_where_the_details_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise ZeroDivisionError("a fault of ours")

    app = typer.Typer()
    app.callback()(lambda: None)
    app.command()(fail)
    monkeypatch.setattr(cli, "build", lambda _: app)
    monkeypatch.setattr("sys.argv", ["pipemap", "fail"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    spoken = capsys.readouterr()
    sentence = one_sentence(Outcome(1, spoken.out, spoken.err))
    details = Path(sentence.removesuffix(".").split()[-1])
    assert "a fault of ours" in details.read_text()
    details.unlink()
    assert ended.value.code == 1
    monkeypatch.setenv("PIPEMAP_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        cli.main()


def one_sentence(outcome: Outcome) -> str:
    """What is said on standard error: one line without a traceback, a machine path, or a class name."""
    assert "Traceback" not in outcome.out + outcome.err
    assert len(outcome.err.splitlines()) == 1, outcome.err
    assert outcome.err.rstrip().endswith((".", "。")), outcome.err
    return outcome.err.strip()


def _wait_for_a_session(url: str, running: subprocess.Popen[str]) -> None:
    """Until the program is at work in the database."""
    with psycopg.connect(url, autocommit=True) as connection:
        while (
            running.poll() is None
            and not connection.execute(
                "SELECT FROM pg_stat_activity WHERE application_name = 'pipemap' AND datname = current_database()"
            ).fetchall()
        ):
            time.sleep(0.02)
