import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipemap.db import Connection, Database
from pipemap.errors import StorageError
from pipemap.migrate import migrate
from pipemap.sharing import anchors, audit, chains
from pipemap.sharing.audit import AuditFilter
from pipemap.sharing.chains import AuditReport, Seen


@pytest.fixture
def log(database: Database) -> Database:
    for number in range(1, 7):
        with database.transaction() as connection:
            audit.record(connection, f"agency {number % 2}", "share.items", {"n": number, "note": "含|竖线\n换行"})
    return database


def verified(database: Database, seen: Seen | None = None) -> AuditReport:
    with database.transaction(read_only=True) as connection:
        return chains.verify(connection, seen)


def tamper(database: Database, *statements: str) -> None:
    """What someone with every right on the database can do."""
    with database.transaction() as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


def test_an_untouched_log_is_intact(log: Database) -> None:
    report = verified(log)
    assert report.is_intact
    assert (report.entries, report.heads[""].seq) == (6, 6)


def test_an_empty_log_is_intact(database: Database) -> None:
    report = verified(database)
    assert report.is_intact and report.entries == 0


def test_the_log_outlives_a_migration(log: Database) -> None:
    migrate(log)
    with log.transaction() as connection:
        audit.record(connection, "a", "b", {})
    assert verified(log).is_intact
    with pytest.raises(StorageError), log.transaction() as connection:
        connection.execute("DELETE FROM pipemap.audit_log")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE pipemap.audit_log SET actor = 'someone else'",
        "UPDATE pipemap.audit_log SET actor = 'someone else' WHERE false",
        "DELETE FROM pipemap.audit_log WHERE seq = 3",
        "TRUNCATE pipemap.audit_log",
        "DELETE FROM pipemap.audit_head",
        "TRUNCATE pipemap.audit_head",
    ],
)
def test_the_database_refuses_changes(log: Database, statement: str) -> None:
    with pytest.raises(StorageError), log.transaction() as connection:
        connection.execute(statement)
    assert verified(log).is_intact


_COPY_OF_THREE = """
    INSERT INTO pipemap.audit_log (chain, seq, at, actor, action, details, prev_hash, hash)
    SELECT chain, {seq}, at, actor, 'forged', details, prev_hash, {hash} FROM pipemap.audit_log WHERE seq = 3"""
_HASHED = "pipemap_app.audit_hash({seq}, at, actor, 'forged', details, prev_hash)"

