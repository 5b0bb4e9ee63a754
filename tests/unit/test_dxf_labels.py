"""Texts beside points and along lines become attributes of the nearest, each once; the rest are told."""

from pathlib import Path
from typing import Any

import ezdxf
import pytest
from ezdxf.document import Drawing
from ezdxf.math import Vec2
from ezdxf.render.mleader import ConnectionSide

from importers.cad.label_words import PipeLabel, Vocabulary
from importers.delivery import read_delivery
from importers.profile_files import load_profile
from schemas.findings import Severity
from tests.unit.drawings import Read, at, drawn, label, tagged


@pytest.fixture(scope="module")
def words() -> Vocabulary:
    return Vocabulary(load_profile("drawing"))


@pytest.mark.parametrize(
    ("text", "section", "material", "class_word", "depths"),
    [
        ("DN300 铸铁 1.20", "DN300", "铸铁", None, "1.20/1.20"),
        ("给 DN200 0.85", "DN200", None, "给", "0.85/0.85"),
        ("DN300铸铁1.20", "DN300", "铸铁", None, "1.20/1.20"),
        ("给水铸铁DN300", "DN300", "铸铁", "给水", None),
        ("700X400 砼 1.2/1.5", "700X400", "砼", None, "1.2/1.5"),
        ("铸铁管 DN300 1.20-1.35", "DN300", "铸铁", None, "1.20/1.35"),
        ("给水-PE-DN200-1.13/1.25", "DN200", "PE", "给水", "1.13/1.25"),
        ("DN400 i=0.003 L=25.0", "DN400", None, None, None),
        ("雨 d600 3‰", "d600", None, "雨", None),
        ("DN200 PN1.6 h=0.9", "DN200", None, None, "0.9/0.9"),
        ("PE100 DN110", "DN110", "PE", None, None),
        ("PVC110-PN16", "110", "PVC", None, None),
        ("16孔 PVC", "16孔", "PVC", None, None),
        ("Ø300", "Ø300", None, None, None),
        ("JS-DN300-铸铁-1.20", "DN300", "铸铁", "JS", "1.20/1.20"),
        ("给DN200PE 埋深1.20", "DN200", "PE", "给", "1.20/1.20"),
        ("污水D=400 砼", "D400", "砼", "污水", None),
        ("Φ159×6 钢 埋深1.5米", "Φ159×6", "钢", None, "1.5/1.5"),
        ("雨水 B×H=1.2×1.0m", "B×H=1.2×1.0m", None, "雨水", None),
    ],
)
def test_descriptions_of_pipes(
    words: Vocabulary, text: str, section: str, material: str | None, class_word: str | None, depths: str | None
) -> None:
    assert words.pipe_label(text) == PipeLabel(section, material, class_word, depths)


@pytest.mark.parametrize(
    "text",
    [
        "J12",
        "JS1024",
        "12.345",
        "施工区",
        "K0+100",
        "R=12",
        "GB/T 300",
        "300",
        "本图比例为1:500 DN300管道见说明",
        "铸铁",
        "",
    ],
)
def test_texts_that_describe_no_pipe(words: Vocabulary, text: str) -> None:
    assert words.pipe_label(text) is None


@pytest.mark.parametrize("text", ["J12", "JS1024", "WS-12", "Y3-2", "给12", "J12a", "D300"])
def test_numbers_of_points(words: Vocabulary, text: str) -> None:
    assert words.point_number(text) == text


@pytest.mark.parametrize("text", ["DN300", "PE110", "12", "12.5", "施工区", "埋深1.2", "给水铸铁DN300", "1:500"])
def test_texts_that_are_no_number_of_a_point(words: Vocabulary, text: str) -> None:
    assert words.point_number(text) is None


