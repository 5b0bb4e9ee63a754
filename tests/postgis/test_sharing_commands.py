import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipemap.cli import build
from pipemap.db import Database
from pipemap.errors import PipemapError

Run = Callable[..., Result]


@pytest.fixture
def run(database: Database, database_url: str, tmp_path: Path) -> Run:
    environment = {"PIPEMAP_DATABASE_URL": database_url, "PIPEMAP_DATA_DIR": str(tmp_path), "PIPEMAP_USER": "li"}
    return lambda *words: CliRunner().invoke(build(words), words, env=environment)


def agree(run: Run, **changes: str) -> Result:
    terms = {
        "agency": "水务局",
        "purpose": "设计",
        "area": "0,0,1000,1000",
        "classes": "water",
        "expires": "2999-12-31",
    }
    options = [word for name, value in (terms | changes).items() for word in (f"--{name}", value)]
    return run("share", "agree", *options, "--json")


def test_from_agreement_to_package_to_record(run: Run, database: Database, tmp_path: Path) -> None:
    number = str(json.loads(agree(run, attributes="all").stdout)["agreement_id"])
    for words in (("key", number), ("agreement-approve", number), ("agreement-approve", number, "--by", "li")):
        refusal = run("share", *words).exception
        assert isinstance(refusal, PipemapError) and refusal.exit_code == 44, words
    assert json.loads(run("share", "list", "--json").stdout)[0]["state"] == "waiting"
    assert run("share", "agreement-approve", number, "--by", "wang").exit_code == 0
    again = run("share", "agreement-approve", number, "--by", "wang").exception
    assert isinstance(again, PipemapError) and again.exit_code == 2
    key = json.loads(run("share", "key", number, "--json").stdout)["key"]
    [listed] = json.loads(run("share", "list", "--json").stdout)
    assert (listed["agency"], listed["state"], listed["area_km2"]) == ("水务局", "in_force", 1)
    assert (listed["written_by"], listed["approved_by"]) == ("li", "wang")
    assert key not in run("share", "list").stdout

    package = json.loads(run("share", "export", "--key", key, "--out", str(tmp_path), "--json").stdout)
    assert Path(package["path"]).is_file() and package["manifest"]["agency"] == "水务局"

    entries = json.loads(run("audit", "list", "--json").stdout)
    assert [(one["actor"], one["action"]) for one in entries] == [
        ("水务局", "share.export"),
        ("li", "share.key"),
        ("wang", "share.agree"),
        ("li", "share.propose"),
    ]
    assert json.loads(run("audit", "list", "--until", "2000-01-01", "--json").stdout) == []
    assert run("share", "revoke", number).exit_code == 0
    assert isinstance(run("share", "export", "--key", key, "--out", str(tmp_path)).exception, PipemapError)


def test_a_broken_log_has_its_own_exit_code(run: Run, database: Database, tmp_path: Path) -> None:
    agree(run)
    anchor = str(tmp_path / "anchor.json")
    assert run("audit", "anchor", anchor).exit_code == 0
    assert run("audit", "verify", "--anchor", anchor).exit_code == 0
    with database.transaction() as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("UPDATE pipemap.audit_log SET actor = 'nobody'")
    broken = run("audit", "verify", "--json")
    assert broken.exit_code == 46
    assert json.loads(broken.stdout)["problems"][0]["kind"] == "altered"


@pytest.mark.parametrize(
    "change", [{"area": "here"}, {"classes": "dragon"}, {"attributes": "dragon"}, {"expires": "soon"}]
)
def test_terms_that_make_no_sense_get_one_sentence(run: Run, change: dict[str, str]) -> None:
    refusal = agree(run, **change).exception
    assert isinstance(refusal, PipemapError) and refusal.exit_code == 2
