"""Tables that say which coordinate system their places are in: in lines about them, or row by row in a column."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
from pyproj import CRS

from importers.base import RecordTable
from importers.places.named_systems import may_say_system, system_named, system_said
from importers.proposing.vocabulary import says_system
from schemas.findings import Finding, Severity

_MOST_SYSTEMS = 12
# Coordinates in metres are larger; a table without any has places in degrees, or none.
_LEAST_METRES, _FIRST_ROWS = 10_000.0, 100
_BLANK = ""


def system_of(lines: Iterable[Sequence[Any]], rows: pd.DataFrame) -> CRS | None:
    """The one system that lines about a table name with its zone, in the form that its eastings have."""
    texts = [" ".join(str(cell) for cell in line if isinstance(cell, str)) for line in lines]
    if not any(map(may_say_system, texts)):
        return None
    first = rows.head(_FIRST_ROWS).apply(pd.to_numeric, errors="coerce").abs().median()
    metres = first[first >= _LEAST_METRES]
    return system_said(texts, {int(value // 1_000_000) for value in metres}) if len(metres) else None


def told_of_system(file: str, sheet: str, crs: CRS) -> Finding:
    """That lines about a table name its system."""
    name = f"{crs.name} (EPSG:{crs.to_epsg()})"
    return Finding(
        rule="IMP-SYSTEM",
        severity=Severity.INFO,
        message_en=f"Lines about {sheet} say that its places are in {name}; unless --crs or a profile names another "
        "system, they are read in it.",
        message_zh=f"{sheet} 的标题或说明注明坐标系为 {name}；未用 --crs 或配置文件另行指定时，按其读取。",
        file=file,
        sheet=sheet,
    )


def with_systems_apart(table: RecordTable) -> Iterator[RecordTable]:
    """A table for each coordinate system that a column of the table names, other tables as they are.

    Rows of a system that is not known are refused, as they would lie anywhere. A column of which no name says a system
    with its zone says nothing.
    """
    column = next((str(name) for name in table.rows.columns if says_system(str(name))), None)
    if column is None or table.shapes is not None:
        yield table
        return
    names = table.rows[column].map(_text)
    systems = {name: system_named(name) for name in names.unique()[: _MOST_SYSTEMS + 1]}
    if len(systems) > _MOST_SYSTEMS or not any(systems.values()):
        yield table
        return
    yield from _apart(table, column, names, systems)


def _apart(
    table: RecordTable, column: str, names: "pd.Series[str]", systems: dict[str, CRS | None]
) -> Iterator[RecordTable]:
    """The rows of each system; those that name none stay what they were, as do those of the only one."""
    unknown = {name for name, crs in systems.items() if crs is None} - {_BLANK}
    lost = names.isin(unknown)
    findings = [*table.findings, *(_refused(table, column, row, name) for row, name in names[lost].items())]
    rest = replace(table, findings=findings, refused_rows=table.refused_rows + int(lost.sum()))
    known = [name for name in systems if name not in unknown]
    for name in known:
        crs, is_other = systems[name], len(known) > 1 and systems[name] is not None
        if not is_other and crs is not None and crs.is_geographic:
            # Said of a place on the globe beside one in metres more often than of the columns X and Y.
            crs = None
        sheet = f"{table.sheet} ({name})" if is_other else table.sheet
        told = [_told(table, sheet, column, name)] if is_other else []
        yield replace(
            rest, sheet=sheet, rows=table.rows[names == name], crs=crs or table.crs, findings=[*rest.findings, *told]
        )
        rest = replace(rest, findings=[], skipped_rows=0, refused_rows=0)


def _text(cell: Any) -> str:
    if isinstance(cell, float):
        return _BLANK if cell != cell else f"{cell:.15g}"
    return _BLANK if cell is None else str(cell).strip()


def _told(table: RecordTable, sheet: str, column: str, name: str) -> Finding:
    return Finding(
        rule="IMP-SYSTEM",
        severity=Severity.INFO,
        message_en=f"Column {column} of {table.sheet} names several coordinate systems; the rows in {name} are read in "
        f"it, as {sheet}.",
        message_zh=f"{table.sheet} 的列 {column} 含多个坐标系；{name} 的行按该坐标系读取，记为 {sheet}。",
        file=table.file,
        sheet=sheet,
        column=column,
        value=name,
    )


def _refused(table: RecordTable, column: str, row: Any, name: str) -> Finding:
    return Finding(
        rule="IMP-SYSTEM",
        severity=Severity.ERROR,
        message_en=f"{name} is no coordinate system that is known by this name; deliver its rows by themselves and "
        "name the system with --crs or --crs-file.",
        message_zh=f"“{name}”不是可识别的坐标系；请将这些行单独提交，并用 --crs 或 --crs-file 指明坐标系。",
        file=table.file,
        sheet=table.sheet,
        row=int(row),
        column=column,
        value=name,
    )
