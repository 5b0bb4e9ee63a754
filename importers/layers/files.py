"""What GDAL is given of a delivered layer file, and how its faults are told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pyproj import CRS
from pyproj.exceptions import CRSError

from importers.refusing import refusal
from pipemap.errors import SourceError

# Where in its own source GDAL stumbled is nobody's business here.
_GDAL_SOURCE = re.compile(r"Error occurred in \S+ at line \d+")


@dataclass(frozen=True)
class LayerFile:
    """A file that holds what its name says.

    `path` is the delivered file, `place` the file or link that GDAL opens in its stead, and `prefix`
    what stands before it to pin the driver; with one, or where `is_proven` says so, no further proof of
    the format is needed. `declared_rows` is given where GDAL would not tell of rows that it leaves out.
    Of one that `is_cut_short` the server that answered has more features.
    `lost_rows` have a geometry and no attributes or the other way round, `deleted_rows` are marked so,
    `bad_lines` hold nothing that can be read. `leaves_layers` are layers that say nothing which others do not,
    `repeats_layers` views that show the rows of another layer once more, by name with that layer.
    `crs_unless_said` is the system that the format's standard gives a file that names none.
    """

    path: Path
    driver: str
    place: Path
    prefix: str = ""
    encoding: str | None = None
    guessed_encoding: str | None = None
    is_proven: bool = False
    lacks_attributes: bool = False
    is_cut_short: bool = False
    declared_rows: int | None = None
    lost_rows: int = 0
    deleted_rows: int = 0
    bad_lines: tuple[int, ...] = ()
    leaves_layers: frozenset[str] = frozenset()
    repeats_layers: Mapping[str, str] = field(default_factory=dict)
    crs_unless_said: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def source(self) -> str:
        """What GDAL is given: an absolute path, behind the prefix that pins the driver."""
        return f"{self.prefix}{self.place}"


def damage(file: LayerFile, error: Exception) -> SourceError:
    """The refusal of a file in which GDAL or fiona stumbled; no folder of ours is named."""
    words = _GDAL_SOURCE.sub("", " ".join(str(error).split()))
    for folder in (file.place.parent, file.path.parent):
        words = words.replace(f"{folder}/", "")
    words = words.strip(" ;.") or "no reason given"
    prj = companion(file.path, ".prj")
    if prj is not None and not _is_crs(prj.read_text("utf-8", "replace")):
        return refusal(
            file.path,
            f"comes with a damaged {prj.name} ({words}); ask for it again, or take it away and name the CRS",
            f"所附 {prj.name} 已损坏，请重新提供，或移除后指定坐标系",
        )
    return SourceError(
        f"{file.path.name} cannot be read as {file.driver}, it is damaged or something else ({words}).",
        message_zh=f"{file.path.name} 无法按 {file.driver} 读取：文件已损坏或并非该格式。",
    )


def head(path: Path, n_bytes: int) -> bytes:
    """The first bytes of a file; SourceError for a folder."""
    if not path.is_file():
        raise refusal(path, "is a folder, not a file", "是文件夹而不是文件")
    with path.open("rb") as file:
        return file.read(n_bytes)


def companion(path: Path, suffix: str) -> Path | None:
    """The file beside it with another suffix, in whatever case its name is written."""
    wanted = path.with_suffix(suffix).name.lower()
    return next((entry for entry in sorted(path.parent.iterdir()) if entry.name.lower() == wanted), None)


def companions(path: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """The files beside it with these suffixes."""
    found = {suffix: companion(path, suffix) for suffix in suffixes}
    return {suffix: other for suffix, other in found.items() if other is not None}


def linked(scratch: Path, stem: str, parts: Mapping[str, Path]) -> Path:
    """Links to the parts of one file in a folder of their own, named alike; the first one's path."""
    for suffix, part in parts.items():
        (scratch / f"{stem}{suffix}").symlink_to(part)
    return scratch / f"{stem}{next(iter(parts))}"


def _is_crs(wkt: str) -> bool:
    try:
        CRS.from_wkt(wkt)
    except CRSError:
        return False
    return True
