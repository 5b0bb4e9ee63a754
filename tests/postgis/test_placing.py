"""Deliveries that lie where they cannot: each is brought in beside a published one, and its findings are looked at."""

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from pipemap.db import Database
from pipemap.findings import list_findings
from pipemap.placing import existing_extent, vote
from schemas.findings import Finding
from tests.postgis.deliveries import bring_in, delivery, node, publish_now

COUNT = 80


def places(seed: int, count: int = COUNT) -> list[tuple[float, float]]:
    drawn = random.Random(seed)
    return [(drawn.uniform(0, 900), drawn.uniform(0, 900)) for _ in range(count)]


def sloping(x: float) -> float:
    return 20 + 0.01 * x


def points(
    at: list[tuple[float, float]], prefix: str = "J", ground_m: Any = sloping, **attributes: Any
) -> list[dict[str, Any]]:
    return [node(f"{prefix}{n}", x, y, ground_elevation_m=ground_m(x), **attributes) for n, (x, y) in enumerate(at)]


def found(database: Database, nodes: list[dict[str, Any]], dataset: str) -> list[Finding]:
    number = bring_in(database, delivery(nodes, dataset=dataset))
    with database.transaction() as connection:
        told = list_findings(connection, number)
    findings = [Finding.model_validate({name: row[name] for name in Finding.model_fields}) for row in told]
    return [finding for finding in findings if finding.rule in ("IMP-SHIFT", "IMP-HEIGHT")]


@pytest.fixture
def city(database: Database) -> Database:
    publish_now(database, bring_in(database, delivery(points(places(1)), dataset="city")))
    return database


def moved(at: list[tuple[float, float]], dx: float, dy: float) -> list[tuple[float, float]]:
    return [(x + dx, y + dy) for x, y in at]


def resurveyed(dx: float, error_m: float) -> list[tuple[float, float]]:
    drawn = random.Random(3)
    return [(x + dx + drawn.gauss(0, error_m), y + drawn.gauss(0, error_m)) for x, y in places(1)]


@pytest.mark.parametrize("dataset", ["city", "another"])
@pytest.mark.parametrize(("dx", "dy"), [(100.0, 0.0), (-3.2, 1.7), (38_000_000.0, 0.0), (0.7, -0.6), (0.2, 0.0)])
def test_the_same_numbers_elsewhere_are_one_shift_of_known_size(
    city: Database, dataset: str, dx: float, dy: float
) -> None:
    (told,) = found(city, points(moved(places(1), dx, dy)), dataset)
    assert (told.rule, told.severity) == ("IMP-SHIFT", "error" if np.hypot(dx, dy) > 1 else "warning")
    assert (told.details["dx_m"], told.details["dy_m"]) == pytest.approx((dx, dy), abs=0.01)
    assert (told.details["agreeing"], told.details["voters"]) == (COUNT, COUNT)
    assert f"{abs(dx):,.2f} m {'east' if dx > 0 else 'west'}" in told.message_en
    assert f"{'东' if dx > 0 else '西'} {abs(dx):,.2f} m" in told.message_zh


def test_a_shift_is_found_though_a_third_of_the_points_moved_by_themselves(city: Database) -> None:
    drawn = random.Random(5)
    at = [(x + drawn.uniform(-40, 40), y) if n % 3 == 0 else (x, y) for n, (x, y) in enumerate(places(1))]
    (told,) = found(city, points(moved(at, 50, 50)), "city")
    assert told.details["agreeing"] == pytest.approx(2 * COUNT / 3, abs=1)


def test_another_datasets_points_with_other_numbers_are_known_by_their_pattern(city: Database) -> None:
    (told,) = found(city, points(moved(places(1), 100, -20), prefix="X"), "another")
    assert (told.rule, told.severity) == ("IMP-SHIFT", "warning")
    assert (told.details["dx_m"], told.details["dy_m"]) == pytest.approx((100, -20), abs=0.01)


def test_a_delivery_read_in_the_wrong_zone_is_told_with_the_zone_it_would_fit(city: Database) -> None:
    # The same streets surveyed in the zone of 117 degrees, read as if in the map's of 114.
    to_next = Transformer.from_crs(4547, 4548, always_xy=True)
    at = [to_next.transform(500_000 + x, 2_500_000 + y) for x, y in places(2)]
    (told,) = found(city, points([(x - 500_000, y - 2_500_000) for x, y in at], prefix="N"), "next")
    assert (told.rule, told.severity, told.details["zone_turn_deg"]) == ("IMP-SHIFT", "error", 3)
    assert "3 degrees of longitude to the east" in told.message_en


