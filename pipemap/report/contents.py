"""What a report holds: the changeset, its row account, its quality, its findings and the features they are about."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, LiteralString

import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from pipemap.changesets import Changeset, count_unchanged, get_changeset
from pipemap.db import Connection, fetch_all
from pipemap.findings import list_findings
from pipemap.map_picture import pipes_within, without_strays
from pipemap.projects import read_project
from pipemap.report.changed_attributes import changed_attributes
from pipemap.report.quality import Quality, measure
from pipemap.sql import queries

_ALL = 2_000_000_000
_TALLY = ("rows", "loaded", "refused", "skipped")
_RANK = {"error": 0, "warning": 1, "info": 2}
_GROUPED = ("severity", "rule", "file", "sheet", "class_code")


@dataclass(frozen=True)
class Report:
    """One changeset as it stands; `segments` and `nodes` have feature_id, source_key, class_code, change, geom.

    `around` are the plan axes of today's pipes where the changeset lies. `unchanged` and `changed` tell of an open
    changeset how many features of its dataset it leaves alone and, by kind and attribute, of how many it changes what.
    """

    project: str
    srid: int
    changeset: Changeset
    findings: list[dict[str, Any]]
    segments: pd.DataFrame
    nodes: pd.DataFrame
    around: list[BaseGeometry]
    quality: Quality
    unchanged: dict[str, int]
    changed: dict[str, dict[str, int]]

    @property
    def row_account(self) -> list[dict[str, Any]]:
        """One line per sheet and class, and whether loaded + refused + skipped is the number of rows."""
        return [
            {**line, "adds_up": line["loaded"] + line["refused"] + line["skipped"] == line["rows"]}
            for line in self.changeset.row_counts
        ]

    @property
    def row_totals(self) -> dict[str, int]:
        """The row account summed over sheets and classes."""
        return {name: sum(line[name] for line in self.changeset.row_counts) for name in _TALLY}

    @property
    def counts(self) -> list[dict[str, Any]]:
        """How many findings each rule and severity has; errors first."""
        tally = Counter((found["severity"], found["rule"]) for found in self.findings)
        ranked = sorted(tally.items(), key=lambda line: (_RANK[line[0][0]], line[0][1]))
        return [{"rule": rule, "severity": severity, "count": count} for (severity, rule), count in ranked]

    @property
    def groups(self) -> list[dict[str, Any]]:
        """How many findings each rule has in each sheet and class; errors first, then the many."""
        tally = Counter(tuple(found[name] for name in _GROUPED) for found in self.findings)
        ranked = sorted(tally.items(), key=lambda line: (_RANK[line[0][0]], line[0][1], -line[1]))
        return [dict(zip(_GROUPED, key, strict=True)) | {"count": count} for key, count in ranked]

    @property
    def by_severity(self) -> dict[str, int]:
        """How many errors, warnings and notes there are."""
        return _by_severity(self.findings)


def gather_report(
    connection: Connection, changeset_id: int, weights: Mapping[str, Mapping[str, float]] | None = None
) -> Report:
    """Everything the report of a changeset needs; `weights` are a city's own for the grade.

    Raises
    ------
    NotFoundError
        When there is no changeset of that number.
    """
    changeset = get_changeset(connection, changeset_id)
    project = read_project(connection)
    findings = [dict(row) for row in list_findings(connection, changeset_id, limit=_ALL)]
    found = _by_severity(findings)
    segments = _features(connection, queries("report")["touched_segments"], changeset_id)
    return Report(
        project=project.name,
        srid=project.srid,
        changeset=changeset,
        findings=findings,
        segments=segments,
        nodes=_features(connection, queries("report")["touched_nodes"], changeset_id),
        around=_around(connection, segments),
        unchanged={} if changeset.version is not None else count_unchanged(connection, changeset),
        changed=changed_attributes(connection, changeset),
        quality=measure(connection, changeset, found["error"], found["warning"], weights),
    )


def _by_severity(findings: list[dict[str, Any]]) -> dict[str, int]:
    return dict.fromkeys(_RANK, 0) | Counter(found["severity"] for found in findings)


def _features(connection: Connection, query: LiteralString, changeset_id: int) -> pd.DataFrame:
    rows = fetch_all(connection, query, {"changeset_id": changeset_id})
    frame = pd.DataFrame(rows, columns=["feature_id", "source_key", "class_code", "change", "geom"])
    return frame.assign(geom=shapely.from_wkb(frame["geom"].to_numpy(object)))


def _around(connection: Connection, segments: pd.DataFrame) -> list[BaseGeometry]:
    places = without_strays(shapely.get_coordinates(segments["geom"].to_numpy()))
    if not len(places):
        return []
    box = [*places.min(axis=0).tolist(), *places.max(axis=0).tolist()]
    return [pipe["axis"] for pipe in pipes_within(connection, box)]
