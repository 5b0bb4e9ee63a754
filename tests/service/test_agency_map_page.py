"""The map as an agency's people meet it, in a real browser: signed in by a key, drawn from what the key is granted.

The street of test_viewer_page; the fire brigade is granted its water and never sees the gas beside it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import shapely

from pipemap.contacts import set_contact
from pipemap.db import Database
from pipemap.settings import Settings
from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms, shareable_attributes
from tests.conftest import Clone
from tests.service.browsing import PATIENCE_S, Map, chromium, eventually, served
from tests.service.streets import EAST, NORTH
from tests.service.test_viewer_page import HUES, lay_street

AREA = shapely.box(EAST - 100, NORTH - 20, EAST + 50, NORTH + 20)
DIG = ";".join(f"{EAST + x},{NORTH + y},20" for x, y in ((-3, 0), (3, 0), (3, 4), (-3, 4)))


@dataclass
class Brigade:
    """The brigade's agreements and the map that it opens."""

    database: Database
    map: "SharedMap"

    def agree(self, **terms: bool) -> tuple[int, str]:
        soon = datetime.now(UTC) + timedelta(days=9)
        granted = Terms("消防队", "火灾扑救", AREA, ("water",), shareable_attributes(), soon, **terms)
        with self.database.transaction() as connection:
            number = agreements.agree(connection, granted, "manager")
            return number, agreements.issue_key(connection, number, "manager")


class SharedMap(Map):
    """The map's page behind its door."""

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.url}/map?test=1&language=zh{query}")
        self.page.wait_for_selector("#key, #legend-classes li")
        eventually(lambda: self.page.locator("#key").count() or self.state("ready"))

    def sign_in(self, key: str) -> None:
        self.page.locator("#key").fill(key)
        self.page.locator("button.main").click()
        self.page.wait_for_selector("#legend-classes li")
        eventually(lambda: self.state("ready"))

    def comes_to_the_door(self) -> None:
        self.page.wait_for_selector("#key")
        assert "/map/sign-in" in self.page.url

    def keeps_quiet(self) -> None:
        """Nothing was read but what is shared, and only being refused at the door was complained of."""
        assert not [url for url in self.requests if "/api/" in url or "/ogc" in url]
        self.complaints = [words for words in self.complaints if "401" not in words]
        super().keeps_quiet()


@pytest.fixture(scope="module")
def brigade(clone: Clone, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brigade]:
    settings = Settings(_env_file=None, data_dir=tmp_path_factory.mktemp("map"), staff_token="a long secret")  # type: ignore[call-arg, arg-type]
    database_url = clone(template, "agency_map")
    with (
        chromium() as browser,
        served(database_url, lay_street, settings) as url,
        Database(database_url) as database,
    ):
        with database.transaction() as connection:
            set_contact(connection, "某某水务公司", "96968", "manager")
        page = browser.new_page(viewport={"width": 1000, "height": 640}, locale="zh-CN")
        page.set_default_timeout(PATIENCE_S * 1000)
        shown = SharedMap(page, url)
        shown.open()
        yield Brigade(database, shown)


def test_a_brigade_sees_its_water_asks_of_it_and_signs_out(brigade: Brigade) -> None:
    shown = brigade.map
    _, key = brigade.agree(may_export=False)
    shown.comes_to_the_door()
    shown.sign_in(key)
    assert key not in shown.page.url and not [url for url in shown.requests if key in url]
    eventually(lambda: shown.seen(HUES["water"]).sum() > 40)
    assert [shown.seen(HUES[hidden]).sum() for hidden in ("heat", "telecom", "gas")] == [0, 0, 0]
    assert shown.page.locator("#legend-classes li").count() == 1
    terms = shown.page.locator("#terms").inner_text()
    for words in ("消防队", "火灾扑救", "给水", "仅供查看", "精确"):
        assert words in terms, words
    assert "图上空白不等于地下无管线" in shown.page.locator("#not-free").inner_text()
    assert shown.page.locator("#export").count() == 0, "for viewing only"

    shown.page.locator("#search-text").fill("RQX")
    shown.page.locator("#search-text").press("Enter")
    eventually(lambda: shown.page.locator("#message").inner_text() == "没有找到该编号或名称。")
    shown.find("J1->J2")
    assert "某某水务公司" in shown.details() and "历史" not in shown.details()
    shown.page.locator("#ask-burst").click()
    eventually(lambda: shown.listed("valves_to_close") == ["V1"])
    assert shown.listed("hydrants_lost") == ["J1"]
    assert "超出本协议所示范围" in shown.details(), "the hospital lies outside of the area"
    assert "人民医院" not in shown.details()

    shown.open(f"&line={DIG}&ask=dig&depth_m=2&hand_dig_m=1")
    eventually(lambda: shown.listed("dig_met") == ["给水 J1->J2"])
    assert "☎ 96968" in shown.details() and "未获授权的类别" in shown.details() and "燃气" not in shown.details()
    shown.open(f"&line={EAST},{NORTH},20&ask=nearby&count=100&radius_m=10")
    eventually(lambda: len(shown.listed("nearby_in_plan")) == 1)
    shown.page.locator("#show-conflicts").check()
    eventually(lambda: shown.state("known?.run.version") == 1)
    shown.page.locator("#language").click()
    assert "not free ground" in shown.page.locator("#not-free").inner_text()
    assert "for viewing only" in shown.page.locator("#terms").inner_text()

    shown.page.locator("#sign-out button").click()
    shown.comes_to_the_door()
    shown.open()
    shown.comes_to_the_door()
    shown.keeps_quiet()


def test_a_key_that_is_revoked_ends_the_map_within_a_minute(brigade: Brigade) -> None:
    shown = brigade.map
    number, key = brigade.agree()
    shown.open()
    shown.sign_in(key)
    assert shown.page.locator("#export").get_attribute("href") == f"{shown.url}/share/export?format=gpkg"
    with brigade.database.transaction() as connection:
        agreements.revoke(connection, number, "manager")
    shown.comes_to_the_door()
    assert "地图已关闭" in shown.page.locator("[role=status]").inner_text()
    shown.keeps_quiet()