def street(drawing: Drawing) -> Any:
    """J1 --- J2, then J3 to the north of J2: bare points and lines with texts beside them."""
    space = drawing.modelspace()
    for start, end in ((at(0), at(50)), (at(50), at(50, 40))):
        space.add_line(start, end, {"layer": "JSLINE"})
    for number, (east, north) in enumerate(((0, 0), (50, 0), (50, 40)), 1):
        space.add_point(at(east, north), {"layer": "JSPOINT"})
        label(space, f"J{number}", at(east + 0.5, north + 0.5), "JS点注记")
    return space


def test_numbers_sizes_materials_and_depths_reach_the_network(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = street(drawing)
        label(space, "DN300 铸铁 1.20", at(20, 0.4), "JS注记")
        label(space, "给 DN200 0.85/0.95", at(49.6, 15), "JS注记", rotation=90)

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    assert sorted(delivery.nodes["source_key"]) == ["J1", "J2", "J3"]
    pipes = delivery.segments.set_index("source_key")
    wanted = ["class_code", "section_text", "width_mm", "material_code", "from_depth_m", "to_depth_m"]
    assert pipes.loc["J1->J2", wanted].tolist() == ["water", "DN300", 300, "cast_iron", 1.2, 1.2]
    assert pipes.loc["J2->J3", wanted[:3] + wanted[4:]].tolist() == ["water", "DN200", 200, 0.85, 0.95]
    [told] = [finding for finding in delivery.findings if finding.rule == "IMP-LABELS"]
    assert "3 point numbers and 2 descriptions of pipes" in told.message_en
    assert (told.severity, told.limit) == (Severity.INFO, "2.0 m")
    assert pipes.loc["J1->J2", "extra"]["drawn_text"] == "DN300 铸铁 1.20"


def test_levels_beside_points_are_those_of_ground_and_bottom(tmp_path: Path) -> None:
    texts = {"S1": (10.5, 10.5), "KD 123.45": (10.5, 9.8), "KS 120,30": (10.5, 9.1), "RIM=122.90": (40.5, 10.5)}
    file = tmp_path / "plan.dxf"
    doc = ezdxf.new("R2010")
    for x in (10, 40):
        doc.modelspace().add_circle((500_000 + x, 2_490_010), 0.5, dxfattribs={"layer": "Schmutzwasser"})
    doc.modelspace().add_line((500_010, 2_490_010), (500_040, 2_490_010), dxfattribs={"layer": "Schmutzwasser"})
    for text, (x, y) in texts.items():
        place = (500_000 + x, 2_490_000 + y)
        doc.modelspace().add_text(text, dxfattribs={"layer": "Schachttext", "height": 0.5, "insert": place})
    doc.saveas(file)

    nodes = read_delivery([file], srid=4547).nodes.set_index("source_key")

    assert nodes.loc["S1", "ground_elevation_m"] == 123.45
    assert nodes.loc["S1", "well_depth_m"] == pytest.approx(3.15)
    other = nodes.drop(index="S1").iloc[0]
    assert (other["ground_elevation_m"], other["well_depth_m"]) == (122.9, pytest.approx(float("nan"), nan_ok=True))


@pytest.mark.parametrize(
    "lines",
    [
        ("W12", "34.795", "31.100"), ("W12", "34.795/31.100"), ("W12", "RIM=34.795", "INV OUT=31.100 (N)"),
        ("W12 34.795/31.100",), ("W12(34.795/31.100)",),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_one", [True, False])
def test_what_stands_under_the_number_of_a_well_is_its_ground_and_bottom(
    tmp_path: Path, lines: tuple[str, ...], as_one: bool
) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(30), {"layer": "污水管线"})
        for east in (0, 30):
            space.add_circle(at(east), 0.5, {"layer": "污水井"})
        if as_one:
            space.add_mtext(
                "\\P".join(lines), dxfattribs={"layer": "标注", "char_height": 1, "insert": at(1, 1.7 * len(lines))}
            )
            return
        for line, text in enumerate(lines):
            label(space, text, at(1, 1.4 * (len(lines) - line) - 1), "标注")

    nodes = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).nodes.set_index("source_key")
    assert nodes.loc["W12", "ground_elevation_m"] == 34.795
    assert nodes.loc["W12", "well_depth_m"] == pytest.approx(3.695)
    assert nodes.loc["W12", "geom"].x == at(0)[0]
    assert nodes.drop(index="W12")["ground_elevation_m"].isna().all()


@pytest.mark.parametrize("under", [("34.795",), ("31.100", "34.795"), ("34.795", "2.40")])
def test_numbers_under_a_number_that_can_be_no_levels_are_none(tmp_path: Path, under: tuple[str, ...]) -> None:
    def draw(drawing: Drawing) -> None:
        space = street(drawing)
        for line, text in enumerate(under):
            label(space, text, at(0.5, -0.9 - 1.4 * line), "JS点注记")

    nodes = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).nodes.set_index("source_key")
    assert nodes.loc["J1", "geom"].x == at(0)[0]
    assert nodes["ground_elevation_m"].isna().all()


