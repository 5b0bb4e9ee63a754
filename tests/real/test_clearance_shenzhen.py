"""Plan crossings of the real survey: what the engine says against arithmetic done by PostGIS alone."""

import csv
import math
from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest

from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.running import run_city
from pipemap.clearance.stored import stored_conflicts
from pipemap.db import Connection, Database, fetch_all
from pipemap.ingest import create_import
from pipemap.publishing import publish
from schemas.clearance import ConflictKind

SAME_TRENCH = "same trench"
CROSSINGS = """
    WITH pipe AS (
        SELECT feature_id, class_code, from_node_id, to_node_id, geom,
            coalesce(burial_code, '') IN ('duct_block', 'trench', 'passage', 'tunnel') AS in_bank,
            CASE WHEN shape_code = 'circle' THEN width_mm * least(ST_3DLength(geom) / ST_Length(geom), sqrt(2))
                ELSE height_mm END / 2000 AS half_m
        FROM pipemap.pipe_segment
        WHERE coalesce(lifecycle_code, 'in_service') IN ('in_service', 'unknown')
          AND coalesce(burial_code, 'direct') NOT IN ('overhead', 'surface', 'rack', 'in_well')
    )
    SELECT a.feature_id AS one, b.feature_id AS other,
        abs(za.z - zb.z) - a.half_m - b.half_m AS gap_m, a.in_bank AND b.in_bank AS in_banks
    FROM pipe AS a
    JOIN pipe AS b ON a.feature_id < b.feature_id AND a.class_code <> b.class_code AND ST_Crosses(a.geom, b.geom)
    CROSS JOIN LATERAL (SELECT ST_Centroid(ST_Intersection(ST_Force2D(a.geom), ST_Force2D(b.geom))) AS at) AS place
    CROSS JOIN LATERAL (
        SELECT ST_Z(ST_LineInterpolatePoint(a.geom, ST_LineLocatePoint(ST_Force2D(a.geom), place.at))) AS z) AS za
    CROSS JOIN LATERAL (
        SELECT ST_Z(ST_LineInterpolatePoint(b.geom, ST_LineLocatePoint(ST_Force2D(b.geom), place.at))) AS z) AS zb
    WHERE NOT ARRAY[a.from_node_id, a.to_node_id] && ARRAY[b.from_node_id, b.to_node_id]
    ORDER BY 1, 2
"""


@pytest.fixture
def survey(database: Database, shared_data: Path) -> Database:
    path = shared_data / "cn-shennan-survey" / "survey.mdb"
    delivery = read_delivery([path], profile=None, srid=4547, source_crs="EPSG:4547", dataset="shennan")
    changeset = create_import(database, delivery, title="survey", author="surveyor")
    run_checks(database, changeset)
    publish(database, changeset, message="first", author="publisher")
    return database


def told_by_engine(connection: Connection, segment_id: int) -> dict[int, list[tuple[str, float | None]]]:
    answer = segment_clearance(connection, segment_id)
    told: dict[int, list[tuple[str, float | None]]] = {}
    for found in answer.conflicts:
        told.setdefault(found.other_id or 0, []).append((found.kind, found.measured_m))
    for other_id in answer.same_trench_ids:
        told.setdefault(other_id, []).append((SAME_TRENCH, None))
    for entry in answer.cannot_tell:
        told.setdefault(entry.other_id or 0, []).append((f"unknown {entry.kind}", None))
    return told


def test_every_plan_crossing_is_judged_as_arithmetic_says(survey: Database) -> None:
    counts: Counter[str] = Counter()
    with survey.transaction(read_only=True) as connection:
        crossings = fetch_all(connection, CROSSINGS)
        answers = {row["one"]: told_by_engine(connection, row["one"]) for row in crossings}
    for row in crossings:
        said = answers[row["one"]].get(row["other"], [])
        kinds = {kind for kind, _ in said}
        assert ConflictKind.HORIZONTAL not in kinds, "a crossing is judged by heights alone"
        if row["gap_m"] is None:
            assert kinds <= {"unknown vertical", ConflictKind.COLLISION}
            counts["unknown"] += 1
        elif row["gap_m"] < -0.002:
            # A round pipe may clear a box's corner, but never the place where the axes cross.
            assert kinds == ({SAME_TRENCH} if row["in_banks"] and SAME_TRENCH in kinds else {ConflictKind.COLLISION})
            counts[kinds.pop()] += 1
        elif 0.002 < row["gap_m"] < 0.148:
            # No pair of utilities may cross nearer than 0.15 m; pairs without any rule are left.
            counts["short" if kinds else "no rule"] += 1
        for kind, measured_m in said:
            if kind == ConflictKind.VERTICAL:
                assert measured_m is not None and abs(measured_m - row["gap_m"]) < 0.002
    assert len(crossings) > 300 and counts["short"] > 0 and counts[ConflictKind.COLLISION] > 0


