"""OGC API Tiles Part 1 (OGC 20-057): each requirement of the classes that are claimed, by its name."""

from pathlib import Path
from typing import Any

import httpx
import pyogrio
import pytest
import shapely

from api.ogc.landing import CONFORMS_TO
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused
from tests.service.test_ogc_tiles import GRIDS, make_key, tile_at

MVT = "application/vnd.mapbox-vector-tile"
KINDS = ("node", "pipe_segment")
TILING_SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
LEVEL = 17
AREA = shapely.box(X0 - 50, Y0 - 50, X0 + 600, Y0 + 600)


@pytest.fixture
def key(town: Town) -> dict[str, str]:
    return {"X-API-Key": make_key(town.database, AREA)}


@pytest.fixture
def tilesets(client: httpx.Client, key: dict[str, str]) -> list[dict[str, Any]]:
    return [
        tileset
        for kind in KINDS
        for tileset in client.get(f"/ogc/collections/{kind}/tiles", headers=key).json()["tilesets"]
    ]


def only(document: dict[str, Any], rel: str) -> dict[str, Any]:
    (found,) = [link for link in document["links"] if link["rel"] == rel]
    return found


def grid_of(tileset: dict[str, Any]) -> Any:
    return next(grid for grid in GRIDS.values() if tileset["crs"].endswith(f"/{grid.srid}"))


def address(tileset: dict[str, Any], x: float, y: float, level: int = LEVEL) -> str:
    tile = tile_at(grid_of(tileset), x, y, level)
    return only(tileset, "item")["href"].format(tileMatrix=level, tileRow=tile.row, tileCol=tile.column)


def test_the_classes_are_claimed(client: httpx.Client) -> None:
    claimed = {name.rpartition("/")[2] for name in CONFORMS_TO if "ogcapi-tiles-1" in name}
    assert claimed == {"core", "tileset", "tilesets-list", "geodata-tilesets", "mvt", "oas30"}


def test_core_tc_op_tiles_are_where_the_template_says(
    client: httpx.Client, key: dict[str, str], tilesets: list[dict[str, Any]]
) -> None:
    for tileset in tilesets:
        assert client.get(address(tileset, X0 + 45, Y0 + 99), headers=key).status_code == 200


def test_core_tc_success_is_a_tile_in_the_media_type_of_its_link(
    client: httpx.Client, key: dict[str, str], tilesets: list[dict[str, Any]]
) -> None:
    for tileset in tilesets:
        answer = client.get(address(tileset, X0 + 45, Y0 + 99), headers=key)
        assert answer.headers["content-type"] == only(tileset, "item")["type"] == MVT


def test_core_tc_error_outside_of_the_limits_is_not_found_and_an_empty_tile_has_no_content(
    client: httpx.Client, key: dict[str, str], tilesets: list[dict[str, Any]]
) -> None:
    for tileset in tilesets:
        empty = address(tileset, X0 + 590, Y0 + 590, 20)
        assert client.get(empty, headers=key).status_code == 204
        outside = address(tileset, X0 + 9000, Y0)
        refused(client.get(outside, headers=key), 404)
        template = only(tileset, "item")["href"]
        for level, row, column in ((LEVEL, 2**LEVEL, 0), (LEVEL, 0, 2**LEVEL), (99, 0, 0), (LEVEL, 0, 0)):
            refused(client.get(template.format(tileMatrix=level, tileRow=row, tileCol=column), headers=key), 404)


def test_tileset_description_is_whole(
    client: httpx.Client, key: dict[str, str], tilesets: list[dict[str, Any]]
) -> None:
    for listed in tilesets:
        tileset = client.get(only(listed, "self")["href"], headers=key | {"Accept": "application/json"}).json()
        assert tileset["dataType"] == "vector" and tileset["crs"].startswith("http://www.opengis.net/def/crs/EPSG/0/")
        if grid_of(tileset).id == "WebMercatorQuad":
            assert tileset["tileMatrixSetURI"].startswith("http://www.opengis.net/def/tilematrixset/OGC/1.0/")
        scheme = client.get(only(tileset, TILING_SCHEME)["href"]).json()
        assert scheme["crs"] == tileset["crs"]
        known = {matrix["id"]: matrix for matrix in scheme["tileMatrices"]}
        for limit in tileset["tileMatrixSetLimits"]:
            matrix = known[limit["tileMatrix"]]
            assert 0 <= limit["minTileRow"] <= limit["maxTileRow"] < matrix["matrixHeight"]
            assert 0 <= limit["minTileCol"] <= limit["maxTileCol"] < matrix["matrixWidth"]
        item = only(tileset, "item")
        assert item["templated"] is True and item["type"] == MVT
        assert all(f"{{{name}}}" in item["href"] for name in ("tileMatrix", "tileRow", "tileCol"))


