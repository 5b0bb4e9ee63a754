"""Shapes of drawings in world coordinates: curves, planes, pasted blocks, attached drawings, units."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import ezdxf
import numpy as np
import pyogrio
import pytest
import shapely
from ezdxf.document import Drawing
from ezdxf.path import make_path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.delivery import read_delivery
from importers.dxf import DxfReader
from pipemap.errors import SourceError
from schemas.findings import Severity
from tests.unit.drawings import EAST, NORTH, Read, at, drawn, left_out, tagged

SAGITTA_M = 0.01


def lines_of(path: Path, **options: Any) -> list[Any]:
    """All lines of a drawing in the order of their rows."""
    tables = [table for table in DxfReader().read([path], options) if table.role == "segment"]
    found = {row: shape for table in tables for row, shape in zip(table.rows.index, table.geometry, strict=True)}
    return [found[row] for row in sorted(found)]


def test_curves_leave_their_chords_by_a_centimetre_at_most(tmp_path: Path) -> None:
    layer = {"layer": "JSLINE"}

    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        bulged = [(*at(0)[:2], 0.5), (*at(40)[:2], -1), (*at(60)[:2], 0)]
        space.add_lwpolyline(bulged, format="xyb", dxfattribs=layer)
        space.add_polyline2d(bulged, format="xyb", dxfattribs=layer)
        space.add_arc(at(0), 25, 10, 200, dxfattribs=layer)
        space.add_ellipse(at(0), (40, 10, 0), 0.4, 0.2, 4, dxfattribs=layer)
        space.add_spline([at(0), at(15, 20), at(30, -5), at(60, 10)], dxfattribs=layer)

    path = drawn(tmp_path / "a.dxf", draw)
    for drawn_line, entity in zip(lines_of(path), ezdxf.readfile(path).modelspace(), strict=True):
        fine = shapely.points([(vertex.x, vertex.y) for vertex in make_path(entity).flattening(1e-5)])
        assert shapely.distance(fine, shapely.force_2d(drawn_line)).max() <= SAGITTA_M
        assert drawn_line.length == pytest.approx(shapely.LineString(fine).length, abs=0.05)
        assert shapely.get_num_points(drawn_line) < 400


def test_gdal_draws_the_same(tmp_path: Path) -> None:
    layer = {"layer": "JSLINE"}

    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        drawing.blocks.new("B")
        space.add_line(at(0, 0, 1), at(30, 0, 2), layer)
        space.add_lwpolyline([at(0)[:2], at(5, 5)[:2], at(9)[:2]], dxfattribs=layer | {"elevation": 3})
        space.add_lwpolyline([(-EAST, NORTH), (-EAST - 9, NORTH)], dxfattribs=layer | {"extrusion": (0, 0, -1)})
        space.add_polyline3d([at(0, 0, 1), at(5, 0, 2), at(9, 9, 3)], dxfattribs=layer)
        space.add_polyline2d([at(0)[:2], at(5)[:2]], dxfattribs=layer)
        space.add_point(at(7, 7, 7), layer)
        space.add_blockref("B", at(8, 8, 8), {**layer, "rotation": 30, "xscale": 2})

    path = drawn(tmp_path / "a.dxf", draw)
    pyogrio.set_gdal_config_options({"DXF_INLINE_BLOCKS": "NO"})
    try:
        theirs = pyogrio.read_dataframe(path, layer="entities").set_index("EntityHandle")["geometry"]
    finally:
        pyogrio.set_gdal_config_options({"DXF_INLINE_BLOCKS": None})
    tables = [table for table in DxfReader().read([path], {}) if table.role]
    ours = {h: shape for table in tables for h, shape in zip(table.rows["handle"], table.geometry, strict=True)}
    assert len(ours) == 7
    for handle, shape in ours.items():
        mine, their = (shapely.get_coordinates(s, include_z=True) for s in (shape, theirs[handle]))
        assert np.nan_to_num(mine) == pytest.approx(np.nan_to_num(their), abs=1e-6)


def test_heights_of_lines(tmp_path: Path) -> None:
    layer = {"layer": "JSLINE"}

    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_polyline3d([at(0, 0, 1), at(5, 0, 2)], dxfattribs=layer)
        space.add_lwpolyline([at(0)[:2], at(5)[:2]], dxfattribs=layer | {"elevation": 3})
        space.add_polyline2d([at(0)[:2], at(5)[:2]], dxfattribs=layer | {"elevation": (0, 0, 4)})
        space.add_line(at(0, 0, 0), at(5, 0, 6), layer)
        space.add_lwpolyline([at(0)[:2], at(5)[:2]], dxfattribs=layer)

    lines = lines_of(drawn(tmp_path / "a.dxf", draw))
    heights = [shapely.get_coordinates(line, include_z=True)[:, 2].tolist() for line in lines[:4]]
    assert heights == [[1, 2], [3, 3], [4, 4], [0, 6]]
    assert not lines[4].has_z


@pytest.mark.parametrize(("z", "profile", "source"), [(7.0, None, "measured"), (0.0, None, "unknown")])
def test_a_drawn_height_is_the_axis_and_zero_is_unknown(
    tmp_path: Path, z: float, profile: str | None, source: str
) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.modelspace().add_polyline3d([at(0, 0, z), at(30, 0, z)], dxfattribs={"layer": "PVC110-PN16"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547, profile=profile, default_class="water")
    assert delivery.segments["elevation_source_code"].tolist() == [source]
    assert [finding.rule for finding in delivery.findings if finding.rule == "IMP-Z"] == ["IMP-Z"] * bool(z)


def test_a_profile_can_take_the_height_of_lines_for_that_of_the_datum(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.modelspace().add_line(at(0, 0, 7.0), at(30, 0, 6.8), {"layer": "给水DN300"})

    profile = tmp_path / "mine.toml"
    profile.write_text(
        'name = "mine"\ntitle = "lines at the crown"\nextends = "drawing"\ngeometry_z = "ignore"\n'
        '[columns.segment]\nfrom_elevation_m = ["drawn_from_z_m"]\nto_elevation_m = ["drawn_to_z_m"]\n',
        encoding="utf-8",
    )
    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547, profile=profile)
    [pipe] = delivery.segments.itertuples()
    heights = shapely.get_coordinates(pipe.geom, include_z=True)[:, 2]
    # The crown of a water main of 300 mm lies 0.15 m above its axis.
    assert heights == pytest.approx([6.85, 6.65])


def test_lines_drawn_at_the_height_of_their_points_are_not_pipes_at_the_surface(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0, 0, 12.1), at(30, 0, 12.3), {"layer": "JSLINE"})
        for east, z in ((0, 12.1), (30, 12.3)):
            space.add_point(at(east, 0, z), {"layer": "JSPOINT"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    assert delivery.segments["elevation_source_code"].tolist() == ["unknown"]
    assert delivery.nodes["ground_elevation_m"].tolist() == [12.1, 12.3]
    [told] = [finding for finding in delivery.findings if "drawn at the height of their points" in finding.message_en]
    assert "trust_z = true" in told.message_en
    profile = tmp_path / "mine.toml"
    profile.write_text('name = "mine"\ntitle = "pipes"\nextends = "drawing"\n[reader]\ntrust_z = true\n')
    trusting = read_delivery([tmp_path / "a.dxf"], srid=4547, profile=profile)
    assert shapely.get_coordinates(trusting.segments["geom"][0], include_z=True)[:, 2].tolist() == [12.1, 12.3]


def test_entities_of_planes_that_face_elsewhere(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space, layer = drawing.modelspace(), {"layer": "JSLINE", "extrusion": (0, 0, -1)}
        drawing.blocks.new("B")
        space.add_lwpolyline([(-EAST, NORTH), (-EAST - 10, NORTH)], dxfattribs=layer | {"elevation": -3})
        space.add_arc((-EAST, NORTH), 10, 0, 90, dxfattribs=layer)
        space.add_circle((-EAST, NORTH, -2), 1, {**layer, "layer": "JSPOINT"})
        space.add_blockref("B", (-EAST - 10, NORTH, -2), {**layer, "layer": "JSPOINT"})

    read = Read(drawn(tmp_path / "a.dxf", draw))
    lines, points = read["JSLINE", "segment"].geometry, read["JSPOINT", "node"].geometry
    assert lines is not None
    assert points is not None
    assert list(lines[0].coords) == [at(0, 0, 3), at(10, 0, 3)]
    assert sorted([lines[1].coords[0][:2], lines[1].coords[-1][:2]]) == [at(-10)[:2], at(0, 10)[:2]]
    assert [point.coords[0] for point in points] == [at(0, 0, 2), at(10, 0, 2)]


def test_lines_without_extent_and_entities_without_place_are_refused_rows(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_line(at(0), at(0), {"layer": "JSLINE"})
        space.add_line(at(0), at(9), {"layer": "JSLINE"})
        space.add_line((1e300, 0), (0, 0), {"layer": "JSLINE"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    [count] = [count for count in delivery.counts if count.sheet == "JSLINE"]
    assert (count.rows, count.loaded, count.refused) == (3, 1, 2)


def street_block(drawing: Drawing, name: str) -> None:
    """A piece of network as a block: a pipe, a bend, a valve symbol; base point away from the origin."""
    block = drawing.blocks.new(name, base_point=(5, 0))
    symbol = drawing.blocks.new("SYMBOL")
    symbol.add_circle((0, 0), 0.2, {"layer": "JSPOINT"})
    symbol.add_line((-1, 0), (1, 0), {"layer": "JSPOINT"})
    tagged(block.add_line((5, 0), (15, 0), {"layer": "JSLINE"}), "A", "管径:300")
    block.add_lwpolyline([(15, 0, 1), (19, 0, 0)], format="xyb", dxfattribs={"layer": "JSLINE"})
    block.add_blockref("SYMBOL", (15, 0), {"layer": "0"})


@given(
    st.floats(-180, 180),
    st.sampled_from([(1, 1, 1), (2, 2, 2), (-1, 1, 1), (1, -3, 1)]),
    st.sampled_from([(0, 0, 1), (0, 0, -1)]),
)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_pasted_blocks_lie_where_a_cad_program_draws_them(
    tmp_path: Path, turn: float, scale: tuple[float, float, float], faces: tuple[float, float, float]
) -> None:
    def draw(drawing: Drawing) -> None:
        street_block(drawing, "STREET")
        outer = drawing.blocks.new("A$C0001")
        outer.add_blockref("STREET", (100, 0), {"rotation": turn, "layer": "INNER"})
        place = {"xscale": scale[0], "yscale": scale[1], "zscale": scale[2], "extrusion": faces, "layer": "JSPOINT"}
        drawing.modelspace().add_blockref("A$C0001", (EAST * faces[2], NORTH), place)

    path = drawn(tmp_path / "a.dxf", draw)
    read = Read(path)
    document = ezdxf.readfile(path)
    [outer], [inner] = document.modelspace(), document.blocks.get("A$C0001")
    to_world = inner.matrix44() @ outer.matrix44()
    corners = [(place.x, place.y) for place in to_world.transform_vertices([(5, 0), (15, 0), (19, 0)])]
    lines, nodes = read["JSLINE", "segment"].geometry, read["INNER", "node"].geometry
    assert lines is not None
    assert nodes is not None
    assert shapely.get_coordinates(lines[0]) == pytest.approx(np.array(corners[:2]), abs=1e-6)
    assert shapely.get_coordinates(lines[1])[[0, -1]] == pytest.approx(np.array(corners[1:]), abs=1e-6)
    assert shapely.get_coordinates(nodes[0])[0] == pytest.approx(corners[1], abs=1e-6)
    # The middle of the half circle.
    [middle] = to_world.transform_vertices([(17, -2)])
    assert shapely.distance(shapely.Point(middle.x, middle.y), lines[1]) <= SAGITTA_M
    assert read.column("JSLINE", "segment", "管径") == ["300", None]
    assert left_out(read, "JSPOINT") == {"content": {"INSERT": 1}}


def test_blocks_within_themselves_and_without_end_are_bounded(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        inner = drawing.blocks.new("LEVEL0")
        tagged(inner.add_line((0, 0), (1, 0), {"layer": "JSLINE"}), "A", "管径:300")
        for level in range(1, 19):
            block = drawing.blocks.new(f"LEVEL{level}")
            for _ in range(2):
                block.add_blockref(f"LEVEL{level - 1}", (0, 0))
        drawing.blocks.get("LEVEL0").add_blockref("LEVEL18", (0, 0))
        drawing.modelspace().add_blockref("LEVEL18", (EAST, NORTH))
        drawing.modelspace().add_line(at(0), at(9), {"layer": "JSLINE"})

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert len(read["JSLINE", "segment"].rows) >= 1
    [told] = read.findings("IMP-XREF")
    assert "nested so deeply" in told.message_en


def attach(drawing: Drawing, file: str, name: str = "REF", **place: Any) -> None:
    drawing.add_xref_def(file, name)
    drawing.modelspace().add_blockref(name, place.pop("insert", (0, 0)), {"layer": "0", **place})


def test_attached_drawings_beside_the_file_are_read_in_their_place(tmp_path: Path) -> None:
    def inner(drawing: Drawing) -> None:
        drawing.header["$INSBASE"] = (10, 0, 0)
        tagged(drawing.modelspace().add_line((10, 0), (20, 0), {"layer": "WSLINE"}), "A", "管径:400")

    def outer(drawing: Drawing) -> None:
        drawing.modelspace().add_line(at(0), at(9), {"layer": "JSLINE"})
        attach(drawing, r"D:\项目\Sewers.dwg", insert=(EAST, NORTH), rotation=90)
        attach(drawing, "..\\missing.dwg", "GONE")

    drawn(tmp_path / "sewers.dxf", inner)
    read = Read(drawn(tmp_path / "a.dxf", outer))
    table = read["REF|WSLINE", "segment"]
    assert table.file == "a.dxf"
    assert table.geometry is not None
    assert np.array(table.geometry[0].coords) == pytest.approx(np.array([at(0)[:2], at(0, 10)[:2]]))
    assert table.rows["管径"].tolist() == ["400"]
    words = [finding.message_en for finding in read.findings("IMP-XREF")]
    assert words[0] == "The attached drawing sewers.dxf was read with it: 1 entities."
    assert words[1] == "The attached drawing missing.dwg is not beside it; what is drawn in it was not read."


def test_attached_drawings_in_a_circle_or_damaged_are_told(tmp_path: Path) -> None:
    def host(other: str) -> Any:
        def draw(drawing: Drawing) -> None:
            drawing.modelspace().add_line(at(0), at(9), {"layer": "JSLINE"})
            attach(drawing, other)

        return draw

    drawn(tmp_path / "b.dxf", host("a.dxf"))
    path = drawn(tmp_path / "a.dxf", host("b.dxf"))
    circle = [finding.message_en for finding in Read(path).findings("IMP-XREF")]
    assert any("attached in a circle" in words for words in circle)
    (tmp_path / "b.dxf").write_bytes(b"0\nSECTION\n")
    [told] = Read(path).findings("IMP-XREF")
    assert "cannot be read (b.dxf is cut off" in told.message_en
    assert told.severity == Severity.WARNING


def test_an_attached_drawing_that_is_delivered_itself_is_read_once(tmp_path: Path) -> None:
    def inner(drawing: Drawing) -> None:
        drawing.modelspace().add_line(at(0, 5), at(9, 5), {"layer": "WSLINE"})

    def outer(drawing: Drawing) -> None:
        drawing.modelspace().add_line(at(0), at(9), {"layer": "JSLINE"})
        attach(drawing, "b.dxf")

    paths = [drawn(tmp_path / "a.dxf", outer), drawn(tmp_path / "b.dxf", inner)]
    delivery = read_delivery(paths, srid=4547)
    assert len(delivery.segments) == 2
    assert sum(count.rows for count in delivery.counts) == 3
    assert len(read_delivery(paths[:1], srid=4547).segments) == 2
    [told] = [finding for finding in delivery.findings if finding.rule == "IMP-XREF"]
    assert told.severity == Severity.INFO


def test_an_attached_drawing_that_is_delivered_itself_but_placed_elsewhere_is_read_there(tmp_path: Path) -> None:
    def outer(drawing: Drawing) -> None:
        drawing.modelspace().add_line(at(0), at(9), {"layer": "JSLINE"})
        attach(drawing, "b.dxf", insert=(100, 0))

    path = drawn(tmp_path / "a.dxf", outer)
    drawn(tmp_path / "b.dxf", lambda drawing: drawing.modelspace().add_line(at(0, 5), at(9, 5), {"layer": "WSLINE"}))
    read = Read(path, delivered=["a.dxf", "b.dxf"])
    [line] = read["REF|WSLINE", "segment"].shapes
    assert [vertex[:2] for vertex in line.coords] == [at(100, 5)[:2], at(109, 5)[:2]]
    [alone] = DxfReader().read([tmp_path / "b.dxf"], {"delivered": ["a.dxf", "b.dxf"]})
    assert alone.rows.empty and [told.value for told in alone.findings] == ["a.dxf"]


@pytest.mark.parametrize(
    ("header", "scale", "unit"),
    [(4, 1000, "millimetres"), (5, 100, "centimetres"), (0, 1000, "millimetres"), (1, 1000, "millimetres")],
)
def test_a_drawing_in_millimetres_is_scaled_and_told(tmp_path: Path, header: int, scale: float, unit: str) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.header["$INSUNITS"] = header
        space = drawing.modelspace()
        space.add_line(*(tuple(scale * x for x in place) for place in (at(0), at(30, 0, 2))), {"layer": "JS"})
        space.add_circle([scale * x for x in at(30)], 0.4 * scale, {"layer": "JS"})

    read = Read(drawn(tmp_path / "a.dxf", draw))
    geometry = read["JS", "segment"].geometry
    assert geometry is not None
    assert np.array(geometry[0].coords) == pytest.approx(np.array([at(0), at(30, 0, 2)]))
    assert read.column("JS", "node", "drawn_appurtenance") == ["manhole"]
    [told] = read.findings("IMP-UNITS")
    assert unit in told.message_en
    assert told.severity == Severity.WARNING


def test_a_header_that_coordinates_belie_is_not_believed(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.header["$INSUNITS"] = 1
        drawing.modelspace().add_line(at(0), at(30), {"layer": "JS"})

    path = drawn(tmp_path / "a.dxf", draw)
    [line] = lines_of(path)
    assert line.length == 30
    [told] = Read(path).findings("IMP-UNITS")
    assert "inches, but its coordinates are those of a grid in metres" in told.message_en
    [line] = lines_of(path, units="in")
    assert line.length == pytest.approx(30 * 0.0254)
    with pytest.raises(SourceError, match="There is no unit parsec"):
        Read(path, units="parsec")


def test_coordinates_that_no_unit_explains_are_told(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.modelspace().add_line((5e11, 2e12), (6e11, 2e12), {"layer": "JS"})

    [told] = Read(drawn(tmp_path / "a.dxf", draw)).findings("IMP-UNITS")
    assert "too large for metres" in told.message_en


def test_chains_of_lines_meet_at_their_points(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        places = [at(30 * step, (step % 2) * 5) for step in range(6)]
        for start, end in pairwise(places):
            # A few centimetres off, as drawn by hand.
            space.add_line((start[0] + 0.02, *start[1:]), end, {"layer": "JSLINE"})
        for number, place in enumerate(places):
            tagged(space.add_point(place, {"layer": "JSPOINT"}), "A", f"点号:J{number}")

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    assert delivery.segments["source_key"].tolist() == [f"J{n}->J{n + 1}" for n in range(5)]


def test_a_sheet_of_nothing_but_drawings_that_are_delivered_themselves_refuses_none_of_them(tmp_path: Path) -> None:
    def inner(drawing: Drawing) -> None:
        drawing.modelspace().add_line(at(0, 5), at(9, 5), {"layer": "WSLINE"})

    paths = [drawn(tmp_path / "sheet.dxf", lambda drawing: attach(drawing, "b.dxf")), drawn(tmp_path / "b.dxf", inner)]
    delivery = read_delivery(paths, srid=4547)

    assert len(delivery.segments) == 1
    assert sum(count.rows for count in delivery.counts) == 2
    assert "itself part of the delivery" in next(f.message_en for f in delivery.findings if f.rule == "IMP-XREF")
