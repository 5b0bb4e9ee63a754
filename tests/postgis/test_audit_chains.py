"""Chains of agencies: apart from one another, written in groups, held against anchors outside the database."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic import command

from pipemap.db import Database
from pipemap.errors import PipemapError, SourceError
from pipemap.migrate import _alembic, _build_derived, _drop_derived
from pipemap.sharing import anchors, audit, chains
from pipemap.sharing.audit import Look
from pipemap.sharing.chains import AuditReport, Seen

AGENCIES = ("水务局", "燃气集团", "消防")


def verified(database: Database, seen: Seen | None = None) -> AuditReport:
    with database.transaction(read_only=True) as connection:
        return chains.verify(connection, seen)


def looks(database: Database, count: int = 6) -> None:
    for number in range(count):
        for agency in AGENCIES:
            audit.record_look(database, Look(agency, "share.items", {"n": number}))


def tamper(database: Database, *statements: str) -> None:
    with database.transaction() as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


def found(report: AuditReport) -> set[tuple[str, str]]:
    return {(problem.chain, problem.kind) for problem in report.problems}


def test_each_agency_and_the_staff_have_a_chain_of_their_own(database: Database) -> None:
    looks(database, 4)
    with database.transaction() as connection:
        audit.record(connection, "li", "share.agree", {})
    report = verified(database)
    assert report.is_intact and report.entries == 13
    assert {chain: head.seq for chain, head in report.heads.items()} == {"": 1} | dict.fromkeys(AGENCIES, 4)


def test_an_agency_does_not_wait_for_another_ones_entry(database: Database) -> None:
    looks(database, 1)
    append = "SELECT pipemap_app.audit_append(%s, '{a}', '{share.items}', ARRAY['{}'])"
    with database.transaction() as connection, psycopg.connect(database.url) as other:
        connection.execute("SELECT FROM pipemap.audit_head WHERE chain = '水务局' FOR UPDATE")
        other.execute("SET lock_timeout = '5s'")
        other.execute(append, ["消防"])
        other.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute(append, ["水务局"])


CHAIN_TAMPERINGS = {
    "move an entry to another chain's end": (
        [
            "UPDATE pipemap.audit_log SET chain = '消防', seq = 7 WHERE chain = '水务局' AND seq = 6",
            "UPDATE pipemap.audit_head SET seq = 5, hash = (SELECT hash FROM pipemap.audit_log"
            " WHERE chain = '水务局' AND seq = 5) WHERE chain = '水务局'",
        ],
        ("消防", "altered"),
    ),
    "give a chain another name": (
        [
            "UPDATE pipemap.audit_log SET chain = '水务' WHERE chain = '水务局'",
            "UPDATE pipemap.audit_head SET chain = '水务' WHERE chain = '水务局'",
        ],
        ("水务", "unlinked"),
    ),
    "leave nothing of a chain but its head": (
        ["DELETE FROM pipemap.audit_log WHERE chain = '消防'"],
        ("消防", "truncated"),
    ),
    "take a head away": (["DELETE FROM pipemap.audit_head WHERE chain = '消防'"], ("消防", "inserted")),
    "alter one entry": (
        ["UPDATE pipemap.audit_log SET details = '{}' WHERE chain = '消防' AND seq = 2"],
        ("消防", "altered"),
    ),
}


@pytest.mark.parametrize("name", CHAIN_TAMPERINGS)
def test_tampering_is_found_in_the_chain_it_was_done_to(database: Database, name: str) -> None:
    looks(database)
    statements, expected = CHAIN_TAMPERINGS[name]
    tamper(database, *statements)
    assert expected in found(verified(database))


_REBUILD = """
    DO $$ DECLARE entry pipemap.audit_log; link bytea := sha256(convert_to('消防', 'UTF8')); BEGIN
        FOR entry IN SELECT * FROM pipemap.audit_log WHERE chain = '消防' ORDER BY seq LOOP
            UPDATE pipemap.audit_log SET prev_hash = link, hash = pipemap_app.audit_hash(
                seq, at, actor, action, details, link)
            WHERE seq = entry.seq AND chain = '消防' RETURNING hash INTO link;
        END LOOP;
        UPDATE pipemap.audit_head SET hash = link, seq = (
            SELECT max(seq) FROM pipemap.audit_log WHERE chain = '消防') WHERE chain = '消防';
    END $$"""
REBUILT = {
    "an entry altered": ("UPDATE pipemap.audit_log SET details = '{}' WHERE chain = '消防' AND seq = 2", "rewritten"),
    "the end cut off": ("DELETE FROM pipemap.audit_log WHERE chain = '消防' AND seq > 3", "truncated"),
    "the order turned round": (
        "UPDATE pipemap.audit_log SET details = jsonb_build_object('n', 6 - seq)::text WHERE chain = '消防'",
        "rewritten",
    ),
}


@pytest.mark.parametrize("name", REBUILT)
def test_a_chain_rebuilt_from_scratch_is_found_by_the_anchors_alone(
    database: Database, tmp_path: Path, name: str
) -> None:
    looks(database)
    anchors.write_anchor(database, tmp_path / "anchors.jsonl")
    looks(database, 1)
    anchors.write_anchor(database, tmp_path / "anchors.jsonl")
    seen = anchors.read_anchors(tmp_path / "anchors.jsonl")
    assert verified(database, seen).is_intact and verified(database, seen).anchors == 6
    statement, kind = REBUILT[name]
    tamper(database, statement, _REBUILD)
    assert verified(database).is_intact
    assert found(verified(database, seen)) == {("消防", kind)}


def test_a_rebuilt_chain_stays_found_when_it_is_anchored_again(database: Database, tmp_path: Path) -> None:
    looks(database)
    anchors.write_anchor(database, tmp_path / "anchors.jsonl")
    statement, kind = REBUILT["an entry altered"]
    tamper(database, statement, _REBUILD)
    anchors.write_anchor(database, tmp_path / "anchors.jsonl")
    assert found(verified(database, anchors.read_anchors(tmp_path / "anchors.jsonl"))) == {("消防", kind)}


def test_a_chain_that_is_gone_whole_is_found_by_the_anchors(database: Database, tmp_path: Path) -> None:
    looks(database)
    anchors.write_anchor(database, tmp_path / "anchors.jsonl")
    tamper(database, *(f"DELETE FROM pipemap.audit_{table} WHERE chain = '消防'" for table in ("log", "head")))
    assert verified(database).is_intact
    seen = anchors.read_anchors(tmp_path / "anchors.jsonl")
    assert found(verified(database, seen)) == {("消防", "truncated")}


def forgeries(lines: list[str]) -> dict[str, list[str]]:
    one = json.loads(lines[1])
    one["heads"]["消防"] = [1, "00" * 32]
    return {
        "altered": [lines[0], json.dumps(one, ensure_ascii=False), lines[2]],
        "left out": [lines[0], lines[2]],
        "exchanged": [lines[1], lines[0], lines[2]],
        "repeated": [*lines, lines[2]],
        "added": [*lines, json.dumps(one | {"after": json.loads(lines[2])["signature"]})],
        "no anchor": ["{}"],
        "nothing": [],
        "no JSON": ["anchor"],
        "a number for heads": ['{"at": "", "heads": 3, "after": "", "signature": ""}'],
    }


@pytest.mark.parametrize("name", forgeries(['{"signature": ""}', '{"heads": {}}', '{"signature": ""}']))
def test_a_file_of_anchors_that_was_tampered_with_is_refused(database: Database, tmp_path: Path, name: str) -> None:
    path = tmp_path / "anchors.jsonl"
    for _ in range(3):
        looks(database, 1)
        anchors.write_anchor(database, path)
    path.write_text("".join(line + "\n" for line in forgeries(path.read_text().splitlines())[name]))
    with pytest.raises(SourceError):
        anchors.read_anchors(path)


def test_anchors_under_another_key_are_refused(database: Database, tmp_path: Path) -> None:
    anchors.write_anchor(database, tmp_path / "anchors.jsonl")
    assert (tmp_path / anchors.KEY).stat().st_mode & 0o077 == 0
    (tmp_path / anchors.KEY).write_bytes(b"x" * 32)
    with pytest.raises(SourceError):
        anchors.read_anchors(tmp_path / "anchors.jsonl")


@pytest.mark.parametrize("minutes", [0.02 / 60, 10])
def test_the_service_anchors_once_for_what_was_recorded_once(
    database: Database, tmp_path: Path, minutes: float
) -> None:
    path = tmp_path / "anchors.jsonl"
    looks(database, 1)
    anchoring = anchors.Anchoring(database, path, minutes, first_s=0.02)
    anchoring.start()
    for _ in range(500):
        if path.exists() and path.read_text():
            break
        threading.Event().wait(0.02)
    threading.Event().wait(0.1)
    anchoring.close()
    assert set(anchors.read_anchors(path)) == set(AGENCIES)
    assert len(path.read_text().splitlines()) == 1


def test_entries_of_many_threads_are_committed_before_each_returns(database: Database) -> None:
    def work(number: int) -> bool:
        agency = AGENCIES[number % 3]
        audit.record_look(database, Look(agency, "share.items", {"n": number}))
        with database.transaction(read_only=True) as connection:
            query = "SELECT count(*) AS n FROM pipemap.audit_log WHERE details::jsonb ->> 'n' = %s"
            return connection.execute(query, [str(number)]).fetchall() == [{"n": 1}]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(200)))
    report = verified(database)
    assert report.is_intact and report.entries == 200
    with database.transaction(read_only=True) as connection:
        rows = connection.execute("SELECT count(*) AS n FROM pipemap.audit_log GROUP BY xmin").fetchall()
    assert max(row["n"] for row in rows) > 1


def test_an_entry_that_cannot_be_written_sinks_no_other(database: Database) -> None:
    def work(number: int) -> str:
        text = "\0" if number % 5 == 0 else "fine"
        try:
            audit.record_look(database, Look("水务局", "share.items", {"n": number, "text": text}))
        except PipemapError:
            return "\0"
        return "fine"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(work, range(100)))
    assert outcomes == ["\0" if number % 5 == 0 else "fine" for number in range(100)]
    report = verified(database)
    assert report.is_intact and report.entries == 80


# Two entries, hashed as the rule says: netstrings of five parts, then the previous hash.
_OLD_LOG = """
    WITH first AS (
        SELECT sha256(convert_to('1:1' || '27:2026-01-02T03:04:05.000006Z' || '2:li' || '7:publish' || '2:{}', 'UTF8')
                      || sha256('')) AS hash
    ), second AS (
        SELECT first.hash AS prev_hash,
               sha256(convert_to('1:2' || '27:2026-01-02T03:04:06.000000Z' || '9:水务局' || '11:share.items'
                                 || '8:{"n": 1}', 'UTF8') || first.hash) AS hash
        FROM first
    ), kept AS (
        INSERT INTO pipemap.audit_log (seq, at, actor, action, details, prev_hash, hash)
        SELECT 1, timestamptz '2026-01-02T03:04:05.000006Z', 'li', 'publish', '{}', sha256(''), hash FROM first
        UNION ALL
        SELECT 2, '2026-01-02T03:04:06Z', '水务局', 'share.items', '{"n": 1}', prev_hash, hash FROM second
    )
    INSERT INTO pipemap.audit_head (seq, hash) SELECT 2, hash FROM second"""


def test_a_log_from_before_there_were_chains_goes_on_as_the_staffs(database: Database) -> None:
    engine = database.engine()
    with engine.begin() as connection:
        _drop_derived(connection)
        connection.exec_driver_sql("DROP SCHEMA pipemap CASCADE")
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS pipemap_jobs CASCADE")
        connection.exec_driver_sql("CREATE SCHEMA pipemap")
        command.upgrade(_alembic(connection), "0005")
        connection.execution_options(no_parameters=True).exec_driver_sql(_OLD_LOG)
        command.upgrade(_alembic(connection), "head")
        _build_derived(connection)
    engine.dispose()
    with database.transaction() as connection:
        audit.record(connection, "li", "publish", {"version": 2})
    looks(database, 1)
    report = verified(database)
    assert report.is_intact and report.heads[""].seq == 3
    tamper(database, "UPDATE pipemap.audit_log SET actor = 'x' WHERE seq = 1 AND chain = ''")
    assert found(verified(database)) == {("", "altered")}
