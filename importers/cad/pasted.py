"""Blocks that are a piece of drawn network, pasted as one, rather than a symbol."""

from collections.abc import Callable

from importers.cad.drawing import Block, Drawing
from importers.cad.entities import ROLES
from importers.cad.extended_data import extended_data
from importers.cad.groups import Group
from importers.cad.layer_names import LayerNames

# Names that CAD programs give to what was pasted as a block.
_PASTED = ("A$C", "*U", "*X")
_MAX_STROKES = 8


class PastedNetwork:
    """Tells whether a block holds network: attributes, blocks with attributes, or lines on layers of a network.

    Parameters
    ----------
    is_name
        Whether a word is the name of an attribute.
    """

    def __init__(self, names: LayerNames, is_name: Callable[[str], bool]) -> None:
        self._names, self._is_name = names, is_name
        self._answers: dict[tuple[int, str], bool] = {}

    def __call__(self, drawing: Drawing, block: Block) -> bool:
        """Whether the block of the drawing holds network."""
        place = id(drawing), block.name
        if place not in self._answers:
            # Said first, so that a block within itself ends.
            self._answers[place] = False
            self._answers[place] = self._has_pipes(drawing, block) or self._has_data(drawing, block)
        return self._answers[place]

    def _has_pipes(self, drawing: Drawing, block: Block) -> bool:
        # A symbol may be drawn on a layer of the network, but with a few strokes only, and says no size.
        is_network = block.name.upper().startswith(_PASTED) or any(self._is_label(drawing, g) for g in block.groups)
        least = 1 if is_network else _MAX_STROKES
        return sum(self._is_pipe(drawing, group) for group in block.groups) >= least

    def _is_pipe(self, drawing: Drawing, group: Group) -> bool:
        layer = self._names.read(drawing.text(group.tags().get(8, "")))
        return ROLES.get(group.kind) == "segment" and layer.is_network and not layer.is_annotation

    def _is_label(self, drawing: Drawing, group: Group) -> bool:
        label = self._names.words.pipe_label(drawing.text(group.tags().get(1, ""))) if group.kind == "TEXT" else None
        return label is not None and label.is_signed

    def _has_data(self, drawing: Drawing, block: Block) -> bool:
        return any(self._speaks(drawing, group) for group in block.groups if group.kind in ROLES)

    def _speaks(self, drawing: Drawing, group: Group) -> bool:
        if group.kind == "INSERT":
            inner = drawing.blocks.get(drawing.text(group.tags().get(2, "")).upper())
            if group.parts or (inner is not None and (inner.xref or self(drawing, inner))):
                return True
        return any(self._is_name(name) for name, _ in extended_data(group, drawing.codec, self._is_name))
