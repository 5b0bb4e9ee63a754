"""Dry runs of deliveries that no profile knows: what is proposed, and that the written profile gives just that."""

import random
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyproj import Transformer

from importers.delivery import read_delivery
from importers.places.georeference import parse_crs
from importers.places.place_readings import Home
from importers.profile_files import load_profile
from importers.proposing.dry_run import DryRun, dry_run
from schemas.delivery import Delivery

HOME = Home(parse_crs("EPSG:4547"))
TO_DEGREES = Transformer.from_crs(4547, 4490, always_xy=True)
NORTH, EAST = 2_494_000.0, 492_000.0

# A usual name of each column, and others for it that no shipped profile knows: words, English, pinyin, slips.
POINT_NAMES = {
    "物探点号": ["井代号", "窨井号", "MH_REF", "ManholeID", "GDH", "检查井代号", "物探点好"],
    "X": ["纵向", "北坐标值", "N", "Northing_m", "northing_coordinate"],
    "Y": ["横向", "东坐标值", "E", "Easting_m", "easting_coordinate"],
    "地面高程": ["地高", "井盖标高", "CL", "GroundLevel", "rim_elev", "DMBG", "地面高成"],
    "特征": ["管点性质", "点特征", "TZD", "FeatureClass"],
}
LINE_NAMES = {
    "起点点号": ["上井代号", "始端井号", "US_REF", "UpstreamManhole", "QDJH", "起始井号", "FNODE"],
    "终点点号": ["下井代号", "终端井号", "DS_REF", "DownstreamManhole", "ZDJH", "终止井号", "TNODE"],
    "起点埋深": ["上端埋深", "start_depth_m", "US Depth", "QDSD", "起点埋身"],
    "终点埋深": ["下端埋深", "end_depth_m", "DS Depth", "ZDSD", "终点埋身"],
    "管径": ["管道直径", "PIPE_DIA", "Diameter_mm", "ZJ"],
    "材质": ["管道材质", "PIPE_MATRL", "MAT'L", "CZ", "管才"],
    "埋设方式": ["铺设方式", "埋设方法", "laying_method", "MSLX"],
    "建成年月": ["建造年", "YearBuilt", "JSND", "竣工年份"],
}


def network(count: int, seed: int) -> tuple[list[list[Any]], list[list[Any]]]:
    drawn = random.Random(seed)
    points = [
        [f"W{at:03d}", f"{NORTH + 30 * at + drawn.random():.3f}", f"{EAST + 9 * at + drawn.random():.3f}",
         f"{20 + drawn.random():.3f}", drawn.choice(["弯头", "三通"])]
        for at in range(count)
    ]  # fmt: skip
    lines = [
        [points[at][0], points[at + 1][0], f"{1 + drawn.random():.2f}", f"{1 + drawn.random():.2f}",
         drawn.choice([300, 400, 600]), drawn.choice(["PE", "球墨铸铁", "混凝土"]), drawn.choice(["直埋", "管埋"]),
         drawn.choice(["2015-06", "1998-01"])]
        for at in range(count - 1)
    ]  # fmt: skip
    return points, lines


def write(path: Path, header: list[str], rows: list[list[Any]]) -> Path:
    path.write_text("\n".join(",".join(map(str, row)) for row in [header, *rows]) + "\n", encoding="utf-8")
    return path


def tried(paths: list[Path], home: Home = HOME, **options: Any) -> DryRun:
    return dry_run(paths, home, on_progress=lambda *_: None, **options)


def with_written(paths: list[Path], text: str, folder: Path, srid: int = 4547) -> Delivery:
    profile = folder / "mine.toml"
    profile.write_text(text, encoding="utf-8")
    return read_delivery(paths, profile=profile, srid=srid)


