"""Random agreements, requests, formats and times against a plain Python reading of the agreement: no leak, no denial.

A town of three versions stands in Python (`town`) and in the database; what an agreement shows of it is worked out
twice. `PIPEMAP_ORACLE_CASES=10000` tries that many.
"""

import json
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pyproj import Transformer
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from pipemap.db import Database
from pipemap.errors import NotFoundError
from pipemap.sharing import agreements, items, stores
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.exchange import ExportRequest, export_package
from pipemap.sharing.granted import Place, UnknownKeyError, ViewOnlyError, as_agency
from pipemap.sharing.item_statements import ItemsRequest
from pipemap.sharing.ledger import AreaExceededError
from pipemap.sharing.precision import Precision, shift
from pipemap.sharing.sites import read_sites
from pipemap.sharing.tiles.grids import Tile, grids
from pipemap.sharing.tiles.serving import TileServer

CASES = int(os.environ.get("PIPEMAP_ORACLE_CASES", "50"))
X0, Y0 = 500_000.0, 2_500_000.0
SECRET = b"s" * 64
NEWEST = 3
ABSENT = 999_999
KINDS = ("node", "pipe_segment")
CLASSES = ("water", "gas", "foul")
POSITIONS = ("exact", "grid_5m", "grid_50m", "shifted")
DEPTHS = ("exact", "step_0.5m", "masked")
ATTRIBUTES = {
    "node": ("owner", "name", "ground_elevation_m"),
    "pipe_segment": ("owner", "width_mm", "pressure_mpa", "from_depth_m", "to_depth_m", "from_node_id", "to_node_id"),
}
OF_START, OF_END = ("from_depth_m", "from_node_id"), ("to_depth_m", "to_node_id")
SITE_CODES = ("waterworks", "gas_station")
TO_PLAN = Transformer.from_crs(4326, 4547, always_xy=True)
TO_DEGREES = Transformer.from_crs(4547, 4326, always_xy=True)


@dataclass(frozen=True)
class State:
    """One feature from a version until another."""

    kind: str
    feature_id: int
    class_code: str
    begins: int
    ends: int | None
    geometry: BaseGeometry
    values: dict[str, Any]
    appurtenance: str | None = None


@dataclass(frozen=True)
class Asked:
    """What is asked for: a format, a kind, a box, the box's CRS, a version, one feature."""

    format: str
    kind: str
    box: tuple[float, float, float, float] | None
    in_degrees: bool
    version: int | None
    feature_id: int
    limit: int

    @property
    def place(self) -> Place:
        if self.box is None or not self.in_degrees:
            return Place(self.box)
        return Place(TO_DEGREES.transform_bounds(*self.box), 4326)

    @property
    def window(self) -> BaseGeometry | None:
        """The box as a shape of the map, its edges straight where it was asked for."""
        if self.box is None or not self.in_degrees:
            return None if self.box is None else shapely.box(*self.box)
        west, south, east, north = self.place.bbox or (0.0, 0.0, 0.0, 0.0)
        edge = shapely.segmentize(shapely.box(west, south, east, north), max(east - west, north - south) / 32)
        return shapely.transform(edge, TO_PLAN.transform, interleaved=False)


def lives(number: int) -> list[tuple[int, int | None]]:
    """From and until when the states of a feature hold: some change, some go, some come or come back."""
    return {
        0: [(1, 2), (2, None)],
        1: [(1, 3)],
        2: [(2, None)],
        3: [(1, 2), (3, None)],
    }.get(number % 7, [(1, None)])


