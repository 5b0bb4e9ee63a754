"""Plans that say what lines are by letters in them, by a legend, or where another drawing attaches them."""

from pathlib import Path

import ezdxf
import numpy as np
import pytest
import shapely
import shapely.ops
from ezdxf.document import Drawing
from ezdxf.enums import TextEntityAlignment

from importers.delivery import read_delivery
from importers.places.georeference import parse_crs
from importers.places.place_readings import Home
from importers.proposing.dry_run import dry_run
from schemas.findings import Severity
from tests.unit.drawings import Read, at, drawn, label, tagged

CORNERS = [at(0), at(60, 8), at(110, 2)]


def lettered(drawing: Drawing, letters: str, north_m: float, layer: str = "0") -> None:
    """A line of one bend that is broken for each letter, drawn in pieces that run now this way, now that."""
    space = drawing.modelspace()
    line = shapely.LineString([(x, y + north_m) for x, y, _ in CORNERS])
    places = [line.length * (n + 1) / (len(letters) + 1) for n in range(len(letters))]
    cuts = [0.0, *(place + side for place in places for side in (-1.5, 1.5)), line.length]
    for n, (start, end) in enumerate(zip(cuts[::2], cuts[1::2], strict=True)):
        piece = shapely.ops.substring(line, start, end).coords[:: -1 if n % 2 else 1]
        space.add_lwpolyline(piece, dxfattribs={"layer": layer})
    for letter, place in zip(letters, places, strict=True):
        middle = line.interpolate(place).coords[0]
        text = space.add_text(letter, height=1.5, dxfattribs={"layer": layer})
        text.set_placement(middle, align=TextEntityAlignment.MIDDLE_CENTER)


