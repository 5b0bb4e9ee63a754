"""Entities of a DXF drawing: their attributes as text and numbers, their shapes in world coordinates."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import shapely
from ezdxf.filemanagement import readfile
from ezdxf.lldxf.const import DXFError
from ezdxf.path import make_path

from pipemap.errors import SourceError

ROLES = {
    "POINT": "node", "INSERT": "node", "CIRCLE": "node",
    "LINE": "segment", "LWPOLYLINE": "segment", "POLYLINE": "segment", "ARC": "segment", "SPLINE": "segment",
}  # fmt: skip

_CHORD_ERROR = 0.01
_STRING, _APPLICATION = 1000, 1001
_NUMBERS = range(1040, 1072)
_BINARY_MARK, _DWG_MARK, _TAIL_BYTES = b"AutoCAD Binary DXF", b"AC10", 64
_MALFORMED = (DXFError, OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)

# ezdxf tells in its log how it repaired a drawing, which is nothing to act on.
logging.getLogger("ezdxf").setLevel(logging.ERROR)


def model_space(path: Path) -> list[Any]:
    """All entities of the model space in drawing order.

    Raises
    ------
    SourceError
        When the file is absent, no DXF drawing, cut off or damaged.
    """
    _demand_whole_dxf(path)
    try:
        return list(readfile(path).modelspace())
    except _MALFORMED as error:
        raise _refusal(path, f"is a damaged DXF drawing ({_one_line(error, path)})", "DXF 图形已损坏") from error


def attributes(entity: Any) -> dict[str, Any]:
    """Extended data of all applications and block attributes; the first of two equal names wins."""
    found: dict[str, Any] = {}
    for name, value in (*_extended_data(entity), *_block_attributes(entity)):
        found.setdefault(name, value)
    return found


def shape(entity: Any) -> shapely.Geometry | None:
    """Point or line with z, None where the entity has no extent or no proper coordinates."""
    try:
        vertices = [tuple(float(number) for number in vertex) for vertex in _vertices(entity)]
    except _MALFORMED:
        return None
    if any(not abs(number) < 1e15 for vertex in vertices for number in vertex):
        return None
    if ROLES[entity.dxftype()] == "node":
        return shapely.Point(vertices[0])
    return shapely.LineString(vertices) if len(set(vertices)) > 1 else None


def legible(text: str) -> str:
    """Text whose bytes are not of the code page that the drawing declares, read as GB18030."""
    raw = text.encode("utf-8", "surrogateescape")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("gb18030", "replace")


def _vertices(entity: Any) -> list[Any]:
    kind = entity.dxftype()
    if kind == "POINT":
        return [entity.dxf.location]
    if kind == "LINE":
        return [entity.dxf.start, entity.dxf.end]
    if kind == "INSERT":
        return [entity.ocs().to_wcs(entity.dxf.insert)]
    if kind == "CIRCLE":
        return [entity.ocs().to_wcs(entity.dxf.center)]
    if kind == "POLYLINE" and not (entity.is_2d_polyline or entity.is_3d_polyline):
        return []
    return list(make_path(entity).flattening(_CHORD_ERROR))


def _extended_data(entity: Any) -> Iterator[tuple[str, Any]]:
    for application, tags in (entity.xdata.data if entity.xdata else {}).items():
        # AutoCAD's own extended data is about drawing.
        if application.upper().startswith(("ACAD", "ACDB", "ACAE")):
            continue
        n_unnamed = 0
        for code, value in ((tag.code, tag.value) for tag in tags if tag.code != _APPLICATION):
            name, separator, rest = _named(value) if code == _STRING else ("", "", "")
            if separator:
                yield name, rest or None
            elif code == _STRING or code in _NUMBERS:
                n_unnamed += 1
                label = legible(application)
                yield label if n_unnamed == 1 else f"{label}_{n_unnamed}", _value(value)


def _named(text: str) -> tuple[str, str, str]:
    whole = legible(text)
    ends = [whole.find(mark) for mark in (":", "：", "=") if whole.find(mark) > 0]
    if not ends:
        return whole, "", ""
    return whole[: min(ends)].strip(), whole[min(ends)], whole[min(ends) + 1 :].strip()


def _block_attributes(entity: Any) -> Iterator[tuple[str, Any]]:
    if entity.dxftype() == "INSERT":
        for attribute in entity.attribs:
            yield legible(attribute.dxf.tag), _value(attribute.dxf.text)


def _value(value: Any) -> Any:
    return (legible(value).strip() or None) if isinstance(value, str) else value


def _demand_whole_dxf(path: Path) -> None:
    if not path.is_file():
        raise _refusal(path, "does not exist", "不存在")
    with path.open("rb") as file:
        head = file.read(_TAIL_BYTES)
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        tail = file.read()
    if not head.strip():
        raise _refusal(path, "is empty; ask for the drawing again", "是空文件，请重新提供")
    if head.startswith(_DWG_MARK):
        raise _refusal(path, "is a DWG drawing; save it as DXF and deliver that", "是 DWG 图形，请另存为 DXF 后提供")
    if not head.startswith(_BINARY_MARK) and b"SECTION" not in head and not head.lstrip().startswith((b"999", b"0")):
        raise _refusal(path, "is not a DXF drawing, whatever its name says", "不是 DXF 图形")
    if b"EOF" not in tail:
        raise _refusal(path, "is cut off: the end of the drawing is missing; ask for it again", "不完整，请重新提供")


def _one_line(error: Exception, path: Path) -> str:
    words = str(error).replace(str(path), path.name).split()
    return " ".join(words).rstrip(".") or type(error).__name__


def _refusal(path: Path, what_en: str, what_zh: str) -> SourceError:
    return SourceError(f"{path.name} {what_en}.", message_zh=f"{path.name} {what_zh}。")
