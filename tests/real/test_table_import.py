"""Real tables of points and lines, each row accounted for by the profile that ships for them."""

import csv
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from importers import sources
from importers.delivery import read_delivery
from schemas.delivery import Delivery


def account(delivery: Delivery) -> dict[str, tuple[int, int, int, int]]:
    """Rows, loaded, refused and skipped of every file."""
    found: dict[str, tuple[int, int, int, int]] = {}
    for count in delivery.counts:
        before = found.get(count.file, (0, 0, 0, 0))
        now = (count.rows, count.loaded, count.refused, count.skipped)
        found[count.file] = tuple(a + b for a, b in zip(before, now, strict=True))  # type: ignore[assignment]
    return found


def test_a_spanish_drainage_design_imports_whole(shared_data: Path) -> None:
    folder = shared_data / "giswater-samples" / "import_examples" / "csv"
    delivery = read_delivery([folder / "istram_nodes.csv", folder / "istram_arcs.csv"], srid=25831)
    assert {file.profile for file in delivery.files} == {"giswater-istram"}
    assert account(delivery) == {"istram_nodes.csv": (90, 90, 0, 0), "istram_arcs.csv": (85, 85, 0, 0)}
    with (folder / "istram_nodes.csv").open(encoding="latin-1") as file:
        told = {
            row[0].strip(): [float(cell.replace(",", ".")) for cell in row[1:5]]
            for row in list(csv.reader(file, delimiter=";"))[1:]
        }
    nodes = delivery.nodes.set_index("source_key")
    for key, (x_m, y_m, _, ground_m) in told.items():
        node = nodes.loc[key]
        assert (node.geom.x, node.geom.y, node.ground_elevation_m) == (x_m, y_m, ground_m)
    # The axis stands half the height of a conduit above its invert.
    segments = delivery.segments
    assert set(segments.elevation_source_code) == {"measured"}
    start_z = shapely.get_z(shapely.get_point(segments.geom.to_numpy(), 0))
    assert np.allclose(start_z, segments.from_elevation_m + segments.height_mm / 2000, atol=1e-6)


def test_a_database_too_large_to_hold_is_read_in_parts_to_the_same(
    shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = [shared_data / "cn-shennan-survey" / "survey.mdb"]
    held = read_delivery(database, srid=4547)
    monkeypatch.setattr(sources, "_HELD_BYTES", 0)
    parts = read_delivery(database, srid=4547)
    assert account(parts) == account(held)
    assert [finding.message_en for finding in parts.findings] == [finding.message_en for finding in held.findings]
    assert parts.segments.drop(columns="geom").equals(held.segments.drop(columns="geom"))
    assert shapely.equals_identical(parts.nodes.geom.to_numpy(), held.nodes.geom.to_numpy()).all()


@pytest.mark.parametrize(
    ("name", "rows", "loaded", "refused"),
    # Two tanks bear a name that another one elsewhere has too.
    [("SepticTanks_Locations_2017_02.csv", 2903, 2901, 2), ("SteelTanks_Locations_2017_02.csv", 218, 218, 0)],
)
def test_tanks_in_degrees_come_into_the_map(shared_data: Path, name: str, rows: int, loaded: int, refused: int) -> None:
    path = shared_data / "zaatari-wastewater" / name
    delivery = read_delivery([path], srid=32637)
    assert account(delivery) == {name: (rows, loaded, refused, 0)}
    assert [finding.rule for finding in delivery.findings if finding.severity == "error"] == ["R07"] * refused
    with path.open(encoding="utf-8-sig") as file:
        first = next(csv.DictReader(file))
    place = Transformer.from_crs(4326, 32637, always_xy=True).transform(first["LONGITUDE"], first["LATITUDE"])
    point = delivery.nodes.geom[0]
    assert (point.x, point.y) == pytest.approx(place, abs=0.001)
