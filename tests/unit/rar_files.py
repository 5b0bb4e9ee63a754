"""RAR archives of both formats, by their published layout, with nothing compressed: no free program writes one."""

import struct
from pathlib import Path
from zlib import crc32

VOLUME_4, ENCRYPTED_HEADERS_4, ENCRYPTED_4 = 0x0001, 0x0080, 0x0004
VOLUME_5 = 0x0001
_UNIX_4, _UNIX_5, _FILE = 3, 1, 0o100644


def write_rar4(
    path: Path, members: dict[bytes, bytes], archive_flags: int = 0, file_flags: int = 0, mode: int = _FILE
) -> Path:
    """Names are written as they are: no mark says in which encoding."""
    blocks = [b"Rar!\x1a\x07\x00", _block_4(0x73, archive_flags, bytes(6))]
    for name, content in members.items():
        size = len(content)
        head = struct.pack("<IIBIIBBHI", size, size, _UNIX_4, crc32(content), 0, 20, 0x30, len(name), mode)
        blocks += [_block_4(0x74, 0x8000 | file_flags, head + name), content]
    path.write_bytes(b"".join([*blocks, _block_4(0x7B, 0x4000, b"")]))
    return path


def write_rar5(
    path: Path, members: dict[str, bytes], archive_flags: int = 0, file_extra: bytes = b"", mode: int = _FILE
) -> Path:
    blocks = [b"Rar!\x1a\x07\x01\x00", _block_5(_number(1), _number(0), _number(archive_flags))]
    for name, content in members.items():
        octets, extra = name.encode(), [_number(len(file_extra))] if file_extra else []
        blocks.append(
            _block_5(
                *(_number(2), _number(0x03 if file_extra else 0x02), *extra, _number(len(content))),
                *(_number(0x04), _number(len(content)), _number(mode), struct.pack("<I", crc32(content))),
                *(_number(0), _number(_UNIX_5), _number(len(octets)), octets, file_extra),
            )
        )
        blocks.append(content)
    path.write_bytes(b"".join([*blocks, _block_5(_number(5), _number(0), _number(0))]))
    return path


def write_encrypted_headers_5(path: Path) -> None:
    """An archive of which even the names are encrypted."""
    head = _block_5(_number(4), _number(0), _number(0), _number(0), b"\x0f", bytes(16))
    path.write_bytes(b"Rar!\x1a\x07\x01\x00" + head + bytes(64))


def encryption_5() -> bytes:
    """What says of a file in RAR5 that it is encrypted."""
    return _record(_number(1), _number(0), _number(0), b"\x0f", bytes(32))


def link_5(target: str, kind: int = 1) -> bytes:
    """What makes a file in RAR5 a symbolic link (1), or one file under a second name (4)."""
    return _record(_number(5), _number(kind), _number(0), _number(len(target)), target.encode())


def _block_4(kind: int, flags: int, rest: bytes) -> bytes:
    head = struct.pack("<BHH", kind, flags, 7 + len(rest)) + rest
    return struct.pack("<H", crc32(head) & 0xFFFF) + head


def _block_5(*parts: bytes) -> bytes:
    head = _record(*parts)
    return struct.pack("<I", crc32(head)) + head


def _record(*parts: bytes) -> bytes:
    content = b"".join(parts)
    return _number(len(content)) + content


def _number(value: int) -> bytes:
    octets = bytearray()
    while value > 0x7F:
        octets.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes([*octets, value])
