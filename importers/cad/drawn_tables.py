"""Result tables that are drawn in a plan as texts beside the map, 点号 连接点号 管底高程 …, as tables of their points.

Their rows are known by the numbers of points that are drawn, which also say where these lie.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from importers.base import RecordTable
from importers.cad.drawn import Drawn
from importers.cad.entities import Entity
from importers.cad.sheets import Sheet
from importers.cad.sources import Source
from importers.cad.texts import Text
from importers.normalising.listings import one_by_one
from importers.profiles import Profile, plain
from schemas.findings import Severity

_LEAST_COLUMNS, _LEAST_ROWS = 3, 2
# In heights of the letters: how far from level the cells of a row stand, and the highest row.
_LEVEL, _HIGHEST_ROW = 0.6, 8.0
_AT_POINT_M = 0.6
# How far the ends of a line that parts rows or columns are from level, in its length.
_STRAIGHT = 0.001
_PLACES = ("x", "y", "easting_m", "northing_m")
_EASTING, _NORTHING = "easting_m", "northing_m"

Place = tuple[float, float]
Floats = npt.NDArray[np.float64]


@dataclass
class _Grid:
    """A drawn table: its columns, and the cells of each row by column with the entity of the first of them."""

    headers: list[str]
    rows: list[tuple[Entity, dict[str, str]]]
    texts: set[int]
    lower: Place
    upper: Place

    @classmethod
    def of(cls, rows: Sequence[Sequence["_Box"]], told: list[tuple[Entity, dict[str, str]]]) -> "_Grid":
        """A table of which the first row holds the names of the columns."""
        boxes = [box for row in rows for box in row]
        corners = np.array([(box.edges[at], box.level) for box in boxes for at in (0, -1)])
        # A column is as wide as it is to the next one, whatever stands in it.
        cell = np.array([np.diff([box.edges[0] for box in rows[0]]).max(), _HIGHEST_ROW * boxes[0].height])
        names = [box.said for box in rows[0]]
        texts = {box.entity.row for box in boxes}
        (x0, y0), (x1, y1) = (corners.min(axis=0) - cell).tolist(), (corners.max(axis=0) + cell).tolist()
        return cls(names, told, texts, (x0, y0), (x1, y1))

    def rules(self, entity: Entity) -> bool:
        """Whether a line without data is one of those that part its rows and columns."""
        if entity.attributes or len(entity.vertices) < 2:
            return False
        (x0, y0), (x1, y1) = self.lower, self.upper
        # Every line of the drawing is asked: nearly all lie elsewhere, as their first vertex says.
        if not all(x0 <= x <= x1 and y0 <= y <= y1 for x, y, *_ in entity.vertices):
            return False
        steps = np.abs(np.diff([vertex[:2] for vertex in entity.vertices], axis=0))
        return bool((steps.min(axis=1) <= _STRAIGHT * steps.max(axis=1)).all())


@dataclass
class _Points:
    """The numbered points of a drawing by their numbers: place, entity, and what is drawn of them besides."""

    places: dict[str, Place] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    told: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, sheets: Sequence[Sheet], drawn: Drawn) -> "_Points":
        """Those without data whose number a text beside them gives."""
        found = cls()
        for sheet in sheets:
            for entity in sheet.rows["node"]:
                cells = drawn.cells(entity)
                number = cells.get("drawn_number")
                if number is not None and entity.vertices and not entity.attributes and number not in found.places:
                    found.places[number], found.rows[number] = entity.vertices[0][:2], entity.row
                    said = {"class": sheet.told.class_word, "appurtenance": cells.get("drawn_appurtenance")}
                    found.told[number] = {name: word for name, word in said.items() if word}
        return found

    def learn_classes(self, pipes: Sequence[Entity], drawn: Drawn) -> None:
        """Let points of layers that name no class be of that of a pipe which ends at them."""
        for pipe in pipes:
            if word := drawn.cells(pipe).get("drawn_class"):
                for number in self.at(pipe):
                    self.told[number].setdefault("class", word)

    def at(self, line: Entity) -> list[str]:
        """The numbers of the points nearest to the ends of a line."""
        numbers, places = list(self.places), np.array(list(self.places.values()))
        ends = np.array([line.vertices[0][:2], line.vertices[-1][:2]])
        return [numbers[place] for place in np.linalg.norm(ends[:, None] - places, axis=2).argmin(axis=1)]


def drawn_tables(source: Source, sheets: Sequence[Sheet], drawn: Drawn, profile: Profile) -> Iterator[RecordTable]:
    """The tables drawn in a source; what is drawn of their points and pipes, too, is left out of the sheets."""
    texts = [e for sheet in sheets for e in sheet.entities if e.text is not None and len(e.text.lines) == 1]
    grids = list(_grids(texts, profile)) if len(texts) > _LEAST_COLUMNS * _LEAST_ROWS else []
    points = _Points.of(sheets, drawn) if grids else _Points()
    for number, grid in enumerate(grids, start=1):
        found = _Found.of(f"{source.prefix}table {number}", grid, profile, points)
        if len(found.rows) < _LEAST_ROWS:
            continue
        for sheet in sheets:
            sheet.drop({line.row for line in sheet.rows["segment"] if grid.rules(line)}, "ruled")
        pipes = _pipes(sheets, points, found.pairs())
        is_told_twice = any(pipe.attributes for pipe in pipes)
        _note(source, found, is_used=not is_told_twice)
        if is_told_twice:
            continue
        points.learn_classes(pipes, drawn)
        own = {cells[found.key] for _, cells in found.rows} if found.role != "segment" else set()
        for sheet in sheets:
            sheet.drop({points.rows[number] for number in own} | {pipe.row for pipe in pipes}, "tabled")
        _tell_read(sheets, grid.texts)
        table = found.table(source.file, points)
        is_bent = found.role != "node" and any(len(pipe.vertices) > 2 for pipe in pipes)
        yield found.with_bends(one_by_one(table, profile), points, pipes) if is_bent else table


@dataclass
class _Found:
    """A drawn table as understood: what its rows are, its columns by attribute, the rows of points that are drawn."""

    name: str
    role: str
    headers: Sequence[str]
    mapping: Mapping[str, str]
    rows: Sequence[tuple[Entity, dict[str, str]]]

    @classmethod
    def of(cls, name: str, grid: _Grid, profile: Profile, points: "_Points") -> "_Found":
        """Its rows are those whose own point is drawn."""
        given = profile.mapping("combined", grid.headers).keys()
        role = "combined" if {"key", "to_key"} <= given else "node" if "key" in given else "segment"
        found = cls(name, role, grid.headers, profile.mapping(role, grid.headers), [])
        found.rows = [row for row in grid.rows if row[1].get(found.key) in points.places]
        return found

    @property
    def key(self) -> str:
        """The column of the number of a row's own point."""
        return self.mapping.get("from_key" if self.role == "segment" else "key", "")

    @property
    def to_key(self) -> str:
        """The column of the number of the point that a row's pipe leads to."""
        return self.mapping.get("to_key", "")

    def pairs(self) -> set[frozenset[str | None]]:
        """The points that its pipes join."""
        other = self.to_key
        return {frozenset((cells.get(self.key), cells.get(other))) for _, cells in self.rows if other}

    def table(self, file: str, points: "_Points") -> RecordTable:
        """The rows with the places of the drawn points, whichever way round the table has them."""
        left = {self.mapping[attribute] for attribute in _PLACES if attribute in self.mapping}
        cells: list[dict[str, Any]] = []
        for _, row in self.rows:
            number = row[self.key]
            told: dict[str, Any] = {name: value for name, value in row.items() if name not in left}
            if self.role != "segment":
                told[_EASTING], told[_NORTHING] = points.places[number]
            drawn = points.told[number].items()
            cells.append(told | {name: value for name, value in drawn if name not in self.mapping})
        index = pd.Index([entity.row for entity, _ in self.rows], dtype="int64")
        return RecordTable(file, self.name, pd.DataFrame(cells, index=index, dtype=object), role=self.role)

    def with_bends(self, table: RecordTable, points: "_Points", pipes: Sequence[Entity]) -> RecordTable:
        """The table with its pipes as they are drawn, straight where none is, each from the point of its row."""
        drawn = {frozenset(points.at(pipe)): [vertex[:2] for vertex in pipe.vertices] for pipe in pipes}
        shapes = np.empty(len(table.rows), dtype=object)
        for at, (one, other) in enumerate(zip(*(table.rows[each] for each in (self.key, self.to_key)), strict=True)):
            start, end = points.places[one], points.places.get(other)
            course = drawn.get(frozenset((one, other)), [])
            shapes[at] = shapely.Point(start) if end is None or start == end else _course(course, start, end)
        rows = table.rows.drop(columns=[_EASTING, _NORTHING], errors="ignore")
        return replace(table, rows=rows, shapes=shapes)


