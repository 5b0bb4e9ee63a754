"""Plan crossings of the real survey: what the engine says against arithmetic done by PostGIS alone."""

from collections import Counter
from pathlib import Path

import pytest

from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.clearance.questions import segment_clearance
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
