"""Answers on the page: a burst with its plans, planned shut-downs, the map by criticality, traces.

Water, looking from above (north up); X the burst, V valves, V1 of unknown state, VC and VD closed, H a hydrant,
c homes, + a hospital:

    W1 ── V0 ── V1 ── J1 ─X─ J2 ── V2 ── J3+ ── VC ── W2
                      H1 │   c                 closed
                         VD ── D1
"""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from playwright.sync_api import Browser

from pipemap.contacts import set_contact
from pipemap.db import Database
from tests.conftest import Clone
from tests.service.browsing import Map, chromium, eventually, opened, served
from tests.service.streets import EAST, NORTH, Street, ground
from viewer.palette import LOOKS, RAMP

MAIN = [
    ("W1", -120, "waterworks", None),
    ("V0", -95, "valve", "open"),
    ("V1", -70, "valve", "unknown"),
    ("J1", -40, "hydrant", None),
    ("J2", 20, None, None),
    ("V2", 45, "valve", "open"),
    ("J3", 70, None, None),
    ("VC", 95, "valve", "closed"),
    ("W2", 120, "waterworks", None),
]
# Machado, Oliveira & Fernandes 2009, severity 1: linear RGB as seen without red, green and blue cones.
BLINDNESS = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def lay_main(database: Database) -> Street:
    street = Street()
    for key, x, appurtenance, state in MAIN:
        street.node(key, x, 0, "water", appurtenance_code=appurtenance, valve_state_code=state)
    street.node("VD", -40, -20, "water", appurtenance_code="valve", valve_state_code="closed")
    street.node("D1", -40, -50, "water")
    places = {key: (x, 0) for key, x, *_ in MAIN} | {"VD": (-40, -20), "D1": (-40, -50)}
    for ends in [*itertools.pairwise(key for key, *_ in MAIN), ("J1", "VD"), ("VD", "D1")]:
        axis = [(*places[end], ground(0) - 1.3) for end in ends]
        street.pipe(ends, axis, "water", ("circle", 300, 300))
    for key, x in (("G0", -40), ("G1", 20)):
        street.node(key, x, 1.5, "gas")
    street.pipe(("G0", "G1"), [(-40, 1.5, 18.7), (20, 1.5, 18.7)], "gas", ("circle", 200, 200))
    street.rows["pipe_segment"][-1] |= {"owner": "某某燃气公司"}
    _lay_sewer(street)
    for key, x in (("P0", -20), ("P1", 20)):
        street.node(key, x, -80, "power")
    street.pipe(("P0", "P1"), [(-20, -80, 19), (20, -80, 19)], "power", ("rect", 400, 200))
    street.rows["pipe_segment"][-1] |= {"circuit": "城东一线"}
    served_by = {"class_code": "water"}
    home = {"kind_code": "household", "people": 40, "name": "花园小区", "is_critical": False}
    hospital = {"kind_code": "hospital", "people": 300, "name": "人民医院", "is_critical": True}
    street.add("consumer", "C1", f"POINT({EAST + 20} {NORTH + 12})", node_id=street.ids["J2"], **served_by | home)
    street.add("consumer", "C2", f"POINT({EAST + 70} {NORTH + 12})", node_id=street.ids["J3"], **served_by | hospital)
    street.save(database)
    with database.transaction() as connection:
        set_contact(connection, "某某燃气公司", "0755-1234", "manager")
    return street


def _lay_sewer(street: Street) -> None:
    """F0 falls to F1, and on to the outfall F2; G2 -> G3 leaks gas 2 m beside it."""
    for key, x, appurtenance in (("F0", -40, "manhole"), ("F1", 0, "manhole"), ("F2", 40, "outfall")):
        street.node(key, x, 60, "foul", appurtenance_code=appurtenance)
    street.pipe(("F0", "F1"), [(-40, 60, 18.0), (0, 60, 17.8)], "foul", ("circle", 300, 300))
    street.pipe(("F1", "F2"), [(0, 60, 17.8), (40, 60, 17.6)], "foul", ("circle", 300, 300))
    street.node("G2", -20, 62, "gas")
    street.node("G3", 20, 62, "gas")
    street.pipe(("G2", "G3"), [(-20, 62, 19), (20, 62, 19)], "gas", ("circle", 200, 200))


