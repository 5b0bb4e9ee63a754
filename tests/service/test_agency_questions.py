"""Sections, clearances, traces, counts and differences for other agencies: what they show, and what they never tell."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import numpy as np
import pytest
import shapely
from pyproj import Transformer

from pipemap.clearance.running import run_city
from pipemap.ground.grid import Grid
from pipemap.ground.storing import Origin, remove_model, store_model
from pipemap.sharing import agreements, audit, stores
from pipemap.sharing.agreements import Terms
from pipemap.sharing.precision import Precision
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

CITY = shapely.box(X0 - 500, Y0 - 500, X0 + 500, Y0 + 500)
EAST_HALF = shapely.box(X0 + 50, Y0, X0 + 200, Y0 + 200)
ACROSS = f"{X0 + 45} {Y0 + 80},{X0 + 45} {Y0 + 110}"
EAST_ACROSS = f"{X0 + 70} {Y0 + 80},{X0 + 70} {Y0 + 110}"
SIZES = ("source_key", "shape_code", "width_mm", "height_mm", "depth_datum_code", "elevation_source_code")


@pytest.fixture
def issue(town: Town) -> Callable[..., dict[str, str]]:
    """Make an agreement and give the header with its key."""

    def make(
        classes: tuple[str, ...] = ("water",), attributes: tuple[str, ...] = SIZES, area: Any = CITY, **more: Any
    ) -> dict[str, str]:
        terms = Terms("消防队", "救火", area, classes, attributes, datetime.now(UTC) + timedelta(days=9), **more)
        with town.database.transaction() as connection:
            number = agreements.agree(connection, terms, "manager")
            return {"X-API-Key": agreements.issue_key(connection, number, "manager")}

    return make


def drawn_gas_main(y: float, **question: Any) -> dict[str, Any]:
    line = [[X0 + 42, Y0 + y, 8.0], [X0 + 58, Y0 + y, 8.0]]
    return {"pipe": {"line": line, "class_code": "gas", "width_mm": 200.0, "pressure_code": "low"}, **question}


def told(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["answer"]


def test_a_section_cuts_what_is_granted_alone(client: httpx.Client, town: Town, issue: Any) -> None:
    both = told(client.get("/share/section", params={"line": ACROSS}, headers=issue(("water", "gas"))))
    assert {cut["source_key"] for cut in both["cuts"]} == {"A->B", "G0->G1"}
    water = told(client.get("/share/section", params={"line": ACROSS}, headers=issue()))
    [cut] = water["cuts"]
    assert (cut["source_key"], cut["width_mm"], cut["axis_z_m"], cut["owner"]) == ("A->B", 300, 8.0, None)
    assert water["ground"] == [], "the ground is not granted"
    assert "G0" not in json.dumps(water) and "供水公司" not in json.dumps(water)
    east = told(client.get("/share/section", params={"line": ACROSS}, headers=issue(area=EAST_HALF)))
    assert east["cuts"] == []


def test_a_profile_is_of_what_is_granted_alone(client: httpx.Client, town: Town, issue: Any) -> None:
    def profile(keys: tuple[str, ...], header: dict[str, str]) -> httpx.Response:
        return client.get("/share/profile", params={"segment_id": [town.ids[key] for key in keys]}, headers=header)

    staff = client.get("/api/profile", params={"segment_id": [town.ids["A->B"], town.ids["B->V2"]]}).json()
    whole = told(profile(("A->B", "B->V2"), issue()))
    assert [pipe["source_key"] for pipe in whole["pipes"]] == ["A->B", "B->V2"]
    assert [pipe["axis"] for pipe in whole["pipes"]] == [pipe["axis"] for pipe in staff["pipes"]]
    assert (whole["ground"], whole["ground_models"], whole["crossings"]) == ([], [], [])
    assert "供水公司" not in json.dumps(whole, ensure_ascii=False) and "G1" not in json.dumps(whole)
    masked = told(profile(("A->B",), issue(("water",), ("width_mm",))))
    assert [(pipe["source_key"], pipe["width_mm"]) for pipe in masked["pipes"]] == [("", 300)]
    cut = told(profile(("A->B",), issue(area=EAST_HALF)))
    assert cut["length_m"] == pytest.approx(10), "the granted part alone"
    hidden, absent = (
        profile(("W->V1",), issue(area=EAST_HALF)),
        client.get("/share/profile", params={"segment_id": 999_999}, headers=issue(area=EAST_HALF)),
    )
    assert refused(hidden, 404)["detail"].replace(str(town.ids["W->V1"]), "?") == refused(absent, 404)[
        "detail"
    ].replace("999999", "?")
    refused(profile(("A->B", "V2->C"), issue()), 400)
    refused(client.get("/share/profile", params={"segment_id": 1}), 401)


def test_no_ground_model_is_told(client: httpx.Client, town: Town, issue: Any) -> None:
    grid = Grid(X0 - 500, Y0 + 500, 10, 10, 101, 101)
    parts = [(part, np.full((part.height, part.width), 77.25, np.float32)) for part in grid.windows()]
    # Better than the survey, so that it tells the ground also at the nodes.
    origin = Origin("dem", "dem.tif", "0" * 64, "EPSG:4547", "manager", accuracy_m=0.01)
    store_model(town.database, origin, grid, parts)
    try:
        staff = client.get("/api/section", params={"line": ACROSS}).json()
        assert {height for _, height in staff["ground"]} == {77.25}
        shown = told(client.get("/share/section", params={"line": ACROSS}, headers=issue()))
        assert (shown["ground"], shown["ground_models"]) == ([], []) and "77.25" not in json.dumps(shown)
    finally:
        with town.database.transaction() as connection:
            remove_model(connection, "dem")


def test_a_section_without_depths_says_that_nobody_can_tell(client: httpx.Client, town: Town, issue: Any) -> None:
    with town.database.transaction() as connection:
        stores.refresh(connection, Precision("exact", "masked"))
    key = issue(("water", "gas"), ("width_mm",), depth_precision="masked")
    found = told(client.get("/share/section", params={"line": ACROSS}, headers=key))
    assert [(cut["class_code"], cut["axis_z_m"], cut["outline"]) for cut in found["cuts"]] == [
        ("gas", None, []),
        ("water", None, []),
    ]
    across = drawn_gas_main(0)
    across["pipe"]["line"] = [[X0 + 45, Y0 + 96, 8.0], [X0 + 45, Y0 + 104, 8.0]]
    judged = told(client.post("/share/clearance/line", json=across, headers=key))
    assert judged["conflicts"] == []
    assert any("other.elevation" in one["needs"] for one in judged["cannot_tell"])


@pytest.mark.parametrize(
    ("attributes", "is_told"), [(("width_mm",), True), (("width_mm", "casing_mm"), False), (("owner",), False)]
)
def test_who_sees_sizes_but_no_casings_is_told_that_these_are_left_out(
    client: httpx.Client, issue: Any, attributes: tuple[str, ...], is_told: bool
) -> None:
    answer = client.post("/share/clearance/line", json=drawn_gas_main(98), headers=issue(attributes=attributes)).json()
    assert ("casings round them are not shown" in answer["agreement"]["message_en"]) == is_told
    assert ("未含套管" in answer["agreement"]["message_zh"]) == is_told


def test_a_drawn_pipe_is_judged_against_what_is_granted(client: httpx.Client, town: Town, issue: Any) -> None:
    near = told(client.post("/share/clearance/line", json=drawn_gas_main(99.5), headers=issue()))
    assert {found["other_id"] for found in near["conflicts"]} == {town.ids["A->B"]}
    gas = client.post("/share/clearance/line", json=drawn_gas_main(99.5), headers=issue(("gas",)))
    assert (told(gas)["conflicts"], told(gas)["checked_pairs"]) == ([], 2)
    assert [one["kind"] for one in told(gas)["cannot_tell"]] == ["cover"], "the ground is not granted"
    assert "Other pipes and structures may lie there" in gas.json()["agreement"]["message_en"]
    unsized = told(client.post("/share/clearance/line", json=drawn_gas_main(98), headers=issue(attributes=())))
    assert not any(found["other_source_key"] for found in [*unsized["conflicts"], *unsized["cannot_tell"]])
    assert all("A->B" not in json.dumps(one) for one in unsized.values())


def test_segments_that_are_seen_to_meet_are_no_conflict(client: httpx.Client, town: Town, issue: Any) -> None:
    for attributes in (SIZES, (*SIZES, "from_node_id", "to_node_id")):
        answer = client.get(f"/share/clearance/segments/{town.ids['A->B']}", headers=issue(attributes=attributes))
        assert told(answer)["conflicts"] == []


def test_hidden_and_absent_segments_answer_alike(client: httpx.Client, town: Town, issue: Any) -> None:
    key = issue(area=EAST_HALF)
    assert client.get(f"/share/clearance/segments/{town.ids['B->V2']}", headers=key).status_code == 200
    answers = {
        json.dumps(refused(client.get(f"/share/clearance/segments/{number}", headers=key), 404)).replace(
            str(number), "?"
        )
        for number in (town.ids["G0->G1"], town.ids["W->V1"], 999_999)
    }
    assert len(answers) == 1


def test_what_is_near_is_told_with_what_is_granted(client: httpx.Client, town: Town, issue: Any) -> None:
    place = {"x": X0 + 55, "y": Y0 + 95, "radius_m": 10}
    page = told(client.get("/share/near", params=place, headers=issue(("water", "gas"), ("owner",))))
    found = {feature["id"]: feature["properties"] for feature in page["features"]}
    assert found.keys() == {town.ids[key] for key in ("A->B", "B->V2", "G0->G1", "G1->G2")}
    assert {tuple(properties) for properties in found.values()} == {("class_code", "owner", "distance_m")}
    page = told(client.get("/share/near", params=place, headers=issue(("gas",), (), EAST_HALF)))
    assert [feature["id"] for feature in page["features"]] == [town.ids["G1->G2"]]


def test_what_lies_along_a_line_is_told_with_what_is_granted(client: httpx.Client, town: Town, issue: Any) -> None:
    line = {"line": [[X0 + 10, Y0 + 95], [X0 + 90, Y0 + 95]], "half_width_m": 6}
    page = told(client.post("/share/corridor", json=line, headers=issue(("water",), (), EAST_HALF)))
    assert [feature["id"] for feature in page["features"]] == [town.ids[key] for key in ("A->B", "B->V2", "V2->C")]
    assert [feature["properties"].keys() for feature in page["features"]] == [
        {"class_code", "station_m", "distance_m"}
    ] * 3
    assert page["features"][0]["properties"]["station_m"] == pytest.approx(40), "where what is granted begins"
    refused(client.post("/share/corridor", json=line | {"kind": "consumer"}, headers=issue()))


def test_counts_are_of_what_is_granted(client: httpx.Client, town: Town, issue: Any) -> None:
    whole = told(client.get("/share/statistics", headers=issue(("water", "gas"))))
    assert {group["group"]["class_code"]: group["segments"] for group in whole["groups"]} == {"water": 5, "gas": 2}
    by_owner = {"by": "owner"}
    east = issue(("water",), ("owner",), EAST_HALF)
    groups = told(client.get("/share/statistics", params=by_owner, headers=east))["groups"]
    assert {group["group"]["owner"]: (group["segments"], group["length_m"]) for group in groups} == {
        "供水公司": (1, 10.0),
        None: (2, 40.0),
    }
    before = told(client.get("/share/statistics", params={**by_owner, "version": 1}, headers=east))
    assert {group["group"]["owner"] for group in before["groups"]} == {None}


VALVES = (*SIZES, "appurtenance_code", "valve_state_code", "name")


def test_a_burst_names_the_valves_that_are_shown(client: httpx.Client, town: Town, issue: Any) -> None:
    burst = {"at": f"{X0 + 50},{Y0 + 101}"}
    answer = told(client.get("/share/trace/burst", params=burst, headers=issue(attributes=VALVES)))
    assert answer["segment_ids"] == [town.ids["A->B"]] and answer["distance_m"] == pytest.approx(1)
    assert [valve["source_key"] for valve in answer["valves_to_close"]] == ["V1"]
    assert {town.ids[key] for key in ("V1->A", "A->B", "B->V2")} == set(answer["isolated_segment_ids"])
    assert (answer["dry_segment_ids"], answer["goes_on"]) == ([town.ids["V2->C"]], False)
    assert (answer["isolated_length_m"], answer["dry_length_m"]) == (60, 20)
    assert "人民医院" not in json.dumps(answer, ensure_ascii=False)


def test_a_burst_that_goes_on_outside_says_so_and_no_more(client: httpx.Client, town: Town, issue: Any) -> None:
    key = issue(attributes=VALVES, area=EAST_HALF, sites_telephone="12345")
    answer = told(client.get("/share/trace/burst", params={"segment_id": town.ids["A->B"]}, headers=key))
    assert answer["valves_to_close"] == [] and answer["goes_on"] and "12345" in answer["message_en"]
    assert set(answer["isolated_segment_ids"]) == {town.ids["A->B"], town.ids["B->V2"]}
    assert (answer["isolated_length_m"], answer["dry_length_m"]) == (30, 20), "only the part in the area counts"
    untold = issue(attributes=SIZES)
    answer = told(client.get("/share/trace/burst", params={"segment_id": town.ids["A->B"]}, headers=untold))
    assert answer["valves_to_close"] == [] and answer["goes_on"], "what stands at a node is not granted"


def test_a_burst_of_a_hidden_segment_is_one_of_none(client: httpx.Client, town: Town, issue: Any) -> None:
    key = issue(area=EAST_HALF)
    for hidden in (town.ids["W->V1"], town.ids["G0->G1"], 999_999):
        found = refused(client.get("/share/trace/burst", params={"segment_id": hidden}, headers=key), 404)
        assert f"There is no pipe_segment {hidden}." in json.dumps(found)
    refused(client.get("/share/trace/burst", params={"at": f"{X0 - 20},{Y0 + 100}"}, headers=key), 404)
    refused(client.get("/share/trace/burst", headers=key))


def test_a_difference_is_of_what_is_granted(client: httpx.Client, town: Town, issue: Any) -> None:
    versions = {"from": 1, "to": 2}
    both = client.get("/share/diff", params=versions, headers=issue(("water", "gas"), ("owner",))).json()
    assert both["counts"] == {
        "node": {"added": 3, "changed": 0, "removed": 0},
        "pipe_segment": {"added": 2, "changed": 1, "removed": 0},
    }
    ownerless = client.get("/share/diff", params=versions, headers=issue(("water",), ())).json()
    assert ownerless["counts"] == {} and ownerless["changes"] == []
    frozen = issue(frozen_version=1)
    refused(client.get("/share/diff", params=versions, headers=frozen), 404)
    refused(client.get("/share/diff", params={"from": 2, "to": 1}, headers=frozen))
    refused(client.get("/share/diff", params={"from": 1, "to": 9}, headers=issue()), 404)


def test_each_question_is_on_record_and_each_refusal(client: httpx.Client, town: Town, issue: Any) -> None:
    key = issue()
    answer = client.get("/share/section", params={"line": ACROSS}, headers=key)
    client.get("/share/clearance/segments/999999", headers=key)
    with town.database.transaction(read_only=True) as connection:
        refusal, look = audit.list_entries(connection, audit.AuditFilter(actor="消防队"))
    details = json.loads(look["details"]) if isinstance(look["details"], str) else look["details"]
    assert (look["action"], refusal["action"]) == ("share.section", "share.refused")
    assert (details["count"], details["bytes"], details["purpose"]) == (1, len(answer.content), "救火")
    assert details["bbox"] == [X0 + 44, Y0 + 79, X0 + 46, Y0 + 111]


def test_what_a_stranger_asks_at_length_is_not_kept_for_good(client: httpx.Client, town: Town) -> None:
    question = {"line": [[X0, Y0], [X0 + 9, Y0]], "half_width_m": 5, "class_code": ["water"] * 100_000}
    refused(client.post("/share/corridor", json=question, headers={"X-API-Key": "pmk_forged"}), 401)
    with town.database.transaction(read_only=True) as connection:
        refusal = audit.list_entries(connection, audit.AuditFilter(action="share.refused"))[0]
    assert len(json.dumps(refusal["details"])) < 10_000 and refusal["details"]["asked"]["bytes"] > 800_000


def test_a_drawn_polygon_costs_no_more_than_it_can_show(client: httpx.Client, issue: Any) -> None:
    to_degrees = Transformer.from_crs(4547, 4326, always_xy=True)
    west, south = to_degrees.transform(X0, Y0)
    sliver = [[west, south], [west + 0.1, south], [west + 0.1, south + 1e-12], [west, south + 1e-12], [west, south]]
    corners = [[X0, Y0], [X0 + 9, Y0], [X0 + 9, Y0 + 9], [X0, Y0]]
    far = [[X0, Y0], [X0 + 1e300, Y0], [X0 + 1e300, Y0 + 9], [X0, Y0]]

    def ask(rings: list[list[list[float]]], **more: Any) -> httpx.Response:
        body = {"polygon": {"type": "Polygon", "coordinates": rings}, "z_min_m": 0, "z_max_m": 9, **more}
        return client.post("/share/clearance/polygon", json=body, headers=issue())

    assert ask([sliver], crs="EPSG:4326").status_code == 200
    assert "corners" in refused(ask([corners] * 2_501))["detail"]
    refused(ask([far]))
    world = [[-180, -90], [180, -90], [180, 90], [-180, 90], [-180, -90]]
    assert "reaches beyond" in refused(ask([world], crs="EPSG:4326"))["detail"]


def test_a_corridor_is_no_longer_than_a_city(client: httpx.Client, issue: Any) -> None:
    question = {"line": [[X0, Y0], [X0 + 9e8, Y0]], "half_width_m": 5}
    assert "100 km" in refused(client.post("/share/corridor", json=question, headers=issue()))["detail"]


@pytest.mark.parametrize("field", ["crs", "class_code"])
def test_half_a_character_is_refused_as_any_other_value(client: httpx.Client, issue: Any, field: str) -> None:
    ring = [[X0, Y0], [X0 + 9, Y0], [X0 + 9, Y0 + 9], [X0, Y0]]
    question = {"polygon": {"type": "Polygon", "coordinates": [ring]}, "z_min_m": 0, "z_max_m": 9, field: "\ud800"}
    for key in (issue(), {"X-API-Key": "pmk_forged"}):
        headers = {**key, "Content-Type": "application/json"}
        refused(client.post("/share/clearance/polygon", content=json.dumps(question), headers=headers))


def test_without_a_key_nothing_is_answered(client: httpx.Client, town: Town) -> None:
    for address in (
        "agreement",
        "section?line=0 0,1 1",
        "near?x=0&y=0&radius_m=5",
        "statistics",
        "diff?from=1&to=2",
        "trace/burst?segment_id=1",
        "clearance/segments/1",
        "clearance/conflicts?bbox=0,0,1,1",
    ):
        for headers in ({}, {"X-API-Key": "pmk_forged"}):
            refused(client.get(f"/share/{address}", headers=headers), 401)


NEAR_TOWN = f"{X0 - 20},{Y0 + 60},{X0 + 120},{Y0 + 130}"
CONFLICTS = "/share/clearance/conflicts"


def too_near(client: httpx.Client, header: dict[str, str], **params: Any) -> Any:
    return told(client.get(CONFLICTS, params={"bbox": NEAR_TOWN, **params}, headers=header))


@pytest.fixture
def crowded(town: Town) -> Town:
    """Beside the town's water main a gas main and a sewer that are too near to it, and to each other."""
    nodes = [node(f"{key}{x}", x, y, class_code=code) for key, y, code in BESIDE for x in (0, 100)]
    lines = [
        segment(f"{key}0", f"{key}100", [(0, y, 8), (100, y, 8)], class_code=code, width_mm=200.0, owner="某公司",
                shape_code="circle", depth_datum_code="axis", elevation_source_code="measured")
        for key, y, code in BESIDE
    ]  # fmt: skip
    publish_now(town.database, bring_in(town.database, delivery(nodes, lines, dataset="crowd")))
    with town.database.transaction(read_only=True) as connection:
        rows = connection.execute("SELECT source_key, feature_id FROM pipemap.pipe_segment").fetchall()
    return Town(town.database, {row["source_key"]: row["feature_id"] for row in rows})


