"""A drawn section as DXF: one unit is one metre along, layers as the drawing has them, texts that can be edited."""

import io
import math
from collections.abc import Callable, Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ezdxf import units
from ezdxf.document import Drawing
from ezdxf.enums import TextEntityAlignment
from ezdxf.filemanagement import new

_SVG = "{http://www.w3.org/2000/svg}"
_FONT_HEIGHT = 0.72
_ALIGN = {
    "start": TextEntityAlignment.LEFT,
    "middle": TextEntityAlignment.CENTER,
    "end": TextEntityAlignment.RIGHT,
}
_ROUND = 48
Point = tuple[float, float]


def write_dxf(svg: str) -> bytes:
    """A drawing of `pipemap.sections` as a DXF file of release 2010, in UTF-8.

    x is the station in metres, y the elevation times the exaggeration of heights.
    """
    root = ElementTree.fromstring(svg)
    file = new("R2010", setup=["linetypes"], units=units.M)
    file.styles.add("pipemap", font="simsun.ttf")
    drawer = _Drawer(root, file)
    for element, layer in _leaves(root, "0"):
        if layer not in file.layers:
            file.layers.add(layer)
        drawer.draw(element, layer)
    written = io.StringIO()
    file.write(written)
    return written.getvalue().encode("utf-8")


def _leaves(element: Element, layer: str) -> Iterator[tuple[Element, str]]:
    for child in element:
        if child.tag == f"{_SVG}g":
            yield from _leaves(child, child.get("class", layer))
        elif child.get("class") != "paper":
            yield child, layer


class _Drawer:
    def __init__(self, root: Element, file: Drawing) -> None:
        self._space = file.modelspace()
        self._across, self._x0, self._y0 = (float(root.attrib[f"data-{name}"]) for name in ("across", "x0", "y0"))

    def draw(self, element: Element, layer: str) -> None:
        kind = element.tag.removeprefix(_SVG)
        if kind == "text":
            self._text(element, layer)
            return
        points = [self._place(x, y) for x, y in _OUTLINES[kind](element)]
        is_closed = kind not in ("path", "polyline")
        fill = element.get("fill", "none")
        if is_closed and fill not in ("none", "#fff", "#ffffff"):
            self._filled(points, fill, float(element.get("fill-opacity", "1")), layer)
        if element.get("stroke", "none") != "none":
            dashed = {"linetype": "DASHED", "ltscale": 0.1} if element.get("stroke-dasharray") else {}
            style = {"layer": layer, "true_color": _true_colour(element.get("stroke", "#000")), **dashed}
            self._space.add_lwpolyline(points, close=is_closed, dxfattribs=style)

    def _filled(self, points: list[Point], fill: str, opacity: float, layer: str) -> None:
        hatch = self._space.add_hatch(dxfattribs={"layer": layer, "true_color": _true_colour(fill)})
        hatch.transparency = 1 - opacity
        hatch.paths.add_polyline_path(points, is_closed=True)

    def _text(self, element: Element, layer: str) -> None:
        x, y = float(element.attrib["x"]), float(element.attrib["y"])
        height = float(element.attrib["font-size"]) * _FONT_HEIGHT / self._across
        style = {"layer": layer, "style": "pipemap", "true_color": _true_colour(element.get("fill", "#000"))}
        turn = 90 if "rotate" in element.get("transform", "") else 0
        written = self._space.add_text(element.text or "", height=height, rotation=turn, dxfattribs=style)
        written.set_placement(self._place(x, y), align=_ALIGN[element.get("text-anchor", "start")])

    def _place(self, x: float, y: float) -> Point:
        return (x - self._x0) / self._across, (self._y0 - y) / self._across


def _path(element: Element) -> list[Point]:
    return [_pair(part, " ") for part in element.attrib["d"].removeprefix("M").split("L")]


def _points(element: Element) -> list[Point]:
    return [_pair(part, ",") for part in element.attrib["points"].split()]


def _box(element: Element) -> list[Point]:
    x, y, width, height = (float(element.attrib[name]) for name in ("x", "y", "width", "height"))
    return [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]


def _oval(element: Element) -> list[Point]:
    x, y = float(element.attrib["cx"]), float(element.attrib["cy"])
    across, up = (float(element.get(name) or element.attrib["r"]) for name in ("rx", "ry"))
    turns = (2 * math.pi * turn / _ROUND for turn in range(_ROUND))
    return [(x + across * math.cos(turn), y + up * math.sin(turn)) for turn in turns]


_OUTLINES: dict[str, Callable[[Element], list[Point]]] = {
    "path": _path,
    "polyline": _points,
    "polygon": _points,
    "rect": _box,
    "circle": _oval,
    "ellipse": _oval,
}


def _pair(text: str, separator: str) -> Point:
    x, y = text.split(separator)
    return float(x), float(y)


def _true_colour(css: str) -> int:
    digits = css.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    return int(digits, 16)
