"""glTF 2.0 binary with identities: what is drawn, and for each feature a row of its properties.

Khronos glTF 2.0 (chapter 4.4, GLB), EXT_mesh_features and EXT_structural_metadata of 3D Tiles 1.1 (OGC 22-025r4).
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

_ALIGNMENT = 8
_FLOAT, _UNSIGNED_INT = 5126, 5125
_LINES, _TRIANGLES = 1, 4
_VERTICES, _ELEMENTS = 34962, 34963
_FEATURES, _METADATA = "EXT_mesh_features", "EXT_structural_metadata"
# Stands for what is not known; no property of a pipe has it.
_NO_NUMBER = -99_999


@dataclass(frozen=True, eq=False)
class Part:
    """One primitive: vertices (v, 3) in metres, east, north, up; the row of each vertex; lines where no normals are."""

    name: str
    color: tuple[float, float, float]
    positions: npt.NDArray[np.float64]
    rows: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int64]
    normals: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Property:
    """A property of every feature: `STRING`, or the name of a number's type; None where it is not known."""

    name: str
    kind: str
    values: Sequence[Any]
    description: str = ""


class _Buffer:
    """The binary chunk as it grows, with its views and accessors."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.length = 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes, target: int | None = None) -> int:
        padding = -len(data) % _ALIGNMENT
        described = {"buffer": 0, "byteOffset": self.length, "byteLength": len(data)}
        self.views.append(described | ({"target": target} if target else {}))
        self.chunks += [data, bytes(padding)]
        self.length += len(data) + padding
        return len(self.views) - 1

    def accessor(self, values: npt.NDArray[Any], component: int, target: int) -> int:
        kind = "VEC3" if values.ndim == 2 else "SCALAR"
        described = {"bufferView": self.view(values.tobytes(), target), "componentType": component, "type": kind}
        described["count"] = len(values)
        if target == _VERTICES and kind == "VEC3":
            described |= {"min": values.min(axis=0).tolist(), "max": values.max(axis=0).tolist()}
        self.accessors.append(described)
        return len(self.accessors) - 1


def pack(parts: Sequence[Part], count: int, properties: Sequence[Property]) -> bytes:
    """A GLB of some parts, over a table of `count` features."""
    buffer = _Buffer()
    document = {
        "asset": {"version": "2.0", "generator": "pipemap"},
        "extensionsUsed": [_FEATURES, _METADATA],
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [_primitive(buffer, number, part) for number, part in enumerate(parts)]}],
        "materials": [_material(part) for part in parts],
        "extensions": {_METADATA: _table(buffer, count, properties)},
        "accessors": buffer.accessors,
        "bufferViews": buffer.views,
        "buffers": [{"byteLength": buffer.length}],
    }
    return _glb(orjson.dumps(document), b"".join(buffer.chunks))


def _primitive(buffer: _Buffer, number: int, part: Part) -> dict[str, Any]:
    attributes = {"POSITION": buffer.accessor(_y_up(part.positions), _FLOAT, _VERTICES)}
    if part.normals is not None:
        attributes["NORMAL"] = buffer.accessor(_y_up(part.normals), _FLOAT, _VERTICES)
    attributes["_FEATURE_ID_0"] = buffer.accessor(part.rows.astype("<f4"), _FLOAT, _VERTICES)
    ids = {"featureCount": len(np.unique(part.rows)), "attribute": 0, "propertyTable": 0}
    return {
        "attributes": attributes,
        "indices": buffer.accessor(part.indices.ravel().astype("<u4"), _UNSIGNED_INT, _ELEMENTS),
        "mode": _LINES if part.normals is None else _TRIANGLES,
        "material": number,
        "extensions": {_FEATURES: {"featureIds": [ids]}},
    }


def _y_up(vectors: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """East, north, up as glTF has it: y up, z to the south."""
    return np.column_stack([vectors[:, 0], vectors[:, 2], -vectors[:, 1]]).astype("<f4")


def _material(part: Part) -> dict[str, Any]:
    # Colours of screens are not linear; glTF wants them so (IEC 61966-2-1, simplified to its exponent).
    linear = [round(value**2.2, 4) for value in part.color]
    return {
        "name": part.name,
        "doubleSided": False,
        "pbrMetallicRoughness": {"baseColorFactor": [*linear, 1.0], "metallicFactor": 0.0, "roughnessFactor": 0.8},
    }


def _table(buffer: _Buffer, count: int, properties: Sequence[Property]) -> dict[str, Any]:
    schema = {"id": "pipemap", "classes": {"segment": {"properties": {p.name: _declared(p) for p in properties}}}}
    columns = {p.name: _column(buffer, p) for p in properties}
    return {"schema": schema, "propertyTables": [{"class": "segment", "count": count, "properties": columns}]}


def _declared(prop: Property) -> dict[str, Any]:
    words = {"description": prop.description} if prop.description else {}
    if prop.kind == "STRING":
        return {"type": "STRING", "noData": "", **words}
    return {"type": "SCALAR", "componentType": prop.kind, "noData": _NO_NUMBER, **words}


def _column(buffer: _Buffer, prop: Property) -> dict[str, Any]:
    if prop.kind != "STRING":
        known = [_NO_NUMBER if value is None else value for value in prop.values]
        return {"values": buffer.view(np.array(known, prop.kind.lower()).tobytes())}
    encoded = [("" if value is None else str(value)).encode() for value in prop.values]
    offsets = np.cumsum([0, *map(len, encoded)]).astype("<u4")
    # A view may not be empty.
    values = buffer.view(b"".join(encoded) or b"\0")
    return {"values": values, "stringOffsets": buffer.view(offsets.tobytes()), "stringOffsetType": "UINT32"}


def _glb(document: bytes, binary: bytes) -> bytes:
    document += b" " * (-(12 + 8 + len(document)) % _ALIGNMENT)
    total = 12 + 8 + len(document) + 8 + len(binary)
    return b"".join(
        [
            struct.pack("<4sII", b"glTF", 2, total),
            struct.pack("<I4s", len(document), b"JSON"),
            document,
            struct.pack("<I4s", len(binary), b"BIN\0"),
            binary,
        ]
    )