def same(one: Delivery, other: Delivery) -> None:
    """Features of two deliveries are equal, whatever their columns were called."""
    for kind in ("nodes", "segments"):
        frames = [getattr(delivery, kind).sort_values("source_key").reset_index(drop=True) for delivery in (one, other)]
        left, right = (frame.drop(columns=["geom", "source_file"]) for frame in frames)
        pd.testing.assert_frame_equal(left, right)
        assert shapely.equals_exact(frames[0]["geom"], frames[1]["geom"]).all()
    # A written profile uses or leaves every column by name: of it alone nothing is left to be told.
    told = [[(f.rule, f.value) for f in d.findings if f.rule != "IMP-COLUMN"] for d in (one, other)]
    assert told[0] == told[1]
    assert "IMP-COLUMN" not in {finding.rule for finding in one.findings}


def taken(found: DryRun, sheet: str) -> dict[str, str | None]:
    (table,) = [table for table in found.tables if table.sheet == sheet]
    return {column.column: column.attribute for column in table.columns}


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(choice=st.randoms(use_true_random=False), count=st.integers(min_value=8, max_value=14))
def test_a_delivery_with_names_never_seen_is_read_by_its_written_profile(
    tmp_path: Path, choice: random.Random, count: int
) -> None:
    points, lines = network(count, seed=count)
    usual = [write(tmp_path / "点.csv", list(POINT_NAMES), points), write(tmp_path / "线.csv", list(LINE_NAMES), lines)]
    headers = [[choice.choice(names) for names in known.values()] for known in (POINT_NAMES, LINE_NAMES)]
    folder = tmp_path / "strange"
    folder.mkdir(exist_ok=True)
    strange = [write(folder / "点.csv", headers[0], points), write(folder / "线.csv", headers[1], lines)]
    found = tried(strange)
    assert None not in taken(found, "点").values(), headers[0]
    assert None not in taken(found, "线").values(), headers[1]
    same(with_written(strange, found.text, folder), read_delivery(usual, srid=4547))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    extra=st.lists(st.text(alphabet="备注图幅abc_# \"'\\号", min_size=1, max_size=6), max_size=3, unique=True),
    count=st.integers(min_value=4, max_value=9),
)
def test_a_known_delivery_gives_the_same_with_the_written_profile(tmp_path: Path, extra: list[str], count: int) -> None:
    points, lines = network(count, seed=count)
    header = [*POINT_NAMES, *(f'"{name.replace(chr(34), chr(34) * 2)}"' for name in extra)]
    paths = [
        write(tmp_path / "点.csv", header, [[*row, *("x" for _ in extra)] for row in points]),
        write(tmp_path / "线.csv", list(LINE_NAMES), lines),
    ]
    same(with_written(paths, tried(paths).text, tmp_path), read_delivery(paths, srid=4547))


def test_numbers_of_lines_that_are_like_those_of_points_are_no_ends(tmp_path: Path) -> None:
    points = [[f"YS{n}", 512100 + 30 * n, 2611900 + n % 3, 30 + n] for n in range(1, 10)]
    lines = [[f"YS{n - 1}", f"YS{n}", f"YS{n + 1}", 300 + n] for n in range(1, 9)]
    files = [
        write(tmp_path / "井.csv", ["编码", "横坐标", "纵坐标", "地面高程"], points),
        write(tmp_path / "管线.csv", ["管线编码", "起点编码", "终点编码", "管径"], lines),
    ]
    found = taken(tried(files), "管线")
    assert (found["起点编码"], found["终点编码"]) == ("from_key", "to_key")


