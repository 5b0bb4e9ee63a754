"""The report as GeoPackage, CSV and JSON: every finding, none left out."""

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Any

import geopandas as gpd
import orjson
import pandas as pd
import pyogrio
import shapely

from pipemap.formulas import begins_formula
from pipemap.report.contents import Report
from schemas.findings import Finding

FIELDS = ("finding_id", "origin", *Finding.model_fields)


def report_document(report: Report, limit: int | None = None, offset: int = 0) -> dict[str, Any]:
    """The report as one JSON document; `limit` and `offset` page through the findings."""
    shown = report.findings[offset : None if limit is None else offset + limit]
    return {
        "changeset": asdict(report.changeset),
        "unchanged": report.unchanged,
        "changed_attributes": report.changed,
        "rows": report.row_account,
        "row_totals": report.row_totals,
        "quality": report.quality.document(),
        "counts": report.counts,
        "groups": report.groups,
        "by_severity": report.by_severity,
        "finding_count": len(report.findings),
        "findings": shown,
    }


def write_json(report: Report, path: Path) -> None:
    """Write the whole report as one JSON document."""
    path.write_bytes(orjson.dumps(report_document(report), default=str, option=orjson.OPT_INDENT_2))


def write_csv(report: Report, path: Path) -> None:
    """Write every finding as a row, in UTF-8 with the mark that makes Excel read it as such."""
    with path.open("w", newline="", encoding="utf-8-sig") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        for found in report.findings:
            writer.writerow([_cell(name, found[name]) for name in FIELDS])


def _cell(name: str, value: Any) -> Any:
    if name == "details":
        return orjson.dumps(value).decode()
    if begins_formula(value):
        return "'" + value
    return value


def write_geopackage(report: Report, path: Path) -> None:
    """Write the layers `findings` (points, all of them), `segments` and `nodes` (what the changeset touches).

    Beside them stand the tables `row_account`, `quality_lengths`, `quality_completeness` and `quality_grade`.
    """
    path.unlink(missing_ok=True)
    found = pd.DataFrame(report.findings, columns=list(FIELDS))
    found["details"] = [orjson.dumps(each).decode() for each in found["details"]]
    numbers = {"feature_id": "Int64", "row": "Int64", "x_m": "float64", "y_m": "float64"}
    known = found["x_m"].notna() & found["y_m"].notna()
    points = shapely.points(found[["x_m", "y_m"]].to_numpy("float64"))
    places = pd.Series(points, index=found.index, dtype=object).where(known, None)
    _write_layer(report, path, "findings", found.astype(numbers), places, "Point")
    for layer, frame in (("segments", report.segments), ("nodes", report.nodes)):
        _write_layer(report, path, layer, frame.drop(columns="geom"), frame["geom"], "Unknown")
    for name, rows in _tables(report).items():
        if rows:
            pyogrio.write_dataframe(pd.json_normalize(rows, sep="_"), path, layer=name, driver="GPKG")


def _tables(report: Report) -> dict[str, list[dict[str, Any]]]:
    quality = report.quality.document()
    return {
        "row_account": report.row_account,
        "quality_lengths": quality["lengths"],
        "quality_completeness": quality["completeness"],
        "quality_grade": [*quality["grade_lines"], {"name": "score", "deduction": quality["score"]}],
    }


def _write_layer(
    report: Report, path: Path, layer: str, rows: pd.DataFrame, geometry: "pd.Series[Any]", kind: str
) -> None:
    frame = gpd.GeoDataFrame(rows, geometry=gpd.GeoSeries(geometry, index=rows.index, crs=report.srid))
    frame.to_file(path, layer=layer, driver="GPKG", engine="pyogrio", geometry_type=kind)
