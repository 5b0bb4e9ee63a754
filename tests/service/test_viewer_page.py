"""The page in a real browser, on the real service, on a small published street.

Water, looking from above (north up); V valves, X the burst, H a hydrant, c homes, + a hospital:

    W1 ══ V1 ── J1 ── J2 ─X─ V2 ── J3 ── E1+
    works       H1    c
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pipemap.db import Database
from tests.conftest import Clone
from tests.service.browsing import Map, chromium, eventually, opened, served
from tests.service.streets import EAST, GROUND, NORTH, Street, ground

HUES = {"power": 0, "heat": 30, "telecom": 120, "water": 180, "gas": 300}
ZONES = ("isolated", "dry", "already_dry")
WATER = [
    ("W1", -90, "waterworks", None),
    ("V1", -60, "valve", "open"),
    ("J1", -30, "hydrant", None),
    ("J2", 20, None, None),
    ("V2", 40, "valve", "open"),
    ("J3", 60, None, None),
    ("E1", 90, None, None),
]
# class, lane north of the street's axis, axis depth at west and east end, shape, width and height in mm
LANES = [
    ("gas", 8.0, 1.1, 1.1, "circle", 250, 250),
    ("foul", -6.0, 2.6, 3.4, "circle", 800, 800),
    ("power", 11.0, 0.9, 0.9, "rect", 900, 450),
    ("heat", -11.0, 1.5, 1.5, "circle", 500, 500),
    ("telecom", 14.0, None, None, "circle", 110, 110),
]


def lay_street(database: Database) -> Street:
    street = Street()
    for key, x, appurtenance, state in WATER:
        street.node(key, x, 2.0, "water", appurtenance_code=appurtenance, valve_state_code=state)
    for (start, x0, *_), (end, x1, *_) in itertools.pairwise(WATER):
        axis = [(x0, 2.0, ground(x0) - 1.3), (x1, 2.0, ground(x1) - 1.3)]
        street.pipe((start, end), axis, "water", ("circle", 400, 400))
    for class_code, y, west, east, *size in LANES:
        _lay_lane(street, class_code, y, (west, east), size)
    street.node("RQX", 6, 8, "gas")
    street.node("RQY", 6, -20, "gas")
    street.pipe(("RQX", "RQY"), [(6, 8, 18.9), (6, 2, 18.4), (6, -20, 18.4)], "gas", ("circle", 160, 160))
    _people_and_houses(street)
    street.save(database)
    return street


def _lay_lane(street: Street, class_code: str, y: float, depths: tuple[Any, Any], size: Any) -> None:
    places = [-90, -45, 0, 45, 90]
    is_sewer = class_code == "foul"
    for index, x in enumerate(places):
        street.node(f"{class_code}{index}", x, y, class_code, appurtenance_code="manhole" if is_sewer else None)
    for index, (x0, x1) in enumerate(itertools.pairwise(places)):
        axis: list[tuple[float, ...]] = [(x0, y), (x1, y)]
        if depths[0] is not None:
            levels = [ground(x) - depths[0] - (depths[1] - depths[0]) * (x + 90) / 180 for x in (x0, x1)]
            axis = [(x0, y, levels[0]), (x1, y, levels[1])]
        street.pipe((f"{class_code}{index}", f"{class_code}{index + 1}"), axis, class_code, size)


def _people_and_houses(street: Street) -> None:
    served = {"class_code": "water", "is_critical": False}
    home = {"kind_code": "household", "people": 120, "name": "花园小区"}
    hospital = {"kind_code": "hospital", "people": 300, "name": "人民医院", "is_critical": True}
    street.add("consumer", "C1", f"POINT({EAST + 20} {NORTH + 24})", node_id=street.ids["J2"], **served | home)
    street.add("consumer", "C2", f"POINT({EAST + 88} {NORTH + 24})", node_id=street.ids["E1"], **served | hospital)
    for key, (west, east) in {"B1": (-70, -20), "B2": (10, 50)}.items():
        corners = [(west, 20), (east, 20), (east, 38), (west, 38), (west, 20)]
        outline = ", ".join(f"{EAST + x} {NORTH + y}" for x, y in corners)
        street.add("structure", key, f"POLYGON(({outline}))", kind_code="building", top_elevation_m=GROUND + 15)


@pytest.fixture(scope="module")
def opened_map(clone: Clone, template: str) -> Iterator[Map]:
    with (
        chromium() as browser,
        served(clone(template, "viewer_street"), lay_street) as url,
        opened(browser, url) as page,
    ):
        yield page


@pytest.fixture
def street_map(opened_map: Map) -> Iterator[Map]:
    opened_map.reset()
    yield opened_map
    opened_map.keeps_quiet()


def test_pipes_show_in_the_colours_of_their_classes(street_map: Map) -> None:
    for hue in HUES.values():
        eventually(lambda hue=hue: street_map.seen(hue).sum() > 40)
    classes = street_map.page.locator("#legend-classes li")
    assert classes.first.inner_text().split("\n")[:3] == ["给水", "water supply", "6"]
    assert "180 m" in classes.first.inner_text()


def test_a_class_switched_off_in_the_legend_is_gone_and_comes_back(street_map: Map) -> None:
    street_map.look(0, 2, 19, 4, 90, 0)
    eventually(lambda: street_map.seen(HUES["gas"]).sum() > 500)
    gas = street_map.page.locator("[data-class=gas]")
    gas.click()
    eventually(lambda: street_map.seen(HUES["gas"]).sum() == 0)
    assert street_map.seen(HUES["water"]).sum() > 500
    gas.click()
    eventually(lambda: street_map.seen(HUES["gas"]).sum() > 500)


@pytest.mark.parametrize(
    ("class_code", "y", "depth_m", "height_m"), [("heat", -11.0, 1.5, 0.5), ("power", 11.0, 0.9, 0.45)]
)
def test_a_pipe_is_as_thick_and_as_deep_as_surveyed(
    street_map: Map, class_code: str, y: float, depth_m: float, height_m: float
) -> None:
    level = ground(0) - depth_m
    street_map.look(0, y, level, 6, 0, 0)  # from the south, at the pipe's own level, 64 pixels a metre
    for box in street_map.page.locator("#legend-classes input").all():
        if box.get_attribute("data-class") != class_code:
            box.click()
    street_map.page.locator("#show-ground").click()
    seen = street_map.seen
    eventually(lambda: seen(HUES[class_code], (0.2, 1)).sum() > 5_000 and seen(HUES["water"]).sum() == 0)
    column = seen(HUES[class_code], (0.2, 1))[:, 250]  # beside the node at the middle, whose sign has the same colour
    rows = np.flatnonzero(column)
    height_px = street_map.page.locator("#map").bounding_box()["height"]  # type: ignore[index]
    assert len(rows) == pytest.approx(height_m * 64, abs=4)
    assert rows.mean() == pytest.approx(height_px / 2, abs=4)


def test_seen_from_below_the_ground_the_pipes_hang_before_it(street_map: Map) -> None:
    street_map.look(0, 2, 19, 4, 38, -24)
    street_map.page.locator("[data-view=below]").click()
    eventually(lambda: street_map.state("viewState.rotationX") < 0)
    # Nothing lies between the eye and the pipes there, so the colours are pure.
    for hue in (HUES["water"], HUES["gas"]):
        eventually(lambda hue=hue: street_map.seen(hue, (0.8, 1)).sum() > 200)


def test_a_click_shows_the_attributes_and_the_history(street_map: Map) -> None:
    street_map.look(0, 2, 18.7, 5, 90, 0)
    eventually(lambda: street_map.seen(HUES["water"]).sum() > 500)
    street_map.click_middle()
    eventually(lambda: "J1->J2" in street_map.details())
    value = street_map.page.locator("#details-body dd[data-attribute=owner]").inner_text()
    assert value == "某某水务公司"
    for words in ("铸铁", "材质", "Material", "400", "v1", "first survey"):
        assert words in street_map.details()
    street_map.page.locator("#close-details").click()
    assert street_map.page.locator("#details").is_hidden()


def test_a_burst_shows_valves_zones_and_people(street_map: Map) -> None:
    street_map.look(30, 2, 19, 3, 90, 0)
    eventually(lambda: street_map.seen(HUES["water"]).sum() > 200 and street_map.seen(HUES["gas"]).sum() > 400)
    street_map.click_middle()
    street_map.page.locator("#ask-burst").click()
    eventually(lambda: "V1" in street_map.details())
    # By the drawing above: V1 parts the burst from the works; what lies up to V2 is cut off, beyond it runs dry.
    zones = {zone: street_map.page.locator(f"[data-zone={zone}] b").inner_text() for zone in ZONES}
    assert zones == {"isolated": "3", "dry": "2", "already_dry": "0"}
    assert street_map.page.locator("[data-list=valves_to_close] .place").all_inner_texts() == ["V1"]
    assert street_map.page.locator("[data-list=hydrants_lost] button").all_inner_texts() == ["J1"]
    assert "人民医院" in street_map.page.locator("[data-list=critical]").inner_text()
    assert street_map.page.locator("#consumer-count b").inner_text() == "2"
    # The view has moved to the 100 m from V1 to V2, between the panels.
    middle = street_map.state("viewState.target[0]") + street_map.state("scene.origin[0]")
    assert middle == pytest.approx(EAST - 10, abs=0.01)
    assert 200 < 100 * 2 ** street_map.state("viewState.zoom") < 420
    street_map.look(30, 2, 19, 3, 90, 0)
    eventually(lambda: street_map.seen(358).sum() > 300 and street_map.seen(30).sum() > 60)
    assert street_map.seen(HUES["gas"]).sum() < 150  # everything else steps back, but for the nodes' points
    street_map.page.locator("#clear_answer").click()
    eventually(lambda: street_map.seen(HUES["gas"]).sum() > 400)


def test_a_conflict_is_named_and_marked(street_map: Map) -> None:
    street_map.look(0, 2, 18.7, 5, 90, 0)
    eventually(lambda: street_map.seen(HUES["water"]).sum() > 500)
    street_map.click_middle()
    street_map.page.locator("#ask-clearance").click()
    # The gas service pipe passes 0.36 m below the main's axis, radii 0.2 m and 0.08 m: 0.08 m are left.
    eventually(lambda: "RQX->RQY" in street_map.details())
    assert "0.08" in street_map.details()
    street_map.page.locator("#details .conflicts button", has_text="RQX->RQY").first.click()
    eventually(lambda: street_map.seen(358).sum() > 50)


def test_a_point_number_is_found_and_flown_to(street_map: Map) -> None:
    street_map.page.locator("#search-text").fill("V2")
    street_map.page.locator("#search-text").press("Enter")
    eventually(lambda: "V2" in street_map.details())
    target = street_map.state("viewState.target.map((offset, axis) => offset + pipemap.scene.origin[axis])")
    assert target == pytest.approx([EAST + 40, NORTH + 2, ground(40)], abs=0.01)
    assert "阀门" in street_map.details()
    street_map.page.locator("#search-text").fill("nowhere")
    street_map.page.locator("#search-text").press("Enter")
    eventually(lambda: street_map.page.locator("#message").inner_text() == "没有找到该编号或名称。")


def test_the_page_speaks_english_too(street_map: Map) -> None:
    street_map.page.locator("#language").click()
    assert "language=en" in street_map.page.url
    assert street_map.page.locator("#legend h2").inner_text() == "Legend"
    assert street_map.page.locator("#legend-classes .names").first.inner_text().split() == ["water", "supply", "给水"]
    assert street_map.page.locator("[data-view=below]").inner_text() == "Below ground"
    assert street_map.page.locator("html").get_attribute("lang") == "en"
    street_map.page.locator("#language").click()
    assert street_map.page.locator("#legend h2").inner_text() == "图例"


def test_the_address_remembers_the_view(street_map: Map) -> None:
    street_map.look(10, 4, 19, 5, 60, 15)
    street_map.page.locator("[data-view=above]").click()
    assert street_map.page.url.endswith(f"#{EAST + 10:.2f},{NORTH + 4:.2f},19.00,5.00,90.0,0.0")


def test_a_version_without_content_says_so(street_map: Map) -> None:
    street_map.open("&version=0")
    eventually(lambda: street_map.page.locator("#message").inner_text() == "此版本的地图在此处尚无内容。")
