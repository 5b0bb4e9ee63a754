"""Pressures after a cut, on a made-up loop whose only two ways are reckoned by hand.

    works ══ V1 ══ A ══ V2 ══ C (hospital)      wide, 300 mm
      └───────────── D ─────────┘               thin, 100 mm, 1000 m to D and 1000 m on to C

The ground is at 10 m everywhere; the works press 40 m above it.
"""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy.optimize import brentq
from typer.testing import CliRunner

from pipemap.commands.tracing import app
from pipemap.db import Database
from pipemap.errors import UsageError
from pipemap.network import load_network
from pipemap.pressure.asking import PressureCheck, prepare_pressure
from pipemap.pressure.quantities import Choices
from pipemap.tracing.asking import BurstQuestion
from pipemap.tracing.places import segment_by_key
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment

WIDE = ["works", "V1", "A", "V2", "C"]
PLACES = {"works": (0, 0), "V1": (100, 0), "A": (200, 0), "V2": (300, 0), "C": (400, 0), "D": (200, -950)}
GROUND_M, WORKS_M, THRESHOLD_M = 10.0, 50.0, 10.0
HOSPITAL_M3_PER_D = 3000.0
OPEN = {"appurtenance_code": "valve", "valve_state_code": "open", "operability_code": "operable"}


def loop(**changed: Any) -> Any:
    attributes = {"works": {"appurtenance_code": "waterworks", "extra": {"head_m": WORKS_M}}, "V1": OPEN, "V2": OPEN}
    ground = changed.get("ground_elevation_m", GROUND_M)
    nodes = [
        node(key, *place, ground_elevation_m=ground, **attributes.get(key, {})) for key, place in PLACES.items()
    ]  # fmt: skip
    if changed.get("without_works"):
        nodes[0].update(appurtenance_code=None)
    wide, thin = size(300), size(100)
    pipes = [pipe(a, b, wide) for a, b in pairwise(WIDE)]
    pipes += [
        pipe("works", "D", thin | {"extra": {"length_m": 1000}}),
        pipe("D", "C", thin | {"extra": {"length_m": 1000}}),
    ]
    hospital = {"name": "人民医院", "kind_code": "hospital", "people": 800, "is_critical": True}
    consumers = [
        consumer("U1", "C", demand_m3_per_d=changed.get("demand", HOSPITAL_M3_PER_D), **hospital),
        consumer("U2", "A", name="3号院", kind_code="household", people=changed.get("people", 100), is_critical=False),
    ]
    return delivery(nodes, pipes, consumers)


def size(mm: float) -> dict[str, Any]:
    return {"shape_code": "circle", "width_mm": mm, "height_mm": mm, "size_basis_code": "inner",
            "inner_width_mm": mm, "inner_height_mm": mm, "material_code": "ductile_iron"}  # fmt: skip


def pipe(start: str, end: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return segment(start, end, [(*PLACES[start], 8), (*PLACES[end], 8)], **attributes)


def consumer(key: str, at: str, **attributes: Any) -> dict[str, Any]:
    place = node(at, *PLACES[at])["geom"]
    return {"source_key": key, "class_code": "water", "node_key": at, "geom": place, **attributes}


@pytest.fixture
def ask(database: Database) -> Callable[..., PressureCheck]:
    def prepared(given: Any, key: str = "V1->A") -> PressureCheck:
        publish_now(database, bring_in(database, given))
        with database.transaction(read_only=True) as connection:
            question = BurstQuestion(segment_ids=[segment_by_key(connection, key)])
            return prepare_pressure(connection, load_network(connection), question, Choices(THRESHOLD_M))

    return prepared


def hazen_williams_m(flow_m3_s: float, length_m: float, diameter_m: float, c: float) -> float:
    return 10.667 * length_m * flow_m3_s**1.852 / (c**1.852 * diameter_m**4.871)


def delivered_m3_s(pressure_m: float) -> float:
    """What a consumer gets when a pressure below the threshold delivers less than is wanted (Wagner 1988)."""
    return HOSPITAL_M3_PER_D / 86400 * float(np.sqrt(np.clip(pressure_m / THRESHOLD_M, 0, 1)))


def without_balance_m(pressure_m: float) -> float:
    """How far a pressure at the hospital is from what the works leave after the friction of the thin way."""
    return WORKS_M - GROUND_M - hazen_williams_m(delivered_m3_s(pressure_m), 2000, 0.1, 120) - pressure_m


def test_the_pressure_left_by_the_thin_way_is_that_of_the_formula_and_the_hospital_is_named(
    ask: Callable[..., PressureCheck], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(loop())
    monkeypatch.setenv("PIPEMAP_DATABASE_URL", database.url)
    words = ["trace", "pressure", "--key", "V1->A", "--nodes", "--json"]
    answer = json.loads(CliRunner().invoke(app, words).stdout)
    left_m = brentq(without_balance_m, 0.0, WORKS_M - GROUND_M)
    [low] = answer["low_consumers"]
    assert (low["name"], low["is_critical"], low["was_low"]) == ("人民医院", True, False)
    assert low["after_m"] == pytest.approx(left_m, abs=0.02)
    assert low["delivered_share"] == pytest.approx(np.sqrt(left_m / THRESHOLD_M), abs=0.005)
    assert low["before_m"] > 35
    assert (answer["newly_low"], answer["newly_low_people"], answer["without_supply"]) == (1, 800, 1)
    assert answer["after"]["delivered_m3_per_d"] == pytest.approx(delivered_m3_s(left_m) * 86400, rel=0.005)
    assert [valve["source_key"] for valve in answer["valves_closed"]] == ["V1", "V2"]
    assert answer["basis"] == "model"
    assert {one["code"]: (one["count"], one["of"], one["value"]) for one in answer["assumptions"]} == {
        "roughness": (6, 6, None),
        "demand": (1, 2, 0.2),
    }
    inside = dict(zip(answer["nodes"]["node_ids"], answer["nodes"]["after_m"], strict=True))
    assert [value is None for value in inside.values()].count(True) == 1


@pytest.mark.parametrize(("changed", "reason"), [
    ({"ground_elevation_m": None}, "no ground elevation"),
    ({"without_works": True}, "no source in service"),
    ({"demand": None, "people": None}, "no consumer has a known connection and demand"),
])  # fmt: skip
def test_what_a_model_cannot_do_without_is_refused_in_one_sentence(
    ask: Callable[..., PressureCheck], changed: dict[str, Any], reason: str
) -> None:
    given = loop(**changed)
    if "people" in changed:
        given.consumers["people"] = None
    with pytest.raises(UsageError, match=reason):
        ask(given)


def test_an_engine_that_takes_too_long_is_ended_and_told(
    ask: Callable[..., PressureCheck], monkeypatch: pytest.MonkeyPatch
) -> None:
    check = ask(loop())
    monkeypatch.setattr("pipemap.pressure.running._BASE_LIMIT_S", 0)
    with pytest.raises(UsageError, match="needs more than 0 s"):
        check.solved()
