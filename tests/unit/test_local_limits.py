"""A city's own table of limits: what is read of a file, what is refused, and which row then decides."""

import csv
import json
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipemap.checks.rules.cover import least_limit
from pipemap.clearance.conditions import Party
from pipemap.clearance.explaining import limits_between, limits_over
from pipemap.clearance.reading_tables import COLUMNS, read_table
from pipemap.clearance.rules import cover_limit, strictest, widest, widest_of_all
from pipemap.clearance.tables import STANDARD, LimitTables, LocalTable, Row, TableName
from pipemap.errors import SourceError
from schemas.findings import Finding

HEADER = "rule_id,standard,clause,a_class,a_condition,b_class,b_condition,min_clear_m,confidence,note,replaces"
ROW = "SZ1,SZ DB 7-2020,4.2,water,,gas,,1.8,verified_1,,"
WATER, GAS, SEWER = Party("water", width_mm=300), Party("gas", pressure_code="low"), Party("sewer", width_mm=800)


def read(tmp_path: Path, text: str, name: TableName = "clearance_horizontal") -> tuple[list[Row], list[Finding]]:
    path = tmp_path / "city.csv"
    path.write_text(text, encoding="utf-8")
    taken = frozenset(row["rule_id"] for row in STANDARD.rows(name))
    return read_table(path, name, STANDARD.rows(name), taken)


def tables(tmp_path: Path, *lines: str, name: TableName = "clearance_horizontal", header: str = HEADER) -> LimitTables:
    rows, findings = read(tmp_path, "\n".join((header, *lines)), name)
    assert findings == []
    return LimitTables.of([LocalTable(1, name, json.dumps(rows))])


def between(limits: LimitTables, one: Party, other: Party) -> tuple[float, str, str]:
    found = strictest("horizontal", replace(one, limits=limits), replace(other, limits=limits))
    assert found is not None
    return found.min_m, found.rule_id, found.standard


def test_a_stricter_row_of_the_city_wins_and_is_named(tmp_path: Path) -> None:
    assert between(tables(tmp_path, ROW), WATER, GAS) == (1.8, "SZ1", "SZ DB 7-2020")
    assert between(tables(tmp_path, ROW), GAS, WATER) == (1.8, "SZ1", "SZ DB 7-2020")


def test_a_looser_row_of_the_city_does_not_win(tmp_path: Path) -> None:
    before = between(STANDARD, WATER, GAS)
    assert between(tables(tmp_path, ROW.replace("1.8", "0.1")), WATER, GAS) == before


def test_a_row_that_replaces_a_standards_row_makes_the_limit_smaller_or_surer(tmp_path: Path) -> None:
    assert between(STANDARD, SEWER, WATER) == (1.5, "H003", "GB 50289-2016")
    pair = {"sewer", "water"}
    rows = [row for row in STANDARD.rows("clearance_horizontal") if {row["a_class"], row["b_class"]} == pair]
    every = "|".join(row["rule_id"] for row in rows)
    replacing = f"SZ2,SZ DB 7-2020,4.2,sewer,,water,d>200mm,0.8,verified_1,laid in sleeves,{every}"
    assert between(tables(tmp_path, replacing), SEWER, WATER) == (0.8, "SZ2", "SZ DB 7-2020")


def test_a_condition_of_the_city_holds_for_its_pipes_alone(tmp_path: Path) -> None:
    found = tables(tmp_path, ROW.replace("water,,gas", "water,d>=600mm,gas"))
    assert between(found, WATER, GAS) == between(STANDARD, WATER, GAS)
    assert between(found, Party("water", width_mm=600), GAS)[1] == "SZ1"


def test_cover_and_crossings_have_tables_of_their_own(tmp_path: Path) -> None:
    header = "rule_id,standard,clause,class,condition,min_cover_non_motor_m,min_cover_motor_m,confidence,note"
    cover = tables(tmp_path, "SZ3,SZ DB 7,5,water,,0.9,,verified_1,frost", name="cover_depth", header=header)
    deeper = cover_limit(Party("water", limits=cover), False)
    assert deeper is not None and (deeper.min_m, deeper.rule_id) == (0.9, "SZ3")
    assert cover_limit(Party("water", limits=cover), True) == cover_limit(Party("water"), True)
    crossing = tables(tmp_path, ROW, name="clearance_vertical")
    found = strictest("vertical", Party("water", limits=crossing), Party("gas", limits=crossing))
    assert found is not None and found.rule_id == "SZ1"


