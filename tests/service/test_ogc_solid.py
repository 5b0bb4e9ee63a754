"""3D Tiles 1.1 (OGC 22-025r4): every segment once, where PostGIS has it, of its size, with what is granted of it."""

import itertools
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
import shapely
from pyproj import Transformer

from pipemap.sharing import agreements, audit, chains, stores
from pipemap.sharing.agreements import hash_key
from pipemap.sharing.precision import Precision
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused
from tests.service.test_ogc_tiles import EVERYWHERE, make_key

ROOT = "/ogc/collections/pipe_segment/3dtiles"
NAMES = ("source_key", "shape_code", "width_mm", "height_mm", "material_code", "owner", "from_node_id", "installed_on")
BEND = "LINESTRING Z (500060 2500100 8, 500070 2500104 7.5, 500080 2500100 7)"
_TYPES = {5126: "<f4", 5125: "<u4"}
_WIDTHS = {"SCALAR": 1, "VEC3": 3}


@dataclass
class Body:
    """What a client finds of one feature: vertices on the Earth, whether it has walls, and its properties."""

    vertices: Any
    is_solid: bool
    told: dict[str, Any]


@pytest.fixture
def wide_town(town: Town) -> Town:
    """The town with a culvert, a bend, a riser, and a main that is seen from afar."""
    with town.database.transaction() as connection:
        for key, change in {
            "A->B": "shape_code = 'rect', width_mm = 2000, height_mm = 1200",
            "B->V2": f"geom = ST_GeomFromText('{BEND}', 4547)",
            "V2->C": "width_mm = 1200, height_mm = 1200, owner = '供水公司', installed_on = '2001-02-03'",
            "G0->G1": "width_mm = NULL",
        }.items():
            connection.execute(f"UPDATE pipemap.pipe_segment SET {change} WHERE source_key = %s", [key])
    return town


