"""Each real GIS set with its shipped profile: what is in it, counted by other means, is in the delivery."""

import json
import sqlite3
import subprocess
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import fiona
import numpy as np
import pytest
import shapely
from scipy.spatial import cKDTree

from importers.delivery import read_delivery
from schemas.delivery import Delivery

Row = dict[str, Any]
STATES = {0: "abandoned", 1: "in_service", 2: "planned"}


def layer(path: Path, name: str) -> list[Row]:
    """The rows of a GeoPackage's table, by SQLite alone."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')]


def account(delivery: Delivery) -> dict[str, tuple[int, int, int]]:
    """Loaded, refused and skipped rows by layer."""
    assert all(count.loaded + count.refused + count.skipped == count.rows for count in delivery.counts)
    totals: dict[str, tuple[int, int, int]] = {}
    for count in delivery.counts:
        before = totals.get(count.sheet, (0, 0, 0))
        totals[count.sheet] = tuple(map(sum, zip(before, (count.loaded, count.refused, count.skipped), strict=True)))
    return totals


def whole(rows: Sequence[Row]) -> tuple[int, int, int]:
    return len(rows), 0, 0


def known(values: Iterator[Any]) -> list[float]:
    return sorted(float(value) for value in values if value is not None and value == value)


@pytest.fixture(scope="module")
def drainage_path(shared_data: Path) -> Path:
    return shared_data / "giswater-samples" / "ud_network.gpkg"


@pytest.fixture(scope="module")
def drainage(drainage_path: Path) -> Delivery:
    return read_delivery([drainage_path], srid=25831)


def test_every_row_is_loaded(drainage_path: Path, drainage: Delivery) -> None:
    assert drainage.files[0].profile == "giswater-ud"
    names = ("ud_node", "ud_arc", "ud_connec", "ud_gully", "ud_link")
    assert account(drainage) == {name: whole(layer(drainage_path, name)) for name in names}
    assert {len(layer(drainage_path, name)) for name in ("ud_node", "ud_arc")} == {196, 206}


def test_heights_sizes_and_states_are_the_files(drainage_path: Path, drainage: Delivery) -> None:
    arcs, segments = layer(drainage_path, "ud_arc"), drainage.segments
    for column, ours in (("elev1", "from_elevation_m"), ("elev2", "to_elevation_m"), ("y1", "from_depth_m")):
        assert known(segments[ours]) == known(arc[column] or None for arc in arcs)
    assert np.allclose(known(segments["height_mm"]), known(1000 * a["geom1_m"] for a in arcs if a["geom1_m"]))
    arc_states = Counter(STATES[arc["state"]] for arc in [*arcs, *layer(drainage_path, "ud_link")])
    assert Counter(segments["lifecycle_code"]) == arc_states
    round_ones = sum(arc["shape"] in ("CIRCULAR", "FORCE_MAIN") for arc in arcs)
    assert Counter(segments["shape_code"])["circle"] == round_ones
    assert segments["width_mm"].max() < 10_000


def test_arcs_join_the_nodes_they_name(drainage_path: Path, drainage: Delivery) -> None:
    named = {
        f"{arc['node_1']}->{arc['node_2']}" for arc in layer(drainage_path, "ud_arc") if arc["node_1"] and arc["node_2"]
    }
    assert named <= set(drainage.segments["source_key"])


def test_axes_stand_half_a_height_above_the_inverts(drainage: Delivery) -> None:
    segments = drainage.segments
    measured = segments[segments["elevation_source_code"] == "measured"]
    starts = shapely.get_z(shapely.get_point(measured["geom"].to_numpy(object), 0))
    above = starts - measured["from_elevation_m"].astype(float)
    assert len(measured) > 190
    assert np.allclose(above, measured["height_mm"].astype(float) / 2000, atol=2e-3)


def test_files_for_giswaters_own_import_tell_size_and_material_by_catalogue(shared_data: Path) -> None:
    folder = shared_data / "giswater-samples" / "import_examples" / "gpkg"
    names = ("ws_arc", "ws_node", "ws_connec", "ws_link")
    delivery = read_delivery([folder / f"{name}.gpkg" for name in names], srid=25831)
    assert {file.profile for file in delivery.files} == {"giswater-ws-plain"}
    rows = {name: layer(folder / f"{name}.gpkg", "connec" if name == "ws_connec" else name) for name in names}
    assert account(delivery) == {name.replace("ws_connec", "connec"): whole(found) for name, found in rows.items()}
    catalogue = Counter(row["arccat_id"] for row in rows["ws_arc"])
    assert Counter(delivery.segments["section_text"].dropna()) == catalogue
    sizes = Counter({"110": 0, "63": 0, "150": 0})
    for name, count in catalogue.items():
        sizes[name.rpartition("_")[2]] += count
    assert Counter(str(int(size)) for size in delivery.segments["width_mm"].dropna()) == sizes
    assert Counter(delivery.segments["material_code"].dropna())["pvc"] == catalogue["PVC_110"] + catalogue["PVC_63"]


def test_drainage_files_for_giswaters_own_import_are_read_whole(shared_data: Path) -> None:
    folder = shared_data / "giswater-samples" / "import_examples" / "gpkg"
    names = ("ud_arc", "ud_node", "ud_connec", "ud_gully", "ud_link")
    delivery = read_delivery([folder / f"{name}.gpkg" for name in names], srid=25831)
    rows = {name: layer(folder / f"{name}.gpkg", name) for name in names}
    assert {file.profile for file in delivery.files} == {"giswater-ud"}
    assert account(delivery) == {name: whole(found) for name, found in rows.items()}
    assert known(delivery.segments["from_depth_m"]) == known(row["y1"] for row in rows["ud_arc"])


@pytest.fixture(scope="module")
def sewer_features(shared_data: Path) -> dict[str, list[Row]]:
    folder = shared_data / "gww-sewer-melbourne"
    return {
        name: [feature["properties"] for feature in json.loads((folder / f"{name}.geojson").read_text())["features"]]
        for name in ("pipes", "nodes", "branches")
    }


@pytest.fixture(scope="module")
def sewer(shared_data: Path) -> Delivery:
    folder = shared_data / "gww-sewer-melbourne"
    return read_delivery([folder / f"{name}.geojson" for name in ("pipes", "nodes", "branches")], srid=7855)


def test_every_pipe_manhole_and_branch_is_loaded(sewer_features: dict[str, list[Row]], sewer: Delivery) -> None:
    assert {file.profile for file in sewer.files} == {"gww-sewer"}
    assert account(sewer) == {f"test_{name}": whole(rows) for name, rows in sewer_features.items()}
    assert {name: len(rows) for name, rows in sewer_features.items()} == {"pipes": 326, "nodes": 327, "branches": 908}
    assert set(sewer.segments["class_code"]) == {"foul"}


def test_inverts_below_the_sea_are_right(sewer_features: dict[str, list[Row]], sewer: Delivery) -> None:
    pipes = sewer_features["pipes"]
    for column, ours in (("START_INVELEV", "from_elevation_m"), ("END_INVELEV", "to_elevation_m")):
        assert known(sewer.segments[ours]) == known(pipe[column] for pipe in pipes)
    assert sewer.segments["from_elevation_m"].min() < -10
    assert known(sewer.segments["width_mm"]) == known(pipe["PIPE_DIA"] for pipe in pipes)
    assert known(sewer.nodes["ground_elevation_m"])[:327] == known(n["NODE_COVELEV"] for n in sewer_features["nodes"])


def test_pipes_join_the_manholes_they_name(sewer_features: dict[str, list[Row]], sewer: Delivery) -> None:
    named = Counter((pipe["START_NODE"], pipe["END_NODE"]) for pipe in sewer_features["pipes"])
    joined = Counter(zip(sewer.segments["from_key"], sewer.segments["to_key"], strict=True))
    assert all(joined[pair] == count for pair, count in named.items())


@pytest.fixture(scope="module")
def gas(shared_data: Path) -> Delivery:
    return read_delivery([shared_data / "schutterwald-gas-heat" / "gas.gpkg"], srid=25832)


@pytest.fixture(scope="module")
def heat(shared_data: Path) -> Delivery:
    return read_delivery([shared_data / "schutterwald-gas-heat" / "heat.gpkg"], srid=25832)


def test_gas_pipes_have_the_sizes_that_the_file_states_elsewhere(shared_data: Path, gas: Delivery) -> None:
    pipes = layer(shared_data / "schutterwald-gas-heat" / "gas.gpkg", "pipe")
    assert gas.files[0].profile == "stanet-gas"
    assert account(gas) == {"junction": (2559, 0, 0), "pipe": whole(pipes)}
    # The inner diameter is a column of its own; the text `125 PE 100 SDR 11` tells outer size and wall.
    assert np.allclose(known(gas.segments["inner_width_mm"]), known(p["inner_diameter_mm"] for p in pipes), atol=0.11)
    outer = Counter(float(p["stanet_std_type"].split()[0]) for p in pipes if p["stanet_std_type"] != "None")
    assert Counter(gas.segments["width_mm"][gas.segments["size_basis_code"] == "outer"]) == outer
    assert Counter(gas.segments["material_code"].dropna()) == Counter(pe=outer.total())


def test_gas_is_moved_as_gdal_moves_it(shared_data: Path, gas: Delivery) -> None:
    rows = layer(shared_data / "schutterwald-gas-heat" / "gas.gpkg", "junction")
    # A GeoPackage puts 8 bytes and an envelope before the well-known binary of a geometry.
    places = [shapely.from_wkb(row["geom"][8 + (32 if row["geom"][3] & 0b1110 else 0) :]) for row in rows[:20]]
    moved = subprocess.run(
        ["gdaltransform", "-s_srs", "EPSG:31467", "-t_srs", "EPSG:25832", "-output_xy"],
        input="\n".join(f"{place.x} {place.y}" for place in places),
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    ours = dict(zip(gas.nodes["source_key"], gas.nodes["geom"], strict=True))
    expected = np.array(moved, dtype=float).reshape(-1, 2)
    found = shapely.get_coordinates([ours[str(row["junction_id"])] for row in rows[:20]])
    # Without a grid the datum shift is known to some metres.
    assert np.abs(found - expected).max() < 5


def test_supply_and_return_are_two_networks(shared_data: Path, heat: Delivery) -> None:
    pipes = layer(shared_data / "schutterwald-gas-heat" / "heat.gpkg", "pipe")
    assert heat.files[0].profile == "stanet-heat"
    assert account(heat) == {"junction": (244, 0, 0), "pipe": whole(pipes)}
    named = {(str(pipe["from_junction"]), str(pipe["to_junction"])) for pipe in pipes}
    assert set(zip(heat.segments["from_key"], heat.segments["to_key"], strict=True)) == named
    returns = heat.segments["circuit"].str.startswith("return_")
    supply_ends, return_ends = (
        {*part["from_key"], *part["to_key"]} for part in (heat.segments[~returns], heat.segments[returns])
    )
    assert len(heat.segments[returns]) == 241
    assert not supply_ends & return_ends


@pytest.fixture(scope="module")
def nagaoka_path(shared_data: Path) -> Path:
    return shared_data / "plateau-nagaoka-unf" / "nagaoka_unf.gpkg"


@pytest.fixture(scope="module")
def nagaoka(nagaoka_path: Path) -> Delivery:
    return read_delivery([nagaoka_path], srid=6676)


def test_eight_networks_are_the_classes_they_belong_to(nagaoka_path: Path, nagaoka: Delivery) -> None:
    classes = {"lv": "power", "hv": "power", "water": "water", "sewer": "storm", "gas": "gas",
               "snowmelt": "reclaimed", "watercirc": "reclaimed", "blower": "industrial"}  # fmt: skip
    assert nagaoka.files[0].profile == "plateau-unf"
    for name, rows in (("unf_line", 2466), ("unf_point", 1676)):
        stated = Counter(classes[row["network"]] for row in layer(nagaoka_path, name))
        counted = Counter()
        for count in nagaoka.counts:
            counted[count.class_code] += count.rows if count.sheet == name else 0
        assert +counted == stated
        assert sum(stated.values()) == rows


def test_no_height_is_made_of_zeros(nagaoka: Delivery) -> None:
    assert set(nagaoka.segments["elevation_source_code"]) == {"unknown"}
    assert not shapely.has_z(nagaoka.segments["geom"].to_numpy(object)).any()
    assert nagaoka.nodes["ground_elevation_m"].isna().all()


def test_the_original_city_gml_tells_the_same_places(shared_data: Path, nagaoka: Delivery) -> None:
    folder = shared_data / "plateau-nagaoka-unf" / "gml"
    original = read_delivery(sorted(folder.glob("*.gml")), srid=6676)
    assert {file.profile for file in original.files} == {"plateau-gml"}
    devices = Counter(original.nodes["appurtenance_code"].dropna())
    assert devices == Counter(manhole=52, handhole=139)
    assert account(original)["SewerPipe"] == (138, 20, 0)
    ours = dict(zip(nagaoka.nodes["source_key"], nagaoka.nodes["geom"], strict=True))
    theirs = dict(zip(original.nodes["source_key"], original.nodes["geom"], strict=True))
    shared = [key for key in theirs if key.startswith("unf_") and key in ours]
    assert len(shared) == 139 + 34
    assert max(ours[key].distance(theirs[key]) for key in shared) < 1e-3


@pytest.fixture(scope="module")
def zaatari(shared_data: Path) -> Delivery:
    return read_delivery(sorted((shared_data / "zaatari-wastewater").glob("*.shp.zip")), srid=32637)


def test_pipes_without_attributes_are_known_by_their_layers(shared_data: Path, zaatari: Delivery) -> None:
    assert {file.profile for file in zaatari.files} == {"zaatari-layers"}
    totals = account(zaatari)
    assert {name: sum(counts) for name, counts in totals.items()} == {
        "Pipes_Septic_2017_03": 19638,
        "Pipes_SolidFree_2017_03": 2096,
        "Elevation_2015_02": 32235,
    }
    assert totals["Elevation_2015_02"] == (0, 0, 32235)
    length_m = 0.0
    for name in ("Pipes_Septic_2017_03", "Pipes_SolidFree_2017_03"):
        with fiona.open(f"zip://{shared_data}/zaatari-wastewater/{name}.shp.zip") as layer:
            length_m += sum(shapely.geometry.shape(feature.geometry).length for feature in layer)
    # A few specks and pipes drawn twice are left out.
    assert shapely.length(zaatari.segments["geom"].to_numpy(object)).sum() == pytest.approx(length_m, rel=1e-3)


def test_ends_of_pipes_have_the_ground_of_the_survey_around_them(shared_data: Path, zaatari: Delivery) -> None:
    with fiona.open(f"zip://{shared_data}/zaatari-wastewater/Elevation_2015_02.shp.zip") as layer:
        points = np.array([(*feature.geometry.coordinates[:2], feature.properties["ELEVATION"]) for feature in layer])
    ground_m = zaatari.nodes["ground_elevation_m"].to_numpy(float)
    assert np.isnan(ground_m).mean() < 0.01
    xy = shapely.get_coordinates(zaatari.nodes["geom"].to_numpy(object))[~np.isnan(ground_m)]
    # By another way: the mean of the three nearest points, weighted by their distance.
    distance_m, near = cKDTree(points[:, :2]).query(xy, k=3)
    weights = 1 / (distance_m + 0.1)
    expected_m = (points[near, 2] * weights).sum(axis=1) / weights.sum(axis=1)
    apart_m = np.abs(ground_m[~np.isnan(ground_m)] - expected_m)
    assert np.median(apart_m) < 0.1
    assert np.quantile(apart_m, 0.99) < 1.0