def test_a_line_broken_for_its_letters_is_one_pipe_of_their_class(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        lettered(drawing, "JJJJ", 0)
        lettered(drawing, "YYY", 20)
        lettered(drawing, "xxxx", 40, "FENCE")

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("0", "segment", "drawn_class") == ["J", "Y"]
    lines = read["0", "segment"].geometry
    assert lines is not None
    for line, north_m in zip(lines, (0, 20), strict=True):
        wanted = np.array([(x, y + north_m) for x, y, _ in CORNERS])
        found = shapely.get_coordinates(line)
        assert np.allclose(found if found[0, 0] < found[-1, 0] else found[::-1], wanted, atol=0.001)
    assert ("FENCE", "segment") not in read.tables


def test_a_line_with_a_letter_written_on_it_again_and_again_is_of_its_class(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        for n, letter in enumerate(("给", "污", "x")):
            space.add_line(at(0, 10 * n), at(80, 10 * n))
            for place in (20, 40, 60):
                text = space.add_text(letter, height=1.5)
                text.set_placement(at(place, 10 * n), align=TextEntityAlignment.MIDDLE_CENTER)

    assert Read(drawn(tmp_path / "a.dxf", draw)).column("0", "segment", "drawn_class") == ["给", "污"]


def test_numbers_beside_vertices_that_may_be_anything_are_told(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.modelspace().add_lwpolyline([at(0)[:2], at(30)[:2], at(60)[:2]], dxfattribs={"layer": "JSLINE"})
        for place in (0, 30, 60):
            label(drawing.modelspace(), "12.35", at(place, 0.5), "LEVELS")

    [told] = Read(drawn(tmp_path / "a.dxf", draw)).findings("IMP-LEVELS")
    assert told.details["rows"] == 3


@pytest.mark.parametrize(
    ("letters", "classes"),
    [("WWW GGG SSS", [None, None, None]), ("WWW JJJ", ["W", "J"]), ("WWW GGG EEE", ["water", "gas", "power"])],
)
def test_a_w_is_water_on_an_american_plan_foul_on_a_chinese_one_and_nothing_on_others(
    tmp_path: Path, letters: str, classes: list[str | None]
) -> None:
    def draw(drawing: Drawing) -> None:
        for n, of_line in enumerate(letters.split()):
            lettered(drawing, of_line, 20 * n, "PIPES")

    options = {"network_layers": ["PIPES"]}
    assert Read(drawn(tmp_path / "a.dxf", draw), **options).column("PIPES", "segment", "drawn_class") == classes


@pytest.mark.parametrize(
    ("layers", "classes"),
    [
        (
            {"W": "water", "SS": "foul", "SD-LINE": "storm", "G": "gas", "ROADS": None},
            ["foul", "gas", "storm", "water"],
        ),
        ({"SS": "water", "JS": "water", "WS": "foul"}, ["foul", "water", "water"]),
        ({"WL": "water", "SS": "foul", "SD": "storm", "WL_PTS": "water"}, ["foul", "storm", "water", "water"]),
    ],
)
def test_layers_of_few_letters_mean_together_what_they_do_on_their_plan(
    tmp_path: Path, layers: dict[str, str | None], classes: list[str]
) -> None:
    def draw(drawing: Drawing) -> None:
        for n, layer in enumerate(layers):
            drawing.modelspace().add_line(at(0, 10 * n), at(40, 10 * n), {"layer": layer})

    found = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).segments
    assert sorted(found["class_code"]) == classes


SAMPLES = {"WATER MAIN": 5, "GAS MAIN": 2, "SANITARY SEWER": 3}


@pytest.mark.parametrize("layer", ["UTILITIES", "图例"])
def test_lines_are_of_the_class_of_their_colour_in_the_legend(tmp_path: Path, layer: str) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        for n, (name, colour) in enumerate(SAMPLES.items()):
            space.add_line(at(0, 10 * n), at(80, 10 * n + 3), {"layer": "UTILITIES", "color": colour})
            space.add_line(at(200, 4 * n), at(210, 4 * n), {"layer": layer, "color": colour})
            label(space, name, at(212, 4 * n - 0.5), layer)
        space.add_line(at(0, -10), at(80, -10), {"layer": "UTILITIES", "color": 9})
        space.add_line(at(0, -20), at(80, -20), {"layer": "ROADS", "color": 5})

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("UTILITIES", "segment", "drawn_class") == ["water", "gas", "foul"]
    assert ("ROADS", "segment") not in read.tables
    assert [finding.details["rows"] for finding in read.findings("IMP-LEGEND")] == [3]


@pytest.mark.parametrize(("heading", "n_pipes"), [("图 例", 3), ("街道断面", 6)])
def test_samples_under_a_heading_are_no_pipes_though_all_lines_look_alike(
    tmp_path: Path, heading: str, n_pipes: int
) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        for n, name in enumerate(("给水", "污水", "燃气")):
            space.add_line(at(0, 10 * n), at(80, 10 * n + 3), {"layer": name})
            space.add_line(at(200, 4 * n), at(210, 4 * n), {"layer": name})
            label(space, f"{name}管线", at(212, 4 * n - 0.5), "注记")
        label(space, heading, at(204, 12), "注记")

    assert len(read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).segments) == n_pipes


def test_circles_at_every_end_of_a_main_are_points_and_of_a_sewer_manholes(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        for y, layer in ((0, "给水"), (20, "污水")):
            for n in range(5):
                drawing.modelspace().add_circle(at(30 * n, y), 0.4, {"layer": layer})
            for n in range(4):
                drawing.modelspace().add_line(at(30 * n, y), at(30 * (n + 1), y), {"layer": layer})

    nodes = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).nodes
    assert nodes.groupby("class_code")["appurtenance_code"].count().loc[["foul", "water"]].tolist() == [5, 0]


@pytest.mark.parametrize("moved", [True, False])
def test_an_attached_drawing_of_the_delivery_is_read_once_and_where_it_is_attached(tmp_path: Path, moved: bool) -> None:
    base = (0.0, 0.0) if moved else at(0)[:2]
    unit = 1000 if moved else 1
    inner = ezdxf.new("R2010", units=4 if moved else 6)
    inner.modelspace().add_line((base[0], base[1]), (base[0] + 30 * unit, base[1]), dxfattribs={"layer": "给水-DN300"})
    inner.saveas(tmp_path / "inner.dxf")
    host = ezdxf.new("R2010", units=6)
    host.add_xref_def(".\\inner.dxf", "inner")
    place = at(5, 7)[:2] if moved else (0.0, 0.0)
    scale = {"xscale": 1 / unit, "yscale": 1 / unit, "zscale": 1 / unit}
    host.modelspace().add_blockref("inner", place, {"rotation": 90.0 if moved else 0.0, **scale})
    host.saveas(tmp_path / "host.dxf")
    # A second sheet that attaches the same, with nothing else but a frame.
    host.modelspace().add_lwpolyline([at(0)[:2], at(99)[:2], at(99, 99)[:2]], dxfattribs={"layer": "TK"})
    host.saveas(tmp_path / "other.dxf")

    files = [tmp_path / name for name in ("inner.dxf", "host.dxf", "other.dxf")]
    [line] = read_delivery(files, srid=4547).segments["geom"]
    wanted = [at(5, 7)[:2], at(5, 37)[:2]] if moved else [at(0)[:2], at(30)[:2]]
    np.testing.assert_allclose(shapely.get_coordinates(line), wanted, atol=1e-6)


@pytest.mark.parametrize("letters", [("", ""), ("D=", "S=")])
def test_levels_over_each_other_beside_a_well_are_of_its_ground_and_bottom(
    tmp_path: Path, letters: tuple[str, str]
) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(30), {"layer": "SEWER_PIPE_225_PVC"})
        for n in (0, 30):
            space.add_circle(at(n), 0.4, {"layer": "SEWER_PIPE_225_PVC"})
            label(space, f"{letters[0]}{101 + n / 100:.2f}", at(n + 0.6, 0.8), "LEVELS")
            label(space, f"{letters[1]}{98 + n / 100:.2f}", at(n + 0.6, -0.8), "LEVELS")

    delivery = read_delivery([drawn(tmp_path / "sanitary.dxf", draw)], srid=4547)
    assert sorted(delivery.nodes["ground_elevation_m"]) == pytest.approx([101.0, 101.3])
    assert delivery.nodes["well_depth_m"].tolist() == pytest.approx([3.0, 3.0])
    [pipe] = delivery.segments.to_dict("records")
    assert (pipe["class_code"], pipe["width_mm"], pipe["material_code"]) == ("foul", 225, "pvc")


