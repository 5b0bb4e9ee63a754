"""Files that are no whole drawing: refused with a sentence, or repaired with an account of what was lost."""

import logging
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ezdxf import recover

from importers.cad.geometry import MALFORMED
from importers.cad.groups import BINARY_MARK
from importers.refusing import refusal

_TAIL_BYTES = 64
_DWG_MARK = b"AC10"
# A repair takes about a second a megabyte; beyond this it is quicker to ask for the drawing again.
_MAX_REPAIR_BYTES = 8 * 2**20
_ENTITY = re.compile(rb"^[ \t]*0[ \t]*\r?\n([A-Z][A-Z0-9_]*)[ \t]*\r?$", re.MULTILINE)
_PARTS = (b"VERTEX", b"ATTRIB", b"SEQEND", b"ENDSEC")

# ezdxf tells in its log how it repaired a drawing, which is nothing to act on.
logging.getLogger("ezdxf").setLevel(logging.CRITICAL)


def is_dwg(path: Path) -> bool:
    """Whether a file is a DWG drawing, whatever its name."""
    with path.open("rb") as file:
        return file.read(len(_DWG_MARK)) == _DWG_MARK


def demand_whole(path: Path) -> None:
    """Refuse what is absent, empty, no DXF or cut off.

    Raises
    ------
    SourceError
        With one sentence that says which.
    """
    if not path.is_file():
        raise refusal(path, "does not exist", "不存在")
    with path.open("rb") as file:
        head = file.read(_TAIL_BYTES)
        file.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        tail = file.read()
    if not head.strip():
        raise refusal(path, "is empty; ask for the drawing again", "是空文件，请重新提供")
    begins_well = b"SECTION" in head or head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"999", b"0"))
    if not head.startswith(BINARY_MARK) and not begins_well:
        raise refusal(path, "is not a DXF drawing, whatever its name says", "不是 DXF 图形")
    if b"EOF" not in tail:
        raise refusal(path, "is cut off: the end of the drawing is missing; ask for it again", "不完整，请重新提供")


@contextmanager
def repaired(path: Path, why: Exception) -> Iterator[Path]:
    """A repaired copy of a damaged drawing, for as long as it is read.

    Raises
    ------
    SourceError
        When nothing can be made of it.
    """
    damaged = refusal(path, f"is a damaged DXF drawing ({why})", "DXF 图形已损坏")
    with path.open("rb") as file:
        is_binary = file.read(len(BINARY_MARK)) == BINARY_MARK
    if is_binary or path.stat().st_size > _MAX_REPAIR_BYTES:
        raise damaged from why
    with tempfile.TemporaryDirectory(prefix="pipemap-drawing-") as folder:
        copy = Path(folder, path.name)
        try:
            # Loads whatever looks like a tag and leaves out what does not.
            document, _ = recover.explore(path, errors="surrogateescape")
            document.saveas(copy, fmt="asc")
        except (*MALFORMED, OSError) as error:
            raise damaged from error
        yield copy


def n_entities_begun(path: Path) -> int:
    """How many entities begin in the entities section of an ASCII drawing, readable or not."""
    data = path.read_bytes()
    start = data.find(b"ENTITIES")
    stop = data.find(b"ENDSEC", start)
    if start < 0:
        return 0
    found = _ENTITY.findall(data[start : stop if stop > 0 else len(data)])
    return sum(kind not in _PARTS for kind in found)
