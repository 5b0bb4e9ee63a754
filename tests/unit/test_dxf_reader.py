"""Drawings come out layer by layer with the attributes of their entities; every entity is accounted for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import ezdxf
import pytest
import shapely
from ezdxf.document import Drawing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.base import RecordTable
from importers.dxf import DxfReader
from pipemap.errors import SourceError


def tagged(entity: Any, application: str, *values: Any) -> Any:
    codes = {str: 1000, float: 1040, int: 1070}
    entity.set_xdata(application, [(codes[type(value)], value) for value in values])
    return entity


def survey(drawing: Drawing) -> None:
    """J1 --- J2 with points, the blocks that draw them, labels, and one line that says nothing."""
    drawing.appids.add("egw_xdata")
    drawing.blocks.new("GXD")
    space = drawing.modelspace()
    for number, x in (("J1", 0.0), ("J2", 10.0)):
        values = ["小类代码:J", f"点号:{number}", "特征:三通", "附属物:", "地面高程:5.25"]
        tagged(space.add_point((x, 1, 5.25), {"layer": "JPOINT"}), "egw_xdata", *values)
        tagged(space.add_blockref("GXD", (x, 1), {"layer": "JPOINT"}), "egw_xdata", *values[:2])
        tagged(space.add_text(number, dxfattribs={"layer": "JTEXT"}), "egw_xdata", *values[:2])
    values = ["小类代码:J", "线号:J1,J2", "材质:铸铁", "管径:700X400"]
    tagged(space.add_line((0, 1, 4), (10, 1, 3.5), {"layer": "JLINE"}), "egw_xdata", *values)
    space.add_line((10, 1, 3), (20, 1, 3), {"layer": "JLINE"})
    space.add_lwpolyline([(0, 0), (1, 0), (1, 1)], close=True, dxfattribs={"layer": "JLINE"})
    space.add_line((0, 0), (100, 0), {"layer": "FRAME"})


def drawn(path: Path, draw: Callable[[Drawing], None], version: str = "R2010", form: str = "asc") -> Path:
    drawing = ezdxf.new(version)
    drawing.encoding = "gbk" if version == "R2000" else drawing.encoding
    draw(drawing)
    drawing.saveas(path, encoding="gbk" if version == "R2000" else None, fmt=form)
    return path


def read(path: Path) -> dict[tuple[str, str | None], RecordTable]:
    assert DxfReader().accepts(path)
    tables = list(DxfReader().read([path], {}))
    assert all(table.geometry is not None and len(table.geometry) == len(table.rows) for table in tables)
    return {(table.sheet, table.role): table for table in tables}


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        list(DxfReader().read([path], {}))
    assert raised.value.message.startswith(path.name)
    assert "\n" not in raised.value.message
    assert str(path.parent) not in raised.value.message
    assert raised.value.details["message_zh"]
    return raised.value.message


@pytest.mark.parametrize(("version", "form"), [("R2010", "asc"), ("R2010", "bin"), ("R2000", "asc")])
def test_points_and_lines_with_extended_data(tmp_path: Path, version: str, form: str) -> None:
    tables = read(drawn(tmp_path / "图.dxf", survey, version, form))
    points = tables["JPOINT", "node"]
    assert points.rows["点号"].tolist() == ["J1", "J2"]
    assert points.rows["特征"].tolist() == ["三通", "三通"]
    assert points.rows["附属物"].tolist() == [None, None]
    assert points.rows["entity"].tolist() == ["POINT", "POINT"]
    assert points.geometry is not None
    assert shapely.get_coordinates(points.geometry, include_z=True).tolist() == [[0, 1, 5.25], [10, 1, 5.25]]
    lines = tables["JLINE", "segment"]
    assert lines.rows["线号"].tolist() == ["J1,J2", None]
    assert lines.rows["管径"].tolist() == ["700X400", None]
    assert lines.geometry is not None
    assert shapely.get_coordinates(lines.geometry[0], include_z=True).tolist() == [[0, 1, 4], [10, 1, 3.5]]
    assert lines.crs is None


def test_every_entity_is_a_row_or_skipped(tmp_path: Path) -> None:
    tables = read(drawn(tmp_path / "a.dxf", survey))
    account = {place: (len(table.rows), table.skipped_rows) for place, table in tables.items()}
    assert account == {
        ("JPOINT", "node"): (2, 2),
        ("JTEXT", None): (0, 2),
        ("JLINE", "segment"): (2, 1),
        ("FRAME", None): (0, 1),
    }
    rows = [row for table in tables.values() for row in table.rows.index]
    assert len(set(rows)) == len(rows)


def test_block_attributes_where_there_is_no_extended_data(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        block = drawing.blocks.new("VALVE")
        block.add_attdef("CODE", (0, 0))
        block.add_attdef("DEPTH", (0, 0))
        insert = drawing.modelspace().add_blockref("VALVE", (7, 8, 9), {"layer": "WATER"})
        insert.add_auto_attribs({"CODE": "V1", "DEPTH": "1.50"})

    [table] = read(drawn(tmp_path / "a.dxf", draw)).values()
    [row] = table.rows.itertuples()
    assert (row.block, row.CODE, row.DEPTH, row.layer) == ("VALVE", "V1", "1.50", "WATER")
    assert table.geometry is not None
    assert table.geometry[0].coords[0] == (7, 8, 9)


def test_a_block_that_says_more_than_the_point_is_no_twin(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.appids.add("A")
        drawing.blocks.new("B")
        space = drawing.modelspace()
        tagged(space.add_point((0, 0)), "A", "no:1")
        tagged(space.add_blockref("B", (0, 0)), "A", "no:1", "state:closed")
        tagged(space.add_blockref("B", (5, 0)), "A", "no:2")

    [table] = read(drawn(tmp_path / "a.dxf", draw)).values()
    assert table.rows["no"].tolist() == ["1", "1", "2"]
    assert table.skipped_rows == 0


def test_unnamed_values_of_any_application(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        for name in ("ACAD_NOISE", "PIPE"):
            drawing.appids.add(name)
        line = drawing.modelspace().add_line((0, 0), (1, 0))
        tagged(tagged(line, "ACAD_NOISE", "x:1"), "PIPE", "P7", 75, 1.5, "材质=钢")

    [table] = read(drawn(tmp_path / "a.dxf", draw)).values()
    row = table.rows.iloc[0].to_dict()
    assert {name: row[name] for name in row if name not in ("layer", "entity", "handle", "block")} == {
        "PIPE": "P7",
        "PIPE_2": 75,
        "PIPE_3": 1.5,
        "材质": "钢",
    }


def test_polylines_arcs_and_mirrored_blocks(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        drawing.appids.add("A")
        drawing.blocks.new("B")
        space = drawing.modelspace()
        bulge = space.add_lwpolyline([(0, 0, 1), (2, 0, 0), (5, 0, 0)], format="xyb", dxfattribs={"elevation": 3})
        shapes = [
            bulge,
            space.add_polyline3d([(0, 0, 1), (1, 0, 2)]),
            space.add_arc((0, 0), 1, 0, 90),
            space.add_polyline3d([(4, 4, 4), (4, 4, 4)]),
            space.add_blockref("B", (1, 2, 3), {"extrusion": (0, 0, -1)}),
        ]
        for number, entity in enumerate(shapes):
            tagged(entity, "A", f"no:{number}")

    tables = read(drawn(tmp_path / "a.dxf", draw))
    lines = tables["0", "segment"].geometry
    assert lines is not None
    assert lines[0].length == pytest.approx(3.14159265 + 3, abs=0.03)
    assert {z for _, _, z in lines[0].coords} == {3}
    assert list(lines[1].coords) == [(0, 0, 1), (1, 0, 2)]
    assert lines[2].length == pytest.approx(3.14159265 / 2, abs=0.02)
    assert lines[3] is None
    blocks = tables["0", "node"].geometry
    assert blocks is not None
    assert blocks[0].coords[0] == (-1, 2, -3)


def test_a_drawing_without_attributes(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.dxf", lambda drawing: drawing.modelspace().add_line((0, 0), (1, 1)))
    message = refusal(path)
    assert "extended data (XDATA) and block attributes were looked for on 1 points, blocks and lines" in message
    assert "deliver the drawing with them" in message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"  \n", "is empty"),
        (b"AC1027\x00\x00", "DWG"),
        (b"%PDF-1.4 EOF", "not a DXF"),
        (b"0\nSECTION\n2\nENTITIES\n", "cut off"),
        (b"0\nSECTION\nxx\nyy\nEOF\n", "damaged"),
        (b"AutoCAD Binary DXF\r\n\x1a\x00\x00\x00EOF", "damaged"),
        (b"0\nEOF\n", "damaged"),
    ],
)
def test_files_that_are_no_drawing(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "a.dxf"
    path.write_bytes(content)
    assert words in refusal(path)


def test_an_absent_file(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "no.dxf")


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.99])
def test_a_drawing_that_is_cut_off(tmp_path: Path, kept: float) -> None:
    path = drawn(tmp_path / "a.dxf", survey)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    assert "cut off" in refusal(path)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return drawn(tmp_path_factory.mktemp("dxf") / "a.dxf", survey).read_bytes()


@given(st.lists(st.tuples(st.floats(0, 0.999), st.binary(max_size=4)), min_size=1, max_size=5))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_accounted_for(original: bytes, tmp_path: Path, edits: list[tuple[float, bytes]]) -> None:
    data = original
    entities = data.index(b"ENTITIES")
    for place, piece in edits:
        at = entities + int(place * (len(data) - entities))
        data = data[:at] + piece + data[at + len(piece) :]
    path = tmp_path / "a.dxf"
    path.write_bytes(data)
    try:
        read(path)
    except SourceError as error:
        assert error.message.startswith("a.dxf")
