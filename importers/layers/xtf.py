"""INTERLIS 2 transfer files (XTF 2.3 and 2.4) object by object: attributes, references and geometry.

GDAL has no such driver in its Python wheels, and where it has one it drops, without the model, every
attribute that the first object of a class does not have.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import shapely

from importers.layers.chords import chords

# Transfer, data section, basket: objects lie below.
_OBJECT_DEPTH = 4
_NAMESPACE = re.compile(r"\{[^}]*\}")
_SHAPES = ("coord", "polyline", "surface", "area", "multicoord", "multipolyline", "multisurface", "multiarea")
_RINGS = ("boundary", "exterior", "interior")


@dataclass
class XtfObject:
    """One object; `references` are those of its attributes that name another object."""

    class_name: str
    attributes: dict[str, str] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict)
    shapes: list[shapely.Geometry] = field(default_factory=list)
    bad_shapes: int = 0

    @property
    def tid(self) -> str | None:
        """Its identifier; associations have none."""
        return self.attributes.get("TID")

    @property
    def shape(self) -> shapely.Geometry | None:
        """Of several geometries the one of most dimensions: an outline rather than its reference point."""
        return max(self.shapes, key=shapely.get_dimensions, default=None)


def objects(path: Path, *, with_shapes: bool = True) -> Iterator[XtfObject]:
    """The objects of a well-formed file in their order; none of them is kept."""
    open_elements: list[ElementTree.Element] = []
    for event, element in ElementTree.iterparse(path, ("start", "end")):
        if event == "start":
            open_elements.append(element)
            continue
        if len(open_elements) == _OBJECT_DEPTH and _name(open_elements[1]) == "datasection":
            yield _object(element, with_shapes)
            open_elements[-2].clear()
        open_elements.pop()


def models(path: Path) -> list[str]:
    """Names of the models that the file's head lists."""
    names: list[str] = []
    for event, element in ElementTree.iterparse(path, ("start",)):
        if _name(element) == "datasection" and event == "start":
            break
        if _name(element) == "model":
            names.append(element.get("NAME") or (element.text or "").strip())
    return names


def _object(element: ElementTree.Element, with_shapes: bool) -> XtfObject:
    found = XtfObject(_NAMESPACE.sub("", element.tag).rpartition(".")[2])
    if (tid := _attribute(element, "tid")) is not None:
        found.attributes["TID"] = tid
    for child in element:
        _take(found, child, _NAMESPACE.sub("", child.tag), with_shapes)
    return found


def _take(found: XtfObject, element: ElementTree.Element, name: str, with_shapes: bool) -> None:
    """An attribute of an object: a reference, a geometry, a text, or a structure of such."""
    reference = _attribute(element, "ref")
    if reference is not None:
        found.references[name] = found.attributes[name] = reference
    elif not len(element):
        if text := (element.text or "").strip():
            found.attributes[name] = text
    elif _name(element[0]) in _SHAPES:
        if with_shapes:
            _take_shapes(found, element)
    else:
        for structure in element:
            for child in structure:
                _take(found, child, f"{name}.{_NAMESPACE.sub('', child.tag)}", with_shapes)


def _take_shapes(found: XtfObject, element: ElementTree.Element) -> None:
    for child in element:
        try:
            found.shapes += _shapes(child)
        except (ValueError, TypeError, shapely.errors.ShapelyError):
            found.bad_shapes += 1


def _shapes(element: ElementTree.Element) -> list[shapely.Geometry]:
    kind = _name(element)
    if kind == "coord":
        return [shapely.Point(_place(element))]
    if kind == "polyline":
        return [shapely.LineString(_course(element))]
    if kind in ("surface", "area"):
        return [_surface(element)]
    return [shape for child in element for shape in _shapes(child)] if kind.startswith("multi") else []


def _surface(element: ElementTree.Element) -> shapely.Polygon:
    """The first boundary is the outer one; each is made of one or several lines."""
    rings = [_ring(child) for child in element.iter() if _name(child) in _RINGS]
    return shapely.Polygon(rings[0], rings[1:])


def _ring(element: ElementTree.Element) -> list[tuple[float, ...]]:
    return [place for line in element if _name(line) == "polyline" for place in _course(line)]


def _course(element: ElementTree.Element) -> list[tuple[float, ...]]:
    """Places along a line, arcs as chords."""
    places: list[tuple[float, ...]] = []
    for part in element.iter():
        if _name(part) == "coord":
            places.append(_place(part))
        elif _name(part) == "arc":
            through = (_number(part, "a1"), _number(part, "a2"))
            end = _place(part)
            places += map(tuple, chords(np.array(places[-1]), np.array(through), np.array(end)))
    return places


def _place(element: ElementTree.Element) -> tuple[float, ...]:
    x, y = _number(element, "c1"), _number(element, "c2")
    return (x, y, _number(element, "c3")) if any(_name(child) == "c3" for child in element) else (x, y)


def _number(element: ElementTree.Element, name: str) -> float:
    return float(next((child.text or "" for child in element if _name(child) == name), ""))


def _name(element: ElementTree.Element) -> str:
    return _NAMESPACE.sub("", element.tag).casefold()


def _attribute(element: ElementTree.Element, name: str) -> str | None:
    return next((value for key, value in element.items() if _NAMESPACE.sub("", key).casefold() == name), None)
