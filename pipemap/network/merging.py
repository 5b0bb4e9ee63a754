"""Changed rows put into the columns of a network, which themselves stay as they are."""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np

from pipemap.copy_out import TextColumn
from pipemap.network.arrays import UNKNOWN, Consumers, Ints, Nodes, Segments, located
from pipemap.network.axes import Axes

Columns = TypeVar("Columns", Nodes, Segments, Consumers)


@dataclass(frozen=True, eq=False)
class Merge:
    """How rows of one kind turn into the next version's.

    `source` is, for every row to be, its position in the old rows followed by the fresh ones; `place`, for
    every old row, the position of its identity in the rows to be, -1 when it is gone. Both are None when
    nothing moves; `updated` then says which rows the fresh ones replace.
    """

    fresh: Nodes | Segments | Consumers
    source: Ints | None
    place: Ints | None
    updated: Ints

    @classmethod
    def of(cls, ids: Ints, changed: Ints, fresh: Nodes | Segments | Consumers) -> "Merge":
        """The merge of rows with ascending `ids` whose `changed` identities are dropped or have a row in `fresh`."""
        place, is_old = located(ids, fresh.id)
        if is_old.all() and not located(ids, np.setdiff1d(changed, fresh.id))[1].any():
            return cls(fresh, None, None, place)
        is_kept = np.ones(len(ids), np.bool_)
        gone, was_there = located(ids, changed)
        is_kept[gone[was_there]] = False
        kept = np.flatnonzero(is_kept)
        source = np.concatenate([kept, len(ids) + np.arange(len(fresh.id))])
        merged = np.concatenate([ids[kept], fresh.id])
        order = np.argsort(merged, kind="stable")
        new_place, is_there = located(merged[order], ids)
        return cls(fresh, source[order], np.where(is_there, new_place, UNKNOWN), place[:0])

    def applied(self, old: Columns) -> Columns:
        """The columns with the changes in them."""
        if not len(self.fresh.id) and self.source is None:
            return old
        columns = {
            field.name: self._column(getattr(old, field.name), getattr(self.fresh, field.name)) for field in fields(old)
        }
        return replace(old, **columns)

    def repointed(self, dependent: Columns, *names: str) -> Columns:
        """Other rows whose columns of these names are positions in the merged ones; -1 where a row is gone."""
        place = self.place
        if place is None:
            return dependent
        moved: dict[str, Any] = {name: _looked_up(place, getattr(dependent, name)) for name in names}
        return replace(dependent, **moved)

    def _column(self, old: Any, fresh: Any) -> Any:
        if self._is_kept(old, fresh):
            return old
        if isinstance(old, TextColumn | Axes):
            return old.merged(fresh, self._whole_source(len(old)))
        if self.source is not None:
            return np.concatenate([old, fresh])[self.source]
        column = old.copy()
        column[self.updated] = fresh
        return column

    def _is_kept(self, old: Any, fresh: Any) -> bool:
        """Whether the fresh rows say in this column what the old ones said."""
        if self.source is not None:
            return False
        if isinstance(old, TextColumn):
            return all(old[row] == fresh[place] for place, row in enumerate(self.updated.tolist()))
        if isinstance(old, Axes):
            return old.taken(self.updated).equals(fresh)
        return np.array_equal(old[self.updated], fresh, equal_nan=old.dtype.kind == "f")

    def _whole_source(self, count: int) -> Ints:
        if self.source is not None:
            return self.source
        source = np.arange(count)
        source[self.updated] = count + np.arange(len(self.updated))
        return source


def with_missing(nodes: Nodes, ids: Ints) -> Nodes:
    """The nodes and, as plain joints without a place, those of `ids` that are not among them."""
    missing = np.unique(ids[~located(nodes.id, ids)[1]])
    if not len(missing):
        return nodes
    count = len(missing)
    unknown, nowhere = np.full(count, UNKNOWN, np.int8), np.full(count, np.nan)
    no_text = TextColumn.empty(count)
    blank = Nodes(
        id=missing,
        x_m=nowhere,
        y_m=nowhere,
        appurtenance=unknown,
        state=unknown,
        operability=unknown,
        is_active=np.zeros(count, np.bool_),
        is_missing=np.ones(count, np.bool_),
        key=no_text,
        name=no_text,
        address=no_text,
        feature=unknown,
    )
    return Merge.of(nodes.id, missing, blank).applied(nodes)


def _looked_up(place: Ints, positions: Ints) -> Ints:
    return np.where(positions >= 0, place[positions], UNKNOWN)
