"""Points that a surveyor's program (CASS, 南方) writes beside its drawing: number, code, easting, northing, height."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import shapely

from importers.base import RecordTable
from importers.refusing import refusal
from schemas.findings import Finding, Severity

SUFFIX = ".dat"
_HEAD_BYTES = 4096
_NUMBER = r"\s*(-?\d+(?:\.\d+)?)\s*"
_POINT = re.compile(rf"^\s*([^,]*),([^,]*),{_NUMBER},{_NUMBER},{_NUMBER}$")
# JS12: the class and the number of a point of a network; codes of the map's legend are digits, or one of few words.
_KEY = re.compile(r"^[A-Za-z]{1,4}[-_]?\d{1,6}$")
_MOSTLY = 0.8


def is_point_file(path: Path) -> bool:
    """Whether a file is called .dat and its first line that is not blank is a point, behind at most one count."""
    if path.suffix.lower() != SUFFIX or not path.is_file():
        return False
    with path.open("rb") as file:
        lines = [line for line in file.read(_HEAD_BYTES).decode("gb18030", "replace").splitlines() if line.strip()]
    begin = lines[1:] if lines and lines[0].strip().isdigit() else lines
    return bool(begin) and _POINT.match(begin[0]) is not None


def points_of(path: Path, delivered: Sequence[str] = ()) -> Iterator[RecordTable]:
    """The points: those of a network where most codes, or numbers without codes, are numbers of points like JS12.

    Else they are heights of the ground.

    Beside a drawing, which has the points itself, they are heights.

    Raises
    ------
    SourceError
        When no line is a point.
    """
    found: dict[int, tuple[str, str, float, float, float]] = {}
    bad: list[int] = []
    text = path.read_bytes().decode("gb18030", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        match = _POINT.match(line)
        if match is not None:
            found[number] = (match[1].strip(), match[2].strip(), float(match[3]), float(match[4]), float(match[5]))
        elif line.strip() and not (number == 1 and line.strip().isdigit()):
            bad.append(number)
    if not found:
        raise refusal(path, "holds no points (number,code,easting,northing,height)", "中没有点（点号,编码,Y,X,H）")
    has_drawing = any(name.lower().endswith((".dxf", ".dwg")) for name in delivered)
    yield _table(path, found, bad, are_heights=has_drawing)


def _table(
    path: Path, found: dict[int, tuple[str, str, float, float, float]], bad: list[int], *, are_heights: bool
) -> RecordTable:
    numbers, codes, easting, northing, height = (list(column) for column in zip(*found.values(), strict=True))
    are_codes = are_heights or len(set(codes)) < len(codes)
    # Without any code it is the numbers that name points of a network, or count spots.
    named = numbers if not any(codes) and not are_heights else codes
    are_keys = (named is numbers or not are_codes) and np.mean([bool(_KEY.match(name)) for name in named]) >= _MOSTLY
    rows = pd.DataFrame(
        {"point": numbers, "code_written": codes, "ground_elevation_m": height}, index=pd.Index(list(found))
    )
    if are_keys:
        rows["key"] = named
    findings = [
        Finding(
            rule="IMP-RECORD",
            severity=Severity.ERROR,
            message_en="The line is no point (number,code,easting,northing,height).",
            message_zh="该行不是点（点号,编码,Y,X,H）。",
            file=path.name,
            sheet=path.stem,
            row=row,
        )
        for row in bad
    ]
    shapes = shapely.points(np.array([easting, northing]).T)
    return RecordTable(
        path.name, path.stem, rows, shapes, role="node" if are_keys else "ground", refused_rows=len(bad),
        findings=findings,
    )  # fmt: skip
