import json
import tomllib

from typer.testing import CliRunner

from importers.profile_files import shipped
from pipemap import cli


def run(*words: str) -> str:
    done = CliRunner().invoke(cli.build(["profiles"]), ["profiles", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_every_shipped_profile_is_listed_with_what_it_is_for() -> None:
    listed = {each["name"]: each for each in json.loads(run("--json"))}
    assert sorted(listed) == list(shipped())
    assert listed["egw-survey"]["title"].startswith("Point and line survey tables")
    assert "S_DEEP" in listed["egw-survey"]["signature"]
    words = run()
    assert all(name in words for name in shipped())


def test_a_printed_profile_is_one_that_can_be_passed_back() -> None:
    for name in shipped():
        assert tomllib.loads(run(name))["name"] == name
