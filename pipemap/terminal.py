"""How commands speak: answers on standard output, progress and words on standard error."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipemap.errors import PipemapError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most this many rows.")]
OffsetOption = Annotated[int, typer.Option("--offset", min=0, help="Skip this many rows first.")]

_words = Console(stderr=True, highlight=False, soft_wrap=True)
_answers = Console(highlight=False, soft_wrap=True)


def emit_json(document: Any) -> None:
    """Print one JSON document, numpy values and dates included."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    _answers.file.write(orjson.dumps(document, default=str, option=options).decode() + "\n")


def emit_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as a table; unknown values stay blank."""
    table = Table(*columns, title=title, title_justify="left", header_style="bold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    _answers.print(table)


def emit_text(text: str) -> None:
    """Print one line of an answer."""
    _answers.print(text, markup=False)


def say(text: str) -> None:
    """Say something about the work on standard error."""
    _words.print(text, markup=False)


def progress() -> AbstractContextManager[Progress]:
    """A progress bar on standard error: `with progress() as bar: task = bar.add_task(name, total=n)`."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=_words,
        transient=True,
        disable=not _words.is_terminal,
    )


def print_error(error: PipemapError, as_json: bool) -> None:
    """Print one clear sentence, or the same as a JSON document."""
    if as_json:
        emit_json({"error": {"code": error.code, "message": error.message, **error.details}})
    _words.print(f"[bold red]{error.code}[/]: ", end="")
    _words.print(error.message, markup=False)
