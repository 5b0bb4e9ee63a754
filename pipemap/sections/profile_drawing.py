"""A long profile 纵断面图 drawn as SVG: the run above with its heights exaggerated, bands of figures below."""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

from pipemap.sections.svg import (
    Language,
    Scale,
    colour_of,
    decimals_of,
    document,
    ground_told,
    kept_apart,
    layer,
    name_of,
    number_text,
    size_text,
    step_of,
    stroke,
    text,
    wrapped,
)
from schemas.profiles import Crossing, LongProfile, ProfilePipe

_LEFT, _RIGHT, _TOP, _TALL, _ROW = 150.0, 40.0, 96.0, 340.0, 22.0
_NARROWEST, _WIDEST, _PER_NODE = 1200.0, 8000.0, 46.0
# Names of nodes stand upright; the others are written along.
_BANDS = (
    ("node", 86.0), ("ground", 50.0), ("invert", 50.0), ("cover", 46.0), ("run", 28.0), ("slope", 28.0), ("size", 28.0),
    ("station", 58.0),
)  # fmt: skip
_LEAST_APART = 15.0
_WORDS = {
    "zh": {
        "title": "纵断面图", "version": "版本", "length": "长", "node": "管点", "ground": "地面高程 m",
        "invert": "管底高程 m", "cover": "管顶覆土 m", "run": "平距 m", "slope": "坡度 ‰", "size": "规格 材质",
        "station": "桩号 m", "times": "纵向放大 {:g} 倍", "crossing": "交叉管线", "no": "号",
        "class": "类别", "key": "编号", "at": "桩号 m", "z": "管顶/管底 m", "gap": "净距 m", "judged": "判定",
        "clear": "满足", "too_near": "净距不足", "cannot_tell": "无法判定", "out_of_use": "停用", "above": "上跨",
        "below": "下穿", "unknown": "埋深不明，图中未绘", "none": "未交叉其他管线。",
    },
    "en": {
        "title": "Long profile", "version": "version", "length": "length", "node": "node", "ground": "ground m",
        "invert": "invert m", "cover": "cover m", "run": "distance m", "slope": "slope ‰", "size": "size, material",
        "station": "station m", "times": "heights × {:g}", "crossing": "crossing pipes", "no": "No.",
        "class": "class", "key": "key", "at": "station m", "z": "crown/invert m", "gap": "clear m", "judged": "judged",
        "clear": "met", "too_near": "too near", "cannot_tell": "cannot tell", "out_of_use": "out of use",
        "above": "over", "below": "under", "unknown": "depth not known: not drawn", "none": "It crosses no other pipe.",
    },
}  # fmt: skip
_COLUMNS = {"no": 0.0, "class": 40.0, "key": 170.0, "at": 340.0, "z": 430.0, "gap": 560.0, "judged": 640.0}
_TABLE, _ROWS_AT_LEAST = 770.0, 12
_INK = {"too_near": "#d00000", "cannot_tell": "#8a5a00"}


def draw_long_profile(profile: LongProfile, language: Language = "zh") -> str:
    """The profile as an SVG document."""
    return _Sheet(profile, language).document()


