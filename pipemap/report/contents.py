"""What a report holds: the changeset, its row account, its findings and the features they are about."""

from dataclasses import dataclass
from typing import Any, LiteralString

import pandas as pd
import shapely

from pipemap.changesets import Changeset, get_changeset
from pipemap.db import Connection, fetch_all
from pipemap.findings import list_findings
from pipemap.projects import read_project
from pipemap.sql import queries

_ALL = 2_000_000_000
_TALLY = ("rows", "loaded", "refused", "skipped")


@dataclass(frozen=True)
class Report:
    """One changeset as it stands; `segments` and `nodes` have feature_id, source_key, class_code, change, geom."""

    project: str
    srid: int
    changeset: Changeset
    findings: list[dict[str, Any]]
    segments: pd.DataFrame
    nodes: pd.DataFrame

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
        if not self.findings:
            return []
        counted = pd.DataFrame(self.findings, columns=["severity", "rule"]).value_counts().reset_index(name="count")
        order = {"error": 0, "warning": 1, "info": 2}
        counted = counted.assign(rank=counted["severity"].map(order)).sort_values(["rank", "rule"])
        listed: list[dict[str, Any]] = counted[["rule", "severity", "count"]].to_dict("records")  # type: ignore[assignment]
        return listed

    @property
    def by_severity(self) -> dict[str, int]:
        """How many errors, warnings and notes there are."""
        totals = dict.fromkeys(("error", "warning", "info"), 0)
        for line in self.counts:
            totals[line["severity"]] += line["count"]
        return totals


def gather_report(connection: Connection, changeset_id: int) -> Report:
    """Everything the report of a changeset needs; NotFoundError when there is none of that number."""
    changeset = get_changeset(connection, changeset_id)
    project = read_project(connection)
    return Report(
        project=project.name,
        srid=project.srid,
        changeset=changeset,
        findings=[dict(row) for row in list_findings(connection, changeset_id, limit=_ALL)],
        segments=_features(connection, queries("report")["touched_segments"], changeset_id),
        nodes=_features(connection, queries("report")["touched_nodes"], changeset_id),
    )


def _features(connection: Connection, query: LiteralString, changeset_id: int) -> pd.DataFrame:
    rows = fetch_all(connection, query, {"changeset_id": changeset_id})
    frame = pd.DataFrame(rows, columns=["feature_id", "source_key", "class_code", "change", "geom"])
    return frame.assign(geom=shapely.from_wkb(frame["geom"].to_numpy(object)))