def _course(drawn: list[Place], start: Place, end: Place) -> shapely.LineString:
    """A drawn line from point to point, whichever way it was drawn."""
    is_turned = bool(drawn) and shapely.Point(drawn[0]).distance(shapely.Point(start)) > _AT_POINT_M
    return shapely.LineString([start, *(drawn[::-1] if is_turned else drawn)[1:-1], end])


def _note(source: Source, found: _Found, *, is_used: bool) -> None:
    columns, n_rows = list(found.headers), len(found.rows)
    en = f"A table of {n_rows} rows is drawn as texts ({', '.join(columns)})"
    zh = f"图中以文字绘制的成果表（{'、'.join(columns)}）共 {n_rows} 行"
    if is_used:
        en += "; it was read in place of what is drawn of its points and pipes."
        zh += "，已按表读取，代替图上相应的管点和管线。"
    else:
        en += "; it was not read, as pipes are drawn with data of their own: deliver it as a workbook."
        zh += "，因图上管线自带属性而未读取，请以表格文件提供。"
    severity = Severity.INFO if is_used else Severity.WARNING
    source.note("IMP-GRID", severity, en, zh, sheet=found.name, details={"rows": n_rows})


def _pipes(sheets: Sequence[Sheet], points: "_Points", pairs: set[frozenset[str | None]]) -> list[Entity]:
    """Drawn pipes that join two points of a table."""
    numbers = list(points.places)
    lines = [line for sheet in sheets for line in sheet.rows["segment"] if len(line.vertices) > 1]
    if not lines or not pairs:
        return []
    ends = np.array([[line.vertices[0][:2], line.vertices[-1][:2]] for line in lines])
    found = cKDTree(np.array([points.places[number] for number in numbers])).query(ends)
    apart, nearest = np.asarray(found[0]), np.asarray(found[1])
    joined = [frozenset(numbers[place] for place in places) for places in nearest]
    is_near = apart.max(axis=1) <= _AT_POINT_M
    return [line for line, pair, near in zip(lines, joined, is_near, strict=True) if near and pair in pairs]


