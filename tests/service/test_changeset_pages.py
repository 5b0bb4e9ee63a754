"""What a changeset does to the map, on the page where the data manager reviews it."""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import shapely

from pipemap.changesets import create_edit
from pipemap.findings import save_findings
from schemas.findings import Finding, Severity
from tests.postgis.deliveries import publish_now
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

TOKEN = "s" * 40
ADDED, CHANGED, GONE = 'stroke="#11803c"', 'stroke="#c77700"', 'stroke="#b3261e"'


def edit(town: Town, title: str = "改造") -> int:
    """A draft that moves one pipe, gives another an owner, removes one and adds one."""
    ids = town.ids
    moved = shapely.LineString([(X0 + 40, Y0 + 100, 8), (X0 + 50, Y0 + 104, 8), (X0 + 60, Y0 + 100, 8)])
    added = {
        "class_code": "gas", "from_node_id": ids["G0"], "to_node_id": ids["G2"], "shape_code": "unknown",
        "depth_datum_code": "unknown", "elevation_source_code": "unknown",
        "geom": shapely.LineString([(X0, Y0 + 90), (X0 + 100, Y0 + 90)]),
    }  # fmt: skip
    changes = [
        {"kind": "pipe_segment", "op": "update", "feature_id": ids["A->B"], "values": {"geom": moved}},
        {"kind": "pipe_segment", "op": "update", "feature_id": ids["W->V1"], "values": {"owner": "<b>水司</b>"}},
        {"kind": "pipe_segment", "op": "delete", "feature_id": ids["G1->G2"], "values": {}},
        {"kind": "pipe_segment", "op": "insert", "values": added},
    ]
    return create_edit(town.database, title=title, author="测绘员", changes=changes)


def test_the_list_names_every_changeset_and_how_far_it_is(client: httpx.Client, town: Town) -> None:
    number = edit(town)
    page = client.get("/changesets?language=zh").text
    assert f'href="/changesets/{number}?language=zh"' in page and "草稿" in page and "已发布" in page
    assert page.index(f"/changesets/{number}?") < page.index("/changesets/1?")
    assert "draft" in client.get("/changesets?language=en").text


def test_a_draft_is_drawn_over_the_map_with_what_comes_changes_and_goes(client: httpx.Client, town: Town) -> None:
    page = client.get(f"/changesets/{edit(town)}?language=en").text
    for colour in (ADDED, CHANGED, GONE):
        assert len(re.findall(f"<path [^>]*{colour} stroke-width", page)) == 1
    assert "stroke-dasharray" in page, "the old place of what moved"
    assert "A-&gt;B" in page and "owner" in page and "&lt;b&gt;水司&lt;/b&gt;" in page and "<b>" not in page


def test_a_published_changeset_is_drawn_as_it_was_drafted(client: httpx.Client, town: Town) -> None:
    number = edit(town)
    before = re.findall(r"<path [^>]*stroke-width=\"2.2\"/>", client.get(f"/changesets/{number}").text)
    publish_now(town.database, number)
    assert re.findall(r"<path [^>]*stroke-width=\"2.2\"/>", client.get(f"/changesets/{number}").text) == before


def test_errors_are_ringed_and_told_in_the_language_asked_for(client: httpx.Client, town: Town) -> None:
    number = edit(town)
    error = Finding(
        rule="R20", severity=Severity.ERROR, message_en="no well", message_zh="缺少井", x_m=X0 + 40, y_m=Y0 + 100
    )
    unplaced = error.model_copy(update={"x_m": None, "y_m": None, "message_en": "nowhere"})
    with town.database.transaction() as connection:
        save_findings(connection, number, "check", [error, unplaced])
    page = client.get(f"/changesets/{number}?language=zh").text
    assert page.count('stroke="#d40000"') == 1
    assert "缺少井" in page and "no well" not in page
    assert "no well" in client.get(f"/changesets/{number}?language=en").text


