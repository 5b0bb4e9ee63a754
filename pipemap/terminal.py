"""How commands speak: answers on standard output, progress and words on standard error."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Column, Table
from rich.text import Text

from pipemap.errors import PipemapError

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on standard output.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=100_000, help="At most this many rows.")]
OffsetOption = Annotated[int, typer.Option("--offset", min=0, help="Skip this many rows first.")]

_WIDEST = 100_000
_NO_COMMANDS = {code: "\N{REPLACEMENT CHARACTER}" for code in (*range(32), *range(127, 160)) if code not in b"\t\n"}

_words = Console(stderr=True, highlight=False, soft_wrap=True)
_answers = Console(highlight=False, soft_wrap=True)


def emit_json(document: Any) -> None:
    """Print one JSON document, numpy values and dates included."""
    options = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
    _answers.file.write(orjson.dumps(document, default=str, option=options).decode() + "\n")


def emit_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print rows as a table; unknown values stay blank.

    A pipe or a file gets lines as long as they need to be. A terminal that is too narrow for the table gets a record
    of a row after the other, each value beside the name of its column.
    """
    heads, cells = [_plain(name) for name in columns], [[_plain(value) for value in row] for row in rows]
    table = Table(header_style="bold")
    for head in heads:
        table.add_column(head)
    for row in cells:
        table.add_row(*row)
    width = Measurement.get(_answers, _answers.options.update(max_width=_WIDEST), table).maximum
    if title:
        _answers.print(Text(title, style="table.title"))
    if not _answers.is_terminal:
        Console(width=width, highlight=False).print(table)
    elif width <= _answers.width:
        _answers.print(table)
    else:
        _emit_records(heads, cells)


def _emit_records(heads: Sequence[Text], rows: Sequence[Sequence[Text]]) -> None:
    for number, row in enumerate(rows, start=1):
        record = Table.grid("", Column(overflow="fold"), padding=(0, 2, 0, 0))
        for head, value in zip(heads, row, strict=True):
            record.add_row(Text(head.plain, style="bold"), value)
        _answers.print(Rule(str(number), align="left", style="none"))
        _answers.print(record, soft_wrap=False)


def _plain(value: object) -> Text:
    """A value as it is: nothing in it is markup, and nothing of it commands the terminal."""
    return Text("" if value is None else str(value).translate(_NO_COMMANDS))


def emit_text(text: str) -> None:
    """Print one line of an answer."""
    _answers.print(_plain(text))


def say(text: str) -> None:
    """Say something about the work on standard error."""
    _words.print(_plain(text))


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


def print_error(error: PipemapError, as_json: bool, language: str = "zh") -> None:
    """Print one clear sentence, in the language where the error knows it, or the same as a JSON document."""
    if as_json:
        emit_json({"error": {"code": error.code, "message": error.message, **error.details}})
    _words.print(f"[bold red]{error.code}[/]: ", end="")
    _words.print(_plain(error.told(language)))
