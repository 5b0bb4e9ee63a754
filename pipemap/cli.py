"""The one command `pipemap`: finds its sub-commands in every room and turns errors into exit codes."""

import logging
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib.metadata import entry_points

import typer
from pydantic import ValidationError
from typer.models import CommandInfo

from pipemap.errors import PipemapError, SourceError, UsageError
from pipemap.settings import Settings
from pipemap.terminal import print_error, say

_HELP = "One versioned 3D map of everything under a city's streets. 地下管线一张图"
_HINTS = (
    "Every command takes --help, and --json for programs. PIPEMAP_LANGUAGE=en speaks English, zh Chinese. "
    "`pipemap demo` shows a made-up district; `pipemap doctor` says what is amiss."
)
# Commands under the user whom they serve, in the order of README's tour.
_PANELS = {
    "Surveyors 测绘单位": ("import", "check", "findings", "rules", "profiles", "check-survey", "export", "sample"),
    "The data manager 数据管理员": (
        "changesets", "show", "submit", "approve", "reject", "publish", "rebase", "discard", "revert", "log", "diff",
        "history", "ground", "audit",
    ),
    "Planners 规划人员": (
        "find", "near", "corridor", "clearance", "limits", "design", "route", "room", "excavation", "section",
        "profile", "statistics",
    ),
    "Emergency services and other agencies 应急与共享单位": ("trace", "share"),
    "The machine 运行": ("demo", "init", "doctor", "serve", "worker", "db"),
}  # fmt: skip
_INTERRUPTED = 130


def build(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line; only the room of the command that is asked for is loaded, every room for `--help`.

    The entry points `pipemap.commands` name each command and the Typer application that holds it.
    """
    app = typer.Typer(
        help=_HELP, epilog=_HINTS, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
    )
    app.callback()(_together)
    points = {point.name: point for point in entry_points(group="pipemap.commands")}
    asked = [points[arguments[0]]] if arguments and arguments[0] in points else points.values()
    rooms: dict[str, typer.Typer] = {point.value: point.load() for point in asked}
    for room in rooms.values():
        app.registered_commands += room.registered_commands
        app.registered_groups += room.registered_groups
    _arrange(app)
    return app


def _arrange(app: typer.Typer) -> None:
    """Put every command into its panel of `--help`; one that has none stays with the others."""
    panels = {name: panel for panel, names in _PANELS.items() for name in names}
    places = {name: place for place, name in enumerate(panels)}
    for command in app.registered_commands:
        command.rich_help_panel = panels.get(_name(command), command.rich_help_panel)
    for group in app.registered_groups:
        group.rich_help_panel = panels.get(str(group.name), group.rich_help_panel)
    app.registered_commands.sort(key=lambda command: places.get(_name(command), len(places)))


def _name(command: CommandInfo) -> str:
    """What a command is called, named or by its function."""
    return command.name or getattr(command.callback, "__name__", "").replace("_", "-")


def main() -> None:
    """Run the command line; the exit code says what kind of fault there was (pipemap/errors.py).

    Whatever goes wrong ends in one sentence; PIPEMAP_DEBUG=1 shows the traceback instead.
    """
    arguments = sys.argv[1:] or ["--help"]
    if os.environ.get("PIPEMAP_DEBUG") != "1":
        # What the driver says of a connection that an interrupt has cut off is no sentence for a user.
        logging.getLogger("psycopg").setLevel(logging.CRITICAL)
    try:
        code = build(arguments)(arguments, standalone_mode=False) or 0
    except KeyboardInterrupt:
        code = _INTERRUPTED
    except Exception as error:
        if os.environ.get("PIPEMAP_DEBUG") == "1":
            raise
        fault = _fault(error)
        print_error(fault, as_json="--json" in arguments, language=_language())
        code = fault.exit_code
    if code == _INTERRUPTED:
        say("已中断。" if _language() == "zh" else "Interrupted.")
    sys.exit(code)


def _language() -> str:
    try:
        return Settings().language
    except ValidationError:
        return "zh"


def _fault(error: Exception) -> PipemapError:
    """Any exception as a fault that a user can act on."""
    if isinstance(error, PipemapError):
        return error
    if isinstance(error, typer.TyperException):
        return UsageError(_usage(error))
    if isinstance(error, ValidationError) and error.title == "Settings":
        return UsageError(_setting(error))
    if isinstance(error, OSError) and error.filename:
        return SourceError(f"{error.filename}: {error.strerror}.")
    return PipemapError(
        f"Something went wrong inside pipemap ({type(error).__name__}); the details are in {_written(error)}."
    )


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    words = " ".join(error.format_message().split()).rstrip(".")
    return f"{words}; `{context.command_path} --help` says how." if context else f"{words}."


def _setting(error: ValidationError) -> str:
    first = error.errors()[0]
    name = "_".join(map(str, first["loc"])).upper()
    return f"The setting PIPEMAP_{name} is not valid: {first['msg']}."


def _written(error: Exception) -> str:
    with tempfile.NamedTemporaryFile("w", prefix="pipemap-", suffix=".log", delete=False, encoding="utf-8") as file:
        traceback.print_exception(error, file=file)
    return file.name


def _together() -> None:
    """Keep a room with a single command a command, where Typer would make it the whole program."""
