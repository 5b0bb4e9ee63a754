"""GML whose features hold their course, nodes and network by reference, as INSPIRE's utility networks do.

GDAL reads neither references nor the values of code lists, which are references too. Such a file is written anew with
what its features refer to in place: IMKL of KLIC and KLIP, the utility networks of INSPIRE, and those of CityGML's
utility network extension, which GDAL takes for one feature each, as their pipes lie in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from lxml import etree

from importers.layers import plain_gml
from importers.layers.xml_elements import elements

_NETWORKS = ("/schemas/net/", "/schemas/us-net", "/ade/utility")
_GML = "{http://www.opengis.net/gml"
_ID, _HREF, _UOM = "id", "{http://www.w3.org/1999/xlink}href", "uom"
_COMPONENT = "component"
_MEMBERS = frozenset({"featureMember", "featureMembers", "member", "cityObjectMember", _COMPONENT})
_CURVES = frozenset({"LineString", "Curve", "CompositeCurve", "OrientableCurve"})
_SHAPES = _CURVES | {"Point", "MultiPoint", "MultiCurve", "MultiSurface", "Surface", "Polygon", "MultiLineString"}
_LINK, _NETWORK = "link", "inNetwork"
# What each object has, whatever it is, and says nothing of it.
_ADMINISTRATION = frozenset({"boundedBy", "inspireId", "identificatie"})
_SYSTEM = ("srsName", "srsDimension")

_Values = dict[str, tuple[str, str | None]]


@dataclass
class _Feature:
    """A feature laid flat: values with their unit, what it refers to, and its shapes as XML."""

    kind: str
    id: str
    values: _Values = field(default_factory=dict)
    references: dict[str, list[str]] = field(default_factory=dict)
    shapes: list[bytes] = field(default_factory=list)


def has_links(namespaces: frozenset[str]) -> bool:
    """Whether the namespaces of a document's root are those of networks whose features refer to each other."""
    return any(part in uri for uri in namespaces for part in _NETWORKS)


def write_unlinked(path: Path, own: Path, target: Path) -> None:
    """Write a file anew: each feature with its values, the course of its links and its network's values.

    Links that another feature is drawn by are left out, as it stands for them. `own` is the delivered file, well-formed
    and in an encoding that XML parsers know.
    """
    system = _system(path, own)
    found = [_flat(element, system) for element in elements(path, own, is_one=_is_feature)]
    features = {feature.id: feature for feature in found if feature.id}
    _name_networks(features)
    drawn = {
        link
        for feature in features.values()
        if not feature.shapes
        for link in feature.references.get(_LINK, ())
        if link in features and features[link].shapes
    }
    plain_gml.write(target, (_written(feature, features) for feature in found if feature.id not in drawn))


def _system(path: Path, own: Path) -> dict[str, str]:
    """What the envelope of the whole document, before its features, says of coordinates."""
    first = next(elements(path, own, is_one=lambda element: _name(element) == "Envelope" or _is_feature(element)), None)
    if first is None or _name(first) != "Envelope":
        return {}
    return {name: value for name, value in first.items() if name in _SYSTEM}


def _is_feature(element: Any) -> bool:
    parent = element.getparent()
    return parent is not None and _name(parent) in _MEMBERS and not element.tag.startswith(_GML)


def _flat(element: Any, system: Mapping[str, str]) -> _Feature:
    """`system` is what the whole document says of its coordinates, for shapes that say nothing of theirs."""
    feature = _Feature(_name(element), _attribute(element, _ID))
    holder = element.getparent()
    if _name(holder) == _COMPONENT and holder.getparent() is not None:
        feature.references[_NETWORK] = [_attribute(holder.getparent(), _ID)]
    for child in element.iterchildren(tag=etree.Element):
        if _name(child) not in _ADMINISTRATION:
            _take(feature, child, system)
    return feature


def _name_networks(features: Mapping[str, _Feature]) -> None:
    """Let components know their network where it is the network that refers to them."""
    for network in features.values():
        for component in network.references.pop(_COMPONENT, ()):
            if component in features:
                features[component].references.setdefault(_NETWORK, [network.id])


def _take(feature: _Feature, element: Any, system: Mapping[str, str]) -> None:
    name, href = _name(element), element.get(_HREF)
    if element.tag.startswith(_GML) and name in _SHAPES:
        for attribute in system.keys() - element.keys():
            element.set(attribute, system[attribute])
        feature.shapes.append(etree.tostring(element, with_tail=False))
    elif href is not None:
        feature.references.setdefault(name, []).append(href.removeprefix("#"))
    elif len(element):
        for child in element.iterchildren(tag=etree.Element):
            _take(feature, child, system)
    elif text := (element.text or "").strip():
        feature.values.setdefault(name, (text, element.get(_UOM)))


def _written(feature: _Feature, features: Mapping[str, _Feature]) -> str:
    links = [features[link] for link in feature.references.get(_LINK, ()) if link in features]
    shapes = feature.shapes[:1] or [shape for link in links for shape in link.shapes]
    values = {**feature.values, **_codes(feature, features)}
    if len(links) == 1 and not feature.shapes:
        of_link = {**links[0].values, **_codes(links[0], features)}
        values = {**of_link, **values}
    for network in (features[name] for name in feature.references.get(_NETWORK, ()) if name in features):
        of_network = {**network.values, **_codes(network, features)}
        values.update({f"network_{name}": value for name, value in of_network.items()})
    cells = "".join(
        f"<f:{name}{f' uom={quoteattr(uom)}' if uom else ''}>{escape(text)}</f:{name}>"
        for name, (text, uom) in values.items()
    )
    course = f"<f:course>{_one(shapes)}</f:course>" if shapes else ""
    identity = f" gml:id={quoteattr(feature.id)}" if feature.id else ""
    return plain_gml.feature(feature.kind, course + cells, identity)


def _codes(feature: _Feature, features: Mapping[str, _Feature]) -> _Values:
    """Values of code lists, the last part of their address, and the names of other features."""
    return {
        name: ("; ".join(ref if ref in features else ref.rstrip("/").rpartition("/")[2] for ref in refs), None)
        for name, refs in feature.references.items()
        if name not in (_LINK, _NETWORK) and any(refs)
    }


def _one(shapes: list[bytes]) -> str:
    if len(shapes) == 1:
        return shapes[0].decode("ascii")
    members = "".join(f"<gml:curveMember>{shape.decode('ascii')}</gml:curveMember>" for shape in shapes)
    return f"<gml:MultiCurve>{members}</gml:MultiCurve>"


def _attribute(element: Any, name: str) -> str:
    return next((value for key, value in element.items() if key == name or key.endswith(f"}}{name}")), "")


def _name(element: Any) -> str:
    return str(etree.QName(element).localname)
