"""Random questions under random agreements, against a map that holds nothing but what the agreement shows.

That map is put together in plain Python (`test_sharing_oracle`) and asked as staff ask: an agency must be answered
exactly so. A burst is held against the staff's answer cut down in plain Python. `PIPEMAP_ORACLE_CASES` as there.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, assume, event, example, given, settings
from hypothesis import strategies as st

from pipemap.clearance.drawn import line_clearance
from pipemap.clearance.dug import polygon_clearance
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.within import conflicts_within
from pipemap.db import Database
from pipemap.errors import NotFoundError, UsageError
from pipemap.lookup import near
from pipemap.network.watching import LiveNetwork
from pipemap.sections.cross import cross_section
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.asking import Question, ask, named_features
from pipemap.sharing.bursts import BurstReport, ask_agency_burst
from pipemap.sharing.differences import read_difference
from pipemap.sharing.granted import UnknownKeyError
from pipemap.sharing.ledger import AreaExceededError
from pipemap.statistics.counting import statistics
from pipemap.tracing.asking import BurstQuestion, ask_burst, make_ready
from schemas.clearance import DrawnPipe
from schemas.isolation import BurstAnswer
from tests.conftest import Clone
from tests.postgis.test_sharing_oracle import (
    ABSENT,
    CASES,
    CLASSES,
    IDS,
    KINDS,
    NEWEST,
    X0,
    Y0,
    Asked,
    allowed,
    asked_of,
    issue,
    terms_of,
)
from tests.postgis.test_sharing_oracle import city as city

SEGMENTS = [number for number in IDS if number >= 1000]
_UNTOLD = ("version", "versions")
Shown = dict[int, tuple[Any, dict[str, Any]]]


@dataclass(frozen=True)
class Room:
    """The map that is shared, the map that holds one agreement's part of it alone, and the networks of the first."""

    city: Database
    twin: Database
    networks: LiveNetwork


@pytest.fixture
def room(city: Database, clone: Clone, template: str) -> Iterator[Room]:
    with Database(clone(template, f"twin_{uuid4().hex}")) as twin:
        with twin.transaction() as connection:
            connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'survey')")
            connection.execute(
                """INSERT INTO pipemap.version (version, changeset_id, author, message, counts)
                   VALUES (1, 1, '', '', '{}')"""
            )
            # An axis cut in parts stays one feature, and the keys are not granted.
            connection.execute("ALTER TABLE pipemap.pipe_segment DROP CONSTRAINT pipe_segment_axis_is_a_line")
            for kind in KINDS:
                connection.execute(f"ALTER TABLE pipemap.{kind} DROP CONSTRAINT {kind}_dataset_key")
        networks = LiveNetwork(city, make_ready)
        yield Room(city, twin, networks)
        networks.close()


def fill(twin: Database, nodes: Shown, segments: Shown) -> None:
    ends: dict[tuple[float, float], int] = {}
    with twin.transaction() as connection:
        connection.execute("TRUNCATE pipemap.node, pipemap.pipe_segment")
        for feature_id, (geometry, told) in nodes.items():
            insert(connection, "node", feature_id, geometry, told)
        for feature_id, (geometry, told) in segments.items():
            places = shapely.get_coordinates(geometry).round(3).tolist() if geometry.geom_type == "LineString" else []
            links = {}
            for name, at, alone in (("from_node_id", 0, 2 * feature_id), ("to_node_id", -1, 2 * feature_id + 1)):
                place = (feature_id, alone) if not places else (places[at][0], places[at][1])
                links[name] = told.get(name) or ends.setdefault(place, -10 - len(ends))
            fixed = {"shape_code": "unknown", "depth_datum_code": "unknown", "elevation_source_code": "unknown"}
            insert(connection, "pipe_segment", feature_id, geometry, told | fixed | links)


def insert(connection: Any, kind: str, feature_id: int, geometry: Any, told: dict[str, Any]) -> None:
    row = {"feature_id": feature_id, "dataset_id": 1, "source_key": "", "valid_from_version": 1, **told}
    names, marks = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    connection.execute(
        f"INSERT INTO pipemap.{kind} ({names}, geom) VALUES ({marks}, ST_SetSRID(ST_GeomFromWKB(%(geom)s), 4547))",
        row | {"geom": shapely.to_wkb(geometry)},
    )


