"""Entities of a drawing, those in attached drawings and pasted blocks among them, as plain records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ezdxf.math import Matrix44

from importers.cad import texts
from importers.cad.drawing import Block, Drawing, extension_dictionary
from importers.cad.extended_data import block_attributes, constant_attributes, extended_data, merged, record_data
from importers.cad.geometry import MALFORMED, Vertices, is_closed, placement, vertices_of
from importers.cad.groups import Group

ROLES = {
    "POINT": "node", "INSERT": "node", "CIRCLE": "node",
    "LINE": "segment", "LWPOLYLINE": "segment", "POLYLINE": "segment", "ARC": "segment", "SPLINE": "segment",
    "ELLIPSE": "segment",
}  # fmt: skip
_MAX_DEPTH = 12
# A colour that is the layer's.
_BY_LAYER = "256"
# A drawing shows what it stores a few times over; far more than that is a trap.
_LEAST_INSIDE, _TIMES_STORED = 20_000, 4


@dataclass(slots=True)
class Entity:
    """One entity: where it stands in the file, what it is, what it says, and its vertices in the map."""

    row: int
    kind: str
    layer: str
    handle: str | None
    block: str | None = None
    linetype: str | None = None
    look: tuple[str, str] = ("", "")
    attributes: dict[str, Any] = field(default_factory=dict)
    vertices: Vertices = field(default_factory=list)
    is_closed: bool = False
    radius: float = 0.0
    text: texts.Text | None = None
    is_container: bool = False

    @property
    def role(self) -> str | None:
        """What it would be in a network: node, segment, or neither."""
        return ROLES.get(self.kind)


@dataclass
class Attachment:
    """A drawing attached by an insert: the name it is known by, and the way from it to the map."""

    block: Block
    tags: dict[int, Any]
    to_world: Matrix44 | None


class EntityReader:
    """Reads all entities of a drawing; what it learns on the way stays on it.

    Parameters
    ----------
    is_name
        Whether a word is the name of an attribute.
    holds_network
        Whether the content of a block is drawn network rather than a symbol.
    to_world
        From the drawing's coordinates to the map's, None where they are the same.
    """

    def __init__(
        self,
        drawing: Drawing,
        is_name: Callable[[str], bool],
        holds_network: Callable[[Drawing, Block], bool],
        to_world: Matrix44 | None = None,
    ) -> None:
        self.drawing = drawing
        self.attachments: list[Attachment] = []
        self.n_too_deep = 0
        self._is_name, self._holds_network, self._to_world = is_name, holds_network, to_world
        self._containers: dict[str, bool] = {}
        self._radii: dict[str, float] = {}
        self._pasted: list[tuple[Block, Matrix44, str]] = []
        self._dictionaries: list[tuple[Entity, str]] = []
        self._tips: dict[str, tuple[float, float]] = {}
        self._by_handle: dict[str, texts.Text] = {}
        self._n_read = self._n_allowed = 0

    def read(self) -> list[Entity]:
        """Entities of the model space in drawing order, then those of pasted blocks."""
        found = [self._entity(group, self._to_world) for group in self.drawing.model_space()]
        n_stored = sum(len(block.groups) for block in self.drawing.blocks.values())
        self._n_allowed = self._n_read + _LEAST_INSIDE + _TIMES_STORED * n_stored
        found += self._inside(list(self._pasted), 1)
        self._resolve()
        return found

    def _inside(self, pasted: list[tuple[Block, Matrix44, str]], depth: int) -> Iterator[Entity]:
        for block, to_world, layer in pasted:
            self._pasted.clear()
            for group in block.groups:
                if self._n_read > self._n_allowed or depth > _MAX_DEPTH:
                    self.n_too_deep += 1
                    continue
                entity = self._entity(group, to_world)
                entity.layer = layer if entity.layer == "0" else entity.layer
                yield entity
            yield from self._inside(list(self._pasted), depth + 1)

    def _entity(self, group: Group, to_world: Matrix44 | None) -> Entity:
        self._n_read += 1
        tags, word = group.tags(), self.drawing.word
        handle = self.drawing.text(tags[5]) if 5 in tags else None
        entity = Entity(self._n_read, group.kind, word(tags.get(8, b"0")), handle)
        entity.linetype = word(tags[6]) if 6 in tags else None
        entity.look = self._look(entity, tags)
        if group.kind in ROLES:
            self._read_shape(entity, group, tags, to_world)
        elif group.kind in texts.KINDS:
            entity.text = texts.text_in(group, tags, self.drawing, to_world)
            if entity.text is not None and handle:
                self._by_handle[handle] = entity.text
        elif group.kind == "LEADER":
            self._read_leader(entity, group, tags, to_world)
        self._read_attributes(entity, group)
        if group.kind == "INSERT":
            self._read_insert(entity, tags, to_world)
        return entity

    def _look(self, entity: Entity, tags: dict[int, Any]) -> tuple[str, str]:
        """Colour and linetype, those of the layer where the entity has none of its own."""
        of_layer = self.drawing.looks.get(entity.layer, ("", ""))
        colour = self.drawing.word(tags[62]) if 62 in tags else _BY_LAYER
        linetype = (entity.linetype or _BY_LAYER).upper()
        own = self.drawing.word(tags[420]) if 420 in tags else of_layer[0] if colour == _BY_LAYER else colour
        return own, of_layer[1] if linetype in ("BYLAYER", _BY_LAYER) else linetype

    def _read_leader(self, entity: Entity, group: Group, tags: dict[int, Any], to_world: Matrix44 | None) -> None:
        """What a leader points at is its text's; one without a text keeps its course."""
        tip = texts.leader_tip(group, tags, self.drawing, to_world)
        if tip is not None:
            self._tips[tip[0]] = tip[1][:2]
        else:
            entity.vertices = vertices_of(group, tags, to_world)

    def _read_shape(self, entity: Entity, group: Group, tags: dict[int, Any], to_world: Matrix44 | None) -> None:
        entity.vertices = vertices_of(group, tags, to_world)
        entity.is_closed = is_closed(group, tags) or (
            len(entity.vertices) > 3 and entity.vertices[0] == entity.vertices[-1]
        )
        if group.kind == "INSERT":
            entity.block = self.drawing.word(tags.get(2, ""))
            entity.radius = self._symbol_radius(entity.block, tags, to_world)
        elif group.kind == "CIRCLE":
            entity.radius = _number(tags.get(40)) * _scale(to_world)

    def _symbol_radius(self, name: str, tags: dict[int, Any], to_world: Matrix44 | None) -> float:
        """Of the largest circle round the base of a block, as it is inserted; 0 where there is none."""
        block = self.drawing.blocks.get(name.upper())
        if block is None:
            return 0.0
        if block.name not in self._radii:
            self._radii[block.name] = block.radius()
        return self._radii[block.name] * abs(_number(tags.get(41, 1))) * _scale(to_world)

    def _read_attributes(self, entity: Entity, group: Group) -> None:
        codec = self.drawing.codec
        pairs = [*extended_data(group, codec, self._is_name)] if group.codes and group.codes[-1] >= 1000 else []
        if group.kind == "INSERT":
            pairs += block_attributes(group, codec)
            block = self.drawing.blocks.get((entity.block or "").upper())
            pairs += constant_attributes(block.groups, codec) if block is not None else ()
        entity.attributes = merged(pairs) if pairs else entity.attributes
        dictionary = extension_dictionary(group)
        if dictionary is not None:
            self._dictionaries.append((entity, dictionary))

    def _read_insert(self, entity: Entity, tags: dict[int, Any], to_world: Matrix44 | None) -> None:
        block = self.drawing.blocks.get((entity.block or "").upper())
        if block is None or (block.xref is None and entity.attributes):
            return
        if block.xref is not None:
            entity.is_container = True
            self.attachments.append(Attachment(block, tags, to_world))
            return
        if block.name not in self._containers:
            self._containers[block.name] = self._holds_network(self.drawing, block)
        if self._containers[block.name]:
            try:
                place = placement(tags, block.base)
            except MALFORMED:
                return
            entity.is_container = True
            self._pasted.append((block, place if to_world is None else place @ to_world, entity.layer))

    def _resolve(self) -> None:
        """What only the end of the file tells: records of extension dictionaries and the texts of leaders."""
        for entity, dictionary in self._dictionaries:
            pairs = [
                pair
                for name, group in self.drawing.records(dictionary)
                for pair in record_data(name, group, self.drawing.codec, self._is_name)
            ]
            if pairs:
                entity.attributes = merged([*entity.attributes.items(), *pairs])
        for handle, tip in self._tips.items():
            if handle in self._by_handle:
                self._by_handle[handle].target = tip


def _scale(to_world: Matrix44 | None) -> float:
    return 1.0 if to_world is None else to_world.transform_direction((1.0, 0.0, 0.0)).magnitude


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0
