"""How good a delivery is: lengths, heights and completeness by class, and a grade anybody can recompute.

Measured over the delivery's dataset as its changeset leaves it; over the touched features when the changeset
belongs to no dataset. The grade starts at 100 points; every item of `GRADE_ITEMS` takes points off for each
percent of its base, up to a cap. Grades begin at 90 (excellent 优), 75 (good 良) and 60 (acceptable 合格), as is
usual for survey products in China (recalled from GB/T 24356 without reading, so to be confirmed); weights
and caps are this product's own and a city may set others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, LiteralString, NamedTuple

from psycopg.sql import SQL, Composable, Identifier, Literal

from pipemap.changesets import Changeset
from pipemap.db import Connection, fetch_all
from pipemap.errors import UsageError
from pipemap.sql import queries
from schemas.codetables import code_table

DEPTH_STEP_M = 0.5
DEPTH_STEPS = 16


class Attribute(NamedTuple):
    """An attribute whose completeness is told; `groups` are the class groups that must have it, None is all."""

    kind: str
    name: str
    name_en: str
    name_zh: str
    groups: frozenset[str] | None = frozenset()

    def is_demanded_of(self, class_code: str) -> bool:
        """Whether a class must have it."""
        found = code_table("utility_class").get(class_code)
        return self.groups is None or (found is not None and found.fields["group_code"] in self.groups)


# The columns of the delivery tables of CJJ 61 practice (standards.md 1.5) and, by class, rule R36.
ATTRIBUTES = (
    Attribute("node", "ground", "ground elevation", "地面高程", None),
    Attribute("node", "kind", "feature or appurtenance", "特征/附属物", None),
    Attribute("pipe_segment", "section", "section", "断面", None),
    Attribute("pipe_segment", "material", "material", "材质", None),
    Attribute("pipe_segment", "burial", "burial", "埋设方式", None),
    Attribute("pipe_segment", "depth", "depth", "埋深"),
    Attribute("pipe_segment", "elevation", "axis height", "轴线高程", None),
    Attribute("pipe_segment", "flow_direction", "flow direction", "流向", frozenset({"drainage"})),
    Attribute("pipe_segment", "pressure", "pressure", "压力", frozenset({"gas"})),
    Attribute("pipe_segment", "voltage", "voltage", "电压", frozenset({"power"})),
    Attribute("pipe_segment", "lifecycle", "status", "使用状态"),
    Attribute("pipe_segment", "owner", "owner", "权属单位"),
    Attribute("pipe_segment", "installed", "date built", "建成年月"),
)


class GradeItem(NamedTuple):
    """What takes points off: how many for each percent, and at most."""

    name: str
    name_en: str
    name_zh: str
    points_per_percent: float
    cap: float


GRADE_ITEMS = (
    GradeItem("refused", "rows refused, of all rows to load", "被拒绝的行 / 应入库行", 1.0, 40.0),
    GradeItem("errors", "errors found, of all features", "错误数 / 要素数", 2.0, 40.0),
    GradeItem("warnings", "warnings found, of all features", "警告数 / 要素数", 0.2, 20.0),
    GradeItem("heights", "metres of pipe of unknown height, of all metres", "高程不明长度 / 总长度", 0.2, 20.0),
    GradeItem("missing", "demanded attributes unknown, of all demanded", "必填属性缺失 / 必填属性总数", 0.2, 20.0),
)
GRADES = (
    (90.0, "excellent", "优"),
    (75.0, "good", "良"),
    (60.0, "acceptable", "合格"),
    (0.0, "not acceptable", "不合格"),
)


@dataclass(frozen=True)
class GradeLine:
    """One item of the grade: deduction = min(cap, points_per_percent * 100 * count / base)."""

    item: GradeItem
    count: float
    base: float

    @property
    def percent(self) -> float:
        """The share of the base, 0 when there is no base."""
        return 100.0 * self.count / self.base if self.base else 0.0

    @property
    def deduction(self) -> float:
        """Points taken off."""
        return min(self.item.cap, self.item.points_per_percent * self.percent)


@dataclass(frozen=True)
class Quality:
    """Measures by class, as rows of the queries in report.sql; lengths in metres."""

    lengths: list[dict[str, Any]]
    completeness: list[dict[str, Any]]
    depths: list[dict[str, Any]]
    grade_lines: list[GradeLine]

    @property
    def score(self) -> float:
        """100 less all deductions, not below 0, to one decimal."""
        return round(max(0.0, 100.0 - sum(line.deduction for line in self.grade_lines)), 1)

    @property
    def grade(self) -> tuple[str, str]:
        """The grade in English and Chinese."""
        return next((en, zh) for least, en, zh in GRADES if self.score >= least)

    @cached_property
    def by_class(self) -> list[dict[str, Any]]:
        """One line per class: segments, plan_m, axis_m, and both split into measured, inferred and unknown."""
        lines: dict[str, dict[str, Any]] = {}
        for row in self.lengths:
            line = lines.setdefault(row["class_code"], _blank_line(row["class_code"]))
            for name in ("segments", "plan_m", "axis_m"):
                line[name] += row[name]
            line["height_segments"][row["elevation_source_code"]] += row["segments"]
            line["height_m"][row["elevation_source_code"]] += row["plan_m"]
        return list(lines.values())

    def document(self) -> dict[str, Any]:
        """All of it as plain data, with every step of the grade."""
        return {
            "score": self.score,
            "grade_en": self.grade[0],
            "grade_zh": self.grade[1],
            "grade_lines": [
                {**line.item._asdict(), "count": line.count, "base": line.base, "percent": line.percent,
                 "deduction": line.deduction}
                for line in self.grade_lines
            ],
            "lengths": self.by_class,
            "completeness": self.completeness,
            "depth_step_m": DEPTH_STEP_M,
            "depths": self.depths,
        }  # fmt: skip


def measure(
    connection: Connection, changeset: Changeset, errors: int, warnings: int, weights: Mapping[str, Any] | None = None
) -> Quality:
    """Measure what a changeset delivers; `weights` sets points_per_percent and cap by the name of a grade item.

    Raises
    ------
    UsageError
        When a weight is of no item, or no number above or at zero.
    """
    items = _weighted_items(weights or {})
    segments, nodes = (_content(changeset, kind) for kind in ("pipe_segment", "node"))
    lengths = _rows(connection, "segment_lengths", segments)
    completeness = [
        line
        for kind, rows in (
            ("node", _rows(connection, "node_completeness", nodes)),
            ("pipe_segment", _rows(connection, "segment_completeness", segments)),
        )
        for line in _completeness(kind, rows)
    ]
    features = {(line["kind"], line["class_code"]): line["features"] for line in completeness}
    counted = {
        "refused": _tally(changeset, "refused", ("loaded", "refused")),
        "errors": (errors, sum(features.values())),
        "warnings": (warnings, sum(features.values())),
        "heights": (_unknown_m(lengths), sum(row["plan_m"] for row in lengths)),
        "missing": _missing(completeness),
    }
    return Quality(
        lengths,
        completeness,
        _rows(connection, "depths", segments, last_step=DEPTH_STEPS - 1),
        [GradeLine(item, *counted[item.name]) for item in items],
    )


def _content(changeset: Changeset, kind: str) -> Composable:
    """A FROM item with the features that the changeset delivers."""
    state = Literal(changeset.version if changeset.version is not None else changeset.changeset_id)
    view = f"{kind}_as_of" if changeset.version is not None else f"{kind}_in_changeset"
    if changeset.dataset_id is not None:
        wanted: Composable = SQL("dataset_id = {}").format(Literal(changeset.dataset_id))
    else:
        wanted = SQL("valid_from_version IS NOT DISTINCT FROM {}").format(Literal(changeset.version))
    return SQL("(SELECT * FROM {}({}) WHERE {}) AS content").format(Identifier("pipemap_app", view), state, wanted)


def _rows(connection: Connection, name: LiteralString, content: Composable, **values: Any) -> list[dict[str, Any]]:
    statement = SQL(queries("report")[name]).format(content=content)
    return [dict(row) for row in fetch_all(connection, statement, values or None)]


def _blank_line(class_code: str) -> dict[str, Any]:
    sources = list(code_table("elevation_source"))
    return {
        "class_code": class_code,
        "segments": 0,
        "plan_m": 0.0,
        "axis_m": 0.0,
        "height_segments": dict.fromkeys(sources, 0),
        "height_m": dict.fromkeys(sources, 0.0),
    }


def _completeness(kind: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "class_code": row["class_code"],
            "attribute": attribute.name,
            "features": row["features"],
            "known": row[attribute.name],
            "demanded": attribute.is_demanded_of(row["class_code"]),
        }
        for row in rows
        for attribute in ATTRIBUTES
        if attribute.kind == kind
    ]


def _tally(changeset: Changeset, name: str, base: tuple[str, ...]) -> tuple[int, int]:
    totals = {each: sum(line[each] for line in changeset.row_counts) for each in {name, *base}}
    return totals[name], sum(totals[each] for each in base)


def _unknown_m(lengths: list[dict[str, Any]]) -> float:
    return float(sum(row["plan_m"] for row in lengths if row["elevation_source_code"] == "unknown"))


def _missing(completeness: list[dict[str, Any]]) -> tuple[int, int]:
    demanded = [line for line in completeness if line["demanded"]]
    features = sum(line["features"] for line in demanded)
    return features - sum(line["known"] for line in demanded), features


def _weighted_items(weights: Mapping[str, Any]) -> list[GradeItem]:
    names, fields = {item.name for item in GRADE_ITEMS}, ("points_per_percent", "cap")
    for name, own in weights.items():
        if name not in names or not isinstance(own, Mapping) or not own.keys() <= set(fields):
            raise UsageError(f"The grade has no [grade.{name}] with {own}; items: {', '.join(sorted(names))}.")
        for value in own.values():
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
                raise UsageError(f"[grade.{name}] needs numbers from 0 on, not {value!r}.")
    return [item._replace(**weights.get(item.name, {})) for item in GRADE_ITEMS]