@pytest.fixture(scope="module")
def browser_at(clone: Clone, template: str) -> Iterator[tuple[Browser, str]]:
    with chromium() as browser, served(clone(template, "viewer_answers"), lay_main) as url:
        yield browser, url


@pytest.fixture(scope="module")
def opened_map(browser_at: tuple[Browser, str]) -> Iterator[Map]:
    with opened(*browser_at) as page:
        yield page


@pytest.fixture
def burst_map(opened_map: Map) -> Iterator[Map]:
    """A main has burst between J1 and J2."""
    opened_map.reset()
    opened_map.find("J1->J2")
    opened_map.page.locator("#ask-burst").click()
    opened_map.page.locator("#consumer-count").wait_for()
    yield opened_map
    opened_map.keeps_quiet()


def test_the_second_plan_is_shown_when_a_valve_may_not_hold(burst_map: Map) -> None:
    assert burst_map.listed("valves_to_close") == ["V1"]
    burst_map.page.locator("[data-choice='0']").click()
    eventually(lambda: burst_map.listed("valves_to_close") == ["V0"])
    assert "若 V1 关不严" in burst_map.page.locator("[role=radio][aria-checked=true]").inner_text()
    assert burst_map.marks("valves") == [("1", -95, 0)]
    burst_map.page.locator("[data-choice='-1']").click()
    eventually(lambda: burst_map.listed("valves_to_close") == ["V1"])
    assert burst_map.marks("valves") == [("1", -70, 0)]


def test_each_valve_says_what_to_close_if_it_will_not_turn(burst_map: Map) -> None:
    assert (
        "若关不动：改关 V0；届时停供 2 户 · 340 人"
        in burst_map.page.locator("[data-list=valves_to_close]").inner_text()
    )
    burst_map.page.locator("#language").click()
    said = burst_map.page.locator("[data-list=valves_to_close]").inner_text()
    assert "If it will not turn: close V0 instead; then 2 consumers · 340 people without supply" in said
    burst_map.page.locator("#language").click()


def test_the_owner_of_a_pipe_beside_the_burst_is_told_with_the_telephone(burst_map: Map) -> None:
    assert "某某燃气公司 ☎ 0755-1234" in burst_map.page.locator("[data-list=near_it]").inner_text()


def test_what_is_told_of_a_valve_changes_the_plan_until_it_is_taken_back(burst_map: Map) -> None:
    burst_map.page.locator("[data-list=valves_to_close] [data-stuck]").click()
    eventually(lambda: burst_map.listed("valves_to_close") == ["V0"])
    assert burst_map.page.locator("[data-told=inaccessible]").inner_text().startswith("V1")
    burst_map.page.locator("[data-told=inaccessible]").click()
    eventually(lambda: burst_map.listed("valves_to_close") == ["V1"])
    assert burst_map.page.locator("[data-told]").count() == 0


def test_opening_a_closed_valve_gives_the_hospital_its_water_back(burst_map: Map) -> None:
    assert "人民医院" in burst_map.page.locator("[data-list=critical]").inner_text()
    assert burst_map.marks("back_feeds") == [("A", 95, 0)]
    offered = burst_map.page.locator("[data-list=back_feeds]")
    assert "须同时关闭： V2" in offered.inner_text()
    offered.locator(".place").click()
    eventually(lambda: burst_map.page.locator("[data-means=regained] .amount").inner_text() == "2")
    burst_map.page.locator("[data-open]").click()
    eventually(lambda: burst_map.listed("valves_to_close") == ["V2", "V1"])  # 55 m and 60 m from the burst
    assert burst_map.page.locator("[data-list=critical]").count() == 0
    assert burst_map.page.locator("#consumer-count b").inner_text() == "1"


