"""Pieces of drawings: texts, lines, steps of a scale, labels kept apart; and a drawing as a picture."""

from collections.abc import Sequence
from html import escape
from typing import Literal

from schemas.codetables import code_table

Language = Literal["zh", "en"]
FONT = "'Noto Sans CJK SC','Droid Sans Fallback','Microsoft YaHei',sans-serif"


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


def text(x: float, y: float, told: str, anchor: str = "start", colour: str = "#222", size: float = 13) -> str:
    """A text at its baseline."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size:g}"'
    return f"<text {place}>{escape(told)}</text>"
