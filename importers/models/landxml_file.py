"""What stands in a LandXML file about pipe networks, as plain text; run apart.

Elements are known by their local names, so that every version and dialect (1.0 to 2.0, Inframodel) reads alike.
Everything else of the file (surfaces, alignments) is dropped as it passes, however much it is.
"""

from pathlib import Path
from typing import Any

from lxml import etree

from importers.models.apart import Refusal

# Elements that are taken whole.
_WHOLE = frozenset({"Units", "CoordinateSystem", "CgPoint", "Struct", "Pipe"})
_SECTIONS = frozenset({"CircPipe", "RectPipe", "EggPipe", "ElliPipe", "Channel"})
_STRUCTURES = frozenset({"CircStruct", "RectStruct", "InletStruct", "OutletStruct", "Connection"})

Plain = dict[str, Any]


def answer(path: Path) -> Plain:
    """`namespace`, `units`, `coordinate_system`, `points` (text by name), `networks`, `structs` and `pipes`.

    A struct or pipe has its `row` (line in the file), `network` (place in `networks`), `attributes`, `form` (local
    name of what tells its shape), `form_attributes`, `center` (text), `center_point` (name) and `properties` (label
    to value); a struct also its `inverts`, each a dict of attributes with its text under `text`.
    """
    found = _Found()
    try:
        for event, element in etree.iterparse(
            str(path), events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False
        ):
            if isinstance(element.tag, str):
                found.take(event, element, etree.QName(element).localname)
    except etree.XMLSyntaxError as error:
        words = str(error).split(" (")[0]
        raise Refusal(f"is cut off or damaged: {words}", f"不完整或已损坏：{words}") from error
    if not found.is_landxml:
        raise Refusal("is XML but not LandXML", "是 XML，但不是 LandXML")
    return found.plain


class _Found:
    """Takes what is wanted out of the stream of elements, and lets go of everything else."""

    def __init__(self) -> None:
        self.plain: Plain = {
            "namespace": "", "units": {}, "coordinate_system": {}, "points": {},
            "networks": [], "structs": [], "pipes": [],
        }  # fmt: skip
        self.is_landxml = False
        self._is_first = True
        self._whole: str | None = None

    def take(self, event: str, element: Any, name: str) -> None:
        if self._is_first:
            self._take_root(element, name)
        if event == "start":
            self._open(element, name)
        elif self._whole is None or name == self._whole:
            self._close(element, name)
            self._whole = None
            _let_go(element)

    def _take_root(self, element: Any, name: str) -> None:
        self._is_first = False
        if element.getroottree().docinfo.internalDTD is not None:
            raise Refusal(
                "begins with a DOCTYPE, which no LandXML file has; export it again", "含有 DOCTYPE 声明，请重新导出"
            )
        self.is_landxml = name == "LandXML"
        self.plain["namespace"] = etree.QName(element).namespace or ""

    def _open(self, element: Any, name: str) -> None:
        if self._whole is None and name in _WHOLE:
            self._whole = name
        elif name == "PipeNetwork":
            self.plain["networks"].append({**element.attrib, "properties": {}})

    def _close(self, element: Any, name: str) -> None:
        if name == "Units":
            self.plain["units"] = {"system": "", **_first_child(element)}
        elif name == "CoordinateSystem":
            self.plain["coordinate_system"] = dict(element.attrib)
        elif name == "CgPoint" and element.text and "name" in element.attrib:
            self.plain["points"][element.attrib["name"]] = element.text.strip()
        elif name in ("Struct", "Pipe") and self.plain["networks"]:
            self.plain[f"{name.lower()}s"].append(self._part(element, _STRUCTURES if name == "Struct" else _SECTIONS))
        elif name == "Property" and self.plain["networks"] and _belongs_to_network(element):
            self.plain["networks"][-1]["properties"].update(_property(element))

    def _part(self, element: Any, forms: frozenset[str]) -> Plain:
        part: Plain = {
            "row": element.sourceline, "network": len(self.plain["networks"]) - 1, "attributes": dict(element.attrib),
            "form": None, "form_attributes": {}, "center": None, "center_point": None, "properties": {}, "inverts": [],
        }  # fmt: skip
        for child in element.iter(tag=etree.Element):
            name = etree.QName(child).localname
            if name in forms:
                part["form"], part["form_attributes"] = name, dict(child.attrib)
            elif name == "Center":
                part["center"], part["center_point"] = (child.text or "").strip(), child.attrib.get("pntRef")
            elif name == "Invert":
                part["inverts"].append({**child.attrib, "text": (child.text or "").strip()})
            elif name == "Property":
                part["properties"].update(_property(child))
        return part


def _first_child(element: Any) -> Plain:
    child = next(element.iterchildren(tag=etree.Element), None)
    return {} if child is None else {**child.attrib, "system": etree.QName(child).localname}


def _property(element: Any) -> dict[str, str]:
    label = element.attrib.get("label") or element.attrib.get("name")
    return {label: element.attrib.get("value", "")} if label else {}


def _belongs_to_network(element: Any) -> bool:
    feature = element.getparent()
    network = None if feature is None else feature.getparent()
    return network is not None and etree.QName(network).localname == "PipeNetwork"


def _let_go(element: Any) -> None:
    """Drop an element and those before it, of which nothing is wanted any more."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