def alike(one: Any, other: Any, path: str = "") -> None:
    """That two answers say the same, numbers to the millimetre."""
    # Angles are told to a hundredth of a degree: two that are the same but for a millimetre may be told one apart.
    within = 2e-3 + (0.01 if path.endswith("_deg") else 0)
    if isinstance(one, dict):
        assert one.keys() == other.keys(), path
        for name in one.keys() - set(_UNTOLD):
            alike(one[name], other[name], f"{path}.{name}")
    elif isinstance(one, list):
        assert len(one) == len(other), f"{path}: {one} != {other}"
        for place, pair in enumerate(zip(one, other, strict=True)):
            alike(*pair, f"{path}[{place}]")
    elif isinstance(one, float | int) and not isinstance(one, bool) and other is not None:
        assert one == pytest.approx(other, abs=within), path
    else:
        assert one == other, path


@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(seed=st.integers(0, 2**63))
# A segment cut in two whose first part begins where another ends.
@example(seed=11075)
# A main that reaches far beyond what is asked about: the ground is known at its ends.
@example(seed=230)
@example(seed=1067278)
def test_a_question_is_answered_as_of_a_map_of_what_is_shown_alone(room: Room, seed: int) -> None:
    random = np.random.default_rng(seed)
    terms, asked = terms_of(random), asked_of(random)
    if random.uniform() < 0.5:
        terms = replace(terms, attributes=[*terms.attributes, "appurtenance_code"])
    name = str(random.choice(list(QUESTIONS)))
    ended = str(random.choice(["expired", "agreement", "key"])) if random.uniform() < 0.04 else None
    key = hash_key(issue(room.city, terms, ended))
    if ended is not None:
        with pytest.raises(UnknownKeyError):
            ask(room.city, key, Question("statistics"), lambda connection, shown: statistics(connection))
        with pytest.raises(UnknownKeyError):
            read_difference(room.city, key, 1, 2)
        return
    try:
        QUESTIONS[name](room, key, terms, asked, random)
    except AreaExceededError:
        # Whoever asks about a place far from the area is stopped; nothing of it is shown.
        low_x, low_y, high_x, high_y = box_of(asked)
        assert not terms.area.intersects(shapely.Point((low_x + high_x) / 2, (low_y + high_y) / 2))


def box_of(asked: Asked) -> tuple[float, float, float, float]:
    return asked.box or (X0, Y0 - 10, X0 + 300, Y0 + 150)


def shown_by(terms: Terms, asked: Asked) -> tuple[Shown, Shown]:
    nodes, segments = (allowed(terms, replace(asked, box=None), kind) for kind in KINDS)
    return nodes, segments


def check_twin(room: Room, key: str, terms: Terms, asked: Asked, place: Any, put: Callable[..., Any]) -> None:
    nodes, segments = shown_by(terms, asked)
    fill(room.twin, nodes, segments)
    question = Question("any", place, reach_m=20, version=asked.version)
    answer = json.loads(ask(room.city, key, question, put))["answer"]
    with room.twin.transaction(read_only=True) as connection:
        expected = put(connection, None)
    alike(answer, expected.model_dump(mode="json"))
    named = set(named_features(answer))
    assert named <= {*nodes, *segments}
    event(f"{put.__qualname__.split('.')[0]} names {'some' if named else 'none'}")


def check_section(room: Room, key: str, terms: Terms, asked: Asked, _: Any) -> None:
    low_x, low_y, high_x, high_y = box_of(asked)
    line = [(low_x, low_y), (high_x, high_y)]
    shape_ = shapely.LineString(line)
    for part, _told in shown_by(terms, asked)[1].values():
        # Whether a line meets the very end of an axis is decided by rounding.
        assume(shape_.distance(part.boundary) > 1e-2)
    check_twin(room, key, terms, asked, shape_, lambda connection, shown: cross_section(connection, line, shown))


