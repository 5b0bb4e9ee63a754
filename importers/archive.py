"""Zipped deliveries, unpacked into a private folder for as long as they are read."""

import re
import stat
import tempfile
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO

from pipemap.errors import SourceError
from pipemap.settings import Settings

MAX_ENTRIES = 10_000
MAX_RATIO = 100
# Archives within archives: a delivery is zipped once more by whoever sends it on.
MAX_DEPTH = 3

_FOLDER_PREFIX = "pipemap-delivery-"
_RATIO_MATTERS_FROM_BYTES = 2**20
_CHUNK_BYTES = 2**18
_PASSWORD_FLAG = 0x1
_UTF8_FLAG = 0x800
_OTHER_ARCHIVES = {".rar", ".7z", ".tar", ".gz", ".tgz", ".bz2", ".xz"}
_ZIPPED = {".zip", ".kmz"}
_STYLES = (".qml", ".qmd", ".sld")
# What lies beside the file that stands for a layer.
_SIDECAR_SUFFIXES = {
    ".shp": (
        ".shx", ".dbf", ".prj", ".cpg", ".qix", ".qpj", ".sbn", ".sbx", ".shp.xml", ".fbn", ".fbx", ".ain", ".aih",
        *_STYLES,
    ),
    ".dbf": (".cpg", ".dbf.xml"),
    ".tab": (".dat", ".map", ".id", ".ind"),
    ".mif": (".mid",),
    ".gml": (".xsd", ".gfs"),
    ".gpkg": _STYLES,
    ".geojson": _STYLES,
}  # fmt: skip
_LITTER = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._)", re.IGNORECASE)
_ABSOLUTE = re.compile(r"^/|^[A-Za-z]:")


@contextmanager
def unpacked(paths: Sequence[Path], max_bytes: int | None = None) -> Iterator[list[Path]]:
    """Give the delivered files with every .zip and .kmz replaced by what is in it, until the block ends.

    A shapefile is given as its .shp (its other files lie beside it), MapInfo's formats likewise, and a
    file geodatabase as its .gdb folder. The folder is readable by this user alone and is removed at the end. Names in
    archives made on a Chinese Windows come out right.

    Raises
    ------
    SourceError
        When an archive is damaged, protected, holds one that is no zip, one more than `MAX_DEPTH` deep or a name that
        leads outside, has more than `MAX_ENTRIES` entries, unpacks to more than `MAX_RATIO` times its size, or all
        archives together to more than `max_bytes`, by default the setting `PIPEMAP_MAX_UPLOAD_MB`. The member is named.
    """
    with tempfile.TemporaryDirectory(prefix=_FOLDER_PREFIX) as name:
        files: list[Path] = []
        room = _Room(Settings().max_upload_mb * 2**20 if max_bytes is None else max_bytes)
        for number, path in enumerate(paths):
            if path.suffix.lower() in _ZIPPED and path.is_file():
                # Named like the archive, to tell files of one name in several apart.
                folder = Path(name, str(number), path.stem)
                room.n_entries = 0
                _unpack(path, folder, room)
                _unpack_within(folder, room)
                files += _datasets(path, folder)
            else:
                files.append(path)
        yield files


def is_unpacked(path: Path) -> bool:
    """Whether a file came out of an archive."""
    return any(parent.name.startswith(_FOLDER_PREFIX) for parent in path.parents)


def folder_within(path: Path) -> str | None:
    """The name of the folder of an archive that a file lies in; None at the top of it, and for a file of its own."""
    parents = [parent.name for parent in path.parents]
    depth = next((at for at, name in enumerate(parents) if name.startswith(_FOLDER_PREFIX)), 0)
    # Between them stand the archive's number and its name.
    return parents[0] if depth > 2 else None


