"""A pipe drawn on the page: its conflicts, the move that clears them, and the conflicts known of the whole map.

Water mains of 300 mm, axis 1.3 m deep, run from west to east at y -30, 0 and 30; the gas pipe G0->G1 of 200 mm crosses
the middle one at x -40, axis 1 m deep: 1.3 - 1 - 0.15 - 0.1 = 0.05 m are between them, where 0.15 m must be.
A telecom duct of unknown depth runs along x 40.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import psycopg
import pytest

from pipemap.clearance.running import run_city
from pipemap.cluster import Cluster
from pipemap.db import Database
from tests.conftest import Clone
from tests.service.browsing import Map, chromium, eventually, opened, served
from tests.service.streets import EAST, NORTH, Street, ground

ORANGE, RED = 30, 355


def lay_crossing(database: Database) -> Street:
    street = Street()
    for y in (-30, 0, 30):
        for x in (-60, 60):
            street.node(f"W{x},{y}", x, y, "water")
        axis = [(x, y, ground(x) - 1.3) for x in (-60, 60)]
        street.pipe((f"W-60,{y}", f"W60,{y}"), axis, "water", ("circle", 300, 300))
    for key, y in (("G0", -8), ("G1", 8)):
        street.node(key, -40, y, "gas")
    street.pipe(("G0", "G1"), [(-40, y, ground(-40) - 1) for y in (-8, 8)], "gas", ("circle", 200, 200))
    for key, y in (("T0", -8), ("T1", 8)):
        street.node(key, 40, y, "telecom")
    street.pipe(("T0", "T1"), [(40, -8), (40, 8)], "telecom", ("circle", 110, 110))
    street.save(database)
    with database.transaction() as connection:
        # The map was written with identities of its own; what is saved later goes on after them.
        connection.execute("SELECT setval('pipemap.feature_id_seq', 10000)")
        for table in ("dataset", "changeset"):
            connection.execute(f"SELECT setval(pg_get_serial_sequence('pipemap.{table}', '{table}_id'), 100)")
    return street


@contextmanager
def judged(url: str) -> Iterator[None]:
    with Database(url) as database:
        run_city(database)
    yield


@pytest.fixture(scope="module")
def opened_map(clone: Clone, template: str) -> Iterator[Map]:
    database_url = clone(template, "viewer_crossing")
    with (
        chromium() as browser,
        served(database_url, lay_crossing) as url,
        judged(database_url),
        opened(browser, url) as page,
    ):
        yield page


@pytest.fixture
def crossing(opened_map: Map) -> Iterator[Map]:
    opened_map.open()
    yield opened_map
    opened_map.keeps_quiet()


def draw(shown: Map, x: float, class_code: str, width_mm: str, cover_depth_m: str) -> None:
    """A pipe of 10 m from south to north over the middle main, drawn with two clicks on the map."""
    shown.look(x, 0, ground(x), 5, 90, 0)  # from above, 32 pixels a metre
    shown.page.locator("#draw-pipe").click()
    eventually(lambda: shown.page.locator("#drawing-on").count())
    box = shown.page.locator("#map").bounding_box()
    assert box is not None
    for metres_north in (-5, 5):
        points = len(shown.state("question.params.line"))
        place = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2 - 32 * metres_north
        shown.page.mouse.click(*place)
        eventually(lambda points=points: len(shown.state("question.params.line")) == points + 1)
    shown.page.locator("#drawn-class_code").select_option(class_code)
    eventually(lambda: shown.state("question.params.class_code") == class_code)
    shown.change("#drawn-width_mm", width_mm)
    shown.change("#drawn-cover_depth_m", cover_depth_m)


def count(shown: Map) -> str:
    return shown.page.locator("#conflict-count b").inner_text()


def section_along(shown: Map) -> str:
    """The drawing beside the drawn pipe."""
    return str(shown.page.evaluate("fetch(document.getElementById('section-along').src).then(got => got.text())"))


def test_a_pipe_is_drawn_where_the_map_is_clicked(crossing: Map) -> None:
    draw(crossing, 0, "heat", "400", "2.5")
    drawn = np.array(crossing.state("question.params.line")) - [EAST, NORTH, ground(0)]
    np.testing.assert_allclose(drawn, [[0, -5, 0], [0, 5, 0]], atol=0.06)
    axis = np.array(crossing.state("answer.drawn_axis"))
    np.testing.assert_allclose(axis[:, 2], ground(0) - 2.5 - 0.2, atol=0.01)
    eventually(lambda: crossing.seen(ORANGE).sum() > 300)
    crossing.page.keyboard.press("Escape")
    eventually(lambda: crossing.seen(ORANGE).sum() == 0)


def test_a_conflict_of_a_drawn_pipe_is_told_and_the_suggested_move_clears_it(crossing: Map) -> None:
    draw(crossing, 0, "gas", "200", "0.9")
    # As the gas pipe that is there: 0.05 m are left of the 0.15 m that GB 50028-2006 table 6.3.3-2 asks for.
    eventually(lambda: crossing.page.locator("#conflict-count").count() and count(crossing) == "1")
    (place,) = crossing.page.locator(".conflicts .place").all_inner_texts()
    assert "W-60,0->W60,0" in place
    for words in ("不足 0.1 m", "实测 0.05 m", "限值 0.15 m", "GB 50028-2006 table 6.3.3-2"):
        assert words in crossing.details()
    ((_, east, north),) = crossing.marks("conflicts")
    assert (east, north) == pytest.approx((0, 0), abs=0.1)
    eventually(lambda: crossing.seen(RED).sum() > 100)
    eventually(lambda: crossing.page.evaluate("document.getElementById('section-along').naturalWidth > 100"))
    told = section_along(crossing)
    assert "拟建 燃气 DN200" in told and "0.05 ≥0.15" in told and "净距不足" in told
    crossing.page.locator("#accept-move").click()
    eventually(lambda: count(crossing) == "0")
    assert "0.15 ≥0.15" in (told := section_along(crossing)) and "净距不足" not in told
    # There is too little cover above the main, so it goes 0.15 m below it: axis at 1.3 + 0.15 + 0.1 + 0.15 m.
    assert float(crossing.page.locator("#drawn-cover_depth_m").input_value()) == pytest.approx(1.6, abs=0.02)
    assert crossing.marks("conflicts") == []
    eventually(lambda: crossing.seen(RED).sum() == 0)


def test_what_cannot_be_told_is_listed_apart(crossing: Map) -> None:
    draw(crossing, 38, "telecom", "110", "3")
    crossing.page.locator("#undo-point").click()
    eventually(lambda: len(crossing.state("question.params.line")) == 1)
    box = crossing.page.locator("#map").bounding_box()
    assert box is not None
    crossing.page.mouse.click(box["x"] + box["width"] / 2 + 32 * 4, box["y"] + box["height"] / 2)
    eventually(lambda: crossing.page.locator("#conflict-count").count())
    untold = crossing.page.locator("[data-list=cannot_tell]").inner_text()
    assert "T0->T1" in untold
    assert "T0->T1" not in " ".join(crossing.page.locator(".conflicts .place").all_inner_texts())


def test_a_drawn_pipe_is_saved_as_a_draft_that_shows_its_conflict(crossing: Map) -> None:
    draw(crossing, 0, "gas", "200", "0.9")
    eventually(lambda: crossing.page.locator("#conflict-count").count() and count(crossing) == "1")
    crossing.page.locator("#design-title").fill("燃气支线")
    crossing.page.locator("#save-design").click()
    eventually(lambda: crossing.page.locator("#design-state").count())
    assert "燃气支线" in crossing.details() and "草稿" in crossing.details()
    assert count(crossing) == "1"
    ((_, east, north),) = crossing.marks("conflicts")
    assert (east, north) == pytest.approx((0, 0), abs=0.1)
    eventually(lambda: crossing.seen(RED).sum() > 100)
    assert crossing.page.url.split("#")[0].endswith(f"ask=design&id={crossing.state('answer.changeset_id')}")


def test_a_route_is_proposed_along_the_drawn_line_and_its_draft_is_clear(crossing: Map) -> None:
    draw(crossing, 0, "gas", "200", "0.9")
    eventually(lambda: crossing.page.locator("#propose-route").count())
    crossing.page.locator("#propose-route").click()
    eventually(lambda: crossing.page.locator("#route-told[data-found=true]").count())
    crossed = crossing.page.locator("[data-list=route_crossings]").inner_text()
    assert "W-60,0->W60,0" in crossed and "0.15 m" in crossed
    assert crossing.marks("conflicts") == [] and len(crossing.marks("crossings")) == 1
    crossing.page.locator("#save-design").click()
    eventually(lambda: crossing.page.locator("#design-state").count())
    assert count(crossing) == "0"


def test_the_address_brings_a_drawn_pipe_back_in_english(crossing: Map) -> None:
    line = ";".join(f"{EAST},{NORTH + y}" for y in (-5, 5))
    crossing.open(f"&line={line}&ask=drawn&class_code=gas&width_mm=200&cover_depth_m=0.9")
    crossing.page.locator("#language").click()
    eventually(lambda: "short by 0.1 m" in crossing.details())
    assert "measured 0.05 m · limit 0.15 m" in crossing.details()
    assert crossing.page.locator("#accept-move").inner_text() == "Move it so"


def test_a_pipe_drawn_beside_another_is_seen_in_the_section_across_both(crossing: Map) -> None:
    """A gas pipe of 200 mm 0.6 m north of the main of 300 mm: 0.35 m lie between the walls, where 0.5 m must be."""
    line = ";".join(f"{EAST + x},{NORTH + 0.6}" for x in (-20, -10))
    crossing.open(f"&line={line}&ask=drawn&class_code=gas&width_mm=200&cover_depth_m=1.1")
    eventually(lambda: crossing.page.locator("#conflict-count").count() and count(crossing) == "1")
    crossing.page.locator("[data-cut=across]").click()
    eventually(lambda: len(crossing.listed("section_cuts")) == 2)
    assert "燃气 (拟建管线)" in crossing.listed("section_cuts")[0] + crossing.listed("section_cuts")[1]
    assert "0.35 m" in crossing.page.locator("[data-list=section_too_near]").inner_text()
    eventually(lambda: crossing.page.locator("#section-drawing").evaluate("image => image.naturalWidth > 100"))
    crossing.page.locator("#back-to-drawing").click()
    eventually(lambda: crossing.page.locator("#section-along").count() and count(crossing) == "1")


def test_known_conflicts_are_a_layer_of_the_map(crossing: Map) -> None:
    crossing.look(-40, 0, 18.8, 4, 90, 0)
    eventually(lambda: crossing.seen(300).sum() > 100)
    assert crossing.seen(RED).sum() == 0
    crossing.page.locator("#show-conflicts").click()
    eventually(lambda: crossing.page.locator("#known-count b").count())
    assert crossing.page.locator("#known-count b").inner_text() == "1"
    assert "垂直 1 · 共 1 处" in crossing.page.locator("#known-kinds [data-kind=vertical]").inner_text()
    assert crossing.page.locator("#run-outdated").count() == 0
    assert "G0->G1" in crossing.details()
    eventually(lambda: crossing.seen(RED).sum() > 20)
    crossing.page.locator("#close-details").click()
    crossing.click_middle()
    eventually(lambda: crossing.page.locator("#details-body .conflicts").is_visible())
    assert "0.05 m" in crossing.details()
    # Up by 0.10 m would leave the gas 0.80 m of cover, so it goes under the water: from 1 m to 1.45 + 0.15 + 0.10 m.
    assert "0.70 m" in crossing.page.locator("#details-body .conflicts .move").inner_text()
    crossing.page.locator("#show-conflicts").click()
    eventually(lambda: crossing.seen(RED).sum() == 0)


def test_the_list_of_known_conflicts_says_when_it_is_out_of_date(crossing: Map, cluster: Cluster) -> None:
    with psycopg.connect(cluster.url("viewer_crossing")) as connection:
        connection.execute("UPDATE pipemap.clearance_run SET engine = 'an older one'")
    try:
        crossing.page.locator("#show-conflicts").click()
        eventually(lambda: "已过期" in crossing.page.locator("#run-outdated").inner_text())
        crossing.page.locator("#language").click()
        eventually(lambda: "Out of date" in crossing.page.locator("#run-outdated").inner_text())
    finally:
        with Database(cluster.url("viewer_crossing")) as database:
            run_city(database)
