"""The cross-section over HTTP, as data and as drawings."""

import io
from xml.etree import ElementTree

import ezdxf
import httpx
import pytest

from tests.service.conftest import X0, Y0, Town

LINE = {"line": f"{X0 + 30} {Y0 + 80},{X0 + 50} {Y0 + 110}"}
SVG = "{http://www.w3.org/2000/svg}"


def test_the_section_of_the_town_holds_gas_and_water_at_their_heights(client: httpx.Client) -> None:
    answer = client.get("/api/section", params=LINE).json()
    assert [(cut["source_key"], cut["axis_z_m"]) for cut in answer["cuts"]] == [("G0->G1", 7.0), ("A->B", 8.0)]
    # Water of 300 mm on the axis at 8 m.
    assert answer["cuts"][1]["crown_z_m"] == pytest.approx(8.15)
    assert len(client.get("/api/section", params=LINE | {"version": 1}).json()["cuts"]) == 1


@pytest.mark.parametrize(("language", "title"), [("zh", "横断面图"), ("en", "Cross-section")])
def test_the_drawing_shows_each_cut_pipe_in_the_language_asked_for(
    client: httpx.Client, language: str, title: str
) -> None:
    answer = client.get("/api/section/drawing", params=LINE | {"language": language})
    assert answer.headers["content-type"].startswith("image/svg+xml")
    words = {text.text for text in ElementTree.fromstring(answer.content).iter(f"{SVG}text")}
    assert {title, "G0->G1", "A->B", "DN300"} <= words


def test_the_picture_is_a_png(client: httpx.Client) -> None:
    answer = client.get("/api/section/drawing", params=LINE | {"format": "png"})
    assert answer.headers["content-type"] == "image/png" and answer.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("line", ["1 2", "nan nan,1 2", "1 2 3,4 5 6", "a", f"{X0} {Y0},{X0} {Y0}"])
def test_a_line_that_is_none_is_refused(client: httpx.Client, line: str) -> None:
    assert client.get("/api/section", params={"line": line}).status_code == 400


@pytest.mark.parametrize("route", ["section", "profile"])
def test_sections_are_drawn_for_cad(client: httpx.Client, town: Town, route: str) -> None:
    run = {"from_node_id": town.ids["W"], "to_node_id": town.ids["C"]}
    asked = LINE if route == "section" else run
    answer = client.get(f"/api/{route}/drawing", params=asked | {"format": "dxf"})
    assert answer.headers["content-type"] == "image/vnd.dxf"
    file = ezdxf.read(io.StringIO(answer.text))
    # Gas of unknown height is a cross of two strokes.
    assert len(file.modelspace().query('LWPOLYLINE[layer=="pipes"]')) == (3 if route == "section" else 5)


def test_room_for_a_pipe_is_found_and_drawn(client: httpx.Client) -> None:
    line = f"{X0 + 30} {Y0 + 80},{X0 + 30} {Y0 + 110}"
    asked = {"line": line, "class_code": "water", "width_mm": 300}
    strips = client.get("/api/room", params=asked).json()["strips"]
    # Gas of 200 mm at 10 m, a water main at 20 m.
    assert [strip["left"]["source_key"] for strip in strips] == [None, "G0->G1", "V1->A"]
    answer = client.get("/api/room/drawing", params=asked | {"language": "en"})
    assert "room" in {text.text.split()[0] for text in ElementTree.fromstring(answer.content).iter(f"{SVG}text")}
    street = {"line": f"{X0 + 5} {Y0 + 95},{X0 + 45} {Y0 + 95}", "half_width_m": 10}
    along = client.get("/api/room/corridor", params=asked | street).json()
    assert len(along["sections"]) == 4 and len(along["strips"]) == 3
    assert client.get("/api/room", params=asked | {"class_code": "wine"}).status_code == 400


def test_the_nearest_pipes_are_given_however_far(client: httpx.Client) -> None:
    asked = {"x": X0 - 500, "y": Y0 + 100}
    found = client.get("/api/near", params=asked | {"count": 2}).json()["features"]
    assert [one["properties"]["source_key"] for one in found] == ["W->V1", "G0->G1"]
    assert client.get("/api/near", params=asked).status_code == 400


def test_a_drawn_pipe_is_shown_in_the_section_along_it_and_across_it(client: httpx.Client) -> None:
    """Gas of 100 mm drawn over the water main of 300 mm at 8 m, its axis at 8.3 m: 0.1 m lie between them."""
    line = [(X0 + 30, Y0 + 80, 8.3), (X0 + 50, Y0 + 110, 8.3)]
    written = ",".join(" ".join(map(str, place)) for place in line)
    pipe = {"class_code": "gas", "width_mm": 100, "pipe_line": written}
    along = client.get("/api/section", params=LINE | pipe).json()
    asked = client.post("/api/clearance/line", json={"pipe": {"class_code": "gas", "width_mm": 100, "line": line}})
    (conflict,) = (found for found in asked.json()["conflicts"] if found["kind"] == "vertical")
    (near,) = (found for found in along["too_near"] if found["kind"] == "vertical")
    assert (near["one"], near["measured_m"], near["limit_m"]) == (0, pytest.approx(0.1), conflict["limit_m"])
    drawing = client.get("/api/section/drawing", params=LINE | pipe | {"language": "zh"}).text
    assert "拟建 燃气 DN100" in drawing and "拟建–2" in drawing
    across = {"line": f"{X0 + 30} {Y0 + 100},{X0 + 50} {Y0 + 100}"}
    cuts = client.get("/api/section", params=across | pipe).json()["cuts"]
    assert [cut["axis_z_m"] for cut in cuts if cut["is_drawn"]] == [pytest.approx(8.3)]


@pytest.mark.parametrize(
    "pipe",
    [
        {"class_code": "gas"},
        {"width_mm": 100},
        {"pipe_line": "1 2,3 4"},
        {"class_code": "gas", "width_mm": 100, "pipe_line": "1 2 3,4 5"},
        {"class_code": "none such", "width_mm": 100},
    ],
)
def test_a_drawn_pipe_that_is_half_described_is_refused(client: httpx.Client, pipe: dict[str, object]) -> None:
    answer = client.get("/api/section", params=LINE | pipe)
    assert answer.status_code == 400 and answer.json()["detail"]
