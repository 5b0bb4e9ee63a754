"""CAD drawings as deliveries: points, blocks and lines with their attributes, layer by layer."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from importers import drawing
from importers.base import RecordTable
from pipemap.errors import SourceError

_OWN_COLUMNS = ("layer", "entity", "handle", "block")


@dataclass
class _Entity:
    row: int
    role: str
    cells: dict[str, Any]
    attributes: dict[str, Any]
    shape: shapely.Geometry | None


@dataclass
class _Layer:
    entities: list[_Entity] = field(default_factory=list)
    skipped: int = 0

    def is_network(self) -> bool:
        return any(entity.attributes for entity in self.entities)


class DxfReader:
    """Reads the model space of .dxf files by ezdxf; a row's number is the entity's place in it.

    Each layer is a sheet, with a table of role node (POINT, INSERT, and CIRCLE with attributes) and one of
    role segment (LINE, polylines, arcs and splines, curves as chords within 1 cm). Attributes become columns:
    `key:value` strings of the extended data of any application, other extended data as
    `<application>`, `<application>_2`, …, and the attributes of blocks. Beside them stand `layer`,
    `entity`, `handle` and `block`. Geometry is in world coordinates, x east, y north, z as drawn;
    a drawing says nothing of its CRS.

    On a layer where any point, block or line has attributes, those without are rows with no
    attributes. Skipped, and counted as such: texts and other drawing matter (closed lines without
    attributes among it), whole layers without attributes, and blocks that stand for a POINT of the
    layer and repeat its attributes. So rows + skipped_rows = entities.
    """

    name = "dxf"

    def accepts(self, path: Path) -> bool:
        """Whether the file is called .dxf, or .dwg, which is refused with a sentence."""
        return path.suffix.lower() in (".dxf", ".dwg")

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of each drawing, nodes of a layer before its segments; there are no options.

        Raises
        ------
        SourceError
            When the file is no DXF drawing, is damaged, or nothing in it has attributes.
        """
        for path in paths:
            layers = _layers(path)
            if not any(layer.is_network() for layer in layers.values()):
                raise _without_attributes(path, layers)
            for name, layer in layers.items():
                yield from _tables(path, name, layer)


def _layers(path: Path) -> dict[str, _Layer]:
    layers: dict[str, _Layer] = defaultdict(_Layer)
    for row, entity in enumerate(drawing.model_space(path), 1):
        layer = layers[drawing.legible(entity.dxf.get("layer", "0"))]
        found = _entity(row, entity)
        if found is None:
            layer.skipped += 1
        else:
            layer.entities.append(found)
    return layers


def _entity(row: int, entity: Any) -> _Entity | None:
    kind = entity.dxftype()
    role = drawing.ROLES.get(kind)
    if role is None:
        return None
    attributes, shape = drawing.attributes(entity), drawing.shape(entity)
    # Circles and closed lines without attributes outline a symbol or a remark.
    if not attributes and (kind == "CIRCLE" or shapely.is_closed(shape)):
        return None
    cells = {
        "layer": drawing.legible(entity.dxf.get("layer", "0")),
        "entity": kind,
        "handle": entity.dxf.get("handle"),
        "block": drawing.legible(entity.dxf.name) if kind == "INSERT" else None,
    }
    return _Entity(row, role, cells, attributes, shape)


def _tables(path: Path, name: str, layer: _Layer) -> Iterator[RecordTable]:
    if not layer.is_network():
        yield _table(path, name, None, [], layer.skipped + len(layer.entities))
        return
    kept = _without_twins(layer.entities)
    skipped = layer.skipped + len(layer.entities) - len(kept)
    for role in ("node", "segment"):
        entities = [entity for entity in kept if entity.role == role]
        if entities:
            yield _table(path, name, role, entities, skipped)
            skipped = 0


def _without_twins(entities: list[_Entity]) -> list[_Entity]:
    """The layer without the blocks that only draw a point whose attributes they repeat."""
    owners: dict[tuple[str, Any], set[int]] = defaultdict(set)
    for entity in entities:
        if entity.cells["entity"] == "POINT":
            for item in entity.attributes.items():
                owners[item].add(entity.row)

    def is_twin(entity: _Entity) -> bool:
        shared = [owners.get(item, set()) for item in entity.attributes.items()]
        return entity.cells["entity"] == "INSERT" and bool(shared) and bool(set.intersection(*shared))

    return [entity for entity in entities if not is_twin(entity)]


def _table(path: Path, sheet: str, role: str | None, entities: list[_Entity], skipped_rows: int) -> RecordTable:
    names = [*_OWN_COLUMNS, *dict.fromkeys(name for entity in entities for name in entity.attributes)]
    cells = [{**entity.attributes, **entity.cells} for entity in entities]
    index = pd.Index([entity.row for entity in entities], dtype="int64")
    columns = {name: pd.Series([row.get(name) for row in cells], index=index, dtype=object) for name in names}
    shapes = np.array([*(entity.shape for entity in entities), None], dtype=object)[:-1]
    return RecordTable(path.name, sheet, pd.DataFrame(columns), shapes, role=role, skipped_rows=skipped_rows)


def _without_attributes(path: Path, layers: dict[str, _Layer]) -> SourceError:
    n_entities = sum(len(layer.entities) for layer in layers.values())
    return SourceError(
        f"{path.name} has no attributes: extended data (XDATA) and block attributes were looked for on "
        f"{n_entities} points, blocks and lines; deliver the drawing with them, or a point and a line table.",
        message_zh=f"{path.name} 没有属性：在 {n_entities} 个点、块和线上查找了扩展数据（XDATA）和块属性；"
        "请提供带属性的图形，或管点表和管线表。",
    )
