"""A finished package: its manifest with checksums, the licence in words, and the zip they go into."""

import hashlib
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

_TERMS = {
    "en": "For the stated purpose only, until the stated day; not to be passed on. Verify on site before digging.",
    "zh": "仅限所述用途，至所述日期为止，不得转交他人；开挖前须现场核实。",
}
_LICENCE = """\
{made_by}, version 版本 {version}, {made_at}

Agency 使用单位: {agency}
Agreement 协议: {agreement_id}
Purpose 用途: {purpose}
Expires 有效期至: {expires_at}

{en}
{zh}
"""
# What compresses itself already.
_STORED = {".parquet", ".xlsx"}


def describe(facts: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The manifest of what lies in a folder, with each file's checksum; writes the licence beside them."""
    manifest = facts | {"made_at": datetime.now(UTC).isoformat(timespec="seconds"), "terms": _TERMS}
    words = {name: "-" if value is None else value for name, value in manifest.items()}
    (folder / "LICENCE.txt").write_text(_LICENCE.format(**words, **_TERMS), encoding="utf-8")
    return manifest | {"files": [_described(path, folder) for path in _files(folder)]}


def pack(folder: Path, target: Path, manifest: dict[str, Any]) -> None:
    """Write everything in a folder and the manifest into a zip."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for path in _files(folder):
            how = zipfile.ZIP_STORED if path.suffix in _STORED else zipfile.ZIP_DEFLATED
            archive.write(path, path.relative_to(folder), how)
        archive.writestr("manifest.json", orjson.dumps(manifest, option=orjson.OPT_INDENT_2))


def checksum(path: Path) -> str:
    """SHA-256 of a file in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _described(path: Path, folder: Path) -> dict[str, Any]:
    return {"name": path.relative_to(folder).as_posix(), "bytes": path.stat().st_size, "sha256": checksum(path)}
