"""SWMM models as deliveries: manholes, outfalls, storage, conduits, pumps, orifices and weirs."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pyproj import CRS

from importers.base import DERIVED, RecordTable
from importers.models.elements import Element, Sheet, halved, map_in_degrees, scale_of_map, with_findings
from importers.models.inp_files import is_swmm
from importers.models.swmm_model import LINK_SECTIONS, NODE_SECTIONS, SwmmLink, SwmmModel, SwmmNode
from importers.models.swmm_reading import read_model
from importers.refusing import refusal

_MM = 1000.0

_Row = dict[str, Any]


class SwmmReader:
    """Reads .inp files of SWMM; a row's number is the element's line in the file.

    Tables (sheet, role): `junctions`, `outfalls`, `storage`, `dividers` (node); `conduits` (segment); `pumps`,
    `orifices`, `weirs`, `outlets` (node where the device is, and segment). Columns are named by the attributes
    of the model: `key`, `ground_elevation_m` (invert and greatest depth), `well_depth_m`, `appurtenance` (the kind
    of the element; a junction without a greatest depth is none), `name` (the comment); `from_key`, `to_key`,
    `shape`, `width_mm`, `height_mm`, `from_elevation_m` and `to_elevation_m` (inverts), `depth_datum`,
    `flow_direction`. Sizes are those of the clear opening, so inner ones. `id`, `model_type`, `barrels`,
    `length_m`, `roughness`, `invert_m`, `crest_m`, `flap_gate`, `dwf_m3_per_d`, `inflow_m3_per_d`, `comment` and
    `tag` are the model's own. Unknown is None or NaN.

    A pump, orifice, weir or outlet is a node in the middle of two segments; it counts as its node. Which class
    the sewers are of no model says: the profile does. Subcatchments are skipped.
    """

    name = "swmm"

    def accepts(self, path: Path) -> bool:
        """Whether the file is called .inp and has sections of a drainage model."""
        return path.suffix.lower() == ".inp" and path.is_file() and is_swmm(path.read_bytes())

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield the tables of each model, nodes first; there are no options.

        Raises
        ------
        SourceError
            When the file is no SWMM model, or holds no network or no coordinates.
        """
        for path in paths:
            model = read_model(path)
            _demand_a_network(path, model)
            tables = (table for sheet in _sheets(path.name, model) for table in sheet.tables())
            yield from with_findings(tables, [*_of_map(path.name, model), *model.findings])


def _demand_a_network(path: Path, model: SwmmModel) -> None:
    if not model.nodes or not model.links:
        raise refusal(
            path,
            "holds no network: sections like [JUNCTIONS] and [CONDUITS] were looked for",
            "中没有管网（未找到 [JUNCTIONS]、[CONDUITS] 等段）",
        )
    if not any(node.path for node in model.nodes):
        raise refusal(
            path,
            "has no [COORDINATES]; export the model with its map coordinates",
            "没有 [COORDINATES] 坐标段，请连同地图坐标一起导出",
        )


def _of_map(file: str, model: SwmmModel) -> list[Any]:
    if model.map_units == "degrees":
        return [map_in_degrees(file)]
    drawn = [sum(math.dist(a, b) for a, b in pairwise(link.path)) for link in model.links]
    return scale_of_map(file, drawn, [link.length_m for link in model.links])


def _sheets(file: str, model: SwmmModel) -> Iterator[Sheet]:
    """Nodes before what joins them."""
    crs = CRS.from_epsg(4326) if model.map_units == "degrees" else None
    for kind in NODE_SECTIONS.values():
        nodes = (Element(node.row, _node(node), node.path) for node in model.nodes if node.kind == kind)
        yield Sheet(file, kind, "node", nodes, crs, refused_rows=model.refused.get(kind, 0))
    keys = _device_keys(model)
    for kind in LINK_SECTIONS.values():
        links = [link for link in model.links if link.kind == kind]
        yield Sheet(file, kind, "node", (_device(link, keys[link.row]) for link in links if link.row in keys), crs)
        segments = (element for link in links for element in _segments(link, keys.get(link.row)))
        yield Sheet(file, kind, "segment", segments, crs, refused_rows=model.refused.get(kind, 0))
    yield Sheet(file, "subcatchments", "ignored", skipped_rows=model.n_subcatchments)


def _node(node: SwmmNode) -> _Row:
    return {
        "key": node.id,
        "appurtenance": None if node.kind == "junctions" and math.isnan(node.max_depth_m) else _WORDS[node.kind],
        "ground_elevation_m": node.ground_m,
        "well_depth_m": node.max_depth_m,
        "name": node.comment,
        "model_type": node.type,
        "invert_m": node.invert_m,
        "dwf_m3_per_d": node.dwf_m3_per_d,
        "inflow_m3_per_d": node.inflow_m3_per_d,
        "tag": node.tag,
        DERIVED: False,
    }


_WORDS = {
    "junctions": "junction",
    "outfalls": "outfall",
    "storage": "storage",
    "dividers": "divider",
    "pumps": "pump",
    "orifices": "orifice",
    "weirs": "weir",
    "outlets": "outlet",
}


def _device_keys(model: SwmmModel) -> dict[int, str]:
    """Point numbers of devices by row; nodes and links may share a name in SWMM, point numbers may not."""
    taken = {node.id for node in model.nodes}
    keys: dict[int, str] = {}
    for link in (link for link in model.links if link.kind != "conduits"):
        keys[link.row] = link.id if link.id not in taken else f"{link.id}@link"
        taken.add(keys[link.row])
    return keys


def _device(link: SwmmLink, key: str) -> Element:
    section = link.section
    values = {
        "key": key,
        "appurtenance": _WORDS[link.kind],
        "name": link.comment,
        "id": link.id,
        "model_type": link.type,
        "shape": section and section.shape,
        "opening_width_m": section.width if section else None,
        "opening_height_m": section.height if section else None,
        "crest_m": link.crest_m,
        "tag": link.tag,
        DERIVED: False,
    }
    return Element(link.row, values, halved(link.path)[1])


def _segments(link: SwmmLink, key: str | None) -> Iterator[Element]:
    """A conduit as one segment, a device's link as two halves on either side of its point."""
    if key is None:
        yield Element(link.row, {**_segment(link), DERIVED: False}, link.path)
        return
    before, _, after = halved(link.path)
    yield Element(link.row, {**_segment(link), "to_key": key, DERIVED: True}, before)
    yield Element(link.row, {**_segment(link), "from_key": key, DERIVED: True}, after)


def _segment(link: SwmmLink) -> _Row:
    return {
        "from_key": link.from_id,
        "to_key": link.to_id,
        **(_sizes(link) if link.kind == "conduits" else {}),
        "from_elevation_m": link.inverts_m[0],
        "to_elevation_m": link.inverts_m[1],
        "depth_datum": "invert",
        "flow_direction": "forward",
        "id": link.id,
        "model_type": link.type,
        "length_m": link.length_m,
        "roughness": link.roughness,
        "flap_gate": True if link.has_flap_gate else None,
        "comment": link.comment,
        "tag": link.tag,
    }


def _sizes(link: SwmmLink) -> _Row:
    section = link.section
    if section is None:
        return {}
    width, height = (round(size * _MM, 3) for size in (section.width, section.height))
    is_known = not math.isnan(width + height)
    return {
        "width_mm": width,
        "height_mm": height,
        "inner_width_mm": width,
        "inner_height_mm": height,
        "size_basis": "inner" if is_known else None,
        "shape": section.shape,
        "barrels": section.barrels if section.barrels > 1 else None,
    }
