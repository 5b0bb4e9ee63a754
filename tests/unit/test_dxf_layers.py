"""What the names of layers and blocks tell, what is left out of a drawing, and that the account is whole."""

from collections import Counter
from pathlib import Path

import ezdxf
import pytest
from ezdxf.document import Drawing

from importers.cad.layer_names import LayerNames
from importers.delivery import read_delivery
from importers.profile_files import load_profile
from pipemap.errors import SourceError
from schemas.findings import Severity
from tests.unit.drawings import Draw, Read, at, drawn, left_out, tagged


@pytest.fixture(scope="module")
def names() -> LayerNames:
    profile = load_profile("drawing")
    return LayerNames(profile, profile.reader)


@pytest.mark.parametrize(
    ("layer", "class_code"),
    [
        ("JS", "water"), ("JSLINE", "water"), ("JS_Point", "water"), ("js_line", "water"), ("WSPOINT", "foul"),
        ("YS-LN", "storm"), ("RQ线", "gas"), ("给水", "water"), ("给水管线", "water"), ("污水检查井", "foul"),
        ("电力电缆", "power"), ("雨污合流", "combined"), ("JLINE", "water"), ("WATER", "water"),
        ("C-WATR-PIPE", "water"),
        ("V-SSWR-PIPE", "foul"), ("现状|WSLINE", "foul"), ("现状$0$YS_LINE", "storm"),
        ("RQGD", "gas"), ("JSGX", "water"), ("YuShui_LN", "storm"), ("wushui", "foul"),
    ],
)  # fmt: skip
def test_layers_named_by_class(names: LayerNames, layer: str, class_code: str) -> None:
    told = names.read(layer)
    assert (told.class_code, told.is_network, told.is_annotation) == (class_code, True, False)


@pytest.mark.parametrize(
    ("layer", "section", "material"),
    [
        ("PVC110-PN16", "110", "PVC"), ("PE_DN200", "DN200", "PE"), ("DN300", "DN300", None),
        ("铸铁300", "300", "铸铁"),
        ("XYZ63-PN16", "63", "XYZ"), ("700X400", "700X400", None),
    ],
)  # fmt: skip
def test_layers_named_by_material_and_size(names: LayerNames, layer: str, section: str, material: str | None) -> None:
    told = names.read(layer)
    assert told.is_network
    assert told.label is not None
    assert (told.label.section, told.label.material) == (section, material)


@pytest.mark.parametrize("layer", ["SHUTOFF_VALVE", "hydrant", "阀门", "检查井"])
def test_layers_named_by_a_device(names: LayerNames, layer: str) -> None:
    assert names.read(layer).appurtenance == layer


@pytest.mark.parametrize("layer", ["JS注记", "JS点注记", "WSTEXT", "JMARK", "JSZJ"])
def test_layers_of_texts(names: LayerNames, layer: str) -> None:
    assert names.read(layer).is_annotation
    assert names.read(layer).class_code in ("water", "foul")


@pytest.mark.parametrize("layer", ["0", "OUTLINE", "道路", "CENTERLINE", "HOUSE-12", "GXYZ", "图层1", "A-WALL", "L1"])
def test_layers_that_tell_nothing(names: LayerNames, layer: str) -> None:
    assert not names.read(layer).is_network
    assert not names.read(layer).is_drawing_matter


@pytest.mark.parametrize("layer", ["TK", "TK_1", "图框", "JMD", "DGX", "Defpoints", "FRAME"])
def test_layers_of_frames_and_base_map(names: LayerNames, layer: str) -> None:
    assert names.read(layer).is_drawing_matter