def test_heights_take_no_column_of_a_layout_that_a_shipped_profile_settles(tmp_path: Path) -> None:
    path, at = tmp_path / "ws.gpkg", np.arange(8)
    east, north = 420_000 + 30 * at, np.full(8, 4_577_000)
    nodes = gpd.GeoDataFrame(
        {"node_id": at.astype(str), "top_elev": 20 + at % 3}, geometry=shapely.points(east, north), crs=25831
    )
    ends = {"arc_id": at[1:].astype(str), "node_1": at[:-1].astype(str), "node_2": at[1:].astype(str)}
    sizes = {"arccat_id": "PVC160", "dnom_mm": 160, "sys_top_elev1": 20 + at[:-1] % 3}
    lines = shapely.linestrings([[(x, 4_577_000), (x + 30, 4_577_000)] for x in east[:-1]])
    pyogrio.write_dataframe(nodes, path, layer="ws_node")
    pyogrio.write_dataframe(gpd.GeoDataFrame({**ends, **sizes}, geometry=lines, crs=25831), path, layer="ws_arc")
    found = tried([path], Home(parse_crs("EPSG:25831")))
    written = with_written([path], found.text, tmp_path, srid=25831)
    shipped = read_delivery([path], srid=25831)
    assert shipped.files[0].profile == "giswater-ws"
    assert "sys_top_elev1" in shipped.segments.extra[0]
    same(written, shipped)


def test_every_column_tells_what_it_was_taken_for_why_how_sure_and_what_stands_in_it(tmp_path: Path) -> None:
    points, lines = network(9, seed=1)
    found = tried([
        write(tmp_path / "点.csv", ["物探点号", "N", "E", "说明", "点特征"], points),
        write(tmp_path / "线.csv", ["上井代号", "下井代号", "甲", "乙", "管径", "管才", "埋设方式", "丙"], lines),
    ])  # fmt: skip
    columns = {column.column: column for table in found.tables for column in table.columns}
    key, north, start, material, a = (columns[name] for name in ("物探点号", "N", "上井代号", "管才", "甲"))
    assert (key.attribute, key.certainty, key.samples) == ("key", 1.0, ("W000", "W001", "W002"))
    assert "profile default knows this name" in key.why.en
    assert "列名" in key.why.zh
    assert (north.attribute, start.attribute, material.attribute) == ("northing_m", "from_key", "material")
    assert "上 + 井 + 代号" in start.why.en
    assert (a.attribute, a.by_values) == ("from_depth_m", True)
    sure = [column.certainty or 0.0 for column in (a, material, key)]
    assert sure == sorted(sure)
    assert sure[0] < sure[1] < sure[2]
    left = columns["说明"]
    assert (left.attribute, left.samples[0]) == (None, points[0][3])
    assert [match.attribute for match in left.near] == ["ground_elevation_m"]


def test_what_only_values_say_is_used_from_a_written_profile_alone(tmp_path: Path) -> None:
    points, lines = network(9, seed=2)
    paths = [
        write(tmp_path / "一.csv", list("ABCDE"), points),
        write(tmp_path / "二.csv", list("FGHIJKLM"), lines),
    ]
    found = tried(paths)
    assert {table.sheet: table.role for table in found.tables} == {"一": "node", "二": "segment"}
    assert all(column.by_values for table in found.tables for column in table.columns if column.attribute)
    delivery = with_written(paths, found.text, tmp_path)
    assert (len(delivery.nodes), len(delivery.segments)) == (9, 8)
    with pytest.raises(Exception, match="--dry-run"):
        read_delivery(paths, srid=4547)


