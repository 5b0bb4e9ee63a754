"""Real GIS deliveries read completely: rows, bounds and attributes equal what fiona sees on its own."""

from collections import Counter
from pathlib import Path

import fiona
import numpy as np
import pytest
import shapely

from importers.archive import unpacked
from importers.delivery import read_delivery
from importers.gis import GisReader

LAYERS = [
    "giswater-samples/ud_network.gpkg",
    "giswater-samples/ws_network.gpkg",
    "giswater-samples/import_examples/gpkg/ud_arc.gpkg",
    "giswater-samples/import_examples/gpkg/ud_link.gpkg",
    "giswater-samples/import_examples/gpkg/ud_node.gpkg",
    "giswater-samples/import_examples/gpkg/ws_arc.gpkg",
    "giswater-samples/import_examples/gpkg/ws_link.gpkg",
    "plateau-nagaoka-unf/nagaoka_unf.gpkg",
    "schutterwald-gas-heat/gas.gpkg",
    "schutterwald-gas-heat/heat.gpkg",
    "gww-sewer-melbourne/pipes.geojson",
    "gww-sewer-melbourne/nodes.geojson",
    "gww-sewer-melbourne/branches.geojson",
]
# As the folders' provenance notes state them.
STATED_ROWS = {
    "Pipes_Septic_2017_03": 19638,
    "Pipes_SolidFree_2017_03": 2096,
    "Elevation_2015_02": 32235,
    "unf_line": 2466,
    "unf_point": 1676,
    "test_pipes": 326,
    "test_nodes": 327,
    "test_branches": 908,
    "ws_node": 238,
    "ws_arc": 269,
    "ud_node": 196,
    "ud_arc": 206,
}


def assert_same_as_fiona(path: Path, chunk_rows: int) -> dict[str, int]:
    counts = dict.fromkeys(fiona.listlayers(path), 0)
    seen: dict[str, list[object]] = {name: [] for name in counts}
    shapes: dict[str, list[object]] = {name: [] for name in counts}
    for table in GisReader().read([path], {"chunk_rows": chunk_rows}):
        assert table.file == path.name
        assert table.geometry is not None
        assert table.rows.index.tolist() == list(
            range(counts[table.sheet] + 1, counts[table.sheet] + len(table.rows) + 1)
        )
        counts[table.sheet] += len(table.rows)
        shapes[table.sheet] += list(table.geometry)
        if len(table.rows.columns):
            seen[table.sheet] += [str(cell) for cell in table.rows[table.rows.columns[0]]]
        assert table.findings == []
    for name in counts:
        with fiona.open(path, layer=name) as collection:
            features = list(collection)
            assert counts[name] == len(features)
            assert np.allclose(shapely.total_bounds(np.array(shapes[name], dtype=object)), collection.bounds)
            fields = list(collection.schema["properties"])
            if fields:
                assert seen[name] == [str(feature.properties[fields[0]]) for feature in features]
    return counts


@pytest.mark.parametrize("name", LAYERS)
def test_layers_equal_what_fiona_reads(shared_data: Path, name: str) -> None:
    counts = assert_same_as_fiona(shared_data / name, chunk_rows=100)
    if "import_examples" not in name:
        stated = {sheet: rows for sheet, rows in STATED_ROWS.items() if sheet in counts}
        assert {sheet: counts[sheet] for sheet in stated} == stated


def test_zipped_shapefiles_without_attributes(shared_data: Path) -> None:
    zips = sorted((shared_data / "zaatari-wastewater").glob("*.zip"))
    counts: dict[str, int] = {}
    with unpacked(zips) as files:
        assert [file.suffix for file in files] == [".shp"] * 3
        for file in files:
            counts |= assert_same_as_fiona(file, chunk_rows=10_000)
    assert counts == {name: STATED_ROWS[name] for name in counts}
    assert len(counts) == 3


def test_the_crs_is_the_files_own(shared_data: Path) -> None:
    reader = GisReader()
    epsg = {"plateau-nagaoka-unf/nagaoka_unf.gpkg": 6676, "gww-sewer-melbourne/pipes.geojson": 7855}
    for name, code in epsg.items():
        for table in reader.read([shared_data / name], {}):
            assert table.crs is not None
            assert table.crs.to_epsg() == code


def test_japanese_text_and_numbers(shared_data: Path) -> None:
    [pipes, *_] = GisReader().read([shared_data / "gww-sewer-melbourne" / "pipes.geojson"], {})
    assert float(pipes.rows["START_INVELEV"].min()) < 0
    tables = {t.sheet: t for t in GisReader().read([shared_data / "plateau-nagaoka-unf" / "nagaoka_unf.gpkg"], {})}
    names = {name for name in tables["unf_line"].rows["name"] if name}
    assert any("\u3040" <= letter <= "\u9fff" for name in names for letter in name)


def test_a_giswater_network_is_water_with_its_sizes_and_states(shared_data: Path) -> None:
    path = shared_data / "giswater-samples" / "ws_network.gpkg"
    delivery = read_delivery([path], srid=25831)
    assert delivery.files[0].profile == "giswater-ws"
    with fiona.open(path, layer="ws_arc") as arcs:
        rows = [feature["properties"] for feature in arcs]
    assert set(delivery.segments["class_code"]) == set(delivery.nodes["class_code"]) == {"water"}
    assert sorted(delivery.segments["width_mm"].dropna()) == sorted(row["dnom_mm"] for row in rows if row["dnom_mm"])
    states = Counter({0: "abandoned", 1: "in_service", 2: "planned"}[row["state"]] for row in rows)
    assert Counter(delivery.segments["lifecycle_code"]) == states
    joined = {f"{row['node_1']}->{row['node_2']}" for row in rows if row["node_1"] and row["node_2"]}
    assert joined <= set(delivery.segments["source_key"])