BESIDE = (("K", 100.45, "gas"), ("S", 99.85, "foul"))


def test_conflicts_are_judged_anew_on_what_is_granted(client: httpx.Client, crowded: Town, issue: Any) -> None:
    gas, foul = crowded.ids["K0->K100"], crowded.ids["S0->S100"]
    all_three = too_near(client, issue(("water", "gas", "foul")))
    assert {gas, foul} <= {found["other_id"] for found in all_three["conflicts"]} | {
        found["segment_id"] for found in all_three["conflicts"]
    }
    two = too_near(client, issue(("water", "gas")))
    pairs = {frozenset((one["segment_id"], one["other_id"])) for one in two["conflicts"]}
    assert any(gas in pair for pair in pairs) and not any(foul in pair for pair in pairs)
    assert "某公司" not in json.dumps(two, ensure_ascii=False)
    assert sum(one["count"] for one in two["counts"] if one["state"] == "conflict") == len(two["conflicts"])
    alone = too_near(client, issue(("gas",), area=EAST_HALF))
    assert {one["other_id"] for one in alone["conflicts"]} <= {None}


def test_what_an_older_version_had_too_is_left_out_on_what_is_granted(
    client: httpx.Client, crowded: Town, issue: Any
) -> None:
    def pairs(header: dict[str, str], **params: Any) -> set[tuple[str, int, int | None]]:
        found = too_near(client, header, **params)["conflicts"]
        return {(one["kind"], one["segment_id"], one["other_id"]) for one in found}

    newest = too_near(client, issue(("water",)))["version"]
    for classes in (("water", "gas", "foul"), ("water", "gas"), ("foul",)):
        key = issue(classes)
        for since in range(newest + 1):
            assert pairs(key, since=since) == pairs(key) - pairs(key, version=since)
    assert pairs(issue(("water", "gas")), since=newest - 1), "the main that came with the newest"
    refused(client.get(CONFLICTS, params={"bbox": NEAR_TOWN, "since": 99}, headers=key), 404)