def tiles_of(client: httpx.Client, header: dict[str, str]) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Every tile that a client finds by walking the tree, with its content."""
    address = str(client.base_url.join(f"{ROOT}/tileset.json"))
    tileset = client.get(address, headers=header).json()
    assert tileset["asset"]["version"] == "1.1"
    waiting = [(tileset["root"], tileset["geometricError"])]
    while waiting:
        tile, error = waiting.pop()
        assert tile["geometricError"] <= error
        waiting += [(child, tile["geometricError"]) for child in tile.get("children", ())]
        for child in tile.get("children", ()):
            low, high = (np.array(tile["boundingVolume"]["region"])[part] for part in ([0, 1, 4], [2, 3, 5]))
            inner = np.array(child["boundingVolume"]["region"])
            assert (inner[[0, 1, 4]] >= low).all() and (inner[[2, 3, 5]] <= high).all()
        if "content" in tile:
            answer = client.get(str(httpx.URL(address).join(tile["content"]["uri"])), headers=header)
            assert answer.status_code == 200 and answer.headers["content-type"] == "model/gltf-binary"
            yield tile, answer.content


def bodies_of(client: httpx.Client, key: str) -> dict[int, Body]:
    """Every feature of the tileset, read by the letter of the formats; no feature may come twice."""
    found: dict[int, Body] = {}
    for tile, content in tiles_of(client, {"X-API-Key": key}):
        for feature_id, body in features_of(tile, content):
            assert feature_id not in found
            found[feature_id] = body
    return found


def features_of(tile: dict[str, Any], content: bytes) -> Iterator[tuple[int, Body]]:
    magic, version, length, json_length, kind = struct.unpack_from("<4sIII4s", content)
    assert (magic, version, length, kind) == (b"glTF", 2, len(content), b"JSON")
    document, binary = orjson.loads(content[20 : 20 + json_length]), content[28 + json_length :]

    def raw(view: int) -> bytes:
        described = document["bufferViews"][view]
        assert described["byteOffset"] % 8 == 0
        return binary[described["byteOffset"] : described["byteOffset"] + described["byteLength"]]

    def values(accessor: int) -> Any:
        described = document["accessors"][accessor]
        width = _WIDTHS[described["type"]]
        array = np.frombuffer(raw(described["bufferView"]), _TYPES[described["componentType"]])
        assert len(array) == described["count"] * width
        return array.reshape(-1, width).astype(float)

    rows = list(table_of(document, raw))
    matrix = np.array(tile["transform"]).reshape(4, 4).T
    vertices: dict[int, list[Any]] = {}
    solid: dict[int, bool] = {}
    for primitive in document["meshes"][0]["primitives"]:
        x, y, z = values(primitive["attributes"]["POSITION"]).T
        ids = values(primitive["attributes"]["_FEATURE_ID_0"])[:, 0].astype(int)
        (feature_ids,) = primitive["extensions"]["EXT_mesh_features"]["featureIds"]
        assert feature_ids["featureCount"] == len(set(ids)) and values(primitive["indices"]).max() < len(ids)
        # 3D Tiles turns the y-up of glTF upright before the transform.
        earth = np.column_stack([x, -z, y, np.ones(len(x))]) @ matrix.T
        assert_inside(tile["boundingVolume"]["region"], earth[:, :3])
        for row in set(ids):
            assert row not in vertices
            vertices[row], solid[row] = earth[ids == row, :3], primitive["mode"] == 4
    for row, told in enumerate(rows):
        yield told.pop("feature_id"), Body(vertices[row], solid[row], told)


def table_of(document: dict[str, Any], raw: Any) -> Iterator[dict[str, Any]]:
    metadata = document["extensions"]["EXT_structural_metadata"]
    (table,) = metadata["propertyTables"]
    declared = metadata["schema"]["classes"][table["class"]]["properties"]
    columns = {}
    for name, where in table["properties"].items():
        kind = declared[name]
        if kind["type"] == "STRING":
            offsets = np.frombuffer(raw(where["stringOffsets"]), "<u4")
            texts = raw(where["values"])
            cells = [texts[one:other].decode() for one, other in itertools.pairwise(offsets)]
        else:
            cells = np.frombuffer(raw(where["values"]), kind["componentType"].lower()).tolist()
        assert len(cells) == table["count"]
        columns[name] = [None if cell == kind["noData"] else cell for cell in cells]
    for number in range(table["count"]):
        yield {name: cells[number] for name, cells in columns.items()}


def assert_inside(region: list[float], earth: Any) -> None:
    longitude, latitude, height = Transformer.from_crs(4978, 4979, always_xy=True).transform(*earth.T)
    west, south, east, north, low, high = region
    assert (np.radians(longitude) >= west).all() and (np.radians(longitude) <= east).all()
    assert (np.radians(latitude) >= south).all() and (np.radians(latitude) <= north).all()
    assert (height >= low).all() and (height <= high).all()


def judged(files: list[Path]) -> list[Any]:
    """What Khronos' validator finds in each."""
    tools = Path(sys.executable).parent
    command = [tools / "node", Path(__file__).with_name("gltf_validity.js"), tools.parent / "gltf-validator", *files]
    said = subprocess.run(command, capture_output=True, check=True)
    found: list[Any] = orjson.loads(said.stdout)
    return found


def axes_of(town: Town) -> dict[int, Any]:
    """Axes on the Earth as PostGIS places them."""
    statement = (
        "SELECT feature_id, ST_AsBinary(ST_Transform(geom, 4978)) AS axis FROM pipemap.pipe_segment"
        " WHERE ST_NDims(geom) = 3"
    )
    with town.database.transaction(read_only=True) as connection:
        rows = connection.execute(statement).fetchall()
    return {row["feature_id"]: shapely.get_coordinates(shapely.from_wkb(row["axis"]), include_z=True) for row in rows}


def apart(vertices: Any, start: Any, end: Any) -> Any:
    """Distance of each vertex from the endless line through two places, in space."""
    way = (end - start) / np.linalg.norm(end - start)
    off = vertices - start
    return np.linalg.norm(off - np.outer(off @ way, way), axis=1)