class _Sheet:
    def __init__(self, profile: LongProfile, language: Language) -> None:
        self._profile, self._words, self._language = profile, _WORDS[language], language
        self._low, self._high = _heights(profile)
        wanted = len(profile.nodes) * _PER_NODE + _LEFT + _RIGHT
        self._width = min(max(_NARROWEST, wanted), _WIDEST)
        self._across = (self._width - _LEFT - _RIGHT) / max(profile.length_m, 1e-9)
        self._up = _TALL / (self._high - self._low)
        self._bottom = _TOP + _TALL

    def document(self) -> str:
        bands_m = self._bottom + sum(height for _, height in self._bands_of())
        body = [
            *self._heading(),
            layer("grid", self._grid()),
            layer("ground", self._ground()),
            layer("wells", self._wells()),
            layer("pipes", self._pipes()),
            layer("crossings", self._crossings()),
            layer("bands", self._bands()),
        ]
        table, foot = self._table(bands_m + 40)
        scale = Scale(self._across, _LEFT, self._y(0.0))
        return document(self._width, foot, scale, [*body, layer("table", table)])

    def _x(self, station_m: float) -> float:
        return _LEFT + station_m * self._across

    def _y(self, z_m: float) -> float:
        return _TOP + (self._high - z_m) * self._up

    def _heading(self) -> Iterator[str]:
        words, profile = self._words, self._profile
        first, last = (node.source_key or str(node.node_id) for node in (profile.nodes[0], profile.nodes[-1]))
        classes = "、".join(
            dict.fromkeys(name_of("utility_class", p.class_code, self._language) for p in profile.pipes)
        )
        yield text(_LEFT - 120, 36, f"{words['title']}  {classes}  {first} — {last}", size=22)
        told = f"{words['length']} {profile.length_m:.2f} m · {words['version']} {profile.version}"
        yield text(
            _LEFT - 120, 60, f"{told} · {words['times'].format(round(self._up / self._across, 1))}", colour="#666"
        )

    def _grid(self) -> Iterator[str]:
        left, right = self._x(0), self._x(self._profile.length_m)
        step = step_of(self._high - self._low, 10)
        for turn in range(math.ceil(self._low / step), math.floor(self._high / step) + 1):
            y = self._y(turn * step)
            yield stroke(left, y, right, y, "#e3e3e3")
            yield text(left - 8, y + 4, f"{turn * step:.{decimals_of(step)}f}", anchor="end", colour="#666")

    def _ground(self) -> Iterator[str]:
        points = " ".join(f"{self._x(station):.1f},{self._y(z):.1f}" for station, z in self._profile.ground)
        if points:
            right = self._x(self._profile.length_m)
            yield f'<polyline points="{points}" fill="none" stroke="#7a5a2e" stroke-width="2.2"/>'
            yield text(
                right,
                self._y(self._profile.ground[-1][1]) - 8,
                ground_told(self._profile.ground_models, self._language),
                "end",
                "#7a5a2e",
            )

    def _wells(self) -> Iterator[str]:
        """A line from the ground down to the bottom of the well, or to the lowest pipe at it."""
        for number, node in enumerate(self._profile.nodes):
            levels = [z for z in (*self._inverts(number), node.bottom_z_m) if z is not None]
            if node.ground_z_m is None or not levels:
                continue
            x, top, foot = self._x(node.station_m), self._y(node.ground_z_m), self._y(min(levels))
            is_well = node.bottom_z_m is not None or (node.appurtenance_code or "") in ("manhole", "handhole")
            width = 7.0 if is_well else 0.0
            yield (
                f'<rect x="{x - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" height="{max(foot - top, 0):.1f}"'
                ' fill="#9aa3ad" fill-opacity="0.45" stroke="#5c6670" stroke-width="0.8"/>'
            )

    def _inverts(self, number: int) -> list[float | None]:
        """Levels of the pipes that meet at a node of the run: the one that ends there, the one that begins."""
        pipes = self._profile.pipes
        ends = [pipes[number - 1].end] if number else []
        starts = [pipes[number].start] if number < len(pipes) else []
        return [levels.invert_z_m if levels.invert_z_m is not None else levels.axis_z_m for levels in (*ends, *starts)]

    def _pipes(self) -> Iterator[str]:
        for pipe in self._profile.pipes:
            colour = colour_of(pipe.class_code)
            if pipe.axis and pipe.half_height_m is not None:
                half = pipe.half_height_m
                over = [(self._x(at), self._y(z + half)) for at, z in pipe.axis]
                under = [(self._x(at), self._y(z - half)) for at, z in reversed(pipe.axis)]
                points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (*over, *under))
                yield f'<polygon points="{points}" fill="{colour}" fill-opacity="0.55" stroke="#222"/>'
            elif pipe.axis:
                points = " ".join(f"{self._x(at):.1f},{self._y(z):.1f}" for at, z in pipe.axis)
                yield f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="3"/>'

    def _crossings(self) -> Iterator[str]:
        drawn = [one for one in self._profile.crossings if one.axis_z_m is not None]
        places = kept_apart([self._x(one.station_m) for one in drawn], 19.0, _LEFT, self._width - _RIGHT)
        for one, label_x in zip(drawn, places, strict=True):
            yield from self._crossing(one, label_x)

    def _crossing(self, one: Crossing, label_x: float) -> Iterator[str]:
        x, y, ink = self._x(one.station_m), self._y(one.axis_z_m or 0.0), _INK.get(one.state, "#333")
        width = one.width_mm if one.width_mm is not None else one.height_mm
        height = one.height_mm if one.height_mm is not None else one.width_mm
        across = max((width or 0.0) / 2000 * self._across, 2.5)
        up = max((height or 0.0) / 2000 * self._up, 2.5)
        style = f'fill="{colour_of(one.class_code)}" fill-opacity="0.85" stroke="{ink}" stroke-width="1.3"'
        if one.shape_code == "circle":
            yield f'<ellipse cx="{x:.1f}" cy="{y:.1f}" rx="{across:.1f}" ry="{up:.1f}" {style}/>'
        else:
            box = f'x="{x - across:.1f}" y="{y - up:.1f}" width="{2 * across:.1f}" height="{2 * up:.1f}"'
            yield f"<rect {box} {style}/>"
        top = _TOP - 12
        yield f'<polyline points="{label_x:.1f},{top + 9:.1f} {x:.1f},{top + 22:.1f} {x:.1f},{y - up:.1f}" fill="none" stroke="{ink}" stroke-width="0.6" stroke-dasharray="2 3"/>'  # noqa: E501
        yield f'<circle cx="{label_x:.1f}" cy="{top:.1f}" r="9" fill="#fff" stroke="{ink}"/>'
        yield text(label_x, top + 4, str(one.number), "middle", ink, 11)

    def _bands(self) -> Iterator[str]:
        y, left, right = self._bottom, _LEFT - 120, self._x(self._profile.length_m) + 12
        nodes = [self._x(node.station_m) for node in self._profile.nodes]
        columns = kept_apart(nodes, _LEAST_APART, _LEFT, self._width - 12)
        for band, height in self._bands_of():
            yield stroke(left, y, right, y, "#555")
            yield text(left + 4, y + height / 2 + 5, self._words[band], colour="#444")
            if band in ("run", "slope", "size"):
                yield from self._along(band, y, height)
            else:
                yield from self._upright(band, y + height - 6, columns)
            y += height
        yield stroke(left, y, right, y, "#555")
        for at, x in zip(nodes, columns, strict=True):
            yield f'<path d="M{at:.1f} {self._bottom:.1f}L{x:.1f} {self._bottom + 8:.1f}" stroke="#999"/>'

    def _bands_of(self) -> Iterator[tuple[str, float]]:
        """The bands with their heights, that of the inverts by its longest text: a drop has two."""
        for band, height in _BANDS:
            longest = max(len(self._of_node(band, number)) for number in range(len(self._profile.nodes)))
            yield band, max(height, 6.6 * longest + 12) if band == "invert" else height

    def _upright(self, band: str, y: float, columns: Sequence[float]) -> Iterator[str]:
        for number, x in enumerate(columns):
            yield text(x + 4, y, self._of_node(band, number), size=11, upright=True)

    def _of_node(self, band: str, number: int) -> str:
        node, pipes = self._profile.nodes[number], self._profile.pipes
        if band == "node":
            name = node.source_key or str(node.node_id)
            return name if len(name) <= 12 else f"{name[:11]}…"
        if band == "ground":
            return number_text(node.ground_z_m)
        if band == "station":
            return number_text(node.station_m)
        if band == "cover":
            levels = pipes[number].start if number < len(pipes) else pipes[-1].end
            return number_text(levels.cover_depth_m)
        told = list(dict.fromkeys(number_text(z) for z in self._invert_levels(number)))
        return " / ".join(told)

    def _invert_levels(self, number: int) -> list[float | None]:
        pipes = self._profile.pipes
        ends = [pipes[number - 1].end] if number else []
        starts = [pipes[number].start] if number < len(pipes) else []
        return [levels.invert_z_m for levels in (*ends, *starts)]

    def _along(self, band: str, y: float, height: float) -> Iterator[str]:
        """What is told of each pipe between its ends; a size that goes on is written once."""
        spans = [(self._of_pipe(band, pipe), pipe.from_station_m, pipe.to_station_m) for pipe in self._profile.pipes]
        if band == "size":
            alike = [list(group) for _, group in groupby(spans, key=lambda span: span[0])]
            spans = [(group[0][0], group[0][1], group[-1][2]) for group in alike]
        for told, start_m, end_m in spans:
            x1, x2 = self._x(start_m), self._x(end_m)
            yield stroke(x1, y, x1, y + height, "#bbb")
            if len(told) * 6.2 <= x2 - x1:
                yield text((x1 + x2) / 2, y + height / 2 + 5, told, "middle", size=11)
        yield stroke(self._x(self._profile.length_m), y, self._x(self._profile.length_m), y + height, "#bbb")

    def _of_pipe(self, band: str, pipe: ProfilePipe) -> str:
        if band == "run":
            return number_text(pipe.length_m)
        if band == "slope":
            return "?" if pipe.slope_permille is None else f"{pipe.slope_permille:.1f}"
        material = name_of("material", pipe.material_code, self._language) if pipe.material_code else ""
        return f"{size_text(pipe.shape_code, pipe.width_mm, pipe.height_mm)} {material}".strip()

    def _table(self, y: float) -> tuple[list[str], float]:
        """The crossings in as many columns as the sheet has room for, and where the sheet ends below them."""
        words, left, crossings = self._words, _LEFT - 120, self._profile.crossings
        told = [
            (line, ink) for words_of, ink in self._messages() for line in wrapped(words_of, self._width - left - _ROW)
        ]
        columns = max(1, min(int((self._width - left) // _TABLE), math.ceil(len(crossings) / _ROWS_AT_LEAST)))
        rows = math.ceil(len(crossings) / columns)
        pieces = [text(left, y - 14, words["crossing"], size=15)]
        for column in range(columns if crossings else 0):
            part = crossings[column * rows : (column + 1) * rows]
            pieces += self._column(left + column * _TABLE, y, part)
        y += 10 + (rows + 1) * _ROW + 6
        pieces += [text(left, y + row * _ROW, words_of, colour=ink) for row, (words_of, ink) in enumerate(told)]
        return pieces, y + len(told) * _ROW + 12

    def _column(self, left: float, y: float, crossings: Sequence[Crossing]) -> Iterator[str]:
        yield from (text(left + x, y + 8, self._words[name], colour="#666") for name, x in _COLUMNS.items())
        yield stroke(left, y + 14, left + _TABLE - 40, y + 14, "#333")
        for row, one in enumerate(crossings, 1):
            ink = _INK.get(one.state, "#222")
            cells = zip(self._cells(one), _COLUMNS.values(), strict=True)
            yield from (text(left + x, y + 10 + row * _ROW, told, colour=ink) for told, x in cells)

    def _messages(self) -> list[tuple[str, str]]:
        """What is to be said of single crossings and of what is not drawn, each with its colour."""
        told = [
            (
                f"{one.number}: {one.message_zh if self._language == 'zh' else one.message_en}",
                _INK.get(one.state, "#222"),
            )
            for one in self._profile.crossings
            if one.message_en
        ]
        told += [(hidden, "#8a5a00") for hidden in self._hidden()]
        return told if told or self._profile.crossings else [(self._words["none"], "#8a5a00")]

    def _cells(self, one: Crossing) -> Sequence[str]:
        words = self._words
        side = "" if one.is_above is None else f" ({words['above' if one.is_above else 'below']})"
        return (
            str(one.number),
            name_of("utility_class", one.class_code, self._language) + side,
            one.source_key if len(one.source_key) <= 20 else f"{one.source_key[:19]}…",
            number_text(one.station_m),
            f"{number_text(one.crown_z_m)} / {number_text(one.invert_z_m)}",
            number_text(one.gap_m),
            words[one.state],
        )

    def _hidden(self) -> list[str]:
        """What the drawing leaves out because its depth is not known."""
        names = [pipe.source_key for pipe in self._profile.pipes if not pipe.axis]
        names += [str(one.number) for one in self._profile.crossings if one.axis_z_m is None]
        return [f"{self._words['unknown']}: {', '.join(names)}"] if names else []


def _heights(profile: LongProfile) -> tuple[float, float]:
    """What the sheet shows: from under the deepest of run and crossings to above the ground."""
    known = [z for _, z in profile.ground]
    for pipe in profile.pipes:
        half = pipe.half_height_m or 0.0
        known += [z + side for _, z in pipe.axis for side in (-half, half)]
    known += [z for one in profile.crossings for z in (one.axis_z_m, one.crown_z_m, one.invert_z_m) if z is not None]
    known += [node.bottom_z_m for node in profile.nodes if node.bottom_z_m is not None]
    if not known:
        return -3.0, 1.0
    low, high = min(known), max(known)
    return low - max(0.3, 0.08 * (high - low)), high + max(0.3, 0.06 * (high - low))