def test_a_number_over_a_height_in_one_line_is_the_number_of_the_point(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(30), {"layer": "给水"})
        for east in (0, 30):
            space.add_circle(at(east), 0.5, {"layer": "给水"})
            label(space, f"J{east}/24.31", at(east + 0.6, 0.6), "标注")

    nodes = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).nodes
    assert set(nodes["source_key"]) == {"J0", "J30"}


def test_lines_that_stop_at_the_circle_of_a_well_lead_to_its_middle(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        drawing.blocks.new("WELL").add_circle((0, 0), 1)
        space.add_circle(at(0), 0.5, {"layer": "污水井"})
        space.add_blockref("WELL", at(30), dxfattribs={"layer": "污水井", "xscale": 0.4, "yscale": 0.4})
        space.add_line(at(0.5), at(29.6), {"layer": "污水管线"})
        space.add_line(at(30, 0.4), at(30, 20), {"layer": "污水管线"})
        # Passes by: it ends on the rim and points elsewhere.
        space.add_line(at(-20, 0.5), at(0, 0.5), {"layer": "污水管线"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    courses = {
        tuple(end for x, y in line.coords for end in (x - at(0)[0], y - at(0)[1])) for line in delivery.segments["geom"]
    }
    assert courses == {(0, 0, 30, 0), (30, 0, 30, 20), (-20, 0.5, 0, 0.5)}
    assert len(delivery.nodes) == 5
    [told] = [finding for finding in delivery.findings if finding.rule == "IMP-RIMS"]
    assert told.details["rows"] == 3


@pytest.mark.parametrize(
    ("layer", "text", "wanted"),
    [
        ("DLLINE", "DL 10kV 铜 600×400 12/4 直埋", {"width_mm": 600, "height_mm": 400, "voltage_kv": 10,
                                                   "hole_count": 12, "used_hole_count": 4, "burial_code": "direct"}),
        ("DXLINE", "DX 12孔 PVC 400X300", {"width_mm": 400, "hole_count": 12, "material_code": "pvc"}),
        ("LDLINE", "LD 0.38kV 铜 2根", {"voltage_kv": 0.38, "material_code": "copper", "cable_count": 2}),
        ("RQLINE", "RQ 钢 DN200 低压", {"nominal_mm": 200, "material_code": "steel", "pressure_code": "low"}),
        ("YSLINE", "PVCD800", {"width_mm": 800, "material_code": "pvc"}),
        ("GESUT_GAZOWE", "gn63", {"width_mm": 63, "class_code": "gas"}),
        ("DLLINE", "10kV 2根 YJV22-3×300", {"voltage_kv": 10, "cable_count": 2}),
        ("C-SSWR-PIPE", '150 LF OF 8" PVC SDR-35 @ 0.40%', {"width_mm": 203.2, "material_code": "pvc"}),
    ],
)  # fmt: skip
def test_notes_along_cables_ducts_and_mains(tmp_path: Path, layer: str, text: str, wanted: dict[str, Any]) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(20, 20), {"layer": layer})
        label(space, text, at(6, 6.5), layer.replace("LINE", "注记"), rotation=45)

    [found] = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).segments.to_dict("records")
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)


