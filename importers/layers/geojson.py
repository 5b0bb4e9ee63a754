"""GeoJSON, as one document or a feature a line, TopoJSON, and the JSON that ArcGIS servers answer with.

The driver is pinned, nothing is fetched, and no feature lost.
"""

import json
import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson

from importers.layers.files import LayerFile, head
from importers.refusing import refusal

_HEAD_BYTES = 4096
_MAX_LINE_BYTES = 2**24
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_RECORD_SEPARATOR = b"\x1e"
_AROUND_LINES = b" \t\r\n" + _RECORD_SEPARATOR
# The key however its letters are escaped, before an object.
_CRS_MEMBER = re.compile(rb'"(?:c|\\u0063)(?:r|\\u0072)(?:s|\\u0073)"\s*:\s*(?=\{)')
_CRS_MEMBER_BYTES = 4096
_HARMLESS_CRS_TYPES = ("name", "epsg", "none")
# Every feature has this member and this type, and nothing else does unless an attribute is called so.
_GEOMETRY_MEMBER = re.compile(rb'(?<!\\)"geometry"\s*:')
_FEATURE_TYPE = re.compile(rb'"Feature"')
_ESRI_TYPE = re.compile(rb'"geometryType"\s*:\s*"esriGeometry')
_ESRI_FEATURE = re.compile(rb'"attributes"\s*:\s*\{')
_CUT_SHORT = re.compile(rb'"exceededTransferLimit"\s*:\s*true')
_TOPOLOGY_TYPE = re.compile(rb'"type"\s*:\s*"Topology"')
# A document up to this size is parsed where fewer features than these were read.
_PARSED_BYTES = 2**26
# What stands within an attribute becomes attributes: pipe_dn of {"pipe": {"dn": 200}}.
_OPTIONS = {"FLATTEN_NESTED_ATTRIBUTES": "YES"}


def is_geojson(path: Path) -> bool:
    """Whether a file begins like GeoJSON and not like other JSON."""
    return (b'"type"' in head(path, _HEAD_BYTES) or _is_esri(path)) and _begins_as_object(path)


def topojson(path: Path, _scratch: Path, _encoding: str | None) -> LayerFile:
    """A topology, whose lines are made of arcs that they share."""
    if not _is_topology(path):
        raise refusal(path, "is not TopoJSON, whatever its name says", "不是 TopoJSON 文件")
    return LayerFile(path, "TopoJSON", path, "TopoJSON:", crs_unless_said="OGC:CRS84")


def _is_topology(path: Path) -> bool:
    return _begins_as_object(path) and _TOPOLOGY_TYPE.search(head(path, _HEAD_BYTES)) is not None


def _is_esri(path: Path) -> bool:
    return _ESRI_TYPE.search(head(path, _HEAD_BYTES)) is not None


def _esri_json(path: Path) -> LayerFile:
    """A set of features as ArcGIS servers answer a query with it."""
    with _mapped(path) as content:
        n_features = sum(1 for _ in _ESRI_FEATURE.finditer(content))
        is_short = _is_cut_short(content)
    return LayerFile(path, "ESRIJSON", path, "ESRIJSON:", declared_rows=n_features, is_cut_short=is_short)


def _is_cut_short(content: mmap.mmap) -> bool:
    """Whether a server says, before or behind the features, that it has more than it answered."""
    return any(_CUT_SHORT.search(part) for part in (content[:_HEAD_BYTES], content[-_HEAD_BYTES:]))


def geojson(path: Path, scratch: Path, encoding: str | None) -> LayerFile:
    """A document, or lines whatever the name says."""
    if not _begins_as_object(path):
        raise refusal(path, "is not GeoJSON, whatever its name says", "不是 GeoJSON 文件")
    if _is_topology(path):
        return topojson(path, scratch, encoding)
    if _is_esri(path):
        return _esri_json(path)
    if _is_newline_delimited(path):
        return geojson_lines(path, scratch, encoding)
    _demand_no_crs_address(path)
    with _mapped(path) as content:
        n_features, is_short = _seeming_features(content), _is_cut_short(content)
    # The prefix pins the driver: text anywhere in the file could otherwise make GDAL take it for a VRT.
    return LayerFile(
        path,
        "GeoJSON",
        path,
        "GeoJSON:",
        declared_rows=n_features,
        is_cut_short=is_short,
        options=_OPTIONS,
    )


def geojson_lines(path: Path, _scratch: Path, _encoding: str | None) -> LayerFile:
    """One feature a line (RFC 8142 and its kin); a line that is none costs that line only."""
    if not _begins_as_object(path):
        raise refusal(path, "is not newline-delimited GeoJSON, whatever its name says", "不是逐行 GeoJSON 文件")
    _demand_no_crs_address(path)
    bad, n_lines = [], 0
    for number, text in _lines(path):
        n_lines += 1
        if not _is_feature(text):
            bad.append(number)
    return LayerFile(
        path,
        "GeoJSONSeq",
        path,
        "GeoJSONSeq:",
        declared_rows=n_lines,
        bad_lines=tuple(bad),
        options=_OPTIONS,
    )


def _seeming_features(content: mmap.mmap) -> int:
    """At least as many as the features, also those that GDAL passes over for want of a geometry or a type."""
    return max(sum(1 for _ in mark.finditer(content)) for mark in (_GEOMETRY_MEMBER, _FEATURE_TYPE))


def member_count(path: Path) -> int | None:
    """The members of a document's collection; None where it is too large to be parsed, or no whole document."""
    document = (
        _parsed(path.read_bytes().removeprefix(_BYTE_ORDER_MARK)) if path.stat().st_size <= _PARSED_BYTES else None
    )
    members = document.get("features") if isinstance(document, dict) else None
    return len(members) if isinstance(members, list) else None


def _demand_no_crs_address(path: Path) -> None:
    """GDAL would fetch a CRS that is given as an address."""
    with _mapped(path) as content:
        for found in _CRS_MEMBER.finditer(content):
            if not _is_harmless(content[found.end() : found.end() + _CRS_MEMBER_BYTES]):
                raise refusal(
                    path,
                    "gives its coordinate reference system as an address, which is not fetched; "
                    "take the crs member out and name the system with --crs",
                    "以网址形式给出坐标系，系统不会访问该网址；请去掉 crs 成员并用 --crs 指明坐标系",
                )


def _is_harmless(crs_member: bytes) -> bool:
    try:
        crs, _ = json.JSONDecoder().raw_decode(crs_member.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return False
    return str(crs.get("type")).casefold() in _HARMLESS_CRS_TYPES


def _begins_as_object(path: Path) -> bool:
    first = head(path, _HEAD_BYTES).removeprefix(_BYTE_ORDER_MARK).lstrip().removeprefix(_RECORD_SEPARATOR)
    return first.lstrip().startswith(b"{")


def _is_newline_delimited(path: Path) -> bool:
    """Whether the first line is a whole object and the second begins another one."""
    with path.open("rb") as file:
        first, second = file.readline(_MAX_LINE_BYTES), file.readline(2)
    if first.startswith(_RECORD_SEPARATOR):
        return True
    return second.startswith((b"{", _RECORD_SEPARATOR)) and _parsed(first.removeprefix(_BYTE_ORDER_MARK)) is not None


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if text := line.removeprefix(_BYTE_ORDER_MARK).strip(_AROUND_LINES):
                yield number, text


def _is_feature(text: bytes) -> bool:
    value = _parsed(text)
    return isinstance(value, dict) and value.get("type") == "Feature"


def _parsed(text: bytes) -> object:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


@contextmanager
def _mapped(path: Path) -> Iterator[mmap.mmap]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        yield content
