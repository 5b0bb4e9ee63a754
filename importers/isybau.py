"""ISYBAU deliveries, the XML by which German authorities exchange sewers: shafts, and the reaches between them."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pyproj import CRS

from importers.base import DERIVED, RecordTable
from importers.layers.files import head
from importers.layers.markup import xml_root
from importers.layers.xml_elements import elements
from importers.models.apart import demand_content
from importers.models.elements import UNKNOWN, Element, Place, Sheet, arc
from importers.models.inp_files import number
from importers.refusing import refusal

_HEAD_BYTES = 4096
_MARK = b"ofd-hannover.la/Identifikation"
_FACILITY = "{*}AbwassertechnischeAnlage"
_EDGE, _NODE = "1", "2"
_NODE_KINDS = {"0": "Schacht", "1": "Anschlusspunkt", "2": "Bauwerk"}
_CIRCLES = ("0", "4", "DN", "")
_OPEN_LINE = "3"
# What a point of a shaft is (reference list V106): its middle and bottom, and its cover or the ground.
_MIDDLES, _COVERS = ("SMP", "HP", "RAP", "KOP"), ("DMP", "GOK", "SBD")
_UTM, _GAUSS_KRUEGER = re.compile(r"^ETRS89_UTM(3[1-3])"), re.compile(r"DHDN_3GK([2-5])")

_Row = dict[str, Any]


class IsybauReader:
    """Reads .xml files of ISYBAU (2006 to 2017); a row's number is the facility's line in the file.

    Two tables: `Knoten` (node) and `Kanten` (segment), with columns named by the attributes of the model; codes stay
    as they are, the profile `isybau` knows the reference lists. Elevations are inverts, sizes are in millimetres.
    A reach runs as drawn, else from node to node, with the water. The CRS is the one the first facility names.
    Inspections and hydraulic objects of a file are not looked at.

    Source: BFR Abwasser, annex A-7 (tables A-7-18 and following, reference lists G and V).
    """

    name = "isybau"

    def accepts(self, path: Path) -> bool:
        """Whether it is called .xml and begins like ISYBAU."""
        return path.suffix.lower() == ".xml" and path.is_file() and _MARK in head(path, _HEAD_BYTES)

    def read(self, paths: Sequence[Path], options: dict[str, Any]) -> Iterator[RecordTable]:
        """Yield nodes, then edges of each file; there are no options.

        Raises
        ------
        SourceError
            When the file is not well-formed, has a DOCTYPE, or holds no sewers.
        """
        for path in paths:
            demand_content(path)
            xml_root(path, path)
            yield from _sheets(path)


def _sheets(path: Path) -> Iterator[RecordTable]:
    nodes: list[Element] = []
    edges: list[Element] = []
    crs: CRS | None = None
    for facility in elements(path, path, tag=_FACILITY):
        crs = crs or _crs(facility)
        kind = _text(facility, "Objektart")
        if kind == _NODE or _child(facility, "Knoten") is not None:
            nodes.append(_node(facility))
        elif kind == _EDGE or _child(facility, "Kante") is not None:
            edges.append(_edge(facility))
    if not nodes and not edges:
        raise refusal(
            path, "holds no sewers (<AbwassertechnischeAnlage>)", "中没有排水设施（<AbwassertechnischeAnlage>）"
        )
    yield from Sheet(path.name, "Knoten", "node", nodes, crs).tables()
    yield from Sheet(path.name, "Kanten", "segment", edges, crs).tables()


def _node(facility: Any) -> Element:
    points = {_text(point, "PunktattributAbwasser"): point for point in _all(facility, "Punkt")}
    middle, cover = _first(points, _MIDDLES), _first(points, _COVERS)
    about = _child(facility, "Knoten")
    kind = _NODE_KINDS.get(_text(about, "KnotenTyp"), "")
    special = _text(about, "Bauwerk/Bauwerkstyp") or _text(about, "Anschlusspunkt/Punktkennung")
    values = {
        **_common(facility),
        "key": _text(facility, "Objektbezeichnung") or None,
        "ground_elevation_m": _height_m(cover),
        "well_bottom_m": _height_m(middle),
        "well_depth_m": number(_text(about, "Schacht/Schachttiefe")),
        "appurtenance": f"{kind} {special}".strip() or None,
        DERIVED: False,
    }
    drawn = [place for point in (middle, cover, *points.values()) if (place := _place(point))]
    return Element(facility.sourceline, values, drawn[:1])


def _edge(facility: Any) -> Element:
    about = _child(facility, "Kante")
    course = list(_drawn_edges(facility))
    starts = [_height_m(_child(edge, "Start")) for edge in course[:1]]
    ends = [_height_m(_child(edge, "Ende")) for edge in course[-1:]]
    values = {
        **_common(facility),
        "line_id": _text(facility, "Objektbezeichnung") or None,
        "from_key": _text(about, "KnotenZulauf") or None,
        "to_key": _text(about, "KnotenAblauf") or None,
        "from_elevation_m": _first_known(number(_text(about, "SohlhoeheZulauf")), *starts),
        "to_elevation_m": _first_known(number(_text(about, "SohlhoeheAblauf")), *ends),
        "depth_datum": "invert",
        "flow_direction": "forward",
        "material": _text(about, "Material") or None,
        "length_m": number(_text(about, "Laenge")),
        **_size(_child(about, "Profil")),
        DERIVED: False,
    }
    return Element(facility.sourceline, values, _path(course))


def _common(facility: Any) -> _Row:
    return {
        "class": _text(facility, "Entwaesserungsart") or None,
        "lifecycle": _text(facility, "Status") or None,
        "installed_on": _text(facility, "Baujahr") or None,
        "address": _text(facility, "Lage/Strassenname") or None,
        "remark": _text(facility, "Kommentar") or None,
    }


def _size(profile: Any) -> _Row:
    """Of a circle the diameter, which its height holds; of any other shape width and height."""
    form = _text(profile, "Profilart")
    width_mm, height_mm = (_positive(number(_text(profile, name))) for name in ("Profilbreite", "Profilhoehe"))
    if form in _CIRCLES:
        return {"diameter": _first_known(height_mm, width_mm)}
    return {"shape": form, "width_mm": width_mm, "height_mm": height_mm}


def _drawn_edges(facility: Any) -> Iterator[Any]:
    """The pieces of a reach: edges, or those of a polygon that is an open line."""
    drawing = _child(_child(facility, "Geometrie"), "Geometriedaten")
    pieces = _children(_child(drawing, "Kanten"), "Kante")
    for polygon in _children(_child(drawing, "Polygone"), "Polygon"):
        if not pieces and _text(polygon, "Polygonart") == _OPEN_LINE:
            pieces = _children(polygon, "Kante")
    return iter(pieces)


def _path(course: Sequence[Any]) -> list[Place]:
    path: list[Place] = []
    for piece in course:
        start, end, centre = (_place(_child(piece, name)) for name in ("Start", "Ende", "Mitte"))
        if start is None or end is None:
            return []
        path += [place for place in (arc(start, end, centre) if centre else [start, end]) if path[-1:] != [place]]
    return path


def _place(point: Any) -> Place | None:
    x, y = number(_text(point, "Rechtswert")), number(_text(point, "Hochwert"))
    return None if x != x or y != y else (x, y)


def _height_m(point: Any) -> float:
    return number(_text(point, "Punkthoehe"))


def _crs(facility: Any) -> CRS | None:
    named = next((element.text or "" for element in facility.iter("{*}CRSLage")), "")
    if zone := _UTM.search(named):
        return CRS.from_epsg(25800 + int(zone[1]))
    zone = _GAUSS_KRUEGER.search(named)
    return CRS.from_epsg(31464 + int(zone[1])) if zone else None


def _first(points: dict[str, Any], kinds: Sequence[str]) -> Any:
    return next((points[kind] for kind in kinds if kind in points), None)


def _first_known(*values: float) -> float:
    return next((value for value in values if value == value), UNKNOWN)


def _positive(value: float) -> float:
    return value if value > 0 else UNKNOWN


def _all(element: Any, name: str) -> Iterator[Any]:
    yield from element.iter(f"{{*}}{name}")


def _children(element: Any, name: str) -> list[Any]:
    return [] if element is None else element.findall(f"{{*}}{name}")


def _child(element: Any, name: str) -> Any:
    return None if element is None else element.find(f"{{*}}{name}")


def _text(element: Any, path: str) -> str:
    for name in path.split("/"):
        element = _child(element, name)
    return "" if element is None else (element.text or "").strip()
