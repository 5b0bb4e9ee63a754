"""OGC API Tiles (OGC 20-057, 17-083r4): what GDAL finds in a tile is what the items of its box are, and no more."""

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import CRS, Transformer

from pipemap.db import Database
from pipemap.errors import CrsError
from pipemap.sharing import agreements, audit, chains
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.tiles.cache import Made, TileCache
from pipemap.sharing.tiles.grids import Tile, grids, limits
from pipemap.sharing.tiles.serving import TileServer
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

GRIDS = grids(4547)
WEB, OWN = GRIDS["WebMercatorQuad"], GRIDS["EPSG4547Quad"]
EVERYWHERE = shapely.box(X0 - 50, Y0 - 50, X0 + 200, Y0 + 200)
SIZES = ("width_mm", "height_mm", "from_depth_m", "to_depth_m")
DEGREES = Transformer.from_crs(4547, 4326, always_xy=True)


def make_key(
    database: Database,
    area: Any = EVERYWHERE,
    classes: tuple[str, ...] = ("water", "gas"),
    names: Any = SIZES,
    **further: Any,
) -> str:
    terms = Terms("消防局", "抢险", area, classes, names, datetime.now(UTC) + timedelta(days=9), **further)
    with database.transaction() as connection:
        return agreements.issue_key(connection, agreements.agree(connection, terms, "manager"), "manager")


def tile_at(grid: Any, x: float, y: float, level: int) -> Tile:
    """The tile of a level that a place of the town falls into."""
    place = Transformer.from_crs(4547, grid.srid, always_xy=True).transform(x, y)
    row, _, column, _ = grid.range_of((*place, *place), level)
    return Tile(grid, level, row, column)


def path_of(kind: str, tile: Tile) -> str:
    return f"/ogc/collections/{kind}/tiles/{tile.grid.id}/{tile.level}/{tile.row}/{tile.column}"


