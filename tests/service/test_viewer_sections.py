"""Sections, profiles, the nearest pipes and quantities on the page.

A water main of 300 mm runs from west to east along y 0 in two pipes, its axis 1.3 m deep; a gas main of 200 mm along
y 3, 1.5 m deep; a telecom duct of unknown depth along x 4.
"""

from collections.abc import Iterator

import pytest

from pipemap.db import Database
from tests.conftest import Clone
from tests.service.browsing import Map, chromium, eventually, opened, served
from tests.service.streets import EAST, NORTH, Street, ground


def lay_street(database: Database) -> Street:
    street = Street()
    for x in (-60, 0, 60):
        street.node(f"W{x}", x, 0, "water")
    for x in (-60, 60):
        street.node(f"G{x}", x, 3, "gas")
    for ends in ((-60, 0), (0, 60)):
        street.pipe(
            (f"W{ends[0]}", f"W{ends[1]}"), [(x, 0, ground(x) - 1.3) for x in ends], "water", ("circle", 300, None)
        )
    street.pipe(("G-60", "G60"), [(x, 3, ground(x) - 1.5) for x in (-60, 60)], "gas", ("circle", 200, None))
    for y in (-8, 8):
        street.node(f"T{y}", 4, y, "telecom")
    street.pipe(("T-8", "T8"), [(4, y) for y in (-8, 8)], "telecom", ("circle", 110, None))
    street.save(database)
    return street


@pytest.fixture(scope="module")
def opened_map(clone: Clone, template: str) -> Iterator[Map]:
    with (
        chromium() as browser,
        served(clone(template, "viewer_sections"), lay_street) as url,
        opened(browser, url) as page,
    ):
        yield page


def line(*places: tuple[float, float]) -> str:
    return ";".join(f"{EAST + x},{NORTH + y},20" for x, y in places)


def test_a_section_is_drawn_by_clicks(opened_map: Map) -> None:
    shown = opened_map
    shown.look(-10, 0, ground(0), 5, 90, 0)  # from above, 32 pixels a metre
    shown.page.locator("#draw-section").click()
    eventually(lambda: shown.page.locator("#drawing-on").count())
    box = shown.page.locator("#map").bounding_box()
    assert box is not None
    for count, north in enumerate((-2, 5), 1):
        shown.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 - 32 * north)
        eventually(lambda count=count: len(shown.state("question.params.line")) == count)
    eventually(lambda: shown.listed("section_cuts") == ["给水 W-60->W0", "燃气 G-60->G60"])
    # Axis 1.3 m deep, half of 300 mm.
    assert "覆土 1.15 m · ⌀300 · 某某水务公司" in shown.details()
    assert shown.state("answer.cuts[0].station_m") == pytest.approx(2, abs=0.1)
    eventually(lambda: shown.page.locator("#section-drawing").evaluate("image => image.naturalWidth > 100"))
    shown.keeps_quiet()


def test_room_for_a_pipe_is_found_across_the_section(opened_map: Map) -> None:
    shown = opened_map
    shown.open(f"&ask=section&line={line((-10, -6), (-10, 9))}")
    shown.page.locator("#find-room").click()
    eventually(lambda: shown.page.locator("[data-list=room_strips] li").count() > 0)
    before = shown.page.locator("[data-list=room_strips]").inner_text()
    assert "断面线端点 | 给水" in before
    shown.change("#drawn-width_mm", "3000")
    eventually(lambda: shown.state("question.params.width_mm") == 3000)
    strips = shown.state("answer.strips")
    assert all(strip["to_m"] <= 6 - 0.15 - 1.5 or strip["from_m"] >= 9 + 0.1 + 1.5 for strip in strips)
    eventually(lambda: shown.page.locator("#room-drawing").evaluate("image => image.naturalWidth > 100"))
    shown.page.locator("#back-to-section").click()
    eventually(lambda: shown.page.locator("#section-drawing").count())
    shown.keeps_quiet()


