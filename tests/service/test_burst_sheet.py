"""The burst sheet of the district, printed by a real browser: one page of A4 in both languages, however much burst."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
from playwright.sync_api import Browser
from typer.testing import CliRunner

from pipemap.commands.tracing import app
from pipemap.db import Database
from pipemap.network import load_network
from pipemap.report.burst_sheet import MOST_VALVES, render_sheet
from pipemap.tracing.asking import BurstQuestion, ask_burst
from pipemap.tracing.places import segment_by_key
from sample_data.demo import load_district
from sample_data.district import write_district
from schemas.isolation import BackFeed, BurstAnswer, CriticalConsumer, Note, Surroundings
from tests.conftest import Clone
from tests.service.browsing import chromium
from tests.service.conftest import Town

A4_POINTS = (595, 842)
LONG = "<img src=x onerror=alert(1)>" + "临渊路与望江路交叉口东北角绿化带内距路缘石三米处 " * 8
NOW = datetime(2026, 11, 25, 3, 12, tzinfo=UTC)
Sheet = tuple[BurstAnswer, dict[str, str]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def sheets(clone: Clone, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Sheet]]:
    """Sheets in both languages: of the hospital's main, and of a burst in every fortieth main at once."""
    district = write_district(tmp_path_factory.mktemp("district"))
    with Database(clone(template, "burst_sheet")) as database:
        load_district(database, district, lambda _: None)
        with database.transaction(read_only=True) as opened:
            network = load_network(opened)
            main = segment_by_key(opened, "JS069->JS070")
            of_water = network.segments.class_ == network.segments.class_[np.searchsorted(network.segments.id, main)]
            many = network.segments.id[np.flatnonzero(of_water)[::40]].tolist()
            found = {}
            for name, segments in (("hospital", [main]), ("many", many)):
                answer = ask_burst(opened, network, BurstQuestion(segment_ids=segments, fallbacks=True))
                found[name] = answer, {}
            found["wordy"] = wordy(found["many"][0]), {}
            around = Surroundings(
                radius_m=5.0, neighbours=[], owners={"电信公司": 2, "": 1}, telephones={"电信公司": "0755-1234"}
            )
            found["owned"] = found["hospital"][0].model_copy(update={"surroundings": around}), {}
            for answer, pages in found.values():
                pages |= {one: render_sheet(opened, network, answer, one, NOW) for one in ("zh", "en")}
        yield found


def wordy(answer: BurstAnswer) -> BurstAnswer:
    """The same with as many entries as there can be, each with far more words than there is room for."""
    valves = [valve.model_copy(update={"address": LONG, "name": LONG}) for valve in answer.valves_to_close]
    back = BackFeed(
        valve=valves[0], also_close=valves, consumers=1, people=2, critical=[], length_m=1.0, segment_ids=[]
    )  # fmt: skip
    critical = CriticalConsumer(
        feature_id=1, name=LONG, kind_code="hospital", people=3, zone="dry", x_m=512000.0, y_m=2611700.0
    )  # fmt: skip
    around = Surroundings(radius_m=5.0, neighbours=[], owners={f"{LONG} {number}": number for number in range(20)})
    fallbacks = [one.model_copy(update={"close": valves}) for one in answer.fallbacks]
    many = {
        "valves_to_close": valves,
        "fallbacks": fallbacks,
        "closed_valves_relied_on": valves,
        "back_feeds": [back] * 20,
    }
    told = {"warnings": [Note(code=str(i), message_en=f"{i} {LONG}", message_zh=f"{i} {LONG}") for i in range(20)]}
    consumers = answer.consumers.model_copy(update={"critical": [critical] * 40})
    return answer.model_copy(update=many | told | {"consumers": consumers, "surroundings": around})


