"""The exchange format of the Czech technical map (JVF DTM): records by kind of object, each with its shape as GML.

GDAL finds no features in it. It is written anew as plain GML, a layer for each kind of object.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from lxml import etree

from importers.layers import plain_gml
from importers.layers.xml_elements import elements

ROOT = "JVFDTM"
_RECORD, _DATA, _STATE = "ZaznamObjektu", "Data", "ZapisObjektu"
_ATTRIBUTES, _SHAPES = "AtributyObjektu", "GeometrieObjektu"
_GML = "{http://www.opengis.net/gml"


def write_plain(path: Path, own: Path, target: Path) -> None:
    """Write a file anew: each record with its attributes and its first shape, as a feature of its kind's name.

    `own` is the delivered file, well-formed and in an encoding that XML parsers know.
    """
    records = elements(path, own, is_one=lambda element: _name(element) == _RECORD)
    plain_gml.write(target, (_feature(record, kind) for record in records if (kind := _kind(record)) is not None))


def _feature(record: Any, kind: str) -> str:
    cells = "".join(f"<f:{name}>{escape(text)}</f:{name}>" for name, text in _leaves(record))
    return plain_gml.feature(kind, _shape(record) + cells)


def _kind(record: Any) -> str | None:
    """The name of the element for a kind of object that a record stands in, below the data."""
    for parent in record.iterancestors():
        above = parent.getparent()
        if above is not None and _name(above) == _DATA:
            return _name(parent)
    return None


def _leaves(record: Any) -> Iterator[tuple[str, str]]:
    """Name and text of every attribute, each name once."""
    told: dict[str, str] = {}
    for part in record.iterchildren(tag=etree.Element):
        for element in part.iter(tag=etree.Element) if _name(part) in (_STATE, _ATTRIBUTES) else ():
            if len(element) == 0 and (text := (element.text or "").strip()):
                told.setdefault(_name(element), text)
    yield from told.items()


def _shape(record: Any) -> str:
    for part in record.iterchildren(tag=etree.Element):
        if _name(part) == _SHAPES:
            for held in part.iter(tag=etree.Element):
                if held.tag.startswith(_GML) and not _name(held).endswith("Property"):
                    return f"<f:shape>{etree.tostring(held, with_tail=False, encoding='unicode')}</f:shape>"
    return ""


def _name(element: Any) -> str:
    return str(etree.QName(element).localname)
