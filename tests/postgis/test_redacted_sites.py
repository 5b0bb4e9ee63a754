"""Sensitive sites: left out, or a padded shape with a telephone number that tells neither what nor where exactly."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
import shapely
from shapely.geometry import shape

from pipemap.db import Database
from pipemap.sharing import audit
from pipemap.sharing.agreements import hash_key
from pipemap.sharing.exchange import ExportRequest, export_package
from pipemap.sharing.granted import Place, UnknownKeyError
from pipemap.sharing.sites import read_sites
from schemas.codetables import codes_where
from tests.postgis.test_sharing import CITY, make_key, raw_owner, visible
from tests.postgis.test_sharing import street as street

# Sites stand at x 500 and x 700, of water at y 50, of gas at y 150.
CALL = "0755-119"


def sites(database: Database, key: str, place: Place | None = None) -> list[dict[str, Any]]:
    return json.loads(read_sites(database, hash_key(key), place or Place()).features)


def test_sites_are_left_out_unless_the_agreement_says_whom_to_call(street: Database) -> None:
    assert sites(street, make_key(street)) == []
    shown = sites(street, make_key(street, sites_telephone=CALL))
    assert {site["properties"]["telephone"] for site in shown} == {CALL}
    assert len(visible(street, make_key(street, sites_telephone=CALL), "node")) == 18, "never as nodes"


def test_a_site_lies_somewhere_in_a_shape_that_is_much_wider(street: Database) -> None:
    shown = sites(street, make_key(street, sites_telephone=CALL))
    assert [site["id"] for site in shown] == ["2_0", "3_0"], "two sites in each square are told as one"
    for site, x in zip(shown, (500, 700), strict=True):
        outline = shape(site["geometry"])
        assert outline.area == pytest.approx(300 * 300)
        assert outline.buffer(-49).contains(shapely.MultiPoint([(x, 50), (x, 150)]))
        assert set(site["properties"]) == {"is_redacted", "telephone"}


def test_shapes_obey_area_class_and_box(street: Database) -> None:
    edge = make_key(street, area=shapely.box(0, 0, 520, 100), sites_telephone=CALL)
    [site] = sites(street, edge)
    assert shape(site["geometry"]).bounds == (350, 0, 520, 100)
    assert sites(street, make_key(street, classes=("foul",), sites_telephone=CALL)) == []
    assert sites(street, make_key(street, area=shapely.box(0, 0, 490, 200), sites_telephone=CALL)) == []
    whole = make_key(street, area=CITY, sites_telephone=CALL)
    assert [site["id"] for site in sites(street, whole, Place((360, -40, 370, -30)))] == ["2_0"], "met by its padding"
    assert sites(street, whole, Place((340, -40, 349, -30))) == []


def test_a_package_holds_the_shapes_and_no_site_itself(street: Database, tmp_path: Path) -> None:
    for telephone, expected in ((None, []), (CALL, ["2_0", "3_0"])):
        key = hash_key(make_key(street, sites_telephone=telephone))
        package = export_package(street, key, ExportRequest("geojson"), tmp_path)
        with zipfile.ZipFile(package.path) as archive:
            told = "redacted_sites.geojson" in archive.namelist()
            shapes = json.loads(archive.read("redacted_sites.geojson"))["features"] if told else []
        assert [site["id"] for site in shapes] == expected
        assert package.manifest["counts"]["node"] == 18, "never as nodes"


def test_every_sensitive_code_is_a_site(street: Database) -> None:
    definition = raw_owner(street, "SELECT pg_get_viewdef('pipemap_share.redacted_site'::regclass)")
    for code in codes_where("appurtenance", "is_sensitive", "1"):
        assert f"'{code}'" in definition


def test_a_look_at_sites_is_on_record_and_a_forged_key_sees_none(street: Database) -> None:
    sites(street, make_key(street, sites_telephone=CALL))
    with pytest.raises(UnknownKeyError):
        sites(street, "pmk_forged")
    with street.transaction(read_only=True) as connection:
        refused, look, *_ = audit.list_entries(connection)
    assert (look["action"], look["details"]["count"], refused["action"]) == ("share.sites", 2, "share.refused")