def test_every_segment_of_known_height_comes_once_and_the_others_are_counted(
    client: httpx.Client, wide_town: Town
) -> None:
    key = make_key(wide_town.database, names=NAMES)
    items = client.get("/ogc/collections/pipe_segment/items", headers={"X-API-Key": key}).json()["features"]
    flat = {item["id"] for item in items if len(np.array(item["geometry"]["coordinates"])[0]) == 2}
    found = bodies_of(client, key)
    assert set(found) == {item["id"] for item in items} - flat and flat == {wide_town.ids["G1->G2"]}
    extras = client.get(f"{ROOT}/tileset.json", headers={"X-API-Key": key}).json()["extras"]
    assert (extras["segments"], extras["segments_left_out_for_want_of_a_height"]) == (6, 1)
    assert extras["segments_as_lines_for_want_of_a_size"] == 1
    assert [one for one, body in found.items() if not body.is_solid] == [wide_town.ids["G0->G1"]]


def test_bodies_lie_where_postgis_has_them_with_their_radius_to_a_millimetre(
    client: httpx.Client, wide_town: Town
) -> None:
    found, axes = bodies_of(client, make_key(wide_town.database, names=NAMES)), axes_of(wide_town)
    for key, radius_m in {"W->V1": 0.15, "V1->A": 0.15, "V2->C": 0.6}.items():
        feature_id = wide_town.ids[key]
        assert apart(found[feature_id].vertices, *axes[feature_id]) == pytest.approx(radius_m, abs=1e-3)
        for place in axes[feature_id]:
            middle = np.linalg.norm(found[feature_id].vertices - place, axis=1).min()
            assert middle == pytest.approx(radius_m, abs=1e-3), "the body ends where the axis ends"
    bend = wide_town.ids["B->V2"]
    legs = np.stack([apart(found[bend].vertices, *axes[bend][n : n + 2]) for n in (0, 1)])
    assert np.abs(legs - 0.15).min(axis=0).max() < 1e-3
    bare = wide_town.ids["G0->G1"]
    assert apart(found[bare].vertices, *axes[bare]).max() < 1e-3


def test_a_culvert_is_an_upright_box_of_its_width_and_height(client: httpx.Client, wide_town: Town) -> None:
    culvert = wide_town.ids["A->B"]
    body, (start, end) = (
        bodies_of(client, make_key(wide_town.database, names=NAMES))[culvert],
        axes_of(wide_town)[culvert],
    )
    up = start / np.linalg.norm(start)
    assert apart(body.vertices, start, end) == pytest.approx(np.hypot(1.0, 0.6), abs=2e-3)
    # Up from the middle of the Earth and up from the ellipsoid differ by a fifth of a degree at most.
    assert np.abs((body.vertices - start) @ up).max() == pytest.approx(0.6, abs=0.08)


def test_properties_are_what_is_granted_and_nothing_else(client: httpx.Client, wide_town: Town) -> None:
    names = ("source_key", "width_mm", "owner", "installed_on", "from_node_id")
    found = bodies_of(client, make_key(wide_town.database, names=names))
    assert found[wide_town.ids["V2->C"]].told == {
        "class_code": "water",
        "source_key": "V2->C",
        "width_mm": 1200,
        "owner": "供水公司",
        "installed_on": "2001-02-03",
        "from_node_id": wide_town.ids["V2"],
    }
    assert found[wide_town.ids["A->B"]].told["owner"] == "供水公司"
    assert found[wide_town.ids["W->V1"]].told["owner"] is None
    bare = bodies_of(client, make_key(wide_town.database, names=()))
    assert {frozenset(body.told) for body in bare.values()} == {frozenset({"class_code"})}
    assert not any(body.is_solid for body in bare.values()), "a size that is not granted is not drawn"


def test_bodies_are_cut_at_the_edge_of_the_area(client: httpx.Client, wide_town: Town) -> None:
    area = shapely.box(X0 + 5, Y0 + 95, X0 + 12, Y0 + 105)
    found = bodies_of(client, make_key(wide_town.database, area, ("water",), ("width_mm",)))
    assert set(found) == {wide_town.ids["W->V1"]}
    to_map = Transformer.from_crs(4978, 4547, always_xy=True)
    x, y, z = to_map.transform(*found[wide_town.ids["W->V1"]].vertices.T)
    assert (x.min(), x.max()) == pytest.approx((X0 + 5, X0 + 12), abs=1e-3)
    assert (z.min(), z.max()) == pytest.approx((7.85, 8.15), abs=1e-3) and np.abs(y - Y0 - 100).max() < 0.151


