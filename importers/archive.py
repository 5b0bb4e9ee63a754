"""Packed deliveries (zip, RAR, 7z), unpacked into a private folder for as long as they are read."""

import re
import stat
import tempfile
import zipfile
import zlib
from collections import defaultdict, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from lzma import LZMAError
from pathlib import Path
from typing import BinaryIO

from importers.members import is_rar_or_7z, members, protected
from importers.refusing import refusal
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
_OTHER_ARCHIVES = {".tar", ".gz", ".tgz", ".bz2", ".xz"}
_PACKED = {".zip", ".kmz", ".rar", ".7z"}
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
    ".dxf": (".cas", ".bak", ".dwl", ".dwl2"),
    ".dwg": (".cas", ".bak", ".dwl", ".dwl2"),
    ".gml": (".xsd", ".gfs"),
    ".gpkg": _STYLES,
    ".geojson": _STYLES,
}  # fmt: skip
_LITTER = re.compile(r"(^|/)(__MACOSX/|\.DS_Store$|Thumbs\.db$|desktop\.ini$|\._)", re.IGNORECASE)
_ABSOLUTE = re.compile(r"^/|^[A-Za-z]:")


@contextmanager
def unpacked(paths: Sequence[Path], max_bytes: int | None = None) -> Iterator[list[Path]]:
    """Give the delivered files with every .zip, .kmz, .rar and .7z replaced by what is in it, until the block ends.

    A shapefile is given as its .shp (its other files lie beside it), MapInfo's formats likewise, and a
    file geodatabase as its .gdb folder. The folder is readable by this user alone and is removed at the end. Names in
    archives made on a Chinese Windows come out right.

    Raises
    ------
    SourceError
        When an archive is damaged, protected, one volume of several, holds one of another kind, one more than
        `MAX_DEPTH` deep or a name that leads outside, has more than `MAX_ENTRIES` entries, unpacks to more than
        `MAX_RATIO` times its size, or all archives together to more than `max_bytes`, by default the setting
        `PIPEMAP_MAX_UPLOAD_MB`. The member is named where there is one.
    """
    with tempfile.TemporaryDirectory(prefix=_FOLDER_PREFIX) as name:
        files: list[Path] = []
        room = _Room(Settings().max_upload_mb * 2**20 if max_bytes is None else max_bytes)
        beside = _names_by_folder(paths)
        for number, path in enumerate(paths):
            if _is_packed(path):
                # Named like the archive, to tell files of one name in several apart.
                folder = Path(name, str(number), path.stem)
                room.n_entries = 0
                _unpack(path, folder, room)
                _unpack_within(folder, room)
                files += _datasets(path, folder)
            elif not _is_sidecar(path.name.lower(), beside[path.parent]):
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


def _is_packed(path: Path) -> bool:
    # Later volumes of a RAR are called anything.
    return path.is_file() and (path.suffix.lower() in _PACKED or is_rar_or_7z(path))


# Of each file in an archive its name as a relative path, and its bytes in pieces.
_Files = Generator[tuple[str, Iterable[bytes]]]


def _unpack(archive: Path, folder: Path, room: _Room) -> None:
    folder.parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700)
    allowed_bytes = max(MAX_RATIO * archive.stat().st_size, _RATIO_MATTERS_FROM_BYTES)
    start_bytes = room.used_bytes
    files = _files_of_rar_or_7z if is_rar_or_7z(archive) else _files_of_zip
    try:
        with closing(files(archive, room)) as found:
            for name, pieces in found:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("xb") as sink:
                    for piece in pieces:
                        sink.write(piece)
                        room.used_bytes += len(piece)
                        _stay_small(archive, name, room, room.used_bytes - start_bytes, allowed_bytes)
    except (zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError) as error:
        raise refusal(
            archive, f"is damaged or not a zip, RAR or 7z archive ({error})", "已损坏或不是 zip、RAR、7z 文件"
        ) from error
    except FileExistsError as error:
        raise refusal(archive, f"holds two files in one place, '{name}'", "含有位置重复的文件") from error
    except (OSError, ValueError, RuntimeError) as error:
        # With its words the system names a folder of ours.
        why = error.strerror if isinstance(error, OSError) else error
        raise refusal(archive, f"cannot be unpacked ({why})", "无法解压") from error


def _files_of_zip(archive: Path, room: _Room) -> _Files:
    with zipfile.ZipFile(archive) as opened:
        held = opened.infolist()
        _take_entries(archive, room, len(held))
        wanted = [(member, name) for member in held if (name := _name_in_zip(archive, member)) is not None]
        for member, name in wanted:
            with opened.open(member) as source:
                yield name, _pieces(source)  # type: ignore[arg-type]


