"""Layers of a drawing as sheets: what becomes a row, and for every other entity why it does not."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from importers.cad.entities import Entity
from importers.cad.layer_names import LayerName, LayerNames
from schemas.codetables import codes_where

# Why an entity is no row, in English and Chinese.
REASONS = {
    "text": ("text", "文字"),
    "content": ("its content is read instead", "读取其内容"),
    "spot": ("spot height", "高程点"),
    "base": ("on a layer of frames or of the base map", "图框或底图图层"),
    "silent": ("nothing says that its layer holds pipes", "无属性，图层名也无法识别"),
    "flag": ("leads from texts to pipes", "扯旗线"),
    "outline": ("closed line or circle without attributes", "无属性的闭合线或圆"),
    "read": ("read as the cells of a table", "按成果表单元格读取"),
    "ruled": ("parts the rows or columns of a table", "表格线"),
    "tabled": ("read from the table that is drawn beside it", "按图上成果表读取"),
    "legend": ("sample of the legend", "图例"),
    "handed": ("holds the data of the line between the points it names", "其数据属于所注两点间的管线"),
    "piece": ("part of a line that is broken for a letter", "注有字母的断开线之一段"),
    "twin": ("draws a point that is there already", "已有管点的符号"),
    "kind": ("of a kind that holds no pipe", "不含管线的图元类型"),
    "custom": ("objects of an application; export them (T3) or explode them", "专用对象，请导出 T3 格式或分解后提供"),
}  # fmt: skip
CUSTOM = "custom"
_CUSTOM_KINDS = ("TCH_", "ACAD_PROXY", "AEC", "ACDBPROXY")
_TEXT_KINDS = ("TEXT", "MTEXT", "ATTDEF", "LEADER", "MULTILEADER", "MLEADER", "DIMENSION")
_TOUCH_M = 0.01
_UNDER_PRESSURE = codes_where("utility_class", "flow", "pressure")
_LEAST_ENDS, _MOSTLY = 6, 0.9


@dataclass
class Sheet:
    """The entities of one layer: those that are rows by role, and how many of each kind are not, and why."""

    name: str
    told: LayerName
    entities: list[Entity] = field(default_factory=list)
    rows: dict[str, list[Entity]] = field(default_factory=lambda: defaultdict(list))
    left_out: Counter[tuple[str, str]] = field(default_factory=Counter)
    spots: list[Entity] = field(default_factory=list)
    silent: list[Entity] = field(default_factory=list)

    def leave_out(self, entity: Entity, reason: str) -> None:
        """Count an entity as no row."""
        self.left_out[entity.kind, reason] += 1

    def drop(self, rows: Set[int], reason: str) -> None:
        """Leave out those entities, rows or silent, that have these numbers."""
        for kept in (*self.rows.values(), self.silent):
            for entity in kept:
                if entity.row in rows:
                    self.leave_out(entity, reason)
            kept[:] = [entity for entity in kept if entity.row not in rows]

    def take_up(self, rows: Set[int]) -> None:
        """Make segments of those silent entities that have these numbers."""
        self.rows["segment"] += [entity for entity in self.silent if entity.row in rows]
        self.silent = [entity for entity in self.silent if entity.row not in rows]

    @property
    def n_custom(self) -> int:
        """Entities that may be network but cannot be read."""
        return sum(n for (_, reason), n in self.left_out.items() if reason == CUSTOM)


class Sorting:
    """Sorts entities into sheets by names, data and options (see profiles/drawing.toml)."""

    def __init__(self, names: LayerNames, options: dict[str, Any]) -> None:
        self.names = names
        self._legend = {name.casefold() for name in options.get("legend_applications", ())}
        self._circles = options.get("circles")
        self._circle_radius_m = float(options.get("circle_radius_m", 0))
        self._ignored_blocks = _any_of(options.get("ignored_blocks", ()))
        self._ground_blocks = _any_of(options.get("ground_blocks", ()))
        self._ground_layers = _any_of(options.get("ground_layers", ()))

    def sheets(self, entities: Iterable[Entity]) -> list[Sheet]:
        """The sheets in the order of their first entities."""
        found: dict[str, Sheet] = {}
        for entity in entities:
            sheet = found.get(entity.layer)
            if sheet is None:
                sheet = found[entity.layer] = Sheet(entity.layer, self.names.read(entity.layer))
            sheet.entities.append(entity)
        for sheet in found.values():
            self._sort(sheet)
        return list(found.values())

    def telling(self, entity: Entity) -> bool:
        """Whether the entity's data says that it is surveyed; codes of a map's legend do not."""
        return not all(map(self.is_of_legend, entity.attributes))

    def is_of_legend(self, name: str) -> bool:
        """Whether an attribute is a code of the map's legend."""
        return name.casefold().split("_")[0] in self._legend

    def legend_code(self, entity: Entity) -> str | None:
        """The code of the map's legend that the entity has, as one text."""
        values = [str(value) for name, value in entity.attributes.items() if self.is_of_legend(name)]
        return " ".join(values) or None

    def _sort(self, sheet: Sheet) -> None:
        talking = {entity.role for entity in sheet.entities if self.telling(entity)}
        for entity in sheet.entities:
            reason = self._reason(entity, sheet, talking)
            if reason == "spot":
                sheet.spots.append(entity)
            if reason == "silent":
                sheet.silent.append(entity)
            elif reason is not None:
                sheet.leave_out(entity, reason)
            else:
                sheet.rows[self._role(entity, sheet)].append(entity)
        sheet.rows["node"] = _without_twins(sheet.rows["node"], sheet)

    def _reason(self, entity: Entity, sheet: Sheet, talking: set[str | None]) -> str | None:
        """Why the entity is no row, None where it is one."""
        if entity.role is None:
            return _reason_of_kind(entity)
        if entity.is_container:
            return "content"
        if self._is_spot(entity):
            return "spot"
        if self.telling(entity) and not self._is_drawing_block(entity):
            return None
        if sheet.told.is_drawing_matter or self._is_drawing_block(entity):
            return "base"
        words = self.names.words
        if entity.block and (words.appurtenance_of(entity.block) or words.feature_of(entity.block)):
            return None
        if entity.is_closed and sheet.told.is_structure:
            return None
        return self._reason_of_bare(entity, sheet, talking)

    def _reason_of_bare(self, entity: Entity, sheet: Sheet, talking: set[str | None]) -> str | None:
        if sheet.told.is_annotation and entity.role not in talking:
            return "text"
        if not (sheet.told.is_network or entity.role in talking):
            return "silent"
        is_outline = entity.is_closed or (entity.kind == "CIRCLE" and not self._is_point(entity, sheet))
        return "outline" if is_outline else None

    def is_manhole(self, entity: Entity, sheet: Sheet) -> bool:
        """Whether a circle without attributes stands for a manhole."""
        is_bare = entity.kind == "CIRCLE" and not self.telling(entity)
        return is_bare and self._circles == "manhole" and self._is_point(entity, sheet)

    def _is_point(self, circle: Entity, sheet: Sheet) -> bool:
        is_small = 0 < circle.radius <= self._circle_radius_m
        return is_small and sheet.told.is_network and self._circles in ("manhole", "point")

    def _role(self, entity: Entity, sheet: Sheet) -> str:
        is_area = entity.is_closed and len(entity.vertices) > 3
        return "structure" if is_area and (sheet.told.is_structure or not sheet.told.is_network) else str(entity.role)

    def _is_spot(self, entity: Entity) -> bool:
        on_layer = bool(self._ground_layers.search(entity.layer)) and entity.kind in ("POINT", "INSERT")
        return on_layer or bool(entity.block and self._ground_blocks.search(entity.block))

    def _is_drawing_block(self, entity: Entity) -> bool:
        return bool(entity.block and self._ignored_blocks.search(entity.block))