def test_a_valve_picked_on_the_map_is_told_about_and_leads_back_to_the_answer(burst_map: Map) -> None:
    burst_map.find("V1")
    burst_map.page.locator("#cannot_close").click()
    eventually(lambda: burst_map.listed("valves_to_close") == ["V0"])
    burst_map.find("J3->VC")
    burst_map.page.locator("#back_to_answer").click()
    assert burst_map.listed("valves_to_close") == ["V0"]
    burst_map.find("J3->VC")
    burst_map.page.locator("#join_burst").click()
    eventually(lambda: len(burst_map.marks("burst")) == 2)
    assert burst_map.page.locator("#details h2").inner_text() == "J1->J2, J3->VC"


def test_zones_and_signs_are_explained_with_their_numbers(burst_map: Map) -> None:
    meanings = burst_map.page.locator("#legend-answer [data-means]")
    told = {meaning.get_attribute("data-means"): meaning.locator(".amount").inner_text() for meaning in meanings.all()}
    # Isolated: V1-J1, J1-J2, J2-V2, J1-VD. Dry beyond: V2-J3, J3-VC. Never had water: VD-D1. Near: the gas pipe.
    zones = {"isolated": "4", "dry": "2", "already_dry": "1", "near": "1"}
    marks = {"burst": "1", "valves": "1", "back_feeds": "1", "critical": "1", "hydrants_lost": "1"}
    assert told == zones | marks
    burst_map.page.locator("#language").click()
    assert "Dry beyond it" in burst_map.page.locator("[data-means=dry]").inner_text()
    burst_map.page.locator("#language").click()


def test_the_address_brings_the_whole_question_back(burst_map: Map) -> None:
    burst_map.page.locator("[data-list=valves_to_close] [data-stuck]").click()
    eventually(lambda: burst_map.listed("valves_to_close") == ["V0"])
    burst_map.look(10, 4, 19, 5, 60, 15)
    burst_map.page.reload()
    eventually(lambda: burst_map.state("ready"))
    assert burst_map.listed("valves_to_close") == ["V0"]
    assert burst_map.state("viewState.rotationX") == 60
    burst_map.page.keyboard.press("Escape")
    assert "ask=" not in burst_map.page.url


@pytest.mark.parametrize(
    "asked", ["burst", "burst&segment_id=x", "clearance", "profile", "shutdown", "shutdown&cuts=[{}]"]
)
def test_an_address_that_does_not_say_where_its_question_starts_is_told_so(opened_map: Map, asked: str) -> None:
    opened_map.reset()
    opened_map.open(f"&ask={asked}")
    assert "网址未指明查询的起点" in opened_map.page.locator("#message").inner_text()
    opened_map.keeps_quiet()


@pytest.fixture
def quiet_map(opened_map: Map) -> Iterator[Map]:
    """Nothing has been asked yet."""
    opened_map.reset()
    yield opened_map
    opened_map.keeps_quiet()


def test_the_map_is_coloured_by_the_people_who_hang_on_each_segment(quiet_map: Map) -> None:
    page = quiet_map.page
    quiet_map.look(0, 0, 19, 1.5, 90, 0)
    page.locator("#colouring").select_option("people")
    steps = page.locator("[data-means=step]")
    # West of V2 and on the stub to VD a burst takes the water from all 340; between V2 and VC from the hospital's 300.
    eventually(lambda: steps.all_inner_texts() == ["340\n6", "300\n2", "0\n2"])
    eventually(lambda: quiet_map.seen(336, (0.2, 0.7)).sum() > 100)  # the darkest step
    assert "340 人 · 2 户 · 1 重要用户" in page.locator("[data-list=worst] li").first.inner_text()
    quiet_map.find("V2->J3")
    assert "若爆管： 300 人" in quiet_map.details()
    page.locator("#colouring").select_option("")
    quiet_map.look(0, 0, 19, 1.5, 90, 0)
    eventually(lambda: steps.count() == 0 and quiet_map.seen(180).sum() > 50)


