"""Texts of drawings: what they say, the box they fill, and what their leader points at."""

import math
import unicodedata
from dataclasses import dataclass
from typing import Any

from ezdxf.entities import factory
from ezdxf.math import Matrix44
from ezdxf.tools.text import fast_plain_mtext, plain_text

from importers.cad.drawing import Drawing
from importers.cad.geometry import FAR, MALFORMED, Vertex, in_world, point
from importers.cad.groups import Group

KINDS = ("TEXT", "MTEXT", "MULTILEADER", "MLEADER")
_MAX_CHARACTERS = 4000
# Widths of letters as shares of their height; Chinese ones are square.
_NARROW, _LINE_SPACING = 0.75, 5 / 3


@dataclass
class Text:
    """Lines of text in a box: a corner, the vector along the writing and the one up, in world coordinates (x, y).

    `target` is the tip of the leader that leads to what the text is about.
    """

    lines: list[str]
    corner: tuple[float, float]
    along: tuple[float, float]
    up: tuple[float, float]
    target: tuple[float, float] | None = None


def text_in(group: Group, tags: dict[int, Any], drawing: Drawing, to_world: Matrix44 | None) -> Text | None:
    """What a text entity says and where, None where it says nothing or cannot be read."""
    try:
        if group.kind == "TEXT":
            return _text(tags, drawing, to_world)
        return (
            _mtext(group, tags, drawing, to_world) if group.kind == "MTEXT" else _leader_text(group, drawing, to_world)
        )
    except MALFORMED:
        return None


def leader_tip(
    group: Group, tags: dict[int, Any], drawing: Drawing, to_world: Matrix44 | None
) -> tuple[str, Vertex] | None:
    """Handle of the text that a LEADER belongs to and the tip of its arrow."""
    try:
        return drawing.text(tags[340]), in_world([point(tags, 10)], {}, to_world)[0]
    except MALFORMED:
        return None


def _text(tags: dict[int, Any], drawing: Drawing, to_world: Matrix44 | None) -> Text | None:
    raw = drawing.text(tags.get(1, ""))[:_MAX_CHARACTERS]
    said = plain_text(raw).strip() if "%%" in raw or "^" in raw else raw
    if not said:
        return None
    height = float(tags.get(40, 1))
    align_x, align_y = int(tags.get(72, 0)), int(tags.get(73, 0))
    is_aligned = (align_x or align_y) and 11 in tags and align_x not in (3, 5)
    anchor = point(tags, 11 if is_aligned else 10)
    width = _width(said) * height * float(tags.get(41, 1))
    share_x = {1: 0.5, 2: 1.0, 4: 0.5}.get(align_x, 0.0) if is_aligned else 0.0
    share_y = 0.5 if align_x == 4 else {2: 0.5, 3: 1.0}.get(align_y, 0.0) if is_aligned else 0.0
    box = _box(anchor, math.radians(float(tags.get(50, 0))), (width, height), (share_x, share_y))
    return _placed([said], in_world(box, tags, to_world))


def _mtext(group: Group, tags: dict[int, Any], drawing: Drawing, to_world: Matrix44 | None) -> Text | None:
    # Long texts come in pieces that may cut a character in two.
    pieces = [value for code, value in zip(group.codes, group.values, strict=True) if code in (1, 3)]
    raw = b"".join(pieces) if all(isinstance(piece, bytes) for piece in pieces) else "".join(map(str, pieces))
    rotation = math.radians(float(tags.get(50, 0)))
    if 11 in tags:
        x, y, _ = point(tags, 11)
        rotation = math.atan2(y, x)
    place = point(tags, 10), rotation, float(tags.get(40, 1)), int(tags.get(71, 1))
    return _paragraph(drawing.text(raw), *place, to_world)


def _leader_text(group: Group, drawing: Drawing, to_world: Matrix44 | None) -> Text | None:
    entity: Any = factory.load(group.extended_tags(drawing.codec))
    context = entity.context
    if context.mtext is None:
        return None
    held = context.mtext
    insert = (held.insert.x, held.insert.y, held.insert.z)
    found = _paragraph(held.default_content, insert, held.rotation, context.char_height, 1, to_world)
    tips = [line.vertices[0] for leader in context.leaders for line in leader.lines if line.vertices]
    if found is not None and tips:
        found.target = in_world([(tips[0].x, tips[0].y, 0.0)], {}, to_world)[0][:2]
    return found


def _paragraph(
    raw: str, anchor: Vertex, rotation: float, height: float, attachment: int, to_world: Matrix44 | None
) -> Text | None:
    lines = [line.strip() for line in fast_plain_mtext(raw[:_MAX_CHARACTERS], split=True)]
    lines = [line for line in lines if line]
    if not lines:
        return None
    size = (max(map(_width, lines)) * height, height * (1 + (len(lines) - 1) * _LINE_SPACING))
    row, column = divmod(max(attachment, 1) - 1, 3)
    box = _box(anchor, rotation, size, (column / 2, 1 - row / 2))
    return _placed(lines, in_world(box, {}, to_world))


def _box(anchor: Vertex, rotation: float, size: tuple[float, float], shares: tuple[float, float]) -> list[Vertex]:
    """Lower left, lower right and upper left corner; `shares` is where in the box the anchor lies."""
    cos, sin = math.cos(rotation), math.sin(rotation)

    def corner(across: float, above: float) -> Vertex:
        dx, dy = (across - shares[0]) * size[0], (above - shares[1]) * size[1]
        return anchor[0] + dx * cos - dy * sin, anchor[1] + dx * sin + dy * cos, anchor[2]

    return [corner(0, 0), corner(1, 0), corner(0, 1)]


def _placed(lines: list[str], box: list[Vertex]) -> Text:
    if not all(abs(number) < FAR for corner in box for number in corner):
        raise ValueError("a text out of the world")
    (x, y, _), (along_x, along_y, _), (up_x, up_y, _) = box
    return Text(lines, (x, y), (along_x - x, along_y - y), (up_x - x, up_y - y))


def _width(text: str) -> float:
    if text.isascii():
        return _NARROW * len(text)
    return sum(1.0 if unicodedata.east_asian_width(letter) in "WF" else _NARROW for letter in text)