def bare_network(drawing: Drawing) -> None:
    """A main with a valve, a manhole, a reserved point on an unknown layer, a frame, and what is no network."""
    space = drawing.modelspace()
    space.add_lwpolyline([at(0)[:2], at(10)[:2], at(20, 5)[:2]], dxfattribs={"layer": "PVC110-PN16"})
    space.add_point(at(0), {"layer": "SHUTOFF_VALVE"})
    space.add_circle(at(20, 5), 0.5, {"layer": "WATER"})
    space.add_circle(at(20, 50), 30, {"layer": "WATER"})
    space.add_point(at(20, 5), {"layer": "NETPOINT"})
    space.add_point(at(3, 3), {"layer": "NETPOINT"})
    space.add_line(at(0), at(1000), {"layer": "TK"})
    space.add_line(at(0), at(0, 70), {"layer": "ROAD"})
    space.add_3dface([at(0), at(1), at(1, 1)], dxfattribs={"layer": "PVC110-PN16"})
    space.add_text("note", dxfattribs={"layer": "TK", "insert": at(0)})


def test_every_entity_is_a_row_or_left_out_for_a_reason(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.dxf", bare_network)
    read = Read(path)
    rows = {place: len(table.rows) for place, table in read.tables.items() if len(table.rows)}
    assert rows == {("PVC110-PN16", "segment"): 1, ("SHUTOFF_VALVE", "node"): 1, ("WATER", "node"): 1}
    assert left_out(read, "PVC110-PN16") == {"kind": {"3DFACE": 1}}
    assert left_out(read, "WATER") == {"outline": {"CIRCLE": 1}}
    assert left_out(read, "NETPOINT") == {"twin": {"POINT": 1}, "silent": {"POINT": 1}}
    assert left_out(read, "TK") == {"base": {"LINE": 1}, "text": {"TEXT": 1}}
    assert left_out(read, "ROAD") == {"silent": {"LINE": 1}}
    assert read.n_entities == len(ezdxf.readfile(path).modelspace())


def test_what_is_left_out_because_nothing_names_it_is_a_warning(tmp_path: Path) -> None:
    read = Read(drawn(tmp_path / "a.dxf", bare_network))
    severities = {finding.sheet: finding.severity for finding in read.findings("IMP-SKIPPED")}
    assert severities["ROAD"] == Severity.WARNING
    assert severities["TK"] == Severity.INFO


def test_a_layer_can_be_named_as_network_in_a_profile(tmp_path: Path) -> None:
    read = Read(drawn(tmp_path / "a.dxf", bare_network), network_layers=["^ROAD$"])
    assert len(read["ROAD", "segment"].rows) == 1


def test_bare_drawings_become_a_network_by_their_names(tmp_path: Path) -> None:
    delivery = read_delivery([drawn(tmp_path / "a.dxf", bare_network)], srid=4547, default_class="water")
    [pipe] = delivery.segments.itertuples()
    assert (pipe.section_text, pipe.material_code, pipe.class_code) == ("110", "pvc", "water")
    assert sorted(delivery.nodes["appurtenance_code"].dropna()) == ["manhole", "valve"]
    assert {pipe.from_key, pipe.to_key} == set(delivery.nodes["source_key"])
    totals = Counter[str]()
    for count in delivery.counts:
        assert count.rows == count.loaded + count.refused + count.skipped
        totals.update(rows=count.rows, loaded=count.loaded)
    assert (totals["rows"], totals["loaded"]) == (10, 3)


def test_a_point_without_a_name_where_a_pipe_ends_belongs_to_it(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.blocks.new("SYMBOL")
        drawing.modelspace().add_line(at(0), at(30), {"layer": "JS"})
        drawing.modelspace().add_blockref("SYMBOL", at(30), {"layer": "SYMBOLS"})
        drawing.modelspace().add_blockref("SYMBOL", at(15), {"layer": "SYMBOLS"})

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read["SYMBOLS", "node"].rows.index.tolist() == [2]
    assert [finding.details["rows"] for finding in read.findings("IMP-ENDPOINTS")] == [1]


def legend_map(drawing: Drawing) -> None:
    """A CASS map: every entity has a code of its legend, only some are network."""
    space = drawing.modelspace()
    for name in ("GC200", "gcbj0101", "A3图框"):
        drawing.blocks.new(name)
    for east, north, z in ((0, 0, 12.0), (10, 0, 12.4), (0, 10, 12.2), (10, 10, 12.6)):
        spot = space.add_blockref("GC200", at(east, north, z), {"layer": "GCD"})
        spot.add_attrib("height", f"{z:.2f}", at(east, north))
        tagged(spot, "SOUTH", "202101")
    house = space.add_lwpolyline([at(0)[:2], at(10)[:2], at(10, 9)[:2]], close=True, dxfattribs={"layer": "JMD"})
    road = space.add_line(at(0, 5), at(50, 5), {"layer": "道路边线"})
    well = space.add_blockref("gcbj0101", at(5, 5), {"layer": "COMPONENT"})
    main = space.add_line(at(5, 5), at(45, 5), {"layer": "JS"})
    for entity, code in ((house, "141111"), (road, "164300"), (well, "340101"), (main, "511000")):
        tagged(tagged(entity, "OTHER_TOOL_FIRST", 1), "SOUTH", code)
    title = space.add_blockref("A3图框", at(-100), {"layer": "0"})
    title.add_attrib("图名", "综合管线图", at(-100))


def only_south(draw: Draw) -> Draw:
    def without_others(drawing: Drawing) -> None:
        draw(drawing)
        for entity in drawing.modelspace():
            if entity.has_xdata("OTHER_TOOL_FIRST"):
                entity.discard_xdata("OTHER_TOOL_FIRST")

    return without_others


def test_codes_of_a_legend_do_not_make_houses_and_roads_pipes(tmp_path: Path) -> None:
    read = Read(drawn(tmp_path / "a.dxf", only_south(legend_map)))
    rows = {place for place, table in read.tables.items() if len(table.rows)}
    assert rows == {("COMPONENT", "node"), ("JS", "segment")}
    assert left_out(read, "道路边线") == {"silent": {"LINE": 1}}
    assert left_out(read, "JMD") == {"base": {"LWPOLYLINE": 1}}
    assert left_out(read, "GCD") == {"spot": {"INSERT": 4}}
    assert left_out(read, "0") == {"base": {"INSERT": 1}}
    assert read.column("JS", "segment", "SOUTH") == ["511000"]


def test_a_code_is_found_behind_the_data_of_other_tools(tmp_path: Path) -> None:
    read = Read(drawn(tmp_path / "a.dxf", legend_map))
    assert read.column("COMPONENT", "node", "SOUTH") == ["340101"]
    assert read.column("JS", "segment", "SOUTH") == ["511000"]


def test_codes_and_blocks_of_a_legend_tell_class_and_device(tmp_path: Path) -> None:
    delivery = read_delivery([drawn(tmp_path / "a.dxf", only_south(legend_map))], srid=4547)
    assert delivery.files[0].profile == "cass-drawing"
    wells = delivery.nodes[delivery.nodes["appurtenance_code"] == "manhole"]
    assert wells["class_code"].tolist() == ["water"]
    assert delivery.segments["class_code"].tolist() == ["water"]


def test_spot_heights_are_ground_where_the_profile_says_so(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.dxf", only_south(legend_map))
    # The middle of four heights on a plane.
    assert Read(path, ground_points="fill").column("COMPONENT", "node", "drawn_z_m") == [pytest.approx(12.3)]
    assert Read(path, ground_points="skip").column("COMPONENT", "node", "drawn_z_m") == [None]
    assert Read(path, ground_points="fill", ground_reach_m=5.0).column("COMPONENT", "node", "drawn_z_m") == [None]
    delivery = read_delivery([path], srid=4547)
    assert delivery.nodes["ground_elevation_m"].dropna().tolist() == [pytest.approx(12.3)]
    assert [finding.rule for finding in delivery.findings if "spot heights gave 1" in finding.message_en]


def test_frozen_layers_are_read_and_told_and_paper_space_is_counted(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.layers.add("JSLINE").freeze()
        drawing.layers.add("WSLINE").off()
        for layer in ("JSLINE", "WSLINE", "YSLINE"):
            drawing.modelspace().add_line(at(0), at(30), {"layer": layer})
        drawing.layout("Layout1").add_line((0, 0), (1, 1), {"layer": "JSLINE"})
        drawing.layouts.new("Second").add_line((0, 0), (1, 1), {"layer": "JSLINE"})

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.n_entities == 3
    words = {finding.sheet: finding.message_en for finding in read.findings("IMP-HIDDEN")}
    assert "is frozen; its 1 entities were read" in words["JSLINE"]
    assert "is off; its 1 entities were read" in words["WSLINE"]
    assert "YSLINE" not in words
    assert [finding.details["rows"] for finding in read.findings("IMP-PAPER")] == [2]


def test_objects_of_applications_are_refused_and_told_how_to_deliver_them(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.dxf", lambda drawing: drawing.modelspace().add_line(at(0), at(30), {"layer": "JS"}))
    pipe = "  0\nTCH_PIPE\n  5\nFF1\n100\nAcDbEntity\n  8\nJS\n100\nTDbPipe\n 10\n1.0\n"
    head, mark, tail = path.read_text().partition("  0\nLINE\n")
    path.write_text(head + pipe + mark + tail)
    read = Read(path)
    assert (len(read["JS", "segment"].rows), read["JS", "segment"].refused_rows) == (1, 1)
    [told] = read.findings("IMP-SKIPPED")
    assert told.severity == Severity.WARNING
    assert "explode" in told.message_en
    assert "T3" in told.message_zh


def test_the_symbol_of_a_point_gives_it_its_block(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.blocks.new("HYDRANT")
        drawing.modelspace().add_point(at(0), {"layer": "JSPOINT"})
        drawing.modelspace().add_blockref("HYDRANT", at(0), {"layer": "JSPOINT"})
        drawing.modelspace().add_circle(at(0), 0.5, {"layer": "JSPOINT"})

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JSPOINT", "node", "entity") == ["POINT"]
    assert read.column("JSPOINT", "node", "drawn_appurtenance") == ["HYDRANT"]
    assert left_out(read, "JSPOINT") == {"twin": {"INSERT": 1, "CIRCLE": 1}}


def test_blocks_named_like_bends_and_valves_are_points_of_the_network(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.modelspace().add_line(at(0), at(60), {"layer": "JS"})
        for east, name in ((0, "三通"), (60, "阀门"), (90, "路牌")):
            drawing.blocks.new(name)
            drawing.modelspace().add_blockref(name, at(east), {"layer": "符号"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    told = delivery.nodes.set_index("source_key")[["feature_code", "appurtenance_code"]]
    assert sorted(told.astype(object).where(told.notna(), "").to_numpy().tolist()) == [["", "valve"], ["tee", ""]]


@pytest.mark.parametrize(
    ("circles", "n_rows", "device"), [("manhole", 1, ["manhole"]), ("point", 1, [None]), ("skip", 0, [])]
)
def test_what_circles_are_is_for_the_profile_to_say(
    tmp_path: Path, circles: str, n_rows: int, device: list[str]
) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.modelspace().add_line(at(0), at(60), {"layer": "JS"})
        drawing.modelspace().add_circle(at(0), 0.4, {"layer": "JS"})

    read = Read(drawn(tmp_path / "a.dxf", draw), circles=circles)
    nodes = read.tables.get(("JS", "node"))
    assert (0 if nodes is None else len(nodes.rows)) == n_rows
    assert read.n_entities == 2
    if nodes is not None:
        assert read.column("JS", "node", "drawn_appurtenance") == device
        assert len(read.findings("IMP-CIRCLES")) == (circles == "manhole")


def test_closed_lines_on_layers_of_buildings_are_structures(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        ring = [at(0)[:2], at(10)[:2], at(10, 10)[:2], at(0, 10)[:2]]
        drawing.modelspace().add_lwpolyline(ring, close=True, dxfattribs={"layer": "BUILDING"})
        drawing.modelspace().add_line(at(50), at(80), {"layer": "JS"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    [house] = delivery.structures.itertuples()
    assert (house.kind_code, house.geom.area) == ("building", 100)


def test_lines_and_points_drawn_twice_are_loaded_once(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        for _ in range(2):
            drawing.modelspace().add_line(at(0), at(30), {"layer": "JSLINE"})
            drawing.modelspace().add_point(at(0), {"layer": "JSPOINT"})
        drawing.modelspace().add_line(at(30), at(0), {"layer": "JSLINE"})
        drawing.modelspace().add_line(at(50), at(50), {"layer": "JSLINE"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    assert len(delivery.segments) == 1
    assert len(delivery.nodes) == 2
    counts = {(count.sheet, count.class_code): count for count in delivery.counts}
    assert (counts["JSLINE", "water"].rows, counts["JSLINE", "water"].refused) == (4, 3)


def test_a_drawing_of_which_nothing_is_told(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.dxf", lambda drawing: drawing.modelspace().add_line(at(0), at(1), {"layer": "ROAD"}))
    with pytest.raises(SourceError, match="no layer name or text says what they are") as raised:
        Read(path)
    assert "network_layers" in raised.value.details["message_zh"]


def test_linetypes_tell_the_class_where_the_layer_does_not(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        for north, linetype in enumerate(("GAS_LINE", "上水", "CENTER")):
            drawing.linetypes.add(linetype, [1.0, 0.6, -0.4])
            drawing.modelspace().add_line(at(0, 5 * north), at(30, 5 * north), {"layer": "GXYZ", "linetype": linetype})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], profile="cass-drawing", srid=4547)
    assert sorted(delivery.segments["class_code"]) == ["gas", "unknown", "water"]


@pytest.mark.parametrize("text", ["DN200 PE", "阀"])
def test_a_block_of_few_lines_is_a_network_where_it_says_a_size(tmp_path: Path, text: str) -> None:
    def draw(drawing: Drawing) -> None:
        block = drawing.blocks.new("管网")
        block.add_line((0, 0), (30, 0), {"layer": "给水管线"})
        block.add_text(text, dxfattribs={"layer": "给水注记", "insert": (12, 0.5)})
        drawing.modelspace().add_blockref("管网", at(0), {"layer": "给水管点"})

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert (("给水管线", "segment") in read.tables) == (text == "DN200 PE")


def test_blocks_named_for_class_and_device_are_both(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        for place, name in enumerate(("给水_阀门井", "污水检查井", "路灯杆件")):
            drawing.blocks.new(name).add_circle((0, 0), 0.3)
            drawing.modelspace().add_blockref(name, at(10 * place), {"layer": "附属"})

    nodes = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).nodes
    assert sorted(zip(nodes["class_code"], nodes["appurtenance_code"], strict=True)) == [
        ("foul", "manhole"),
        ("water", "valve_well"),
    ]


def test_a_block_with_a_prefix_in_latin_letters_is_what_it_is_named_for(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        for place, name in enumerate(("GX_阀门井", "GX_弯头", "消防栓")):
            block = drawing.blocks.new(name)
            block.add_attdef("点号", (0, 0))
            blockref = drawing.modelspace().add_blockref(name, at(10 * place), {"layer": "JSPOINT"})
            blockref.add_auto_attribs({"点号": f"JS{place}"})

    nodes = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547).nodes
    told = nodes["appurtenance_code"].fillna(nodes["feature_code"])
    assert dict(zip(nodes["source_key"], told, strict=True)) == {"JS0": "valve_well", "JS1": "bend", "JS2": "hydrant"}