def check_drawn(room: Room, key: str, terms: Terms, asked: Asked, random: Any) -> None:
    low_x, low_y, high_x, high_y = box_of(asked)
    middle_y, z = (low_y + high_y) / 2, float(random.uniform(4, 9))
    pipe = DrawnPipe(
        line=((low_x, middle_y, z), (high_x, middle_y, z)), class_code=str(random.choice(CLASSES)), width_mm=300
    )
    place = shapely.LineString([at[:2] for at in pipe.line])
    check_twin(room, key, terms, asked, place, lambda connection, shown: line_clearance(connection, pipe, shown))


def check_body(room: Room, key: str, terms: Terms, asked: Asked, random: Any) -> None:
    body, class_code = shapely.box(*box_of(asked)), random.choice([None, *CLASSES])
    check_twin(
        room, key, terms, asked, body,
        lambda connection, shown: polygon_clearance(connection, body, 4.0, 8.0, class_code, shown),
    )  # fmt: skip


def check_window(room: Room, key: str, terms: Terms, asked: Asked, _: Any) -> None:
    box = box_of(asked)
    check_twin(
        room, key, terms, asked, shapely.box(*box),
        lambda connection, shown: conflicts_within(connection, box, shown),
    )  # fmt: skip


def check_segment(room: Room, key: str, terms: Terms, asked: Asked, random: Any) -> None:
    nodes, segments = shown_by(terms, asked)
    segment_id = int(random.choice([*SEGMENTS, ABSENT]))
    question = Question("any", segment_ids=[segment_id], reach_m=20, version=asked.version)

    def put(connection: Any, shown: Any) -> Any:
        return segment_clearance(connection, segment_id, shown)

    if segment_id not in segments:
        with pytest.raises(NotFoundError) as refused:
            ask(room.city, key, question, put)
        assert refused.value.message == f"There is no pipe_segment {segment_id}."
        return
    assume(segments[segment_id][0].geom_type == "LineString")
    fill(room.twin, nodes, segments)
    answer = json.loads(ask(room.city, key, question, put))["answer"]
    with room.twin.transaction(read_only=True) as connection:
        alike(answer, segment_clearance(connection, segment_id).model_dump(mode="json"))


def check_statistics(room: Room, key: str, terms: Terms, asked: Asked, random: Any) -> None:
    by = [("class_code",), ("owner",), ("class_code", "owner"), ("material_code",)][int(random.integers(4))]
    check_twin(
        room, key, terms, asked, None, lambda connection, shown: statistics(connection, by, versions=[shown or 1])
    )


def check_near(room: Room, key: str, terms: Terms, asked: Asked, random: Any) -> None:
    low_x, low_y, high_x, high_y = box_of(asked)
    x, y, radius_m = (low_x + high_x) / 2, (low_y + high_y) / 2, float(random.uniform(5, 150))
    place = shapely.Point(x, y)

    def put(connection: Any, shown: Any) -> Any:
        page = near(connection, x, y, None, radius_m, kind=asked.kind, version=shown)
        return json.loads(page.collection())

    question = Question("near", place, reach_m=radius_m, version=asked.version)
    found = json.loads(ask(room.city, key, question, put))["answer"]["features"]
    everything = dict(zip(KINDS, shown_by(terms, asked), strict=True))[asked.kind]
    away_m = {feature_id: part.distance(place) for feature_id, (part, _) in everything.items()}
    assume(all(abs(far_m - radius_m) > 1e-2 for far_m in away_m.values()))
    assert {one["id"] for one in found} == {feature_id for feature_id, far_m in away_m.items() if far_m <= radius_m}
    for one in found:
        told = {**everything[one["id"]][1], "distance_m": away_m[one["id"]]}
        one["properties"].pop("appurtenance_code", None)
        assert one["properties"] == {name: pytest.approx(value, abs=2e-3) for name, value in told.items()}


