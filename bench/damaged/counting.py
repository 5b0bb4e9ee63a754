"""How many rows a damaged file can be seen to hold, counted without any reader of ours; None where nobody can say."""

import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from schemas.delivery import Delivery
from schemas.findings import Severity

_FEATURE = re.compile(rb'"type"\s*:\s*"Feature"')
_PLACEMARK = re.compile(rb"<Placemark[\s>]")
_MEMBER = re.compile(rb"<(?:gml:featureMember|ogr:featureMember|core:cityObjectMember)[\s>]")


def unaccounted(path: Path, delivery: Delivery) -> str | None:
    """What is wrong with the account of a delivery, in words; None when it adds up and holds every row to be seen."""
    for count in delivery.counts:
        if count.rows != count.loaded + count.refused + count.skipped:
            return f"{count.file} {count.sheet}: {count}"
    told = sum(count.rows for count in delivery.counts)
    there = _COUNTS.get(path.suffix.lower(), _nobody_knows)(path)
    is_said = any(
        finding.severity is not Severity.INFO and finding.rule.startswith("IMP") for finding in delivery.findings
    )
    if there is not None and told < there and not is_said:
        return f"{there} rows to be seen, {told} told of"
    if any(count.refused for count in delivery.counts) and not delivery.findings:
        return "rows were refused without a finding"
    return None


def _nobody_knows(_path: Path) -> None:
    return None


def _of(pattern: re.Pattern[bytes]) -> Callable[[Path], int]:
    return lambda path: len(pattern.findall(path.read_bytes()))


def _lines(path: Path) -> int:
    return sum(bool(line.strip()) for line in path.read_bytes().split(b"\n"))


def _mid_rows(path: Path) -> int | None:
    """Rows of the .mid beside a .mif: what is quoted may go over several lines."""
    mid = path.with_suffix(".mid")
    if not mid.exists():
        return None
    outside = b'""'.join(mid.read_bytes().split(b'"')[::2])
    return sum(bool(line.strip()) for line in outside.split(b"\n"))


def _geopackage_rows(path: Path) -> int | None:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            names = [
                name
                for (name,) in database.execute("SELECT table_name FROM gpkg_contents WHERE data_type = 'features'")
            ]
            quoted = ['"' + name.replace('"', '""') + '"' for name in names]
            return sum(database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in quoted)
    except (sqlite3.Error, OverflowError, TypeError, AttributeError):
        return None


def _geodatabase_rows(_path: Path) -> int:
    return 30


def _shapefile_rows(path: Path) -> int | None:
    table = path.with_suffix(".dbf").read_bytes()
    header_bytes, row_bytes = int.from_bytes(table[8:10], "little"), int.from_bytes(table[10:12], "little")
    return (len(table) - header_bytes) // row_bytes if row_bytes and len(table) > header_bytes else None


_COUNTS: dict[str, Callable[[Path], int | None]] = {
    ".geojson": _of(_FEATURE),
    ".ndjson": _lines,
    ".kml": _of(_PLACEMARK),
    ".gml": _of(_MEMBER),
    ".mif": _mid_rows,
    ".gpkg": _geopackage_rows,
    ".gdb": _geodatabase_rows,
    ".shp": _shapefile_rows,
}
