"""What `--help` says is what was written, and every command stands with those whom it serves."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from pipemap.cli import build

APP = build()


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _commands(child, (*path, name))


COMMANDS = dict(_commands(typer.main.get_command(APP)))


def test_every_command_stands_with_those_whom_it_serves() -> None:
    placed = {path: command.rich_help_panel for path, command in COMMANDS.items() if len(path) == 1}
    assert not [path for path, panel in placed.items() if panel is None]
    assert {placed["import",], placed["publish",], placed["clearance",], placed["trace",]} == {
        "Surveyors 测绘单位",
        "The data manager 数据管理员",
        "Planners 规划人员",
        "Emergency services and other agencies 应急与共享单位",
    }


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_help_shows_every_word_of_what_was_written(path: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in it is read as markup or as the name of a picture, and every argument and option says what it is."""
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 1000)
    said = CliRunner().invoke(APP, [*path, "--help"], prog_name="pipemap")
    assert said.exit_code == 0
    shown = re.sub(r"\s+", "", said.output)
    for parameter in COMMANDS[path].params:
        told = getattr(parameter, "help", None)
        assert told, parameter.name
        assert re.sub(r"\s+", "", told) in shown