def check_burst(room: Room, key: str, terms: Terms, asked: Asked, random: Any) -> None:
    nodes, segments = shown_by(terms, asked)
    segment_id = int(random.choice([*SEGMENTS, ABSENT]))
    report = BurstReport([segment_id], version=asked.version)
    if segment_id not in segments:
        with pytest.raises(NotFoundError) as refused:
            ask_agency_burst(room.city, room.networks, key, report)
        assert refused.value.message == f"There is no pipe_segment {segment_id}."
        return
    version = terms.frozen_version or asked.version or NEWEST
    try:
        with room.city.transaction(read_only=True) as connection:
            network = room.networks.at(connection, version)
            whole = ask_burst(connection, network, BurstQuestion([segment_id], radius_m=0))
    except UsageError as refusal:
        with pytest.raises(UsageError, match=refusal.message):
            ask_agency_burst(room.city, room.networks, key, report)
        return
    answer = json.loads(ask_agency_burst(room.city, room.networks, key, report))["answer"]
    for name in ("isolated_segment_ids", "dry_segment_ids", "already_dry_segment_ids"):
        assert answer[name] == [one for one in getattr(whole, name) if one in segments]
    for name in ("isolated", "dry"):
        length_m = sum(length_3d_m(segments[one][0]) for one in answer[f"{name}_segment_ids"])
        assert answer[f"{name}_length_m"] == pytest.approx(length_m, abs=2e-3)
    knows_valves = "appurtenance_code" in terms.attributes
    valves = {one.node_id for one in whole.valves_to_close if one.node_id in nodes and knows_valves}
    assert {one["node_id"] for one in answer["valves_to_close"]} == valves
    for valve in answer["valves_to_close"]:
        place, told = nodes[valve["node_id"]]
        assert (valve["x_m"], valve["y_m"]) == pytest.approx((place.x, place.y), abs=2e-3)
        assert valve["name"] == told.get("name") and valve["state_code"] is None
        assert valve["distance_m"] == pytest.approx(place.distance(segments[segment_id][0]), abs=2e-3)
    event(f"burst: valves {bool(valves)}, goes on {answer['goes_on']}")
    assert answer["goes_on"] == (is_beyond(whole, segments) or len(valves) < len(whole.valves_to_close))


def is_beyond(whole: BurstAnswer, segments: Shown) -> bool:
    named = {*whole.isolated_segment_ids, *whole.dry_segment_ids, *whole.already_dry_segment_ids}
    return bool(named - segments.keys() or whole.sources_to_shut)


def length_3d_m(part: Any) -> float:
    total_m = 0.0
    for line in shapely.get_parts(part):
        places = shapely.get_coordinates(line, include_z=line.has_z)
        total_m += float(np.linalg.norm(np.diff(places, axis=0), axis=1).sum())
    return total_m


def check_difference(room: Room, key: str, terms: Terms, asked: Asked, random: Any) -> None:
    before, after = sorted(int(number) for number in random.integers(1, NEWEST + 1, 2))
    if terms.frozen_version is not None and {before, after} != {terms.frozen_version}:
        with pytest.raises(NotFoundError):
            read_difference(room.city, key, before, after)
        return
    answer = json.loads(read_difference(room.city, key, before, after))
    ops: dict[tuple[str, int], str] = {}
    for kind in KINDS:
        old, new = (allowed(terms, replace(asked, box=None, version=at), kind) for at in (before, after))
        ops |= {(kind, one): "added" for one in new.keys() - old.keys()}
        ops |= {(kind, one): "removed" for one in old.keys() - new.keys()}
        ops |= {(kind, one): "changed" for one in new.keys() & old.keys() if differs(old[one], new[one])}
    assert {(one["kind"], one["id"]): one["op"] for one in answer["changes"]} == ops
    counted = Counter({(kind, op): count for kind, of in answer["counts"].items() for op, count in of.items()})
    assert +counted == Counter((kind, op) for (kind, _), op in ops.items())


def differs(old: tuple[Any, dict[str, Any]], new: tuple[Any, dict[str, Any]]) -> bool:
    return old[1] != new[1] or not shapely.equals_exact(old[0], new[0], 1e-6) or heights(old[0]) != heights(new[0])


def heights(part: Any) -> Any:
    return shapely.get_coordinates(part, include_z=True)[:, 2].round(4).tolist() if part.has_z else None


QUESTIONS: dict[str, Callable[..., None]] = {
    "section": check_section,
    "drawn": check_drawn,
    "body": check_body,
    "segment": check_segment,
    "window": check_window,
    "statistics": check_statistics,
    "near": check_near,
    "burst": check_burst,
    "difference": check_difference,
}
