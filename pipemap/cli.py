"""The one command `pipemap`: gathers the sub-commands of every room and turns errors into exit codes."""

import sys
from importlib.metadata import entry_points

import typer

from pipemap.errors import PipemapError
from pipemap.terminal import print_error

_HELP = "One versioned 3D map of everything under a city's streets. 地下管线一张图"


def build() -> typer.Typer:
    """The command line with the sub-commands found through the entry points `pipemap.commands`."""
    app = typer.Typer(help=_HELP, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    for point in sorted(entry_points(group="pipemap.commands"), key=lambda found: found.name):
        room: typer.Typer = point.load()
        app.registered_commands += room.registered_commands
        app.registered_groups += room.registered_groups
    return app


def main() -> None:
    """Run the command line; the exit code says what kind of fault there was (pipemap/errors.py)."""
    try:
        build()()
    except PipemapError as error:
        print_error(error, as_json="--json" in sys.argv)
        sys.exit(error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
