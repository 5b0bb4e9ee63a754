"""Runs the rules on a changeset, keeps what they find and marks the changeset as checked."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import TypeAlias, TypeVar

from pipemap.checks.breaches import Block, Note
from pipemap.checks.check import Check
from pipemap.checks.loading import load_scope
from pipemap.checks.proposed import Proposed
from pipemap.checks.registry import Rulebook
from pipemap.checks.rule import Rule
from pipemap.checks.scope import Scope
from pipemap.checks.tiles import TILE_FEATURES, Tiles
from pipemap.db import Connection, Database, fetch_one
from pipemap.errors import ConflictError, NotFoundError
from pipemap.findings import FindingPacker, PackedFindings, drop_findings, write_findings
from pipemap.forked import shared_out
from pipemap.seldom import seldom_collected
from pipemap.shelf import let_go
from pipemap.sql import queries
from schemas.findings import Severity

Progress: TypeAlias = Callable[[str, int, int], None]
Counts: TypeAlias = Counter[tuple[str, Severity]]

_BLOCK_ROWS = 10_000
# Fewer features are looked at sooner than processes are started for them.
_FEWEST_SHARED_OUT = 2_000
T = TypeVar("T")


@dataclass(frozen=True)
class _Begun:
    """Word that a rule is at work."""

    rule_id: str


Told: TypeAlias = _Begun | Note | T


def run_checks(
    database: Database,
    changeset_id: int,
    *,
    rules: Rulebook | None = None,
    on_progress: Progress | None = None,
    proposed: Proposed | None = None,
) -> Counts:
    """Check a changeset, replace its earlier check findings and mark it as checked; how many of each rule and severity.

    What was `proposed` is not read again when the import that it followed was the last to write the changeset.
    All in one transaction, which holds the changeset: nobody can publish or change it meanwhile, and a
    check that fails or is interrupted leaves it as it was.

    Raises
    ------
    NotFoundError
        When there is no such changeset.
    ConflictError
        When it is published or rejected, so that there is nothing left to check.
    """
    with seldom_collected(), database.transaction() as connection:
        counts = _check(database, connection, changeset_id, rules, on_progress, proposed)
        connection.execute(queries("checks")["mark_checked"], {"changeset_id": changeset_id})
    return counts


@contextmanager
def tried_rules(
    database: Database, changeset_id: int, *, rules: Rulebook | None = None, on_progress: Progress | None = None
) -> Iterator[Connection]:
    """A transaction in which the check findings are those of these rules; at its end it is as if nothing had been."""
    with seldom_collected(), database.transaction() as connection:
        _check(database, connection, changeset_id, rules, on_progress)
        yield connection
        connection.rollback()


def _check(
    database: Database,
    connection: Connection,
    changeset_id: int,
    rules: Rulebook | None,
    on_progress: Progress | None,
    proposed: Proposed | None = None,
) -> Counts:
    left_by = _hold_open(connection, changeset_id)
    with database.transaction() as reading:
        reading.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        scope = load_scope(reading, changeset_id, proposed=proposed.handed_over(left_by) if proposed else None)
    drop_findings(connection, changeset_id, "check")
    packer = partial(FindingPacker, changeset_id, "check")
    counts: Counts = Counter()
    for packed in _found(scope, rules or Rulebook.standard(), on_progress, lambda told: _packed(told, packer())):
        write_findings(connection, packed)
        counts.update(packed.counts)
    return counts


def found_blocks(
    scope: Scope, rules: Rulebook, on_progress: Progress | None = None, *, tile_features: int = TILE_FEATURES
) -> Iterator[Block]:
    """What the rules find, in blocks of the fields of `Finding`; a rule that fails, fails the check.

    Rules that see all come first, then tile by tile the others, and last the notes that add up over tiles.
    Each of these parts is looked at by a process of its own where there are several, and much to look at.
    """
    return _found(scope, rules, on_progress, iter, tile_features)


def _found(
    scope: Scope,
    rules: Rulebook,
    on_progress: Progress | None,
    taken: Callable[[Iterable[Told[Block]]], Iterator[Told[T]]],
    tile_features: int = TILE_FEATURES,
) -> Iterator[T]:
    """What `taken` makes of the blocks of each part, in the process that finds them, and of the notes."""
    whole, local = ([each for each in rules if each.sees == sees] for sees in ("all", "tile"))
    tiles = Tiles(scope, tile_features)
    total, done, said = len(whole) + len(tiles) * len(local), count(), on_progress or _quiet
    notes: dict[tuple[object, ...], Note] = {}

    def look(part: int) -> Iterator[Told[T]]:
        return taken(_told(local, tiles[part - 1]) if part else _told(whole, scope))

    is_small = len(tiles) == 1 and sum(len(is_told) for is_told in scope.told.values()) < _FEWEST_SHARED_OUT
    for told in shared_out(1 + len(tiles), look, 1 if is_small else None):
        if isinstance(told, _Begun):
            said(told.rule_id, next(done), total)
        elif isinstance(told, Note):
            notes[told.about] = notes[told.about].plus(told) if told.about in notes else told
        else:
            yield told
    said("", total, total)
    yield from taken(note.block() for note in notes.values() if not note.is_empty)  # type: ignore[misc]


def _told(rules: Sequence[Rule], scope: Scope) -> Iterator[Told[Block]]:
    """What some rules tell of one scope, and which of them is at work."""
    for each in rules:
        yield _Begun(each.id)
        for told in each.run(Check(each, scope)):
            if isinstance(told, Note):
                yield told
            else:
                yield from told.blocks(_BLOCK_ROWS)
        let_go()


def _packed(told: Iterable[Told[Block]], packer: FindingPacker) -> Iterator[Told[PackedFindings]]:
    for each in told:
        if isinstance(each, _Begun | Note):
            yield each
        else:
            yield from packer.add(each)
    yield from packer.rest()


def _hold_open(connection: Connection, changeset_id: int) -> str:
    """Hold the changeset, and say which transaction wrote it last."""
    found = fetch_one(connection, queries("checks")["hold_changeset"], {"changeset_id": changeset_id})
    if found is None:
        raise NotFoundError(f"There is no changeset {changeset_id}; `pipemap changesets` lists them.")
    if found["state"] in ("published", "rejected"):
        raise ConflictError(f"Changeset {changeset_id} is {found['state']}; there is nothing left to check.")
    return str(found["left_by"])


def _quiet(_stage: str, _done: int, _total: int) -> None:
    pass