def test_news_are_told_since_a_version_that_is_shown(client: httpx.Client, crowded: Town, issue: Any) -> None:
    frozen = issue(("water", "gas", "foul"), frozen_version=3)
    assert too_near(client, frozen)["conflicts"], "so nothing new would be wrong"
    refused(client.get(CONFLICTS, params={"bbox": NEAR_TOWN, "since": 2}, headers=frozen), 404)
    refused(client.get(CONFLICTS, params={"bbox": NEAR_TOWN, "since": 3, "version": 2}, headers=issue()), 400)


def test_a_conflict_that_has_moved_into_the_window_is_not_new(client: httpx.Client, crowded: Town, issue: Any) -> None:
    nodes = [node(f"{key}{x}", x or 5, y, class_code=code) for key, y, code in BESIDE for x in (0, 100)]
    shorter = [
        segment(f"{key}0", f"{key}100", [(5, y, 8), (100, y, 8)], class_code=code, width_mm=200.0, owner="某公司",
                shape_code="circle", depth_datum_code="axis", elevation_source_code="measured")
        for key, y, code in BESIDE
    ]  # fmt: skip
    publish_now(crowded.database, bring_in(crowded.database, delivery(nodes, shorter, dataset="crowd")))
    east = {"bbox": f"{X0 + 3},{Y0 + 60},{X0 + 120},{Y0 + 130}"}
    key = issue(("water", "gas", "foul"))
    then, now = (len(too_near(client, key, **east, version=version)["conflicts"]) for version in (3, 4))
    assert then < now, "in this window alone some look new"
    assert too_near(client, key, **east, since=3)["conflicts"] == []


