"""The audit log: who did what, append-only and hash-chained; verified here apart from the database."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import SourceError
from pipemap.sql import queries

_GENESIS = hashlib.sha256(b"").digest()
_CHAIN_BATCH = 5_000


@dataclass(frozen=True)
class AuditFilter:
    """Which entries to list; None means any. `since` is included, `until` is not."""

    actor: str | None = None
    action: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Anchor:
    """The head of the chain at some moment, kept outside the database."""

    seq: int
    hash: str


@dataclass(frozen=True)
class AuditProblem:
    """One place where the log is not what was written."""

    seq: int
    kind: str
    message_en: str
    message_zh: str


@dataclass(frozen=True)
class AuditReport:
    """Outcome of a verification: how many entries were read, the head, and what is wrong."""

    entries: int
    head: Anchor
    problems: list[AuditProblem]

    @property
    def is_intact(self) -> bool:
        """Whether every entry is as it was written."""
        return not self.problems


def record(connection: Connection, actor: str, action: str, details: dict[str, Any]) -> None:
    """Append one entry in the caller's transaction; the next writer waits for its commit."""
    connection.execute(queries("audit")["append"], {"actor": actor, "action": action, "details": Jsonb(details)})


def list_entries(
    connection: Connection, filters: AuditFilter | None = None, limit: int = 100, offset: int = 0
) -> list[DictRow]:
    """Entries, newest first."""
    wanted = vars(filters or AuditFilter()) | {"limit": limit, "offset": offset}
    return fetch_all(connection, queries("audit")["entries"], wanted)


def verify(connection: Connection, anchor: Anchor | None = None) -> AuditReport:
    """Recompute the whole chain and compare it with the entries, the head row and an outside anchor."""
    problems: list[AuditProblem] = []
    last, count = Anchor(0, _GENESIS.hex()), 0
    anchored: str | None = None
    for entry in _chain(connection):
        problems += _faults(entry, last)
        last, count = Anchor(entry["seq"], entry["hash"].hex()), count + 1
        if anchor is not None and entry["seq"] == anchor.seq:
            anchored = last.hash
    problems += _head_faults(fetch_one(connection, queries("audit")["head"]), last)
    if anchor is not None and anchor.seq > 0 and anchored != anchor.hash:
        problems.append(_anchor_fault(anchor, last))
    return AuditReport(count, last, problems)


def write_anchor(connection: Connection, path: Path) -> Anchor:
    """Write the head's number and hash to a file; keep it where the database's owner cannot reach it."""
    row = fetch_one(connection, queries("audit")["head"])
    anchor = Anchor(row["seq"], row["hash"].hex()) if row else Anchor(0, _GENESIS.hex())
    path.write_text(json.dumps(vars(anchor)) + "\n", encoding="utf-8")
    return anchor


def read_anchor(path: Path) -> Anchor:
    """The anchor a file holds; SourceError when it holds none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return Anchor(int(document["seq"]), str(document["hash"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path.name} is not an audit anchor: it needs seq and hash as JSON.") from error


def _chain(connection: Connection) -> Iterator[DictRow]:
    with connection.cursor("audit_chain") as cursor:
        cursor.itersize = _CHAIN_BATCH
        yield from cursor.execute(queries("audit")["chain"])


def _entry_hash(entry: DictRow) -> bytes:
    at = entry["at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    parts = [str(entry["seq"]), at, entry["actor"], entry["action"], entry["details"]]
    texts = [part.encode() for part in parts]
    return hashlib.sha256(b"".join(b"%d:%s" % (len(text), text) for text in texts) + entry["prev_hash"]).digest()


def _faults(entry: DictRow, last: Anchor) -> list[AuditProblem]:
    seq = entry["seq"]
    faults = []
    if seq != last.seq + 1:
        faults.append(
            AuditProblem(
                last.seq + 1,
                "deleted",
                f"Entries {last.seq + 1} to {seq - 1} are missing.",
                f"第 {last.seq + 1} 至 {seq - 1} 条记录缺失。",
            )
        )
    if _entry_hash(entry) != entry["hash"]:
        faults.append(AuditProblem(seq, "altered", f"Entry {seq} was altered.", f"第 {seq} 条记录被改动。"))
    elif seq == last.seq + 1 and entry["prev_hash"].hex() != last.hash:
        faults.append(
            AuditProblem(
                seq,
                "unlinked",
                f"Entry {seq} does not follow from entry {last.seq}: one of them was inserted or moved.",
                f"第 {seq} 条记录与第 {last.seq} 条不相接:其中之一为插入或移位。",
            )
        )
    return faults


def _head_faults(head: DictRow | None, last: Anchor) -> list[AuditProblem]:
    seq, digest = (head["seq"], head["hash"].hex()) if head else (0, _GENESIS.hex())
    if last.seq < seq:
        return [
            AuditProblem(
                last.seq + 1,
                "truncated",
                f"The log ends at entry {last.seq}; entries up to {seq} were cut off.",
                f"日志止于第 {last.seq} 条,其后至第 {seq} 条被截断。",
            )
        ]
    if last.seq > seq:
        return [
            AuditProblem(
                seq + 1,
                "inserted",
                f"Entries after {seq} were not written by the log itself.",
                f"第 {seq} 条之后的记录不是由日志自身写入。",
            )
        ]
    if last.hash != digest:
        return [AuditProblem(seq, "altered", "The head of the log was altered.", "日志的链首被改动。")]
    return []


def _anchor_fault(anchor: Anchor, last: Anchor) -> AuditProblem:
    if last.seq < anchor.seq:
        return AuditProblem(
            anchor.seq,
            "truncated",
            f"The log ends at entry {last.seq}, but the anchor has seen entry {anchor.seq}.",
            f"日志止于第 {last.seq} 条,但锚文件记载过第 {anchor.seq} 条。",
        )
    return AuditProblem(
        anchor.seq,
        "rewritten",
        f"Entry {anchor.seq} is not the one the anchor has seen: the chain was rewritten.",
        f"第 {anchor.seq} 条与锚文件不符:整条链被重写。",
    )
