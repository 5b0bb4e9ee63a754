"""Quantities of segments, counted by the database in one pass a version and folded into groups here."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any, get_args

import shapely
from psycopg.sql import SQL, Composable, Composed, Identifier

from pipemap.db import Connection, fetch_all
from pipemap.errors import UsageError
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.versions import current_version, relation, resolve_version
from schemas.codetables import code_table, codes_where
from schemas.statistics import Dimension, District, Quantities, Statistics

DIMENSIONS: tuple[str, ...] = get_args(Dimension)
_UNKNOWN = "unknown"
_MOST_DIMENSIONS = 3
_Row = dict[str, Any]


def statistics(
    connection: Connection,
    by: Sequence[str] = ("class_code",),
    *,
    versions: Sequence[int] = (),
    class_codes: Sequence[str] = (),
    districts: Sequence[District] = (),
    with_out_of_use: bool = False,
    today: date | None = None,
) -> Statistics:
    """Quantities of segments by one to three dimensions, longest first.

    Segments out of use are left out unless asked for. With districts only what lies in them counts, cut at their
    borders; a segment that meets two counts as a segment of both. Ages are those of `today`. Raises UsageError for an
    unknown dimension or class or an outline that is no polygon, NotFoundError for a version that is not there.
    """
    _check(by, class_codes, districts)
    numbers = [current_version(connection)] if not versions else list(dict.fromkeys(versions))
    asked = _Asked(connection, by, class_codes, districts, with_out_of_use, today or datetime.now(UTC).date())
    rows = [row | {"version": number} for number in numbers for row in asked.rows(number)]
    groups = _grouped(rows, by)
    return Statistics(
        versions=numbers,
        by=list(by),
        groups=sorted(groups, key=lambda group: (-group.length_m, str(group.group))),
        total=_grouped(rows, ("version",)),
    )


class _Asked:
    """One question, to be put to several versions."""

    def __init__(
        self,
        connection: Connection,
        by: Sequence[str],
        class_codes: Sequence[str],
        districts: Sequence[District],
        with_out_of_use: bool,
        today: date,
    ) -> None:
        self._connection = connection
        self._own = [name for name in by if name not in ("version", "decade")]
        self._with_out_of_use, self._in_districts = with_out_of_use, bool(districts)
        self._values: dict[str, Any] = {
            "today": today,
            "class_codes": list(class_codes),
            "active": list(codes_where("lifecycle", "is_active", "1")),
            "names": [district.name for district in districts],
            "outlines": [shapely.to_wkb(shapely.from_wkt(district.outline_wkt)) for district in districts],
            "srid": read_project(connection).srid,
        }

    def rows(self, version: int) -> list[_Row]:
        """Counts by dimension, material, decade and band of one version."""
        return fetch_all(self._connection, self._statement(resolve_version(self._connection, version)), self._values)

    def _statement(self, version: int | None) -> Composed:
        conditions = [SQL("true")]
        if self._values["class_codes"]:
            conditions.append(SQL("f.class_code = ANY(%(class_codes)s)"))
        if not self._with_out_of_use:
            conditions.append(SQL("(f.lifecycle_code IS NULL OR f.lifecycle_code = ANY(%(active)s))"))
        parts = SQL(queries("statistics")["in_districts" if self._in_districts else "whole"]).format(
            segments=relation("pipe_segment", version), conditions=SQL(" AND ").join(conditions)
        )
        columns: list[Composable] = [Identifier("s", name) for name in self._own] or [SQL("NULL::text")]
        return SQL(queries("statistics")["quantities"]).format(
            dimensions=SQL(", ").join(columns), parts=parts, nodes=relation("node", version)
        )


def _grouped(rows: Iterable[_Row], by: Sequence[str]) -> list[Quantities]:
    groups: dict[tuple[Any, ...], list[_Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in by), []).append(row)
    return [_folded(dict(zip(by, values, strict=True)), of_group) for values, of_group in groups.items()]


def _folded(group: dict[str, Any], rows: Sequence[_Row]) -> Quantities:
    def total(name: str) -> float:
        return float(sum(row[name] or 0.0 for row in rows))

    least = [row["least_cover_m"] for row in rows if row["least_cover_m"] is not None]
    greatest = [row["greatest_cover_m"] for row in rows if row["greatest_cover_m"] is not None]
    return Quantities(
        group=group,
        segments=sum(row["segments"] for row in rows),
        length_m=total("length_m"),
        mean_age_years=total("age_sum") / total("aged_m") if total("aged_m") else None,
        mean_cover_m=total("cover_sum") / total("covered_m") if total("covered_m") else None,
        least_cover_m=min(least, default=None),
        greatest_cover_m=max(greatest, default=None),
        length_m_by_decade=_lengths(rows, "decade"),
        length_m_by_material=_lengths(rows, "material"),
        length_m_by_depth=_lengths(rows, "band"),
    )


def _lengths(rows: Sequence[_Row], name: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        value = row[name] or _UNKNOWN
        found[value] = found.get(value, 0.0) + float(row["length_m"] or 0.0)
    # What is not known stands last.
    return dict(sorted(found.items(), key=lambda one: (one[0] == _UNKNOWN, one[0])))


def _check(by: Sequence[str], class_codes: Sequence[str], districts: Sequence[District]) -> None:
    strange = [name for name in by if name not in DIMENSIONS]
    if strange or not 0 < len(set(by)) == len(by) <= _MOST_DIMENSIONS:
        raise UsageError(f"Count by one to three different ones of {', '.join(DIMENSIONS)}; not by {', '.join(by)}.")
    unknown = [code for code in class_codes if code not in code_table("utility_class")]
    if unknown:
        raise UsageError(f"{', '.join(unknown)} is no utility class.")
    if "district" in by and not districts:
        raise UsageError("Counting by district needs the districts: name and outline of each.")
    for district in districts:
        _check_outline(district)


def _check_outline(district: District) -> None:
    try:
        outline = shapely.from_wkt(district.outline_wkt)
    except shapely.errors.ShapelyError as error:
        raise UsageError(f"The outline of district {district.name} is not WKT.") from error
    if outline is None or outline.geom_type not in ("Polygon", "MultiPolygon") or not outline.is_valid:
        raise UsageError(f"The outline of district {district.name} is no valid polygon.")
