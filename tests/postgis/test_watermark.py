"""From whom a file comes: told by its coordinates, after cuts, reordering and rounding, and of nobody by mistake."""

import itertools
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from pipemap.db import Database
from pipemap.errors import SourceError
from pipemap.sharing import agreements
from pipemap.sharing.accusing import Verdict, whose
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.exchange import ExportRequest, export_package
from pipemap.sharing.granted import Place
from pipemap.sharing.secret import local_secret
from pipemap.sharing.watermark import Pattern, find_moves, new_mark, threshold
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

SECRET = b"s" * 32
SIDE = 7
AREA = shapely.box(499_900, 2_499_900, 500_130, 2_501_000)


@pytest.fixture
def city(database: Database) -> Database:
    """7 x 7 wells in a grid, 20 m apart but for some centimetres, and the pipes along its rows."""
    shift = (
        np.random.default_rng(3).integers(-900, 900, (SIDE, SIDE, 2)) / 1000 + np.random.default_rng(4).random() / 1e4
    )
    at = {(i, j): (20 * i + shift[i, j, 0], 20 * j + shift[i, j, 1]) for i in range(SIDE) for j in range(SIDE)}
    nodes = [node(f"N{i}_{j}", *xy) for (i, j), xy in at.items()]
    lines = [
        segment(f"N{i}_{j}", f"N{i + 1}_{j}", [(*at[i, j], 8), (*at[i + 1, j], 8.5)])
        for i, j in itertools.product(range(SIDE - 1), range(SIDE))
    ]
    publish_now(database, bring_in(database, delivery(nodes, lines)))
    return database


def packed(database: Database, folder: Path, agency: str, format: str, place: Place | None = None) -> tuple[Path, Any]:
    """An agency's package, opened in a folder of its own, and its manifest."""
    terms = Terms(agency, "设计", AREA, ("water",), ("name",), datetime.now(UTC) + timedelta(days=9))
    with database.transaction() as connection:
        key = agreements.issue_key(connection, agreements.agree(connection, terms, "li"), "li")
    (folder / "watermark.key").write_bytes(SECRET)
    request = ExportRequest(format, place or Place())
    package = export_package(database, hash_key(key), request, folder, mark_key=folder / "watermark.key")
    opened = folder / f"{agency}-{format}"
    with zipfile.ZipFile(package.path) as archive:
        archive.extractall(opened)
    return opened, package.manifest


def told(database: Database, path: Path, srid: int | None = None) -> Verdict:
    with database.transaction(read_only=True) as connection:
        return whose(connection, SECRET, path, srid)


def named(database: Database, path: Path, srid: int | None = None) -> str | None:
    recipient = told(database, path, srid).recipient
    return recipient and recipient.agency


FILES = {"gpkg": "pipemap.gpkg"} | {format: f"pipe_segment.{format}" for format in ("shp", "geojson", "csv")}


@pytest.mark.parametrize("format", FILES)
def test_the_recipient_of_a_file_is_named(city: Database, tmp_path: Path, format: str) -> None:
    files = {agency: packed(city, tmp_path, agency, format) for agency in ("水务局", "设计院")}
    for agency, (folder, manifest) in files.items():
        verdict = told(city, folder / FILES[format])
        assert verdict.recipient is not None and verdict.recipient.agency == agency
        assert verdict.recipient.mark == manifest["watermark"]
        assert verdict.packages == 2 and verdict.score > verdict.threshold


def test_a_package_in_degrees_and_one_brought_to_another_system_are_named(city: Database, tmp_path: Path) -> None:
    folder, _ = packed(city, tmp_path, "水务局", "gpkg", Place(out_srid=4326))
    other, _ = packed(city, tmp_path, "设计院", "gpkg")
    pyogrio.read_dataframe(other / "pipemap.gpkg", layer="node").to_crs(4326).to_file(tmp_path / "moved.gpkg")
    assert named(city, folder / "pipemap.gpkg") == "水务局"
    assert named(city, tmp_path / "moved.gpkg") == "设计院"


def test_a_part_reordered_rounded_and_drawn_is_named(city: Database, tmp_path: Path) -> None:
    folder, _ = packed(city, tmp_path, "水务局", "gpkg")
    packed(city, tmp_path, "设计院", "gpkg")
    frame = pyogrio.read_dataframe(folder / "pipemap.gpkg", layer="pipe_segment").sample(frac=1, random_state=1)
    part = frame.clip(shapely.box(499_990, 2_499_990, 500_109, 2_500_130))
    part["geometry"] = shapely.transform(part.geometry.to_numpy(), lambda xy: xy.round(3))
    assert part.length.sum() < 0.95 * frame.length.sum()
    part[["geometry"]].to_file(tmp_path / "part.geojson", engine="pyogrio")
    assert named(city, tmp_path / "part.geojson") == "水务局"
    flat = part[["geometry"]].explode()
    pyogrio.write_dataframe(flat, tmp_path / "part.dxf", driver="DXF")
    assert named(city, tmp_path / "part.dxf") == "水务局"


