"""What is in RAR and 7z archives: read by libarchive in a process of its own, held as `pipemap.confined` has it.

Readers of these formats in C have been broken into again and again. In that process there is nothing to be won: it
writes nowhere, and its names, kinds and bytes are believed by `importers.archive` no more than those of a zip.
"""

import ctypes
import locale
import re
import stat
import struct
from collections.abc import Generator, Iterable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any
from zlib import crc32

import rarfile

from importers.refusing import refusal
from pipemap.confined import confined
from pipemap.errors import SourceError
from pipemap.sandbox import Limits

_7Z = "7zip"
_FORMATS = {b"Rar!\x1a\x07\x00": "rar", b"Rar!\x1a\x07\x01\x00": "rar5", b"7z\xbc\xaf\x27\x1c": _7Z}
_LONGEST_SIGNATURE = max(map(len, _FORMATS))
# Of a 7z: where the list of its members begins, counted from behind these bytes, and how long it is.
_7Z_LIST, _7Z_HEAD_BYTES = struct.Struct("<12xQQ"), 32
# The dictionaries that the makers' programs offer by default take an eighth of it.
_MEMORY_BYTES = 512 * 2**20
_CPU_S = 5
_PIECE_BYTES = 2**18
# The library's words are all that it says of a 7z that needs a password, and of a RAR of before 2013 that is solid.
_ENCRYPTED, _SOLID = re.compile("encrypt|crypto", re.IGNORECASE), re.compile("solid", re.IGNORECASE)


def is_rar_or_7z(archive: Path) -> bool:
    """Whether a file begins as these archives do, whatever it is called."""
    return _format(archive) is not None


def members(archive: Path) -> Generator[Any]:
    """Of every member its name in octets and its kind by `stat`, then its bytes in pieces, then None.

    Raises
    ------
    SourceError
        When the archive is damaged, encrypted or one of several volumes, and as `confined` does.
    """
    size_mib = archive.stat().st_size // 2**20
    return confined(archive, lambda: _told(archive), Limits(_CPU_S * (1 + size_mib), _MEMORY_BYTES))


def _format(archive: Path) -> str | None:
    with archive.open("rb") as file:
        head = file.read(_LONGEST_SIGNATURE)
    return next((name for signature, name in _FORMATS.items() if head.startswith(signature)), None)


def _told(archive: Path) -> Iterator[Any]:
    # It looks for its library when it is imported, which only those who have such an archive need wait for.
    try:
        import libarchive
    except (OSError, AttributeError) as error:
        raise refusal(
            archive, "cannot be unpacked: install libarchive13", "无法解压：请在本机安装 libarchive13"
        ) from error

    # In any other it could not say every name.
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    kind_of_archive = _format(archive)
    is_7z = kind_of_archive == _7Z
    try:
        sums = _demand_whole_7z(archive) if is_7z else _checksums_of_rar(archive)
        with libarchive.file_reader(str(archive), kind_of_archive, "none") as opened:
            for entry, expected in zip(opened, sums, strict=not is_7z):
                yield _octets(entry.pathname), int(stat.S_IFLNK if entry.linkpath else entry.filetype)
                if not entry.isdir:
                    yield from _checked(archive, _pieces(libarchive.ffi, opened._pointer), expected)
                yield None
    except (libarchive.ArchiveError, rarfile.Error) as error:
        raise _refused(archive, _text(error.args[0])) from error


def _demand_whole_7z(archive: Path) -> Iterable[None]:
    """No sums: libarchive holds what is in a 7z against its own."""
    with archive.open("rb") as file:
        begins_at, length = _7Z_LIST.unpack(file.read(_7Z_LIST.size))
    if _7Z_HEAD_BYTES + begins_at + length > archive.stat().st_size:
        raise _part(archive)
    return repeat(None)


def _checksums_of_rar(archive: Path) -> Iterable[int | None]:
    """The CRC-32 of every member, None where another sum is kept; libarchive overlooks those of members not compressed.

    It also gives out as they are what it does not know to be encrypted, and ends without a word where a file is cut.
    """
    blocks: list[Any] = []
    opened = rarfile.RarFile(archive, info_callback=blocks.append, errors="strict", part_only=True)
    if opened.needs_password():
        raise protected(archive)
    is_volume = any(block.type == rarfile.RAR_BLOCK_MAIN and block.flags & rarfile.RAR_MAIN_VOLUME for block in blocks)
    if is_volume or not any(block.type == rarfile.RAR_BLOCK_ENDARC for block in blocks):
        raise _part(archive)
    return [member.CRC for member in opened.infolist()]


def _pieces(ffi: Any, opened: int) -> Iterator[bytes]:
    """The bytes of the member that stands next; the library's own way takes a warning for a number of them."""
    piece = ctypes.create_string_buffer(_PIECE_BYTES)
    while n_bytes := ffi.read_data(opened, piece, _PIECE_BYTES):
        if n_bytes < 0:
            raise ffi.archive_error(opened, n_bytes)
        yield piece.raw[:n_bytes]


def _checked(archive: Path, pieces: Iterable[bytes], expected: int | None) -> Iterator[bytes]:
    found = 0
    for piece in pieces:
        found = crc32(piece, found)
        yield piece
    if expected is not None and found != expected:
        raise _refused(archive, "a checksum does not fit")


def _octets(name: str | bytes | None) -> bytes:
    return name.encode("utf-8", "surrogatepass") if isinstance(name, str) else name or b""


def _text(words: str | bytes | None) -> str:
    return words.decode("ascii", "replace") if isinstance(words, bytes) else words or "no reason given"


def _refused(archive: Path, words: str) -> SourceError:
    if _ENCRYPTED.search(words):
        return protected(archive)
    if _SOLID.search(words):
        return refusal(
            archive,
            "is a solid archive of the old RAR format, which is not read; pack it as zip, 7z or RAR 5",
            "是旧版 RAR 固实压缩包，无法读取，请改用 zip、7z 或 RAR 5 打包",
        )
    return refusal(archive, f"is damaged, or packed in a way that is not read ({words})", "已损坏，或压缩方式不受支持")


def _part(archive: Path) -> SourceError:
    return refusal(
        archive,
        "is one volume of several, or cut short; pack it as one file",
        "是分卷压缩包中的一卷，或不完整，请打包为单个文件",
    )


def protected(archive: Path, name: str | None = None) -> SourceError:
    """The error of one that only a password opens, with the member that says so."""
    return refusal(archive, "is protected by a password" + (f" ('{name}')" if name else ""), "有密码保护")