TAMPERINGS = {
    "alter actor": (["UPDATE pipemap.audit_log SET actor = 'x' WHERE seq = 3"], "altered", 3),
    "alter details": (["UPDATE pipemap.audit_log SET details = '{\"n\": 9}' WHERE seq = 3"], "altered", 3),
    "alter time by a microsecond": (
        ["UPDATE pipemap.audit_log SET at = at + interval '1 microsecond' WHERE seq = 3"],
        "altered",
        3,
    ),
    "shift a letter from actor to action": (
        ["UPDATE pipemap.audit_log SET actor = actor || left(action, 1), action = substr(action, 2) WHERE seq = 3"],
        "altered",
        3,
    ),
    "alter and hash again": (
        [
            "UPDATE pipemap.audit_log SET actor = 'x' WHERE seq = 3",
            """UPDATE pipemap.audit_log SET hash = pipemap_app.audit_hash(seq, at, actor, action, details, prev_hash)
               WHERE seq = 3""",
        ],
        "unlinked",
        4,
    ),
    "delete": (["DELETE FROM pipemap.audit_log WHERE seq = 3"], "deleted", 3),
    "delete the first": (["DELETE FROM pipemap.audit_log WHERE seq = 1"], "deleted", 1),
    "delete and close the gap": (
        [
            "DELETE FROM pipemap.audit_log WHERE seq = 3",
            "UPDATE pipemap.audit_log SET seq = -seq WHERE seq > 3",
            "UPDATE pipemap.audit_log SET seq = -seq - 1 WHERE seq < 0",
        ],
        "altered",
        3,
    ),
    "insert in between": (
        [
            "UPDATE pipemap.audit_log SET seq = -seq WHERE seq > 3",
            "UPDATE pipemap.audit_log SET seq = -seq + 1 WHERE seq < 0",
            _COPY_OF_THREE.format(seq=4, hash=_HASHED.format(seq=4)),
        ],
        "unlinked",
        4,
    ),
    "insert at the end": ([_COPY_OF_THREE.format(seq=7, hash=_HASHED.format(seq=7))], "inserted", 7),
    "reorder": (
        [
            "UPDATE pipemap.audit_log SET seq = -3 WHERE seq = 3",
            "UPDATE pipemap.audit_log SET seq = 3 WHERE seq = 4",
            "UPDATE pipemap.audit_log SET seq = 4 WHERE seq = -3",
        ],
        "altered",
        3,
    ),
    "truncate the end": (["DELETE FROM pipemap.audit_log WHERE seq > 4"], "truncated", 5),
    "truncate all": (["TRUNCATE pipemap.audit_log"], "truncated", 1),
    "alter the head": (["UPDATE pipemap.audit_head SET hash = sha256('x')"], "altered", 6),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found(log: Database, name: str) -> None:
    statements, kind, seq = TAMPERINGS[name]
    tamper(log, *statements)
    found = [(problem.kind, problem.seq) for problem in verified(log).problems]
    assert (kind, seq) in found


_REBUILD = """
    DO $$ DECLARE entry pipemap.audit_log; link bytea := sha256(''); BEGIN
        FOR entry IN SELECT * FROM pipemap.audit_log ORDER BY seq LOOP
            UPDATE pipemap.audit_log SET prev_hash = link, hash = pipemap_app.audit_hash(
                seq, at, actor, action, details, link) WHERE seq = entry.seq RETURNING hash INTO link;
        END LOOP;
        UPDATE pipemap.audit_head SET hash = link, seq = (SELECT max(seq) FROM pipemap.audit_log);
    END $$"""


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("UPDATE pipemap.audit_log SET actor = 'x' WHERE seq = 3", "rewritten"),
        ("DELETE FROM pipemap.audit_log WHERE seq > 4", "truncated"),
    ],
)
def test_a_chain_rebuilt_whole_is_found_by_the_anchor_alone(
    log: Database, tmp_path: Path, statement: str, kind: str
) -> None:
    anchors.write_anchor(log, tmp_path / "anchors.jsonl")
    anchor = anchors.read_anchors(tmp_path / "anchors.jsonl")
    with log.transaction() as connection:
        audit.record(connection, "later", "share.items", {})
    assert verified(log, anchor).is_intact
    tamper(log, "DELETE FROM pipemap.audit_log WHERE seq = 7", statement, _REBUILD)
    assert verified(log).is_intact
    assert [problem.kind for problem in verified(log, anchor).problems] == [kind]


def test_entries_can_be_filtered_and_paged(log: Database) -> None:
    def numbers(connection: Connection, filters: AuditFilter, limit: int = 100, offset: int = 0) -> list[int]:
        return [entry["details"]["n"] for entry in audit.list_entries(connection, filters, limit, offset)]

    now = datetime.now(UTC)
    with log.transaction(read_only=True) as connection:
        assert numbers(connection, AuditFilter()) == [6, 5, 4, 3, 2, 1]
        assert numbers(connection, AuditFilter(actor="agency 1")) == [5, 3, 1]
        assert numbers(connection, AuditFilter(action="nothing")) == []
        assert numbers(connection, AuditFilter(), limit=2, offset=1) == [5, 4]
        assert numbers(connection, AuditFilter(since=now)) == []
        assert len(numbers(connection, AuditFilter(since=now - timedelta(hours=1), until=now))) == 6


def test_writers_at_the_same_time_make_one_chain(database: Database) -> None:
    def write(name: str) -> None:
        for _ in range(20):
            with database.transaction() as connection:
                audit.record(connection, name, "share.items", {})

    run_together([lambda name=name: write(name) for name in "abcd"])
    report = verified(database)
    assert report.is_intact and report.entries == 80


def test_a_rolled_back_entry_leaves_no_trace(log: Database) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), psycopg.connect(log.url) as connection:
        connection.execute("SELECT pipemap_app.audit('a', 'b', '{}')")
        connection.execute("SELECT 1 / 0")
    report = verified(log)
    assert report.is_intact and report.entries == 6


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(entries=st.lists(st.tuples(TEXT, TEXT, st.dictionaries(TEXT, TEXT | st.integers() | st.none())), max_size=4))
def test_any_text_is_chained_and_verified(
    database: Database, entries: list[tuple[str, str, dict[str, object]]]
) -> None:
    with database.transaction() as connection:
        for actor, action, details in entries:
            audit.record(connection, actor, action, details)
        for (actor, action, details), kept in zip(
            reversed(entries), audit.list_entries(connection, limit=max(len(entries), 1)), strict=False
        ):
            assert (kept["actor"], kept["action"]) == (actor, action)
            assert kept["details"] == json.loads(json.dumps(details))
        assert chains.verify(connection).is_intact


def run_together(works: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
