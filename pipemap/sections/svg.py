"""Pieces of drawings: texts, lines, steps of a scale, labels kept apart; and a drawing as a picture."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import entry_points
from typing import Literal

from schemas.codetables import code_table

Language = Literal["zh", "en"]
# How wide a letter of Latin script is beside a Chinese one, on average.
_LATIN_SHARE = 0.54
FONT = "'Noto Sans CJK SC','Droid Sans Fallback','Microsoft YaHei',sans-serif"


@dataclass(frozen=True)
class Scale:
    """How a drawing stands for the ground: pixels for one metre along, and where station 0 and elevation 0 are."""

    across: float
    x0: float
    y0: float


def document(width: float, height: float, scale: Scale, body: Iterable[str]) -> str:
    """A drawing on white paper; the scale goes with it for whoever turns it into metres."""
    size = f'width="{width:g}" height="{height:.0f}" viewBox="0 0 {width:g} {height:.0f}"'
    metres = f'data-across="{scale.across!r}" data-x0="{scale.x0!r}" data-y0="{scale.y0!r}"'
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {metres} font-family="{FONT}" font-size="13" fill="#222">'
    )
    paper = f'<rect class="paper" width="{width:g}" height="{height:.0f}" fill="#fff"/>'
    return "\n".join([opening, paper, *body, "</svg>"])


def layer(name: str, pieces: Iterable[str]) -> str:
    """Pieces that belong together, on a layer of their own for programs that have such."""
    return "\n".join([f'<g class="{name}">', *pieces, "</g>"])


DrawingFormat = Literal["svg", "png", "dxf"]


def as_file(svg: str, format: DrawingFormat) -> bytes:
    """A drawing as a file; what else but pictures it can be written as is for the rooms at the edge."""
    if format == "svg":
        return svg.encode()
    if format == "png":
        return as_png(svg)
    (point,) = entry_points(group="pipemap.drawings", name=format)
    written: bytes = point.load()(svg)
    return written


def as_png(svg: str, zoom: float = 2.0) -> bytes:
    """A drawing as a picture on white."""
    from resvg_py import svg_to_bytes

    return bytes(svg_to_bytes(svg_string=svg, zoom=zoom, background="#ffffff"))


def kept_apart(places: Sequence[float], least: float, low: float, high: float) -> list[float]:
    """Places in rising order moved as little as keeps them apart, within the sheet where they fit."""
    found: list[float] = []
    for place in places:
        found.append(max(place, found[-1] + least if found else low))
    for at in range(len(found) - 1, -1, -1):
        found[at] = min(found[at], high - (len(found) - 1 - at) * least)
    return found


def number_text(value: float | None) -> str:
    """Two decimals; `?` for what is not known."""
    return "?" if value is None else f"{value:.2f}"


def size_text(shape_code: str, width_mm: float | None, height_mm: float | None) -> str:
    """A section as people write it: DN300, 600×300, with `?` for what is not known."""
    if width_mm is None and height_mm is None:
        return "?"
    if shape_code == "circle":
        return f"DN{width_mm or height_mm:g}"
    return "×".join("?" if size is None else f"{size:g}" for size in (width_mm, height_mm))


def name_of(table: str, code: str, language: Language) -> str:
    """What people call a code of a table."""
    known = code_table(table).get(code)
    return code if known is None else known.name_zh if language == "zh" else known.name_en


def colour_of(class_code: str) -> str:
    """Colour of a utility class as CSS."""
    known = code_table("utility_class").get(class_code)
    return (
        "#666666" if known is None else "#" + "".join(f"{int(known.fields[c]):02x}" for c in ("red", "green", "blue"))
    )


def step_of(span: float, most: float) -> float:
    """The smallest of 0.1, 0.2, 0.5, 1, ... that parts a span into at most so many."""
    return next(step for power in range(-1, 9) for base in (1, 2, 5) if span / (step := base * 10.0**power) <= most)


def decimals_of(step: float) -> int:
    """Decimals that a step needs."""
    return 1 if step < 1 else 0


def stroke(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    """A straight line."""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}"/>'


def wrapped(told: str, width: float, size: float = 13) -> list[str]:
    """A text in lines that are about so wide at most: broken at blanks, within Chinese anywhere."""
    lines, line, used = [], "", 0.0
    for word in re.findall(r"[\u2e80-\uffef]|[^\s\u2e80-\uffef]+\s*|\s+", told):
        wide = sum(1.0 if letter >= "\u2e80" else _LATIN_SHARE for letter in word) * size
        if line and used + wide > width:
            lines.append(line.rstrip())
            line, used = "", 0.0
        line, used = line + word, used + wide
    return [*lines, line.rstrip()]


def ground_told(models: Sequence[str], language: Language) -> str:
    """What a ground line is by: the models it is from, else the surveyed points."""
    by = ", ".join(models)
    if language == "zh":
        return f"地面（地面模型 {by}）" if by else "地面（测点）"
    return f"ground (model {by})" if by else "ground (surveyed points)"


def text(
    x: float, y: float, told: str, anchor: str = "start", colour: str = "#222", size: float = 13, upright: bool = False
) -> str:
    """A text at its baseline; an upright one runs from the bottom to the top."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size:g}"'
    turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if upright else ""
    return f"<text {place}{turned}>{escape(told)}</text>"