def test_planned_cuts_are_shown_hour_by_hour_with_what_only_their_overlap_does(quiet_map: Map) -> None:
    page = quiet_map.page
    page.locator("#asking").select_option("shutdown")
    quiet_map.find("W1->V0", asks=True)
    quiet_map.find("VC->W2", asks=True)
    eventually(lambda: page.locator(".cut").count() == 2)
    for name, value in (("starts_at", "2030-01-02T00:00"), ("ends_at", "2030-01-02T02:00")):
        quiet_map.change(f".cut:nth-child(2) [data-cut={name}]", value)
    for name, value in (("starts_at", "2030-01-01T22:00"), ("ends_at", "2030-01-02T05:00")):
        quiet_map.change(f".cut:nth-child(1) [data-cut={name}]", value)
    eventually(lambda: page.locator("#interval").get_attribute("max") == "2")
    assert "22:00 → 01/02 00:00" in page.locator("#interval-words").inner_text()
    assert page.locator("#joint-effect").count() == 0
    page.locator("#interval").focus()
    page.keyboard.press("ArrowRight")
    eventually(lambda: "00:00 → 01/02 02:00" in page.locator("#interval-words").inner_text())
    page.keyboard.press("ArrowRight")  # the slider still has the keyboard
    eventually(lambda: "02:00 → 01/02 05:00" in page.locator("#interval-words").inner_text())
    page.locator("[data-remove='1']").click()
    eventually(lambda: page.locator("#interval").get_attribute("max") == "0")


def test_a_question_chosen_above_is_asked_by_a_click(quiet_map: Map) -> None:
    quiet_map.page.locator("#asking").select_option("burst")
    quiet_map.look(0, 0, 19, 5, 90, 0)
    eventually(lambda: quiet_map.seen(180).sum() > 300)
    quiet_map.click_middle()
    eventually(lambda: quiet_map.listed("valves_to_close") == ["V1"])


def test_spaces_that_leaking_gas_can_gather_in_are_listed_and_marked(quiet_map: Map) -> None:
    quiet_map.find("G2->G3")
    quiet_map.page.locator("#ask-leak").click()
    # The manhole is 2 m beside the leak; the sewer's wall is 2.1 m and more away, as it lies deeper, and it falls.
    eventually(lambda: quiet_map.listed("spaces") == ["F1", "F0->F1", "F1->F2"])
    assert quiet_map.marks("spaces")[0] == ("1", 0, 60)


def test_a_pollution_is_followed_to_the_outfall_and_says_when_it_arrives(quiet_map: Map) -> None:
    quiet_map.find("F0->F1")
    quiet_map.page.locator("#ask-pollution").click()
    eventually(lambda: quiet_map.listed("ends") == ["F2"])
    assert quiet_map.marks("ends") == [("→", 40, 60)]
    assert "小时后到达" in quiet_map.page.locator("[data-list=ends]").inner_text()
    assert quiet_map.page.locator("[data-means=reached], [data-means=start]").count() == 2


def test_a_trace_tells_where_it_stopped_and_why(quiet_map: Map) -> None:
    quiet_map.find("F1->F2")
    quiet_map.page.locator("#ask-up").click()
    eventually(lambda: quiet_map.listed("stopped_at") == ["F0"])
    assert quiet_map.marks("stops") == [("!", -40, 60)]
    assert quiet_map.page.locator("[data-list=stopped_at] small").first.inner_text()


