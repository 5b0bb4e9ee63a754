"""How a change of a feature is told in a table: its class, and old → new of every field that changed."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from shapely.geometry import shape

from pipemap.rebasing import Rebase, Settled
from pipemap.terminal import emit_table, emit_text
from pipemap.versions import Delta

_SHOWN_FIELDS = 4
_SHOWN_LETTERS = 40


def emit_deltas(title: str, deltas: Sequence[Delta], offset: int, total: int) -> None:
    """Print one page of changes, and which part of all of them it is."""
    columns = ("op", "kind", "class", "feature", "key", "changed")
    rows = (
        (d["op"], d["kind"], class_of(d["new"] or d["old"]), d["feature_id"], d["source_key"], changed_words(d))
        for d in deltas
    )
    emit_table(title, columns, rows)
    if len(deltas) < total:
        first = min(offset + 1, total)
        emit_text(
            f"{first:,}–{offset + len(deltas):,} of {total:,} 共 {total:,} 个; see more with --limit and --offset"
        )


def class_of(state: Mapping[str, Any] | None) -> str | None:
    """The utility class of a state; None for a structure, which has none."""
    return None if state is None else state.get("class_code")


def changed_words(delta: Mapping[str, Any]) -> str:
    """`material_code concrete → pe; moved 0.12 m`; empty unless the feature was and is there."""
    fields = delta["changed"]
    words = [field_words(name, delta["old"][name], delta["new"][name]) for name in fields[:_SHOWN_FIELDS]]
    if len(fields) > _SHOWN_FIELDS:
        words.append(f"{len(fields) - _SHOWN_FIELDS} more fields")
    return "; ".join(words)


def field_words(name: str, old: Any, new: Any) -> str:
    """One field, old → new; a geometry by how far it moved."""
    if name == "geom" and old and new:
        return _geometry_words(old, new)
    if name == "extra":
        old, new = old or {}, new or {}
        return f"extra ({', '.join(sorted(key for key in old | new if old.get(key) != new.get(key)))})"
    return f"{name} {_short(old)} → {_short(new)}"


def count_of(counts: Mapping[str, Mapping[str, int]], kind: str | None, op: str | None) -> int:
    """How many changes of a kind and an op there are, None being any."""
    return sum(
        number
        for each, ops in counts.items()
        for name, number in ops.items()
        if kind in (None, each) and op in (None, name)
    )


def emit_rebase(done: Rebase) -> None:
    """Print how each feature was settled, and which are left to decide."""
    settled = ((f.kind, f.feature_id, f.source_key, _settled_words(f)) for f in done.features)
    left = ((c.kind, c.feature_id, c.source_key, ", ".join((c.reason, *c.attributes))) for c in done.conflicts)
    for title, words, rows in (("Settled 已合并", "how", settled), ("Conflicts 冲突", "why", left)):
        listed = list(rows)
        if listed:
            emit_table(title, ("kind", "feature", "key", words), listed)


def _geometry_words(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    before, after = (shapely.get_coordinates(shape(geometry), include_z=True) for geometry in (old, new))
    if old["type"] != new["type"] or before.shape != after.shape:
        return "geom redrawn"
    if not np.array_equal(np.isnan(before), np.isnan(after)):
        return "geom z known" if np.isnan(before).sum() > np.isnan(after).sum() else "geom z unknown"
    moved_m = float(np.linalg.norm(np.nan_to_num(after - before), axis=1).max())
    return f"moved {moved_m:.2f} m" if moved_m >= 0.01 else f"moved {moved_m * 1000:.2g} mm"


def _short(value: Any) -> str:
    if value is None:
        return "–"
    words = str(value)
    return words if len(words) <= _SHOWN_LETTERS else words[: _SHOWN_LETTERS - 1] + "…"


def join_changes(entries: Iterable[Mapping[str, Any]]) -> list[str]:
    """The words of each change in a feature's life, oldest first."""
    words, old = [], None
    for entry in entries:
        words.append(changed_words({"changed": entry["changed"], "old": old, "new": entry["state"]}))
        old = entry["state"]
    return words


def _settled_words(feature: Settled) -> str:
    sides = (("mine", feature.mine), ("map", feature.map))
    fields = "; ".join(f"{', '.join(names)} from {side}" for side, names in sides if names)
    return f"{feature.outcome}: {fields}" if fields else feature.outcome
