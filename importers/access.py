"""Access databases, through mdbtools where it is installed and access-parser where it is not."""

import io
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from importers.base import RecordTable
from pipemap.errors import SourceError

_MAGIC = (b"Standard Jet DB", b"Standard ACE DB")
_PAGE_BYTES = 2048
_TIMEOUT_S = 120


class AccessReader:
    """Reads every user table of .mdb and .accdb files; rows count from 1, as Access shows them."""

    name = "access"

    def accepts(self, path: Path) -> bool:
        """Whether the file is named like an Access database."""
        return path.suffix.lower() in {".mdb", ".accdb"}

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield one table per Access table, empty ones too.

        Raises
        ------
        SourceError
            When a file is no Access database, is cut short, or takes too long to read.
        """
        for path in paths:
            _check(path)
            tables = _by_mdbtools(path) if shutil.which("mdb-export") else _by_parser(path)
            for name, rows in tables:
                rows.index = pd.RangeIndex(1, len(rows) + 1)
                yield RecordTable(path.name, name, rows)


def _check(path: Path) -> None:
    """Refuse what the tools would read as fewer rows, or crash on."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(64)
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


def _by_mdbtools(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    for name in _run(path, "mdb-tables", "-1", str(path)).splitlines():
        if not name.strip():
            continue
        # A column that holds the delimiter is quoted; ISO dates are unambiguous.
        text = _run(path, "mdb-export", "-D", "%Y-%m-%d", "-T", "%Y-%m-%d", str(path), name)
        if not text.strip():
            raise _damaged(path, f"table {name} cannot be read")
        rows = pd.read_csv(io.StringIO(text), dtype=object, keep_default_na=False, na_values=[""])
        # The tools leave out what lies on missing pages without a word.
        if len(rows) != int(_run(path, "mdb-count", str(path), name)):
            raise _damaged(path, f"rows of table {name} are missing")
        yield name, rows.astype(object).where(rows.notna(), None)


def _run(path: Path, *command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SourceError(
            f"{path.name} takes longer than {_TIMEOUT_S} s to read and was given up.",
            message_zh=f"{path.name} 读取超过 {_TIMEOUT_S} 秒，已放弃。",
        ) from error
    words = done.stderr.decode("utf-8", "replace").strip().splitlines()
    if done.returncode or any("error" in word.casefold() or "can't" in word.casefold() for word in words):
        raise _damaged(path, words[0] if words else "it cannot be opened")
    return done.stdout.decode("utf-8", "replace")


def _by_parser(path: Path) -> Iterator[tuple[str, pd.DataFrame]]:
    from access_parser import AccessParser

    try:
        database = AccessParser(str(path))
        names = [name for name in database.catalog if not name.startswith("MSys")]
        for name in names:
            columns = database.parse_table(name)
            yield name, pd.DataFrame({column: list(cells) for column, cells in columns.items()}, dtype=object)
    except Exception as error:
        # The parser has no error of its own: a damaged page fails wherever its bytes lead.
        raise _damaged(path, "its tables cannot be found") from error


def _damaged(path: Path, how: str) -> SourceError:
    return SourceError(
        f"{path.name} is damaged ({how}); ask for the file again.", message_zh=f"{path.name} 已损坏，请重新提供。"
    )