def test_the_check_of_cover_reads_every_way_of_lying_that_a_city_may_write(tmp_path: Path) -> None:
    header = "rule_id,standard,clause,class,condition,min_cover_non_motor_m,min_cover_motor_m,confidence,note"
    rows = (f"SZ{n},SZ DB 7-2020,5,power,{way},3,3,verified_1," for n, way in enumerate(("duct block", "in conduit")))
    for row in rows:
        own = tables(tmp_path, row, name="cover_depth", header=header)
        conduit, direct = (least_limit(Party("power", burial=way, limits=own)) for way in ("conduit", "direct"))
        assert conduit is not None and conduit.min_m == 3.0
        assert direct == least_limit(Party("power", burial="direct"))


def test_the_check_of_cover_knows_the_sizes_that_a_city_writes_of(tmp_path: Path) -> None:
    header = "rule_id,standard,clause,class,condition,min_cover_non_motor_m,min_cover_motor_m,confidence,note"
    own = tables(tmp_path, "SZ1,SZ DB 7-2020,5,water,d>600mm,1.5,1.5,verified_1,", name="cover_depth", header=header)
    wide, narrow, unknown = (least_limit(Party("water", width_mm=size, limits=own)) for size in (800, 300, None))
    assert wide is not None and (wide.rule_id, wide.to_be_confirmed) == ("SZ1", False)
    assert narrow is not None and narrow == least_limit(Party("water", width_mm=300))
    assert unknown is not None and (unknown.rule_id, unknown.to_be_confirmed) == ("SZ1", True)


def test_the_check_of_cover_takes_the_row_of_steel_conduits_for_those_alone() -> None:
    party = Party("telecom", burial="conduit")
    steel, other = least_limit(party, in_steel=True), least_limit(party)
    assert steel is not None and other is not None and (steel.min_m, other.min_m) == (0.5, 0.6)


def test_of_several_rows_of_steel_conduits_the_strictest_counts(tmp_path: Path) -> None:
    header = "rule_id,standard,clause,class,condition,min_cover_non_motor_m,min_cover_motor_m,confidence,note"
    own = tables(
        tmp_path, "SZ1,SZ DB 7-2020,5,telecom,steel conduit,0.9,0.9,verified_1,", name="cover_depth", header=header
    )
    found = least_limit(Party("telecom", burial="conduit", limits=own), in_steel=True)
    assert found is not None and (found.rule_id, found.min_m) == ("SZ1", 0.9)


def test_neighbours_are_looked_for_as_far_as_the_city_asks(tmp_path: Path) -> None:
    far = tables(tmp_path, ROW.replace("1.8", "40"))
    assert widest("horizontal", Party("water", limits=far)) == 40.0
    assert widest_of_all(far, utilities_only=True) == 40.0 > widest_of_all(STANDARD, utilities_only=True)


def test_tables_of_the_same_rows_are_equal_in_every_process(tmp_path: Path) -> None:
    here = tables(tmp_path, ROW)
    there = pickle.loads(pickle.dumps(Party("water", limits=here))).limits
    assert there == here and hash(there) == hash(here) and here != STANDARD
    assert LimitTables(here.local) == here


