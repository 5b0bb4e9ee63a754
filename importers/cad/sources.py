"""A delivered drawing and the drawings attached to it, read into entities in metres of the map."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

from ezdxf.math import Matrix44

from importers.cad import dgn, dwg
from importers.cad.damage import demand_whole, is_dwg, n_entities_begun, repaired
from importers.cad.drawing import Block, Drawing
from importers.cad.entities import Attachment, Entity, EntityReader
from importers.cad.geometry import MALFORMED, placement, point
from importers.cad.groups import DamagedGroups
from importers.cad.units import scale_of
from importers.refusing import refusal
from pipemap.errors import SourceError
from schemas.findings import Finding, Severity

_MAX_ATTACHED = 100
_STILL_M = 0.001
_ENTITIES = b"\nENTITIES"
_DRAWING_NAME = re.compile(rb"\.d(?:wg|xf)", re.IGNORECASE)
_CONVERTED = ((is_dwg, dwg.converted), (dgn.is_dgn, dgn.converted))


@dataclass
class Source:
    """A drawing, or one that it attaches: the delivered file's name, entities, what is to be said of it as a whole."""

    file: str
    entities: list[Entity]
    hidden_layers: dict[str, str] = field(default_factory=dict)
    notes: list[Finding] = field(default_factory=list)
    attached_as: str | None = None

    @property
    def prefix(self) -> str:
        """What layer names of an attached drawing begin with, as CAD programs write them."""
        return f"{self.attached_as}|" if self.attached_as else ""

    def note(self, rule: str, severity: Severity, en: str, zh: str, **where: Any) -> None:
        """Add what is to be said."""
        self.notes.append(Finding(rule=rule, severity=severity, message_en=en, message_zh=zh, file=self.file, **where))