def test_a_stored_verdict_on_hidden_depths_is_not_told(client: httpx.Client, crowded: Town, issue: Any) -> None:
    """Levels that are masked, and the ground of a model over them, decide nothing that is told."""
    grid = Grid(X0 - 500, Y0 + 500, 10, 10, 101, 101)
    parts = [(part, np.full((part.height, part.width), 8.2, np.float32)) for part in grid.windows()]
    store_model(crowded.database, Origin("dem", "dem.tif", "0" * 64, "EPSG:4547", "manager"), grid, parts)
    try:
        run_city(crowded.database)
        stored = client.get("/api/clearance/city", params={"bbox": NEAR_TOWN}).json()
        assert {"cover", "collision"} <= {one["kind"] for one in stored["conflicts"]}
        with crowded.database.transaction() as connection:
            stores.refresh(connection, Precision("exact", "masked"))
        key = issue(("water", "gas", "foul"), ("width_mm",), depth_precision="masked")
        shown = too_near(client, key)
        assert {one["kind"] for one in shown["conflicts"]} <= {"horizontal", "stacked"}
        assert {"vertical", "cover"} & {one["kind"] for one in shown["counts"] if one["state"] == "cannot_tell"}
        assert shown["ground_models"] == [] and all(one["point"][2] is None for one in shown["conflicts"])
    finally:
        with crowded.database.transaction() as connection:
            remove_model(connection, "dem")


