"""A dig drawn on the page: what it meets, how deep, and how much of it is for hands only.

A water main of 300 mm, axis 1.3 m deep, runs from west to east along y 0; a telecom duct of unknown depth along x 4.
"""

from collections.abc import Iterator

import pytest

from pipemap.db import Database
from tests.conftest import Clone
from tests.service.browsing import Map, chromium, eventually, opened, served
from tests.service.streets import EAST, NORTH, Street, ground

RED = 353


def lay_main(database: Database) -> Street:
    street = Street()
    for x in (-60, 60):
        street.node(f"W{x}", x, 0, "water")
    street.pipe(("W-60", "W60"), [(x, 0, ground(x) - 1.3) for x in (-60, 60)], "water", ("circle", 300, 300))
    for y in (-8, 8):
        street.node(f"T{y}", 4, y, "telecom")
    street.pipe(("T-8", "T8"), [(4, y) for y in (-8, 8)], "telecom", ("circle", 110, 110))
    street.save(database)
    return street


@pytest.fixture(scope="module")
def opened_map(clone: Clone, template: str) -> Iterator[Map]:
    with (
        chromium() as browser,
        served(clone(template, "viewer_dig"), lay_main) as url,
        opened(browser, url) as page,
    ):
        yield page


def test_a_dig_is_drawn_and_answered_with_every_corner(opened_map: Map) -> None:
    shown = opened_map
    shown.look(0, 0, ground(0), 5, 90, 0)  # from above, 32 pixels a metre
    shown.page.locator("#draw-dig").click()
    eventually(lambda: shown.page.locator("#drawing-on").count())
    box = shown.page.locator("#map").bounding_box()
    assert box is not None
    for count, (east, north) in enumerate(((-3, -2), (3, -2), (3, 2), (-3, 2)), 1):
        place = box["x"] + box["width"] / 2 + 32 * east, box["y"] + box["height"] / 2 - 32 * north
        shown.page.mouse.click(*place)
        eventually(lambda count=count: len(shown.state("question.params.line")) == count)
    eventually(lambda: shown.page.locator("#dig-count").count())
    assert shown.state("answer.area_m2") == pytest.approx(24, abs=0.2)
    assert shown.listed("dig_met") == ["给水 W-60->W60"]
    # The duct's wall is 1 - 0.055 m aside, and nobody knows how deep.
    assert shown.listed("dig_cannot_tell") == ["通信 T-8->T8"]
    assert "顶部埋深 1.15 m · 自 0.15 m 深起人工开挖" in shown.details()
    assert "某某水务公司" in shown.details()
    eventually(lambda: shown.seen(RED).sum() > 300)
    shown.change("#dig-depth_m", "1")
    eventually(lambda: shown.listed("dig_met") == [])
    assert shown.listed("dig_under") == ["给水 W-60->W60"]
    assert "距坑底 0.15 m" in shown.details()
    shown.keeps_quiet()


def test_the_address_brings_a_dig_back_in_english(opened_map: Map) -> None:
    line = ";".join(f"{EAST + x},{NORTH + y},20" for x, y in ((-3, -2), (3, -2), (3, 2), (-3, 2)))
    opened_map.open(f"&line={line}&ask=dig&depth_m=2&hand_dig_m=0.5")
    opened_map.page.locator("#language").click()
    eventually(lambda: "by hand from 0.65 m down" in opened_map.details())
    assert "No large machine within 0.5 m of a wall" in opened_map.details()
    opened_map.keeps_quiet()