def opened(body: bytes, tile: Tile, folder: Path) -> dict[str, gpd.GeoDataFrame]:
    """The layers of a tile as GDAL's MVT driver reads them, coordinates of the grid's CRS."""
    path = folder / "tile.pbf"
    path.write_bytes(body)
    left, _, _, top = tile.box
    unit = tile.grid.side_at(tile.level) / 4096

    def placed(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        # Without z/x/y in its path GDAL leaves the tile's own units, y downwards from the top.
        return frame.set_geometry(frame.geometry.set_crs(None, allow_override=True).affine_transform(
            [unit, 0, 0, unit, left, top - 4096 * unit]
        ))  # fmt: skip

    if not body:
        return {}
    return {name: placed(pyogrio.read_dataframe(path, layer=name, CLIP="NO")) for name, _ in pyogrio.list_layers(path)}


def ids(frame: gpd.GeoDataFrame) -> set[int]:
    return set(frame["mvt_id"].astype(int))


def asked(client: httpx.Client, kind: str, tile: Tile, key: str) -> httpx.Response:
    answer = client.get(path_of(kind, tile), headers={"X-API-Key": key})
    assert answer.status_code in (200, 204), answer.text
    return answer


@pytest.mark.parametrize("grid", [WEB, OWN], ids=lambda grid: grid.id)
@pytest.mark.parametrize("level", [15, 17, 19])
def test_a_tile_holds_what_the_items_of_its_box_are(
    client: httpx.Client, town: Town, tmp_path: Path, grid: Any, level: int
) -> None:
    key = make_key(town.database)
    tile = tile_at(grid, X0 + 45, Y0 + 99, level)
    edge = grid.side_at(level) / 64
    box = shapely.box(*tile.box).buffer(edge, join_style="mitre")
    degrees = Transformer.from_crs(grid.srid, 4326, always_xy=True).transform_bounds(*box.bounds, densify_pts=99)
    for kind in ("pipe_segment", "node"):
        found = opened(asked(client, kind, tile, key).content, tile, tmp_path)
        parameters = {"bbox": ",".join(map(repr, degrees)), "limit": 1000}
        items = client.get(f"/ogc/collections/{kind}/items", params=parameters, headers={"X-API-Key": key}).json()
        assert ids(found[kind]) == {item["id"] for item in items["features"]} != set()


def test_depth_and_size_are_whole_numbers_and_only_what_is_granted(
    client: httpx.Client, town: Town, tmp_path: Path
) -> None:
    tile = tile_at(WEB, X0 + 45, Y0 + 99, 16)
    granted = opened(asked(client, "pipe_segment", tile, make_key(town.database)).content, tile, tmp_path)
    by_id = granted["pipe_segment"].set_index("mvt_id")
    water, gas = (by_id.loc[town.ids[name]] for name in ("A->B", "G0->G1"))
    assert (water["z0_cm"], water["z1_cm"], water["dia_mm"], water["class_code"]) == (800, 800, 300, "water")
    assert (gas["z0_cm"], gas["dia_mm"]) == (700, 200)
    assert pd.isna(by_id.loc[town.ids["G1->G2"]]["z0_cm"]), "no made-up height"
    assert pd.isna(water.get("height_mm")), "the height of a round pipe is its width"
    bare = opened(asked(client, "pipe_segment", tile, make_key(town.database, names=())).content, tile, tmp_path)
    assert set(bare["pipe_segment"]) == {"mvt_id", "class_code", "z0_cm", "z1_cm", "geometry"}


def test_a_place_is_kept_to_a_unit_of_the_tile(client: httpx.Client, town: Town, tmp_path: Path) -> None:
    for grid, level in itertools.product((WEB, OWN), (14, 15, 18)):
        tile = tile_at(grid, X0 + 45, Y0 + 99, level)
        found = opened(asked(client, "pipe_segment", tile, make_key(town.database)).content, tile, tmp_path)
        shown = found["pipe_segment"].set_index("mvt_id").geometry[town.ids["A->B"]]
        to_grid = Transformer.from_crs(4547, grid.srid, always_xy=True).transform
        true = shapely.transform(
            shapely.LineString([(X0 + 40, Y0 + 100), (X0 + 60, Y0 + 100)]), to_grid, interleaved=False
        )
        assert shapely.hausdorff_distance(shown, true) <= grid.side_at(level) / 4096


def test_low_levels_are_an_overview_that_says_for_how_many_it_stands(
    client: httpx.Client, town: Town, tmp_path: Path
) -> None:
    tile = tile_at(WEB, X0 + 45, Y0 + 99, 13)
    key = make_key(town.database)
    layers = opened(asked(client, "pipe_segment", tile, key).content, tile, tmp_path)
    assert list(layers) == ["pipe_segment_overview"]
    told = dict(
        zip(layers["pipe_segment_overview"]["class_code"], layers["pipe_segment_overview"]["segments"], strict=True)
    )
    assert told == {"water": 5, "gas": 2}
    refused(client.get(path_of("node", tile), headers={"X-API-Key": key}), 404)
    tileset = client.get("/ogc/collections/pipe_segment/tiles/WebMercatorQuad").json()
    assert [(layer["id"], layer["minTileMatrix"], layer["maxTileMatrix"]) for layer in tileset["layers"]] == [
        ("pipe_segment_overview", "10", "13"),
        ("pipe_segment", "14", "20"),
    ]
    assert "overview" in tileset["description"] or "one feature a class" in tileset["description"]


def test_a_tile_with_too_many_says_so_in_itself_and_in_a_header(
    client: httpx.Client, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipemap.sharing.tiles.vector.MAX_FEATURES", 3)
    tile = tile_at(WEB, X0 + 45, Y0 + 99, 15)
    answer = asked(client, "pipe_segment", tile, make_key(town.database))
    layers = opened(answer.content, tile, tmp_path)
    assert answer.headers["tile-capped"] == "true"
    assert len(layers["pipe_segment"]) == 3 and layers["capped"]["shown"].tolist() == [3]
    assert "tile-capped" not in asked(client, "node", tile_at(WEB, X0, Y0 + 100, 20), make_key(town.database)).headers


def test_outside_of_its_limits_a_tileset_has_no_tile(client: httpx.Client, town: Town) -> None:
    key = {"X-API-Key": make_key(town.database)}
    for tile in (Tile(WEB, 12, 0, 0), Tile(WEB, 16, 30_000, 10), tile_at(WEB, X0 + 5000, Y0, 16), Tile(OWN, 17, 0, 0)):
        refused(client.get(path_of("pipe_segment", tile), headers=key), 404)
    for path in ("WebMercatorQuad/16/65536/1", "WebMercatorQuad/21/1/1", "WebMercatorQuad/3/-1/1", "Other/16/1/1"):
        refused(client.get(f"/ogc/collections/pipe_segment/tiles/{path}", headers=key), 404)
    refused(client.get("/ogc/collections/consumer/tiles/WebMercatorQuad/16/1/1", headers=key), 404)
    refused(client.get("/ogc/collections/node/tiles/WebMercatorQuad/16/x/1", headers=key), 400)
    refused(client.get("/ogc/collections/node/tiles/WebMercatorQuad/16/1/1?style=blue", headers=key), 400)
    refused(client.get("/ogc/tileMatrixSets/Other"), 404)


def test_tilesets_and_grids_are_linked_and_limited(client: httpx.Client, town: Town) -> None:
    key = {"X-API-Key": make_key(town.database)}
    collection = client.get("/ogc/collections/pipe_segment", headers=key).json()
    (listed,) = [link["href"] for link in collection["links"] if link["rel"].endswith("tilesets-vector")]
    tilesets = client.get(listed, headers=key).json()["tilesets"]
    assert [tileset["crs"].rpartition("/")[2] for tileset in tilesets] == ["3857", "4547"]
    for tileset, grid in zip(tilesets, (WEB, OWN), strict=True):
        (item,) = [link for link in tileset["links"] if link["rel"] == "item"]
        assert item["templated"] and item["type"] == "application/vnd.mapbox-vector-tile"
        (limit,) = [one for one in tileset["tileMatrixSetLimits"] if one["tileMatrix"] == "17"]
        inside = tile_at(grid, X0 + 45, Y0 + 99, 17)
        assert limit["minTileRow"] <= inside.row <= limit["maxTileRow"]
        assert limit["minTileCol"] <= inside.column <= limit["maxTileCol"]
        assert limit["maxTileRow"] - limit["minTileRow"] <= 2
        href = item["href"].format(tileMatrix=17, tileRow=inside.row, tileCol=inside.column)
        assert client.get(href, headers=key).headers["content-type"] == item["type"]
        (scheme,) = [link["href"] for link in tileset["links"] if link["rel"].endswith("tiling-scheme")]
        assert_is_the_grid(client.get(scheme).json(), grid)


def assert_is_the_grid(document: dict[str, Any], grid: Any) -> None:
    matrix = document["tileMatrices"][17]
    assert matrix["cellSize"] * 256 * matrix["matrixWidth"] == pytest.approx(grid.side_m)
    assert matrix["scaleDenominator"] == pytest.approx(matrix["cellSize"] / 0.00028)
    corner = [grid.top_m, grid.left_m] if grid is OWN else [grid.left_m, grid.top_m]
    assert matrix["pointOfOrigin"] == corner, "in the axis order of the CRS: EPSG:4547 is northing first"


def test_the_web_grid_is_that_of_the_register() -> None:
    """OGC 17-083r4, annex D.1: scale of level 0, and the tile of a known place as slippy maps number it."""
    assert WEB.side_m / 256 / 0.00028 == pytest.approx(559_082_264.028717)
    first_row, _, first_column, _ = limits(WEB, (13.4, 52.52, 13.4, 52.52), 10)
    assert (first_column, first_row) == (550, 335)


def test_a_key_that_is_revoked_gets_nothing_that_is_kept(client: httpx.Client, town: Town) -> None:
    tile = tile_at(WEB, X0 + 45, Y0 + 99, 16)
    keys = [make_key(town.database) for _ in range(2)]
    assert all(asked(client, "pipe_segment", tile, key).status_code == 200 for key in keys + keys)
    with town.database.transaction() as connection:
        agreements.revoke(connection, 1, "manager", hash_key(keys[0]))
    answers = [client.get(path_of("pipe_segment", tile), headers={"X-API-Key": key}) for key in keys]
    refused(answers[0], 401)
    assert answers[1].status_code == 200
    refused(client.get(path_of("pipe_segment", tile), headers={"X-API-Key": "pmk_forged"}), 401)
    with town.database.transaction(read_only=True) as connection:
        refusals = audit.list_entries(connection, audit.AuditFilter(action="share.refused"))
    assert [entry["details"]["reason"] for entry in refusals] == ["unknown key", "key revoked"]


def test_a_publish_is_seen_at_once_and_a_tile_is_told_from_another(client: httpx.Client, town: Town) -> None:
    tile = tile_at(WEB, X0 + 45, Y0 + 99, 16)
    header = {"X-API-Key": make_key(town.database)}
    first = client.get(path_of("pipe_segment", tile), headers=header)
    assert first.headers["cache-control"] == "private, no-cache"
    known = client.get(path_of("pipe_segment", tile), headers=header | {"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    with town.database.transaction() as connection:
        connection.execute("UPDATE pipemap.pipe_segment SET width_mm = 999 WHERE class_code = 'gas'")
        connection.execute(
            "INSERT INTO pipemap.version (version, changeset_id, author, message, counts)"
            " VALUES (3, 999, 'a', 'm', '{}')"
        )
    again = client.get(path_of("pipe_segment", tile), headers=header | {"If-None-Match": first.headers["etag"]})
    assert again.status_code == 200 and again.content != first.content


def test_every_look_is_on_record_before_it_leaves(client: httpx.Client, town: Town) -> None:
    tile = tile_at(WEB, X0 + 45, Y0 + 99, 16)
    one, other = make_key(town.database), make_key(town.database)
    for key in (one, other, one):
        asked(client, "pipe_segment", tile, key)
    asked(client, "node", tile, one)
    with town.database.transaction(read_only=True) as connection:
        looks = audit.list_entries(connection, audit.AuditFilter(action="share.tile"))
        assert chains.verify(connection).is_intact
    told = [(look["details"]["agreement_id"], look["details"]["kind"], look["details"]["count"]) for look in looks]
    assert told == [(1, "node", 8), (2, "pipe_segment", 7), (1, "pipe_segment", 7)]
    assert looks[0]["details"]["tile"] == f"WebMercatorQuad/16/{tile.row}/{tile.column}"


def test_staff_see_all_of_it_under_their_token(serve: Callable[..., httpx.Client], town: Town) -> None:
    client, path = serve(staff_token="a long secret"), path_of("node", tile_at(WEB, X0 + 45, Y0 + 99, 16))
    refused(client.get(path), 401)
    assert client.get(path, headers={"Authorization": "Bearer a long secret"}).status_code == 200


def test_the_cache_stays_within_its_bytes_and_drops_what_is_least_used() -> None:
    cache = TileCache(10_000)
    for number in range(20):
        cache.keep(number, Made(bytes(2_000)))
        cache.get(0)
    assert cache.held_bytes <= 10_000
    assert cache.get(0) is not None and cache.get(19) is not None and cache.get(5) is None
    cache.keep("large", Made(bytes(20_000)))
    assert cache.get("large") is None and cache.get(19) is not None


def test_a_local_grid_has_no_tiles() -> None:
    with pytest.raises(CrsError, match="local grid"):
        grids(0)


@pytest.mark.parametrize("srid", [4547, 4526, 32650, 2056, 2449])
def test_the_projects_grid_holds_every_place_where_its_system_is_used(srid: int) -> None:
    grid = grids(srid)[f"EPSG{srid}Quad"]
    area = Transformer.from_crs(4326, srid, always_xy=True)
    use = CRS.from_epsg(srid).area_of_use
    assert use is not None
    x, y = area.transform((use.west + use.east) / 2, (use.south + use.north) / 2)
    assert grid.left_m < x < grid.left_m + grid.side_m and grid.top_m - grid.side_m < y < grid.top_m


PLACES = st.tuples(st.integers(-10, 110), st.integers(80, 110))
AREAS = st.lists(PLACES, min_size=3, max_size=5, unique=True).map(shapely.MultiPoint).map(lambda m: m.convex_hull)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    area=AREAS.filter(lambda hull: hull.geom_type == "Polygon" and hull.area > 1),
    classes=st.sets(st.sampled_from(["water", "gas"]), min_size=1),
    names=st.sets(st.sampled_from(SIZES)),
    grid=st.sampled_from([WEB, OWN]),
    level=st.integers(14, 20),
    place=PLACES,
    kind=st.sampled_from(["pipe_segment", "node"]),
)
def test_no_tile_leaks_or_denies(
    town: Town,
    tmp_path: Path,
    area: Any,
    classes: set[str],
    names: set[str],
    grid: Any,
    level: int,
    place: Any,
    kind: str,
) -> None:
    """Against plain shapely: each feature cut to the area and the drawn box, to within a unit of the tile."""
    area = shapely.transform(area, lambda xy: np.add(xy, (X0, Y0)))
    key = hash_key(make_key(town.database, area, tuple(sorted(classes)), tuple(sorted(names))))
    tile = tile_at(grid, X0 + place[0], Y0 + place[1], level)
    server = TileServer(town.database, 30, 2**20)
    layers = opened(server.show(key, server.find(kind, grid.id, level, tile.row, tile.column)).body, tile, tmp_path)
    unit = grid.side_at(level) / 4096
    to_grid = Transformer.from_crs(4547, grid.srid, always_xy=True).transform
    box = shapely.box(*tile.box).buffer(64 * unit, join_style="mitre")
    shown = {
        feature_id: shapely.transform(shapely.force_2d(geom).intersection(area), to_grid, interleaved=False)
        for feature_id, geom in town_features(town, kind, classes).items()
        if not geom.intersection(area).is_empty
    }
    frame = layers.get(kind)
    found = {} if frame is None else dict(zip(frame["mvt_id"].astype(int), frame.geometry, strict=True))
    assert set(found) <= {one for one, geom in shown.items() if geom.distance(box) <= unit}
    must = box.buffer(-unit)
    plain = 2 * unit if kind == "pipe_segment" else -1
    assert set(found) >= {
        one for one, geom in shown.items() if geom.intersects(must) and geom.intersection(must).length > plain
    }
    for one, geom in found.items():
        assert shapely.dwithin(geom, shown[one], 1.5 * unit) and geom.within(shown[one].buffer(1.5 * unit))
    told = {"dia_mm": "width_mm", "d0_cm": "from_depth_m", "d1_cm": "to_depth_m", "height_mm": "height_mm"}
    assert all(told[name] in names for name in (set(frame) if frame is not None else set()) & set(told))


def town_features(town: Town, kind: str, classes: set[str]) -> dict[int, Any]:
    statement = f"SELECT feature_id, ST_AsBinary(geom) AS geom FROM pipemap.{kind} WHERE class_code = ANY (%s)" + (
        " AND coalesce(appurtenance_code, '') <> 'waterworks'" if kind == "node" else ""
    )
    with town.database.transaction(read_only=True) as connection:
        rows = connection.execute(statement, [list(classes)]).fetchall()
    return {row["feature_id"]: shapely.from_wkb(row["geom"]) for row in rows}