def printed(browser: Browser, page_file: Path) -> tuple[bytes, str]:
    """The page as PDF, and the text that is seen of it."""
    page = browser.new_page()
    page.goto(page_file.as_uri())
    seen = page.inner_text("main")
    pdf = page.pdf(prefer_css_page_size=True)
    page.close()
    return pdf, seen


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", ["hospital", "many", "wordy"])
def test_a_sheet_is_one_page_of_a4(
    browser: Browser, sheets: dict[str, Sheet], tmp_path: Path, name: str, language: str
) -> None:
    answer, pages = sheets[name]
    (tmp_path / "sheet.html").write_text(pages[language], encoding="utf-8")
    pdf, seen = printed(browser, tmp_path / "sheet.html")
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) == 1
    [box] = re.findall(rb"/MediaBox\s*\[0 0 ([0-9.]+) ([0-9.]+)\]", pdf)
    assert tuple(round(float(side)) for side in box) == A4_POINTS
    shown = answer.valves_to_close[:MOST_VALVES]
    places = [seen.index(valve.source_key or "") for valve in shown]
    assert len(shown) > 1 and places == sorted(places)
    left_out = len(answer.valves_to_close) - len(shown)
    told = f"另有 {left_out} 项" if language == "zh" else f"and {left_out} more"
    assert (told in seen) == (left_out > 0)


def test_the_sheet_says_what_a_crew_needs(browser: Browser, sheets: dict[str, Sheet], tmp_path: Path) -> None:
    answer, pages = sheets["hospital"]
    (tmp_path / "sheet.html").write_text(pages["zh"], encoding="utf-8")
    _, seen = printed(browser, tmp_path / "sheet.html")
    for words in ("青禾区", "2026-11-25 03:12", "青禾区人民医院", "1200 人", "云杉路", "球墨铸铁", "JS069->JS070"):
        assert words in seen
    assert f"{answer.consumers.people} 人" in re.sub(r"\s+", " ", seen)
    assert "Close, in this order" not in seen


def test_the_sheet_says_what_to_do_when_a_valve_cannot_be_closed_and_whom_to_call(
    sheets: dict[str, Sheet],
) -> None:
    answer, pages = sheets["owned"]
    assert [one.valve.node_id for one in answer.fallbacks] == [one.node_id for one in answer.valves_to_close]
    instead = {valve.source_key for one in answer.fallbacks for valve in one.close}
    assert instead and all(str(key) in pages["zh"] for key in instead)
    assert all(f"{one.people} <span" in pages["zh"] for one in answer.fallbacks)
    assert "0755-1234" in pages["zh"]


def test_the_map_shows_every_valve_by_its_number_inside_the_frame(sheets: dict[str, Sheet]) -> None:
    answer, pages = sheets["hospital"]
    [(width, height)] = re.findall(r'<svg viewBox="0 0 (\d+) ([\d.]+)" style', pages["en"])
    marks = re.findall(r'<text class="label valve" x="([\d.]+)" y="([\d.]+)">(\d+)</text>', pages["en"])
    assert [number for *_, number in marks] == [str(valve.order) for valve in answer.valves_to_close]
    assert all(0 < float(x) < float(width) and 0 < float(y) < float(height) for x, y, _ in marks)
    # North is up and the scale is that of the bar: two valves are as far apart on paper as on the ground.
    bar_m = float(re.findall(r">([\d.]+) m</text>", pages["en"])[0])
    bar_mm = float(re.findall(r"h([\d.]+)v-0.8", pages["en"])[0])
    tips = np.array(re.findall(r'<circle class="tip" cx="([\d.]+)" cy="([\d.]+)"', pages["en"]), np.float64)
    first, second = answer.valves_to_close[:2]
    ground = np.array([second.x_m - first.x_m, first.y_m - second.y_m])
    assert tips[1] - tips[0] == pytest.approx(ground * bar_mm / bar_m, abs=0.05)


def test_the_service_and_the_command_line_give_the_sheet(
    client: httpx.Client, town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = client.get("/burst/sheet", params={"segment_id": town.ids["A->B"], "language": "en"})
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", town.database.url)
    monkeypatch.setenv("PIPEMAP_LANGUAGE", "en")
    words = ["trace", "burst", "--segment", str(town.ids["A->B"]), "--sheet", str(tmp_path / "sheet.html"), "--json"]
    assert CliRunner().invoke(app, words).exit_code == 0
    written = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    for page in (answer.text, written):
        assert "人民医院" in page
        assert "<div>V1</div>" in page


def test_a_name_of_the_data_cannot_run_in_the_page(sheets: dict[str, Sheet]) -> None:
    _, pages = sheets["wordy"]
    assert "<img" not in pages["zh"]
    assert "&lt;img" in pages["zh"]
    assert "default-src 'none'" in pages["zh"]
