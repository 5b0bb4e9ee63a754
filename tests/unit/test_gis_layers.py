"""What layers of lines and points mean: every part a pipe, ends joined by number or place, nothing lost on the way."""

import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from importers.base import DERIVED, RecordTable
from importers.delivery import read_delivery
from importers.normalising.parts import in_parts
from importers.places.surface import REACH_M, Ground
from importers.profile_files import load_profile
from pipemap.errors import SourceError
from schemas.delivery import Delivery

EAST, NORTH = 500_000.0, 2_490_000.0


def at(x: float, y: float, *z: float) -> tuple[float, ...]:
    return (EAST + x, NORTH + y, *z)


def line(*places: tuple[float, ...]) -> shapely.LineString:
    return shapely.LineString([at(*place) for place in places])


def several(*lines: shapely.LineString) -> shapely.MultiLineString:
    return shapely.MultiLineString(lines)


def deliver(folder: Path, layers: dict[str, gpd.GeoDataFrame], **options: Any) -> Delivery:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, frame in layers.items():
            pyogrio.write_dataframe(frame, folder / "a.gpkg", layer=name, geometry_type="Unknown")
    return read_delivery([folder / "a.gpkg"], srid=4547, **options)


def layer(shapes: list[Any], **columns: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4547")


def account(delivery: Delivery) -> Counter[str]:
    totals: Counter[str] = Counter()
    for count in delivery.counts:
        assert count.loaded + count.refused + count.skipped == count.rows
        totals.update(loaded=count.loaded, refused=count.refused, skipped=count.skipped)
    return totals


def rules(delivery: Delivery) -> Counter[str]:
    return Counter(finding.rule for finding in delivery.findings if finding.rule != "IMP-CLASS")


def test_every_part_of_a_line_is_a_pipe_and_the_row_counts_once(tmp_path: Path) -> None:
    shapes = [several(line((0, 0), (10, 0)), line((20, 0), (30, 0)), line((40, 0), (50, 0))), line((60, 0), (70, 0))]
    delivery = deliver(tmp_path, {"pipes": layer(shapes, dn=[100, 200])})
    assert account(delivery) == Counter(loaded=2)
    assert delivery.segments["source_row"].tolist() == [1, 1, 1, 2]
    assert [round(shape.length) for shape in delivery.segments["geom"]] == [10] * 4
    assert delivery.segments["width_mm"].tolist() == [100, 100, 100, 200]
    assert len(delivery.nodes) == 8
    assert not rules(delivery)


def test_parts_that_meet_are_one_pipe(tmp_path: Path) -> None:
    shapes = [
        several(line((0, 0), (10, 0)), line((10, 0), (20, 0))),
        several(line((0, 5), (9, 5)), line((20, 5), (9, 5))),
    ]
    delivery = deliver(tmp_path, {"pipes": layer(shapes)})
    assert [round(shape.length) for shape in delivery.segments["geom"]] == [20, 20]


@pytest.mark.parametrize("profile", ["gis-layers", "default"])
def test_the_outer_parts_keep_the_numbers_and_heights_of_the_row(tmp_path: Path, profile: str) -> None:
    points = layer([shapely.Point(at(0, 0)), shapely.Point(at(30, 0))], 点号=["A", "B"], X=[0, 0], Y=[0, 0])
    pipe = layer(
        [several(line((0, 0), (10, 0)), line((20, 0), (30, 0)))],
        起点点号=["A"],
        终点点号=["B"],
        起点埋深=[1.5],
        终点埋深=[2.5],
    )
    delivery = deliver(tmp_path, {"points": points, "lines": pipe}, profile=profile, default_class="water")
    keys = list(zip(delivery.segments["from_key"], delivery.segments["to_key"], strict=True))
    assert [keys[0][0], keys[1][1]] == ["A", "B"]
    assert "@" in keys[0][1]
    assert "@" in keys[1][0]
    assert delivery.segments["from_depth_m"].fillna(-1).tolist() == [1.5, -1]
    assert delivery.segments["to_depth_m"].fillna(-1).tolist() == [-1, 2.5]
    assert account(delivery) == Counter(loaded=3)


def test_a_ring_is_loaded_with_its_whole_length(tmp_path: Path) -> None:
    ring = line((0, 0), (100, 0), (100, 100), (0, 100), (0, 0))
    delivery = deliver(tmp_path, {"pipes": layer([ring, line((0, 0), (-10, 0))])})
    assert sum(shape.length for shape in delivery.segments["geom"]) == pytest.approx(410)
    assert account(delivery) == Counter(loaded=2)
    assert len(delivery.nodes) == 4
    assert not rules(delivery)


def test_a_speck_is_refused_for_what_it_is(tmp_path: Path) -> None:
    delivery = deliver(tmp_path, {"pipes": layer([line((0, 0), (0.03, 0)), line((0, 0), (10, 0))])})
    [finding] = [finding for finding in delivery.findings if finding.rule == "R18"]
    assert "0.03 m long" in finding.message_en
    assert account(delivery) == Counter(loaded=1, refused=1)


def test_a_point_that_no_table_has_is_made_where_its_line_ends(tmp_path: Path) -> None:
    points = layer([shapely.Point(at(0, 0))], node_id=["A"])
    pipes = layer([line((0, 0), (10, 0)), line((10, 0), (20, 0))], from_node=["A", "B"], to_node=["B", "C"])
    delivery = deliver(tmp_path, {"points": points, "pipes": pipes}, profile="gis-layers")
    assert account(delivery) == Counter(loaded=3)
    assert set(delivery.nodes["source_key"]) == {"A", "B", "C"}
    assert [(f.rule, f.severity, f.feature_key) for f in delivery.findings if f.rule == "R20"] == [
        ("R20", "warning", "B"),
        ("R20", "warning", "C"),
    ]


def test_missing_and_empty_geometry_is_counted(tmp_path: Path) -> None:
    shapes = [line((0, 0), (10, 0)), None, shapely.LineString(), shapely.MultiLineString()]
    delivery = deliver(tmp_path, {"pipes": layer(shapes, dn=[100, 200, 300, 400])})
    assert account(delivery) == Counter(loaded=1, refused=3)


def test_a_text_for_the_section_tells_the_material_where_no_column_does(tmp_path: Path) -> None:
    shapes = [line((0, y), (10, y)) for y in range(4)]
    texts = ["125 PE 100 SDR 11", "DN300 铸铁", "PVC_110", "200"]
    delivery = deliver(tmp_path, {"pipes": layer(shapes, 规格=texts, 材质=[None, "钢", None, None])})
    assert delivery.segments["material_code"].fillna("").tolist() == ["pe", "steel", "pvc", ""]
    assert delivery.segments["width_mm"].tolist() == [125, 300, 110, 200]


def test_points_lines_and_areas_of_one_layer_become_what_they_are(tmp_path: Path) -> None:
    shapes = [
        shapely.Point(at(0, 0)),
        line((0, 0), (10, 0)),
        shapely.box(*at(20, 20), *at(30, 30)),
        shapely.Point(at(10, 0)),
    ]
    delivery = deliver(tmp_path, {"all": layer(shapes, name=["a", "b", "c", "d"])})
    assert account(delivery) == Counter(loaded=4)
    assert [len(delivery.nodes), len(delivery.segments), len(delivery.structures)] == [2, 1, 1]


def test_pipes_drawn_as_areas_are_refused_for_that(tmp_path: Path) -> None:
    areas = layer([shapely.box(*at(0, 0), *at(10, 1))], from_node=["A"], to_node=[None])
    delivery = deliver(tmp_path, {"pipes": layer([line((0, 0), (10, 0))]), "sewers": areas}, default_class="foul")
    [finding] = [finding for finding in delivery.findings if finding.rule == "IMP-SHAPE"]
    assert (finding.sheet, finding.details["rows"]) == ("sewers", 1)
    assert account(delivery) == Counter(loaded=1, refused=1)


def test_layers_named_for_a_device_hold_such_devices(tmp_path: Path) -> None:
    valves = layer([shapely.Point(at(0, 0)), shapely.Point(at(10, 0))], remark=["x", "y"])
    wells = layer([shapely.box(*at(20, 0), *at(21, 1))], remark=["z"])
    delivery = deliver(tmp_path, {"给水阀门": valves, "Manholes": wells}, default_class="water")
    assert Counter(delivery.nodes["appurtenance_code"]) == Counter(valve=2, manhole=1)
    assert len(delivery.structures) == 0
    assert shapely.get_coordinates(delivery.nodes["geom"].iloc[2]).tolist() == [[EAST + 20.5, NORTH + 0.5]]
    assert rules(delivery)["IMP-LAYER"] == 2


def test_a_column_of_appurtenances_is_believed_before_the_name_of_the_layer(tmp_path: Path) -> None:
    points = layer([shapely.Point(at(0, 0)), shapely.Point(at(10, 0))], 附属物=["消防栓", None])
    delivery = deliver(tmp_path, {"valves": points}, default_class="water")
    assert delivery.nodes["appurtenance_code"].fillna("").tolist() == ["hydrant", ""]


@pytest.mark.parametrize("fill", [-9999.0, -99999.0, -999.0, -1.7976931348623157e308, float("nan"), 0.0, 1e38])
def test_drawn_heights_that_stand_for_none_are_none(tmp_path: Path, fill: float) -> None:
    shapes = [
        line((0, 0, 5), (10, 0, 4)),
        line((20, 0, fill), (30, 0, fill)),
        line((40, 0, 3), (50, 0, fill), (60, 0, 2)),
    ]
    delivery = deliver(tmp_path, {"pipes": layer(shapes)}, profile="gis-layers")
    heights = [shapely.get_coordinates(shape, include_z=True)[:, 2].tolist() for shape in delivery.segments["geom"]]
    assert heights[0] == [5, 4]
    assert np.isnan(heights[1]).all()
    assert heights[2] == pytest.approx([3, 2.5 if fill else 0, 2])
    assert delivery.segments["elevation_source_code"].tolist()[:2] == ["inferred", "unknown"]


def test_ground_between_its_points_gives_depths_a_height_that_is_inferred(tmp_path: Path) -> None:
    pipes = layer(
        [line((5, 5), (15, 5)), line((500, 0), (510, 0))], 起点埋深=[1.0, 1.0], 终点埋深=[2.0, 2.0], 管径=[200, 200]
    )
    corners = [shapely.Point(at(x, y, 20 + x / 10)) for x in (0, 20) for y in (0, 20)]
    delivery = deliver(tmp_path, {"pipes": pipes, "高程点": layer(corners, n=[1, 2, 3, 4])}, default_class="water")
    assert account(delivery) == Counter(loaded=2, skipped=4)
    grounds = dict(zip(delivery.nodes["source_key"], delivery.nodes["ground_elevation_m"], strict=True))
    assert sorted(value for value in grounds.values() if value == value) == pytest.approx([20.5, 21.5])
    heights = shapely.get_coordinates(delivery.segments["geom"].iloc[0], include_z=True)[:, 2]
    # Depths of a water main are to its crown, half its outer size above the axis.
    assert heights.tolist() == pytest.approx([20.5 - 1.0 - 0.1, 21.5 - 2.0 - 0.1])
    assert delivery.segments["elevation_source_code"].tolist() == ["inferred", "unknown"]
    assert rules(delivery)["IMP-SURFACE"] == 1


@given(
    slopes=st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2)),
    seed=st.integers(0, 10_000),
    count=st.integers(1, 60),
)
@settings(max_examples=60, deadline=None)
def test_the_ground_of_a_plane_is_that_plane_or_unknown(slopes: tuple[float, float], seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    xy = np.array([EAST, NORTH]) + random.uniform(0, 100, (count, 2))

    def plane(places: np.ndarray) -> np.ndarray:
        return 50 + (places - [EAST, NORTH]) @ slopes

    asked = np.array([EAST, NORTH]) + random.uniform(-50, 150, (40, 2))
    found = Ground(xy, plane(xy)).at(asked)
    nearest = np.linalg.norm(asked[:, None] - xy[None], axis=2).min(axis=1)
    told = ~np.isnan(found)
    # A point within half a metre lends its own height.
    assert np.abs(found - plane(asked))[told].max(initial=0) <= 0.15 + 1e-6
    assert (nearest[told] <= REACH_M).all()


@pytest.fixture
def shapefile(tmp_path: Path) -> Path:
    folder = tmp_path / "made"
    folder.mkdir()
    frame = layer([line((0, 0), (10, 0)), line((10, 0), (20, 0))], 管径=[100, 200])
    pyogrio.write_dataframe(frame, folder / "管线.shp", encoding="GBK")
    return folder / "管线.shp"


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_what_lies_beside_the_layers_of_an_archive_is_left_out_with_a_word(shapefile: Path, tmp_path: Path) -> None:
    parts = {part.name: part.read_bytes() for part in shapefile.parent.iterdir()}
    others = dict.fromkeys(["说明.pdf", "style.lyr", "metadata.xml", "照片/1.jpg", "config.json"], b"{}")
    delivery = read_delivery([zipped(tmp_path / "a.zip", parts | others)], srid=4547)
    assert account(delivery) == Counter(loaded=2)
    told = {finding.file for finding in delivery.findings if finding.rule == "IMP-FILE"}
    assert told == {"说明.pdf", "style.lyr", "metadata.xml", "1.jpg", "config.json"}
    with pytest.raises(SourceError, match="of no kind that can be imported"):
        read_delivery([zipped(tmp_path / "b.zip", others)], srid=4547)


def test_files_of_one_name_in_several_folders_keep_their_own_rows_and_systems(shapefile: Path, tmp_path: Path) -> None:
    here = {f"东区/{part.name}": part.read_bytes() for part in shapefile.parent.iterdir()}
    pyogrio.write_dataframe(gpd.read_file(shapefile).translate(500).to_crs("EPSG:4490").to_frame(), shapefile)
    there = {f"西区/{part.name}": part.read_bytes() for part in shapefile.parent.iterdir()}
    delivery = read_delivery([zipped(tmp_path / "全市.zip", here | there)], srid=4547)
    assert [file.name for file in delivery.files] == ["东区/管线.shp", "西区/管线.shp"]
    assert {count.file: count.loaded for count in delivery.counts} == {"东区/管线.shp": 2, "西区/管线.shp": 2}
    starts = delivery.segments.groupby("source_file")["geom"].first()
    assert [start.coords[0][0] - EAST for start in starts] == pytest.approx([0, 500], abs=1e-3)


places = st.tuples(st.integers(0, 50), st.integers(0, 50))
drawn = st.lists(st.lists(places, min_size=2, max_size=6).filter(lambda p: len(set(p)) > 1), min_size=1, max_size=4)


@given(rows=st.lists(drawn, min_size=1, max_size=5))
@settings(max_examples=100, deadline=None)
def test_taking_apart_neither_loses_nor_adds_length_and_every_row_counts_once(rows: list[Any]) -> None:
    shapes = np.array([several(*map(shapely.LineString, row)) for row in rows] + [None], dtype=object)
    table = RecordTable("a.gpkg", "a", pd.DataFrame({"k": range(len(shapes))}), shapes)
    apart = in_parts(table, load_profile("gis-layers"))
    assert apart.geometry is not None
    length = pd.Series(shapely.length(apart.geometry)).groupby(apart.rows["k"].to_numpy()).sum()
    assert np.allclose(length, np.nan_to_num(shapely.length(shapes)))
    derived = apart.rows.get(DERIVED, pd.Series(False, index=apart.rows.index))
    assert (~derived.astype(bool)).sum() == len(shapes)
    assert set(shapely.get_type_id(apart.geometry)) <= {shapely.GeometryType.LINESTRING, shapely.GeometryType.MISSING}


@pytest.mark.parametrize(("trust", "source"), [("", "unknown"), ("\n[reader]\ntrust_z = true\n", "inferred")])
def test_lines_drawn_at_the_ground_of_their_points_have_no_height_by_that(
    tmp_path: Path, trust: str, source: str
) -> None:
    places = [(500000.0, 2490000.0, 12.5), (500030.0, 2490000.0, 12.75)]
    points = {"key": ["A", "B"], "ground_elevation_m": [12.5, 12.75]}
    gpd.GeoDataFrame(points, geometry=[shapely.Point(p[:2]) for p in places], crs=4547).to_file(tmp_path / "p.gpkg")
    line = gpd.GeoDataFrame({"from_key": ["A"], "to_key": ["B"]}, geometry=[shapely.LineString(places)], crs=4547)
    line.to_file(tmp_path / "l.gpkg")
    profile = tmp_path / "mine.toml"
    profile.write_text(f'name = "mine"\ntitle = "layers"\nextends = "gis-layers"\n{trust}')

    delivery = read_delivery([tmp_path / "p.gpkg", tmp_path / "l.gpkg"], srid=4547, profile=profile)

    assert delivery.segments["elevation_source_code"].tolist() == [source]
    assert ("IMP-Z" in {finding.rule for finding in delivery.findings}) == (source == "unknown")


def test_a_drawn_height_beside_a_depth_without_ground_is_inferred_and_told(tmp_path: Path) -> None:
    line = shapely.LineString([(500000, 2490000, 12.5), (500030, 2490000, 12.75)])
    layer = gpd.GeoDataFrame({"from_depth_m": [1.2], "to_depth_m": [1.2]}, geometry=[line], crs=4547)
    layer.to_file(tmp_path / "l.gpkg")
    delivery = read_delivery([tmp_path / "l.gpkg"], srid=4547, default_class="water")
    assert delivery.segments["elevation_source_code"].tolist() == ["inferred"]
    assert "IMP-Z" in {finding.rule for finding in delivery.findings}


def test_a_layer_of_which_no_column_is_known_tells_what_their_names_read_like(tmp_path: Path) -> None:
    pipes = layer([line((0, 0), (30, 0))], sohlhoehe_oben=[9.6], rohrmaterial=["PE"])
    told = [f.details["columns"] for f in deliver(tmp_path, {"haltungen": pipes}).findings if f.rule == "IMP-COLUMN"]
    assert told == [{"sohlhoehe_oben": "from_elevation_m", "rohrmaterial": "material"}]
