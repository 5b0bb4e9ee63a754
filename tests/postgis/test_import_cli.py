"""`pipemap import` as a person runs it: real files, a real database, exit codes and JSON."""

import json
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipemap import cli

NORTH, EAST = 2_494_000, 492_000
POINTS = f"""物探点号,管线类型,特征,附属物,X,Y,地面高程
A,JS,弯头,,{NORTH},{EAST},10
B,JS,三通,阀门,{NORTH},{EAST + 30},10
C,JS,弯头,,{NORTH},{EAST + 60},10
"""
LINES = """起点点号,终点点号,管线类型,起点埋深,终点埋深,管径,材质
A,B,JS,1,1,300,PE
B,C,JS,1,1,300,PE
"""


@pytest.fixture
def folder(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", database_url)
    monkeypatch.setenv("PIPEMAP_LANGUAGE", "en")
    (tmp_path / "区管点.csv").write_text(POINTS, encoding="gb18030")
    (tmp_path / "区管线.csv").write_text(LINES, encoding="gb18030")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of the real entry point."""
    monkeypatch.setattr("sys.argv", ["pipemap", *words])
    capsys.readouterr()
    with pytest.raises(SystemExit) as end:
        cli.main()
    spoken = capsys.readouterr()
    return int(end.value.code or 0), spoken.out, spoken.err


def imported(folder: Path) -> dict[str, Any]:
    words = ["import", str(folder / "区管点.csv"), str(folder / "区管线.csv"), "--json"]
    done = CliRunner().invoke(cli.build(), words, catch_exceptions=False)
    assert done.exit_code == 0
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_an_import_ends_with_an_account_that_adds_up(folder: Path) -> None:
    answer = imported(folder)
    assert answer["totals"] == {"rows": 5, "loaded": 5, "refused": 0, "skipped": 0}
    assert answer["dataset"] == "区"
    assert {kind: counts.get("insert") for kind, counts in answer["changes"].items() if counts.get("insert")} == {
        "node": 3,
        "pipe_segment": 2,
    }


def test_an_import_that_checks_lists_what_it_found_and_can_be_published(folder: Path) -> None:
    files = [str(folder / "区管点.csv"), str(folder / "区管线.csv")]
    done = CliRunner().invoke(cli.build(), ["import", *files, "--check", "--json"], catch_exceptions=False)
    answer = json.loads(done.stdout)
    number = str(answer["changeset_id"])
    checked = CliRunner().invoke(cli.build(), ["check", number, "--json"], catch_exceptions=False)
    key = itemgetter("rule", "severity")
    assert sorted(json.loads(checked.stdout)["counts"], key=key) == sorted(answer["findings"], key=key) != []
    done = CliRunner().invoke(cli.build(), ["publish", number, "-m", "first"], catch_exceptions=False)
    assert done.exit_code == 0, done.output


def test_the_same_delivery_again_changes_nothing_once_published(folder: Path) -> None:
    first = imported(folder)
    for words in (["check"], ["publish", "-m", "first"]):
        number = str(first["changeset_id"])
        done = CliRunner().invoke(cli.build(), [words[0], number, *words[1:]], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    again = imported(folder)
    assert sum(sum(counts.values()) for counts in again["changes"].values()) == 0
    told = CliRunner().invoke(cli.build(), ["import", str(folder / "区管点.csv"), str(folder / "区管线.csv")])
    number = again["changeset_id"] + 1
    assert f"Nothing changed; discard it with `pipemap discard {number}`" in told.stdout


def test_an_import_tells_of_a_mass_deletion(folder: Path) -> None:
    first = imported(folder)
    words = ["publish", str(first["changeset_id"]), "-m", "first"]
    assert CliRunner().invoke(cli.build(), words, catch_exceptions=False).exit_code == 0
    points, lines = (folder / "区管点.csv").read_bytes().splitlines(True), (folder / "区管线.csv").read_bytes()
    (folder / "区管点.csv").write_bytes(b"".join(points[:2]))
    (folder / "区管线.csv").write_bytes(lines.splitlines(True)[0])
    assert {"rule": "IMP-REMOVES", "severity": "error", "count": 1} in imported(folder)["findings"]


def imported_as_foul(path: Path) -> Any:
    words = ["import", str(path), "--class", "foul", "--json"]
    return json.loads(CliRunner().invoke(cli.build(), words, catch_exceptions=False).stdout)


def test_columns_that_no_profile_knows_are_taken_as_proposed_and_told(folder: Path) -> None:
    (folder / "sewer.csv").write_text(
        "haltungsname,us_invert,ds_invert,Diameter,from_x,from_y,to_x,to_y\n"
        f"H1,8.2,8.1,300,{NORTH},{EAST},{NORTH},{EAST + 40}\n"
        f"H2,8.1,7.9,300,{NORTH},{EAST + 40},{NORTH},{EAST + 80}\n"
    )
    answer = imported_as_foul(folder / "sewer.csv")
    assert (answer["dataset"], answer["totals"]["loaded"]) == ("sewer", 2)
    assert [file["profile"] for file in answer["files"]] == ["proposed"]
    assert answer["datums"] == [{"class_code": "foul", "datum_code": "invert", "said_by": "column", "rows": 2}]
    rules = [(found["rule"], found["severity"]) for found in answer["findings"]]
    assert ("IMP-PROPOSED", "warning") in rules
    assert "IMP-COLUMN" not in dict(rules)


def test_a_layout_of_which_no_name_is_known_is_taken_as_proposed_and_told(folder: Path) -> None:
    (folder / "lines.csv").write_text(
        "US MH,DS MH,US Easting,US Northing,DS Easting,DS Northing,US IL,DS IL,Dia\n"
        f"M1,M2,{EAST},{NORTH},{EAST + 40},{NORTH},8.2,8.1,300\n"
        f"M2,M3,{EAST + 40},{NORTH},{EAST + 80},{NORTH},8.1,7.9,300\n"
    )
    answer = imported_as_foul(folder / "lines.csv")
    assert answer["totals"] == {"rows": 2, "loaded": 2, "refused": 0, "skipped": 0}
    assert answer["changes"]["node"]["insert"] == 3
    assert {"rule": "IMP-PROPOSED", "severity": "warning", "count": 1} in answer["findings"]


def test_a_dry_run_says_what_each_column_is_taken_for(folder: Path) -> None:
    done = CliRunner().invoke(
        cli.build(), ["import", "--dry-run", "--json", str(folder / "区管点.csv"), str(folder / "区管线.csv")]
    )
    answer = json.loads(done.stdout)
    taken = {(column["sheet"], column["column"]): column for column in answer["columns"]}
    assert taken["区管点", "物探点号"]["attribute"] == "key"
    assert taken["区管点", "物探点号"]["samples"] == ["A", "B", "C"]
    assert taken["区管线", "起点埋深"]["attribute"] == "from_depth_m"


@pytest.mark.parametrize(
    ("name", "content", "options", "exit_code", "said"),
    [
        ("empty.csv", b"", [], 41, "is empty"),
        ("wrong.csv", b"a,b\n\x80\xff,\xff\xff\n", [], 41, "UTF-8"),
        ("cut.mdb", b"\0\1\0\0Standard Jet DB\0" + b"\0" * 1000, [], 41, "cut short"),
        ("swap.csv", f"物探点号,X,Y\nA,{EAST},{NORTH}\n".encode(), [], 41, "X and Y are swapped"),
        ("far.csv", b"\xe7\x89\xa9\xe6\x8e\xa2\xe7\x82\xb9\xe5\x8f\xb7,X,Y\nA,1,2\n", [], 45, "--crs"),
        ("ok.csv", POINTS.encode(), ["--crs", "EPSG:4214"], 45, "Beijing 1954"),
        ("ok.csv", POINTS.encode(), ["--profile", "nope"], 40, "no profile nope"),
        ("a.doc", b"x", [], 41, "of no kind"),
    ],
)
def test_bad_input_gets_one_sentence_and_its_exit_code(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: bytes,
    options: list[str],
    exit_code: int,
    said: str,
) -> None:
    (folder / name).write_bytes(content)
    code, out, err = run(capsys, monkeypatch, "import", str(folder / name), *options)
    assert code == exit_code
    assert said in " ".join(err.split())
    assert "Traceback" not in out + err