def test_tilesets_list_tileset_links_lead_to_each_tileset_and_its_grid(
    client: httpx.Client, key: dict[str, str], tilesets: list[dict[str, Any]]
) -> None:
    assert len(tilesets) == 4
    for listed in tilesets:
        whole = client.get(only(listed, "self")["href"], headers=key).json()
        assert all(whole[name] == listed[name] for name in ("dataType", "crs", "tileMatrixSetURI"))
        assert client.get(only(listed, TILING_SCHEME)["href"]).status_code == 200


def test_geodata_tilesets_are_linked_from_their_collection(client: httpx.Client, key: dict[str, str]) -> None:
    for kind in KINDS:
        collection = client.get(f"/ogc/collections/{kind}", headers=key).json()
        href = only(collection, "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector")["href"]
        assert href == f"{str(client.base_url).rstrip('/')}/ogc/collections/{kind}/tiles"
        assert client.get(href, headers=key).json()["tilesets"]


def test_mvt_content_is_one_tile_whose_features_have_a_place(
    client: httpx.Client, key: dict[str, str], tilesets: list[dict[str, Any]], tmp_path: Path
) -> None:
    for tileset in tilesets:
        path = tmp_path / "tile.pbf"
        path.write_bytes(client.get(address(tileset, X0 + 45, Y0 + 99), headers=key).content)
        layers = {layer["id"] for layer in tileset["layers"]}
        for name, geometry_type in pyogrio.list_layers(path):
            assert name in layers and geometry_type is not None
            assert not pyogrio.read_dataframe(path, layer=name).geometry.is_empty.any()


def test_oas30_completeness_every_tile_resource_is_described(
    client: httpx.Client, key: dict[str, str], tilesets: list[dict[str, Any]]
) -> None:
    document = client.get("/ogc/api").json()
    base = document["servers"][0]["url"]
    for tileset in tilesets:
        hrefs = [only(tileset, rel)["href"] for rel in ("self", "item", TILING_SCHEME, "geodata")]
        for href in [*hrefs, only(tileset, "geodata")["href"] + "/tiles"]:
            assert any(fits(path, href.removeprefix(base)) for path in document["paths"]), href
    described = document["components"]["parameters"]
    for path, operations in document["paths"].items():
        names = [described[one["$ref"].rpartition("/")[2]] for one in operations["get"]["parameters"]]
        assert {f"{{{one['name']}}}" for one in names if one["in"] == "path"} == set(wildcards(path))


def wildcards(path: str) -> list[str]:
    return [part.removesuffix(".glb") for part in path.split("/") if part.startswith("{")]


def fits(path: str, asked: str) -> bool:
    parts, given = path.split("/"), asked.split("/")
    return len(parts) == len(given) and all(
        part.startswith("{") or part == one for part, one in zip(parts, given, strict=True)
    )


def test_oas30_operation_id_ends_as_the_standard_has_it(client: httpx.Client) -> None:
    paths = client.get("/ogc/api").json()["paths"]
    ids = {path: operations["get"]["operationId"] for path, operations in paths.items()}
    assert len(set(ids.values())) == len(ids)
    tiles = "/collections/{kind}/tiles"
    assert ids[tiles].endswith(".collection.vector.getTileSetsList")
    assert ids[f"{tiles}/{{tileMatrixSetId}}"].endswith(".collection.vector.getTileSet")
    assert ids[f"{tiles}/{{tileMatrixSetId}}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"].endswith(
        ".collection.vector.getTile"
    )
    assert ids["/tileMatrixSets"] == "getTileMatrixSetsList" and ids["/tileMatrixSets/{tileMatrixSetId}"] == (
        "getTileMatrixSet"
    )
