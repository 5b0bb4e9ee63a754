"""CQL2 filters as the database answers them, against a plain evaluation in Python."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import cql2
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipemap.db import Database
from pipemap.errors import UsageError
from pipemap.projects import init_project
from pipemap.sharing.filters import Geometries, compile_filter
from pipemap.sharing.granted import Place
from pipemap.sharing.item_statements import ItemsRequest
from pipemap.sharing.items import read_items
from tests.conftest import Clone
from tests.postgis.planting import plant, plant_version, wkt

EAST, NORTH = 500_000.0, 2_500_000.0
HERE = Geometries(4547, False, 4547)
OWNERS, SIZES = (None, "甲公司", "乙公司", "Abc_1", "O'Brien"), (None, 100.0, 300.0, 300.1, 600.0)
COLUMNS = (
    "class_code",
    "owner",
    "material_code",
    "width_mm",
    "height_mm",
    "hole_count",
    "installed_on",
    "from_node_id",
)
Pipe = dict[str, Any]


def _pipes() -> list[Pipe]:
    return [
        {
            "feature_id": 100 + number,
            "class_code": ("water", "gas")[number % 2],
            "owner": OWNERS[number % 5],
            "material_code": (None, "pe", "steel")[number % 3],
            "width_mm": SIZES[number % 5],
            "height_mm": SIZES[number // 5 % 5],
            "hole_count": (None, 2, 3)[number // 3 % 3],
            "installed_on": (None, date(1999, 5, 1), date(2015, 5, 1))[number // 2 % 3],
            "from_node_id": number,
            "at": (EAST + 10.0 * (number % 10), NORTH + 10.0 * (number // 10)),
        }
        for number in range(60)
    ]


PIPES = _pipes()


@pytest.fixture(scope="module")
def city(clone: Clone, template: str) -> Iterator[Database]:
    with Database(clone(template, "filters")) as database:
        init_project(database, "test", 4547)
        with database.transaction() as connection:
            plant_version(connection, 1)
            for pipe in PIPES:
                x, y = pipe["at"]
                given_ = {name: value for name, value in pipe.items() if name not in ("at", "feature_id")}
                plant(connection, "pipe_segment", pipe["feature_id"], wkt([(x, y, 1), (x + 5, y, 1)]), **given_)
        yield database


def selected(city: Database, text: str, language: str = "cql2-text", geometries: Geometries = HERE) -> set[int]:
    wanted = compile_filter(text, language, "pipe_segment", COLUMNS, geometries)
    place = Place(wanted.bounds, geometries.srid if wanted.bounds else None)
    page = read_items(city, None, ItemsRequest("pipe_segment", place, conditions=[wanted.condition]))
    return {feature["id"] for feature in json.loads(page.features)}


def expected(test: Callable[[Pipe], bool | None]) -> set[int]:
    return {pipe["feature_id"] for pipe in PIPES if test(pipe)}


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("class_code = 'gas'", lambda p: p["class_code"] == "gas"),
        ("owner LIKE '%公司'", lambda p: p["owner"] and p["owner"].endswith("公司")),
        ("owner LIKE 'Abc\\_1'", lambda p: p["owner"] == "Abc_1"),
        ("owner = 'O''Brien'", lambda p: p["owner"] == "O'Brien"),
        ("owner IS NULL", lambda p: p["owner"] is None),
        ("NOT (owner IS NULL)", lambda p: p["owner"] is not None),
        ("CASEI(owner) = CASEI('aBC_1')", lambda p: p["owner"] == "Abc_1"),
        ("width_mm = 300.1", lambda p: p["width_mm"] == 300.1),
        ("width_mm = height_mm", lambda p: p["width_mm"] and p["width_mm"] == p["height_mm"]),
        ("300 <= width_mm", lambda p: p["width_mm"] and p["width_mm"] >= 300),
        ("hole_count > 2.5", lambda p: p["hole_count"] == 3),
        ("width_mm BETWEEN 100 AND 300", lambda p: p["width_mm"] in (100, 300)),
        ("material_code IN ('pe', 'nothing')", lambda p: p["material_code"] == "pe"),
        ("width_mm NOT IN (100, 300)", lambda p: p["width_mm"] in (300.1, 600)),
        ("installed_on > DATE('2000-01-01')", lambda p: p["installed_on"] == date(2015, 5, 1)),
        ("installed_on = DATE('1999-05-01')", lambda p: p["installed_on"] == date(1999, 5, 1)),
        ("true", lambda p: True),
        ("from_node_id = 7", lambda p: p["from_node_id"] == 7),
        ("S_INTERSECTS(geometry, BBOX(499990, 2499990, 500022, 2500012))",
         lambda p: p["at"][0] <= EAST + 22 and p["at"][1] <= NORTH + 12),
        ("class_code = 'gas' AND S_INTERSECTS(geometry, POINT(500012 2500000))", lambda p: p["feature_id"] == 101),
        ("S_INTERSECTS(geometry, POLYGON((499999 2499999, 500006 2499999, 500006 2500001, 499999 2499999)))",
         lambda p: shapely.LineString([p["at"], (p["at"][0] + 5, p["at"][1])]).intersects(shapely.Polygon(
             [(499999, 2499999), (500006, 2499999), (500006, 2500001)]))),
    ],
)  # fmt: skip
def test_a_filter_selects_what_it_says(city: Database, text: str, test: Callable[[Pipe], bool]) -> None:
    assert selected(city, text) == expected(test) != set()
    as_json = json.dumps(cql2.parse_text(text).to_json())
    assert selected(city, as_json, "cql2-json") == expected(test)


@pytest.mark.parametrize(
    "text",
    [
        "POINT(500012 2500000)", "MULTIPOINT((500012 2500000), (500043 2500020))",
        "LINESTRING(500001 2499999, 500014 2500021)",
        "MULTILINESTRING((500001 2499999, 500001 2500001), (500033 2500039, 500033 2500041))",
        "POLYGON((499999 2499999, 500035 2499999, 500035 2500035, 499999 2499999))",
        "MULTIPOLYGON(((499999 2499999, 500006 2499999, 500006 2500001, 499999 2499999)), "
        "((500040 2500039, 500049 2500039, 500049 2500041, 500040 2500039)))",
        "GEOMETRYCOLLECTION(POINT(500012 2500000), LINESTRING(500033 2500039, 500033 2500041), "
        "POLYGON((500049 2500009, 500066 2500009, 500066 2500021, 500049 2500009)))",
    ],
)  # fmt: skip
def test_basic_spatial_functions_plus_takes_every_sort_of_geometry(city: Database, text: str) -> None:
    parts = shapely.get_parts(shapely.from_wkt(text))
    lines = {pipe["feature_id"]: shapely.LineString([pipe["at"], (pipe["at"][0] + 5, pipe["at"][1])]) for pipe in PIPES}
    met = {number for number, line in lines.items() if any(line.intersects(part) for part in parts)}
    asked = f"S_INTERSECTS(geometry, {text})"
    assert selected(city, asked) == met != set()
    assert selected(city, json.dumps(cql2.parse_text(asked).to_json()), "cql2-json") == met


def test_geometries_may_be_given_northing_first_or_in_degrees(city: Database) -> None:
    same = expected(lambda p: p["at"][0] <= EAST + 22 and p["at"][1] <= NORTH + 12)
    flipped = "S_INTERSECTS(geometry, BBOX(2499990, 499990, 2500012, 500022))"
    assert selected(city, flipped, geometries=Geometries(4547, True, 4547)) == same
    world = "S_INTERSECTS(geometry, BBOX(-180, -90, 180, 90))"
    assert selected(city, world, geometries=Geometries(4326, False, 4547)) == expected(lambda _: True)
    assert selected(city, "S_INTERSECTS(geometry, BBOX(0, 0, 9, 9))", geometries=Geometries(4326, False, 4547)) == set()


@pytest.mark.parametrize(
    "value", ["'foo'", "true", "3.14", "1", "TIMESTAMP('2022-04-14T14:48:46Z')", "DATE('2022-04-14')"]
)
def test_property_property_compares_values_with_values(city: Database, value: str) -> None:
    for is_met, operators in ((True, ("=", ">=", "<=")), (False, ("<>", "<", ">"))):
        for operator in operators:
            assert selected(city, f"{value} {operator} {value}") == expected(lambda _, is_met=is_met: is_met)


@pytest.mark.parametrize(
    ("text", "test"),
    [
        ("geometry IS NULL", lambda p: False),
        ("geometry IS NOT NULL", lambda p: True),
        ("'gas' IN (class_code, 'x')", lambda p: p["class_code"] == "gas"),
        ("'Abc_1' LIKE owner", lambda p: p["owner"] == "Abc_1"),
        ("300 BETWEEN width_mm AND 400", lambda p: p["width_mm"] and p["width_mm"] <= 300),
        ("S_INTERSECTS(POINT(500012 2500000), geometry)", lambda p: p["feature_id"] == 101),
        ("S_INTERSECTS(geometry, geometry)", lambda p: True),
        ("S_INTERSECTS(POINT(1 1), BBOX(0, 0, 2, 2))", lambda p: True),
        ("S_INTERSECTS(POINT(1 1), BBOX(2, 2, 3, 3))", lambda p: False),
        ("NOT S_INTERSECTS(BBOX(499990, 2499990, 500022, 2500012), geometry)",
         lambda p: p["at"][0] > EAST + 22 or p["at"][1] > NORTH + 12),
    ],
)  # fmt: skip
def test_property_property_takes_either_on_either_side(city: Database, text: str, test: Callable[[Pipe], bool]) -> None:
    assert selected(city, text) == expected(test)


def test_boxes_in_degrees_may_lie_over_the_antimeridian_and_nothing_beyond_the_earth(city: Database) -> None:
    degrees, flipped = Geometries(4326, False, 4547), Geometries(4326, True, 4547)
    assert selected(city, "S_INTERSECTS(geometry, BBOX(100, -90, -150, 90))", geometries=degrees) == expected(
        lambda _: True
    )
    assert selected(city, "S_INTERSECTS(geometry, BBOX(150, -90, -150, 90))", geometries=degrees) == set()
    assert selected(city, "S_INTERSECTS(geometry, BBOX(-90, 150, 90, 120))", geometries=flipped) == expected(
        lambda _: True
    )
    assert selected(city, "S_INTERSECTS(geometry, LINESTRING(-180 -45, 0 -45))", geometries=degrees) == set()
    for beyond in ("POINT(90 180)", "MULTIPOINT(7.02 49.92, 90 180)", "BBOX(-181, 0, 1, 1)"):
        with pytest.raises(UsageError, match="beyond"):
            selected(city, f"S_INTERSECTS(geometry, {beyond})", geometries=degrees)


@pytest.mark.parametrize(
    "text",
    [
        "", "owner =", "owner = 5", "width_mm = 'x'", "nothing = 1", "drop(owner) = 1", "width_mm + 1 > 3", "owner",
        "'a' = 1", "geom = 1", "geometry = 1", "S_INTERSECTS(owner, POINT(1 2))", "S_CONTAINS(geometry, POINT(1 2))",
        "S_INTERSECTS(geometry, BBOX(1, 2, 3))", "S_INTERSECTS(geometry, owner)",
        "S_INTERSECTS(geometry, BBOX(2, 1, 1, 2))", "S_INTERSECTS(geometry, POLYGON((0 0, 1 1, 0 1, 1 0, 0 0)))",
        "installed_on > '2000-01-01'", "installed_on = DATE('2000-13-45')", "width_mm = 1e999", "owner LIKE 5",
        "width_mm IN ('a')", "owner = width_mm", "5", "(" * 500 + "true" + ")" * 500, "NOT " * 500 + "true",
        "owner = 'a'; DROP TABLE pipemap.node", "owner = '\0'", "TIMESTAMP('2020-01-01T00:00:00Z') < installed_on",
    ],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        compile_filter(text, "cql2-text", "pipe_segment", COLUMNS, HERE)
    assert "SELECT" not in refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "width_mm = " + "-" * 9000 + "1", "NOT\n" * 4900 + "true", "width_mm = " + "1+" * 9900 + "1",
        "width_mm = 1" + " > 1" * 4900, "owner = '" + ")" * 3000 + "' AND " + "(" * 3000 + "true" + ")" * 3000,
    ],
)  # fmt: skip
def test_a_chain_that_would_end_the_process_is_refused_unparsed(text: str) -> None:
    with pytest.raises(UsageError, match="nested too deep"):
        compile_filter(text, "cql2-text", "pipe_segment", COLUMNS, HERE)


@pytest.mark.parametrize("name", ["geom", "owner"])
def test_a_place_asked_of_what_is_none_is_told_the_name_of_the_geometry(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} is no geometry.*there is geometry"):
        compile_filter(f"S_INTERSECTS({name}, POINT(1 2))", "cql2-text", "pipe_segment", COLUMNS, HERE)


def test_signs_of_coordinates_are_no_chain() -> None:
    ring = ", ".join(f"-3.{number} -50.2" for number in range(900))
    assert compile_filter(f"S_INTERSECTS(geometry, MULTIPOINT({ring}))", "cql2-text", "pipe_segment", COLUMNS, HERE)


@pytest.mark.parametrize("text", ["[]", "5", "{", "null", '{"op":"and","args":[true]}', '{"op":"=","args":[1,"a"]}',
                                  '{"op":"between","args":[{"property":"width_mm"},1]}', '{"op":"not","args":[]}',
                                  '{"op":"in","args":[{"property":"owner"},[]]}', '{"op":[1],"args":[]}',
                                  '{"op":"s_intersects","args":[{"property":"geometry"},{"bbox":[1]}]}'])  # fmt: skip
def test_json_that_is_no_filter_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        compile_filter(text, "cql2-json", "pipe_segment", COLUMNS, HERE)


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b, "<>": lambda a, b: a != b, "<": lambda a, b: a < b, ">=": lambda a, b: a >= b,
}  # fmt: skip
_ATOMS = st.one_of(
    st.tuples(st.sampled_from(["=", "<>", "<", ">="]), st.just("width_mm"), st.sampled_from([100, 300, 300.1, 450])),
    st.tuples(st.sampled_from(["=", "<>"]), st.just("owner"), st.sampled_from(["甲公司", "Abc_1", "", "x' OR true--"])),
    st.tuples(st.just("isNull"), st.sampled_from(["owner", "width_mm", "installed_on"]), st.none()),
)
_TREES: st.SearchStrategy[Any] = st.recursive(
    _ATOMS,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(["and", "or"]), inner, inner), st.tuples(st.just("not"), inner, st.none())
    ),
    max_leaves=8,
)


def _as_json(tree: Any) -> Any:
    op, one, other = tree
    if op in ("and", "or"):
        return {"op": op, "args": [_as_json(one), _as_json(other)]}
    if op == "not":
        return {"op": "not", "args": [_as_json(one)]}
    return {"op": op, "args": [{"property": one}, *([] if op == "isNull" else [other])]}


def _holds(tree: Any, pipe: Pipe) -> bool | None:
    """Whether a filter holds for a pipe; None where what is not known leaves it open."""
    op, one, other = tree
    if op == "not":
        inner = _holds(one, pipe)
        return None if inner is None else not inner
    if op in ("and", "or"):
        sides = {_holds(one, pipe), _holds(other, pipe)}
        decides = op == "or"
        return decides if decides in sides else None if None in sides else not decides
    if op == "isNull":
        return pipe[one] is None
    return None if pipe[one] is None else _COMPARE[op](pipe[one], other)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=_TREES)
def test_any_filter_equals_a_plain_evaluation(city: Database, tree: Any) -> None:
    assert selected(city, json.dumps(_as_json(tree)), "cql2-json") == expected(lambda pipe: _holds(tree, pipe))
