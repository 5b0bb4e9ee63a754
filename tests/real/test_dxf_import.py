"""A real survey drawing: every entity accounted for, its rows those of the survey's own tables."""

import csv
from collections import Counter
from pathlib import Path

import ezdxf
import pytest

from importers.dxf import DxfReader
from pipemap.errors import SourceError

CLASSES = ("J", "W", "Y")


def column(path: Path, *names: str) -> list[tuple[str, ...]]:
    with path.open(encoding="utf-8", newline="") as file:
        return [tuple(row[name] for name in names) for row in csv.DictReader(file)]


def test_points_and_lines_are_those_of_the_tables(shared_data: Path) -> None:
    folder = shared_data / "cn-shennan-survey"
    tables = list(DxfReader().read([folder / "drawing_J_W_Y.dxf"], {}))
    nodes = [key for t in tables if t.role == "node" for key in t.rows["点号"]]
    lines = [tuple(pair.split(",")) for t in tables if t.role == "segment" for pair in t.rows["线号"]]
    points = [key for key, code in column(folder / "管点调查表.csv", "EXP_NO", "CODE") if code in CLASSES]
    pairs = [
        (start, end)
        for start, end in column(folder / "管线调查表.csv", "S_POINT", "E_POINT")
        if start.rstrip("0123456789") in CLASSES and end.rstrip("0123456789") in CLASSES
    ]
    extra = Counter(nodes) - Counter(points)
    assert Counter(points) - Counter(nodes) == Counter()
    assert sum(extra.values()) == 1
    assert Counter(frozenset(pair) for pair in lines) == Counter(frozenset(pair) for pair in pairs)


def test_rows_and_skipped_rows_are_all_entities(shared_data: Path) -> None:
    path = shared_data / "cn-shennan-survey" / "drawing_J_W_Y.dxf"
    expected = Counter(entity.dxf.layer for entity in ezdxf.readfile(path).modelspace())
    counted: Counter[str] = Counter()
    for table in DxfReader().read([path], {}):
        counted[table.sheet] += len(table.rows) + table.skipped_rows
    assert counted == expected


def test_a_drawing_without_attributes_is_refused(shared_data: Path) -> None:
    path = shared_data / "giswater-samples" / "import_examples" / "dxf" / "file.dxf"
    with pytest.raises(SourceError, match="has no attributes"):
        list(DxfReader().read([path], {}))
