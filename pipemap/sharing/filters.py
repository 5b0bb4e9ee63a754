"""CQL2 filters: parsed by the `cql2` library, compiled to parameterised SQL over the columns that may be asked for.

Nothing of a filter's text reaches the SQL: names are looked up, values are parameters of the column's own type.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import accumulate, count
from typing import Any, LiteralString

import cql2
import shapely
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal, Placeholder
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from pipemap.crs import Bounds, is_geographic, within_use
from pipemap.errors import UsageError
from pipemap.pages import check_finite, plan_of
from pipemap.sharing.item_statements import Condition
from schemas.tables import SCHEMA, metadata

GEOMETRY = "geometry"
# The parser recurses over brackets and over chains of operators, and one too deep ends the whole process.
_LONGEST, _DEEPEST, _LONGEST_CHAIN = 20_000, 60, 400
_QUOTED = re.compile(r"""'(?:[^']|'')*'|"[^"]*\"""")
_NEGATION = re.compile(r"\bnot\b", re.IGNORECASE)
_EARTH = (180.0, 90.0, 180.0, 90.0)
_CHAINED = re.compile(r"[-+*/%^<>=]|\bdiv\b", re.IGNORECASE)
_COMPARED: dict[str, LiteralString] = {"=": "=", "<>": "<>", "<": "<", ">": ">", "<=": "<=", ">=": ">="}
# What a value is cast to and how its column compares: whole numbers as numeric, so that 2.5 is not rounded to 3.
_CASTS: dict[str, tuple[str, LiteralString]] = {
    "TEXT": ("text", "text"),
    "BIGINT": ("number", "numeric"),
    "INTEGER": ("number", "numeric"),
    "REAL": ("number", "real"),
    "DOUBLE PRECISION": ("number", "float8"),
    "DATE": ("date", "date"),
    "BOOLEAN": ("boolean", "boolean"),
}
_TEXT: tuple[str, LiteralString] = ("text", "text")
_Node = Any
_PLACE = {"property": GEOMETRY}


@dataclass(frozen=True)
class Geometries:
    """How the geometries of a filter are given: their EPSG code, whether northing comes first, and the project's."""

    srid: int
    northing_first: bool
    project_srid: int


@dataclass(frozen=True)
class Filter:
    """A filter ready to be asked: its condition, and the box that all it selects must meet, where it has one."""

    condition: Condition
    bounds: Bounds | None


def compile_filter(text: str, language: str, kind: str, columns: Sequence[str], geometries: Geometries) -> Filter:
    """A CQL2 filter over some columns of a kind and its geometry.

    `language` is cql2-text or cql2-json. Raises UsageError for what is no CQL2, asks for another property, compares
    what cannot be compared or calls a function that is not offered.
    """
    tree = _parsed(text, language)
    compiler = _Compiler(kind, columns, geometries)
    sql = compiler.predicate(tree)
    return Filter(Condition(sql, compiler.params), compiler.bounds_of(tree))


def read_language(text: str | None) -> str:
    """The language a filter is said to be written in."""
    if text not in (None, "cql2-text", "cql2-json"):
        raise UsageError(f"A filter is written in cql2-text or cql2-json, not {text}.")
    return text or "cql2-text"


def _parsed(text: str, language: str) -> _Node:
    if len(text) > _LONGEST or _is_deep(text if language == "cql2-json" else _QUOTED.sub("''", text)):
        raise UsageError("The filter is too long or nested too deep.")
    try:
        return (cql2.parse_text if language == "cql2-text" else cql2.parse_json)(text).to_json()
    except (cql2.ParseError, cql2.ValidationError, ValueError, TypeError) as error:
        raise UsageError(f"The filter is no {language}: {_first_line(error)}.") from error


def _is_deep(text: str) -> bool:
    # Commas part the coordinates of a geometry, whose signs are no chain.
    chains = (len(_CHAINED.findall(part)) for part in text.split(","))
    return max(_depth(text), len(_NEGATION.findall(text))) > _DEEPEST or max(chains) > _LONGEST_CHAIN


def _depth(text: str) -> int:
    steps = ((letter in "([{") - (letter in ")]}") for letter in text)
    return max(accumulate(steps), default=0)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "it cannot be read").strip().rstrip(".")