def town() -> list[State]:
    random = np.random.default_rng(11)
    states: list[State] = []
    places = {}
    for row, class_code in enumerate(CLASSES):
        for i in range(12):
            number = 100 * row + i + 1
            x, y = X0 + 60 * i + random.uniform(-9, 9), Y0 + 70 * row + random.uniform(-9, 9)
            places[number] = (x, y)
            code = SITE_CODES[i % 2] if i in (4, 9) else "valve" if i == 3 else None
            for begins, ends in lives(number):
                values = {"owner": f"owner {begins}", "name": f"n{number}", "ground_elevation_m": 10 + i + 0.3 * begins}
                states.append(State("node", number, class_code, begins, ends, shapely.Point(x, y), values, code))
    for row, class_code in enumerate(CLASSES):
        for i in range(11):
            start, number = 100 * row + i + 1, 1000 + 100 * row + i
            stub = (places[start][0] + 1.1, places[start][1] + 0.7)
            ends_at = places[start + 1] if i % 5 else stub
            for begins, ends in lives(number):
                middle = (np.mean([places[start][0], ends_at[0]]), places[start][1] + 3 + begins)
                flat = [places[start], middle, ends_at] if i % 5 else [places[start], ends_at]
                solid = [(*place, 5.0 + 0.37 * n + begins) for n, place in enumerate(flat)]
                values = {"owner": f"pipes {begins}", "width_mm": 100.0 + i, "pressure_mpa": 0.5, "from_node_id": start}
                values |= {"from_depth_m": 1.1 + begins, "to_depth_m": 2.2, "to_node_id": start + 1}
                line = shapely.LineString(flat if i % 4 == 1 else solid)
                states.append(State("pipe_segment", number, class_code, begins, ends, line, values))
    # A main longer than most, which crosses windows that hold neither of its ends.
    main = shapely.LineString([(*places[201], 3.0), (*places[11], 4.0)])
    values = {"owner": "mains", "width_mm": 900.0, "pressure_mpa": 1.6, "from_node_id": 201, "to_node_id": 11}
    values |= {"from_depth_m": 2.5, "to_depth_m": 2.6}
    states.append(State("pipe_segment", 1900, "foul", 1, None, main, values))
    return states


TOWN = town()
IDS = sorted({state.feature_id for state in TOWN})


@pytest.fixture
def city(database: Database) -> Database:
    with database.transaction() as connection:
        connection.execute("INSERT INTO pipemap.dataset (dataset_id, name) VALUES (1, 'survey')")
        for version in range(1, NEWEST + 1):
            connection.execute(
                """INSERT INTO pipemap.version (version, changeset_id, author, message, counts)
                   VALUES (%(v)s, %(v)s, 'a', 'm', '{}')""",
                {"v": version},
            )
        for state in TOWN:
            insert(connection, state)
        for position in POSITIONS:
            for depth in DEPTHS:
                if (position, depth) != ("exact", "exact"):
                    stores.refresh(connection, Precision(position, depth, SECRET if position == "shifted" else b""))
    return database


def insert(connection: Any, state: State) -> None:
    row = {"feature_id": state.feature_id, "dataset_id": 1, "source_key": f"k{state.feature_id}"}
    row |= {"class_code": state.class_code, "valid_from_version": state.begins, **state.values}
    row |= {"horizontal_accuracy_m": 0.1, "vertical_accuracy_m": 0.1}
    if state.kind == "node":
        row["appurtenance_code"] = state.appurtenance
    else:
        row |= {"shape_code": "circle", "depth_datum_code": "axis", "elevation_source_code": "measured"}
    if state.ends is not None:
        row["valid_to_version"] = state.ends
    table = state.kind if state.ends is None else f"{state.kind}_history"
    names, marks = ", ".join(row), ", ".join(f"%({name})s" for name in row)
    connection.execute(
        f"INSERT INTO pipemap.{table} ({names}, geom) VALUES ({marks}, ST_SetSRID(ST_GeomFromWKB(%(geom)s), 4547))",
        row | {"geom": shapely.to_wkb(state.geometry)},
    )


# The plain reading of an agreement.


def shown_geometry(geometry: BaseGeometry, terms: Terms) -> BaseGeometry | None:
    coordinates = shapely.get_coordinates(geometry, include_z=geometry.has_z)
    if terms.position_precision == "shifted":
        dense = shapely.segmentize(geometry, 20)
        coordinates = shapely.get_coordinates(dense, include_z=geometry.has_z)
        coordinates[:, :2] = shift(coordinates[:, :2], SECRET)
    elif terms.position_precision != "exact":
        size = {"grid_5m": 5.0, "grid_50m": 50.0}[terms.position_precision]
        coordinates[:, :2] = [[size * round(x / size), size * round(y / size)] for x, y in coordinates[:, :2]]
    if geometry.has_z and terms.depth_precision == "masked":
        coordinates = coordinates[:, :2]
    elif geometry.has_z and terms.depth_precision == "step_0.5m":
        coordinates[:, 2] = [round(2 * z) / 2 for z in coordinates[:, 2]]
    if geometry.geom_type == "Point":
        return shapely.Point(coordinates[0])
    kept = [place for n, place in enumerate(coordinates) if n == 0 or tuple(place[:2]) != tuple(coordinates[n - 1][:2])]
    return shapely.LineString(kept) if len(kept) > 1 else None


def alive(terms: Terms, asked: Asked) -> Iterator[State]:
    version = terms.frozen_version or asked.version or NEWEST
    for state in TOWN:
        is_alive = state.begins <= version and (state.ends is None or version < state.ends)
        if is_alive and state.class_code in terms.class_codes:
            yield state


