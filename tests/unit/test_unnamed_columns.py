"""Columns that no word list names: taken for what their numbers, units and places say, or left and told."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from pyproj import Transformer

from importers.delivery import read_delivery
from importers.proposing.dry_run import DryRun
from tests.unit.trials import proposed, trial

_N = 12
_GROUND_M = [110.0 + n / 10 + n % 3 / 7 for n in range(_N)]
_DEPTHS_M = [1.6 + n % 4 / 9 for n in range(_N)]


def _wells(east: float, north: float) -> list[list[Any]]:
    return [
        [f"A{n}", f"{east + 30 * n:.2f}", f"{north + 3 * n:.2f}", f"{_GROUND_M[n]:.2f}",
         f"{_GROUND_M[n] - _DEPTHS_M[n]:.2f}", f"{_DEPTHS_M[n]:.2f}"]
        for n in range(_N)
    ]  # fmt: skip


def _pipes() -> list[list[Any]]:
    inverts = [f"{_GROUND_M[n] - _DEPTHS_M[n] + 0.02:.2f}" for n in range(_N)]
    return [[f"A{n}", f"A{n + 1}", "300", inverts[n], inverts[n + 1]] for n in range(_N - 1)]


def test_ground_bottom_depth_and_inverts_are_told_by_their_numbers_in_a_language_that_nobody_knows(
    tmp_path: Path,
) -> None:
    wells = _csv(tmp_path / "studnie.csv", ["Nr qq", "X", "Y", "Rzzt", "Rzzd", "Głzz"], _wells(7501200.0, 5789300.0))
    pipes = _csv(tmp_path / "rury.csv", ["Pzz", "Kzz", "Śrzz [mm]", "Rzzp", "Rzzk"], _pipes())

    delivery = trial(_proposed([wells, pipes], "EPSG:2178"))

    np.testing.assert_allclose(delivery.nodes["ground_elevation_m"], np.round(_GROUND_M, 2))
    np.testing.assert_allclose(delivery.nodes["well_depth_m"].astype(float), np.round(_DEPTHS_M, 2), atol=1e-6)
    inverts_m = np.round(np.subtract(_GROUND_M, _DEPTHS_M) + 0.02, 2)
    np.testing.assert_allclose(delivery.segments["from_elevation_m"], inverts_m[:-1])
    np.testing.assert_allclose(delivery.segments["to_elevation_m"], inverts_m[1:])
    assert delivery.segments["width_mm"].eq(300).all()


@pytest.mark.parametrize("names", [("Rzędna qq", "Rzędna ww"), ("Rzędna ww", "Rzędna qq"), ("DMGC", "JDGC")])
def test_of_two_levels_that_read_as_the_ground_the_lower_is_the_bottom(tmp_path: Path, names: tuple[str, str]) -> None:
    wells = _csv(tmp_path / "wells.csv", ["Nr", "X", "Y", *names], [row[:5] for row in _wells(7501200.0, 5789300.0)])

    delivery = trial(_proposed([wells], "EPSG:2178"))

    np.testing.assert_allclose(delivery.nodes["ground_elevation_m"], np.round(_GROUND_M, 2))
    np.testing.assert_allclose(delivery.nodes["well_depth_m"].astype(float), np.round(_DEPTHS_M, 2), atol=0.011)


def test_small_decimals_below_a_high_ground_are_depths_and_no_elevations(tmp_path: Path) -> None:
    points = [row[:4] for row in _wells(507000.0, 2495000.0)]
    points = [[key, north, east, f"{float(ground) - 98:.2f}"] for key, east, north, ground in points]
    wells = _csv(tmp_path / "点.csv", ["点号", "X", "Y", "地面高程"], points)
    pipes = _csv(
        tmp_path / "线.csv", ["起点", "终点", "q", "r"], [[f"A{n}", f"A{n + 1}", 1.3, 1.45] for n in range(11)]
    )

    found = _proposed([wells, pipes], "EPSG:4547")

    assert [column.attribute for column in found.tables[1].columns[2:]] == ["from_depth_m", "to_depth_m"]


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("cp1250", ["Nr studni", "X", "Y", "Rzędna początku", "Rzędna źródła", "Głębokość"]),
        ("cp1251", ["Номер", "X", "Y", "Отметка люка", "Отметка лотка", "Глубина колодца"]),
        ("cp1255", ["מספר שוחה", "X", "Y", "רום מכסה", "רום תחתית", "עומק השוחה"]),
        ("cp949", ["맨홀번호", "X", "Y", "지반고", "관저고", "맨홀깊이"]),
        ("cp1252", ["Schacht-Nr", "X", "Y", "Deckelhöhe", "Sohlhöhe", "Schachttiefe über Grund"]),
    ],
)
def test_words_are_read_in_the_code_page_of_their_language(tmp_path: Path, encoding: str, names: list[str]) -> None:
    words = "시점종점재질설치일자구배연장" if encoding == "cp949" else names[-1]
    file = _csv(tmp_path / "a.csv", [*names, words], [[*row, words] for row in _wells(7501200.0, 5789300.0)], encoding)

    columns = [column.column for column in _proposed([file], "EPSG:2178").tables[0].columns]

    assert columns[:6] == names


def test_the_unit_that_stands_in_a_column_beside_holds_row_by_row(tmp_path: Path) -> None:
    header = ["X1", "Y1", "X2", "Y2", "DIAMETER", "DIA_UNIT"]
    rows = [
        [451200 + 30 * n, 207300, 451230 + 30 * n, 207300, (125, 4)[n % 2], ("MM", "INCH")[n % 2]] for n in range(8)
    ]

    delivery = trial(_proposed([_csv(tmp_path / "water.csv", header, rows)], "EPSG:27700"))

    assert delivery.segments["width_mm"].round(1).tolist() == 4 * [125.0, 101.6]
    assert [finding.column for finding in delivery.findings if finding.rule == "IMP-UNIT"] == ["DIAMETER"]


@pytest.mark.parametrize("is_proposed", [True, False])
def test_x_is_what_the_system_of_the_map_calls_so_where_both_orders_can_be(tmp_path: Path, is_proposed: bool) -> None:
    rows = [[f"A{n}", 451200 + 30 * n, 207300 + n, 60 + n / 10] for n in range(6)]
    file = _csv(tmp_path / "water.csv", ["point_no", "X", "Y", "elevation"], rows)

    delivery = (
        trial(_proposed([file], "EPSG:27700")) if is_proposed else read_delivery([file], srid=27700)
    )  # fmt: skip

    assert shapely.get_coordinates(delivery.nodes["geom"]).tolist()[0] == [451200, 207300]
    assert is_proposed or "IMP-AXIS" in {finding.rule for finding in delivery.findings}


def test_coordinates_in_feet_of_a_system_in_feet_are_not_made_metres_before(tmp_path: Path) -> None:
    rows = [[f"MH{n}", 560000 + 90 * n, 1450000 + 7 * n, 712.5] for n in range(6)]
    file = _csv(tmp_path / "sewer.csv", ["MH ID", "Northing (ft)", "Easting (ft)", "Rim Elev (ft)"], rows)

    delivery = trial(_proposed([file], "EPSG:32119", source_crs="EPSG:2264"))

    there = Transformer.from_crs(2264, 32119, always_xy=True).transform(1450000, 560000)
    np.testing.assert_allclose(shapely.get_coordinates(delivery.nodes["geom"])[0], there, atol=0.001)
    np.testing.assert_allclose(delivery.nodes["ground_elevation_m"], 712.5 * 0.3048, atol=0.001)


def test_none_of_several_columns_of_dates_is_taken_where_no_name_says_which(tmp_path: Path) -> None:
    rows = [[*row[:4], f"{1980 + n}", f"{1990 + n}"] for n, row in enumerate(_wells(7501200.0, 5789300.0))]
    file = _csv(tmp_path / "a.csv", ["Nr", "X", "Y", "H", "qwe", "rty"], rows)

    assert trial(_proposed([file], "EPSG:2178")).nodes["installed_on"].isna().all()


def test_days_of_one_year_are_of_a_survey_and_not_of_building(tmp_path: Path) -> None:
    rows = [[*row[:4], f"2023-04-{n + 1:02d}"] for n, row in enumerate(_wells(7501200.0, 5789300.0))]
    file = _csv(tmp_path / "a.csv", ["Nr", "X", "Y", "H", "qwe"], rows)

    assert trial(_proposed([file], "EPSG:2178")).nodes["installed_on"].isna().all()


def test_one_depth_in_the_row_of_a_line_is_that_of_both_its_ends(tmp_path: Path) -> None:
    points = _csv(tmp_path / "点.csv", ["点号", "东坐标", "北坐标"], [row[:3] for row in _wells(507000.0, 2495000.0)])
    depths = ["1.2m", "120cm", "≈1.2", "1,20 m", "1.20（实测）", "1.1/1.3"]
    lines = _csv(
        tmp_path / "线.csv", ["起点", "终点", "埋深"], [[f"A{n}", f"A{n + 1}", d] for n, d in enumerate(depths)]
    )

    segments = trial(_proposed([points, lines], "EPSG:4547")).segments

    np.testing.assert_allclose(segments["from_depth_m"].astype(float), [*5 * [1.2], 1.1], atol=1e-6)
    np.testing.assert_allclose(segments["to_depth_m"].astype(float), [*5 * [1.2], 1.3], atol=1e-6)


@pytest.mark.parametrize("unit", ["grid", "degrees"])
def test_two_pairs_of_columns_that_lie_where_the_map_is_are_the_ends_of_lines(tmp_path: Path, unit: str) -> None:
    places = [(507_000.0 + 30 * n, 2_495_000.0 + 3 * n) for n in range(_N + 1)]
    to_degrees = Transformer.from_crs("EPSG:4547", "EPSG:4490", always_xy=True)
    written = [
        [f"{east:.3f}", f"{north:.3f}"]
        if unit == "grid"
        else [_in_sixtieths(part) for part in to_degrees.transform(east, north)]
        for east, north in places
    ]
    rows = [[*start, *end, "DN200"] for start, end in pairwise(written)]
    file = _csv(tmp_path / "给水.csv", ["甲 q", "甲 r", "乙 q", "乙 r", "管径"], rows)

    segments = trial(_proposed([file], "EPSG:4547")).segments

    drawn = [shapely.get_coordinates(line).tolist() for line in segments["geom"]]
    np.testing.assert_allclose(drawn, list(pairwise(places)), atol=0.01)


def _in_sixtieths(degrees: float) -> str:
    minutes = (degrees - int(degrees)) * 60
    return f"{int(degrees)}°{int(minutes):02d}′{(minutes - int(minutes)) * 60:09.6f}″"


@pytest.mark.parametrize(("per_metre", "unit"), [(1 / 0.3048, 0.3048), (1.0, 1.0)])
def test_lengths_of_lines_tell_that_heights_are_in_feet(tmp_path: Path, per_metre: float, unit: float) -> None:
    wells = _csv(
        tmp_path / "manholes.csv", ["FACILITYID", "X", "Y", "RIMELEV"],
        [[f"A{n}", 551_200 + 30 * n, 4_182_300, 100 + n / 8] for n in range(_N)],
    )  # fmt: skip
    pipes = _csv(
        tmp_path / "sewers.csv", ["FROMMH", "TOMH", "UPELEV", "DOWNELEV", "Shape__Length"],
        [[f"A{n}", f"A{n + 1}", 95.5, 95.25, round(30 * per_metre, 3)] for n in range(_N - 1)],
    )  # fmt: skip

    found = _proposed([wells, pipes], "EPSG:26910")

    delivery = trial(found)
    np.testing.assert_allclose(delivery.nodes["ground_elevation_m"].iloc[0], 100 * unit)
    np.testing.assert_allclose(delivery.segments["from_elevation_m"], 95.5 * unit)
    assert (found.foot_told is None) == (unit == 1.0)


@pytest.mark.parametrize("write", [shapely.to_geojson, lambda line: shapely.to_wkb(line, hex=True)])
def test_lines_in_a_column_of_shapes_are_drawn_whatever_they_are_written_in(
    tmp_path: Path, write: Callable[[shapely.Geometry], str]
) -> None:
    to_degrees = Transformer.from_crs("EPSG:4547", "EPSG:4490", always_xy=True)
    places = [(507_000.0 + 30 * n, 2_495_000.0) for n in range(_N + 1)]
    lines = [shapely.LineString(pair) for pair in pairwise([to_degrees.transform(*place) for place in places])]
    file = _csv(
        tmp_path / "管道段.csv", ["id", "管孔总数", "几何"], [[n, 6, write(line)] for n, line in enumerate(lines)]
    )

    segments = trial(_proposed([file], "EPSG:4547")).segments

    drawn = [shapely.get_coordinates(line).tolist() for line in segments["geom"]]
    np.testing.assert_allclose(drawn, list(pairwise(places)), atol=0.01)
    assert segments["hole_count"].eq(6).all()


def test_points_of_a_receiver_are_numbered_by_their_names_and_not_by_degrees_or_times(tmp_path: Path) -> None:
    rows = [
        [n, 2_495_000 + n, 507_000 + 30 * n, 12.5 + n / 7, "22:33:%08.5f" % (9 + n / 8), "1.3", f"09:00:{n:02d}"]
        for n in range(1, _N)
    ]
    file = _csv(tmp_path / "20240811.csv", ["Name", "N", "E", "H", "B", "PDOP", "Time"], rows)

    nodes = trial(_proposed([file], "EPSG:4547")).nodes

    assert nodes["source_key"].tolist() == [str(n) for n in range(1, _N)]
    assert nodes["well_depth_m"].isna().all()


def test_references_to_the_british_grid_are_places(tmp_path: Path) -> None:
    # Ordnance Survey, A guide to coordinate systems in Great Britain: Caister water tower.
    rows = [["A1", "TG 51409 13177"], ["A2", "TG5150013200"], ["A3", "TG 5160 1320"]]
    file = _csv(tmp_path / "valves.csv", ["Asset Ref", "NGR"], rows)

    delivery = trial(_proposed([file], "EPSG:27700"))

    places = shapely.get_coordinates(delivery.nodes["geom"].to_numpy()).tolist()
    assert places == [[651409, 313177], [651500, 313200], [651600, 313200]]
    assert "IMP-PAIR" in {finding.rule for finding in delivery.findings}


@pytest.mark.parametrize(("word", "owner"), [("水司", "水司"), ("米", None)])
def test_a_column_of_units_is_no_owner(tmp_path: Path, word: str, owner: str | None) -> None:
    points = _csv(
        tmp_path / "点.csv", ["点号", "X", "Y"], [[f"A{n}", 2_495_000 + n, 507_000 + 30 * n] for n in range(_N)]
    )
    lines = _csv(tmp_path / "线.csv", ["起点", "终点", "单位"], [[f"A{n}", f"A{n + 1}", word] for n in range(_N - 1)])

    owners = trial(_proposed([points, lines], "EPSG:4547")).segments["owner"]

    assert set(owners) == {owner}


def test_texts_without_a_header_are_points_and_lines_by_what_stands_in_them(tmp_path: Path) -> None:
    points, lines = tmp_path / "点.txt", tmp_path / "线.txt"
    points.write_text("\n".join(f"DX{n}  {2_495_000 + n}.25  {507_000 + 30 * n}.5  12.9{n}  人孔" for n in range(_N)))
    lines.write_text("\n".join(f"DX{n}  DX{n + 1}  300*200  PVC" for n in range(_N - 1)))

    delivery = trial(_proposed([points, lines], "EPSG:4547"))

    assert shapely.get_coordinates(delivery.nodes["geom"].iloc[1]).tolist() == [[507_030.5, 2_495_001.25]]
    first = delivery.segments.iloc[0]
    assert (first["from_key"], first["to_key"], first["width_mm"], first["height_mm"]) == ("DX0", "DX1", 300, 200)


def test_wells_whose_pipes_stand_in_numbered_columns_give_a_line_for_each(tmp_path: Path) -> None:
    names = ["连接井号", "管径", "管底深(m)"]
    header = ["井编号", "横坐标", "纵坐标", *(f"管{k}{name}" for k in (1, 2) for name in names)]
    rows = [
        [
            f"Y{n}",
            507_000 + 30 * n,
            2_495_000,
            f"Y{n + 1}",
            300 + n,
            1.5,
            *([f"Y{n - 1}", 299 + n, 1.25] if n else [""] * 3),
        ]
        for n in range(_N - 1)
    ]
    file = _csv(tmp_path / "雨水井.csv", header, [*rows, [f"Y{_N - 1}", 507_000 + 30 * _N, 2_495_000, *[""] * 6]])

    lines = trial(_proposed([file], "EPSG:4547")).segments

    assert lines["width_mm"].tolist() == [300 + n for n in range(_N - 1)]
    assert lines["from_depth_m"].eq(1.5).all()
    assert lines["to_depth_m"].iloc[:-1].eq(1.25).all()


def test_the_class_stands_first_in_codes_of_field_books(tmp_path: Path) -> None:
    codes = ["JS-DN300-PE", "YS-d600-HNT", "RQ-DE110-PE"]
    rows = [[f"A{n}", 2_495_000 + n, 507_000 + 30 * n, codes[n % 3]] for n in range(_N)]
    file = _csv(tmp_path / "20240811.csv", ["点号", "X", "Y", "管线代码"], rows)

    delivery = trial(_proposed([file], "EPSG:4547"))

    assert delivery.nodes["class_code"].tolist()[:3] == ["water", "storm", "gas"]
    assert any("JS-DN300-PE → water" in finding.message_en for finding in delivery.findings)


@pytest.mark.parametrize("name", ["管段号", "线号"])
def test_running_numbers_of_lines_are_no_pairs_of_points(tmp_path: Path, name: str) -> None:
    rows = [[f"GD-{n}", 2_495_000, 507_000 + 30 * n, 2_495_000, 507_030 + 30 * n, "3PE"] for n in range(_N)]
    file = _csv(tmp_path / "燃气.csv", [name, "起点X", "起点Y", "终点X", "终点Y", "防腐"], rows)

    for delivery in (trial(_proposed([file], "EPSG:4547")), read_delivery([file], srid=4547)):
        assert len(delivery.segments) == _N
        assert shapely.length(delivery.segments["geom"].to_numpy()).tolist() == [30.0] * _N
        assert delivery.segments["width_mm"].isna().all()
        assert {told[name] for told in delivery.segments["extra"]} == {f"GD-{n}" for n in range(_N)}


def test_the_invert_of_a_pipe_is_not_the_bottom_of_the_well_beside_it(tmp_path: Path) -> None:
    of_wells = [f"{end}检查井{name}" for end in ("上游", "下游") for name in ("编号", "X", "Y", "井底标高")]
    header = [*of_wells, "管径", "上游管底标高", "下游管底标高"]
    rows = [
        [f"W{n}", 2_495_000, 507_000 + 30 * n, 9.4, f"W{n + 1}", 2_495_000, 507_030 + 30 * n, 9.3, 300, 9.6, 9.5]
        for n in range(_N)
    ]
    file = _csv(tmp_path / "污水管网台账.csv", header, rows)

    lines = trial(_proposed([file], "EPSG:4547")).segments

    assert lines["from_elevation_m"].eq(9.6).all()
    assert lines["to_elevation_m"].eq(9.5).all()


def _csv(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]], encoding: str = "utf-8") -> Path:
    text = "\n".join(";".join(map(str, row)) for row in [header, *rows])
    path.write_text(text + "\n", encoding=encoding)
    return path


def _proposed(files: Sequence[Path], crs: str, source_crs: str | None = None) -> DryRun:
    return proposed(files, crs, source_crs=source_crs, default_class="water")