@dataclass
class _Compiler:
    kind: str
    columns: Sequence[str]
    geometries: Geometries
    params: dict[str, Any] = field(default_factory=dict)
    _numbers: Any = field(default_factory=count)

    def predicate(self, node: _Node) -> Composable:
        """The condition of one node of the tree."""
        if isinstance(node, bool):
            return SQL("true") if node else SQL("false")
        operator, arguments = self._operation(node)
        made = self._predicates().get(operator)
        if made is None:
            raise UsageError(f"The filter calls {operator}, which is not offered here.")
        return SQL("({})").format(made(arguments))

    def bounds_of(self, node: _Node) -> Bounds | None:
        """The box of a geometry that everything selected meets: one that stands alone or in an AND."""
        if not isinstance(node, Mapping):
            return None
        if node.get("op") == "s_intersects":
            drawn = [one for one in node["args"] if one != _PLACE]
            return self._geometry(drawn[0]).bounds if len(drawn) == 1 else None
        if node.get("op") == "and":
            return next((found for part in node["args"] if (found := self.bounds_of(part)) is not None), None)
        return None

    def _predicates(self) -> dict[str, Callable[[Sequence[_Node]], Composable]]:
        return {
            "and": lambda parts: SQL(" AND ").join(map(self.predicate, _some(parts, 2, "and"))),
            "or": lambda parts: SQL(" OR ").join(map(self.predicate, _some(parts, 2, "or"))),
            "not": lambda parts: SQL("NOT {}").format(self.predicate(*_exactly(parts, 1, "not"))),
            "isNull": lambda parts: SQL("{} IS NULL").format(self._operand(*_exactly(parts, 1, "IS NULL"))),
            "like": self._like,
            "between": self._between,
            "in": self._within,
            "s_intersects": self._intersects,
            **{name: self._comparison(sql) for name, sql in _COMPARED.items()},
        }

    def _operation(self, node: _Node) -> tuple[str, Sequence[_Node]]:
        if not isinstance(node, Mapping) or "op" not in node or not isinstance(node.get("args"), list):
            raise UsageError("The filter has a value where a condition belongs.")
        return node["op"], node["args"]

    def _comparison(self, sql: LiteralString) -> Callable[[Sequence[_Node]], Composed]:
        def compare(parts: Sequence[_Node]) -> Composed:
            one, other = _exactly(parts, 2, sql)
            group, cast = self._sort(one, other)
            return SQL("{} {} {}").format(self._scalar(one, group, cast), SQL(sql), self._scalar(other, group, cast))

        return compare

    def _like(self, parts: Sequence[_Node]) -> Composed:
        one, pattern = _exactly(parts, 2, "LIKE")
        if isinstance(pattern, str) and (len(pattern) - len(pattern.rstrip("\\"))) % 2:
            raise UsageError("The pattern of LIKE ends in a backslash, which escapes nothing.")
        return SQL("{} LIKE {}").format(self._scalar(one, "text", "text"), self._scalar(pattern, "text", "text"))

    def _between(self, parts: Sequence[_Node]) -> Composed:
        asked, low, high = _exactly(parts, 3, "BETWEEN")
        group, cast = self._sort(asked, low, high)
        ends = (self._scalar(one, group, cast) for one in (asked, low, high))
        return SQL("{} BETWEEN {} AND {}").format(*ends)

    def _within(self, parts: Sequence[_Node]) -> Composed:
        asked, listed = _exactly(parts, 2, "IN")
        if not isinstance(listed, list) or not listed:
            raise UsageError("IN needs a list of values.")
        group, cast = self._sort(asked, *listed)
        values = SQL(", ").join(self._scalar(one, group, cast) for one in listed)
        return SQL("{} IN ({})").format(self._scalar(asked, group, cast), values)

    def _intersects(self, parts: Sequence[_Node]) -> Composable:
        one, other = _exactly(parts, 2, "S_INTERSECTS")
        if _PLACE not in (one, other):
            return SQL("true") if shapely.intersects(self._drawn(one), self._drawn(other)) else SQL("false")
        return SQL("ST_Intersects({}, {})").format(self._place(one), self._place(other))

    def _place(self, node: _Node) -> Composable:
        if node == _PLACE:
            return SQL("v.geom")
        place = self._bind(shapely.to_wkt(self._geometry(node), rounding_precision=-1))
        srids = (Literal(srid) for srid in (self.geometries.srid, self.geometries.project_srid))
        return SQL("ST_Transform(ST_GeomFromText({}, {}), {})").format(place, *srids)

    def _geometry(self, node: _Node) -> BaseGeometry:
        """A geometry in easting and northing, as far as the project CRS is used."""
        found = self._drawn(node)
        kept = within_use(found.bounds, self.geometries.srid, self.geometries.project_srid)
        if kept == found.bounds:
            return found
        inside = shapely.intersection(found, shapely.box(*kept))
        # Of what lies wholly elsewhere the edge remains, where nothing is.
        return shapely.Point(kept[:2]) if inside.is_empty else inside

    def _drawn(self, node: _Node) -> BaseGeometry:
        """A geometry in easting and northing as it is given."""
        if isinstance(node, dict) and "property" in node:
            raise UsageError(f"{node['property']} is no geometry to ask for; there is {GEOMETRY}.")
        try:
            found = self._box(node["bbox"]) if "bbox" in node else self._flipped(shapely.force_2d(shape(node)))
        except (TypeError, ValueError, KeyError, AttributeError, shapely.errors.ShapelyError) as error:
            raise UsageError("The filter holds a geometry that cannot be read.") from error
        if found.is_empty or not found.is_valid:
            raise UsageError(f"The filter holds a geometry that is not valid: {shapely.is_valid_reason(found)}.")
        check_finite(*found.bounds)
        sides = zip(found.bounds, _EARTH, strict=True)
        if is_geographic(self.geometries.srid) and any(abs(side) > most for side, most in sides):
            raise UsageError("The filter holds a geometry beyond the earth's 180° of longitude or 90° of latitude.")
        return found

    def _flipped(self, geometry: BaseGeometry) -> BaseGeometry:
        if not self.geometries.northing_first:
            return geometry
        return shapely.transform(geometry, lambda places: places[:, ::-1])

    def _box(self, numbers: Sequence[float]) -> BaseGeometry:
        low, high = numbers[: len(numbers) // 2][:2], plan_of(numbers)[2:]
        (west, south), (east, north) = (low[::-1], high[::-1]) if self.geometries.northing_first else (low, high)
        if west > east and is_geographic(self.geometries.srid):
            # Over the antimeridian.
            return shapely.MultiPolygon([shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)])
        if west > east or south > north:
            raise UsageError("The filter holds a box of which a minimum is above its maximum.")
        return shapely.box(west, south, east, north)

    def _sort(self, *nodes: _Node) -> tuple[str, LiteralString]:
        """What is compared, by the first property among the sides, else by their values."""
        for node in nodes:
            if isinstance(node, Mapping) and node.get("op") == "casei":
                return _TEXT
            if isinstance(node, Mapping) and "property" in node:
                return self._property(node)[1:]
        return next((sort for sort in map(_sort_of, nodes) if sort is not None), _TEXT)

    def _operand(self, node: _Node) -> Composable:
        return SQL("v.geom") if node == _PLACE else self._scalar(node, *self._sort(node))

    def _scalar(self, node: _Node, group: str, cast: LiteralString) -> Composable:
        if isinstance(node, Mapping) and node.get("op") == "casei":
            (inner,) = _exactly(node["args"], 1, "CASEI")
            return SQL("lower({})").format(self._scalar(inner, "text", "text"))
        if isinstance(node, Mapping) and "property" in node:
            column, own, _ = self._property(node)
            if own != group:
                raise UsageError(f"{node['property']} is of another sort than what it is compared with ({group}).")
            return column
        return SQL("{}::{}").format(self._bind(_value(node, group)), SQL(cast))

    def _property(self, node: _Node) -> tuple[Composable, str, LiteralString]:
        name = node.get("property") if isinstance(node, Mapping) else None
        if not isinstance(name, str) or name not in self.columns:
            known = ", ".join((*self.columns, GEOMETRY))
            raise UsageError(f"{name or 'A value'} is no property to ask for; there are {known}.")
        group, cast = _CASTS[str(metadata.tables[f"{SCHEMA}.{self.kind}"].columns[name].type)]
        return Identifier("v", name), group, cast

    def _bind(self, value: Any) -> Composable:
        name = f"filter_{next(self._numbers)}"
        self.params[name] = value
        return Placeholder(name)


