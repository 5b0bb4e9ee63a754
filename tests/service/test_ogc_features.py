"""OGC API Features, Parts 1 and 2, requirement by requirement (OGC 17-069r4, 18-058), with real clients besides."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import openapi_spec_validator
import pyogrio
import pytest
import shapely
from owslib.ogcapi.features import Features
from pyproj import Transformer

from api.ogc.crs import CRS84, CRS84H, epsg_uri
from api.ogc.landing import CONFORMS_TO
from pipemap.changesets import create_edit
from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms
from tests.postgis.deliveries import publish_now
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

SEGMENTS, NODES = "/ogc/collections/pipe_segment/items", "/ogc/collections/node/items"
TO_DEGREES = Transformer.from_crs(4547, 4326, always_xy=True)
AROUND = ",".join(map(str, TO_DEGREES.transform_bounds(X0 - 10, Y0 - 10, X0 + 110, Y0 + 110)))
HALF = ",".join(map(str, TO_DEGREES.transform_bounds(X0 + 55, Y0 + 95, X0 + 200, Y0 + 110)))


@pytest.fixture
def agency(town: Town) -> dict[str, str]:
    """The header of an agency that may read water and gas everywhere."""
    area = shapely.box(X0 - 50, Y0 - 50, X0 + 200, Y0 + 200)
    names = ("source_key", "owner", "width_mm", "from_node_id")
    terms = Terms("消防局", "抢险", area, ("water", "gas"), names, datetime.now(UTC) + timedelta(days=9))
    with town.database.transaction() as connection:
        number = agreements.agree(connection, terms, "manager")
        return {"X-API-Key": agreements.issue_key(connection, number, "manager")}


@pytest.fixture(params=["staff", "agency"])
def asking(request: pytest.FixtureRequest, client: httpx.Client, agency: dict[str, str]) -> Iterator[httpx.Client]:
    """The service as staff meet it, and as an agency does."""
    if request.param == "agency":
        client.headers.update(agency)
    yield client


def keys(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [feature["properties"]["source_key"] for feature in answer.json()["features"]]


def linked(document: dict[str, Any], rel: str) -> list[str]:
    return [link["href"] for link in document["links"] if link["rel"] == rel]


def test_core_root_op_links_to_everything_absolutely(client: httpx.Client) -> None:
    landing = client.get("/ogc").json()
    for rel in ("self", "service-desc", "service-doc", "conformance", "data"):
        (href,) = linked(landing, rel)
        assert href.startswith(str(client.base_url).rstrip("/") + "/ogc")
        assert client.get(href).status_code == 200
    assert all(link["type"] and link["title"] for link in landing["links"])
    assert client.get("/ogc/").json()["title"] == landing["title"]


def test_core_links_begin_with_the_address_that_is_configured(serve: Callable[..., httpx.Client], town: Town) -> None:
    client = serve(public_url="https://map.example.cn/")
    landing = client.get("/ogc", headers={"Host": "evil.example"}).json()
    assert {link["href"].partition("/ogc")[0] for link in landing["links"]} == {"https://map.example.cn"}


def test_core_conformance_names_only_what_is_there(client: httpx.Client) -> None:
    assert client.get("/ogc/conformance").json()["conformsTo"] == list(CONFORMS_TO)


def test_oas30_the_description_is_valid_openapi_3_0(client: httpx.Client) -> None:
    answer = client.get("/ogc/api")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    assert answer.json()["openapi"].startswith("3.0")
    openapi_spec_validator.validate(answer.json())


def test_core_collections_tell_extent_crs_and_where_the_items_are(asking: httpx.Client, town: Town) -> None:
    document = asking.get("/ogc/collections").json()
    assert [one["id"] for one in document["collections"]] == ["node", "pipe_segment"]
    for collection in document["collections"]:
        west, south, east, north = collection["extent"]["spatial"]["bbox"][0]
        assert collection["extent"]["spatial"]["crs"] == CRS84
        x, y = TO_DEGREES.transform(X0 + 50, Y0 + 95)
        assert west < x < east and south < y < north
        assert collection["extent"]["temporal"]["interval"][0][1] is None
        for href in linked(collection, "items"):
            assert asking.get(href).status_code == 200
        alone = asking.get(f"/ogc/collections/{collection['id']}").json()
        assert {name: alone[name] for name in collection if name != "links"} == {
            name: collection[name] for name in collection if name != "links"
        }
        assert linked(alone, "self") and linked(alone, "items")


def test_core_what_is_not_there_is_not_found(asking: httpx.Client) -> None:
    for path in ("consumer", "nothing", "node/nothing", "nothing/items", "nothing/queryables", "node/items/x",
                 "node/items/-1", "node/items/99999999999999999999", "pipe_segment/items/1"):  # fmt: skip
        refused(asking.get(f"/ogc/collections/{path}"), 404)


def test_core_query_param_invalid_and_unknown_are_bad_requests(asking: httpx.Client) -> None:
    queries = """
        limit=0 limit=-1 limit=abc bbox=1,2,3 bbox=a,b,c,d bbox=nan,0,1,1 bbox=4,4,1,1 bbox=0,0,9,1,1,1
        datetime=garbage datetime=2026-01-01T00:00:00 datetime=.. datetime=2/3/4
        datetime=2026-02-01T00:00:00Z/2026-01-01T00:00:00Z unknown=1 BBOX=1,2,3,4 crs=EPSG:4547
        crs=http://www.opengis.net/def/crs/EPSG/0/32650 bbox-crs=nothing page=x page=1 f=xml width_mm=wide
        f=json&limit= geom=1 owner=%00 filter-lang=sql filter-crs=nothing limit=1&limit=2"""
    for query in queries.split():
        refused(asking.get(f"{SEGMENTS}?{query}"), 400)


def test_core_unknown_parameters_are_refused_everywhere(asking: httpx.Client) -> None:
    for path in ("", "/conformance", "/api", "/collections", "/collections/node", "/collections/node/queryables"):
        refused(asking.get(f"/ogc{path}?unknown=1"), 400)
    refused(asking.get(f"{NODES}/1?bbox=1,2,3,4"), 400)


def test_core_a_limit_above_the_most_is_taken_as_that(asking: httpx.Client) -> None:
    assert len(keys(asking.get(f"{SEGMENTS}?limit=1000000"))) == 7


def test_core_pages_follow_each_other_without_loss_or_repeat(asking: httpx.Client, town: Town) -> None:
    href, seen, pages = f"{SEGMENTS}?limit=2&bbox={AROUND}", [], 0
    while href:
        answer = asking.get(href)
        assert answer.json()["numberReturned"] == len(keys(answer))
        seen += keys(answer)
        href, pages = next(iter(linked(answer.json(), "next")), ""), pages + 1
        if pages == 2:
            # A publish in between: one is removed, one comes in.
            gone = {"kind": "pipe_segment", "op": "delete", "feature_id": town.ids["V2->C"]}
            edit = create_edit(town.database, title="gone", author="a", changes=[gone])
            publish_now(town.database, edit)
    assert sorted(seen) == ["A->B", "B->V2", "G0->G1", "G1->G2", "V1->A", "V2->C", "W->V1"] and pages == 4
    assert "V2->C" not in keys(asking.get(SEGMENTS))


def test_core_bbox_of_four_and_of_six_numbers(asking: httpx.Client) -> None:
    assert sorted(keys(asking.get(f"{SEGMENTS}?bbox={HALF}"))) == ["A->B", "B->V2", "V2->C"]
    west, south, east, north = AROUND.split(",")
    # Gas lies at 7 m, water at 8 m; what is of unknown height may lie anywhere.
    deep = f"{west},{south},6.5,{east},{north},7.5"
    assert sorted(keys(asking.get(f"{SEGMENTS}?bbox={deep}"))) == ["G0->G1", "G1->G2"]


def test_core_a_box_around_the_world_holds_everything_and_one_elsewhere_nothing(asking: httpx.Client) -> None:
    assert len(keys(asking.get(f"{SEGMENTS}?bbox=-180,-90,180,90"))) == 7
    assert keys(asking.get(f"{SEGMENTS}?bbox=0,0,10,10")) == []
    # Over the antimeridian.
    assert keys(asking.get(f"{SEGMENTS}?bbox=177,65,-177,70")) == []
    assert len(keys(asking.get(f"{SEGMENTS}?bbox=100,-90,-150,90"))) == 7
    point = ",".join(map(str, TO_DEGREES.transform(X0 + 40, Y0 + 100)))
    assert set(keys(asking.get(f"{NODES}?bbox={AROUND}"))) >= {"A", "B"}
    assert keys(asking.get(f"{NODES}?bbox={point},{point}")) == ["A"]


def test_core_datetime_is_the_map_as_of_then(asking: httpx.Client, town: Town) -> None:
    with town.database.transaction(read_only=True) as connection:
        rows = connection.execute("SELECT version, published_at FROM pipemap.version ORDER BY 1").fetchall()
    first, second = (row["published_at"].isoformat() for row in rows)
    water = ["A->B", "B->V2", "V1->A", "V2->C", "W->V1"]

    def at(moment: str) -> list[str]:
        return sorted(keys(asking.get(SEGMENTS, params={"datetime": moment})))

    assert at(first) == at(f"../{first}") == at(f"2000-01-01T00:00:00Z/{first}") == water
    assert (
        at(second) == at(f"{first}/..") == at(f"{first}/") == at("2999-01-01") == sorted(["G0->G1", "G1->G2", *water])
    )
    assert at("2000-01-01T00:00:00Z") == []
    item = f"{SEGMENTS}/{town.ids['A->B']}"
    assert asking.get(item, params={"datetime": first}).json()["properties"]["owner"] is None
    assert asking.get(item).json()["properties"]["owner"] == "供水公司"
    refused(asking.get(f"{SEGMENTS}/{town.ids['G0->G1']}", params={"datetime": first}), 404)


def test_core_properties_are_parameters(asking: httpx.Client) -> None:
    assert keys(asking.get(f"{SEGMENTS}?owner=供水公司")) == ["A->B"]
    assert sorted(keys(asking.get(f"{SEGMENTS}?class_code=gas&bbox={AROUND}"))) == ["G0->G1", "G1->G2"]


def test_a_property_that_is_not_granted_cannot_be_asked_for(client: httpx.Client, agency: dict[str, str]) -> None:
    hidden = refused(client.get(f"{SEGMENTS}?material_code=steel", headers=agency))
    absent = refused(client.get(f"{SEGMENTS}?nothing_code=steel", headers=agency))
    assert hidden["detail"].replace("material", "nothing") == absent["detail"]
    assert client.get(f"{SEGMENTS}?material_code=steel").status_code == 200


def test_core_an_item_links_to_itself_and_its_collection(asking: httpx.Client, town: Town) -> None:
    answer = asking.get(f"{SEGMENTS}/{town.ids['A->B']}")
    assert answer.headers["content-type"] == "application/geo+json"
    feature = answer.json()
    assert (feature["type"], feature["id"], feature["properties"]["source_key"]) == (
        "Feature",
        town.ids["A->B"],
        "A->B",
    )
    assert asking.get(linked(feature, "self")[0]).json()["id"] == feature["id"]
    assert asking.get(linked(feature, "collection")[0]).json()["id"] == "pipe_segment"
    again = asking.get(f"{SEGMENTS}/{town.ids['A->B']}", headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304 and not again.content
    page = asking.get(f"{SEGMENTS}/{town.ids['A->B']}?f=html", headers={"If-None-Match": answer.headers["ETag"]})
    assert page.status_code == 200 and page.headers["content-crs"] == answer.headers["content-crs"]


def test_geojson_is_answered_whatever_json_is_asked_for(asking: httpx.Client) -> None:
    for accept in ("application/geo+json", "application/json", "*/*", "", "text/html;q=0", "text/html;q=0.5,*/*"):
        assert asking.get(SEGMENTS, headers={"Accept": accept}).headers["content-type"] == "application/geo+json"
    for accept in ("TEXT/HTML", "text/*", "application/geo+json;q=0.5, text/html", "*/*;q=0.1, text/html"):
        assert asking.get(SEGMENTS, headers={"Accept": accept}).headers["content-type"].startswith("text/html")


def test_head_tells_what_get_would(asking: httpx.Client) -> None:
    for path in ("/ogc", "/ogc/collections", f"{SEGMENTS}?limit=1", "/ogc/tileMatrixSets"):
        head, answer = asking.head(path), asking.get(path)
        assert (head.status_code, head.content) == (200, b"")
        assert all(head.headers[name] == answer.headers[name] for name in ("content-type", "content-length"))


def test_html_pages_exist_for_everything(asking: httpx.Client, town: Town) -> None:
    paths = ["", "/conformance", "/api", "/collections", "/collections/node", "/collections/node/queryables"]
    paths += ["/collections/node/items", f"/collections/node/items/{town.ids['A']}"]
    for path in paths:
        page = asking.get(f"/ogc{path}", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
        assert page.headers["content-type"].startswith("text/html"), path
        assert (
            "Links" in page.text
            and asking.get(f"/ogc{path}?f=html").headers["content-type"] == page.headers["content-type"]
        )
    assert "供水公司" in asking.get(f"{SEGMENTS}?f=html").text


def test_crs_every_collection_lists_them_and_what_it_is_stored_in(asking: httpx.Client) -> None:
    for collection in asking.get("/ogc/collections").json()["collections"]:
        assert {CRS84, CRS84H, epsg_uri(4547)} <= set(collection["crs"])
        assert collection["storageCrs"] == epsg_uri(4547) in collection["crs"]


def test_crs_answers_keep_the_axis_order_of_the_system_to_a_millimetre(asking: httpx.Client, town: Town) -> None:
    def place(crs: str | None) -> tuple[list[float], str]:
        answer = asking.get(f"{NODES}/{town.ids['A']}", params={"crs": crs} if crs else {})
        return answer.json()["geometry"]["coordinates"], answer.headers["content-crs"]

    lon, lat = TO_DEGREES.transform(X0 + 40, Y0 + 100)
    assert place(epsg_uri(4547)) == (pytest.approx([Y0 + 100, X0 + 40], abs=1e-3), f"<{epsg_uri(4547)}>")
    assert place(None) == (pytest.approx([lon, lat], abs=1e-8), f"<{CRS84}>")
    assert place(CRS84H) == (pytest.approx([lon, lat], abs=1e-8), f"<{CRS84H}>")
    assert place(epsg_uri(4326)) == (pytest.approx([lat, lon], abs=1e-8), f"<{epsg_uri(4326)}>")
    web = Transformer.from_crs(4547, 3857, always_xy=True).transform(X0 + 40, Y0 + 100)
    assert place(epsg_uri(3857))[0] == pytest.approx(web, abs=1e-3)


def test_crs_a_box_means_the_same_in_every_system(asking: httpx.Client) -> None:
    for srid in (4547, 4326, 4490, 3857):
        # Axes as the register orders them: 4547 itself is northing first.
        to = Transformer.from_crs(4547, srid)
        corners = [to.transform(Y0 + y, X0 + x) for x, y in ((55, 95), (200, 95), (55, 110), (200, 110))]
        first, second = zip(*corners, strict=True)
        box = f"{min(first)},{min(second)},{max(first)},{max(second)}"
        asked = {"bbox": box, "bbox-crs": epsg_uri(srid)}
        assert sorted(keys(asking.get(SEGMENTS, params=asked))) == ["A->B", "B->V2", "V2->C"], srid


def test_heights_stay_those_of_the_map_in_every_system(asking: httpx.Client, town: Town) -> None:
    for crs in (CRS84, CRS84H, epsg_uri(4547), epsg_uri(3857)):
        line = asking.get(f"{SEGMENTS}/{town.ids['A->B']}", params={"crs": crs}).json()["geometry"]["coordinates"]
        assert [z for *_, z in line] == [8, 8]
    flat = asking.get(f"{SEGMENTS}/{town.ids['G1->G2']}").json()["geometry"]["coordinates"]
    assert {len(place) for place in flat} == {2}


def test_queryables_are_what_the_asker_is_granted(client: httpx.Client, agency: dict[str, str]) -> None:
    answer = client.get("/ogc/collections/pipe_segment/queryables", headers=agency)
    assert answer.headers["content-type"] == "application/schema+json"
    granted = {"class_code", "source_key", "owner", "width_mm", "from_node_id", "geometry"}
    assert set(answer.json()["properties"]) == granted
    assert answer.json()["properties"]["geometry"] == {"format": "geometry-linestring"}
    assert set(client.get("/ogc/collections/pipe_segment/queryables").json()["properties"]) > granted


def test_filter_text_and_json_select_alike_and_join_with_the_rest(asking: httpx.Client) -> None:
    text = "class_code = 'gas' OR owner = '供水公司'"
    tree = {"op": "or", "args": [{"op": "=", "args": [{"property": "class_code"}, "gas"]},
                                 {"op": "=", "args": [{"property": "owner"}, "供水公司"]}]}  # fmt: skip
    as_json = {"filter": json.dumps(tree), "filter-lang": "cql2-json"}
    for asked in ({"filter": text}, {"filter": text, "filter-lang": "cql2-text"}, as_json):
        assert sorted(keys(asking.get(SEGMENTS, params=asked))) == ["A->B", "G0->G1", "G1->G2"]
        assert keys(asking.get(SEGMENTS, params={**asked, "bbox": HALF, "limit": 1})) == ["A->B"]
        assert keys(asking.get(SEGMENTS, params={**asked, "class_code": "water"})) == ["A->B"]


def test_filter_crs_says_how_its_geometries_are_given(asking: httpx.Client) -> None:
    west, south, east, north = HALF.split(",")
    in_degrees = {"filter": f"S_INTERSECTS(geometry, BBOX({west},{south},{east},{north}))"}
    northing = {
        "filter": f"S_INTERSECTS(geometry, BBOX({Y0 + 95},{X0 + 55},{Y0 + 110},{X0 + 200}))",
        "filter-crs": epsg_uri(4547),
    }
    for asked in (in_degrees, northing):
        assert sorted(keys(asking.get(SEGMENTS, params=asked))) == ["A->B", "B->V2", "V2->C"]


def test_filter_that_is_invalid_or_asks_for_what_is_hidden_is_a_bad_request(
    client: httpx.Client, agency: dict[str, str]
) -> None:
    for asked in ({"filter": "owner ="}, {"filter": "true", "filter-lang": "sql"}, {"filter": "nothing = 1"},
                  {"filter": "true", "filter-crs": "EPSG:4547"}, {"filter": ""}, {"filter": "{}"}):  # fmt: skip
        refused(client.get(SEGMENTS, params=asked, headers=agency), 400)
    backslash = refused(client.get(SEGMENTS, params={"filter": r"source_key LIKE 'a\'"}, headers=agency), 400)
    assert "LIKE ends in a backslash" in backslash["detail"], "in our words, not those of the database"
    number = refused(client.get(SEGMENTS, params={"width_mm": "wide"}, headers=agency), 400)
    assert "syntax" not in number["detail"]
    hidden = refused(client.get(SEGMENTS, params={"filter": "material_code = 'x'"}, headers=agency))
    absent = refused(client.get(SEGMENTS, params={"filter": "nothing_code = 'x'"}, headers=agency))
    assert hidden["detail"].replace("material", "nothing") == absent["detail"]


def test_gdal_reads_what_is_granted_with_its_heights(
    client: httpx.Client, agency: dict[str, str], tmp_path: Path
) -> None:
    url, key = f"OAPIF:{client.base_url}/ogc", agency["X-API-Key"]
    config = ["--config", "GDAL_HTTP_HEADERS", f"X-API-Key: {key}"]
    command = ["ogr2ogr", "-f", "GPKG", str(tmp_path / "got.gpkg"), url, "-oo", "PAGE_SIZE=3", *config]
    # Readers of deliveries leave GDAL without its drivers for services; this GDAL is another agency's.
    ran = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300, env={"PATH": os.environ["PATH"]}
    )
    assert ran.returncode == 0, ran.stderr
    segments = pyogrio.read_dataframe(tmp_path / "got.gpkg", layer="pipe_segment")
    assert sorted(segments["source_key"]) == ["A->B", "B->V2", "G0->G1", "G1->G2", "V1->A", "V2->C", "W->V1"]
    x, y = TO_DEGREES.transform(X0 + 40, Y0 + 100)
    line = segments.set_index("source_key").geometry["A->B"]
    assert list(line.coords[0]) == pytest.approx([x, y, 8], abs=1e-8)


def test_no_request_made_from_the_description_meets_a_server_error(client: httpx.Client, tmp_path: Path) -> None:
    checks = "not_a_server_error,status_code_conformance,content_type_conformance"
    command = [Path(sys.executable).parent / "schemathesis", "run", f"{client.base_url}/ogc/api", "--checks", checks]
    bounded = ["--max-examples", "8", "--phases", "coverage,fuzzing", "--seed", "1", "--no-color"]
    ran = subprocess.run([*command, *bounded], check=False, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_owslib_reads_collections_and_items(client: httpx.Client, agency: dict[str, str]) -> None:
    reader = Features(f"{client.base_url}/ogc", headers=agency)
    assert reader.feature_collections() == ["node", "pipe_segment"]
    found = reader.collection_items("pipe_segment", bbox=list(map(float, HALF.split(","))), limit=10)
    assert sorted(one["properties"]["source_key"] for one in found["features"]) == ["A->B", "B->V2", "V2->C"]
    queryables = reader.collection_queryables("pipe_segment")
    assert json.dumps(queryables["properties"]["width_mm"])
