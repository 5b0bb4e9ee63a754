"""GML, KML and GPX: XML that is whole, asks for nothing outside itself, and says in its root what it is."""

import os
import re
import time
from pathlib import Path
from xml.parsers import expat

import fiona

from importers.layers import jvf
from importers.layers.files import LayerFile, head, linked
from importers.layers.linked_gml import has_links, write_unlinked
from importers.layers.plain_gml import GML_OPTIONS
from importers.refusing import refusal

MAX_KML_BYTES = 2**26
GPX_SINGLE_POINTS = frozenset({"route_points", "track_points"})

_READ_BYTES = 2**20
_HEAD_BYTES = 2**14
_GML_NAMESPACE = "http://www.opengis.net/gml"
_DECLARED = re.compile(rb"""^(?:\xef\xbb\xbf)?<\?xml[^>]*encoding=["']([\w-]+)["']""", re.IGNORECASE)
_ENCODING = re.compile(r"""encoding=["'][\w-]+["']""", re.IGNORECASE)
# Encodings of several bytes a character, which XML parsers outside a browser do not know.
_MULTIBYTE = {"gbk": "gb18030", "gb2312": "gb18030", "gb18030": "gb18030", "big5": "big5", "shift_jis": "cp932"}
_UNKNOWN_3D = re.compile(
    r"<GeometryName>[^<]*</GeometryName>\s*<GeometryElementPath>[^<]*</GeometryElementPath>\s*(?:<!--[^>]*-->\s*)?"
    r"<GeometryType>-2147483648<"
)


def is_gml(path: Path) -> bool:
    """Whether the file begins like GML or one of its applications, CityGML among them."""
    first = head(path, _HEAD_BYTES)
    return _GML_NAMESPACE.encode() in first and b"LandXML" not in first


def gml_file(path: Path, scratch: Path, _encoding: str | None) -> LayerFile:
    """GML 2 or 3, also CityGML; GDAL learns its layers in one pass and keeps them in a template."""
    own = _in_known_encoding(path, scratch)
    root, namespaces = xml_root(path, own)
    if not any(uri.startswith(_GML_NAMESPACE) for uri in namespaces) or root.startswith("OGR"):
        raise refusal(path, "is XML but not GML, whatever its name says", "是 XML，但不是 GML 文件")
    if has_links(namespaces):
        write_unlinked(path, own, scratch / "unlinked.gml")
        own = scratch / "unlinked.gml"
    elif root == jvf.ROOT:
        jvf.write_plain(path, own, scratch / "plain.gml")
        own = scratch / "plain.gml"
    file = LayerFile(path, "GML", linked(scratch, path.stem, {".gml": own}), options=GML_OPTIONS)
    _learn_layers(file)
    return file


def kml_file(path: Path, scratch: Path, _encoding: str | None) -> LayerFile:
    """KML; network links in it stay links. GDAL builds the whole document in memory, so its size is limited."""
    if path.stat().st_size > MAX_KML_BYTES:
        raise refusal(
            path,
            f"is larger than the {MAX_KML_BYTES >> 20} MiB that KML is read up to; deliver a GeoPackage",
            f"超过 KML 允许的 {MAX_KML_BYTES >> 20} MiB，请改用 GeoPackage 提交",
        )
    own = _in_known_encoding(path, scratch)
    root, _ = xml_root(path, own)
    if root != "kml":
        raise refusal(path, "is not KML, whatever its name says", "不是 KML 文件")
    return LayerFile(path, "LIBKML", linked(scratch, path.stem, {".kml": own}), is_proven=True)


def gpx_file(path: Path, scratch: Path, _encoding: str | None) -> LayerFile:
    """Waypoints, routes and tracks; the single points of a track are no layer of their own."""
    own = _in_known_encoding(path, scratch)
    root, _ = xml_root(path, own)
    if root != "gpx":
        raise refusal(path, "is not GPX, whatever its name says", "不是 GPX 文件")
    return LayerFile(path, "GPX", linked(scratch, path.stem, {".gpx": own}), leaves_layers=GPX_SINGLE_POINTS)


def xml_root(path: Path, own: Path) -> tuple[str, frozenset[str]]:
    """The root's name and the namespaces declared on it, of a file that is well-formed to its end.

    GDAL drops without a word what comes after a fault, so the whole file is read here first.

    Raises
    ------
    SourceError
        When the file is not well-formed (the line is named) or has a document type, through which
        XML asks for other files and multiplies itself.
    """
    parser, outline = expat.ParserCreate(), _Outline(path)
    parser.StartElementHandler, parser.StartDoctypeDeclHandler = outline.element, outline.document_type
    try:
        with own.open("rb") as file:
            parser.ParseFile(file)
    except (expat.ExpatError, LookupError, ValueError) as error:
        line = parser.CurrentLineNumber
        raise refusal(
            path,
            f"is damaged: it is not well-formed XML at line {line} ({error}); ask for it again",
            f"已损坏：第 {line} 行不是合法的 XML，请重新提供",
        ) from error
    return outline.root, outline.namespaces


class _Outline:
    """What the first element of a document says."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.root = ""
        self.namespaces: frozenset[str] = frozenset()

    def element(self, name: str, attributes: dict[str, str]) -> None:
        if not self.root:
            self.root = name.rpartition(":")[2]
            declared = {uri for key, uri in attributes.items() if key == "xmlns" or key.startswith("xmlns:")}
            self.namespaces = frozenset(declared)

    def document_type(self, *_: object) -> None:
        raise refusal(
            self._path,
            "declares a document type, which may ask for other files; take the DOCTYPE out",
            "含有 DOCTYPE 声明，可能引用其他文件，请去掉该声明",
        )


def _learn_layers(file: LayerFile) -> None:
    """Let GDAL write its template, and mend in it the classes with several kinds of geometry.

    GDAL gives such a class a type that its Python bindings refuse, and would look for geometry only where it
    first found one: in CityGML that loses objects of another level of detail.
    """
    try:
        fiona.listlayers(file.source, **file.options)
    except fiona.errors.FionaError:
        return  # Told when the layers are listed for reading.
    template = file.place.with_suffix(".gfs")
    if template.is_file():
        template.write_text(_UNKNOWN_3D.sub("<GeometryType>0<", template.read_text("utf-8")), "utf-8")
        # A template older than its file is not believed.
        later = max(time.time(), file.place.stat().st_mtime) + 1
        os.utime(template, (later, later))


def _in_known_encoding(path: Path, scratch: Path) -> Path:
    """The file, or a copy in UTF-8 where XML parsers do not know its encoding."""
    declared = _DECLARED.match(head(path, 200))
    encoding = _MULTIBYTE.get(declared[1].decode().lower()) if declared else None
    if encoding is None:
        return path
    copy = scratch / f"utf-8{path.suffix.lower()}"
    with path.open(encoding=encoding, errors="replace", newline="") as source, copy.open("w", encoding="utf-8") as sink:
        sink.write(_ENCODING.sub('encoding="UTF-8"', source.read(_READ_BYTES), count=1))
        while chunk := source.read(_READ_BYTES):
            sink.write(chunk)
    return copy