@pytest.mark.parametrize(("as_one", "aside"), [(True, 0.5), (False, 0.5), (False, 1.5)])
def test_a_flag_across_several_pipes_describes_each_by_its_class(tmp_path: Path, as_one: bool, aside: float) -> None:
    told = {"JS": "JS 铸铁 DN300 1.20", "WS": "WS 砼 D400 2.35", "RQ": "RQ 钢 DN200 0.95"}

    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        for north, code in enumerate(told):
            space.add_line(at(0, 3 * north), at(60, 3 * north), {"layer": f"{code}LINE"})
        if aside > 1:
            # A leader that leans over to the first of the texts.
            space.add_leader([at(30, -1)[:2], at(30, 14)[:2], at(31, 19)[:2]], dxfattribs={"layer": "0"})
        else:
            space.add_lwpolyline([at(30, -1)[:2], at(30, 20)[:2], at(46, 20)[:2]], dxfattribs={"layer": "0"})
        if as_one:
            space.add_mtext("\\P".join(told.values()), dxfattribs={"char_height": 1, "insert": at(30.5, 19)})
        for line, text in enumerate(() if as_one else told.values()):
            label(space, text, at(30 + aside, 18 - 1.6 * line), "0")
        # Another line across, beside which stands no text.
        space.add_line(at(10, -5), at(10, 30), {"layer": "DLSS"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    pipes = delivery.segments.set_index("class_code")
    wanted = ["material_code", "from_depth_m"]
    assert pipes.loc["water", wanted].tolist() == ["cast_iron", pytest.approx(1.2)]
    assert pipes.loc["foul", wanted].tolist() == ["concrete", pytest.approx(2.35)]
    assert pipes.loc["gas", wanted].tolist() == ["steel", pytest.approx(0.95)]
    assert len(pipes) == 3


def test_material_under_the_line_and_size_over_it_are_of_one_pipe(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = street(drawing)
        label(space, "DN300", at(20, 0.4), "JS注记")
        label(space, "铸铁", at(20, -1.4), "JS注记")

    pipes = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).segments.set_index("source_key")
    assert pipes.loc["J1->J2", ["nominal_mm", "material_code"]].tolist() == [300, "cast_iron"]


@pytest.mark.parametrize("is_told", [True, False])
def test_a_line_through_the_wells_of_a_street_is_a_pipe_from_each_to_the_next(tmp_path: Path, is_told: bool) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        street_line = space.add_lwpolyline([at(east)[:2] for east in (0, 10, 30, 60)], dxfattribs={"layer": "YSLINE"})
        if is_told:
            tagged(street_line, "GX", "起点点号:Y0", "终点点号:Y60")
        for east in (0, 30, 60):
            space.add_circle(at(east), 0.4, {"layer": "YSPOINT"})
            label(space, f"Y{east}", at(east + 0.6, 0.6), "YS点注记")
        # Of another class, and only crossed.
        space.add_circle(at(10), 0.4, {"layer": "JSPOINT"})
        label(space, "d600 砼", at(40, 0.5), "YS注记")

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    pipes = delivery.segments.set_index("source_key")
    assert [*pipes.index] == (["Y0->Y60"] if is_told else ["Y0->Y30", "Y30->Y60"])
    assert set(pipes["width_mm"]) == {600}
    assert sum(finding.rule == "IMP-STOPS" for finding in delivery.findings) == (not is_told)
    assert all(count.rows == count.loaded + count.refused + count.skipped for count in delivery.counts)


def test_a_text_out_of_reach_is_left_and_told(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = street(drawing)
        label(space, "DN300", at(20, 2.6), "JS注记")
        label(space, "J9", at(-30, 0), "JS点注记")

    path = drawn(tmp_path / "a.dxf", draw)
    read = Read(path)
    assert read.column("JSLINE", "segment", "drawn_section") == [None, None]
    [told] = read.findings("IMP-LABELS")
    assert told.severity == Severity.WARNING
    assert (told.details["n_unused"], sorted(told.details["unused"])) == (2, ["DN300", "J9"])
    assert Read(path, label_reach_m=3.0).column("JSLINE", "segment", "drawn_section") == ["DN300", None]


def test_a_text_between_two_pipes_is_nobodys(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        for north in (0, 2):
            drawing.modelspace().add_line(at(0, north), at(50, north), {"layer": "JSLINE"})
        label(drawing.modelspace(), "DN300", at(20, 0.5), "JS注记")

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSLINE", "segment", "drawn_section") == [None, None]
    [told] = read.findings("IMP-LABELS")
    assert (told.details["n_ambiguous"], told.details["ambiguous"]) == (1, ["DN300"])
    assert "1 texts stand equally near to two (DN300)" in told.message_en


def test_a_text_between_two_points_goes_to_the_one_without_a_nearer_text(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(4), {"layer": "JSLINE"})
        for east in (0, 4):
            space.add_point(at(east), {"layer": "JSPOINT"})
        label(space, "J1", at(1.25, 0.3), "JS点注记")
        label(space, "J2", at(4.1, -1.2), "JS点注记")

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSPOINT", "node", "drawn_number") == ["J1", "J2"]


def test_a_turned_text_belongs_to_the_pipe_that_runs_its_way(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(40, 40), {"layer": "JSLINE"})
        space.add_line(at(0, 19), at(40, 21), {"layer": "JSLINE"})
        label(space, "DN300", at(16, 17.5), "JS注记", rotation=45)

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSLINE", "segment", "drawn_section") == ["DN300", None]


def test_a_text_of_another_class_is_not_taken(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(40), {"layer": "JSLINE"})
        space.add_line(at(0, 1.5), at(40, 1.5), {"layer": "RQLINE"})
        label(space, "DN300", at(20, 0.1), "RQ注记")

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSLINE", "segment", "drawn_section") == [None]
    assert read.column("RQLINE", "segment", "drawn_section") == ["DN300"]


def test_texts_that_contradict_each_other_are_told(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(90), {"layer": "JSLINE"})
        for east, text in ((10, "DN300"), (40, "铸铁 DN300"), (70, "DN200")):
            label(space, text, at(east, 0.2 + east / 100), "JS注记")

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSLINE", "segment", "drawn_section") == ["DN300"]
    assert read.column("JSLINE", "segment", "drawn_material") == ["铸铁"]
    [told] = read.findings("IMP-LABELS")
    assert "1 pipes have texts that contradict each other" in told.message_en


def test_plain_digits_are_a_size_along_a_pipe_and_a_number_beside_a_point(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(40, 20), {"layer": "JSLINE"})
        space.add_point(at(0), {"layer": "JSPOINT"})
        label(space, "200", at(18, 9.5), "JS注记", rotation=26.5)
        label(space, "17", at(0.3, 0.3), "JS点注记")

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSLINE", "segment", "drawn_section") == ["200"]
    assert read.column("JSPOINT", "node", "drawn_number") == ["17"]


def test_paragraphs_with_formats_and_several_lines(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(50), {"layer": "JSLINE"})
        space.add_point(at(0), {"layer": "JSPOINT"})
        text = r"{\fSimSun|b0|i0|c134|p2;\H1x;%%c300} \C1;铸铁\P1.20"
        space.add_mtext(text, {"layer": "JS注记", "insert": at(25, 0.3), "char_height": 1, "attachment_point": 8})
        space.add_mtext(
            r"J1\P12.205", {"layer": "JS点注记", "insert": at(0.5, 0.5), "char_height": 1, "attachment_point": 7}
        )

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSLINE", "segment", "drawn_section") == ["Ø300"]
    assert read.column("JSLINE", "segment", "drawn_material") == ["铸铁"]
    assert read.column("JSLINE", "segment", "drawn_depths") == ["1.20/1.20"]
    assert read.column("JSPOINT", "node", "drawn_number") == ["J1"]


def test_a_leader_points_at_what_its_text_is_about(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        for north in (0, 2):
            space.add_line(at(0, north), at(50, north), {"layer": "RQ"})
        builder = space.add_multileader_mtext("Standard")
        builder.set_content("DN150 PE 0.9")
        builder.add_leader_line(ConnectionSide.left, [Vec2(at(25))])
        builder.build(insert=Vec2(at(30, 20)))
        text = space.add_mtext("DN100 钢 1.1", {"insert": at(10, 30), "char_height": 1})
        leader = space.add_leader([at(8, 2), at(10, 29)])
        leader.dxf.annotation_handle = text.dxf.handle

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("RQ", "segment", "drawn_section") == ["DN150", "DN100"]
    assert read.column("RQ", "segment", "drawn_material") == ["PE", "钢"]


def test_lines_of_a_layer_of_texts_lead_numbers_to_their_points(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(6), {"layer": "WSLINE"})
        for number, east in enumerate((0, 6)):
            space.add_point(at(east), {"layer": "WS_Point"})
            for start, end in (((0, 0), (5, 6)), ((5, 6), (9, 6))):
                ends = (at(east + start[0], start[1]), at(east + end[0], end[1]))
                space.add_line(*ends, {"layer": "WS_注记"})
            label(space, f"WS{number}", at(east + 5.2, 6.2), "WS_注记")
            label(space, "24.858", at(east + 5.2, 4.7), "WS_注记")

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    assert delivery.segments["source_key"].tolist() == ["WS0->WS1"]


def test_texts_aligned_and_turned_over_are_where_they_are_seen(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(50), {"layer": "JSLINE"})
        space.add_line(at(0, 100), at(50, 100), {"layer": "JSLINE"})
        # Anchored 3 m to the right of the pipe's end; the text itself reaches back to it.
        far = space.add_text("DN300 铸铁 钢 1.20", height=1, dxfattribs={"layer": "JS注记"})
        far.set_placement(at(50, 0.2), align=ezdxf.enums.TextEntityAlignment.RIGHT)
        mirrored = {"layer": "JS注记", "insert": (-at(30)[0], at(0, 100.3)[1]), "extrusion": (0, 0, -1)}
        space.add_text("DN200", height=1, dxfattribs=mirrored)

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSLINE", "segment", "drawn_section") == ["DN300", "DN200"]


def test_a_size_beside_a_line_tells_that_it_is_a_pipe(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(50), {"layer": "0"})
        space.add_line(at(0, 30), at(50, 30), {"layer": "0"})
        space.add_point(at(50), {"layer": "0"})
        label(space, "给 DN300 1.2", at(20, 0.3), "0")

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    [pipe] = delivery.segments.itertuples()
    assert (pipe.class_code, pipe.width_mm, pipe.from_depth_m) == ("water", 300, 1.2)
    assert len(delivery.nodes) == 2


def test_data_of_the_entities_is_stronger_than_texts(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        tagged(space.add_line(at(0), at(50), {"layer": "JSLINE"}), "A", "管径:DN200", "起点埋深:1.0", "终点埋深:1.1")
        label(space, "DN300 铸铁 1.20", at(20, 0.3), "JS注记")

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    [pipe] = delivery.segments.itertuples()
    assert (pipe.section_text, pipe.material_code, pipe.from_depth_m, pipe.to_depth_m) == (
        "DN200",
        "cast_iron",
        1.0,
        1.1,
    )


def test_texts_that_carry_the_data_of_a_feature_are_no_labels_of_others(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(50), {"layer": "JSLINE"})
        tagged(label(space, "DN300", at(20, 0.3), "JS注记"), "A", "线号:J1,J2")

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSLINE", "segment", "drawn_section") == [None]
