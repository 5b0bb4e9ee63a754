"""MicroStation design files (DGN, version 7) through GDAL: lines, points and texts by level, as a DXF drawing."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fiona.errors import FionaError

from importers.cad.gdal_layers import write_dxf
from importers.cad.geometry import MALFORMED
from importers.refusing import refusal
from schemas.findings import Finding, Severity

# The first element of a design file, of a cell library, and of a file in three dimensions; version 8 is a container.
_MARKS = (b"\x08\x09", b"\x08\x05", b"\xc8\x09", b"\xc8\x05")
_CONTAINER = b"\xd0\xcf\x11\xe0"


def is_dgn(path: Path) -> bool:
    """Whether a file is called a design file, or begins like one."""
    with path.open("rb") as file:
        return path.suffix.lower() == ".dgn" or file.read(2) in _MARKS


@contextmanager
def converted(path: Path) -> Iterator[tuple[Path, Finding]]:
    """The design file as DXF for as long as it is read, and what to say of the conversion.

    Raises
    ------
    SourceError
        When the file is of version 8, or none that GDAL can read.
    """
    with path.open("rb") as file:
        first = file.read(len(_CONTAINER))
    if first == _CONTAINER:
        raise refusal(
            path, "is a DGN drawing of version 8; save it as DXF or as DGN V7 and deliver that",
            "是 DGN V8 图形，请另存为 DXF 或 DGN V7 后提供",
        )  # fmt: skip
    if first[:2] not in _MARKS:
        raise refusal(path, "is not a DGN drawing, whatever its name says", "不是 DGN 图形")
    with tempfile.TemporaryDirectory(prefix="pipemap-dgn-") as folder:
        made = Path(folder, "drawing.dxf")
        try:
            write_dxf(path.resolve(), made, driver="DGN")
        except (FionaError, OSError, *MALFORMED) as error:
            raise refusal(path, "is a damaged DGN drawing; ask for it again", "DGN 图形已损坏，请重新提供") from error
        yield made, _note(path)


def _note(path: Path) -> Finding:
    return Finding(
        rule="IMP-DGN",
        severity=Severity.INFO,
        message_en="Of the DGN drawing levels, lines, points and texts were read; cells came apart into their lines.",
        message_zh="已读取 DGN 图形的图层、线、点和文字；单元已分解为线。",
        file=path.name,
    )
