"""Access databases, through mdbtools where it is installed and access-parser where it is not."""

import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Timer
from typing import Any

import pandas as pd

from importers.base import RecordTable
from pipemap.errors import SourceError

CHUNK_ROWS = 50_000
_FEWEST_HEAD_ROWS = 1_000
_AS_WRITTEN: dict[str, Any] = {
    "dtype": object, "keep_default_na": False, "na_values": [""], "encoding_errors": "replace",
}  # fmt: skip

_MAGIC = (b"Standard Jet DB", b"Standard ACE DB")
_PAGE_BYTES = 2048
# Processor time of one tool: many times what a sound database takes, which has little to complain of besides.
_LIMIT_S, _LIMIT_S_PER_MIB = 4, 4
# One that waits for something takes none; so it has an end by the clock, too.
_CLOCK_S, _CLOCK_PER_CPU = 120, 4
_MOST_WORDS_BYTES = 2**20
# The first page is scrambled from byte 0x18 on with one key for all databases; the key of the pages stands in it.
_HEADER_KEY = bytes((0xC7, 0xDA, 0x39, 0x6B))
_SCRAMBLED_FROM, _PAGE_KEY_AT = 0x18, 0x3E
_SINGLE = 6
_DATES = ("-D", "%Y-%m-%d %H:%M:%S", "-T", "%Y-%m-%d %H:%M:%S")


class AccessReader:
    """Reads every user table of .mdb and .accdb files as texts; rows count from 1, as Access shows them."""

    name = "access"

    def accepts(self, path: Path) -> bool:
        """Whether the file is named like an Access database."""
        return path.suffix.lower() in {".mdb", ".accdb"}

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield one table or more per Access table, empty ones too.

        Raises
        ------
        SourceError
            When a file is no Access database, is cut short or encrypted, or takes too long to read.
        """
        for path in paths:
            _check(path)
            chunk_rows = options.get("chunk_rows", CHUNK_ROWS)
            has_tools = shutil.which("mdb-export") is not None
            yield from _by_mdbtools(path, chunk_rows) if has_tools else _by_parser(path)

    def heads(self, path: Path, options: dict[str, Any]) -> Iterator[RecordTable] | None:
        """The first rows of every table; None where only the whole database can be read, without mdbtools."""
        _check(path)
        if shutil.which("mdb-export") is None:
            return None
        rows = max(options.get("chunk_rows", CHUNK_ROWS), _FEWEST_HEAD_ROWS)
        return (_table(path, name, _first_rows(path, name, rows), 0) for name in _table_names(path))


def _check(path: Path) -> None:
    """Refuse what the tools would read as fewer rows, or crash on."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(128)
    except OSError as error:
        raise SourceError(
            f"{path.name} cannot be read: {error.strerror}.", message_zh=f"{path.name} 无法读取。"
        ) from error
    if not size:
        raise SourceError(
            f"{path.name} is empty; ask for the file again.", message_zh=f"{path.name} 是空文件，请重新提供。"
        )
    if not any(magic in head for magic in _MAGIC):
        raise SourceError(
            f"{path.name} is not an Access database; ask for it again.",
            message_zh=f"{path.name} 不是 Access 数据库，请重新提供。",
        )
    if size % _PAGE_BYTES:
        raise _damaged(path, "it is cut short")
    if _MAGIC[1] in head and any(page_key(head)):
        raise SourceError(
            f"{path.name} is encrypted with a password; ask for a copy without one.",
            message_zh=f"{path.name} 已用密码加密，请提供未加密的文件。",
        )


def page_key(head: bytes) -> bytes:
    """The key that a database's pages are encrypted with, from its first 128 bytes; zeros where they are not.

    The header is scrambled by RC4, as mdbtools and Jackcess unscramble it.
    """
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + _HEADER_KEY[i % len(_HEADER_KEY)]) % 256
        state[i], state[j] = state[j], state[i]
    clear, i, j = bytearray(), 0, 0
    for byte in head[_SCRAMBLED_FROM : _PAGE_KEY_AT + 4]:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        clear.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(clear[-4:])


def _by_mdbtools(path: Path, chunk_rows: int) -> Iterator[RecordTable]:
    for name in _table_names(path):
        n_rows = 0
        for rows in _exported(path, name, chunk_rows):
            yield _table(path, name, rows, n_rows)
            n_rows += len(rows)
        # The tools leave out what lies on missing pages without a word.
        if n_rows != int(_run(path, "mdb-count", str(path), name)):
            raise _damaged(path, f"rows of table {name} are missing")


def _table_names(path: Path) -> list[str]:
    names = _run(path, "mdb-tables", "-1", str(path)).splitlines()
    return [name for name in names if name.strip() and not name.startswith("~")]