def test_ground_depth_and_elevation_tell_themselves_by_what_they_add_up_to(tmp_path: Path) -> None:
    points, lines = network(9, seed=3)
    ground = {row[0]: float(row[3]) for row in points}
    rows = [[start, end, f"{ground[start] - float(up):.3f}", up, f"{ground[end]:.3f}"] for start, end, up, *_ in lines]
    paths = [write(tmp_path / "点.csv", list(POINT_NAMES), points), write(tmp_path / "线.csv", [*"起终甲乙丙"], rows)]
    found = tried(paths)
    assert taken(found, "线") == {
        "起": "from_key", "终": "to_key", "甲": "from_elevation_m", "乙": "from_depth_m", "丙": "to_ground_m",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second", "axis", "crs"),
    [
        (NORTH, EAST, "x_is_northing", None),
        (EAST, NORTH, "x_is_easting", None),
        (NORTH, 38e6 + EAST, "x_is_northing", "EPSG:4526"),
        (22.54, 113.92, "x_is_northing", "EPSG:4490"),
        (113.92, 22.54, "x_is_easting", "EPSG:4490"),
    ],
)
def test_the_written_profile_says_how_coordinates_are_read(
    tmp_path: Path, first: float, second: float, axis: str, crs: str | None
) -> None:
    step = 1e-4 if first < 1000 else 10
    rows = [[f"W{at}", first + step * at, second + step * at, 10] for at in range(5)]
    paths = [write(tmp_path / "点.csv", ["物探点号", "X", "Y", "地面高程"], rows)]
    found = tried(paths)
    assert found.fault is None
    profile = tmp_path / "mine.toml"
    profile.write_text(found.text, encoding="utf-8")
    assert (load_profile(profile).axis, load_profile(profile).crs) == (axis, crs)
    lon_lat = shapely.transform(
        with_written(paths, found.text, tmp_path).nodes["geom"].to_numpy(),
        lambda xy: np.column_stack(TO_DEGREES.transform(xy[:, 0], xy[:, 1])),
    )
    assert 113.9 < shapely.get_x(lon_lat[0]) < 113.95
    assert 22.5 < shapely.get_y(lon_lat[0]) < 22.6


def test_columns_named_the_wrong_way_round_change_places(tmp_path: Path) -> None:
    rows = [[f"W{at}", NORTH + 10 * at, EAST + 10 * at, 10] for at in range(5)]
    found = tried([write(tmp_path / "点.csv", ["物探点号", "东坐标", "北坐标", "地面高程"], rows)])
    assert taken(found, "点") == {
        "物探点号": "key", "东坐标": "northing_m", "北坐标": "easting_m", "地面高程": "ground_elevation_m",
    }  # fmt: skip
    assert found.fault is None


def test_unknown_words_come_with_the_nearest_known_one(tmp_path: Path) -> None:
    points, lines = network(9, seed=4)
    for row, word in zip(lines, ["灰口铸贴", "钢筋混凝士", "ductil iron", "月石", "PE", "PE", "PE", "PE"], strict=True):
        row[5] = word
    found = tried([
        write(tmp_path / "点.csv", list(POINT_NAMES), points), write(tmp_path / "线.csv", list(LINE_NAMES), lines)
    ])  # fmt: skip
    near = {word.word: word.near and word.near.code for word in found.words}
    assert near == {"灰口铸贴": "cast_iron", "钢筋混凝士": "concrete", "ductil iron": "ductile_iron", "月石": None}
    assert '# "灰口铸贴" = "cast_iron"' in found.text


def test_codes_of_the_standard_are_read_where_a_column_holds_no_other_unknown_word(tmp_path: Path) -> None:
    points, lines = network(9, seed=4)
    for row, word in zip(lines, ["ZT", "QM", "G", "PE", "PE", "PE", "PE", "PE"], strict=True):
        row[5] = word
    found = tried([
        write(tmp_path / "点.csv", list(POINT_NAMES), points), write(tmp_path / "线.csv", list(LINE_NAMES), lines)
    ])  # fmt: skip
    assert found.trial is not None
    assert found.trial.segments["material_code"].tolist()[:4] == ["cast_iron", "ductile_iron", "steel", "pe"]
    assert {word.said_by for word in found.words} == {"CJJ 61-2017 C.0.1"}


def test_a_unit_in_a_header_or_in_the_values_is_proposed(tmp_path: Path) -> None:
    points, lines = network(9, seed=5)
    for row in lines:
        row[2], row[3] = round(float(row[2]) * 100), round(float(row[3]) * 100)
    names = ["起点点号", "终点点号", "起点埋深(cm)", "终点埋深", *list(LINE_NAMES)[4:]]
    paths = [write(tmp_path / "点.csv", list(POINT_NAMES), points), write(tmp_path / "线.csv", names, lines)]
    found = tried(paths)
    units = {column.column: column.unit for table in found.tables for column in table.columns}
    assert (units["起点埋深(cm)"], units["终点埋深"]) == ("cm", "cm")
    depths = with_written(paths, found.text, tmp_path).segments[["from_depth_m", "to_depth_m"]]
    assert ((depths > 0.9) & (depths < 2.1)).all(axis=None)