def test_conflicts_are_asked_for_by_kind_page_and_system_and_within_bounds(
    client: httpx.Client, crowded: Town, issue: Any
) -> None:
    key = issue(("water", "gas", "foul"))
    whole = too_near(client, key)
    assert too_near(client, key, limit=1, offset=1)["conflicts"] == whole["conflicts"][1:2]
    only = too_near(client, key, kind="horizontal")["conflicts"]
    assert only == [one for one in whole["conflicts"] if one["kind"] == "horizontal"] and only
    west, south, east, north = (float(part) for part in NEAR_TOWN.split(","))
    to_degrees = Transformer.from_crs(4547, 4326, always_xy=True)
    box = ",".join(str(value) for value in to_degrees.transform_bounds(west, south, east, north))
    in_degrees = told(client.get(CONFLICTS, params={"bbox": box, "crs": "EPSG:4326"}, headers=key))
    assert in_degrees["conflicts"] == whole["conflicts"]
    for params in ({"bbox": "0,0,1e7,1e7"}, {}, {"bbox": "1,2,3"}, {"bbox": NEAR_TOWN, "kind": "imagined"}):
        refused(client.get(CONFLICTS, params=params, headers=key), 400)
    refused(client.get(CONFLICTS, params={"bbox": NEAR_TOWN}), 401)