def _tell_read(sheets: Sequence[Sheet], texts: set[int]) -> None:
    """Let the account say of the texts of a table that they were read."""
    for sheet in sheets:
        for entity in sheet.entities:
            if entity.row in texts:
                sheet.left_out[entity.kind, "text"] -= 1
                sheet.leave_out(entity, "read")
        sheet.left_out = +sheet.left_out


def _grids(texts: Sequence[Entity], profile: Profile) -> Iterator[_Grid]:
    """Rows of texts under a row of names of columns, one of which is that of the number of a point."""
    keys = {
        plain(name) for role, key in (("node", "key"), ("segment", "from_key")) for name in profile.names(role, key)
    }
    said = {entity.text.lines[0].strip() for entity in texts if entity.text is not None}
    names_of_keys = {word for word in said if plain(word) in keys}
    boxes = [_Box.of(entity) for entity in texts] if names_of_keys else []
    heads = [box for box in boxes if box.said in names_of_keys]
    for place, head in enumerate(heads):
        if any(head.is_beside(other) for other in heads[:place]):
            continue
        headers = sorted((box for box in boxes if head.is_beside(box)), key=lambda box: box.edges[0])
        names = [box.said for box in headers]
        mapping = profile.mapping("combined", names)
        if len(set(names)) < len(names) or len(mapping) < _LEAST_COLUMNS:
            continue
        under = _rows_under(headers, boxes)
        rows = list(_told(headers, under, mapping.get("key", mapping.get("from_key", names[0]))))
        if len(rows) >= _LEAST_ROWS:
            yield _Grid.of([headers, *under], rows)


@dataclass
class _Box:
    """A text with its left edge, middle and right edge, its height above all and the height of its letters."""

    entity: Entity
    said: str
    edges: Floats
    level: float
    height: float

    @classmethod
    def of(cls, entity: Entity) -> "_Box":
        text: Text | None = entity.text
        assert text is not None
        (x, y), (dx, _), (_, up) = text.corner, text.along, text.up
        return cls(entity, text.lines[0].strip(), np.array([x, x + dx / 2, x + dx]), y + up / 2, abs(up) or 1.0)

    def is_beside(self, other: "_Box") -> bool:
        """Whether the other stands on one level with it, in letters as high."""
        is_as_high = abs(other.height - self.height) <= 0.2 * self.height
        return is_as_high and abs(other.level - self.level) <= _LEVEL * self.height


def _rows_under(headers: Sequence[_Box], boxes: Sequence[_Box]) -> list[list[_Box]]:
    """The texts under the headers, row by row, down to a gap that no row fills."""
    edges = np.array([box.edges for box in headers])
    widest = float(np.diff(edges[:, 1]).max(initial=0.0)) or headers[0].height
    within = (edges[:, 0].min() - widest / 2, edges[:, 2].max() + widest)
    top = headers[0].level
    under = [box for box in boxes if box.level < top - _LEVEL * headers[0].height]
    under = sorted((box for box in under if within[0] <= box.edges[1] <= within[1]), key=lambda box: -box.level)
    rows: list[list[_Box]] = []
    for box in under:
        if rows and rows[-1][0].is_beside(box):
            rows[-1].append(box)
        elif (rows[-1][0].level if rows else top) - box.level > _HIGHEST_ROW * box.height:
            break
        else:
            rows.append([box])
    return rows


def _told(headers: Sequence[_Box], rows: Sequence[Sequence[_Box]], key: str) -> Iterator[tuple[Entity, dict[str, str]]]:
    """The cells of rows by the headers that they stand under; a blank number is that above it."""
    edges = np.array([box.edges for box in headers])
    above = ""
    for row in rows:
        cells: dict[str, list[str]] = defaultdict(list)
        for box in sorted(row, key=lambda each: each.edges[0]):
            cells[headers[int(np.abs(edges - box.edges).min(axis=1).argmin())].said].append(box.said)
        told = {name: " ".join(said) for name, said in cells.items()}
        above = told.setdefault(key, above)
        if above:
            yield row[0].entity, told