class _Room:
    """The bytes that may still be unpacked; what the archive's headers claim is not believed."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.used_bytes = 0
        # Of one delivered archive with those in it.
        self.n_entries = 0


def _unpack(archive: Path, folder: Path, room: _Room) -> None:
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700)
    try:
        with zipfile.ZipFile(archive) as opened:
            members = opened.infolist()
            room.n_entries += len(members)
            if room.n_entries > MAX_ENTRIES:
                raise _refusal(archive, f"holds {room.n_entries} entries, more than {MAX_ENTRIES}", "条目过多")
            wanted = [(member, name) for member in members if (name := _safe_name(archive, member)) is not None]
            allowed_bytes = max(MAX_RATIO * archive.stat().st_size, _RATIO_MATTERS_FROM_BYTES)
            start_bytes = room.used_bytes
            for member, name in wanted:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, target.open("xb") as sink:
                    for size_bytes in _copied(source, sink):  # type: ignore[arg-type]
                        room.used_bytes += size_bytes
                        _stay_small(archive, name, room, room.used_bytes - start_bytes, allowed_bytes)
    except (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError) as error:
        raise _refusal(archive, f"is damaged or not a zip archive ({error})", "已损坏或不是 zip 文件") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise _refusal(archive, f"cannot be unpacked ({error})", "无法解压") from error


def _unpack_within(folder: Path, room: _Room, depth: int = 2) -> None:
    """Put what is in the zips of a folder in their place, as a folder of the zip's name."""
    for archive in sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ZIPPED and path.is_file()):
        if depth > MAX_DEPTH:
            raise _refusal(archive, f"lies {depth} archives deep; deliver its content", "嵌套过深，请直接提供其内容")
        inner = _free(archive.with_suffix(""))
        _unpack(archive, inner, room)
        archive.unlink()
        _unpack_within(inner, room, depth + 1)


def _free(folder: Path) -> Path:
    """The folder's name, or another where something of that name is there."""
    return folder if not folder.exists() else _free(folder.with_name(f"{folder.name}_"))


def _copied(source: BinaryIO, sink: BinaryIO) -> Iterator[int]:
    while chunk := source.read(_CHUNK_BYTES):
        sink.write(chunk)
        yield len(chunk)


def _stay_small(archive: Path, name: str, room: _Room, archive_bytes: int, allowed_bytes: int) -> None:
    if room.used_bytes > room.max_bytes:
        raise _refusal(archive, f"unpacks to more than {room.max_bytes} bytes (at '{name}')", "解压后超过允许的大小")
    if archive_bytes > allowed_bytes:
        raise _refusal(archive, f"unpacks to more than {MAX_RATIO} times its size (at '{name}')", "压缩比异常")


def _safe_name(archive: Path, member: zipfile.ZipInfo) -> str | None:
    """The member's name as a relative path, or None for folders and what file managers leave behind."""
    name = _decoded_name(member).replace("\\", "/")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if _ABSOLUTE.match(name) or ".." in name.split("/") or "\x00" in name:
        raise _refusal(archive, f"holds '{name}', which leads outside the archive", "含有指向压缩包之外的路径")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise _refusal(archive, f"holds '{name}', which is a link or device, not a file", "含有链接或设备文件")
    if name.endswith("/") or _LITTER.search(name):
        return None
    if Path(name).suffix.lower() in _OTHER_ARCHIVES:
        raise _refusal(archive, f"holds another archive, '{name}'; deliver its content", "内含压缩包，请直接提供其内容")
    if member.flag_bits & _PASSWORD_FLAG:
        raise _refusal(archive, f"is protected by a password ('{name}')", "有密码保护")
    return name


def _decoded_name(member: zipfile.ZipInfo) -> str:
    if member.flag_bits & _UTF8_FLAG:
        return member.orig_filename
    # The zip module reads names without the UTF-8 mark as cp437, which keeps every byte.
    raw = member.orig_filename.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.orig_filename


def _datasets(archive: Path, folder: Path) -> list[Path]:
    found: list[Path] = []
    names: dict[Path, set[str]] = defaultdict(set)
    paths = sorted(folder.rglob("*"))
    for path in paths:
        names[path.parent].add(path.name.lower())
    for path in paths:
        inside_geodatabase = any(parent.suffix.lower() == ".gdb" for parent in path.relative_to(folder).parents)
        is_geodatabase = path.is_dir() and path.suffix.lower() == ".gdb"
        is_file = path.is_file() and not _is_sidecar(path.name.lower(), names[path.parent])
        if not inside_geodatabase and (is_geodatabase or is_file):
            found.append(path)
    if not found:
        raise _refusal(archive, "holds no files", "没有文件")
    return found


def _is_sidecar(name: str, siblings: set[str]) -> bool:
    return any(
        name.endswith(suffix) and name.removesuffix(suffix) + owner in siblings
        for owner, suffixes in _SIDECAR_SUFFIXES.items()
        for suffix in suffixes
    )


def _refusal(archive: Path, what_en: str, what_zh: str) -> SourceError:
    return SourceError(f"{archive.name} {what_en}.", message_zh=f"压缩包 {archive.name} {what_zh}。")