@pytest.mark.parametrize(
    ("wrong", "column", "value"),
    [
        (ROW.replace("water", "whisky"), "a_class", "whisky"),
        (ROW.replace("water,", "water,d about 200"), "a_condition", "d about 200"),
        (ROW.replace("water,", "water,<=10kV"), "a_condition", "<=10kV"),
        (ROW.replace("1.8", "18 cm"), "min_clear_m", "18 cm"),
        (ROW.replace("1.8", "-1"), "min_clear_m", "-1"),
        (ROW.replace("1.8", "nan"), "min_clear_m", "nan"),
        (ROW.replace("1.8", "1000"), "min_clear_m", "1000"),
        (ROW.replace("1.8", ""), "min_clear_m", ""),
        (ROW.replace("verified_1", "sure"), "confidence", "sure"),
        (ROW.replace("SZ1", "H001"), "rule_id", "H001"),
        (ROW.replace("SZ1", ""), "rule_id", ""),
        (ROW.replace("SZ DB 7-2020", ""), "standard", ""),
        (ROW.replace("verified_1,,", "verified_1,because,H999"), "replaces", "H999"),
        (ROW.replace("verified_1,,", "verified_1,,H003"), "note", ""),
        (ROW.replace("water,,gas", "tree,,building"), "b_class", "building"),
    ],
)
def test_a_wrong_cell_is_told_with_its_place_and_what_to_do(
    tmp_path: Path, wrong: str, column: str, value: str
) -> None:
    _, findings = read(tmp_path, f"{HEADER}\n{ROW.replace('SZ1', 'SZ0')}\n{wrong}\n")
    (found,) = findings
    assert (found.file, found.row, found.column, found.value) == ("city.csv", 3, column, value)
    assert found.message_en.startswith("Row 3: ") and found.message_zh.startswith("第 3 行")


def test_two_rows_of_one_name_are_both_told(tmp_path: Path) -> None:
    _, findings = read(tmp_path, f"{HEADER}\n{ROW}\n{ROW}\n")
    assert [(found.row, found.column) for found in findings] == [(2, "rule_id"), (3, "rule_id")]


@pytest.mark.parametrize(
    "text",
    ["", "rule_id,standard\n1,2\n", f"{HEADER},surprise\n{ROW},1\n", f"{HEADER}\n", f"{HEADER},note\n{ROW},\n"],
)
def test_a_file_that_is_no_such_table_is_refused_with_the_columns_it_should_have(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError) as error:
        read(tmp_path, text)
    assert "city.csv" in error.value.message and error.value.details["message_zh"]


def test_office_programs_in_china_write_gb18030(tmp_path: Path) -> None:
    path = tmp_path / "限值.csv"
    path.write_bytes(f"{HEADER}\r\n{ROW.replace('SZ DB 7-2020', '深圳市地方标准')}\r\n".encode("gb18030"))
    rows, findings = read_table(path, "clearance_horizontal", STANDARD.rows("clearance_horizontal"), frozenset())
    assert findings == [] and rows[0]["standard"] == "深圳市地方标准"


@given(st.binary(max_size=300))
def test_whatever_the_bytes_a_file_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("limits") / "city.csv"
    for content in (data, f"{HEADER}\n".encode() + data):
        path.write_bytes(content)
        try:
            rows, _ = read_table(path, "clearance_horizontal", (), frozenset())
        except SourceError:
            continue
        assert all(set(row) == set(COLUMNS["clearance_horizontal"]) for row in rows)


def test_the_shipped_tables_themselves_are_readable_as_a_citys(tmp_path: Path) -> None:
    """A city that edits a copy of the product's own table begins with one that is read."""
    for name in COLUMNS:
        path = tmp_path / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS[name])
            writer.writeheader()
            writer.writerows(STANDARD.rows(name))
        rows, findings = read_table(path, name, (), frozenset())
        assert findings == [] and len(rows) == len(STANDARD.rows(name))


def test_what_applies_is_explained_row_by_row(tmp_path: Path) -> None:
    own = tables(tmp_path, ROW, "SZ2,SZ DB 7-2020,4.3,sewer,,water,d<=200mm,0.8,verified_1,sleeved,H002")
    of_gas = limits_between(Party("water", width_mm=300, limits=own), Party("gas", limits=own))
    horizontal = [row for row in of_gas.rows if row.question == "horizontal"]
    assert (horizontal[0].rule_id, horizontal[0].state) == ("SZ1", "decides")
    assert {row.state for row in horizontal} >= {"decides", "may_apply", "superseded"}
    assert any("pressure" in row.why_en and "压力" in row.why_zh for row in horizontal)
    of_sewer = limits_between(Party("sewer", limits=own), Party("water", width_mm=100, limits=own)).rows
    states = {row.rule_id: row.state for row in of_sewer}
    assert states["H002"] == "replaced" and states["H003"] == "does_not_apply"
    cover = limits_over(Party("water", limits=own))
    decisive = {row.question: row.min_m for row in cover.rows if row.state == "decides"}
    assert decisive == {"cover_carriageway": 0.7, "cover_elsewhere": 0.6}