class SourceReader:
    """Reads a drawing and, once each, those it attaches that lie beside it; `entities.EntityReader` has the rest.

    Options: `encoding`, `units` (see `units.UNITS`), and `delivered`, names of files that are read on their own.
    """

    def __init__(
        self,
        is_name: Callable[[str], bool],
        holds_network: Callable[[Drawing, Block], bool],
        options: dict[str, Any],
    ) -> None:
        self._is_name, self._holds_network, self._options = is_name, holds_network, options
        self._n_attached = 0

    def read(self, path: Path) -> list[Source]:
        """The drawing first, then what is attached to it.

        Raises
        ------
        SourceError
            When the drawing itself cannot be read; attached ones are reported instead.
        """
        sources = [*self._read(path, None, (path.name.casefold(),))]
        for source in sources:
            source.file = path.name
            source.notes = [note.model_copy(update={"file": path.name}) for note in source.notes]
        return sources

    def _read(self, path: Path, to_host: Matrix44 | None, chain: tuple[str, ...]) -> Iterator[Source]:
        with ExitStack() as stack:
            source, reader = self._opened(path, to_host, stack)
            if reader.drawing.n_in_paper_space:
                _note_paper_space(source, reader.drawing.n_in_paper_space)
            if reader.n_too_deep:
                _note_too_deep(source, reader.n_too_deep)
            yield source
            for attachment in reader.attachments:
                yield from self._attached(path, attachment, source, chain)

    def _opened(self, path: Path, to_host: Matrix44 | None, stack: ExitStack) -> tuple[Source, EntityReader]:
        found, dropped = stack.enter_context(_as_dxf(path))
        demand_whole(found)
        source = Source(path.name, [])
        try:
            reader = self._entities(found, source, to_host)
        except DamagedGroups as error:
            reader = self._repaired(found, error, source, to_host, stack)
        if dropped is not None:
            source.notes.append(dropped)
        return source, reader

    def _repaired(
        self, path: Path, why: DamagedGroups, source: Source, to_host: Matrix44 | None, stack: ExitStack
    ) -> EntityReader:
        damaged = refusal(path, f"is a damaged DXF drawing ({why})", "DXF 图形已损坏")
        try:
            reader = self._entities(stack.enter_context(repaired(path, why)), source, to_host)
        except DamagedGroups as error:
            raise damaged from error
        if not source.entities:
            raise damaged
        _note_repair(source, n_entities_begun(path), str(why))
        return reader

    def _entities(self, path: Path, source: Source, to_host: Matrix44 | None) -> EntityReader:
        """Read in the drawing's own unit; again where its coordinates turn out not to be metres."""
        reader = self._reader(path, to_host)
        entities = reader.read()
        if reader.drawing.n_sections == 0:
            raise DamagedGroups("it has no section")
        scale, note = scale_of(reader.drawing, entities, self._options) if to_host is None else (None, None)
        if scale is not None:
            reader = self._reader(path, scale)
            entities = reader.read()
        source.entities, source.notes = entities, [note] if note is not None else []
        source.hidden_layers = reader.drawing.hidden_layers
        return reader

    def _reader(self, path: Path, to_world: Matrix44 | None) -> EntityReader:
        drawing = Drawing(path, self._options.get("encoding"))
        return EntityReader(drawing, self._is_name, self._holds_network, to_world)

    def _attached(self, host: Path, attachment: Attachment, source: Source, chain: tuple[str, ...]) -> Iterator[Source]:
        """What an attached drawing holds; one of the delivery that is put elsewhere is read with one host alone."""
        delivered = self._options.get("delivered", ())
        wanted = str(attachment.block.xref).replace("\\", "/").rsplit("/", 1)[-1] or attachment.block.name
        path = _beside(host, wanted)
        self._n_attached += 1
        if path is None:
            _note_missing(source, wanted, "is not beside it", "未一并提供")
        elif path.name.casefold() in chain or self._n_attached > _MAX_ATTACHED:
            _note_missing(source, wanted, "is attached in a circle or too often", "循环引用或引用过多")
        elif path.name not in delivered:
            yield from self._placed(path, attachment, source, chain)
        elif (reader := moved_by(path, delivered)) is None:
            _note_delivered(source, path.name, _moves(attachment.tags))
        elif reader.resolve() == host.resolve():
            yield from self._placed(path, attachment, source, chain)
        else:
            _note_read_with(source, path.name, reader.name)

    def _placed(self, path: Path, attachment: Attachment, source: Source, chain: tuple[str, ...]) -> Iterator[Source]:
        try:
            place = placement(attachment.tags, _base(path))
            to_world = place if attachment.to_world is None else place @ attachment.to_world
            found = [*self._read(path, to_world, (*chain, path.name.casefold()))]
            found[0].attached_as = attachment.block.name
        except (SourceError, DamagedGroups, OSError, *MALFORMED) as error:
            _note_missing(source, path.name, f"cannot be read ({_one_line(error)})", "无法读取")
            return
        source.note(
            "IMP-XREF",
            Severity.INFO,
            f"The attached drawing {path.name} was read with it: {sum(len(s.entities) for s in found)} entities.",
            f"已一并读取外部参照 {path.name}。",
            value=path.name,
        )
        yield from found


@contextmanager
def _as_dxf(path: Path) -> Iterator[tuple[Path, Finding | None]]:
    """The drawing, or what a converter makes of it and what is to be said of that."""
    convert = next((kind for is_one, kind in _CONVERTED if path.is_file() and is_one(path)), None)
    if convert is None:
        yield path, None
        return
    with convert(path) as found:
        yield found


def _moves(tags: dict[int, Any]) -> bool:
    """Whether an attached drawing is put elsewhere than where its own coordinates say."""
    try:
        corners = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)]
        moved = placement(tags, (0.0, 0.0, 0.0)).transform_vertices(corners)
    except MALFORMED:
        return True
    return any(there.distance(here) > _STILL_M for there, here in zip(moved, corners, strict=True))


def _base(path: Path) -> tuple[float, float, float]:
    if is_dwg(path):
        return 0.0, 0.0, 0.0
    held = Drawing(path).header.get("$INSBASE", {})
    return point(held, 10) if 10 in held and 20 in held else (0.0, 0.0, 0.0)


def _beside(host: Path, name: str) -> Path | None:
    """The file of that name in the host's folder, as DXF if there is one; never one from elsewhere."""
    stem = Path(name).stem.casefold()
    found = [path for path in _files(host.parent) if path.stem.casefold() == stem]
    by_suffix = {path.suffix.lower(): path for path in found}
    return by_suffix.get(".dxf") or by_suffix.get(".dwg")


def _files(folder: Path) -> Sequence[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.is_symlink())