def test_what_stands_in_the_way_of_an_import_is_told_and_the_profile_is_there_all_the_same(tmp_path: Path) -> None:
    rows = [["W1", 1.0, 2.0, 10], ["W2", 1.5, 2.5, 10]]
    found = tried([write(tmp_path / "点.csv", ["物探点号", "X", "Y", "地面高程"], rows)])
    assert found.fault is not None
    assert found.trial is None
    assert "[columns.node]" in found.text


def test_names_are_read_by_the_words_that_a_delivery_has_for_points_and_ends(tmp_path: Path) -> None:
    points, lines = network(9, seed=7)
    paths = [
        write(tmp_path / "点.csv", ["Oznaka zorgla", "N", "E", "Grond", "Tip zorgli"], points),
        write(
            tmp_path / "线.csv",
            ["A端zorgla", "Z端zorgla", "A端埋深", "Z端埋深", "Vlastník", "Provozovatel"],
            [[*line[:4], "Město Kolín", "Vodos s.r.o."] for line in lines],
        ),
    ]
    found = tried(paths)
    assert taken(found, "点")["Tip zorgli"] == "feature"
    # Who owns a pipe comes first, however much the name of who runs it looks like a company's.
    told = ["from_key", "to_key", "from_depth_m", "to_depth_m", "owner", None]
    assert list(taken(found, "线").values()) == told
    why = {column.column: column.why for table in found.tables for column in table.columns}
    assert "the columns of point numbers tell the words" in why["A端埋深"].en


def test_units_and_values_tell_what_half_a_name_does_not(tmp_path: Path) -> None:
    points, lines = network(9, seed=8)
    header = ["起点点号", "终点点号", "通道净宽(m)", "净高(m)", "衬砌材料", "Qw (kV)", "管孔数(总/用)", "Xuprav"]
    rows = [[*line[:2], "2.4", "1.8", "砖" if line[5] == "PE" else "混凝土", 10, "6/2", "JKP Kabel"] for line in lines]
    paths = [write(tmp_path / "点.csv", list(POINT_NAMES), points), write(tmp_path / "线.csv", header, rows)]
    found = tried(paths)
    told = ["from_key", "to_key", "inner_width_mm", "inner_height_mm", "material", "voltage", "holes", "owner"]
    assert list(taken(found, "线").values()) == told
    # No row names a class, and what bears 10 kV is a power line.
    assert found.class_told is not None
    assert set(with_written(paths, found.text, tmp_path).segments["class_code"]) == {"power"}


def test_inverts_are_told_by_the_end_that_they_lie_below_the_ground_of(tmp_path: Path) -> None:
    points, lines = network(12, seed=9)
    codes = ["51042204" if at % 2 else "51022204" for at in range(len(points))]
    ground = {row[0]: float(row[3]) for row in points}
    deep = {row[0]: 0.4 if at % 2 else 2.9 for at, row in enumerate(points)}
    rows = [[*line[:2], *(f"{ground[key] - deep[key]:.2f}" for key in line[1::-1])] for line in lines]
    wells = [[*row[:4], f"{deep[row[0]] + 0.3:.2f}", code] for row, code in zip(points, codes, strict=True)]
    found = tried([
        write(tmp_path / "点.csv", ["物探点号", "X", "Y", "地面高程", "井深", "编码"], wells),
        write(tmp_path / "线.csv", ["起点点号", "终点点号", "甲", "乙"], rows),
    ])  # fmt: skip
    # They stand the other way round here.
    assert taken(found, "线") == {
        "起点点号": "from_key", "终点点号": "to_key", "甲": "to_elevation_m", "乙": "from_elevation_m",
    }  # fmt: skip
    # Element codes of CJJ 61 tell the class.
    assert taken(found, "点")["编码"] == "class"