def test_a_profile_runs_between_two_nodes_and_tells_what_it_crosses(opened_map: Map) -> None:
    shown = opened_map
    shown.open()
    shown.find("W-60")
    shown.page.locator("details summary").click()
    shown.page.locator("#ask-profile").click()
    eventually(lambda: shown.page.locator("#details h2").inner_text() == "W-60")
    shown.find("W60")
    shown.page.locator("#join_profile").click()
    eventually(lambda: shown.listed("profile_pipes") == ["W-60->W0", "W0->W60"])
    assert shown.listed("profile_crossings") == ["通信 T-8->T8"]
    assert "120 m" in shown.page.locator("#details h2").inner_text()
    assert shown.marks("crossings") == [(None, 4, 0)]
    eventually(lambda: shown.page.locator("#profile-drawing").evaluate("image => image.naturalWidth > 100"))
    shown.keeps_quiet()


def test_the_nearest_pipes_of_a_place_are_told_in_space(opened_map: Map) -> None:
    shown = opened_map
    shown.open(f"&ask=nearby&count=2&depth_m=1.5&line={EAST - 10},{NORTH + 1},{ground(-10)}")
    eventually(lambda: shown.listed("nearby_pipes") == ["给水 W-60->W0", "燃气 G-60->G60"])
    # One metre aside and 0.2 m below the axis: √(1 + 0.04).
    assert "1.02 m · ⌀300" in shown.details()
    shown.change("#nearby-count", "1")
    eventually(lambda: shown.listed("nearby_pipes") == ["给水 W-60->W0"])
    shown.keeps_quiet()


def test_pipes_within_a_radius_are_told_and_that_there_are_none(opened_map: Map) -> None:
    shown = opened_map
    shown.open(f"&ask=nearby&count=9&depth_m=1.5&radius_m=1.1&line={EAST - 10},{NORTH + 1},{ground(-10)}")
    eventually(lambda: shown.listed("nearby_pipes") == ["给水 W-60->W0"])
    shown.change("#nearby-radius_m", "1")
    eventually(lambda: "该范围内没有管线" in shown.details())
    shown.change("#nearby-radius_m", "")
    eventually(lambda: len(shown.listed("nearby_pipes")) > 2)
    shown.keeps_quiet()


def test_what_lies_along_a_line_is_told_in_its_order(opened_map: Map) -> None:
    shown = opened_map
    shown.open(f"&ask=corridor&half_width_m=2&line={line((-50, 1.5), (50, 1.5))}")
    eventually(lambda: len(shown.listed("corridor_pipes")) == 4)
    assert set(shown.listed("corridor_pipes")[:2]) == {"给水 W-60->W0", "燃气 G-60->G60"}
    assert "桩号 0 m，偏 1.5 m · ⌀300" in shown.details()
    shown.change("#corridor-half_width_m", "1")
    eventually(lambda: shown.listed("corridor_pipes") == ["通信 T-8->T8"])
    assert "桩号 54 m，偏 0 m" in shown.details()
    shown.keeps_quiet()


def test_quantities_add_up_in_both_languages(opened_map: Map) -> None:
    shown = opened_map
    shown.open()
    shown.page.locator("#show-statistics").click()
    eventually(lambda: shown.page.locator("[data-list=statistics_groups] li").count() == 3)
    assert shown.page.locator("#details h2").inner_text() == "256 m"  # 120 + 120 + 16
    shown.page.locator("#statistics-by").select_option("owner")
    eventually(lambda: "不详" in shown.page.locator("[data-list=statistics_groups]").inner_text())
    shown.page.locator("#language").click()
    eventually(lambda: "not known" in shown.page.locator("[data-list=statistics_groups]").inner_text())
    eventually(lambda: shown.page.locator("#statistics-drawing").evaluate("image => image.naturalWidth > 100"))
    shown.keeps_quiet()


def test_quantities_of_a_drawn_area_are_those_within_it(opened_map: Map) -> None:
    shown = opened_map
    shown.open(f"&ask=statistics&by=class_code&detail=depth&line={line((-70, -10), (0, -10), (0, 10), (-70, 10))}")
    eventually(lambda: shown.page.locator("#details h2").inner_text() == "120 m")  # half of two pipes of 120 m
    for left in (3, 2):
        shown.page.locator("#undo-point").click()
        eventually(lambda left=left: len(shown.marks("corners")) == left)
    eventually(lambda: shown.page.locator("#details h2").inner_text() == "256 m")
    shown.keeps_quiet()
