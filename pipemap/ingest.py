"""Turns a delivery into a draft changeset: exactly what it adds, changes and takes away."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any, TypeAlias

import pandas as pd
import shapely
from psycopg.sql import SQL, Composable, Identifier, Literal
from psycopg.types.json import Jsonb
from shapely.geometry.base import BaseGeometry
from sqlalchemy.dialects.postgresql import TEXT
from sqlalchemy.types import TypeEngine

from pipemap.copy_in import copy_frames
from pipemap.db import Connection, Database, fetch_all, fetch_one
from pipemap.drafts import add_changeset, add_dataset
from pipemap.findings import save_findings
from pipemap.matching import MATCH_WITHIN_M, Matching, held, keyed
from pipemap.placing import suspicions
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.statements import NODE_LINKS, columns, compose, content_names, differs
from schemas.delivery import Delivery, SourceFile
from schemas.findings import Finding, Severity
from schemas.tables import FEATURE_KINDS, attribute_names, metadata, state_names

OnProgress: TypeAlias = Callable[[str, int, int], None]

# Attributes that no delivery carries; what the map knows of them stays.
_KEPT = {"pipe_segment": ("container_id",)}
# Columns that may not be null, as they are when a delivery has no such column.
_WHEN_ABSENT = {
    "shape_code": "unknown",
    "depth_datum_code": "unknown",
    "elevation_source_code": "unknown",
    "is_critical": False,
}
_REPEATED_RULE = {"node": "R07", "pipe_segment": "R14", "consumer": "R07", "structure": "R07"}
_ANALYZE_FROM_ROWS = 10_000


def create_import(
    database: Database,
    delivery: Delivery,
    *,
    title: str,
    author: str,
    partial: bool = False,
    extent: BaseGeometry | None = None,
    match_within_m: float = MATCH_WITHIN_M,
    on_progress: OnProgress | None = None,
) -> int:
    """Write the difference between a delivery and the map as a draft changeset and return its number.

    Features match by dataset and source key, and where the number has changed by place, points and course
    (`pipemap.matching`). Those of the dataset that the delivery no longer holds become deletions: none
    when the delivery is `partial`, and only what lies wholly within `extent`, a polygon in the project CRS,
    when one is given. All of it happens in one transaction; a delivery that says what the map says already
    gives a changeset without changes.
    """
    with database.transaction() as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        staging = _Staging(connection, delivery, title, author, on_progress or _quiet)
        staging.stage()
        staging.compare(partial, extent, match_within_m)
        staging.account()
        return staging.changeset_id


class _Staging:
    """One import under way: its changeset, identities, and the findings that come up."""

    def __init__(
        self, connection: Connection, delivery: Delivery, title: str, author: str, on_progress: OnProgress
    ) -> None:
        self.connection = connection
        self.delivery = delivery
        self.on_progress = on_progress
        self.srid = read_project(connection).srid
        self.dataset_id = add_dataset(connection, delivery.dataset)
        self.file_ids = [_source_file_id(connection, file) for file in delivery.files]
        self.changeset_id = add_changeset(connection, title, "import", author, dataset_id=self.dataset_id)
        self.findings = list(delivery.findings)
        self.counts = {(c.file, c.sheet, c.class_code): replace(c) for c in delivery.counts}
        # What the delivery speaks of: columns with a value by kind, and classes.
        self.given: dict[str, set[str]] = {kind: set() for kind in FEATURE_KINDS}
        self.classes = {count.class_code for count in delivery.counts if count.rows}

    def stage(self) -> None:
        """Copy the features of every kind into a temporary table."""
        for kind in FEATURE_KINDS:
            self._create_stage(kind)
            self._copy(kind)
            self.connection.execute(SQL("ANALYZE {} (source_key)").format(_staged(kind)))
        self.findings += suspicions(self.connection, self.delivery.size("node"), self.srid)

    def compare(self, partial: bool, extent: BaseGeometry | None, match_within_m: float) -> None:
        """Write the deltas of every kind, nodes first: the others refer to them."""
        matching = Matching(self.connection, self.dataset_id, match_within_m)
        for done, kind in enumerate(FEATURE_KINDS):
            self.on_progress("compare", done, len(FEATURE_KINDS))
            self._match(kind, matching)
            if not partial:
                self._add_deletions(kind, extent)
            else:
                self._keep_undelivered(kind)
            self._add_changes(kind)
            if kind == "node":
                self._fill_node_keys()
        self.findings += matching.findings
        if not partial:
            self._warn_of_removals()
        self.on_progress("compare", len(FEATURE_KINDS), len(FEATURE_KINDS))

    def account(self) -> None:
        """Say which links led nowhere, and save findings and row counts."""
        for row in self._missing("segments_without_nodes"):
            self._refuse(row)
            self.findings.append(self._missing_node(row, "pipe_segment", Severity.ERROR))
        for row in self._missing("consumers_without_node"):
            self.findings.append(self._missing_node(row, "consumer", Severity.WARNING))
        save_findings(self.connection, self.changeset_id, "import", self.findings)
        counts = Jsonb([asdict(count) for count in self.counts.values()])
        self.connection.execute(
            queries("ingest")["set_row_counts"], {"changeset_id": self.changeset_id, "counts": counts}
        )

    def _create_stage(self, kind: str) -> None:
        keys = [SQL(", NULL::text AS {}").format(Identifier(key)) for key in NODE_LINKS[kind].values()]
        delivered = columns(_delivered(kind))
        self._run("stage", kind, staged=_staged(kind), delivered=delivered, keys=SQL("").join(keys))

    def _copy(self, kind: str) -> None:
        known = metadata.tables[f"pipemap.{kind}"].columns
        types: dict[str, TypeEngine[Any]] = {name: known[name].type for name in _delivered(kind)}
        types |= {key: TEXT() for key in NODE_LINKS[kind].values()}
        total = self.delivery.size(kind)
        copy_frames(
            self.connection,
            _staged(kind),
            (self._completed(frame, types) for frame in self._frames(kind)),
            types,
            lambda rows: self.on_progress(f"load {kind}", rows, total),
        )

    def _frames(self, kind: str) -> Iterator[pd.DataFrame]:
        """The features of a kind, each key once, while what they speak of is noted."""
        is_checked = not isinstance(self.delivery.features[kind], pd.DataFrame)
        for frame in self.delivery.chunks(kind):
            self.given[kind] |= _given(frame)
            self.classes |= set(frame["class_code"].dropna().unique()) if "class_code" in frame.columns else {kind}
            yield frame if is_checked else self._without_repeated_keys(kind, frame)

    def _completed(self, frame: pd.DataFrame, types: Iterable[str]) -> pd.DataFrame:
        """The frame with its geometries in the project CRS, its files by identity, and no forbidden null."""
        complete = frame.copy(deep=False)
        if frame["geom"].dtype == object:
            complete["geom"] = shapely.set_srid(frame["geom"].to_numpy(object), self.srid)
        if "source_file" in frame.columns:
            complete["source_file_id"] = frame["source_file"].map(dict(enumerate(self.file_ids)))
        if "extra" in frame.columns and frame["extra"].dtype == object:
            complete["extra"] = frame["extra"].where(frame["extra"].astype(bool), None)
        for name, default in _WHEN_ABSENT.items():
            if name in types:
                given = frame[name] if name in frame.columns else pd.Series(None, index=frame.index, dtype=object)
                complete[name] = given.where(given.notna(), default)
        return complete

    def _match(self, kind: str, matching: Matching) -> None:
        if kind == "pipe_segment":
            matching.match_lines(_staged(kind), SQL(queries("ingest")["linked_pipe_segment"]))
        elif kind == "structure":
            matching.prepare(kind)
        else:
            matching.match_points(kind, _staged(kind))

    def _add_deletions(self, kind: str, extent: BaseGeometry | None) -> None:
        refused = [f.feature_key for f in self.findings if f.feature_kind == kind and f.severity is Severity.ERROR]
        within: Composable = SQL("")
        if extent is not None:
            within = SQL(queries("ingest")["within_node" if kind == "node" else "within"])
        statement = compose(
            queries("ingest")["add_deletions"], kind, staged=_staged(kind), held=held(kind), within=within
        )
        area = None if extent is None else shapely.to_wkb(shapely.set_srid(extent, self.srid), include_srid=True)
        values = {"refused": [key for key in refused if key], "extent": area}
        self.connection.execute(statement, self._identities() | values)

    def _warn_of_removals(self) -> None:
        """Keep a delivery of one part, given as if it were all, from emptying the map unseen."""
        held: Counter[str] = Counter()
        removed: Counter[str] = Counter()
        for kind in FEATURE_KINDS:
            has_class = "class_code" in metadata.tables[f"pipemap.{kind}"].columns
            class_code = Identifier("c", "class_code") if has_class else Literal(kind)
            statement = compose(queries("ingest")["removed"], kind, class_code=class_code)
            for row in fetch_all(self.connection, statement, self._identities()):
                held[row["class_code"]] += row["held"]
                removed[row["class_code"]] += row["removed"]
        emptied = {name for name in held if held[name] == removed[name]} - self.classes
        if emptied or 2 * removed.total() > held.total():
            self.findings.append(_removals(held, removed))

    def _keep_undelivered(self, kind: str) -> None:
        """Let what the map knows stand where the delivery has no such column at all; `extra` is merged."""
        given, delivered = self.given[kind], _delivered(kind)
        absent = [name for name in attribute_names(kind) if name in delivered and name not in given]
        kept = [SQL("{0} = c.{0},").format(Identifier(name)) for name in absent]
        staged, keyed_staged = _staged(kind), keyed(kind, _staged(kind))
        self._run("keep_undelivered", kind, staged=staged, keyed=keyed_staged, kept=SQL(" ").join(kept))

    def _add_changes(self, kind: str) -> None:
        kept = _KEPT.get(kind, ())
        links = tuple(NODE_LINKS[kind])
        compared = [name for name in content_names(kind) if name not in kept]
        linked: Composable = SQL(queries("ingest")[f"linked_{kind}"]) if links else _staged(kind)
        self._run(
            "add_changes",
            kind,
            delivered=columns((*_delivered(kind), *links)),
            delivered_of_s=columns((*_delivered(kind), *links), "s"),
            kept=_with_comma(columns(kept), kept),
            kept_of_c=_with_comma(columns(kept, "c"), kept),
            linked=keyed(kind, linked),
            changed=differs(compared, "c", "s"),
        )

    def _run(self, name: str, kind: str, **parts: Composable) -> None:
        statement = compose(queries("ingest")[name], kind, **parts)
        takes_values = name != "stage"
        done = self.connection.execute(statement, self._identities() if takes_values else None)
        if takes_values and done.rowcount >= _ANALYZE_FROM_ROWS:
            self.connection.execute(compose("ANALYZE {delta} (changeset_id, feature_id, op)", kind))

    def _fill_node_keys(self) -> None:
        self.connection.execute(queries("ingest")["stage_node_keys"])
        self.connection.execute(queries("ingest")["fill_node_keys"], self._identities())
        self.connection.execute("ANALYZE node_key")

    def _identities(self) -> dict[str, int]:
        return {"changeset_id": self.changeset_id, "dataset_id": self.dataset_id}

    def _missing(self, name: str) -> list[dict[str, Any]]:
        return fetch_all(self.connection, queries("ingest")[name])

    def _without_repeated_keys(self, kind: str, frame: pd.DataFrame) -> pd.DataFrame:
        repeated = frame["source_key"].duplicated()
        if not repeated.any():
            return frame
        for cells in frame[repeated].to_dict("records"):
            row = {str(name): cell for name, cell in cells.items()}
            row["source_file_id"] = self.file_ids[row["source_file"]] if "source_file" in row else None
            self._refuse(row)
            self.findings.append(_repeated_key(kind, row["source_key"], self._place(row)))
        return frame[~repeated]

    def _refuse(self, row: dict[str, Any]) -> None:
        place = self._place(row)
        count = self.counts.get((place["file"] or "", place["sheet"] or "", row.get("class_code") or ""))
        if count is not None:
            count.loaded -= 1
            count.refused += 1

    def _place(self, row: dict[str, Any]) -> dict[str, Any]:
        file_id = row.get("source_file_id")
        file = None if file_id is None else self.delivery.files[self.file_ids.index(file_id)].name
        return {"file": file, "sheet": row.get("source_sheet"), "row": row.get("source_row")}

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
            **self._place(row),
        )


def _given(frame: pd.DataFrame) -> set[str]:
    """Columns in which some row has a value; a default that stands for unknown is none."""
    return {
        str(name)
        for name, column in frame.items()
        if (column.notna() & (column != _WHEN_ABSENT[name]) if name in _WHEN_ABSENT else column.notna()).any()
    }


def _delivered(kind: str) -> tuple[str, ...]:
    """State columns whose value comes with the delivery."""
    missing = {"feature_id", "dataset_id", *NODE_LINKS[kind], *_KEPT.get(kind, ())}
    return tuple(name for name in state_names(kind) if name not in missing)


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


def _source_file_id(connection: Connection, file: SourceFile) -> int:
    connection.execute(queries("ingest")["add_source_file"], asdict(file))
    row = fetch_one(connection, queries("ingest")["source_file_id"], asdict(file))
    assert row is not None
    return int(row["source_file_id"])


def _quiet(_stage: str, _done: int, _total: int) -> None:
    pass