def test_a_tileset_keeps_its_version_when_the_map_goes_on(client: httpx.Client, town: Town) -> None:
    key = {"X-API-Key": make_key(town.database, classes=("water", "gas"))}
    old = client.get(f"{ROOT}/tileset.json", params={"version": 1}, headers=key).json()
    new = client.get(f"{ROOT}/tileset.json", headers=key).json()
    assert (old["extras"]["segments"], new["extras"]["segments"]) == (5, 6)
    assert (old["asset"]["tilesetVersion"], new["asset"]["tilesetVersion"]) == ("1", "2")
    refused(client.get(f"{ROOT}/tileset.json", params={"version": 99}, headers=key), 404)


def test_what_is_not_there_and_who_may_not(client: httpx.Client, town: Town) -> None:
    key = make_key(town.database)
    header = {"X-API-Key": key}
    nowhere = client.get(f"{ROOT}/16/1/1.glb", headers=header)
    assert nowhere.status_code == 204
    for path in ("14/1/1.glb", "16/65536/1.glb", "16/-1/1.glb"):
        refused(client.get(f"{ROOT}/{path}", headers=header), 404)
    refused(client.get("/ogc/collections/node/3dtiles/tileset.json", headers=header), 404)
    refused(client.get(f"{ROOT}/tileset.json?version=x", headers=header), 400)
    refused(client.get(f"{ROOT}/tileset.json?colour=red", headers=header), 400)
    links = client.get("/ogc/collections/pipe_segment", headers=header).json()["links"]
    assert [link["href"].partition("/ogc")[2] for link in links if "3dtiles" in link["href"]] == [
        "/collections/pipe_segment/3dtiles/tileset.json"
    ]
    with town.database.transaction() as connection:
        agreements.revoke(connection, 1, "manager", hash_key(key))
    for path in ("tileset.json", "16/1/1.glb"):
        refused(client.get(f"{ROOT}/{path}", headers=header), 401)


@pytest.mark.parametrize("precision", [Precision("exact", "exact"), Precision("grid_1m", "step_0.5m")])
def test_every_content_is_gltf_to_the_letter(
    client: httpx.Client, wide_town: Town, tmp_path: Path, precision: Precision
) -> None:
    with wide_town.database.transaction() as connection:
        stores.refresh(connection, precision)
    terms = {"position_precision": precision.position, "depth_precision": precision.depth}
    key = {"X-API-Key": make_key(wide_town.database, names=NAMES, **terms)}
    files = []
    for number, (_, content) in enumerate(tiles_of(client, key)):
        files.append(tmp_path / f"{number}.glb")
        files[-1].write_bytes(content)
    assert files
    broken = tmp_path / "broken.glb"
    broken.write_bytes(files[0].read_bytes().replace(b'"asset"', b'"asses"'))
    *whole, of_broken = judged([*files, broken])
    assert of_broken["numErrors"]
    for file, issues in zip(files, whole, strict=True):
        assert (issues["numErrors"], issues["numWarnings"]) == (0, 0), (file.name, issues)
        # The validator does not know these two, and so not what the views of the second are for.
        assert {(one["code"], one["message"].rpartition(" ")[2] or one["pointer"]) for one in issues["messages"]} <= {
            ("UNSUPPORTED_EXTENSION", "'EXT_mesh_features'."),
            ("UNSUPPORTED_EXTENSION", "'EXT_structural_metadata'."),
            ("UNUSED_OBJECT", "unused."),
        }


def test_nothing_granted_is_an_empty_tree_and_every_look_is_on_record(client: httpx.Client, town: Town) -> None:
    bare = make_key(town.database, classes=("heat",))
    assert list(tiles_of(client, {"X-API-Key": bare})) == []
    bodies_of(client, make_key(town.database, EVERYWHERE))
    with town.database.transaction(read_only=True) as connection:
        looks = audit.list_entries(connection, audit.AuditFilter(action="share.tile"))
        assert chains.verify(connection).is_intact
    # The edge of a tile lies between the gas main and the water.
    assert sorted((look["details"]["format"], look["details"]["count"]) for look in looks) == [
        ("glb", 1),
        ("glb", 5),
        ("tileset", 0),
        ("tileset", 6),
    ]
