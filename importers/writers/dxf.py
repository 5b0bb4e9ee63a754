"""DXF: a layer a utility class, blocks for appurtenances, every granted attribute as XDATA of the entity."""

from typing import Any

from ezdxf.colors import RGB
from ezdxf.document import Drawing
from ezdxf.entities.dxfentity import DXFEntity

from importers.writers.network import Piece, Point, attributes, read_network
from pipemap.sharing.layers import Content
from schemas.codetables import Code, code_table

APP = "PIPEMAP"
_METRES = 6
_SYMBOL_M = 0.5
_XDATA_TEXT, _XDATA_BYTES = 1000, 255


def write_dxf(content: Content) -> None:
    """Write one drawing; lines of unknown height lie on layers of their own, at elevation 0."""
    network = read_network(content, "DXF")
    drawing = Drawing.new("R2018")
    drawing.header["$INSUNITS"] = _METRES
    drawing.appids.add(APP)
    for point in network.points:
        _draw_point(drawing, point)
    for piece in network.pieces:
        _draw_piece(drawing, piece)
    drawing.saveas(content.folder / "pipemap.dxf")
    if any(not piece.has_height for piece in network.pieces):
        content.notes.append(
            "Lines on layers that end in -NO-HEIGHT are of unknown height, not at 0. "
            "图层名以 -NO-HEIGHT 结尾的管线高程不明，并非 0。"
        )


def _draw_point(drawing: Drawing, point: Point) -> None:
    code = point.row.get("appurtenance_code") or point.row.get("feature_code") or "node"
    place = (point.x_m, point.y_m, point.z_m or 0.0)
    attribs = {"layer": _layer(drawing, point.row["class_code"], "-POINT")}
    insert = drawing.modelspace().add_blockref(_block(drawing, str(code)), place, dxfattribs=attribs)
    _attach(insert, point.row)


def _draw_piece(drawing: Drawing, piece: Piece) -> None:
    space = drawing.modelspace()
    code = piece.row["class_code"]
    if piece.has_height:
        line: DXFEntity = space.add_polyline3d(
            piece.axis.tolist(), dxfattribs={"layer": _layer(drawing, code, "-LINE")}
        )
    else:
        attribs = {"layer": _layer(drawing, code, "-LINE-NO-HEIGHT")}
        line = space.add_lwpolyline(piece.axis.tolist(), dxfattribs=attribs)
    _attach(line, piece.row)


def _layer(drawing: Drawing, class_code: str, part: str) -> str:
    known = code_table("utility_class").get(class_code)
    name = (known.fields["cjj_code"] if known else class_code) + part
    if name not in drawing.layers:
        layer = drawing.layers.add(name)
        if known is not None:
            layer.rgb = _colour(known)
            layer.description = f"{known.name_zh} {known.name_en}"
    return name


def _colour(known: Code) -> RGB:
    return RGB(*(int(known.fields[part]) for part in ("red", "green", "blue")))


def _block(drawing: Drawing, code: str) -> str:
    """A circle with the first letters of the code; its name is the code."""
    if code not in drawing.blocks:
        block = drawing.blocks.new(code)
        block.add_circle((0, 0), _SYMBOL_M / 2)
        block.add_point((0, 0))
    return code


def _attach(entity: DXFEntity, row: dict[str, Any]) -> None:
    texts = [f"{name}={value}" for name, value in attributes(row).items()]
    entity.set_xdata(APP, [(_XDATA_TEXT, _shortened(text)) for text in texts])


def _shortened(text: str) -> str:
    return text.replace("\n", " ").encode()[:_XDATA_BYTES].decode(errors="ignore")
