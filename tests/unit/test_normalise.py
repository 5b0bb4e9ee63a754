"""Deliveries as small CSV files, read to the end; expected heights are worked out by hand beside them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.delivery import dataset_name, read_delivery
from pipemap.errors import CrsError, NotFoundError, SourceError, UsageError
from schemas.delivery import Delivery

# EPSG:4547 near 22.5 N, 114 E: X is northing, Y is easting, as in every Chinese table.
NORTH, EAST = 2_494_000.0, 492_000.0
POINT_HEADER = "物探点号,管线类型,特征,附属物,X,Y,地面高程"
LINE_HEADER = "起点点号,终点点号,管线类型,起点埋深,终点埋深,管径,材质,埋设方式"


def points(*rows: str) -> str:
    return "\n".join([POINT_HEADER, *rows]) + "\n"


def lines(*rows: str) -> str:
    return "\n".join([LINE_HEADER, *rows]) + "\n"


def point(key: str, class_code: str = "JS", ground: Any = 10, step: int = 0) -> str:
    return f"{key},{class_code},弯头,,{NORTH + step},{EAST + step},{ground}"


TWO_POINTS = points(point("A", step=0), point("B", ground=11, step=30))


def read(folder: Path, point_text: str, line_text: str, **options: Any) -> Delivery:
    (folder / "区管点.csv").write_text(point_text, encoding="utf-8")
    (folder / "区管线.csv").write_text(line_text, encoding="utf-8")
    return read_delivery([folder / "区管点.csv", folder / "区管线.csv"], srid=4547, **options)


def z_of(delivery: Delivery, key: str) -> list[float]:
    geom = delivery.segments.set_index("source_key").geom[key]
    return [round(z, 6) for z in shapely.get_coordinates(geom, include_z=True)[:, 2]]


def rules(delivery: Delivery) -> list[str]:
    return sorted(finding.rule for finding in delivery.findings)


def account(delivery: Delivery, sheet: str) -> tuple[int, int, int, int]:
    of_sheet = [count for count in delivery.counts if count.sheet == sheet]
    return tuple(sum(getattr(c, n) for c in of_sheet) for n in ("rows", "loaded", "refused", "skipped"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("class_word", "burial", "size", "expected"),
    [
        # Crown: ground 10 and 11, depth 1 and 2, less half of 0.3 m.
        ("JS", "直埋", "300", [8.85, 8.85]),
        # Invert: plus half the height; a box is width first.
        ("WS", "管埋", "300", [9.15, 9.15]),
        ("YS", "方沟", "1000X600", [9.3, 9.3]),
        ("DL", "管块", "1000X600", [8.7, 8.7]),
        ("DL", "管沟", "1000X600", [9.3, 9.3]),
    ],
)
def test_the_axis_stands_where_class_and_burial_put_it(
    tmp_path: Path, class_word: str, burial: str, size: str, expected: list[float]
) -> None:
    delivery = read(tmp_path, TWO_POINTS, lines(f"A,B,{class_word},1,2,{size},PE,{burial}"))
    assert z_of(delivery, "A->B") == expected
    assert delivery.segments.elevation_source_code.tolist() == ["measured"]


def test_lines_whose_points_were_all_refused_are_refused_one_by_one(tmp_path: Path) -> None:
    delivery = read(tmp_path, points("A,JS,,,,,10"), lines("A,B,JS,1,2,300,PE,直埋", "B,C,JS,1,2,300,PE,直埋"))
    assert account(delivery, "区管线") == (2, 0, 2, 0)
    assert rules(delivery).count("R20") == 2


def test_axes_run_from_easting_to_northing(tmp_path: Path) -> None:
    delivery = read(tmp_path, TWO_POINTS, lines("A,B,JS,1,2,300,PE,直埋"))
    assert shapely.get_coordinates(delivery.segments.geom[0]).tolist() == [[EAST, NORTH], [EAST + 30, NORTH + 30]]


@pytest.mark.parametrize("unknown", ["", "0", "-9999", "/", "*"])
def test_an_unknown_depth_leaves_the_line_without_height(tmp_path: Path, unknown: str) -> None:
    delivery = read(tmp_path, TWO_POINTS, lines(f"A,B,JS,{unknown},2,300,PE,直埋"))
    assert not delivery.segments.geom[0].has_z
    assert delivery.segments.elevation_source_code.tolist() == ["unknown"]
    assert np.isnan(delivery.segments.from_depth_m[0])


def test_an_unknown_depth_is_inferred_from_the_same_class_at_the_node(tmp_path: Path) -> None:
    table = points(point("A"), point("B", step=30), point("C", step=60))
    delivery = read(
        tmp_path, table, lines("A,B,JS,1,1.5,300,PE,直埋", "B,C,JS,,2,200,PE,直埋", "B,C,DL,,2,200,PE,直埋")
    )
    # The crown at B is 10 - 1.5; the axis of the DN200 line is 0.1 m below it.
    assert z_of(delivery, "B->C") == [8.4, 7.9]
    assert delivery.segments.elevation_source_code.tolist() == ["measured", "inferred", "unknown"]


def test_an_unknown_size_puts_the_axis_at_the_datum_and_says_so(tmp_path: Path) -> None:
    delivery = read(tmp_path, TWO_POINTS, lines("A,B,JS,1,2,/,PE,直埋"))
    assert z_of(delivery, "A->B") == [9.0, 9.0]
    assert delivery.segments.elevation_source_code.tolist() == ["inferred"]


HEIGHTS_HEADER = "起点点号,终点点号,管线类型,起点埋深,终点埋深,起点高程,终点高程,管径"


def test_pipe_elevations_win_over_depths_that_disagree(tmp_path: Path) -> None:
    delivery = read(tmp_path, TWO_POINTS, f"{HEIGHTS_HEADER}\nA,B,JS,1,2,9.5,9.01,200\n")
    assert z_of(delivery, "A->B") == [9.4, 8.91]
    (finding,) = delivery.findings
    assert (finding.rule, finding.severity, finding.value, finding.limit) == ("IMP-HEIGHT", "info", "0.50 m", "0.02 m")
    assert finding.details == {"ends": 1}


def test_elevation_columns_that_hold_the_ground_are_taken_as_ground(tmp_path: Path) -> None:
    delivery = read(tmp_path, TWO_POINTS, f"{HEIGHTS_HEADER}\nA,B,JS,1,2,10,11,200\n")
    assert z_of(delivery, "A->B") == [8.9, 8.9]
    assert rules(delivery) == ["IMP-GROUND"]


def test_letters_in_a_number_column_are_unknown_and_named(tmp_path: Path) -> None:
    delivery = read(tmp_path, TWO_POINTS, lines("A,B,JS,1.2x,2,300,PE,直埋"))
    (finding,) = delivery.findings
    assert (finding.rule, finding.file, finding.sheet, finding.row, finding.column, finding.value) == (
        "IMP-NUMBER", "区管线.csv", "区管线", 2, "起点埋深", "1.2x",
    )  # fmt: skip
    assert delivery.segments.elevation_source_code.tolist() == ["unknown"]
    assert delivery.segments.extra[0]["起点埋深"] == "1.2x"


def test_letters_in_a_coordinate_refuse_the_row(tmp_path: Path) -> None:
    delivery = read(tmp_path, TWO_POINTS + f"C,JS,弯头,,24x,{EAST},10\n", lines("A,B,JS,1,2,300,PE,直埋"))
    assert account(delivery, "区管点") == (3, 2, 1, 0)
    assert rules(delivery) == ["IMP-NUMBER", "R03"]


@pytest.mark.parametrize(
    ("extra_point", "extra_line", "rule", "loaded"),
    [
        (point("A"), "", "R07", (2, 1)),
        (point("A", ground=12), "", "R07", (2, 1)),
        ("", "A,C,JS,1,2,300,PE,直埋", "R20", (2, 1)),
        ("", "A,A,JS,1,2,300,PE,直埋", "R13", (2, 1)),
        ("", "A,B,JS,1,2,300,PE,直埋", "R14", (2, 1)),
        ("", "B,A,JS,2,1,300,PE,直埋", "R14", (2, 1)),
        ("", "B,A,JS,1,2,300,PE,直埋", "R14", (2, 2)),
        ("", "A,B,JS,1,2,200,PE,直埋", "R14", (2, 2)),
        ("", ",B,JS,1,2,300,PE,直埋", "R03", (2, 1)),
        ("", "A,B,JX,1,2,300,PE,直埋", "IMP-SECRET", (2, 1)),
        ("", "A,B,JS,1,2,,月石,直埋", "R12", (2, 2)),
        ("", "A,B,JS,1,2,大管,PE,直埋", "IMP-SECTION", (2, 2)),
    ],
)
def test_every_fault_is_found_once_and_the_account_adds_up(
    tmp_path: Path, extra_point: str, extra_line: str, rule: str, loaded: tuple[int, int]
) -> None:
    point_text = TWO_POINTS + (f"{extra_point}\n" if extra_point else "")
    line_text = lines("A,B,JS,1,2,300,PE,直埋", *([extra_line] if extra_line else []))
    delivery = read(tmp_path, point_text, line_text)
    assert rule in rules(delivery)
    assert (len(delivery.nodes), len(delivery.segments)) == loaded
    assert delivery.segments.source_key.is_unique
    for sheet, features in (("区管点", delivery.nodes), ("区管线", delivery.segments)):
        rows, n_loaded, refused, skipped = account(delivery, sheet)
        assert n_loaded == len(features)
        assert rows == n_loaded + refused + skipped


@pytest.mark.parametrize(
    ("extra_point", "extra_line", "rule", "column"),
    [
        (point("A", ground=12), "", "R07", "物探点号"),
        (f",JS,弯头,,{NORTH},{EAST},10", "", "R03", "物探点号"),
        (f"C,JS,弯头,,{NORTH},,10", "", "R03", "X, Y"),
        ("", "A,C,JS,1,2,300,PE,直埋", "R20", "终点点号"),
        ("", "C,A,JS,1,2,300,PE,直埋", "R20", "起点点号"),
        ("", "A,A,JS,1,2,300,PE,直埋", "R13", "终点点号"),
        ("", ",B,JS,1,2,300,PE,直埋", "R03", "起点点号"),
        ("", "A,,JS,1,2,300,PE,直埋", "R03", "终点点号"),
    ],
)
def test_a_refused_row_names_the_column_to_look_at(
    tmp_path: Path, extra_point: str, extra_line: str, rule: str, column: str
) -> None:
    point_text = TWO_POINTS + (f"{extra_point}\n" if extra_point else "")
    line_text = lines("A,B,JS,1,2,300,PE,直埋", *([extra_line] if extra_line else []))
    (finding,) = [one for one in read(tmp_path, point_text, line_text).findings if one.rule == rule]
    assert finding.column == column


def test_a_secret_line_leaves_no_trace_of_where_it_is(tmp_path: Path) -> None:
    delivery = read(tmp_path, TWO_POINTS, lines("A,B,JS,1,2,300,PE,直埋", "A,B,JX,1,2,77,PE,直埋"))
    (finding,) = [finding for finding in delivery.findings if finding.rule == "IMP-SECRET"]
    assert (finding.row, finding.feature_key, finding.value, finding.x_m) == (None, None, None, None)


def test_unmapped_columns_and_the_place_in_the_file_are_kept(tmp_path: Path) -> None:
    text = TWO_POINTS.replace("地面高程", "地面高程,调查员").replace(",10\n", ",10,王\n").replace(",11\n", ",11,\n")
    node = read(tmp_path, text, lines("A,B,JS,1,2,300,PE,直埋")).nodes.iloc[0]
    assert node["extra"] == {"调查员": "王"}
    assert (node["source_file"], node["source_sheet"], node["source_row"]) == (0, "区管点", 2)


def swapped() -> str:
    return points(*(f"{key},JS,弯头,,{EAST + step},{NORTH + step},10" for key, step in (("A", 0), ("B", 30))))


def test_swapped_axes_are_refused_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="X and Y are swapped") as fault:
        read(tmp_path, swapped(), lines("A,B,JS,1,2,300,PE,直埋"))
    assert fault.value.exit_code == 41


def test_swapped_axes_are_set_right_where_the_profile_allows(tmp_path: Path) -> None:
    profile = tmp_path / "any.toml"
    profile.write_text('name = "any"\ntitle = "t"\nextends = "default"\naxis = "auto"\n', encoding="utf-8")
    delivery = read(tmp_path, swapped(), lines("A,B,JS,1,2,300,PE,直埋"), profile=profile)
    assert (delivery.nodes.geom[0].x, delivery.nodes.geom[0].y) == (EAST, NORTH)
    assert delivery.files[0].profile == "any"


@pytest.mark.parametrize(("north", "east", "hint"), [(NORTH, 38_492_000.0, "EPSG:4526"), (10.0, 20.0, "--crs")])
def test_places_that_cannot_be_are_refused(tmp_path: Path, north: float, east: float, hint: str) -> None:
    text = points(*(f"{key},JS,弯头,,{north + step},{east + step},10" for key, step in (("A", 0), ("B", 30))))
    with pytest.raises(CrsError, match=hint) as fault:
        read(tmp_path, text, lines("A,B,JS,1,2,300,PE,直埋"))
    assert fault.value.exit_code == 45


def test_zone_eastings_come_into_the_project_crs(tmp_path: Path) -> None:
    text = points(*(f"{key},JS,弯头,,{NORTH + step},{38e6 + EAST + step},10" for key, step in (("A", 0), ("B", 30))))
    delivery = read(tmp_path, text, lines("A,B,JS,1,2,300,PE,直埋"), source_crs="EPSG:4526")
    assert delivery.nodes.geom[1].x == pytest.approx(EAST + 30, abs=1e-6)


@pytest.mark.parametrize(
    ("crs", "said"), [("EPSG:2435", "Beijing 1954"), ("EPSG:2383", "Xian 1980"), ("EPSG:1", "known")]
)
def test_datums_without_a_safe_shift_are_refused(tmp_path: Path, crs: str, said: str) -> None:
    with pytest.raises(CrsError, match=said):
        read(tmp_path, TWO_POINTS, lines("A,B,JS,1,2,300,PE,直埋"), source_crs=crs)


def test_one_far_point_is_a_finding_not_a_refusal(tmp_path: Path) -> None:
    table = points(point("A"), point("B", step=30), point("C", step=60), f"D,JS,弯头,,{NORTH},{EAST * 10},10")
    delivery = read(tmp_path, table, lines("A,B,JS,1,2,300,PE,直埋"))
    (finding,) = [finding for finding in delivery.findings if finding.rule == "R06"]
    assert finding.feature_key == "D"


def test_missing_files_and_unknown_kinds_are_named(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"gone\.csv"):
        read_delivery([tmp_path / "gone.csv"], srid=4547)
    (tmp_path / "a.docx").write_bytes(b"PK")
    with pytest.raises(SourceError, match=r"a\.docx"):
        read_delivery([tmp_path / "a.docx"], srid=4547)


COMBINED = """图上点号,物探点号,连接点号,特征,附属物,X,Y,地面高程,管径,埋深,管线类型
,J1,J2,三通,,{n},{e},10,200,1.0,JS
,,,,,,,,,,
,J1,J3,,,,,,200,1.1,JS
,J2,J1,弯头,,{n2},{e},10,200,1.2,JS
,J3,J1,弯头,,{n},{e2},10,200,1.3,JS
"""


def test_a_combined_table_gives_points_and_each_line_once(tmp_path: Path) -> None:
    path = tmp_path / "成果表.csv"
    path.write_text(COMBINED.format(n=NORTH, n2=NORTH + 20, e=EAST, e2=EAST + 20), encoding="utf-8")
    delivery = read_delivery([path], srid=4547)
    assert sorted(delivery.nodes.source_key) == ["J1", "J2", "J3"]
    assert sorted(delivery.segments.source_key) == ["J1->J2", "J1->J3"]
    # Each row gives the depth at its own point: crown 10 - 1.0 at J1 and 10 - 1.2 at J2.
    assert z_of(delivery, "J1->J2") == [8.9, 8.7]
    assert account(delivery, "成果表") == (5, 4, 0, 1)


def test_lines_without_points_are_joined_where_they_meet(tmp_path: Path) -> None:
    rows = [(0, 0, 30, 0), (30.02, 0.01, 60, 0), (30, 0.02, 30, 40)]
    text = "管线类型,起点X,起点Y,终点X,终点Y,管径\n"
    text += "".join(f"JS,{NORTH + a},{EAST + b},{NORTH + c},{EAST + d},200\n" for a, b, c, d in rows)
    path = tmp_path / "线.csv"
    path.write_text(text, encoding="utf-8")
    delivery = read_delivery([path], srid=4547)
    assert (len(delivery.nodes), len(delivery.segments)) == (4, 3)
    assert delivery.nodes.source_key.tolist() == read_delivery([path], srid=4547).nodes.source_key.tolist()


@pytest.mark.parametrize(
    ("name", "series"),
    [
        ("东区管点.csv", "东区"),
        ("东区管线成果表.xlsx", "东区"),
        ("gas_point.shp", "gas"),
        ("JS_L.shp", "JS"),
        ("survey.mdb", "survey"),
    ],
)
def test_the_series_is_named_without_what_tells_points_from_lines(name: str, series: str) -> None:
    assert dataset_name(Path("/deliveries", name)) == series


CELLS = st.one_of(
    st.sampled_from(
        ["", "A", "B", "C", "JS", "WS", "JX", "0", "-9999", "/", "300", "16孔", "600X400", "1.5", "x", "合计"]
    ),
    st.floats(min_value=0, max_value=50).map(lambda value: f"{value:.2f}"),
    st.text(alphabet="AB10. 孔/管", max_size=4),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    point_cells=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), CELLS), max_size=8),
    line_cells=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 7), CELLS), max_size=10),
)
def test_whatever_stands_in_the_cells_every_row_is_accounted_for(
    tmp_path: Path, point_cells: list[tuple[int, int, str]], line_cells: list[tuple[int, int, str]]
) -> None:
    point_rows = [point(key, step=30 * place).split(",") for place, key in enumerate("ABCD")]
    line_rows = [f"{pair[0]},{pair[1]},JS,1,2,300,PE,直埋".split(",") for pair in ("AB", "BC", "CD", "BA")]
    for rows, changes in ((point_rows, point_cells), (line_rows, line_cells)):
        for row, column, cell in changes:
            rows[row][column] = cell
    try:
        delivery = read(tmp_path, points(*map(",".join, point_rows)), lines(*map(",".join, line_rows)))
    except SourceError:
        return
    for sheet, features in (("区管点", delivery.nodes), ("区管线", delivery.segments)):
        n_rows, loaded, refused, skipped = account(delivery, sheet)
        assert n_rows == 4
        assert loaded + refused + skipped == n_rows
        assert loaded == len(features)
    if len(delivery.segments):
        known = set(delivery.nodes.source_key)
        assert set(delivery.segments.from_key) | set(delivery.segments.to_key) <= known
        has_z = np.array([geom.has_z for geom in delivery.segments.geom])
        assert (has_z == (delivery.segments.elevation_source_code != "unknown")).all()


def test_a_column_of_numbers_is_not_the_class_and_one_finding_says_so(tmp_path: Path) -> None:
    point_text = points(*(point(key, code, step=30 * n) for n, (key, code) in enumerate(
        [("A", "236"), ("B", "5301"), ("C", "20605"), ("D", "54")])))  # fmt: skip
    delivery = read(tmp_path, point_text, lines("A,B,,1,2,300,PE,直埋"))
    assert set(delivery.nodes["class_code"]) == {"unknown"}
    assert delivery.nodes.set_index("source_key").loc["B", "extra"] == {"管线类型": "5301"}
    (told,) = [finding for finding in delivery.findings if finding.rule == "R12"]
    assert told.column == "管线类型"
    assert "236" in told.message_en
    assert "236" in told.message_zh
    unclassed = [finding for finding in delivery.findings if finding.rule == "IMP-CLASS"]
    assert [(finding.sheet, finding.details["rows"]) for finding in unclassed] == [("区管点", 4), ("区管线", 1)]
    assert all("--class" in finding.message_en for finding in unclassed)


def test_national_element_codes_are_classes(tmp_path: Path) -> None:
    delivery = read(tmp_path, points(point("A", "53010101"), point("B", "51020304", step=30)), lines())
    assert delivery.nodes["class_code"].tolist() == ["gas", "water"]


def test_a_class_given_with_the_import_fills_rows_that_name_none(tmp_path: Path) -> None:
    delivery = read(tmp_path, points(point("A", ""), point("B", "RQ", step=30)), lines(), default_class="foul")
    assert delivery.nodes["class_code"].tolist() == ["foul", "gas"]
    assert not [finding for finding in delivery.findings if finding.rule == "IMP-CLASS"]
    assert {file.profile for file in delivery.files} == {"default (class foul)"}


def test_a_class_that_there_is_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no class lemonade"):
        read(tmp_path, TWO_POINTS, lines(), default_class="lemonade")


def test_a_secret_class_is_refused_however_little_else_of_the_column_is_known(tmp_path: Path) -> None:
    point_text = points(*(point(key, code, step=30 * n) for n, (key, code) in enumerate(
        [("A", "Q1"), ("B", "Q2"), ("C", "JX")])))  # fmt: skip
    delivery = read(tmp_path, point_text, lines())
    assert delivery.nodes["source_key"].tolist() == ["A", "B"]


@pytest.mark.parametrize("word", ["JX", "jx1", "J X", "ＪＸ", "BZ-02", "军用", "军用管线", "保密专用(通信)"])
def test_a_secret_class_is_refused_and_counted_however_it_is_written(tmp_path: Path, word: str) -> None:
    point_text = points(point("A"), point("B", step=30), point("C", word, step=60))
    delivery = read(tmp_path, point_text, lines(f"A,B,{word},1,2,300,PE,直埋", "A,B,JS,1,2,300,PE,直埋"))
    assert delivery.nodes["source_key"].tolist() == ["A", "B"]
    assert len(delivery.segments) == 1
    assert [finding.details["rows"] for finding in delivery.findings if finding.rule == "IMP-SECRET"] == [1, 1]
    assert not [finding for finding in delivery.findings if word in (finding.value, finding.message_zh)]


@pytest.mark.parametrize("title", ["军用管线成果表", "某市保密专用线"])
def test_rows_that_name_no_class_under_a_secret_title_are_refused_and_counted(tmp_path: Path, title: str) -> None:
    point_text = points(point("A", ""), point("B", "JS", step=30))
    delivery = read(tmp_path, f"{title},,,\n{point_text}", f"{title},,,\n{lines('A,B,,1,2,300,PE,直埋')}")
    assert (delivery.nodes["source_key"].tolist(), len(delivery.segments)) == (["B"], 0)
    assert sum(finding.details["rows"] for finding in delivery.findings if finding.rule == "IMP-SECRET") == 2


@pytest.mark.parametrize(
    ("line", "rule", "place"),
    [
        ("B,B,JS,1,2,300,PE,直埋", "R13", (EAST + 30, NORTH + 30)),
        ("A,B,JS,deep,2,300,PE,直埋", "IMP-NUMBER", (EAST, NORTH)),
        ("X,B,JS,1,2,300,PE,直埋", "R20", (EAST + 30, NORTH + 30)),
    ],
)
def test_a_finding_about_a_line_stands_where_its_first_known_end_is(
    tmp_path: Path, line: str, rule: str, place: tuple[float, float]
) -> None:
    delivery = read(tmp_path, TWO_POINTS, lines(line))
    assert [(f.x_m, f.y_m) for f in delivery.findings if f.rule == rule] == [place]


def test_a_finding_about_a_point_stands_at_the_point(tmp_path: Path) -> None:
    delivery = read(tmp_path, points(point("A"), point("B", ground="high", step=30)), lines())
    assert [(f.rule, f.x_m, f.y_m) for f in delivery.findings] == [("IMP-NUMBER", EAST + 30, NORTH + 30)]


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.csv", b""), ("a.csv", b"\0\0"), ("a.mdb", b"no database"), ("a.xlsx", b"no workbook"), ("a.odt", b"letter")],
)
def test_a_file_that_cannot_be_read_is_refused_in_both_languages(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=name) as refused:
        read_delivery([tmp_path / name], srid=4547)
    assert name in refused.value.details["message_zh"]
    assert "请" in refused.value.details["message_zh"]


def test_units_in_headers_and_profiles_bring_numbers_into_the_model(tmp_path: Path) -> None:
    header = "起点点号,终点点号,管线类型,起点埋深(cm),终点埋深,断面尺寸(m),电压(V),压力"
    profile = tmp_path / "mine.toml"
    profile.write_text(
        'name = "mine"\ntitle = "t"\nextends = "default"\n[units]\nto_depth_m = "mm"\npressure = "kpa"\n',
        encoding="utf-8",
    )
    delivery = read(tmp_path, TWO_POINTS, f"{header}\nA,B,JS,120,2100,0.6X0.4,380,300\n", profile=profile)
    pipe = delivery.segments.iloc[0]
    assert (pipe["from_depth_m"], pipe["to_depth_m"]) == pytest.approx((1.2, 2.1))
    assert (pipe["width_mm"], pipe["height_mm"], pipe["voltage_kv"], pipe["pressure_mpa"]) == (600, 400, 0.38, 0.3)


def test_a_pressure_beside_its_class_is_read_as_both(tmp_path: Path) -> None:
    delivery = read(tmp_path, TWO_POINTS, "起点点号,终点点号,管线类型,压力\nA,B,RQ,中压A（0.4MPa）\n")
    pipe = delivery.segments.iloc[0]
    assert (pipe["pressure_code"], pipe["pressure_mpa"]) == ("medium_a", pytest.approx(0.4))


def test_nulls_of_one_attribute_and_another_vertical_datum_are_what_the_profile_says(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    text = 'name = "mine"\ntitle = "t"\nextends = "default"\n[null_values]\nfrom_depth_m = [99]\n'
    profile.write_text(
        text + 'ground_elevation_m = [-1]\n[vertical]\ndatum = "1956"\noffset_m = -0.03\n', encoding="utf-8"
    )
    table = points(point("A", ground=-1), point("B", ground=11, step=30))
    delivery = read(tmp_path, table, lines("A,B,JS,99,2,300,PE,直埋"), profile=profile)
    assert np.isnan(delivery.segments.from_depth_m[0])
    assert delivery.nodes.ground_elevation_m.tolist() == pytest.approx([np.nan, 10.97], nan_ok=True)


@pytest.mark.parametrize(
    ("north", "east", "hint"),
    [
        (NORTH, 19_797_000.0, "EPSG:4497"),
        (22.54, 113.92, "EPSG:4490"),
        (113.92, 22.54, "EPSG:4490"),
    ],
)
def test_a_system_that_the_numbers_can_be_in_is_named(tmp_path: Path, north: float, east: float, hint: str) -> None:
    step = 1e-5 if north < 1000 else 1.0
    text = points(*(f"{key},JS,弯头,,{north + n * step},{east + n * step},10" for n, key in enumerate("ABC")))
    with pytest.raises(CrsError, match=f"try --crs {hint}") as fault:
        read(tmp_path, text, lines("A,B,JS,1,2,300,PE,直埋"))
    assert f"--crs {hint}" in fault.value.details["message_zh"]


# A made-up city grid in which either order of axes is possible: both coordinates have five digits.
LOCAL_GRID = 'id = "city"\ntarget = "EPSG:4547"\n[helmert4]\ndelta_north_m = 2450000\ndelta_east_m = 450000\n'


def in_local_grid(folder: Path, axis: str, first: float, second: float, **options: Any) -> Delivery:
    (folder / "grid.toml").write_text(LOCAL_GRID, encoding="utf-8")
    profile = folder / "mine.toml"
    profile.write_text(f'name = "mine"\ntitle = "t"\nextends = "default"\naxis = "{axis}"\n', encoding="utf-8")
    table = points(*(f"{key},JS,弯头,,{first + n},{second + n},10" for n, key in enumerate("ABCD")))
    return read(folder, table, lines(), profile=profile, crs_file=folder / "grid.toml", **options)


THERE = (479_000.0, 2_489_000.0, 481_000.0, 2_491_000.0)


def test_where_either_order_of_axes_can_be_the_map_decides_and_it_is_told(tmp_path: Path) -> None:
    delivery = in_local_grid(tmp_path, "auto", 30_000, 40_000, bounds=THERE)
    assert (delivery.nodes.geom[0].x, delivery.nodes.geom[0].y) == (480_000, 2_490_000)
    (told,) = [finding for finding in delivery.findings if finding.rule == "IMP-AXIS"]
    assert (told.file, told.sheet, told.severity) == ("区管点.csv", "区管点", "info")


def test_where_either_order_can_be_and_the_map_is_empty_the_order_is_told_as_uncertain(tmp_path: Path) -> None:
    delivery = in_local_grid(tmp_path, "auto", 30_000, 40_000)
    assert (delivery.nodes.geom[0].x, delivery.nodes.geom[0].y) == (490_000, 2_480_000)
    (told,) = [finding for finding in delivery.findings if finding.rule == "IMP-AXIS"]
    assert told.severity == "warning"


def test_a_stated_order_that_the_map_contradicts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="X and Y are swapped"):
        in_local_grid(tmp_path, "x_is_northing", 30_000, 40_000, bounds=THERE)
    stated = in_local_grid(tmp_path, "x_is_easting", 30_000, 40_000, bounds=THERE)
    assert stated.nodes.geom[0].x == 480_000


def test_a_unit_that_a_header_states_is_told(tmp_path: Path) -> None:
    header = LINE_HEADER.replace("起点埋深", "起点埋深(cm)")
    delivery = read(tmp_path, TWO_POINTS, f"{header}\nA,B,JS,120,2,300,PE,直埋\n")
    (told,) = [finding for finding in delivery.findings if finding.rule == "IMP-UNIT"]
    assert (told.file, told.sheet, told.column, told.value) == ("区管线.csv", "区管线", "起点埋深(cm)", "cm")
    assert "0.01" in told.message_en
    assert "0.01" in told.message_zh


def test_columns_whose_names_read_like_attributes_are_told_and_not_used(tmp_path: Path) -> None:
    header = LINE_HEADER.replace("终点埋深", "终端埋置深度").replace("材质", "管子材质")
    delivery = read(tmp_path, TWO_POINTS, f"{header},备注,长度\nA,B,JS,1,2,300,PE,直埋,x,30\n")
    assert np.isnan(delivery.segments.to_depth_m[0])
    assert delivery.segments.extra[0]["终端埋置深度"] in (2, "2")
    (told,) = [finding for finding in delivery.findings if finding.rule == "IMP-COLUMN"]
    assert (told.severity, told.sheet, told.details["columns"]) == ("info", "区管线", {"终端埋置深度": "to_depth_m"})
    assert "--write-profile" in told.message_en
    assert "终点埋深" in told.message_zh


@pytest.mark.parametrize(("offset", "told"), [("", 1), ("offset_m = 0\n", 0), ("offset_m = -0.5\n", 0)])
def test_another_vertical_datum_without_its_distance_is_told(tmp_path: Path, offset: str, told: int) -> None:
    profile = tmp_path / "mine.toml"
    text = 'name = "mine"\ntitle = "t"\nextends = "default"\n[vertical]\ndatum = "1956"\n'
    profile.write_text(text + offset, encoding="utf-8")
    delivery = read(tmp_path, TWO_POINTS, lines("A,B,JS,1,2,300,PE,直埋"), profile=profile)
    assert [f.value for f in delivery.findings if f.rule == "IMP-HEIGHT"] == ["1956"] * told