def allowed(terms: Terms, asked: Asked, kind: str) -> dict[int, tuple[BaseGeometry, dict[str, Any]]]:
    found = {}
    for state in alive(terms, asked):
        whole = shown_geometry(state.geometry, terms)
        if state.kind != kind or state.appurtenance in SITE_CODES or whole is None or not whole.intersects(terms.area):
            continue
        part = whole if kind == "node" else whole.intersection(terms.area)
        if kind == "pipe_segment" and part.length == 0:
            continue
        found[state.feature_id] = (part, properties(state, whole, terms))
    return found


def properties(state: State, whole: BaseGeometry, terms: Terms) -> dict[str, Any]:
    told = {"class_code": state.class_code} | {name: state.values[name] for name in ATTRIBUTES[state.kind]}
    told = {name: value for name, value in told.items() if name == "class_code" or name in terms.attributes}
    if state.kind == "pipe_segment":
        ends = [shapely.Point(place) for place in shapely.get_coordinates(whole)[[0, -1]]]
        hidden = [names for names, end in zip((OF_START, OF_END), ends, strict=True) if not end.intersects(terms.area)]
        told |= {name: None for names in hidden for name in names if name in told}
    for name in ("ground_elevation_m", "from_depth_m", "to_depth_m"):
        if told.get(name) is not None and terms.depth_precision != "exact":
            told[name] = None if terms.depth_precision == "masked" else round(2 * told[name]) / 2
    return told


def site_squares(terms: Terms, asked: Asked) -> set[str]:
    found = set()
    for state in alive(terms, asked):
        place = shown_geometry(state.geometry, terms)
        if terms.sites_telephone and state.appurtenance in SITE_CODES and place and place.intersects(terms.area):
            i, j = int(place.x // 200), int(place.y // 200)
            square = shapely.box(200 * i - 50, 200 * j - 50, 200 * i + 250, 200 * j + 250).intersection(terms.area)
            if asked.window is None or square.intersects(asked.window):
                found.add(f"{i}_{j}")
    return found


def in_window(found: dict[int, Any], window: BaseGeometry | None) -> dict[int, Any]:
    if window is None:
        return found
    # Which side of an edge a place falls on is not asked where rounding would decide.
    assume(all(part.distance(window.boundary) > 1e-3 or part.crosses(window.boundary) for part, _ in found.values()))
    return {feature_id: one for feature_id, one in found.items() if one[0].intersects(window)}


# Random agreements and requests: drawn from a seed, as evenly as a search for the smallest case would not.


def box_near(random: np.random.Generator, least: float, most: float) -> tuple[float, float, float, float]:
    x, y = random.uniform(-60, 720), random.uniform(-60, 200)
    width, height = (float(side) for side in random.uniform(least, most, 2))
    return X0 + x - width / 2, Y0 + y - height / 2, X0 + x + width / 2, Y0 + y + height / 2


def some(random: np.random.Generator, names: Any, share: float) -> list[str]:
    return [name for name in names if random.uniform() < share]


def area_of(random: np.random.Generator) -> BaseGeometry:
    boxes = [shapely.box(*box_near(random, 60, 500)) for _ in range(random.integers(1, 4))]
    return [
        shapely.box(X0 - 900, Y0 - 900, X0 + 1900, Y0 + 1900),
        shapely.union_all(boxes),
        boxes[0].centroid.buffer(random.uniform(30, 300)),
        boxes[0].difference(boxes[0].centroid.buffer(25)),
    ][random.integers(4)]


def terms_of(random: np.random.Generator) -> Terms:
    is_plain = random.uniform() < 0.4
    return Terms(
        # One of many, so that what each has read under all its agreements stays small.
        f"agency {random.integers(10**9)}",
        "p",
        area_of(random),
        some(random, CLASSES, 0.7) or ["water"],
        some(random, sorted({name for names in ATTRIBUTES.values() for name in names}), 0.6),
        datetime.now(UTC) + timedelta(days=9),
        position_precision="exact" if is_plain else str(random.choice(POSITIONS)),
        depth_precision="exact" if is_plain else str(random.choice(DEPTHS)),
        frozen_version=int(random.integers(1, NEWEST + 1)) if random.uniform() < 0.3 else None,
        may_export=bool(random.uniform() < 0.7),
        sites_telephone="110" if random.uniform() < 0.6 else None,
    )


def asked_of(random: np.random.Generator) -> Asked:
    return Asked(
        format=str(random.choice(list(FORMATS))),
        kind=str(random.choice(KINDS)),
        box=box_near(random, 20, 500) if random.uniform() < 0.6 else None,
        in_degrees=bool(random.uniform() < 0.4),
        version=int(random.integers(1, NEWEST + 1)) if random.uniform() < 0.5 else None,
        feature_id=int(random.choice([*IDS, ABSENT])),
        limit=int(random.integers(1, 41)),
    )


@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)
@given(seed=st.integers(0, 2**63))
def test_what_is_shown_is_what_a_plain_reading_of_the_agreement_allows(
    city: Database, tmp_path: Path, seed: int
) -> None:
    random = np.random.default_rng(seed)
    terms, asked = terms_of(random), asked_of(random)
    ended = str(random.choice(["expired", "agreement", "key"])) if random.uniform() < 0.04 else None
    key = hash_key(issue(city, terms, ended))
    if ended is not None:
        for kind in KINDS:
            with pytest.raises(UnknownKeyError):
                items.read_items(city, key, ItemsRequest(kind))
        with pytest.raises(UnknownKeyError):
            FORMATS[asked.format](city, key, terms, asked, tmp_path)
        return
    if random.uniform() < 0.6:
        # What stands behind a key that was seen before is asked about by the statement that reads.
        items.read_items(city, key, ItemsRequest(asked.kind, feature_id=ABSENT))
    try:
        FORMATS[asked.format](city, key, terms, asked, tmp_path)
    except AreaExceededError:
        # A window without any of the area shows nothing; one larger than the area allows is stopped.
        assert asked.box is not None and not terms.area.intersects(shapely.box(*asked.box))


