"""Changesets, versions and changes of features as a terminal shows them, in Chinese or English."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import shapely
from shapely.geometry import shape

from pipemap.changesets import Changeset
from pipemap.commands.words import Texts, Words, clock
from pipemap.rebasing import Rebase, Settled
from pipemap.terminal import emit_text
from pipemap.versions import Delta
from schemas.codetables import CODED

_SHOWN_FIELDS = 4
_SHOWN_LETTERS = 40
_WORDS = {
    "changesets": ("Changesets", "变更集"), "versions": ("Versions", "版本"), "rows": ("Rows", "行数"),
    "findings": ("Findings", "问题"), "waived": ("Waived", "豁免"), "changes": ("Changes", "变更"),
    "settled": ("Settled", "已合并"), "conflicts": ("Conflicts", "冲突"), "unchanged": ("No changes", "无变更"),
    "part": ("{first:,}–{last:,} of {total:,}; see more with --limit and --offset",
             "第 {first:,}–{last:,} 个，共 {total:,} 个；用 --limit 和 --offset 查看其余"),
    "as_version": ("{state} as version {version}", "{state}，版本 {version}"),
    "reverted": ("reverted by version {version}", "已被版本 {version} 撤销"),
    "reverts": ("reverts changeset {changeset}", "撤销变更集 {changeset}"),
    "waives": ("waived {rules}", "豁免 {rules}"),
    "before": ("Changeset {changeset} is published already, as version {version}; nothing was done.",
               "变更集 {changeset} 早已发布为版本 {version}，未作操作。"),
    "before_reverted": (
        "Changeset {changeset} is published already, as version {version}, and version {by} has reverted it since; "
        "nothing was done.",
        "变更集 {changeset} 早已发布为版本 {version}，其后已被版本 {by} 撤销，未作操作。",
    ),
    "feature": ("Feature {feature}", "要素 {feature}"),
    "more": ("{count} more", "另有 {count} 项"),
    "redrawn": ("redrawn", "重绘"), "z_known": ("height now known", "高程由不明变为已知"),
    "z_unknown": ("height now unknown", "高程由已知变为不明"), "moved": ("moved {by}", "移动 {by}"),
    "mine": ("{fields} from this changeset", "{fields} 取自本变更集"),
    "map": ("{fields} from the map", "{fields} 取自现状"),
    "settled_mine": ("as this changeset has it", "取本变更集"), "settled_map": ("as the map has it", "取现状"),
    "settled_merged": ("merged", "已合并"),
    "published": ("Version {version} is published.",
           "已发布版本 {version}。"),
    "submitted": ("Changeset {number} is submitted.",
           "变更集 {number} 已提交。"),
    "approved": ("Changeset {number} is approved.",
           "变更集 {number} 已批准。"),
    "rejected": ("Changeset {number} is rejected.",
           "变更集 {number} 已驳回。"),
    "gone": ("Changeset {number} is gone.",
           "变更集 {number} 已删除。"),
    "undoes": ("Changeset {draft} undoes {number}; publish it to take effect.",
           "变更集 {draft} 用于撤销 {number}，发布后生效。"),
    "up_to_date": ("Changeset {number} is up to date; {settled} features were settled.",
           "变更集 {number} 已更新至现状，合并要素 {settled} 个。"),
    "checked": ("Checked: {found} findings.",
           "检查完成，问题 {found} 个。"),
    "steps": ("Changeset {number}: who did what", "变更集 {number} 经办记录"),
    "stale": ("The copies for other agencies stay at an older version: {why} `pipemap share refresh`",
           "脱敏库未更新，仍为旧版本：{why} `pipemap share refresh`"),
}  # fmt: skip


class ChangeWords(Words):
    """Prints changes in one language."""

    texts: ClassVar[Texts] = _WORDS

    def changesets(self, found: Iterable[Changeset]) -> None:
        """A table of changesets."""
        rows = (
            (
                c.changeset_id, self.term(c.state), self.term(c.kind), c.title, c.author, c.dataset, c.version,
                self.counts(c.changes),
            )
            for c in found
        )  # fmt: skip
        columns = ("changeset", "state", "kind", "title", "author", "dataset", "version", "changes")
        self.table(self.say("changesets"), columns, rows)

    def changeset(
        self, one: Changeset, findings: Sequence[Mapping[str, Any]], waivers: Sequence[Mapping[str, Any]]
    ) -> None:
        """What a changeset is: its state, its rows, its findings and what was waived of them."""
        emit_text(f"{one.changeset_id} {one.title} · {self._state(one)} · {one.author}")
        emit_text(self.counts(one.changes) or self.say("unchanged"))
        if one.row_counts:
            names = ("rows", "loaded", "refused", "skipped")
            rows = (
                (row["file"], row["sheet"], self.class_(row["class_code"]), *(row[name] for name in names))
                for row in one.row_counts
            )
            self.table(self.say("rows"), ("file", "sheet", "class", *names), rows)
        if findings:
            counted = ((row["rule"], self.term(row["severity"]), row["count"]) for row in findings)
            self.table(self.say("findings"), ("rule", "severity", "count"), counted)
        if waivers:
            waived = ((w["rule"], w["count"], w["reason"], w["waived_by"]) for w in waivers)
            self.table(self.say("waived"), ("rule", "errors", "reason", "waived by"), waived)

    def published_before(self, one: Changeset) -> str:
        """That a changeset had been published already, and whether it still stands."""
        by = one.reverted_by_version
        text = "before" if by is None else "before_reverted"
        return self.say(text, changeset=one.changeset_id, version=one.version, by=by)

    def versions(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """A table of versions."""
        told = (
            (
                row["version"], clock(row["published_at"]), row["author"], row["message"], row["changeset_id"],
                self.counts(row["counts"]), self._notes(row),
            )
            for row in rows
        )  # fmt: skip
        columns = ("version", "published", "author", "message", "changeset", "changes", "notes")
        self.table(self.say("versions"), columns, told)

    def steps(self, changeset_id: int, steps: Iterable[Mapping[str, Any]]) -> None:
        """A table of who did what with a changeset."""
        rows = (
            (clock(one["at"]), self.code("changeset_step", one["step"]), one["actor"], self._step_notes(one["details"]))
            for one in steps
        )
        self.table(self.say("steps", number=changeset_id), ("time", "what", "actor", "notes"), rows)

    def life(self, feature_id: int, life: Sequence[Mapping[str, Any]], offset: int, limit: int) -> None:
        """A page of the life of a feature."""
        state = next(entry["state"] for entry in reversed(life) if entry["state"])
        kind, class_code = life[0]["kind"], class_of(state)
        names = (self.term(kind), class_code and self.class_(class_code), state["source_key"])
        rows = [
            (e["version"], clock(e["published_at"]), e["author"], e["message"], self.term(e["op"]), changed)
            for e, changed in zip(life, self._lived(kind, life), strict=True)
        ]
        title = " · ".join(filter(None, (self.say("feature", feature=feature_id), *names)))
        columns = ("version", "published", "author", "message", "op", "changed")
        self.table(title, columns, rows[offset : offset + limit])

    def deltas(self, title: str, deltas: Sequence[Delta], offset: int, total: int) -> None:
        """One page of changes, and which part of all of them it is."""
        rows = ((self.term(d["op"]), self.term(d["kind"]), *self._feature(d), self.changed(d)) for d in deltas)
        self.table(title, ("op", "kind", "class", "id", "key", "changed"), rows)
        if len(deltas) < total:
            emit_text(self.say("part", first=min(offset + 1, total), last=offset + len(deltas), total=total))

    def counts(self, changes: Mapping[str, Mapping[str, int]]) -> str:
        """`pipe +2 ~0 -1`: what is new, modified and deleted of each kind."""
        return " · ".join(
            f"{self.term(kind)} +{ops['insert']} ~{ops['update']} -{ops['delete']}" for kind, ops in changes.items()
        )

    def changed(self, delta: Mapping[str, Any]) -> str:
        """`material concrete → PE; moved 0.12 m`; empty unless the feature was and is there."""
        fields = delta["changed"]
        words = [
            self._field(delta["kind"], name, delta["old"][name], delta["new"][name]) for name in fields[:_SHOWN_FIELDS]
        ]
        if len(fields) > _SHOWN_FIELDS:
            words.append(self.say("more", count=len(fields) - _SHOWN_FIELDS))
        return "; ".join(words)

    def rebase(self, done: Rebase) -> None:
        """How each feature was settled, and which are left to decide."""
        settled = [(self.term(f.kind), f.feature_id, f.source_key, self._settled(f)) for f in done.features]
        left = [
            (self.term(c.kind), c.feature_id, c.source_key, ", ".join((c.reason, *map(self.attribute, c.attributes))))
            for c in done.conflicts
        ]
        for title, last, rows in (("settled", "how", settled), ("conflicts", "why", left)):
            if rows:
                self.table(self.say(title), ("kind", "id", "key", last), rows)

    def _state(self, one: Changeset) -> str:
        state = self.term(one.state) or ""
        if one.version is not None:
            state = self.say("as_version", state=state, version=one.version)
        reverted = one.reverted_by_version
        return state if reverted is None else f"{state} · {self.say('reverted', version=reverted)}"

    def _notes(self, row: Mapping[str, Any]) -> str:
        waived = ", ".join(f"{waiver['rule']} ({waiver['reason']})" for waiver in row["waivers"])
        reverted, reverts = row["reverted_by_version"], row["reverts_changeset_id"]
        notes = [
            self.say("reverted", version=reverted) if reverted else "",
            self.say("reverts", changeset=reverts) if reverts else "",
            self.say("waives", rules=waived) if waived else "",
        ]
        return "; ".join(filter(None, notes))

    def _step_notes(self, details: Mapping[str, Any]) -> str:
        version = details.get("version")
        published = self.say("as_version", state=self.term("published"), version=version) if version else None
        return "; ".join(filter(None, (details.get("title"), published, details.get("message"))))

    def _feature(self, delta: Delta) -> tuple[object, ...]:
        class_code = class_of(delta["new"] or delta["old"])
        return class_code and self.class_(class_code), delta["feature_id"], delta["source_key"]

    def _lived(self, kind: str, life: Iterable[Mapping[str, Any]]) -> list[str]:
        words, old = [], None
        for entry in life:
            words.append(self.changed({"kind": kind, "changed": entry["changed"], "old": old, "new": entry["state"]}))
            old = entry["state"]
        return words

    def _field(self, kind: str, name: str, old: Any, new: Any) -> str:
        """One field, old → new; a geometry by how far it moved."""
        if name == "geom" and old and new:
            return self._geometry(old, new)
        if name == "extra":
            old, new = old or {}, new or {}
            keys = sorted(key for key in old | new if old.get(key) != new.get(key))
            return f"{self.attribute(name)} ({', '.join(keys)})"
        return f"{self.attribute(name)} {self._value(kind, name, old)} → {self._value(kind, name, new)}"

    def _value(self, kind: str, name: str, value: Any) -> str:
        if value is None:
            return "–"
        if name.endswith("_code"):
            table = CODED[kind].get(name)
            return self.code(table, value) if table else self.term(value) or ""
        words = str(value)
        return words if len(words) <= _SHOWN_LETTERS else words[: _SHOWN_LETTERS - 1] + "…"

    def _geometry(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
        before, after = (shapely.get_coordinates(shape(geometry), include_z=True) for geometry in (old, new))
        if old["type"] != new["type"] or before.shape != after.shape:
            return self.say("redrawn")
        if not np.array_equal(np.isnan(before), np.isnan(after)):
            return self.say("z_known" if np.isnan(before).sum() > np.isnan(after).sum() else "z_unknown")
        moved_m = float(np.linalg.norm(np.nan_to_num(after - before), axis=1).max())
        return self.say("moved", by=f"{moved_m:.2f} m" if moved_m >= 0.01 else f"{moved_m * 1000:.2g} mm")

    def _settled(self, feature: Settled) -> str:
        sides = (("mine", feature.mine), ("map", feature.map))
        fields = "; ".join(
            self.say(side, fields=", ".join(map(self.attribute, names))) for side, names in sides if names
        )
        outcome = self.say(f"settled_{feature.outcome}")
        return f"{outcome}: {fields}" if fields else outcome


def class_of(state: Mapping[str, Any] | None) -> str | None:
    """The utility class of a state; None for a structure, which has none."""
    return None if state is None else state.get("class_code")


def count_of(counts: Mapping[str, Mapping[str, int]], kind: str | None, op: str | None) -> int:
    """How many changes of a kind and an op there are, None being any."""
    return sum(
        number
        for each, ops in counts.items()
        for name, number in ops.items()
        if kind in (None, each) and op in (None, name)
    )
