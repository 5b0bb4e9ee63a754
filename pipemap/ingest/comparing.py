"""A delivery against what the map holds of its dataset: staged, matched by key, written as differences."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pandas as pd
import shapely
from psycopg.sql import SQL, Composable, Identifier, Literal
from shapely.geometry.base import BaseGeometry

from pipemap.db import fetch_all
from pipemap.ingest.draft import KEPT, WHEN_ABSENT, Draft, delivered_names
from pipemap.ingest.emptying import emptied_values
from pipemap.matching import Matching, held, keyed
from pipemap.placing import suspicions
from pipemap.sql import queries
from pipemap.statements import NODE_LINKS, columns, compose, content_names, differs
from schemas.findings import Finding, Severity
from schemas.tables import FEATURE_KINDS, attribute_names, metadata

_REPEATED_RULE = {"node": "R07", "pipe_segment": "R14", "consumer": "R07", "structure": "R07"}


class Comparison:
    """Writes the differences of one delivery."""

    def __init__(self, draft: Draft) -> None:
        self.draft, self.connection, self.delivery = draft, draft.connection, draft.delivery
        # What the delivery speaks of: columns with a value by kind, and classes.
        self.given: dict[str, set[str]] = {kind: set() for kind in FEATURE_KINDS}
        self.classes = {count.class_code for count in self.delivery.counts if count.rows}

    def write(self, partial: bool, extent: BaseGeometry | None, match_within_m: float) -> None:
        """Write deltas, and findings about what leads nowhere or takes much away."""
        self._stage()
        self._compare(partial, extent, match_within_m)
        self._report_missing()

    def _stage(self) -> None:
        """Copy the features of every kind into a temporary table."""
        for kind in FEATURE_KINDS:
            self._create_stage(kind)
            self.draft.copy(kind, _staged(kind), self._frames(kind))
            self.connection.execute(SQL("ANALYZE {} (source_key)").format(_staged(kind)))
        self.draft.findings += suspicions(self.connection, self.delivery.size("node"), self.draft.srid)

    def _compare(self, partial: bool, extent: BaseGeometry | None, match_within_m: float) -> None:
        """Write the deltas of every kind, nodes first: the others refer to them."""
        matching = Matching(self.connection, self.draft.dataset_id, match_within_m)
        for done, kind in enumerate(FEATURE_KINDS):
            self.draft.on_progress("compare", done, len(FEATURE_KINDS))
            self._match(kind, matching)
            if not partial:
                self._add_deletions(kind, extent)
            else:
                self._keep_undelivered(kind)
            self._add_changes(kind)
            if not partial:
                self.draft.findings += emptied_values(self.connection, self.draft.changeset_id, kind, self.given[kind])
            if kind == "node":
                self._fill_node_keys()
        self.draft.findings += matching.findings
        if not partial:
            self._warn_of_removals()
        self.draft.on_progress("compare", len(FEATURE_KINDS), len(FEATURE_KINDS))

    def _report_missing(self) -> None:
        """Say which links lead nowhere; a line that does is not loaded."""
        for row in self._missing("segments_without_nodes"):
            self.draft.refuse(row)
            self.draft.findings.append(self._missing_node(row, "pipe_segment", Severity.ERROR))
        for row in self._missing("consumers_without_node"):
            self.draft.findings.append(self._missing_node(row, "consumer", Severity.WARNING))

    def _create_stage(self, kind: str) -> None:
        keys = [SQL(", NULL::text AS {}").format(Identifier(key)) for key in NODE_LINKS[kind].values()]
        delivered = columns(delivered_names(kind))
        self._run("stage", kind, staged=_staged(kind), delivered=delivered, keys=SQL("").join(keys))

    def _frames(self, kind: str) -> Iterator[pd.DataFrame]:
        """The features of a kind, each key once, while what they speak of is noted."""
        is_checked = not isinstance(self.delivery.features[kind], pd.DataFrame)
        for frame in self.delivery.chunks(kind):
            self.given[kind] |= _given(frame)
            self.classes |= set(frame["class_code"].dropna().unique()) if "class_code" in frame.columns else {kind}
            yield frame if is_checked else self._without_repeated_keys(kind, frame)

    def _match(self, kind: str, matching: Matching) -> None:
        if kind == "pipe_segment":
            matching.match_lines(_staged(kind), SQL(queries("ingest")["linked_pipe_segment"]))
        elif kind == "structure":
            matching.match_structures(_staged(kind))
        else:
            matching.match_points(kind, _staged(kind))

    def _add_deletions(self, kind: str, extent: BaseGeometry | None) -> None:
        refused = [
            f.feature_key for f in self.draft.findings if f.feature_kind == kind and f.severity is Severity.ERROR
        ]
        within: Composable = SQL("")
        if extent is not None:
            within = SQL(queries("ingest")["within_node" if kind == "node" else "within"])
        statement = compose(
            queries("ingest")["add_deletions"], kind, staged=_staged(kind), held=held(kind), within=within
        )
        area = None if extent is None else shapely.to_wkb(shapely.set_srid(extent, self.draft.srid), include_srid=True)
        values = {"refused": [key for key in refused if key], "extent": area}
        self.connection.execute(statement, self.draft.identities | values)

    def _warn_of_removals(self) -> None:
        """Keep a delivery of one part, given as if it were all, from emptying the map unseen."""
        held: Counter[str] = Counter()
        removed: Counter[str] = Counter()
        for kind in FEATURE_KINDS:
            has_class = "class_code" in metadata.tables[f"pipemap.{kind}"].columns
            class_code = Identifier("c", "class_code") if has_class else Literal(kind)
            statement = compose(queries("ingest")["removed"], kind, class_code=class_code)
            for row in fetch_all(self.connection, statement, self.draft.identities):
                held[row["class_code"]] += row["held"]
                removed[row["class_code"]] += row["removed"]
        emptied = {name for name in held if held[name] == removed[name]} - self.classes
        if emptied or 2 * removed.total() > held.total():
            self.draft.findings.append(_removals(held, removed))

    def _keep_undelivered(self, kind: str) -> None:
        """Let what the map knows stand where the delivery has no such column at all; `extra` is merged."""
        given, delivered = self.given[kind], delivered_names(kind)
        absent = [name for name in attribute_names(kind) if name in delivered and name not in given]
        kept = [SQL("{0} = c.{0},").format(Identifier(name)) for name in absent]
        staged, keyed_staged = _staged(kind), keyed(kind, _staged(kind))
        self._run("keep_undelivered", kind, staged=staged, keyed=keyed_staged, kept=SQL(" ").join(kept))

    def _add_changes(self, kind: str) -> None:
        kept = KEPT.get(kind, ())
        links = tuple(NODE_LINKS[kind])
        compared = [name for name in content_names(kind) if name not in kept]
        linked: Composable = SQL(queries("ingest")[f"linked_{kind}"]) if links else _staged(kind)
        self._run(
            "add_changes",
            kind,
            delivered=columns((*delivered_names(kind), *links)),
            delivered_of_s=columns((*delivered_names(kind), *links), "s"),
            kept=_with_comma(columns(kept), kept),
            kept_of_c=_with_comma(columns(kept, "c"), kept),
            linked=keyed(kind, linked),
            changed=differs(compared, "c", "s"),
        )

    def _run(self, name: str, kind: str, **parts: Composable) -> None:
        statement = compose(queries("ingest")[name], kind, **parts)
        takes_values = name != "stage"
        done = self.connection.execute(statement, self.draft.identities if takes_values else None)
        if takes_values:
            self.draft.analyze(kind, done.rowcount)

    def _fill_node_keys(self) -> None:
        self.connection.execute(queries("ingest")["stage_node_keys"])
        self.connection.execute(queries("ingest")["fill_node_keys"], self.draft.identities)
        self.connection.execute("ANALYZE node_key")

    def _missing(self, name: str) -> list[dict[str, Any]]:
        return fetch_all(self.connection, queries("ingest")[name])

    def _without_repeated_keys(self, kind: str, frame: pd.DataFrame) -> pd.DataFrame:
        repeated = frame["source_key"].duplicated()
        if not repeated.any():
            return frame
        for cells in frame[repeated].to_dict("records"):
            row = {str(name): cell for name, cell in cells.items()}
            row["source_file_id"] = self.draft.file_ids[row["source_file"]] if "source_file" in row else None
            self.draft.refuse(row)
            self.draft.findings.append(_repeated_key(kind, row["source_key"], self.draft.place(row)))
        return frame[~repeated]

    def _missing_node(self, row: dict[str, Any], kind: str, severity: Severity) -> Finding:
        key, missing = row["source_key"], row["missing_key"]
        return Finding(
            rule="R20",
            severity=severity,
            message_en=f"{key} refers to point {missing}, which this dataset does not hold.",
            message_zh=f"{key} 引用的管点 {missing} 在本数据集中不存在。",
            feature_kind=kind,
            feature_key=key,
            value=missing,
            x_m=row["x_m"],
            y_m=row["y_m"],
            **self.draft.place(row),
        )


def _given(frame: pd.DataFrame) -> set[str]:
    """Columns in which some row has a value; a default that stands for unknown is none."""
    return {
        str(name)
        for name, column in frame.items()
        if (column.notna() & (column != WHEN_ABSENT[name]) if name in WHEN_ABSENT else column.notna()).any()
    }


def _staged(kind: str) -> Identifier:
    return Identifier(f"staged_{kind}")


def _with_comma(listed: Composable, names: tuple[str, ...]) -> Composable:
    return listed + SQL(",") if names else SQL("")


def _repeated_key(kind: str, key: str, place: dict[str, Any]) -> Finding:
    return Finding(
        rule=_REPEATED_RULE[kind],
        severity=Severity.ERROR,
        message_en=f"The key {key} stands more than once in the delivery; only its first row is loaded.",
        message_zh=f"编号 {key} 在成果中重复出现，仅载入第一行。",
        feature_kind=kind,
        feature_key=key,
        **place,
    )


def _removals(held: Counter[str], removed: Counter[str]) -> Finding:
    listed = ", ".join(f"{name} {removed[name]}/{held[name]}" for name in sorted(+removed))
    return Finding(
        rule="IMP-REMOVES",
        severity=Severity.ERROR,
        message_en=f"This delivery would delete {removed.total()} of the {held.total()} features of its dataset "
        f"({listed}). If it holds a part only, discard this changeset and import it with --partial.",
        message_zh=f"本成果将删除该数据集 {held.total()} 个要素中的 {removed.total()} 个（{listed}）。"
        "若仅为部分成果，请丢弃本变更集，并以 --partial 重新导入。",
        value=str(removed.total()),
        details={"held": dict(held), "removed": dict(+removed)},
    )