def issue(database: Database, terms: Terms, ended: str | None) -> str:
    with database.transaction() as connection:
        number = agreements.agree(connection, terms, "manager")
        key = agreements.issue_key(connection, number, "manager")
        if ended == "expired":
            connection.execute(
                "UPDATE pipemap.agreement SET expires_at = now() - interval '1 ms' WHERE agreement_id = %s", [number]
            )
        elif ended is not None:
            agreements.revoke(connection, number, "manager", hash_key(key) if ended == "key" else None)
    return key


def lies_as(given: BaseGeometry, expected: BaseGeometry, terms: Terms) -> bool:
    """Whether two shapes lie alike, but for as far as rounding decides: copies of the map keep tenths of a millimetre.

    Where an axis leaves the area at a shallow angle, that moves the place where it is cut by more, along the edge.
    """
    edge = terms.area.boundary.buffer(1e-3)
    both = ((given, expected), (expected, given))
    return all(one.difference(other.buffer(2e-3)).difference(edge).is_empty for one, other in both)


def same(shown: dict[int, Any], expected: dict[int, Any], terms: Terms) -> None:
    assert shown.keys() == expected.keys()
    for feature_id, (geometry, told) in expected.items():
        assert {name: pytest.approx(value) for name, value in told.items()} == shown[feature_id]["properties"]
        given = shape(shown[feature_id]["geometry"])
        assert lies_as(given, geometry, terms)
        assert given.has_z == geometry.has_z
        if given.has_z:
            heights = [np.sort(shapely.get_coordinates(one, include_z=True)[:, 2]) for one in (given, geometry)]
            assert heights[0] == pytest.approx(heights[1], abs=2e-3)


def check_items(city: Database, key: str, terms: Terms, asked: Asked, _: Path) -> None:
    expected = in_window(allowed(terms, asked, asked.kind), asked.window)
    shown: dict[int, Any] = {}
    after: int | None = 0
    while after is not None:
        request = ItemsRequest(asked.kind, asked.place, limit=asked.limit, after=after, version=asked.version)
        page = items.read_items(city, key, request)
        assert page.version == (terms.frozen_version or asked.version or NEWEST)
        features = json.loads(page.features)
        assert page.count == len(features) <= asked.limit
        shown |= {item["id"]: item for item in features}
        after = page.next
    same(shown, expected, terms)


def one_item(city: Database, key: str, request: ItemsRequest) -> bytes:
    page = items.read_items(city, key, request)
    return items.only_feature(city, key, page, request.kind, request.feature_id or 0)


def check_item(city: Database, key: str, terms: Terms, asked: Asked, _: Path) -> None:
    expected = allowed(terms, asked, asked.kind).get(asked.feature_id)
    request = ItemsRequest(asked.kind, limit=1, feature_id=asked.feature_id, version=asked.version)
    if expected is None:
        with pytest.raises(NotFoundError) as refused:
            one_item(city, key, request)
        assert refused.value.message == f"There is no {asked.kind} {asked.feature_id}."
        assert refused.value.details == {}
        return
    item = json.loads(one_item(city, key, request))
    same({item["id"]: item}, {asked.feature_id: expected}, terms)


