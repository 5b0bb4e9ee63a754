"""The files of a delivery and the tables in them: held when they are small, read again as they are used when not."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from importers.archive import folder_within
from importers.base import Reader, RecordTable
from importers.coded import decoded
from importers.passing import StreamingReader, heads_confined, read_confined, size_bytes
from importers.profiles import plain
from pipemap.ahead import ahead

# Files up to this size are read once and held; of larger ones the first rows are read, and all of it as it is used.
_HELD_BYTES = 16 * 2**20


@dataclass
class Source:
    """One file, what it is called in reports, its reader, and its tables: all of them, or the first part of each."""

    path: Path
    name: str
    reader: Reader
    options: dict[str, Any]
    tables: list[RecordTable] = field(default_factory=list)
    is_whole: bool = True
    codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def open(self, head_rows: int) -> None:
        """Read what the file holds, of a large one `head_rows` rows of each table; SourceError as `Reader.read`."""
        heads = None
        if isinstance(self.reader, StreamingReader) and size_bytes(self.path) > _HELD_BYTES:
            heads = heads_confined(self.reader, self.path, self.options | {"chunk_rows": head_rows})
        self.is_whole = heads is None
        self.tables = [self._named(table) for table in (self._read() if heads is None else heads)]

    def decode(self, codes: Mapping[str, Mapping[str, str]]) -> None:
        """Read columns by the words that their codes stand for (`Profile.codes`), from now on and in what is held."""
        self.codes = {plain(column): words for column, words in codes.items()}
        self.tables = [self._decoded(table) for table in self.tables]

    def all_tables(self) -> Iterator[RecordTable]:
        """Every table from first to last; those that were held are let go."""
        if not self.is_whole:
            with closing(ahead(map(self._decoded, map(self._named, self._read())), depth=1)) as tables:
                yield from tables
        while self.is_whole and self.tables:
            yield self.tables.pop(0)

    def _read(self) -> Iterator[RecordTable]:
        return read_confined(self.reader, self.path, self.options)

    def _named(self, table: RecordTable) -> RecordTable:
        table = replace(table, folder=folder_within(self.path))
        if self.name == self.path.name or table.file != self.path.name:
            return table
        findings = [finding.model_copy(update={"file": self.name}) for finding in table.findings]
        return replace(table, file=self.name, findings=findings)

    def _decoded(self, table: RecordTable) -> RecordTable:
        coded = [name for name in table.rows.columns if plain(str(name)) in self.codes]
        if not coded:
            return table
        read = {name: decoded(table.rows[name].to_numpy(object), self.codes[plain(str(name))]) for name in coded}
        return replace(table, rows=table.rows.assign(**read))


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """What to call files: by name, those of one name with as many folders before it as tell them apart."""
    names = [path.name for path in paths]
    for depth in range(2, max((len(path.parts) for path in paths), default=0) + 1):
        counts = Counter(names)
        names = [
            "/".join(path.parts[-depth:]) if counts[name] > 1 else name for path, name in zip(paths, names, strict=True)
        ]
    return names


def sha256(path: Path) -> str:
    """Of a file, or of all files in a folder (a file geodatabase)."""
    digest = hashlib.sha256()
    for part in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if part.is_file():
            with part.open("rb") as file:
                while chunk := file.read(1 << 20):
                    digest.update(chunk)
    return digest.hexdigest()
