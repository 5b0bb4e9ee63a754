"""Runs the rules on a changeset, keeps what they find and marks the changeset as checked."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import TypeAlias

from pipemap.checks.breaches import Block, Note
from pipemap.checks.check import Check
from pipemap.checks.loading import load_scope
from pipemap.checks.registry import Rulebook
from pipemap.checks.scope import Scope
from pipemap.checks.tiles import TILE_FEATURES, Tiles
from pipemap.db import Connection, Database, fetch_one
from pipemap.errors import ConflictError, NotFoundError
from pipemap.findings import FindingWriter, drop_findings
from pipemap.sql import queries
from schemas.findings import Severity

Progress: TypeAlias = Callable[[str, int, int], None]
Counts: TypeAlias = Counter[tuple[str, Severity]]

_BLOCK_ROWS = 10_000


def run_checks(
    database: Database, changeset_id: int, *, rules: Rulebook | None = None, on_progress: Progress | None = None
) -> Counts:
    """Check a changeset, replace its earlier check findings and mark it as checked; how many of each rule and severity.

    All in one transaction, which holds the changeset: nobody can publish or change it meanwhile, and a
    check that fails or is interrupted leaves it as it was.

    Raises
    ------
    NotFoundError
        When there is no such changeset.
    ConflictError
        When it is published or rejected, so that there is nothing left to check.
    """
    with database.transaction() as connection:
        counts = _check(database, connection, changeset_id, rules, on_progress)
        connection.execute(queries("checks")["mark_checked"], {"changeset_id": changeset_id})
    return counts


@contextmanager
def tried_rules(
    database: Database, changeset_id: int, *, rules: Rulebook | None = None, on_progress: Progress | None = None
) -> Iterator[Connection]:
    """A transaction in which the check findings are those of these rules; at its end it is as if nothing had been."""
    with database.transaction() as connection:
        _check(database, connection, changeset_id, rules, on_progress)
        yield connection
        connection.rollback()


def _check(
    database: Database,
    connection: Connection,
    changeset_id: int,
    rules: Rulebook | None,
    on_progress: Progress | None,
) -> Counts:
    _hold_open(connection, changeset_id)
    with database.transaction() as reading:
        reading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        scope = load_scope(reading, changeset_id)
    drop_findings(connection, changeset_id, "check")
    counts: Counts = Counter()
    with FindingWriter(connection, changeset_id, "check") as writer:
        for block in found_blocks(scope, rules or Rulebook.standard(), on_progress):
            writer.add(block)
            counts.update(zip(block["rule"], block["severity"], strict=True))
    return counts


def found_blocks(
    scope: Scope, rules: Rulebook, on_progress: Progress | None = None, *, tile_features: int = TILE_FEATURES
) -> Iterator[Block]:
    """What the rules find, in blocks of the fields of `Finding`; a rule that fails, fails the check.

    Rules that see all come first, then tile by tile the others, and last the notes that add up over tiles.
    """
    notes: dict[tuple[object, ...], Note] = {}
    for check in _steps(scope, rules, on_progress or _quiet, tile_features):
        for told in check.rule.run(check):
            if isinstance(told, Note):
                notes[told.about] = notes[told.about].plus(told) if told.about in notes else told
            else:
                yield from told.blocks(_BLOCK_ROWS)
    yield from (note.block() for note in notes.values() if not note.is_empty)


def _steps(scope: Scope, rules: Rulebook, on_progress: Progress, tile_features: int) -> Iterator[Check]:
    """Every rule with every scope it looks at."""
    whole, local = ([each for each in rules if each.sees == sees] for sees in ("all", "tile"))
    tiles = Tiles(scope, tile_features)
    total, done = len(whole) + len(tiles) * len(local), count()
    for each in whole:
        on_progress(each.id, next(done), total)
        yield Check(each, scope)
    for tile in tiles:
        for each in local:
            on_progress(each.id, next(done), total)
            yield Check(each, tile)
    on_progress("", total, total)


def _hold_open(connection: Connection, changeset_id: int) -> None:
    found = fetch_one(connection, queries("checks")["hold_changeset"], {"changeset_id": changeset_id})
    if found is None:
        raise NotFoundError(f"There is no changeset {changeset_id}; `pipemap changesets` lists them.")
    if found["state"] in ("published", "rejected"):
        raise ConflictError(f"Changeset {changeset_id} is {found['state']}; there is nothing left to check.")


def _quiet(_stage: str, _done: int, _total: int) -> None:
    pass