def test_a_page_of_changes_leads_on_to_the_next(client: httpx.Client, town: Town) -> None:
    nodes = [
        {"kind": "node", "op": "insert", "values": {"class_code": "water", "geom": shapely.Point(X0 + i, Y0)}}
        for i in range(60)
    ]
    number = create_edit(town.database, title="many", author="a", changes=nodes)
    first, second = (client.get(f"/changesets/{number}?language=en&offset={n}").text for n in (0, 50))
    assert "offset=50" in first and "offset=0" in second and "offset=100" not in second
    rows = [set(re.findall(r"<td>node (\d+)</td>", page)) for page in (first, second)]
    assert len(rows[0]) == 50 and len(rows[1]) == 10 and not rows[0] & rows[1]


def test_changes_of_buildings_have_no_class_and_are_listed(client: httpx.Client, town: Town) -> None:
    area = shapely.box(X0, Y0, X0 + 10, Y0 + 10)
    values = {"kind_code": "building", "name": "一号楼", "geom": area}
    house = {"kind": "structure", "op": "insert", "values": values}
    number = create_edit(town.database, title="house", author="a", changes=[house])
    assert "structures" in client.get(f"/changesets/{number}?language=en").text


def test_the_pages_are_for_staff(serve: Callable[..., httpx.Client], town: Town) -> None:
    client = serve(staff_token=TOKEN)
    for path in ("/changesets", "/changesets/1"):
        refused(client.get(path), 401)
        assert client.get(path, auth=("manager", TOKEN)).status_code == 200


def test_every_page_that_the_map_links_to_is_there(client: httpx.Client) -> None:
    text = Path("viewer/static/index.html").read_text("utf-8")
    paths = re.findall(r'data-page="([^"]+)"', text)
    assert len(paths) == 6
    for path in paths:
        page = client.get(f"{path}?language=en")
        assert page.status_code == 200 and all(f'href="{other}?language=en"' in page.text for other in paths)


def test_a_draft_is_submitted_approved_and_published_on_its_page(
    serve: Callable[..., httpx.Client], town: Town
) -> None:
    client = serve(staff_token=TOKEN, require_approval=True)
    number = edit(town)
    assert press(client, number, "submit").status_code == 303
    assert "Waived" not in shown(client, number) and "waits for review" in shown(client, number)
    assert 'step" value="publish' not in shown(client, number), "it must be approved first"
    told = press(client, number, "approve", who="测绘员").text
    assert "somebody else" in told and "waits for review" in told
    press(client, number, "approve", who="审核员")
    assert "审核员" in shown(client, number)
    reasons = dict.fromkeys(re.findall(r'name="(waive_\w+)"', shown(client, number)), "现场已核")
    done = press(client, number, "publish", message="改造竣工", **reasons)
    assert done.status_code == 303 and done.headers["location"] == f"/changesets/{number}?language=en"
    assert "published as version" in shown(client, number)
    undone = press(client, number, "revert").headers["location"]
    assert "undoes" in client.get(undone, auth=("manager", TOKEN)).text
    assert (
        press(client, int(undone.split("/")[2].partition("?")[0]), "discard")
        .headers["location"]
        .startswith("/changesets?")
    )


def test_a_version_without_a_message_is_refused_on_the_page_in_its_language(client: httpx.Client, town: Town) -> None:
    number = edit(town)
    told = press(client, number, "publish", message=" ")
    assert told.status_code == 200 and 'role="alert"' in told.text
    assert client.get(f"/api/changesets/{number}").json()["version"] is None


def test_a_form_of_another_site_or_an_agency_takes_no_step(client: httpx.Client, town: Town) -> None:
    number = edit(town)
    for origin in ({}, {"Origin": "https://evil.example"}):
        refused(client.post(f"/changesets/{number}", data={"step": "discard"}, headers=origin), 403)
    assert client.get(f"/api/changesets/{number}").json()["state"] == "draft"
    assert 'role="alert"' in press(client, number, "burn").text


def press(client: httpx.Client, number: int, step: str, who: str = "manager", **fields: str) -> httpx.Response:
    own = {"Origin": str(client.base_url).rstrip("/")}
    form = {"step": step, **fields}
    return client.post(f"/changesets/{number}?language=en", data=form, headers=own, auth=(who, TOKEN))


def shown(client: httpx.Client, number: int) -> str:
    return client.get(f"/changesets/{number}?language=en", auth=("manager", TOKEN)).text
