"""SOSI, the Norwegian exchange format: groups of lines that begin with points, written anew as plain GML for GDAL.

Source: SOSI part 1, notation of versions 4.0 to 4.5 (Kartverket).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from importers.layers import plain_gml
from importers.layers.files import LayerFile, head, linked
from importers.refusing import refusal

SUFFIXES = (".sos", ".sosi")
_HEAD_BYTES = 4096
_CODECS = {"UTF-8": "utf-8", "ANSI": "cp1252", "ISO8859-1": "latin-1", "ISO8859-10": "iso8859_10", "DOSN8": "cp865"}
# UTM of EUREF89 and of ED50, and the axes of NGO 1948.
_SYSTEMS = {
    **{20 + zone: 25800 + 30 + zone for zone in range(1, 7)},
    **{30 + zone: 23000 + 30 + zone for zone in range(1, 7)},
    **{axis: 27390 + axis for axis in range(1, 9)},
}
_LINES, _POINTS = ("KURVE", "LINJE", "BUEP", "TRASE"), ("PUNKT", "SYMBOL")
_PLACES = ("NØ", "NØH", "NÖ", "NÖH")
_NUMBERS = re.compile(r"-?\d+(?:\.\d+)?")
_GROUP = re.compile(r"^\.([A-ZÆØÅ]+)\s*(\d*):?")
# What stands for an unknown height among known ones.
_NO_HEIGHT = -9999.0


@dataclass
class _Head:
    """What the head says of coordinates: unit, origin (north, east) and system."""

    unit: float = 0.01
    height_unit: float | None = None
    origin: tuple[float, float] = (0.0, 0.0)
    system: int | None = None


@dataclass
class _Group:
    """One feature: its kind of geometry, its attributes, and its places (north, east, height or None)."""

    kind: str
    attributes: dict[str, str] = field(default_factory=dict)
    places: list[tuple[float, float, float | None]] = field(default_factory=list)
    is_placing: bool = False


def sosi_file(path: Path, scratch: Path, _encoding: str | None) -> LayerFile:
    """A layer for each kind of object (OBJTYPE); areas and texts come without a place.

    Raises
    ------
    SourceError
        When the file does not begin with a head, or holds no objects.
    """
    if b".HODE" not in head(path, _HEAD_BYTES):
        raise refusal(path, "is not SOSI, whatever its name says (no .HODE)", "不是 SOSI 文件（缺少 .HODE）")
    written = scratch / "plain.gml"
    if not plain_gml.write(written, _features(path)):
        raise refusal(path, "holds no objects", "中没有要素")
    return LayerFile(path, "GML", linked(scratch, path.stem, {".gml": written}), options=plain_gml.GML_OPTIONS)


def _features(path: Path) -> Iterator[str]:
    found = _Head()
    for group in _groups(path):
        if group.kind == "HODE":
            found = _head(group)
        elif group.kind != "SLUTT":
            yield _feature(group, found)


def _groups(path: Path) -> Iterator[_Group]:
    """The groups from front to back; coordinates as they are written."""
    group: _Group | None = None
    with path.open(encoding=_codec(path), errors="replace") as lines:
        for raw in lines:
            line = raw.split("!")[0].strip() if "!" in raw else raw.strip()
            begun = _GROUP.match(line)
            if begun is not None and not line.startswith(".."):
                if group is not None:
                    yield group
                group = _Group(begun[1], {"ID": begun[2]} if begun[2] else {})
            elif group is not None and line:
                _take(group, line)
    if group is not None:
        yield group


def _take(group: _Group, line: str) -> None:
    """Take in an attribute, or a place where the places have been announced."""
    if line.startswith("."):
        name, _, value = line.lstrip(".").partition(" ")
        group.is_placing = name in _PLACES
        if not group.is_placing and value.strip():
            group.attributes.setdefault(name, value.strip().strip('"'))
        line = value
    numbers = _NUMBERS.findall(line.split("...")[0]) if group.is_placing else []
    if len(numbers) > 1:
        north, east, *heights = map(float, numbers[:3])
        group.places.append((north, east, heights[0] if heights else None))


def _head(group: _Group) -> _Head:
    numbers = {name: [float(n) for n in _NUMBERS.findall(text)] for name, text in group.attributes.items()}
    origin = numbers.get("ORIGO-NØ") or [0.0, 0.0]
    unit, height_unit, system = (next(iter(numbers.get(name, ())), None) for name in ("ENHET", "ENHET-H", "KOORDSYS"))
    known = _SYSTEMS.get(int(system)) if system else None
    return _Head(unit or 0.01, height_unit, (origin[0], origin[-1]), known)


def _feature(group: _Group, found: _Head) -> str:
    kind = re.sub(r"[^\w.-]", "_", group.attributes.get("OBJTYPE", group.kind))
    kind = kind if kind[:1].isalpha() else f"_{kind}"
    cells = "".join(
        f"<f:{name}>{escape(value)}</f:{name}>"
        for name, value in group.attributes.items()
        if name.replace("-", "").isalnum() and name[:1].isalpha() and name != "OBJTYPE"
    )
    return plain_gml.feature(kind, _shape(group, found) + cells)


def _shape(group: _Group, found: _Head) -> str:
    is_line = group.kind in _LINES and len(group.places) > 1
    if not is_line and not (group.kind in _POINTS and group.places):
        return ""
    has_z = any(height is not None for _, _, height in group.places)
    height_unit = found.height_unit or found.unit
    texts = []
    for north, east, height in group.places if is_line else group.places[:1]:
        numbers = [found.origin[1] + east * found.unit, found.origin[0] + north * found.unit]
        numbers += [_NO_HEIGHT if height is None else height * height_unit] if has_z else []
        texts.append(" ".join(f"{number:.4f}" for number in numbers))
    system = f' srsName="EPSG:{found.system}"' if found.system else ""
    of = f'{system} srsDimension="{3 if has_z else 2}"'
    if is_line:
        return f"<f:shape><gml:LineString{of}><gml:posList>{' '.join(texts)}</gml:posList></gml:LineString></f:shape>"
    return f"<f:shape><gml:Point{of}><gml:pos>{texts[0]}</gml:pos></gml:Point></f:shape>"


def _codec(path: Path) -> str:
    """The encoding that the head names; without a name that is known, UTF-8 where the head is, else the Western one."""
    first = head(path, _HEAD_BYTES)
    declared = re.search(rb"TEGNSETT\s+(\S+)", first)
    known = _CODECS.get(declared[1].decode("ascii", "replace").upper()) if declared else None
    if known is not None:
        return known
    try:
        first[:-4].decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"