def _sort_of(value: _Node) -> tuple[str, LiteralString] | None:
    """What a value is compared as by itself."""
    if isinstance(value, bool):
        return "boolean", "boolean"
    if isinstance(value, int | float):
        return "number", "numeric"
    if isinstance(value, Mapping) and "timestamp" in value:
        return "instant", "timestamptz"
    return ("date", "date") if isinstance(value, Mapping) and "date" in value else None


def _value(node: _Node, group: str) -> Any:
    if group == "text" and isinstance(node, str) and "\0" not in node:
        return node
    if group == "boolean" and isinstance(node, bool):
        return node
    if group == "number" and isinstance(node, int | float) and not isinstance(node, bool) and math.isfinite(node):
        # As text, so that the server reads the number as the column's own type.
        return repr(node)
    if group == "date" and isinstance(node, Mapping) and isinstance(node.get("date"), str):
        try:
            return date.fromisoformat(node["date"])
        except ValueError as error:
            raise UsageError(f"{node['date']} is no date such as 2026-01-31.") from error
    if group == "instant" and isinstance(node, Mapping) and isinstance(node.get("timestamp"), str):
        try:
            return datetime.fromisoformat(node["timestamp"])
        except ValueError as error:
            raise UsageError(f"{node['timestamp']} is no instant such as 2026-01-31T12:00:00Z.") from error
    raise UsageError(f"The filter compares what is a {group} with something else.")


def _exactly(parts: Sequence[_Node], number: int, name: str) -> Sequence[_Node]:
    if len(parts) != number:
        raise UsageError(f"{name} takes {number} arguments, not {len(parts)}.")
    return parts


def _some(parts: Sequence[_Node], least: int, name: str) -> Sequence[_Node]:
    if len(parts) < least:
        raise UsageError(f"{name} takes at least {least} arguments.")
    return parts