def _first_rows(path: Path, name: str, rows: int) -> pd.DataFrame:
    """The first rows of one table; the tool is stopped behind them."""
    with subprocess.Popen(_export(path, name), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as tool:
        try:
            assert tool.stdout is not None
            frame: pd.DataFrame = pd.read_csv(tool.stdout, nrows=rows, **_AS_WRITTEN)
            return frame
        except (pd.errors.ParserError, ValueError) as error:
            raise _damaged(path, f"table {name} cannot be read") from error
        finally:
            tool.kill()


def _export(path: Path, name: str) -> list[str]:
    return ["mdb-export", "-b", "strip", *_DATES, str(path), name]


def _exported(path: Path, name: str, chunk_rows: int) -> Iterator[pd.DataFrame]:
    """The rows of one table; at least one frame, which tells the columns."""
    # Laid by on disk: a table can be larger than memory, and what the tools say comes at the end.
    with tempfile.TemporaryFile("w+b") as file:
        _run(path, *_export(path, name), output=file)
        file.seek(0)
        if not file.read(1):
            raise _damaged(path, f"table {name} cannot be read")
        file.seek(0)
        try:
            yield from pd.read_csv(file, chunksize=chunk_rows, **_AS_WRITTEN)
        except (pd.errors.ParserError, ValueError) as error:
            raise _damaged(path, f"table {name} cannot be read") from error


def _run(path: Path, *command: str, output: Any = None) -> str:
    """Run a tool to its end, which comes when it has used up its time or complains without one; what it says."""
    limit_s = _LIMIT_S + _LIMIT_S_PER_MIB * path.stat().st_size // 2**20
    with (
        tempfile.TemporaryFile() as own,
        subprocess.Popen(command, stdout=output or own, stderr=subprocess.PIPE) as tool,
    ):
        with suppress(ProcessLookupError):
            resource.prlimit(tool.pid, resource.RLIMIT_CPU, (limit_s, limit_s + 1))
            if output is None:
                resource.prlimit(tool.pid, resource.RLIMIT_FSIZE, (_MOST_WORDS_BYTES, _MOST_WORDS_BYTES))
        assert tool.stderr is not None
        with _ended_after(max(_CLOCK_S, _CLOCK_PER_CPU * limit_s), tool):
            complaints = tool.stderr.read(_MOST_WORDS_BYTES)
            if len(complaints) == _MOST_WORDS_BYTES:
                tool.kill()
            code = tool.wait()
        own.seek(0)
        said = own.read(_MOST_WORDS_BYTES)
    if code in (-signal.SIGXCPU, -signal.SIGKILL) and len(complaints) < _MOST_WORDS_BYTES:
        raise SourceError(
            f"{path.name} takes longer than {limit_s} s to read and was given up.",
            message_zh=f"{path.name} 读取超过 {limit_s} 秒，已放弃。",
        )
    words = complaints.decode("utf-8", "replace").strip().splitlines()
    if code or any("error" in word.casefold() or "can't" in word.casefold() for word in words):
        raise _damaged(path, words[0] if words else "it cannot be opened")
    return said.decode("utf-8", "replace")


@contextmanager
def _ended_after(clock_s: float, tool: "subprocess.Popen[bytes]") -> Iterator[None]:
    alarm = Timer(clock_s, tool.kill)
    alarm.start()
    try:
        yield
    finally:
        alarm.cancel()


def _by_parser(path: Path) -> Iterator[RecordTable]:
    from access_parser import AccessParser

    try:
        database = AccessParser(str(path))
        names = [name for name in database.catalog if not name.startswith(("MSys", "~"))]
        frames = {name: _parsed(path, database.get_table(name)) for name in names}
    except SourceError:
        raise
    except Exception as error:
        # The parser has no error of its own: a damaged page fails wherever its bytes lead.
        raise _damaged(path, "its tables cannot be found") from error
    for name, rows in frames.items():
        yield _table(path, name, rows, 0)


def _parsed(path: Path, table: Any) -> pd.DataFrame:
    """The rows of one table, as mdbtools would write them."""
    columns = sorted(table.columns.values(), key=lambda column: int(column.column_id))
    names = [str(column.col_name_str) for column in columns]
    n_rows = int(table.table_header.number_of_rows)
    cells = table.parse() if n_rows else {}
    frame = pd.DataFrame(
        {
            name: pd.Series([_text(cell, int(column.type)) for cell in cells.get(name, ())], dtype=object)
            for name, column in zip(names, columns, strict=True)
        }
    )
    # Pages that a table gave back still hold its deleted rows, and the parser cannot tell.
    if len(frame) != n_rows:
        raise SourceError(
            f"{path.name} holds deleted rows that only mdbtools can tell; install it, or compact the database.",
            message_zh=f"{path.name} 含有已删除的行，需安装 mdbtools 或在 Access 中压缩数据库后再导入。",
        )
    return frame


def _text(cell: Any, kind: int) -> str | None:
    if cell is None or isinstance(cell, bytes):
        return None
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float):
        return format(cell, ".8g" if kind == _SINGLE else ".16g")
    return str(cell)


def _table(path: Path, name: str, rows: pd.DataFrame, n_before: int) -> RecordTable:
    cells = {str(column): [_plain(cell) for cell in rows[column].tolist()] for column in rows.columns}
    frame = pd.DataFrame(cells, index=pd.RangeIndex(n_before + 1, n_before + 1 + len(rows)), dtype=object)
    return RecordTable(path.name, name, frame)


def _plain(text: Any) -> str | None:
    """A text without the midnight of a date, None for blank."""
    if text is None or text != text or text == "":
        return None
    return str(text).removesuffix(" 00:00:00")


def _damaged(path: Path, how: str) -> SourceError:
    return SourceError(
        f"{path.name} is damaged ({how}); ask for the file again.", message_zh=f"{path.name} 已损坏，请重新提供。"
    )
