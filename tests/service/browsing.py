"""The page as its user meets it, in a real browser on the real service."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np
import uvicorn
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from api.app import create_app
from pipemap.db import Database
from pipemap.settings import Settings
from tests.service.streets import EAST, NORTH

PATIENCE_S = 300  # a software rasteriser on a busy machine
BROWSER_ARGUMENTS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextmanager
def served(url: str, lay: Callable[[Database], Any], settings: Settings | None = None) -> Iterator[str]:
    """The address of a service on a new database that `lay` fills."""
    with Database(url) as database:
        lay(database)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(create_app(settings or Settings(), url), log_level="warning", ws="none"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=BROWSER_ARGUMENTS)
        yield running
        running.close()


@contextmanager
def opened(browser: Browser, url: str, width: int = 1000, height: int = 640) -> Iterator["Map"]:
    """The page, ready, in a window of some size."""
    page = browser.new_page(viewport={"width": width, "height": height}, locale="zh-CN")
    page.set_default_timeout(PATIENCE_S * 1000)
    shown = Map(page, url)
    shown.open()
    yield shown
    page.close()


class Map:
    """The page as its user meets it: where to look, what is seen, what is said."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self.requests: list[str] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda words: self.complaints.append(words.text) if words.type == "error" else None)

    def open(self, query: str = "") -> None:
        self.page.goto(f"{self.url}/?test=1&language=zh{query}")
        eventually(lambda: self.state("ready"))

    def look(self, x: float, y: float, *others: float) -> None:
        """From the street's middle: x, y; z; zoom (2^zoom pixels a metre), tilt and turn in degrees."""
        self.page.evaluate(f"location.hash = '{EAST + x},{NORTH + y},{','.join(map(str, others))}'")
        eventually(lambda: self.state("viewState.zoom") == others[1])

    def reset(self) -> None:
        self.page.keyboard.press("Escape")
        for choice in ("#asking", "#colouring"):
            self.page.locator(choice).select_option("")
        off = self.page.locator("input[type=checkbox]:not(:checked, #show-conflicts)")
        while off.count():
            off.first.click()
        self.page.locator("[data-view=oblique]").click()
        self.page.locator("[data-view=all]").click()

    def state(self, expression: str) -> Any:
        return self.page.evaluate(f"globalThis.pipemap?.{expression}")

    def click_middle(self) -> None:
        box = self.page.locator("#map").bounding_box()
        assert box is not None
        self.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def details(self) -> str:
        return self.page.locator("#details-body").inner_text()

    def find(self, key: str, asks: bool = False) -> None:
        """Look a feature up by its number; its details are then shown, or the question chosen is asked of it."""
        self.page.locator("#search-text").fill(key)
        self.page.locator("#search-text").press("Enter")
        if not asks:
            eventually(lambda: self.page.locator("#details h2").inner_text() == key)
        eventually(lambda: not self.page.evaluate("document.body.classList.contains('busy')"))

    def change(self, field: str, value: str) -> None:
        """Fill a field and leave it."""
        self.page.locator(field).fill(value)
        self.page.locator(field).blur()
        eventually(lambda: not self.page.evaluate("document.body.classList.contains('busy')"))

    def listed(self, name: str) -> list[str]:
        """The names in a list of the panel."""
        return self.page.locator(f"[data-list={name}] .place").all_inner_texts()

    def marks(self, name: str) -> list[tuple[str, float, float]]:
        """The marks of a kind that are drawn: text, metres east and north of the street's middle."""
        found = self.state(f"drawing?.marks.{name}") or []
        return [(mark.get("text"), round(mark["x_m"] - EAST, 2), round(mark["y_m"] - NORTH, 2)) for mark in found]

    def seen(self, hue: float, value: tuple[float, float] = (0.45, 1.0)) -> np.ndarray:
        """Which pixels of the uncovered part of the map have a hue in degrees, strong enough and that bright."""
        box = self.page.locator("#map").bounding_box()
        assert box is not None
        clip = {"x": 290, "y": box["y"], "width": 420, "height": box["height"] - 100}
        picture = Image.open(BytesIO(self.page.screenshot(clip=clip))).convert("HSV")
        h, s, v = (np.asarray(channel, float) / 255 for channel in picture.split())
        turn = np.abs((h * 360 - hue + 180) % 360 - 180)
        return (turn < 8) & (s > 0.35) & (v > value[0]) & (v <= value[1])

    def keeps_quiet(self) -> None:
        """Nothing was asked of another host and nothing complained."""
        assert [url for url in self.requests if not url.startswith((self.url, "data:", "blob:"))] == []
        assert self.complaints == [], self.complaints


def eventually(holds: Callable[[], Any], seconds: float = PATIENCE_S) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.05)
