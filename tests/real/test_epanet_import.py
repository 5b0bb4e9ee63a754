"""Published EPANET models read completely: counts equal the lines of their sections."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import wntr

from importers.base import DERIVED, RecordTable
from importers.delivery import read_delivery
from importers.epanet import EpanetReader

MODELS = ["Net3", "Net6", "L-TOWN", "ky4", "C-Town_BCN", "BWSN_Network_1"]
SHEETS = ("junctions", "reservoirs", "tanks", "pipes", "pumps", "valves")


def section_lines(path: Path) -> dict[str, list[list[str]]]:
    sections: dict[str, list[list[str]]] = {}
    name = ""
    for line in path.read_text("utf-8", "replace").splitlines():
        words = line.split(";")[0].split()
        if words and words[0].startswith("["):
            name = words[0].strip("[]").lower()
        elif words:
            sections.setdefault(name, []).append(words)
    return sections


@pytest.mark.parametrize("name", MODELS)
def test_rows_equal_the_lines_of_the_sections(shared_data: Path, name: str) -> None:
    path = shared_data / "epanet-networks" / f"{name}.inp"
    lines = path.read_text("utf-8", "replace").splitlines()
    sections = section_lines(path)
    counted: Counter[str] = Counter()
    node_keys: list[str] = []
    ends: list[str] = []
    for table in EpanetReader().read([path], {}):
        own = table.rows[~table.rows[DERIVED].to_numpy(bool)]
        counted[table.sheet] += len(own)
        own_ids = own["id"] if "id" in own else own.get("key", [])
        assert [lines[row - 1].split()[0] for row in own.index] == list(own_ids)
        if table.role == "node":
            node_keys += list(table.rows["key"])
        if table.role == "segment":
            ends += [*table.rows["from_key"], *table.rows["to_key"]]
    assert {sheet: counted[sheet] for sheet in SHEETS} == {sheet: len(sections.get(sheet, [])) for sheet in SHEETS}
    assert len(set(node_keys)) == len(node_keys)
    assert set(ends) <= set(node_keys)


@pytest.mark.parametrize("name", ["Net6", "L-TOWN", "BWSN_Network_1"])
def test_pipes_join_the_nodes_the_file_names(shared_data: Path, name: str) -> None:
    path = shared_data / "epanet-networks" / f"{name}.inp"
    expected = {words[0]: (words[1], words[2]) for words in section_lines(path)["pipes"]}
    tables = [table for table in EpanetReader().read([path], {}) if (table.sheet, table.role) == ("pipes", "segment")]
    pipes = tables[0].rows
    found = {
        link: (group["from_key"].iloc[0], group["to_key"].iloc[-1]) for link, group in pipes.groupby("id", sort=False)
    }
    assert found == expected


def test_diameters_are_millimetres(shared_data: Path) -> None:
    path = shared_data / "epanet-networks" / "Net6.inp"
    inches = {words[0]: float(words[4]) for words in section_lines(path)["pipes"]}
    [pipes] = [t.rows for t in EpanetReader().read([path], {}) if (t.sheet, t.role) == ("pipes", "segment")]
    first = pipes.drop_duplicates("id").set_index("id")["diameter"]
    assert first.to_dict() == pytest.approx({link: size * 25.4 for link, size in inches.items()}, rel=1e-6)


@pytest.mark.parametrize("name", ["Net3", "Net6", "L-TOWN", "ky4", "C-Town_BCN"])
def test_counts_lengths_and_sizes_agree_with_wntr(shared_data: Path, name: str) -> None:
    path = shared_data / "epanet-networks" / f"{name}.inp"
    model = wntr.network.WaterNetworkModel(str(path))
    tables = list(EpanetReader().read([path], {}))
    [pipes] = [t.rows for t in tables if (t.sheet, t.role) == ("pipes", "segment")]
    first = pipes.drop_duplicates("id").set_index("id")
    expected = {link: (pipe.length, pipe.diameter * 1000) for link, pipe in model.pipes()}
    assert len(first) == model.num_pipes
    assert pipes.groupby("id")["length_m"].sum().to_dict() == pytest.approx(
        {link: length for link, (length, _) in expected.items()}, rel=1e-4
    )
    assert first["diameter"].to_dict() == pytest.approx({link: size for link, (_, size) in expected.items()}, rel=1e-4)
    [ground] = [t.rows.set_index("key")["ground_elevation_m"] for t in tables if t.sheet == "junctions"]
    assert ground.to_dict() == pytest.approx({node: j.elevation for node, j in model.junctions()}, rel=1e-4, abs=1e-6)
    demands = {key: demand for t in tables if t.sheet == "demands" for key, demand in demands_of(t)}
    expected_demands = {node: mean_demand_m3_per_d(model, junction) for node, junction in model.junctions()}
    assert demands == pytest.approx({node: mean for node, mean in expected_demands.items() if mean > 0}, rel=1e-4)


def demands_of(table: RecordTable) -> list[tuple[str, float]]:
    return list(zip(table.rows["node_key"], table.rows["demand_m3_per_d"], strict=True))


def mean_demand_m3_per_d(model: Any, junction: Any) -> float:
    means = [
        series.base_value * (series.pattern.multipliers.mean() if series.pattern else 1.0)
        for series in junction.demand_timeseries_list
    ]
    return float(sum(means) * model.options.hydraulic.demand_multiplier * 86400)


@pytest.mark.parametrize("name", ["epanet_1e", "epanet_1e_nogw", "epanet_2e"])
def test_models_of_real_streets(shared_data: Path, name: str) -> None:
    path = shared_data / "giswater-samples" / "import_examples" / "inp" / f"{name}.inp"
    sections = section_lines(path)
    tables = list(EpanetReader().read([path], {}))
    for sheet in SHEETS:
        own = sum(int((~t.rows[DERIVED].to_numpy(bool)).sum()) for t in tables if t.sheet == sheet)
        assert own == len(sections.get(sheet, []))


def test_a_schematic_model_says_once_that_it_is_not_where_the_map_is(shared_data: Path) -> None:
    delivery = read_delivery([shared_data / "epanet-networks" / "Net6.inp"], srid=4547)
    (told,) = [finding for finding in delivery.findings if finding.rule == "IMP-SCHEMATIC"]
    assert "as they are" in told.message_en
    assert "示意" in told.message_zh
    assert told.details == {"rows": len(delivery.nodes)}


def test_a_map_in_feet_is_told_by_its_lengths(shared_data: Path) -> None:
    files = ("ky4", "Net6", "L-TOWN")
    told = {
        name: [
            finding.rule
            for table in EpanetReader().read([shared_data / "epanet-networks" / f"{name}.inp"], {})
            for finding in table.findings
        ]
        for name in files
    }
    assert told == {"ky4": ["IMP-SCALE"], "Net6": [], "L-TOWN": []}
