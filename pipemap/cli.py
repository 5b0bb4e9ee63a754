"""The one command `pipemap`: finds its sub-commands in every room and turns errors into exit codes."""

import sys
from collections.abc import Sequence
from importlib.metadata import entry_points

import typer

from pipemap.errors import PipemapError
from pipemap.terminal import print_error

_HELP = "One versioned 3D map of everything under a city's streets. 地下管线一张图"


def build(arguments: Sequence[str] = ()) -> typer.Typer:
    """The command line; only the room of the command that is asked for is loaded, every room for `--help`.

    The entry points `pipemap.commands` name each command and the Typer application that holds it.
    """
    app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    app.callback()(_together)
    points = {point.name: point for point in entry_points(group="pipemap.commands")}
    asked = [points[arguments[0]]] if arguments and arguments[0] in points else points.values()
    rooms: dict[str, typer.Typer] = {point.value: point.load() for point in asked}
    for room in rooms.values():
        app.registered_commands += room.registered_commands
        app.registered_groups += room.registered_groups
    return app


def main() -> None:
    """Run the command line; the exit code says what kind of fault there was (pipemap/errors.py)."""
    try:
        build(sys.argv[1:])()
    except PipemapError as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _together() -> None:
    """Keep a room with a single command a command, where Typer would make it the whole program."""