def test_conflicts_are_on_record_and_charged(client: httpx.Client, crowded: Town, issue: Any) -> None:
    key = issue(area=EAST_HALF)
    answer = client.get(CONFLICTS, params={"bbox": NEAR_TOWN}, headers=key)
    with crowded.database.transaction(read_only=True) as connection:
        (look,) = audit.list_entries(connection, audit.AuditFilter(actor="消防队"))
    details = json.loads(look["details"]) if isinstance(look["details"], str) else look["details"]
    assert (look["action"], details["bytes"]) == ("share.conflicts", len(answer.content))
    far = [f"{X0 + 1000 * n},{Y0 + 5000},{X0 + 1000 * n + 100},{Y0 + 5100}" for n in range(5)]
    codes = [client.get(CONFLICTS, params={"bbox": box}, headers=key).status_code for box in far]
    assert codes[-1] == 403, "whoever walks the city is stopped"


def test_an_agency_reads_what_it_is_granted_and_until_when(client: httpx.Client, town: Town, issue: Any) -> None:
    terms = client.get("/share/agreement", headers=issue(("gas",), ("owner",), EAST_HALF, may_export=False)).json()
    assert (terms["agency"], terms["purpose"], terms["class_codes"]) == ("消防队", "救火", ["gas"])
    assert (terms["attributes"], terms["may_export"], terms["version"]) == (["owner"], False, 2)
    assert shapely.from_wkt(terms["area_wkt"]).equals(shapely.MultiPolygon([EAST_HALF]))
    assert datetime.fromisoformat(terms["expires_at"]) > datetime.now(UTC) + timedelta(days=8)
