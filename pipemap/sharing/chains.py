"""Verification of the audit log, apart from the database: every chain recomputed, held against heads and anchors."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from psycopg.rows import namedtuple_row

from pipemap.db import Connection, fetch_all
from pipemap.sql import queries

_CHAIN_BATCH = 20_000


class Head(NamedTuple):
    """Number and hash (hex) of the last entry of a chain at some moment."""

    seq: int
    hash: str


@dataclass(frozen=True)
class AuditProblem:
    """One place where a chain is not what was written; the staff's chain has an empty name."""

    chain: str
    seq: int
    kind: str
    message_en: str
    message_zh: str


@dataclass(frozen=True)
class AuditReport:
    """Outcome of a verification: how many entries were read, the heads, anchors held against, and what is wrong."""

    entries: int
    heads: dict[str, Head]
    anchors: int
    problems: list[AuditProblem]

    @property
    def is_intact(self) -> bool:
        """Whether every entry is as it was written."""
        return not self.problems


class _Entry(NamedTuple):
    chain: str
    seq: int
    at: str
    actor: str
    action: str
    details: str
    prev_hash: bytes
    hash: bytes


# What outside anchors have seen: hash (hex) by number, by chain.
Seen = Mapping[str, Mapping[int, str]]


def verify(connection: Connection, seen: Seen | None = None) -> AuditReport:
    """Recompute every chain and compare it with its entries, its head row and what anchors have seen of it."""
    seen = seen or {}
    heads = read_heads(connection)
    found: dict[str, Head] = {}
    problems: list[AuditProblem] = []
    entries = 0
    for chain, links in groupby(_entries(connection), key=itemgetter(0)):
        walk = _Walk(chain, seen.get(chain, {}))
        problems += [fault for link in links for fault in walk.step(link)]
        found[chain], entries = walk.last, entries + walk.count
        problems += walk.end(heads.get(chain, beginning(chain)))
    for chain in sorted({*heads, *seen} - {*found}):
        problems += _Walk(chain, seen.get(chain, {})).end(heads.get(chain, beginning(chain)))
    return AuditReport(entries, heads, sum(map(len, seen.values())), problems)


def read_heads(connection: Connection) -> dict[str, Head]:
    """The head of every chain."""
    rows = fetch_all(connection, queries("audit")["heads"])
    return {row["chain"]: Head(row["seq"], row["hash"]) for row in rows}


def beginning(chain: str) -> Head:
    """What the first entry of a chain follows."""
    return Head(0, hashlib.sha256(chain.encode()).hexdigest())


class _Walk:
    """One chain read from its beginning; says of each entry what is wrong with it."""

    def __init__(self, chain: str, seen: Mapping[int, str]) -> None:
        self.chain, self.seen = chain, seen
        self.last, self.count, self.is_rewritten = beginning(chain), 0, False

    def step(self, entry: _Entry) -> Iterator[AuditProblem]:
        """Faults of the next entry."""
        last, seq, digest = self.last, entry.seq, entry.hash.hex()
        if seq != last.seq + 1:
            yield self._fault(
                last.seq + 1,
                "deleted",
                f"Entries {last.seq + 1} to {seq - 1} are missing.",
                f"第 {last.seq + 1} 至 {seq - 1} 条记录缺失。",
            )
        if _entry_hash(entry) != entry.hash:
            yield self._fault(seq, "altered", f"Entry {seq} was altered.", f"第 {seq} 条记录被改动。")
        elif seq == last.seq + 1 and entry.prev_hash.hex() != last.hash:
            yield self._fault(
                seq,
                "unlinked",
                f"Entry {seq} does not follow from entry {last.seq}: one of them was inserted or moved.",
                f"第 {seq} 条记录与第 {last.seq} 条不相接:其中之一为插入或移位。",
            )
        if self.seen.get(seq, digest) != digest and not self.is_rewritten:
            self.is_rewritten = True
            yield self._fault(
                seq,
                "rewritten",
                f"Entry {seq} is not the one an anchor has seen: the chain was rewritten.",
                f"第 {seq} 条与锚文件不符:整条链被重写。",
            )
        self.last, self.count = Head(seq, digest), self.count + 1

    def end(self, head: Head) -> Iterator[AuditProblem]:
        """Faults of the end of the chain: against its head row, and against the last that an anchor has seen."""
        last = self.last
        anchored = max(self.seen, default=0)
        if last.seq < head.seq:
            yield self._fault(
                last.seq + 1,
                "truncated",
                f"The log ends at entry {last.seq}; entries up to {head.seq} were cut off.",
                f"日志止于第 {last.seq} 条,其后至第 {head.seq} 条被截断。",
            )
        elif last.seq > head.seq:
            yield self._fault(
                head.seq + 1,
                "inserted",
                f"Entries after {head.seq} were not written by the log itself.",
                f"第 {head.seq} 条之后的记录不是由日志自身写入。",
            )
        elif last.hash != head.hash:
            yield self._fault(head.seq, "altered", "The head of the log was altered.", "日志的链首被改动。")
        if last.seq < anchored and head.seq < anchored:
            yield self._fault(
                anchored,
                "truncated",
                f"The log ends at entry {last.seq}, but an anchor has seen entry {anchored}.",
                f"日志止于第 {last.seq} 条,但锚文件记载过第 {anchored} 条。",
            )

    def _fault(self, seq: int, kind: str, message_en: str, message_zh: str) -> AuditProblem:
        if not self.chain:
            return AuditProblem("", seq, kind, message_en, message_zh)
        return AuditProblem(self.chain, seq, kind, f"{self.chain}: {message_en}", f"{self.chain}:{message_zh}")


def _entries(connection: Connection) -> Iterator[_Entry]:
    with connection.cursor("audit_chains", row_factory=namedtuple_row) as cursor:
        cursor.itersize = _CHAIN_BATCH
        yield from cursor.execute(queries("audit")["chains"])


def _entry_hash(entry: _Entry) -> bytes:
    texts = [str(entry.seq).encode(), *(part.encode() for part in entry[2:6])]
    return hashlib.sha256(b"".join([b"%d:%s" % (len(text), text) for text in texts]) + entry.prev_hash).digest()