def test_lines_of_one_code_of_the_legend_are_of_the_class_that_is_written_on_some(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        for n, code in enumerate(("541110", "541110", "543110", "543110", "599999")):
            line = drawing.modelspace().add_line(at(0, 10 * n), at(40, 10 * n), {"layer": "GXYZ"})
            tagged(line, "SOUTH", code)
        label(drawing.modelspace(), "上水 DN200", at(15, 0.5), "GXYZ")
        label(drawing.modelspace(), "污水 DN300", at(15, 30.5), "GXYZ")

    found = dry_run([drawn(tmp_path / "a.dxf", draw)], Home(parse_crs("EPSG:4547")), on_progress=lambda *_: None)
    assert found.trial is not None
    assert found.trial.segments["class_code"].tolist() == ["water", "water", "foul", "foul", "unknown"]


POINTS = "2\r\n1,JS1,500000.000,2500000.000,12.300\r\n2,JS2,500030.000,2500000.000,12.500\r\nno point\r\n"


def test_points_beside_a_drawing_give_its_points_their_height(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_bytes(POINTS.encode("gbk"))
    (tmp_path / "a.cas").write_text("CASS70\n")
    path = drawn(tmp_path / "a.dxf", lambda drawing: drawing.modelspace().add_line(at(0), at(30), {"layer": "JSLINE"}))
    delivery = read_delivery([path, tmp_path / "a.dat", tmp_path / "a.cas"], srid=4547)
    assert sorted(delivery.nodes["ground_elevation_m"]) == [12.3, 12.5]
    assert [finding.row for finding in delivery.findings if finding.rule == "IMP-RECORD"] == [4]


def test_points_of_a_network_alone_are_points_with_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.dat").write_text(POINTS)
    nodes = read_delivery([tmp_path / "a.dat"], srid=4547).nodes.set_index("source_key")
    assert nodes["ground_elevation_m"].to_dict() == {"JS1": 12.3, "JS2": 12.5}
    assert set(nodes["class_code"]) == {"water"}


@pytest.mark.parametrize(
    ("texts", "ends"),
    [
        (["MH-1|RIM=102.35|INV OUT=98.11", "MH-2|RIM=102.00|INV IN (W)=97.80|INV OUT=97.70"], (98.11, 97.80)),
        (["W-1|地面标高:102.35|管底标高:98.11", "W-2|地面标高:102.00|管底标高:97.80"], (98.11, 97.80)),
    ],
)
def test_levels_of_pipes_at_the_end_of_a_leader_are_those_of_their_ends(
    tmp_path: Path, texts: list[str], ends: tuple[float, float]
) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(30), {"layer": "污水"})
        for n, text in enumerate(texts):
            space.add_circle(at(30 * n), 0.4, {"layer": "污水"})
            for corners in ((at(30 * n), at(30 * n + 3, 8)), (at(30 * n + 3, 8), at(30 * n + 14, 8))):
                space.add_line(*corners, {"layer": "DIM_污水"})
            for row, line in enumerate(text.split("|")):
                label(space, line, at(30 * n + 3.2, 8.2 - 1.5 * row), "DIM_污水")

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    [pipe] = delivery.segments.to_dict("records")
    assert (pipe["from_elevation_m"], pipe["to_elevation_m"], pipe["depth_datum_code"]) == (*ends, "invert")
    assert sorted(delivery.nodes["ground_elevation_m"]) == [102.0, 102.35]


GRID = [
    ["点号", "连接点号", "X", "Y", "地面高程", "管底高程", "管径", "材质"],
    ["WS1", "WS2", "2500000.000", "500000.000", "25.00", "22.50", "d300", "砼"],
    ["WS2", "WS3", "2500004.000", "500030.000", "24.90", "22.38", "d300", "砼"],
    ["WS3", "WS2", "2500008.000", "500060.000", "24.80", "22.26", "d300", "砼"],
]


def test_points_of_a_table_are_of_the_class_that_the_legend_beside_it_gives_their_pipes(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        for y, (number, colour, name) in enumerate((("A", 5, "给水"), ("B", 6, "燃气"))):
            for n in range(3):
                space.add_circle(at(30 * n, 40 * y), 0.4, {"layer": "管点"})
                label(space, f"{number}{n}", at(30 * n + 0.6, 40 * y + 0.7), "注记")
            for n in range(2):
                ends = at(30 * n, 40 * y), at(30 * (n + 1), 40 * y)
                space.add_line(*ends, {"layer": "管线", "color": colour})
            space.add_line(at(300, 50 - 4 * y), at(310, 50 - 4 * y), {"layer": "管线", "color": colour})
            label(space, f"{name}管线", at(312, 49.5 - 4 * y), "表格")
        rows = [("管点号", "连接点", "管径", "地面高程")]
        rows += [(f"{k}{n}", f"{k}{n + 1}" if n < 2 else "", "DN200", "21.50") for k in "AB" for n in range(3)]
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                label(space, cell or " ", at(200 + 18 * column, 60 - 4 * row), "表格")

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    assert delivery.segments.set_index("source_key")["class_code"].to_dict() == {
        "A0->A1": "water", "A1->A2": "water", "B0->B1": "gas", "B1->B2": "gas",
    }  # fmt: skip
    assert delivery.nodes["ground_elevation_m"].tolist() == [21.5] * 6
    for count in delivery.counts:
        assert count.rows == count.loaded + count.refused + count.skipped


@pytest.mark.parametrize(("is_bent", "has_data"), [(False, False), (True, False), (True, True)])
def test_a_result_table_that_is_drawn_beside_the_map_is_read(tmp_path: Path, is_bent: bool, has_data: bool) -> None:
    places = {"WS1": at(0, 0), "WS2": at(30, 4), "WS3": at(60, 8)}

    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        for number, place in places.items():
            space.add_circle(place, 0.5, {"layer": "WS_POINT"})
            label(space, number, (place[0] + 0.8, place[1] + 0.8), "WS_TEXT")
        bend = [(places["WS2"][0] + 10, places["WS2"][1] + 5)] if is_bent else []
        space.add_lwpolyline([places["WS1"][:2], places["WS2"][:2]], dxfattribs={"layer": "WS_LINE"})
        bent = space.add_lwpolyline([places["WS3"][:2], *bend, places["WS2"][:2]], dxfattribs={"layer": "WS_LINE"})
        if has_data:
            tagged(bent, "PIPE", "管径=300")
        for row, cells in enumerate(GRID):
            for column, cell in enumerate(cells):
                label(space, cell, at(200 + 18 * column, 60 - 4 * row), "BG")
            space.add_line(at(199, 59.5 - 4 * row), at(343, 59.5 - 4 * row), {"layer": "BG"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    assert len(delivery.nodes) == 3 and len(delivery.segments) == 2
    assert set(delivery.nodes["appurtenance_code"]) == {"manhole"}
    [told] = [finding for finding in delivery.findings if finding.rule == "IMP-GRID"]
    if has_data:
        assert told.severity == Severity.WARNING
        return
    [left] = [found for found in delivery.findings if found.rule == "IMP-SKIPPED" and found.sheet == "BG"]
    assert left.details["reasons"] == {"read": {"TEXT": 32}, "ruled": {"LINE": 3}, "silent": {"LINE": 1}}
    pipe = delivery.segments.set_index("from_key").loc["WS1"]
    assert (pipe["class_code"], pipe["width_mm"], pipe["material_code"]) == ("foul", 300, "concrete")
    assert pipe["from_elevation_m"] == 22.5
    assert pipe["geom"].coords[0][:2] == places["WS1"][:2]
    other = delivery.segments.set_index("from_key").loc["WS2"]
    assert (other["from_elevation_m"], other["to_elevation_m"]) == (22.38, 22.26)
    assert other["geom"].length == pytest.approx((125**0.5 + 401**0.5) if is_bent else 916**0.5)
    assert delivery.nodes.set_index("source_key")["ground_elevation_m"].to_dict() == {
        "WS1": 25.0, "WS2": 24.9, "WS3": 24.8,
    }  # fmt: skip