def test_nobody_is_named_for_what_no_package_holds(city: Database, tmp_path: Path) -> None:
    packed(city, tmp_path, "水务局", "gpkg")
    staff = export_package(city, None, ExportRequest("gpkg"), tmp_path, mark_key=tmp_path / "watermark.key")
    with zipfile.ZipFile(staff.path) as archive:
        assert json.loads(archive.read("manifest.json"))["watermark"] is None
        archive.extractall(tmp_path / "staff")
    assert told(city, tmp_path / "staff" / "pipemap.gpkg").recipient is None
    noisy = pyogrio.read_dataframe(tmp_path / "staff" / "pipemap.gpkg", layer="node")
    noise = np.random.default_rng(1)
    noisy["geometry"] = shapely.transform(noisy.geometry.to_numpy(), lambda xy: xy + noise.normal(0, 0.0006, xy.shape))
    noisy.to_file(tmp_path / "noisy.gpkg")
    assert told(city, tmp_path / "noisy.gpkg").recipient is None


def test_joined_ends_stay_joined_and_nothing_moves_by_a_millimetre(city: Database, tmp_path: Path) -> None:
    folder, _ = packed(city, tmp_path, "水务局", "gpkg")
    staff = export_package(city, None, ExportRequest("gpkg"), tmp_path)
    with zipfile.ZipFile(staff.path) as archive:
        archive.extractall(tmp_path / "staff")
    layers = {name: pyogrio.read_dataframe(folder / "pipemap.gpkg", layer=name) for name in ("node", "pipe_segment")}
    ends = {tuple(xy) for xy in shapely.get_coordinates(layers["pipe_segment"].geometry).tolist()}
    inside = layers["node"][layers["node"].within(AREA.buffer(-25))]
    assert len(inside) and {tuple(xy) for xy in shapely.get_coordinates(inside.geometry).tolist()} <= ends
    before = pyogrio.read_dataframe(tmp_path / "staff" / "pipemap.gpkg", layer="node").set_index("feature_id")
    after = layers["node"].set_index("feature_id")
    far = after.geometry.distance(before.geometry.loc[after.index])
    assert 0.0008 < far.max() < 0.00085
    heights = shapely.get_coordinates(layers["pipe_segment"].geometry, include_z=True)[:, 2]
    assert set(heights[np.isin(heights, (8.0, 8.5))]) == {8.0, 8.5}


def test_a_file_that_only_calls_itself_a_geopackage_opens_nothing(city: Database, tmp_path: Path) -> None:
    vrt = f"<OGRVRTDataSource><OGRVRTLayer name='n'><SrcDataSource>PG:{city.url}</SrcDataSource></OGRVRTLayer>"
    for name, text in {"a.gpkg": vrt + "</OGRVRTDataSource>", "b.geojson": "{", "c.shp": "", "d.doc": "x"}.items():
        (tmp_path / name).write_text(text)
        with pytest.raises(SourceError):
            told(city, tmp_path / name)


def test_the_secret_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "watermark.key"
    assert local_secret(path) == local_secret(path) and len(local_secret(path)) == 32
    assert path.stat().st_mode & 0o077 == 0


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), on_grid=st.booleans())
def test_sixty_vertices_rounded_to_a_millimetre_do_among_a_thousand_packages(seed: int, on_grid: bool) -> None:
    places = np.random.default_rng(seed).uniform(0, 5_000, (60, 2))
    places = places.round(3) if on_grid else places
    marks = [f"{seed}-{number}" for number in range(50)]
    patterns = [Pattern.of(SECRET, mark, 0) for mark in marks]
    moves = find_moves(patterns[0].moved(places).round(3), places, 0)
    scores = [moves.score(pattern) for pattern in patterns]
    assert scores[0] > threshold(1000) > max(scores[1:])


def test_a_strange_pattern_is_found_no_more_often_than_the_bound_says() -> None:
    places = np.random.default_rng(1).uniform(0, 5_000, (60, 2))
    moves = find_moves(Pattern.of(SECRET, "true", 0).moved(places), places, 0)
    scores = np.array([moves.score(Pattern.of(SECRET, new_mark(), 0)) for _ in range(4_000)])
    for t in (1.0, 2.0, 3.0):
        assert (scores >= t).mean() <= np.exp(-(t**2) / 2)
    assert abs(scores.mean()) < 0.1 and 0.9 < scores.std() < 1.1