def test_the_shortest_way_is_asked_by_its_two_ends(quiet_map: Map) -> None:
    quiet_map.find("V1")
    quiet_map.page.locator("summary", has_text="更多分析").click()
    quiet_map.page.locator("#ask-path").click()
    quiet_map.page.locator("#waits-for").wait_for()
    quiet_map.find("J3")
    quiet_map.page.locator("#join_path").click()
    # V1 - J1 - J2 - V2 - J3, from 70 m west to 70 m east of the middle.
    eventually(lambda: "4 段 · 140 m" in quiet_map.page.locator("#reached").inner_text())
    profile = quiet_map.page.locator("#profile-along")
    eventually(lambda: profile.evaluate("(image) => image.naturalWidth") > 0)


def test_a_cut_cable_names_the_circuits_it_takes_down(quiet_map: Map) -> None:
    quiet_map.find("P0->P1")
    quiet_map.page.locator("#ask-outage").click()
    circuit = quiet_map.page.locator("[data-choice='0']")
    eventually(lambda: circuit.inner_text().startswith("城东一线"))
    circuit.click()
    eventually(lambda: "供电侧不明" in quiet_map.details())  # no source is drawn


def test_the_sheet_to_print_is_of_the_plan_shown(burst_map: Map) -> None:
    burst_map.page.locator("[data-list=valves_to_close] [data-stuck]").click()
    eventually(lambda: burst_map.listed("valves_to_close") == ["V0"])
    with burst_map.page.expect_popup() as opening:
        burst_map.page.locator("#print-sheet").click()
    assert "V0" in opening.value.content() and opening.value.url.startswith(burst_map.url)
    opening.value.close()


def test_pressures_after_the_cut_come_marked_as_a_models(burst_map: Map) -> None:
    burst_map.page.locator("#check-pressure").click()
    burst_map.page.locator("#pressure-figures").wait_for()
    assert "非实测" in burst_map.details()
    assert burst_map.page.locator("#check-pressure").count() == 0


def test_a_phone_shows_the_answer_and_the_map_beside_it(browser_at: tuple[Browser, str]) -> None:
    with opened(*browser_at, 390, 780) as phone:
        phone.find("J1->J2")
        phone.page.locator("#ask-burst").click()
        phone.page.locator("#consumer-count").wait_for()
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
        panel = phone.page.locator("#details").bounding_box()
        assert panel is not None and panel["y"] > 300 and panel["width"] == 390
        small = "[...document.querySelectorAll('button, select')].filter((b) => b.offsetParent && b.offsetHeight < 24)"
        assert phone.page.evaluate(f"{small}.map((b) => b.id || b.textContent)") == []


@pytest.mark.parametrize("kind", BLINDNESS)
@pytest.mark.parametrize(
    "together",
    [
        ("isolated", "dry", "already_dry", "regained"),
        ("isolated", "dry", "only_together"),
        ("start", "reached", "another_way", "overflow", "doubtful"),
    ],
    ids=["burst", "shutdown", "flow"],
)
def test_what_an_answer_tells_apart_stays_apart_for_the_colour_blind(together: tuple[str, ...], kind: str) -> None:
    for one, other in itertools.combinations((LOOKS[name] for name in together), 2):
        apart = np.linalg.norm(_seen_by(kind, one.colour) - _seen_by(kind, other.colour))
        assert apart > (20 if one.pattern == other.pattern else 10)


@pytest.mark.parametrize("kind", [*BLINDNESS, "grey"])
def test_the_steps_of_a_coloured_map_grow_darker_for_everybody(kind: str) -> None:
    assert (np.diff([_seen_by(kind, colour)[0] for colour in RAMP[1:]]) < -7).all()


def _seen_by(kind: str, colour: tuple[int, int, int] | None) -> np.ndarray:
    """CIE L*a*b* (D65) of an sRGB colour as somebody sees it."""
    channels = np.array(colour) / 255
    linear = np.where(channels > 0.04045, ((channels + 0.055) / 1.055) ** 2.4, channels / 12.92)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    seen = linear if kind == "grey" else np.clip(np.array(BLINDNESS[kind]) @ linear, 0, 1)
    x, y, z = np.cbrt(np.maximum(to_xyz @ seen / [0.9505, 1, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])