def _note_paper_space(source: Source, n: int) -> None:
    source.note(
        "IMP-PAPER",
        Severity.INFO,
        f"{n} entities lie in the paper space (title, frame, viewports) and were not looked at.",
        f"图纸空间的 {n} 个图元（图框、视口等）未读取。",
        details={"rows": n},
    )


def _note_too_deep(source: Source, n: int) -> None:
    source.note(
        "IMP-XREF",
        Severity.WARNING,
        f"Blocks are nested so deeply or often that {n} entities in them were not read.",
        f"图块嵌套过深或过多，{n} 个图元未读取。",
        details={"rows": n},
    )


def _note_repair(source: Source, n_begun: int, why: str) -> None:
    n_lost = max(n_begun - len(source.entities), 0)
    source.note(
        "IMP-DAMAGED",
        Severity.ERROR,
        f"The drawing is damaged ({why}); it was repaired as far as possible: of {n_begun} entities that begin in it, "
        f"{n_lost} were lost. Ask for the drawing again.",
        f"图形已损坏，已尽量修复：共 {n_begun} 个图元，丢失 {n_lost} 个。请重新提供。",
        details={"rows": n_lost},
    )


def _note_missing(source: Source, name: str, en: str, zh: str) -> None:
    source.note(
        "IMP-XREF",
        Severity.WARNING,
        f"The attached drawing {name} {en}; what is drawn in it was not read.",
        f"外部参照 {name} {zh}，其内容未读取。",
        value=name,
    )


def _note_delivered(source: Source, name: str, is_moved: bool) -> None:
    source.note(
        "IMP-XREF",
        Severity.WARNING if is_moved else Severity.INFO,
        f"The attached drawing {name} is itself part of the delivery and is read on its own"
        + (", where its own coordinates put it and not where it is attached." if is_moved else "."),
        f"外部参照 {name} 已单独提供，按独立文件读取" + ("，未按插入位置移动。" if is_moved else "。"),
        value=name,
    )


def _note_read_with(source: Source, name: str, host: str) -> None:
    en = f"The attached drawing {name} is read where {host} attaches it, and not once more here."
    source.note(
        "IMP-XREF", Severity.INFO, en, f"外部参照 {name} 按 {host} 中的插入位置读取，此处不再读取。", value=name
    )


def moved_by(path: Path, delivered: Sequence[str], chain: tuple[Path, ...] = ()) -> Path | None:
    """The first delivered drawing that attaches this one elsewhere than where its own coordinates say, if any does.

    One that attaches it in place may be attached elsewhere itself. Of drawings that attach each other none does.
    """
    if path.suffix.lower() != ".dxf" or path in chain:
        return None
    others = {path.parent / name for name in delivered if name.lower().endswith(".dxf")} - {path, *chain}
    for host in sorted(others):
        if how := _attached_by(host).get(_stem(path.name)):
            is_moved = any(how) or moved_by(host, delivered, (*chain, path)) is not None
            if is_moved and _stem(host.name) not in _attached_by(path):
                return host
    return None


def _attached_by(host: Path) -> dict[str, list[bool]]:
    """What a drawing attaches: the stem of each, and for each time whether it is put elsewhere.

    Nothing where the drawing cannot be read or is no file of the delivery.
    """
    try:
        return {} if host.is_symlink() else _attached_in(host, host.stat().st_mtime_ns)
    except OSError:
        return {}


# Each drawing of a delivery asks every other one.
@lru_cache(maxsize=4096)
def _attached_in(host: Path, _changed_at: int) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {}
    try:
        if not _may_attach(host):
            return {}
        drawing = Drawing(host)
        stems = {name: _stem(block.xref) for name, block in drawing.blocks.items() if block.xref}
        for group in drawing.model_space() if stems else ():
            if group.kind == "INSERT" and (stem := stems.get(drawing.text(group.tags().get(2, "")).upper())):
                found.setdefault(stem, []).append(_moves(group.tags()))
    except (DamagedGroups, *MALFORMED):
        return {}
    return found


def _may_attach(drawing: Path) -> bool:
    """Whether what stands in a drawing before its entities, where attached drawings are named, names a drawing."""
    with drawing.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as whole:
        end = whole.find(_ENTITIES)
        return _DRAWING_NAME.search(whole, 0, len(whole) if end < 0 else end) is not None


def _stem(name: str) -> str:
    return Path(name.replace("\\", "/").rsplit("/", 1)[-1]).stem.casefold()


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
