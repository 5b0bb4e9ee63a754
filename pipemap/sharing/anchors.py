"""Anchors of the audit log: its heads, written outside the database into a file that only grows.

Whoever has every right on the database can rebuild a chain; that it is not the one that was is told by a file which
they cannot reach. Each line is signed with the key of a local file (HMAC-SHA256) over the line before it, so a line
can be neither altered, nor left out, nor put in. Keep the folder on another disk, or copy its last line away.
"""

import fcntl
import hashlib
import hmac
import json
import logging
import os
import threading
from collections import defaultdict
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from psycopg.conninfo import conninfo_to_dict

from pipemap.db import Database
from pipemap.errors import PipemapError, SourceError
from pipemap.sharing.chains import Head, Seen, read_heads
from pipemap.sharing.secret import local_secret

_log = logging.getLogger("pipemap.audit")
KEY = "anchor.key"


@dataclass(frozen=True)
class Anchor:
    """The heads of all chains at a moment."""

    at: str
    heads: Mapping[str, Head]


def anchor_file(folder: Path, database: Database) -> Path:
    """Where the anchors of a database are kept in a folder."""
    return folder / f"{conninfo_to_dict(database.url).get('dbname') or 'pipemap'}.anchors.jsonl"


def write_anchor(database: Database, path: Path) -> Anchor:
    """Append the heads to a file, signed with the key beside it (made with the first anchor)."""
    with database.transaction(read_only=True) as connection:
        heads = read_heads(connection)
    anchor = Anchor(datetime.now(UTC).isoformat(timespec="seconds"), heads)
    path.parent.mkdir(parents=True, exist_ok=True)
    key = local_secret(path.with_name(KEY))
    with path.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        content = {"at": anchor.at, "heads": anchor.heads, "after": _last_signature(file)}
        file.write(json.dumps(content | {"signature": _signature(key, content)}, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return anchor


def read_anchors(path: Path) -> Seen:
    """What the anchors of a file have seen; SourceError when a line is not what was signed."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        key = path.with_name(KEY).read_bytes()
    except (OSError, ValueError) as error:
        raise SourceError(f"{path.name} or the key beside it ({KEY}) cannot be read.") from error
    seen: dict[str, dict[int, str]] = defaultdict(dict)
    after = ""
    for number, line in enumerate(lines, 1):
        document = _checked(path, number, line, key, after)
        after = document["signature"]
        for chain, (seq, digest) in document["heads"].items():
            # What was seen first counts: a chain that was rebuilt may have been anchored since, as long as it was.
            seen[chain].setdefault(seq, digest)
    if not lines:
        raise SourceError(f"{path.name} holds no anchor.")
    return seen


class Anchoring:
    """A thread of the service that writes an anchor every so many minutes in which something was recorded.

    Of several processes with the same file one does so; when it ends, another takes over. The first anchor is due after
    `first_s`, so that a service that is often started again anchors too.
    """

    def __init__(self, database: Database, path: Path, minutes: float, first_s: float = 60) -> None:
        self._database, self._path, self._period_s = database, path, minutes * 60
        self._first_s = min(first_s, self._period_s)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="audit-anchors", daemon=True)

    def start(self) -> None:
        """Begin, unless there is to be none."""
        if self._period_s > 0:
            self._thread.start()

    def close(self) -> None:
        """End without another anchor."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        last: Mapping[str, Head] = {}
        with ExitStack() as stack:
            is_ours, wait_s = False, self._first_s
            while not self._ended.wait(wait_s):
                wait_s = self._period_s
                try:
                    is_ours = is_ours or _take_over(stack, self._path)
                    if is_ours:
                        last = self._anchored(last)
                except (PipemapError, OSError) as error:
                    _log.error("no anchor was written: %s", error)

    def _anchored(self, last: Mapping[str, Head]) -> Mapping[str, Head]:
        """The heads, anchored if they are not those of the last anchor."""
        with self._database.transaction(read_only=True) as connection:
            if read_heads(connection) == last:
                return last
        return write_anchor(self._database, self._path).heads


def _take_over(stack: ExitStack, path: Path) -> bool:
    """Whether this process is the one that anchors from now on; the system ends that with the process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.with_suffix(".lock").open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    stack.enter_context(file)
    return True


def _checked(path: Path, number: int, line: str, key: bytes, after: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(line)
        signature = str(document["signature"])
        content = {name: document[name] for name in ("at", "heads", "after")}
        heads = {str(chain): Head(int(seq), str(digest)) for chain, (seq, digest) in content["heads"].items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{path.name}, line {number} is not an audit anchor.") from error
    if content["after"] != after or not hmac.compare_digest(signature.encode(), _signature(key, content).encode()):
        raise SourceError(f"{path.name}, line {number} is not as it was signed: some were altered, added or taken out.")
    return document | {"heads": heads}


def _last_signature(file: IO[str]) -> str:
    file.seek(0)
    lines = file.read().splitlines()
    try:
        return str(json.loads(lines[-1])["signature"]) if lines else ""
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{Path(file.name).name} holds something other than anchors; name another file.") from error


def _signature(key: bytes, content: Mapping[str, Any]) -> str:
    text = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
