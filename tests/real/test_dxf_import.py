"""A real survey drawing: every entity accounted for, its rows those of the survey's own tables."""

import csv
from collections import Counter
from pathlib import Path

import ezdxf
import pytest
import shapely

from importers.delivery import read_delivery
from importers.dxf import DxfReader

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


def test_the_drawing_of_a_network_without_attributes_is_read_by_its_layers(shared_data: Path) -> None:
    path = shared_data / "giswater-samples" / "import_examples" / "dxf" / "file.dxf"
    delivery = read_delivery([path], srid=25831, profile="giswater-drawing")
    assert sum(count.rows for count in delivery.counts) == sum(count.loaded for count in delivery.counts) == 20
    pipes = delivery.segments.groupby(["section_text", "material_code"]).size()
    assert pipes.to_dict() == {("110", "pvc"): 10, ("63", "pvc"): 2, ("110", "asbestos"): 3}
    assert set(delivery.segments["class_code"]) == set(delivery.nodes["class_code"]) == {"water"}
    assert Counter(delivery.nodes["appurtenance_code"].dropna()) == {"valve": 4}
    drawn = ezdxf.readfile(path).modelspace().query("LWPOLYLINE")
    assert [finding.rule for finding in delivery.findings] == ["IMP-UNITS"]
    lengths = [shapely.LineString(line.get_points("xy")).length for line in drawn]
    assert shapely.length(delivery.segments["geom"].to_numpy(object)).sum() == pytest.approx(sum(lengths), abs=1e-6)


def test_what_the_names_of_layers_do_not_tell_is_said(shared_data: Path) -> None:
    path = shared_data / "giswater-samples" / "import_examples" / "dxf" / "file.dxf"
    delivery = read_delivery([path], srid=25831)
    assert delivery.files[0].profile == "drawing"
    rules = Counter(finding.rule for finding in delivery.findings)
    # Nothing names the class; the sampling point stands at the end of a pipe; the header says inches.
    assert rules == {"IMP-CLASS": 5, "IMP-ENDPOINTS": 1, "IMP-UNITS": 1}


def test_what_was_left_out_adds_up_by_layer_and_kind(shared_data: Path) -> None:
    path = shared_data / "cn-shennan-survey" / "drawing_J_W_Y.dxf"
    expected = Counter((entity.dxf.layer, entity.dxftype()) for entity in ezdxf.readfile(path).modelspace())
    counted: Counter[tuple[str, str]] = Counter()
    for table in DxfReader().read([path], {}):
        counted.update((table.sheet, kind) for kind in table.rows["entity"])
        for finding in table.findings:
            for kinds in finding.details["reasons"].values():
                counted.update({(table.sheet, kind): n for kind, n in kinds.items()})
    assert counted == expected