def drawn_as_circles(sheets: Sequence[Sheet], reach_m: float) -> set[str]:
    """The classes under pressure that have a circle at nearly every end of a pipe: there it is any point."""
    found = set()
    for code in {sheet.told.class_code for sheet in sheets} & _UNDER_PRESSURE:
        rows = [sheet.rows for sheet in sheets if sheet.told.class_code == code]
        circles = [e.vertices[0][:2] for row in rows for e in row["node"] if e.kind == "CIRCLE" and e.vertices]
        ends = [e.vertices[at][:2] for row in rows for e in row["segment"] if e.vertices for at in (0, -1)]
        if circles and len(ends) >= _LEAST_ENDS:
            apart_m = np.asarray(cKDTree(np.array(circles)).query(np.array(ends))[0])
            if (apart_m <= reach_m).mean() >= _MOSTLY:
                found.add(str(code))
    return found


def settle_silent(sheets: Sequence[Sheet], radius_m: float = 0.0) -> int:
    """Take in bare points, blocks and circles of at most a radius where a pipe ends, leave out the rest.

    Returns how many were taken in.
    """
    ends = [v[:2] for s in sheets for e in s.rows["segment"] if e.vertices for v in (e.vertices[0], e.vertices[-1])]
    taken = {e.vertices[0][:2] for s in sheets for e in s.rows["node"] if e.vertices}
    tree = cKDTree(np.array(ends)) if ends else None
    n_taken_in = 0
    for sheet in sheets:
        for entity in sheet.silent:
            is_symbol = entity.kind in ("POINT", "INSERT") or 0 < entity.radius <= radius_m
            is_point = is_symbol and bool(entity.vertices)
            touches = tree is not None and is_point and tree.query(entity.vertices[0][:2])[0] <= _TOUCH_M
            if not touches:
                sheet.leave_out(entity, "silent")
            elif entity.vertices[0][:2] in taken:
                sheet.leave_out(entity, "twin")
            else:
                sheet.rows["node"].append(entity)
                n_taken_in += 1
        sheet.silent = []
    return n_taken_in