def check_raw(city: Database, key: str, terms: Terms, asked: Asked, _: Path) -> None:
    """Counts by the role itself, past what Python asks for; the box alone is no filter of the views."""
    expected = allowed(terms, replace(asked, box=None), asked.kind)
    with (
        city.transaction(read_only=True) as connection,
        as_agency(connection, key, Place(), 4547, asked.version) as grant,
    ):
        rows = connection.execute(f"SELECT * FROM pipemap_share.{asked.kind} ORDER BY feature_id").fetchall()  # type: ignore[call-overload]
    assert [row["feature_id"] for row in rows] == sorted(expected)
    assert {(row["of_version"], row["of_digest"]) for row in rows} <= {(grant.version, grant.digest)}
    shown = (*grant.columns(asked.kind), "feature_id", "geom", "of_version", "of_digest")
    hidden = [name for name in rows[0] if name not in shown] if rows else []
    assert {row[name] for row in rows for name in hidden} <= {None}


def check_export(city: Database, key: str, terms: Terms, asked: Asked, folder: Path) -> None:
    request = ExportRequest("geojson", asked.place, version=asked.version)
    if not terms.may_export:
        with pytest.raises(ViewOnlyError):
            export_package(city, key, request, folder)
        return
    package = export_package(city, key, request, folder)
    for kind in KINDS:
        expected = in_window(allowed(terms, asked, kind), asked.window)
        with zipfile.ZipFile(package.path) as archive:
            names = [name for name in archive.namelist() if name.endswith("json") and name.startswith(kind)]
            found = [feature for name in names for feature in json.loads(archive.read(name))["features"]]
        assert sorted(feature["properties"]["feature_id"] for feature in found) == sorted(expected)
        for feature in found:
            geometry, told = expected[feature["properties"]["feature_id"]]
            assert lies_as(shape(feature["geometry"]), geometry, terms)
            assert feature["properties"] == {name: pytest.approx(value) for name, value in told.items()} | {
                "feature_id": feature["properties"]["feature_id"]
            }
    package.path.unlink()


def check_tile(city: Database, key: str, terms: Terms, asked: Asked, folder: Path) -> None:
    """What a tile draws is allowed; what is allowed and crosses more than a pixel or two of the tile is drawn."""
    grid = grids(4547)["EPSG4547Quad"]
    x, y = (asked.box or (X0 + 300, Y0 + 60))[:2]
    row, _, column, _ = grid.range_of((x, y, x, y), 16)
    server = TileServer(city, 30, 1_000_000)
    wanted = server.find(asked.kind, grid.id, 16, row, column)
    wanted = replace(wanted, version=asked.version)
    body = server.show(key, wanted).body
    expected = allowed(terms, asked, asked.kind)
    drawn = identities(body, asked.kind, folder)
    edge = grid.side_at(16) / 4096 * 2
    inside = shapely.box(*Tile(grid, 16, row, column).box).buffer(-edge)
    around = shapely.box(*Tile(grid, 16, row, column).box).buffer(grid.side_at(16) / 8, join_style="mitre")
    assert drawn <= {one for one, (part, _) in expected.items() if part.intersects(around)}
    clear = {one for one, (part, _) in expected.items() if part.intersection(inside).length > 3 * edge}
    clear |= {one for one, (part, _) in expected.items() if asked.kind == "node" and part.within(inside)}
    assert clear <= drawn


def identities(body: bytes, layer: str, folder: Path) -> set[int]:
    if not body:
        return set()
    path = folder / "tile.pbf"
    path.write_bytes(body)
    if layer not in {name for name, _ in pyogrio.list_layers(path)}:
        return set()
    frame = pyogrio.read_dataframe(path, layer=layer, CLIP="NO", read_geometry=False)
    return {int(number) for number in frame["mvt_id"]}


def check_sites(city: Database, key: str, terms: Terms, asked: Asked, _: Path) -> None:
    window = asked.window
    if window is not None:
        assume(all(abs((edge + 50) % 100) > 1e-3 for edge in window.bounds))
    page = read_sites(city, key, asked.place, asked.version)
    assert {site["id"] for site in json.loads(page.features)} == site_squares(terms, asked)


FORMATS = {
    "items": check_items,
    "item": check_item,
    "raw": check_raw,
    "export": check_export,
    "tile": check_tile,
    "sites": check_sites,
}
