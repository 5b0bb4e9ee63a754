"""CAD drawings as deliveries: points, blocks and lines with what is said of them, layer by layer."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely

from importers.base import RecordTable
from importers.cad import accounts
from importers.cad.drawing import Block, Drawing
from importers.cad.drawn import Drawn, lie_at_point_height
from importers.cad.entities import ROLES, Entity
from importers.cad.extended_data import extended_data
from importers.cad.geometry import Vertex
from importers.cad.groups import Group
from importers.cad.layer_names import LayerNames
from importers.cad.sheets import Sheet, Sorting, settle_silent
from importers.cad.sources import Source, SourceReader
from importers.profiles import Profile, choose_profile, known_headers, load_profile, plain
from pipemap.errors import SourceError

_OWN_COLUMNS = ("layer", "entity", "handle", "block")
_TABLE_ROLES = ("node", "segment", "structure")
# Names that CAD programs give to what was pasted as a block.
_PASTED = ("A$C", "*U", "*X")
_MAX_STROKES = 8


class DxfReader:
    """Reads the model space of .dxf and .dwg files; a row's number is the entity's place in it.

    Each layer is a sheet, with a table of role node (points, blocks, circles), one of role segment
    (lines, polylines, arcs, splines, ellipses; curves as chords within 1 cm) and one of role structure
    (closed lines). Attributes become columns: extended data of any application, records of extension
    dictionaries and attributes of blocks. Beside them stand `layer`, `entity`, `handle` and `block`,
    and what layer names, block names and texts tell as `drawn_*` (see `cad.drawn`). Geometry is in
    world coordinates, x east, y north, z as drawn, in metres; without z where that is 0.

    An entity is a row where it has attributes; where another of its role on the layer has; where its
    layer is named like one of a network or its block like a device; where a text beside a line gives a
    size; and where a bare point stands at the end of such a line. All others are counted as skipped,
    with the reason in a finding. So rows + skipped_rows + refused_rows = entities, those inside of
    pasted blocks among them, which are numbered after the others. Attached drawings beside the file
    come as sheets called `name|layer`, with the places in their own file.

    Options: those in profiles/drawing.toml, and `encoding`, `units` (m, mm, cm, dm, km, in, ft, us-ft)
    and `network_layers`, patterns of layers that are network whatever their names say.
    """

    name = "dxf"

    def accepts(self, path: Path) -> bool:
        """Whether the file is called .dxf or .dwg."""
        return path.suffix.lower() in (".dxf", ".dwg")

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of each drawing, nodes of a layer before its segments.

        Raises
        ------
        SourceError
            When the file is no drawing, is beyond repair, needs a converter that is not there, or
            nothing in it tells of a network.
        """
        for path in paths:
            yield from _tables(path, options)


def _tables(path: Path, options: dict[str, Any]) -> Iterator[RecordTable]:
    base = load_profile("drawing")
    given: Profile | None = options.get("profile")
    is_name = _name_test(frozenset(options.get("known_headers", ())))
    names = LayerNames(given or base, {**base.reader, **options})
    sources = SourceReader(is_name, _network_test(names, is_name), options).read(path)
    profile = given or _fitting(sources)
    settings = {**base.reader, **profile.reader, **options}
    sorting = Sorting(LayerNames(profile if given or _knows_drawings(profile) else base, settings), settings)
    sorted_sources = [(source, sorting.sheets(source.entities)) for source in sources]
    drawn = [_drawn(source, sheets, sorting, profile, settings, is_name) for source, sheets in sorted_sources]
    if not any(sheet.rows[role] for _, sheets in sorted_sources for sheet in sheets for role in _TABLE_ROLES):
        raise _without_signs(path, sources)
    is_axis = given is None and profile.geometry_z == "axis"
    for (source, sheets), told in zip(sorted_sources, drawn, strict=True):
        is_flat = is_axis and accounts.note_heights(source, sheets, *lie_at_point_height(sheets))
        yield from _tables_of(source, sheets, told, is_flat)


def _drawn(
    source: Source,
    sheets: list[Sheet],
    sorting: Sorting,
    profile: Profile,
    settings: dict[str, Any],
    is_name: Callable[[str], bool],
) -> Drawn:
    drawn = Drawn(sheets, sorting, profile, settings)

    def take_in_points() -> None:
        accounts.note_taken_in(source, settle_silent(sheets))

    drawn.read(lambda entity: any(is_name(name) for name in entity.attributes), take_in_points)
    accounts.note_labels(source, drawn.labels, float(settings.get("label_reach_m", 0)))
    accounts.note_drawn(source, drawn, sum(len(sheet.spots) for sheet in sheets), settings)
    accounts.note_hidden(source, sheets)
    return drawn


def _tables_of(source: Source, sheets: list[Sheet], drawn: Drawn, is_flat: bool) -> Iterator[RecordTable]:
    notes = source.notes
    for sheet in sheets:
        name = source.prefix + sheet.name
        findings = [*notes, *accounts.left_out(source.file, name, sheet)]
        notes = []
        n_skipped = sum(sheet.left_out.values()) - sheet.n_custom
        roles = [role for role in _TABLE_ROLES if sheet.rows[role]]
        for place, role in enumerate(roles or [None]):
            rows = sheet.rows[role] if role else []
            table = _table(source.file, name, role, rows, drawn, is_flat)
            if place == 0:
                table.skipped_rows, table.refused_rows, table.findings = n_skipped, sheet.n_custom, findings
            yield table