def _reason_of_kind(entity: Entity) -> str:
    if entity.kind.startswith(_CUSTOM_KINDS):
        return CUSTOM
    return "text" if entity.text is not None or entity.kind in _TEXT_KINDS else "kind"


def _without_twins(nodes: list[Entity], sheet: Sheet) -> list[Entity]:
    """The points without the symbols that only draw one of them: a bare one at its place, or its data once more."""
    owners: dict[tuple[str, Any], set[int]] = defaultdict(set)
    for entity in nodes:
        if entity.kind == "POINT":
            for item in entity.attributes.items():
                owners[item].add(entity.row)

    def repeats(entity: Entity) -> bool:
        shared = [owners.get(item, set()) for item in entity.attributes.items()]
        return entity.kind == "INSERT" and bool(shared) and bool(set.intersection(*shared))

    kept = [entity for entity in nodes if not repeats(entity)]
    places: dict[tuple[float, float] | None, Entity] = {}
    for entity in sorted(kept, key=_precedence):
        first = places.setdefault(_place(entity), entity)
        if entity.vertices:
            first.block = first.block or entity.block
    left = [e for e in kept if e.attributes or not e.vertices or places[_place(e)] is e]
    rows = {entity.row for entity in left}
    for entity in nodes:
        if entity.row not in rows:
            sheet.leave_out(entity, "twin")
    return left


def _place(entity: Entity) -> tuple[float, float] | None:
    return (round(entity.vertices[0][0], 3), round(entity.vertices[0][1], 3)) if entity.vertices else None


def _precedence(entity: Entity) -> tuple[bool, int]:
    return not entity.attributes, {"POINT": 0, "INSERT": 1}.get(entity.kind, 2)


def _any_of(patterns: Iterable[str]) -> "re.Pattern[str]":
    # Nothing matches an empty list.
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns) or r"(?!)", re.IGNORECASE)
