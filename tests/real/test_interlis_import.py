"""The Swiss sewer teaching set: all objects and attributes, reaches between their nodes with their inverts."""

import re
import subprocess
from collections import Counter, defaultdict
from pathlib import Path

import fiona
import numpy as np
import pytest
import shapely

from importers.delivery import read_delivery
from importers.interlis import InterlisReader
from schemas.delivery import Delivery

# As the folder's provenance note states them.
STATED = {"Haltung": 102, "Haltungspunkt": 204, "Abwasserknoten": 88, "Deckel": 60, "Normschacht": 49,
          "Spezialbauwerk": 19, "Messresultat": 4363}  # fmt: skip


@pytest.fixture(scope="module")
def path(shared_data: Path) -> Path:
    return shared_data / "teksi-dss-wastewater" / "test-dataset-DSS.xtf"


@pytest.fixture(scope="module")
def delivery(path: Path) -> Delivery:
    return read_delivery([path], srid=2056)


def written(path: Path) -> dict[str, list[str]]:
    """The text of every object by class, cut out of the file by its tags."""
    text = re.sub(r"<!--.*?-->", "", path.read_text("utf-8"), flags=re.DOTALL)
    found = defaultdict(list)
    for name, body in re.findall(
        r"<DSS_\w+\.Siedlungsentwaesserung\.(\w+)\b[^>]*>(.*?)</DSS_[\w.]+\.\1>", text, re.DOTALL
    ):
        found[name].append(body)
    return dict(found)


def test_every_object_of_every_class_is_there(path: Path) -> None:
    counts = Counter()
    for table in InterlisReader().read([path], {"chunk_rows": 1000}):
        counts[table.sheet] += len(table.rows)
    assert {name: counts[name] for name in STATED} == STATED
    assert counts == {name: len(bodies) for name, bodies in written(path).items()}


def test_no_attribute_is_dropped(path: Path) -> None:
    tables = {table.sheet: table for table in InterlisReader().read([path], {})}
    for name, bodies in written(path).items():
        for attribute in (
            "Kote",
            "Sohlenkote",
            "Lichte_Hoehe",
            "Material",
            "Plangefaelle",
            "Dimension1",
            "Terrainkote",
        ):
            values = [value for body in bodies for value in re.findall(rf"<{attribute}>([^<]+)</{attribute}>", body)]
            column = tables[name].rows.get(attribute)
            assert ([] if column is None else [cell for cell in column if cell is not None]) == values, (
                name,
                attribute,
            )


def test_what_gdal_reads_it_reads_alike(path: Path, tmp_path: Path) -> None:
    command = ["ogr2ogr", "-f", "GPKG", str(tmp_path / "a.gpkg"), str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    tables = {table.sheet: table for table in InterlisReader().read([path], {})}
    for name in ("Haltung", "Haltungspunkt", "Abwasserknoten", "Deckel", "Normschacht", "Gebaeude"):
        ours = tables[name]
        with fiona.open(tmp_path / "a.gpkg", layer=f"DSS_2020_1_LV95.Siedlungsentwaesserung.{name}") as layer:
            theirs = list(layer)
        assert [feature.properties["TID"] for feature in theirs] == ours.rows["TID"].tolist()
        for column in set(theirs[0].properties) & set(ours.rows.columns):
            # GDAL writes both an empty and a missing attribute as null.
            assert [feature.properties[column] or None for feature in theirs] == ours.rows[column].tolist(), column
        shapes = [None if f.geometry is None else shapely.geometry.shape(f.geometry) for f in theirs]
        if name in ("Haltung", "Haltungspunkt", "Abwasserknoten", "Deckel"):
            assert ours.geometry is not None
            # GDAL takes a chord for every four degrees of the one arc, we for every centimetre of sagitta.
            assert (shapely.hausdorff_distance(ours.geometry, np.array(shapes)) < 1.0).all()
            assert np.allclose(shapely.length(ours.geometry), shapely.length(shapes), rtol=1e-3)
            assert shapely.equals_exact(ours.geometry, np.array(shapes), tolerance=1e-6).sum() >= len(shapes) - 1


def test_reaches_join_their_nodes_with_their_inverts(path: Path, delivery: Delivery) -> None:
    assert delivery.files[0].profile == "interlis-dss"
    bodies = written(path)
    levels = {
        tid: re.search(r"<Kote>([^<]+)</Kote>", body)
        for tid, body in re.findall(
            r'<DSS_\w+\.Siedlungsentwaesserung\.Haltungspunkt TID="(\w+)">(.*?)</DSS_[\w.]+\.Haltungspunkt>',
            path.read_text("utf-8"),
            re.DOTALL,
        )
    }
    starts = [re.search(r'vonHaltungspunktRef REF="(\w+)"', body) for body in bodies["Haltung"]]
    stated = sorted(float(level[1]) for start in starts if start and (level := levels[start[1]]))
    assert len(delivery.segments) == STATED["Haltung"]
    assert sorted(delivery.segments["from_elevation_m"].dropna()) == stated
    assert set(delivery.segments["depth_datum_code"]) == {"invert"}
    nodes = set(delivery.nodes["source_key"])
    assert set(delivery.segments["from_key"]) | set(delivery.segments["to_key"]) <= nodes
    assert sum(key.startswith("ch080qwzAK") for key in nodes) == STATED["Abwasserknoten"]


def test_the_account_adds_up(path: Path, delivery: Delivery) -> None:
    assert all(count.loaded + count.refused + count.skipped == count.rows for count in delivery.counts)
    assert sum(count.rows for count in delivery.counts) == sum(map(len, written(path).values()))
    loaded = Counter()
    for count in delivery.counts:
        loaded[count.sheet] += count.loaded
    assert loaded["Haltung"] == STATED["Haltung"]
    assert loaded["Abwasserknoten"] == STATED["Abwasserknoten"]
