from itertools import product

import pytest

from pipemap.clearance.conditions import LEFT_OUT, Party, condition_holds, is_readable
from pipemap.clearance.rules import CLASS_NAMES, MODEL_CLASSES, NOT_ON_THE_MAP, cover_limit, strictest, widest
from pipemap.clearance.tables import SUPERSEDED
from schemas.codetables import code_table, limits

TABLES = ("clearance_horizontal", "clearance_vertical")
GAS_LOW = Party("gas", "direct", pressure_code="low", width_mm=200)


def in_force(table: str) -> list[dict[str, str]]:
    return [row for row in limits(table) if row["standard"] not in SUPERSEDED]


def applicable(row: dict[str, str]) -> bool:
    return not NOT_ON_THE_MAP & {row["a_class"], row["b_class"]}


@pytest.mark.parametrize("table", TABLES)
def test_every_row_in_force_names_classes_the_rules_know_or_the_map_does_not_hold(table: str) -> None:
    known = MODEL_CLASSES | CLASS_NAMES.keys() | NOT_ON_THE_MAP
    assert {row[side] for row in in_force(table) for side in ("a_class", "b_class")} <= known


@pytest.mark.parametrize("table", TABLES)
def test_every_condition_of_an_applicable_row_is_understood(table: str) -> None:
    texts = {row[side] for row in in_force(table) if applicable(row) for side in ("a_condition", "b_condition")}
    assert {text for text in texts if not is_readable(text)} == set()


def test_every_cover_condition_in_force_is_understood() -> None:
    assert {row["condition"] for row in in_force("cover_depth") if not is_readable(row["condition"])} == set()


def test_conditions_that_are_not_understood_are_those_of_rows_that_are_off() -> None:
    """A new condition in a table must be added to the readers or to this list."""
    texts = {row[side] for table in TABLES for row in limits(table) for side in ("a_condition", "b_condition")}
    assert {text for text in texts if not is_readable(text)} == {
        "DC electrified", "not DC electrified", "PE", "P MPa (0.05,0.2]", "P MPa (0.2,0.4]", "P MPa (0.4,0.8]",
        "P MPa (0.8 ,1.6]", "P MPa [0,0.05]", "d mm (0,200]", "d mm (0,300]", "d mm (200,10000]", "d mm (300,10000]",
        "direct <=10kV", "direct >10kV", "embankment toe", "telecom/lighting <10kV", "tower base ",
        "tower base (0,35]", "tower base (35,∞)",
    }  # fmt: skip
    assert {"direct, other owner", "steel conduit"} <= LEFT_OUT
    with pytest.raises(KeyError):
        condition_holds("PE", GAS_LOW)


def test_every_clearance_class_of_a_utility_is_in_the_tables_or_known_to_have_no_rule() -> None:
    classes = {code.fields["clearance_class"] for code in code_table("utility_class").values()}
    assert classes - MODEL_CLASSES == {"industrial", "unknown"}


def test_numbers_read_by_eye_from_the_tables() -> None:
    water, sewer = Party("water", width_mm=300), Party("sewer", width_mm=800)
    expected = {
        ("horizontal", sewer, water): (1.5, "H003"),
        ("horizontal", sewer, Party("water", width_mm=200)): (1.0, "H002"),
        ("horizontal", water, GAS_LOW): (0.5, "H192"),
        ("vertical", sewer, water): (0.4, "V002"),
        ("vertical", water, Party("water")): (0.15, "V001"),
        ("vertical", Party("telecom", "direct"), water): (0.5, "V011"),
        ("vertical", Party("telecom", "conduit"), water): (0.15, "V017"),
    }
    for (direction, one, other), (limit_m, rule) in expected.items():
        found = strictest(direction, one, other)  # type: ignore[arg-type]
        assert found is not None and found.min_m == limit_m
        if rule in ("H003", "H002", "V001", "V011", "V017"):
            assert found.rule_id == rule or found.confidence == "verified_1"
    assert strictest("horizontal", water, Party("water")) is None


def test_a_pair_has_one_limit_whichever_side_asks() -> None:
    """Another product holds 0.5 m for gas beside power and 1.0 m for power beside gas."""
    parties = [
        Party(name, burial, pressure_code=tier, width_mm=width)
        for name in sorted(MODEL_CLASSES)
        for burial in ("direct", "conduit", None)
        for tier in (("low", "subhigh_a", None) if name == "gas" else (None,))
        for width in (100.0, None)
    ]
    for one, other in product(parties, parties):
        for direction in ("horizontal", "vertical"):
            assert strictest(direction, one, other) == strictest(direction, other, one)  # type: ignore[arg-type]


def test_superseded_editions_are_off() -> None:
    # The 1998 table and GB 50217-2007 ask for more than the table in force between direct power and gas (1.0 m).
    found = strictest("horizontal", Party("power", "direct"), GAS_LOW)
    assert found is not None and (found.min_m, found.standard) == (0.5, "GB 50289-2016")


def test_an_unknown_attribute_takes_the_strictest_case_and_says_so() -> None:
    unknown = strictest("horizontal", Party("gas", "direct"), Party("sewer"))
    known = strictest("horizontal", GAS_LOW, Party("sewer"))
    assert unknown is not None and known is not None
    assert (unknown.min_m, unknown.assumed, unknown.to_be_confirmed) == (2.0, ("gas.pressure_mpa",), True)
    assert (known.min_m, known.assumed, known.to_be_confirmed) == (1.0, (), False)


def test_medium_pressure_without_a_letter_may_be_either() -> None:
    found = strictest("horizontal", Party("gas", pressure_code="medium"), Party("building"))
    assert found is not None and found.min_m == 1.5 and found.assumed == ("gas.pressure_mpa",)


@pytest.mark.parametrize(
    ("pressure_mpa", "limit_m", "is_certain"),
    [(0.005, 0.7, True), (0.01, 1.0, True), (0.2, 1.0, True), (0.21, 1.5, True), (0.8, 5.0, True), (1.6, 13.5, True),
     (2.5, 13.5, False)],
)  # fmt: skip
def test_pressure_in_megapascals_finds_its_tier(pressure_mpa: float, limit_m: float, is_certain: bool) -> None:
    found = strictest("horizontal", Party("gas", pressure_mpa=pressure_mpa), Party("building"))
    assert found is not None and (found.min_m, not found.assumed) == (limit_m, is_certain)


def test_a_recalled_number_is_to_be_confirmed() -> None:
    found = strictest("horizontal", Party("sewer"), Party("duct"))
    assert found is not None and found.confidence == "memory_only" and found.to_be_confirmed


def test_the_better_known_of_two_equal_limits_is_named() -> None:
    found = strictest("vertical", Party("gas"), Party("water"))
    assert found is not None and found.confidence == "verified_2plus" and found.standard == "GB 50028-2006"


def test_cover_under_a_road_and_beside_it() -> None:
    road, path = cover_limit(Party("water"), True), cover_limit(Party("water"), False)
    assert road is not None and path is not None and (road.min_m, path.min_m) == (0.7, 0.6)
    duct = cover_limit(Party("duct"), False)
    assert duct is None
    gas = cover_limit(GAS_LOW, True)
    assert gas is not None and (gas.min_m, gas.confidence) == (0.9, "verified_2plus")


def test_the_widest_limit_bounds_every_pair_of_a_class() -> None:
    assert widest("horizontal", Party("gas")) == 13.5
    assert widest("horizontal", Party("unknown")) == 0.0