def hand_read(folder: Path) -> dict[str, dict[str, float]]:
    """Per line of the survey's own tables: places of both ends, and bottom and top of the section there."""
    with (folder / "管点调查表.csv").open(encoding="utf-8") as file:
        points = {row["EXP_NO"]: row for row in csv.DictReader(file)}
    read: dict[str, dict[str, float]] = {}
    with (folder / "管线调查表.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            size = [float(part) / 1000 for part in row["D_S"].split("X") if part]
            ends = [points.get(row[name]) for name in ("S_POINT", "E_POINT")]
            if not size or None in ends or float(row["S_DEEP"]) * float(row["E_DEEP"]) == 0:
                continue
            # Sewers and trenches are surveyed to the invert, everything else to the crown.
            to_invert = row["CODE"] in ("W", "Y") or "沟" in row["D_TYPE"]
            line: dict[str, float] = {
                "width": size[0],
                "height": size[-1],
                "to_invert": to_invert,
                "is_round": len(size) == 1,
            }
            for side, point, depth in zip("se", ends, (row["S_DEEP"], row["E_DEEP"]), strict=True):
                assert point is not None
                line |= {f"x{side}": float(point["Y"]), f"y{side}": float(point["X"])}
                line[f"z{side}"] = float(point["SUR_H"]) - float(depth)
            read[f"{row['S_POINT']}->{row['E_POINT']}"] = line
    return read


def hand_gap_m(one: dict[str, float], other: dict[str, float]) -> float | None:
    """Bottom of the upper less top of the lower where two lines cross in plan, by Cramer's rule; None: they do not."""
    ux, uy = one["xe"] - one["xs"], one["ye"] - one["ys"]
    vx, vy = other["xe"] - other["xs"], other["ye"] - other["ys"]
    wx, wy = other["xs"] - one["xs"], other["ys"] - one["ys"]
    area = ux * vy - uy * vx
    if area == 0:
        return None
    shares = (wx * vy - wy * vx) / area, (wx * uy - wy * ux) / area
    if not all(0 < share < 1 for share in shares):
        return None
    spans = []
    for line, share in zip((one, other), shares, strict=True):
        z = line["zs"] + share * (line["ze"] - line["zs"])
        axis = z + line["height"] / 2 if line["to_invert"] else z - line["height"] / 2
        slope = (line["ze"] - line["zs"]) / math.hypot(line["xe"] - line["xs"], line["ye"] - line["ys"])
        # A sloping round pipe takes up its diameter over the cosine of its slope in the vertical, to 45 degrees.
        half = line["height"] / 2 * (math.sqrt(1 + min(slope**2, 1.0)) if line["is_round"] else 1.0)
        spans.append((axis - half, axis + half))
    (low_a, high_a), (low_b, high_b) = spans
    return max(low_a - high_b, low_b - high_a)


def falls_m(one: dict[str, float], other: dict[str, float]) -> float:
    """How much two lines that cross may come nearer to one another as far as one lies over the walls of the other.

    What slopes may meet the edge of a box that it clears where the axes cross.
    """
    ways = [(line["xe"] - line["xs"], line["ye"] - line["ys"], line["ze"] - line["zs"]) for line in (one, other)]
    lengths = [math.hypot(x, y) for x, y, _ in ways]
    sine = abs(ways[0][0] * ways[1][1] - ways[0][1] * ways[1][0]) / (lengths[0] * lengths[1])
    half = (one["width"] + other["width"]) / 2
    return sum(abs(z) / length * half / sine for (*_, z), length in zip(ways, lengths, strict=True))


def test_twenty_crossings_are_as_far_apart_as_the_surveys_own_tables_say(survey: Database, shared_data: Path) -> None:
    run_city(survey)
    with survey.transaction(read_only=True) as connection:
        found = stored_conflicts(connection, kinds=["vertical"], limit=10_000)
    lines = hand_read(shared_data / "cn-shennan-survey")
    checked = 0
    for each in found:
        one, other = lines.get(each.segment_source_key or ""), lines.get(each.other_source_key or "")
        gap_m = hand_gap_m(one, other) if one and other else None
        if gap_m is None or each.crossing_deg is None:
            continue
        assert each.measured_m == pytest.approx(gap_m, abs=0.001)
        assert each.shortfall_m == pytest.approx(each.limit_m - gap_m, abs=0.001)
        checked += 1
    assert checked >= 20


def crossings_by_hand(folder: Path) -> list[tuple[str, str]]:
    """Keys of every two lines of different codes that cross in plan, by Cramer's rule on the survey's own tables."""
    with (folder / "管点调查表.csv").open(encoding="utf-8") as file:
        points = {row["EXP_NO"]: (float(row["Y"]), float(row["X"])) for row in csv.DictReader(file)}
    with (folder / "管线调查表.csv").open(encoding="utf-8") as file:
        lines = [
            (row["CODE"], f"{row['S_POINT']}->{row['E_POINT']}", points[row["S_POINT"]], points[row["E_POINT"]])
            for row in csv.DictReader(file)
        ]
    return [
        (one[1], other[1])
        for one, other in combinations(lines, 2)
        if one[0] != other[0] and crosses(*one[2:], *other[2:])
    ]


def crosses(a: tuple[float, float], b: tuple[float, float], c: tuple[float, float], d: tuple[float, float]) -> bool:
    """Whether two straight lines cross between their ends; what ends on the other does not."""
    (ux, uy), (vx, vy), (wx, wy) = ((q[0] - p[0], q[1] - p[1]) for p, q in ((a, b), (c, d), (a, c)))
    area = ux * vy - uy * vx
    return area != 0 and all(1e-9 < share / area < 1 - 1e-9 for share in (wx * vy - wy * vx, wx * uy - wy * ux))


FOUND = """
    SELECT a.source_key AS one, b.source_key AS other, f.kind, f.state, f.measured_m, f.within_accuracy,
        f.to_be_confirmed
    FROM pipemap.clearance_found AS f
    JOIN pipemap.pipe_segment AS a ON a.feature_id = f.segment_id
    JOIN pipemap.pipe_segment AS b ON b.feature_id = f.other_id
    WHERE f.other_kind = 'pipe_segment'
"""


def test_the_readme_says_of_the_crossings_what_the_run_and_hand_arithmetic_say(
    survey: Database, shared_data: Path
) -> None:
    run_city(survey)
    folder = shared_data / "cn-shennan-survey"
    with survey.transaction(read_only=True) as connection:
        told = {frozenset((row["one"], row["other"])): row for row in fetch_all(connection, FOUND)}
        rows = fetch_all(connection, "SELECT source_key, class_code FROM pipemap.pipe_segment")
    class_of, lines = {row["source_key"]: row["class_code"] for row in rows}, hand_read(folder)
    split: Counter[str] = Counter()
    for one, other in crossings_by_hand(folder):
        row, split["all"] = told.get(frozenset((one, other))), split["all"] + 1
        if class_of[one] == class_of[other]:
            split["one class"] += 1
            continue
        state = "clear" if row is None else row["kind"] if row["state"] == "conflict" else row["state"]
        split[state] += 1
        gap_m = hand_gap_m(lines[one], lines[other]) if one in lines and other in lines else None
        if state in ("clear", "slant"):
            # No rule lets two utilities cross nearer than 0.15 m.
            assert gap_m is not None and gap_m > 0.148
        if row is not None and row["state"] == "conflict":
            assert gap_m is not None
            assert gap_m < 0.002 + falls_m(lines[one], lines[other]) if state == "collision" else gap_m > -0.002
            doubt = "recalled" if row["to_be_confirmed"] else "within" if row["within_accuracy"] else "certain"
            split[doubt] += 1
    broken = split["collision"] + split["vertical"]
    assert split["all"] == 516 and split["cannot_tell"] == 0
    readme = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
    assert (
        f"Of the {split['all']} plan crossings between lines of two codes in the Shenzhen survey, {split['one class']} "
        f"are of one class, {split['same_trench']} lie in one trench or bank and {broken} break a limit: "
        f"{split['collision']} collide, {split['vertical']} are nearer than the vertical limit. {split['certain']} of "
        f"those are beyond doubt, {split['within']} fall short by less than the survey's accuracy, "
        f"{split['recalled']} by a limit to be confirmed. {split['slant']} keep their limit at under 60 degrees; none "
        "cannot be told."
    ) in readme