def _files_of_rar_or_7z(archive: Path, room: _Room) -> _Files:
    with closing(members(archive)) as told:
        for octets, kind in told:
            _take_entries(archive, room, 1)
            name = _safe_name(archive, _decoded(octets), kind)
            pieces = iter(partial(next, told), None)
            if name is not None:
                yield name, pieces
            # What nobody wants stands between it and the next member.
            deque(pieces, maxlen=0)


def _take_entries(archive: Path, room: _Room, count: int) -> None:
    room.n_entries += count
    if room.n_entries > MAX_ENTRIES:
        raise refusal(archive, f"holds {room.n_entries} entries, more than {MAX_ENTRIES}", "条目过多")


def _unpack_within(folder: Path, room: _Room, depth: int = 2) -> None:
    """Put what is in the archives of a folder in their place, as a folder of the archive's name."""
    for archive in sorted(filter(_is_packed, folder.rglob("*"))):
        if depth > MAX_DEPTH:
            raise refusal(archive, f"lies {depth} archives deep; deliver its content", "嵌套过深，请直接提供其内容")
        inner = _free(archive.with_suffix(""))
        _unpack(archive, inner, room)
        archive.unlink()
        _unpack_within(inner, room, depth + 1)


def _free(folder: Path) -> Path:
    """The folder's name, or another where something of that name is there."""
    return folder if not folder.exists() else _free(folder.with_name(f"{folder.name}_"))


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    return iter(partial(source.read, _CHUNK_BYTES), b"")


def _stay_small(archive: Path, name: str, room: _Room, archive_bytes: int, allowed_bytes: int) -> None:
    if room.used_bytes > room.max_bytes:
        raise refusal(archive, f"unpacks to more than {room.max_bytes} bytes (at '{name}')", "解压后超过允许的大小")
    if archive_bytes > allowed_bytes:
        raise refusal(archive, f"unpacks to more than {MAX_RATIO} times its size (at '{name}')", "压缩比异常")


def _name_in_zip(archive: Path, member: zipfile.ZipInfo) -> str | None:
    # The zip module reads names without the UTF-8 mark as cp437, which keeps every byte.
    is_told = bool(member.flag_bits & _UTF8_FLAG)
    name = member.orig_filename if is_told else _decoded(member.orig_filename.encode("cp437"))
    safe = _safe_name(archive, name, stat.S_IFMT(member.external_attr >> 16))
    if safe is not None and member.flag_bits & _PASSWORD_FLAG:
        raise protected(archive, safe)
    return safe


def _safe_name(archive: Path, name: str, kind: int) -> str | None:
    """The member's name as a relative path, or None for folders and what file managers leave behind."""
    name = name.replace("\\", "/")
    if _ABSOLUTE.match(name) or ".." in name.split("/") or "\x00" in name:
        raise refusal(archive, f"holds '{name}', which leads outside the archive", "含有指向压缩包之外的路径")
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise refusal(archive, f"holds '{name}', which is a link or device, not a file", "含有链接或设备文件")
    if kind == stat.S_IFDIR or name.endswith("/") or _LITTER.search(name):
        return None
    if Path(name).suffix.lower() in _OTHER_ARCHIVES:
        raise refusal(archive, f"holds another archive, '{name}'; deliver its content", "内含压缩包，请直接提供其内容")
    return name


def _decoded(octets: bytes) -> str:
    for encoding in ("utf-8", "gb18030"):
        try:
            return octets.decode(encoding)
        except UnicodeDecodeError:
            continue
    return octets.decode("cp437")


def _datasets(archive: Path, folder: Path) -> list[Path]:
    found: list[Path] = []
    paths = sorted(folder.rglob("*"))
    names = _names_by_folder(paths)
    for path in paths:
        inside_geodatabase = any(parent.suffix.lower() == ".gdb" for parent in path.relative_to(folder).parents)
        is_geodatabase = path.is_dir() and path.suffix.lower() == ".gdb"
        is_file = path.is_file() and not _is_sidecar(path.name.lower(), names[path.parent])
        if not inside_geodatabase and (is_geodatabase or is_file):
            found.append(path)
    if not found:
        raise refusal(archive, "holds no files", "没有文件")
    return found


def _names_by_folder(paths: Iterable[Path]) -> dict[Path, set[str]]:
    names: dict[Path, set[str]] = defaultdict(set)
    for path in paths:
        names[path.parent].add(path.name.lower())
    return names


def _is_sidecar(name: str, siblings: set[str]) -> bool:
    return any(
        name.endswith(suffix) and name.removesuffix(suffix) + owner in siblings
        for owner, suffixes in _SIDECAR_SUFFIXES.items()
        for suffix in suffixes
    )
