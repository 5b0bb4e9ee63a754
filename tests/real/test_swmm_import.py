"""Published SWMM models read completely: rows, inverts and sizes as an independent parser and the text have them."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from swmm_api import read_inp_file

from importers.base import DERIVED
from importers.delivery import read_delivery
from importers.swmm import SwmmReader

MODELS = {
    "swmm-networks/bellinge_small.inp": 1.0,
    "swmm-networks/epa_Example3.inp": 0.3048,
    "giswater-samples/import_examples/inp/swmm_1e.inp": 1.0,
    "giswater-samples/import_examples/inp/swmm_1e_npgw.inp": 1.0,
    "giswater-samples/import_examples/inp/swmm_2e.inp": 1.0,
}
NODES = ("junctions", "outfalls", "storage", "dividers")
LINKS = ("conduits", "pumps", "orifices", "weirs", "outlets")


def section_lines(path: Path) -> Counter[str]:
    counts: Counter[str] = Counter()
    name = ""
    for line in path.read_text("utf-8", "replace").splitlines():
        content = line.split(";")[0].strip()
        if content.startswith("["):
            name = content.strip("[]").lower()
        elif content:
            counts[name] += 1
    return counts


@pytest.mark.parametrize("name", MODELS)
def test_rows_equal_the_lines_of_the_sections(shared_data: Path, name: str) -> None:
    path = shared_data / name
    counted: Counter[str] = Counter()
    for table in SwmmReader().read([path], {}):
        own = ~table.rows[DERIVED].to_numpy(bool) if len(table.rows) else []
        counted[table.sheet] += int(sum(own)) + table.skipped_rows + table.refused_rows
    lines = section_lines(path)
    sheets = (*NODES, *LINKS, "subcatchments")
    assert {sheet: counted[sheet] for sheet in sheets} == {sheet: lines[sheet] for sheet in sheets}


@pytest.mark.parametrize(("name", "metres"), MODELS.items())
def test_inverts_ground_and_sizes_agree_with_another_parser(
    shared_data: Path, tmp_path: Path, name: str, metres: float
) -> None:
    # The other parser stumbles over comments behind an element, which EPA's own examples have.
    bare = tmp_path / "bare.inp"
    text = (shared_data / name).read_text(encoding="utf-8")
    bare.write_text("\n".join(line.split(";")[0] for line in text.splitlines()), encoding="utf-8")
    model = read_inp_file(str(bare))
    tables = list(SwmmReader().read([shared_data / name], {}))
    nodes = {row.key: row for table in tables if table.sheet in NODES for row in table.rows.itertuples()}
    [conduits] = [table.rows for table in tables if table.sheet == "conduits" and len(table.rows)]
    theirs = {key: node for sheet in NODES for key, node in getattr(model, sheet.upper(), {}).items()}
    assert {key: row.invert_m for key, row in nodes.items()} == pytest.approx(
        {key: node.elevation * metres for key, node in theirs.items()}
    )
    grounds = {key: (node.elevation + node.depth_max) * metres for key, node in theirs.items() if depth(node) > 0}
    found = {
        key: row.ground_elevation_m for key, row in nodes.items() if row.ground_elevation_m == row.ground_elevation_m
    }
    assert found == pytest.approx(grounds)
    sizes = {key: section.height * metres * 1000 for key, section in model.XSECTIONS.items() if key in model.CONDUITS}
    assert conduits.set_index("id").height_mm.to_dict() == pytest.approx(sizes, abs=1e-3)
    lengths = {key: conduit.length * metres for key, conduit in model.CONDUITS.items()}
    assert conduits.set_index("id").length_m.to_dict() == pytest.approx(lengths)


def depth(node: Any) -> float:
    return float(getattr(node, "depth_max", 0) or 0)


def test_inverts_of_a_model_in_elevations_are_those_written(shared_data: Path) -> None:
    path = shared_data / "giswater-samples/import_examples/inp/swmm_1e.inp"
    written = dict(read_inp_file(str(path)).CONDUITS.items())
    tables = list(SwmmReader().read([path], {}))
    [conduits] = [table.rows.set_index("id") for table in tables if table.sheet == "conduits" and len(table.rows)]
    told = {found.row for table in tables for found in table.findings if found.rule == "IMP-OFFSET"}
    [whole] = [table.rows for table in tables if table.sheet == "conduits"]
    sound = [row.id for row in whole.itertuples() if row.Index not in told]
    assert len(told) == 1
    assert conduits.from_elevation_m[sound].to_dict() == {key: written[key].offset_upstream for key in sound}
    assert conduits.to_elevation_m[sound].to_dict() == {key: written[key].offset_downstream for key in sound}


@pytest.mark.parametrize("name", ["swmm_1e", "swmm_2e"])
def test_a_sewer_of_real_streets_has_its_axes(shared_data: Path, name: str) -> None:
    delivery = read_delivery([shared_data / f"giswater-samples/import_examples/inp/{name}.inp"], srid=25831)
    assert all(count.refused == 0 for count in delivery.counts)
    conduits = delivery.segments[delivery.segments["source_sheet"] == "conduits"]
    assert set(conduits["elevation_source_code"]) == {"measured"}
    assert all(line.has_z for line in conduits["geom"])
    assert not [found for found in delivery.findings if found.rule in ("R20", "R03", "IMP-SCALE", "IMP-SCHEMATIC")]


def test_the_pump_model_in_feet(shared_data: Path) -> None:
    delivery = read_delivery([shared_data / "swmm-networks/epa_Example3.inp"], srid=3734, default_class="combined")
    nodes = delivery.nodes.set_index("source_key")
    assert nodes["ground_elevation_m"]["KRO3001"] == pytest.approx(566.19 * 0.3048)
    assert nodes["appurtenance_code"]["PUMP1"] == "pump_station"
    assert nodes["name"]["SU1"] == "4' diameter wet well"
