"""`pipemap init` on a database that holds a project already."""

import json
from typing import Any

import pytest
import typer

from pipemap.commands.running import app
from pipemap.errors import ConflictError


@pytest.fixture
def init(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", database_url)

    def run(*words: str) -> Any:
        typer.main.get_command(app)(["init", *words, "--json"], standalone_mode=False)
        return json.loads(capsys.readouterr().out)

    return run


@pytest.mark.parametrize(
    ("words", "stored", "stated"),
    [
        (("--crs", "EPSG:32637"), "EPSG:4547", "EPSG:32637"),
        (("--name", "another city"), "test city", "another city"),
        (("--vertical-datum", "EVRF2019"), "1985国家高程基准", "EVRF2019"),
    ],
)
def test_what_is_stated_otherwise_than_stored_is_refused(
    init: Any, words: tuple[str, ...], stored: str, stated: str
) -> None:
    with pytest.raises(ConflictError, match=f"{stored}, not {stated}"):
        init(*words)
    assert init()["name"] == "test city"


def test_what_is_stated_as_stored_or_not_at_all_is_fine(init: Any) -> None:
    stored = {"name": "test city", "srid": 4547, "vertical_datum": "1985国家高程基准"}
    assert init() == init("--crs", "4547", "--name", "test city") == stored
