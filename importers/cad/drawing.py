"""One DXF drawing: header, layers and blocks at hand, the entities of its model space as a stream."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ezdxf.tools.codepage import toencoding

from importers.cad.geometry import MALFORMED, Vertex, point
from importers.cad.groups import Group, groups_of, text_of

_UTF8_FROM = "AC1021"
_FROZEN, _XREF, _OVERLAY = 1, 4, 8
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_SAMPLE_BYTES, _CHINESE_SHARE = 1 << 24, 0.9
_ON_BASE = 0.05
_KEPT_OBJECTS = ("DICTIONARY", "XRECORD")


@dataclass
class Block:
    """A block definition, or a drawing attached under a name."""

    name: str
    base: Vertex
    xref: str | None
    groups: list[Group] = field(default_factory=list)

    def radius(self) -> float:
        """Of the largest circle round its base, 0 where there is none."""
        circles = (group.tags() for group in self.groups if group.kind == "CIRCLE")
        return max((radius for circle in circles if (radius := self._round_base(circle))), default=0.0)

    def _round_base(self, circle: dict[int, Any]) -> float:
        try:
            off = math.dist(point(circle, 10)[:2], self.base[:2])
            return float(circle[40]) if off < _ON_BASE * float(circle[40]) else 0.0
        except MALFORMED:
            return 0.0


class Drawing:
    """A drawing read front to back: header, tables and blocks on opening, then the entities, then the objects.

    Raises
    ------
    DamagedGroups
        On opening and while entities are read, where the tags are out of step.
    """

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self.path = path
        self.codec = encoding or "utf-8"
        self.header: dict[str, dict[int, Any]] = {}
        self.hidden_layers: dict[str, str] = {}
        # Colour and linetype of layers.
        self.looks: dict[str, tuple[str, str]] = {}
        self.blocks: dict[str, Block] = {}
        self.n_in_paper_space = 0
        self.n_sections = 0
        self._encoding = encoding
        self._objects: dict[str, Group] = {}
        self._words: dict[Any, str] = {}
        self._groups = groups_of(path)
        self._read_until_entities()

    def text(self, value: Any) -> str:
        """A value as text in the drawing's encoding, without blanks around it."""
        return text_of(value, self.codec).strip()

    def word(self, value: Any) -> str:
        """A value that many entities have, a layer or a colour, as text: each is decoded once."""
        found = self._words.get(value)
        if found is None:
            found = self._words[value] = self.text(value)
        return found

    def number(self, name: str, code: int = 70) -> float | None:
        """A number of the header, None where it is not there."""
        try:
            found = float(self.header[name][code])
        except (KeyError, TypeError, ValueError):
            return None
        return found if math.isfinite(found) else None

    def model_space(self) -> Iterator[Group]:
        """The entities of the model space in drawing order; what lies in paper space is counted."""
        for group in self._groups:
            if group.kind == "ENDSEC":
                break
            if _is_in_paper_space(group):
                self.n_in_paper_space += 1
            else:
                yield group
        for group in self._groups:
            if group.kind in _KEPT_OBJECTS:
                self._objects[_handle(group)] = group

    def records(self, dictionary: str) -> Iterator[tuple[str, Group]]:
        """Name and XRECORD of an extension dictionary's entries, once all entities have been read."""
        held = self._objects.get(dictionary)
        name = ""
        for code, value in zip(held.codes, held.values, strict=True) if held is not None else ():
            if code == 3:
                name = self.text(value)
            elif code in (350, 360):
                record = self._objects.get(self.text(value))
                if record is not None and record.kind == "XRECORD":
                    yield name, record

    def _read_until_entities(self) -> None:
        section = ""
        block: Block | None = None
        for group in self._groups:
            if group.kind == "SECTION":
                section = self._open_section(group)
                if section == "ENTITIES":
                    return
            elif section == "TABLES" and group.kind == "LAYER":
                self._add_layer(group.tags())
            elif section == "BLOCKS":
                block = self._read_block(group, block)

    def _open_section(self, group: Group) -> str:
        self.n_sections += 1
        name = self.text(group.tags().get(2, "")).upper()
        if name == "HEADER":
            self._read_header(group)
        return name

    def _read_header(self, group: Group) -> None:
        held: dict[int, Any] = {}
        for code, value in zip(group.codes, group.values, strict=True):
            if code == 9:
                held = self.header.setdefault(text_of(value, "latin-1").strip(), {})
            else:
                held.setdefault(code, value)
        version = self.text(self.header.get("$ACADVER", {}).get(1, ""))
        page = self.text(self.header.get("$DWGCODEPAGE", {}).get(3, ""))
        declared = "utf-8" if version >= _UTF8_FROM else toencoding(page)
        self.codec = self._encoding or (_code_page(self.path) if declared == "cp1252" else declared)

    def _add_layer(self, tags: dict[int, Any]) -> None:
        try:
            name, flags, colour = self.text(tags[2]), int(tags.get(70, 0)), int(tags.get(62, 7))
        except MALFORMED:
            return
        self.looks[name] = str(abs(colour)), self.text(tags.get(6, "")).upper()
        if flags & _FROZEN or colour < 0:
            self.hidden_layers[name] = "frozen" if flags & _FROZEN else "off"

    def _read_block(self, group: Group, block: Block | None) -> Block | None:
        if group.kind == "BLOCK":
            return self._opened_block(group.tags())
        if group.kind == "ENDBLK" and block is not None:
            self.blocks.setdefault(block.name.upper(), block)
            if block.name.upper().startswith(("*PAPER_SPACE", "$PAPER_SPACE")):
                self.n_in_paper_space += len(block.groups)
            return None
        if block is not None:
            block.groups.append(group)
        return block

    def _opened_block(self, tags: dict[int, Any]) -> Block | None:
        try:
            is_attached = int(tags.get(70, 0)) & (_XREF | _OVERLAY)
            return Block(self.text(tags[2]), point(tags, 10), self.text(tags.get(1, "")) if is_attached else None)
        except MALFORMED:
            return None


def _code_page(path: Path) -> str:
    """GBK or the Western code page, which old files declare, or fail to, whatever they are written in.

    Chinese texts are pairs of high bytes; accents in Western ones mostly stand alone.
    """
    with path.open("rb") as file:
        runs = _HIGH_BYTES.findall(file.read(_SAMPLE_BYTES))
    n_chinese = sum(_is_chinese(run) for run in runs)
    return "gb18030" if n_chinese > _CHINESE_SHARE * len(runs) else "cp1252"


def _is_chinese(run: bytes) -> bool:
    try:
        run.decode("gb2312")
    except UnicodeDecodeError:
        return False
    return True


def extension_dictionary(group: Group) -> str | None:
    """Handle of an entity's extension dictionary."""
    if 102 not in group.codes:
        return None
    inside = False
    for code, value in zip(group.codes, group.values, strict=True):
        if code == 102:
            inside = b"XDICTIONARY" in value if isinstance(value, bytes) else "XDICTIONARY" in value
        elif inside and code == 360:
            return text_of(value, "latin-1").strip()
    return None


def _handle(group: Group) -> str:
    return text_of(group.tags().get(5, ""), "latin-1").strip()


def _is_in_paper_space(group: Group) -> bool:
    if 67 not in group.codes:
        return False
    try:
        return bool(int(group.tags().get(67, 0)))
    except MALFORMED:
        return False