def _table(file: str, sheet: str, role: str | None, entities: list[Entity], drawn: Drawn, is_flat: bool) -> RecordTable:
    cells = [
        {**entity.attributes, "layer": entity.layer, "entity": entity.kind, "handle": entity.handle,
         "block": entity.block, **drawn.cells(entity)}
        for entity in entities
    ]  # fmt: skip
    names = dict.fromkeys([*_OWN_COLUMNS, *(name for row in cells for name in row)])
    index = pd.Index([entity.row for entity in entities], dtype="int64")
    columns = {name: pd.Series([row.get(name) for row in cells], index=index, dtype=object) for name in names}
    return RecordTable(file, sheet, pd.DataFrame(columns), _shapes(entities, role, is_flat), role=role)


def _shapes(entities: Sequence[Entity], role: str | None, is_flat: bool) -> npt.NDArray[np.object_]:
    """Points, lines or polygons of the rows, without z where it is 0; None where there is no proper shape."""
    shapes = np.full(len(entities), None, dtype=object)
    drawn = [entity.vertices[:1] if role == "node" else entity.vertices for entity in entities]
    sizes = [len(vertices) if role == "node" or _has_extent(vertices) else 0 for vertices in drawn]
    raised = [not is_flat and role != "structure" and any(vertex[2] for vertex in vertices) for vertices in drawn]
    for has_z in (False, True):
        chosen = [place for place, size in enumerate(sizes) if size and raised[place] == has_z]
        if chosen:
            coordinates = np.array([vertex for place in chosen for vertex in drawn[place]], dtype=float)
            owners = np.repeat(np.arange(len(chosen)), [sizes[place] for place in chosen])
            shapes[chosen] = _built(role, coordinates[:, : 2 + has_z], owners)
    return shapes


def _built(role: str | None, coordinates: npt.NDArray[np.float64], owners: npt.NDArray[np.int64]) -> Any:
    if role == "node":
        return shapely.points(coordinates)
    if role == "segment":
        return shapely.linestrings(coordinates, indices=owners)
    return shapely.polygons(shapely.linearrings(coordinates, indices=owners))


def _has_extent(vertices: Sequence[Vertex]) -> bool:
    return any(vertex != vertices[0] for vertex in vertices)


def _name_test(more: frozenset[str]) -> Callable[[str], bool]:
    known = known_headers() | more
    return lru_cache(maxsize=None)(lambda word: plain(word) in known)


def _network_test(names: LayerNames, is_name: Callable[[str], bool]) -> Callable[[Drawing, Block], bool]:
    """Whether a block is drawn network that was pasted as one, rather than a symbol."""
    answers: dict[tuple[int, str], bool] = {}

    def speaks(drawing: Drawing, group: Group) -> bool:
        if group.kind == "INSERT":
            inner = drawing.blocks.get(drawing.text(group.tags().get(2, "")).upper())
            if inner is not None and (inner.xref or holds(drawing, inner)):
                return True
        data = extended_data(group, drawing.codec, is_name) if group.kind in ROLES else ()
        return bool(group.parts and group.kind == "INSERT") or any(is_name(name) for name, _ in data)

    def is_pipe(drawing: Drawing, group: Group) -> bool:
        layer = names.read(drawing.text(group.tags().get(8, "")))
        return ROLES.get(group.kind) == "segment" and layer.is_network and not layer.is_annotation

    def holds(drawing: Drawing, block: Block) -> bool:
        place = id(drawing), block.name
        if place not in answers:
            # Said first, so that a block within itself ends.
            answers[place] = False
            n_pipes = sum(is_pipe(drawing, group) for group in block.groups)
            # A symbol may be drawn on a layer of the network, but with a few strokes only.
            least = 1 if block.name.upper().startswith(_PASTED) else _MAX_STROKES
            answers[place] = n_pipes >= least or any(speaks(drawing, group) for group in block.groups)
        return answers[place]

    return holds


def _fitting(sources: Sequence[Source]) -> Profile:
    columns = {name: None for source in sources for entity in source.entities for name in entity.attributes}
    return choose_profile([*_OWN_COLUMNS, *columns], {"dxf"})[0]


def _knows_drawings(profile: Profile) -> bool:
    return bool(profile.reader)


def _without_signs(path: Path, sources: Sequence[Source]) -> SourceError:
    n_entities = sum(1 for source in sources for entity in source.entities if entity.role)
    return SourceError(
        f"{path.name} has no attributes: extended data (XDATA) and block attributes were looked for on "
        f"{n_entities} points, blocks and lines, and no layer name or text says what they are; deliver the drawing "
        "with them, name the layers by class (JSLINE), list them as network_layers in a profile, or deliver a point "
        "and a line table.",
        message_zh=f"{path.name} 没有属性：在 {n_entities} 个点、块和线上查找了扩展数据（XDATA）和块属性，图层名和文字"
        "也未说明其内容；请提供带属性的图形，按类别命名图层（如 JSLINE），在配置文件中列出 network_layers，"
        "或提供管点表和管线表。",
    )