@pytest.mark.parametrize(
    "nodes",
    [
        points(places(1)),
        points(places(1), prefix="X"),
        # A part of the points corrected.
        points([(x + 30, y) if n % 4 == 0 else (x, y) for n, (x, y) in enumerate(places(1))]),
        # Surveyed again, not more than 5 cm off all in all, and worse but in no one direction.
        points(resurveyed(0.03, 0.04)),
        points(resurveyed(0.1, 0.3)),
        # Another class in the same streets, another class at one offset, the next quarter, another town of the city.
        points(places(7), prefix="W", class_code="foul"),
        points(moved(places(1), 3, 0), prefix="W", class_code="foul"),
        points(moved(places(8), 900, 0), prefix="N"),
        points(moved(places(8), 0, 30_000), prefix="N"),
        # The same numbers given anew to other points.
        points(places(9)),
        points(places(1)[:5], prefix="F"),
    ],
)
def test_deliveries_that_belong_here_are_not_suspected(city: Database, nodes: list[dict[str, Any]]) -> None:
    assert found(city, nodes, "another") == []


def test_points_in_rows_of_equal_spacing_do_not_seem_shifted(database: Database) -> None:
    rows = [(30.0 * n, 25.0 * row) for n in range(30) for row in range(3)]
    publish_now(database, bring_in(database, delivery(points(rows), dataset="city")))
    assert found(database, points(moved(rows, 900, 0), prefix="N"), "city") == []
    assert found(database, points(rows, prefix="N"), "other") == []


@pytest.mark.parametrize(
    ("ground_m", "off_m"),
    [(lambda x: sloping(x) + 1.85, 1.85), (lambda x: sloping(x) - 0.6, -0.6), (lambda x: sloping(x) / 0.3048, 55.8)],
)
def test_heights_from_another_datum_or_in_feet_are_told(city: Database, ground_m: Any, off_m: float) -> None:
    (told,) = found(city, points(places(1), prefix="X", ground_m=ground_m), "another")
    assert (told.rule, told.severity, told.limit) == ("IMP-HEIGHT", "warning", "0.5 m")
    assert told.details["offset_m"] == pytest.approx(off_m, rel=0.05)
    assert ("feet" in told.message_en) == (off_m > 10)


@pytest.mark.parametrize(
    "ground_m", [lambda x: sloping(x) + 0.3, lambda x: None, lambda x: sloping(x) + random.Random(x).uniform(-9, 9)]
)
def test_heights_that_agree_or_scatter_or_are_missing_are_not_suspected(city: Database, ground_m: Any) -> None:
    assert found(city, points(places(1), prefix="X", ground_m=ground_m), "another") == []


def test_one_stray_point_does_not_make_the_map_wide(database: Database) -> None:
    at = [*places(1, 200), (9_000_000.0, 0.0)]
    publish_now(database, bring_in(database, delivery(points(at), dataset="city")))
    with database.transaction() as connection:
        extent = existing_extent(connection)
    assert extent is not None
    assert extent[2] < 502_000


def test_an_empty_map_has_no_extent_and_suspects_nothing(database: Database) -> None:
    with database.transaction() as connection:
        assert existing_extent(connection) is None
    assert found(database, points(places(1)), "city") == []


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    dx=st.floats(-1e5, 1e5),
    dy=st.floats(-1e5, 1e5),
    noise=st.integers(0, 60),
)
def test_the_vote_finds_the_offset_among_any_noise_that_does_not_agree(
    seed: int, dx: float, dy: float, noise: int
) -> None:
    drawn = np.random.default_rng(seed)
    agreeing = np.column_stack([np.full(40, dx), np.full(40, dy)]) + drawn.uniform(-0.1, 0.1, (40, 2))
    pairs = np.vstack([agreeing, drawn.uniform(-2e5, 2e5, (noise, 2))])
    told = vote(pairs[:, 0], pairs[:, 1], len(pairs))
    assert told is not None
    assert (told.dx_m, told.dy_m) == pytest.approx((dx, dy), abs=0.2)
    assert told.agreeing >= 40
