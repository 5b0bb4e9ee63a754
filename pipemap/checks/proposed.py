"""What a changeset proposes, taken in while it is written: reading it back would take seconds for a city."""

from typing import cast

import numpy as np

from pipemap.checks.reading import COLUMNS, ColumnReader
from pipemap.checks.scope import KINDS, Kind
from pipemap.copy_in import Block
from pipemap.copy_out import rows_in


def new_readers() -> dict[Kind, ColumnReader]:
    """A reader for each kind of feature, which has read nothing yet."""
    return {kind: ColumnReader.of_kind(kind) for kind in KINDS}


class Proposed:
    """Follows an import (`pipemap.ingest.Follower`) so that `run_checks` finds what that wrote in memory."""

    def __init__(self) -> None:
        self._readers = new_readers()
        self._left_by: str | None = None

    def take(self, kind: str, block: Block) -> None:
        """Take in rows as they are sent."""
        known, (names, count, rows) = cast(Kind, kind), block
        place = {name: number for number, name in enumerate(names)}
        sent = rows_in(np.frombuffer(rows, np.uint8), len(names), count)
        self._readers[known].take(sent.arranged([place.get(name) for name in COLUMNS[known]]), changed=True)

    def complete(self, left_by: str) -> None:
        """All of it was taken in, and the changeset is as the transaction `left_by` wrote it."""
        self._left_by = left_by

    def handed_over(self, left_by: str) -> dict[Kind, ColumnReader] | None:
        """The readers, once, where the changeset was last written by `left_by`; else nothing is known of it."""
        if self._left_by != left_by:
            return None
        self._left_by = None
        return self._readers
