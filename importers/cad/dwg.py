"""DWG drawings, by whichever converter the machine has, in a child process with limits and a private folder."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fiona.errors import FionaError

from importers.cad.gdal_layers import write_dxf
from importers.cad.geometry import MALFORMED
from importers.refusing import refusal
from pipemap.forked import end_with_parent
from schemas.findings import Finding, Severity

TIMEOUT_S = 300
MAX_MEMORY_BYTES, MAX_FILE_BYTES = 4 * 2**30, 4 * 2**30
# With the byte behind its mark, at which GDAL stops looking for the words of its text formats: some name other files.
_R2000 = b"AC1015\x00"
# Releases by the mark at the beginning of a file.
_RELEASES = {b"AC1012": "R13", b"AC1014": "R14", b"AC1015": "2000", b"AC1018": "2004", b"AC1021": "2007",
             b"AC1024": "2010", b"AC1027": "2013", b"AC1032": "2018"}  # fmt: skip


@dataclass(frozen=True)
class Converter:
    """A program that turns DWG into DXF, how it is called, and what it leaves behind.

    `finish` makes the DXF of what the program wrote, where that is something else.
    """

    program: str
    arguments: Callable[[Path, Path], Sequence[str]]
    loses_en: str = ""
    loses_zh: str = ""
    only_r2000: bool = False
    suffix: str = ".dxf"
    finish: Callable[[Path, Path], None] | None = None


# The most faithful first. The ODA converter works on folders: everything in one, into another.
CONVERTERS = (
    Converter(
        "ODAFileConverter",
        lambda source, target: [str(source.parent), str(target.parent), "ACAD2018", "DXF", "0", "1", source.name],
    ),
    Converter("dwg2dxf", lambda source, target: ["-y", "-o", str(target), str(source)]),
    Converter(
        "ezdwg",
        lambda source, target: ["convert", str(source), str(target)],
        "extended data and attributes of blocks may be lost",
        "扩展数据和块属性可能丢失",
    ),
    Converter(
        "ogr2ogr",
        lambda source, target: ["-f", "GPKG", "-nlt", "CONVERT_TO_LINEAR", str(target), str(source)],
        "only layers, lines, points and texts were kept; blocks, extended data and the size of texts are lost",
        "仅保留图层、线、点和文字，块、扩展数据和文字大小丢失",
        only_r2000=True,
        suffix=".gpkg",
        finish=write_dxf,
    ),
)


@contextmanager
def converted(path: Path) -> Iterator[tuple[Path, Finding]]:
    """The drawing as DXF for as long as it is read, and what to say of the conversion.

    Raises
    ------
    SourceError
        When the machine has no converter for it, or none succeeds: how to go on.
    """
    with path.open("rb") as file:
        first = file.read(len(_R2000))
    fitting = [(c, program) for c in CONVERTERS if (not c.only_r2000 or first == _R2000) and (program := _found(c))]
    if not fitting:
        raise _without_converter(path, first[:6])
    with tempfile.TemporaryDirectory(prefix="pipemap-dwg-") as folder:
        for converter, program in fitting:
            made = _made(path, Path(folder, converter.program), converter, program)
            if made is not None:
                yield made, _note(path, converter)
                return
    names = ", ".join(converter.program for converter, _ in fitting)
    raise refusal(
        path,
        f"is a DWG drawing that could not be converted by {names}; save it as DXF and deliver that",
        f"是 DWG 图形，{names} 无法转换，请另存为 DXF 后提供",
    )


def _found(converter: Converter) -> str | None:
    beside = str(Path(sys.executable).parent)
    return shutil.which(converter.program) or shutil.which(converter.program, path=beside)


def _made(path: Path, folder: Path, converter: Converter, program: str) -> Path | None:
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    source, target = folder / "in" / "drawing.dwg", folder / "out" / f"drawing{converter.suffix}"
    shutil.copyfile(path, source)
    if not _run([program, *converter.arguments(source, target)], folder) or not target.is_file():
        return None
    made = target.with_suffix(".dxf")
    if converter.finish is not None:
        try:
            converter.finish(target, made)
        except (FionaError, OSError, *MALFORMED):
            return None
    return made if made.stat().st_size > 0 else None


def _run(command: Sequence[str], folder: Path) -> bool:
    """Run a program that hostile files may break: no terminal, little memory, an end; whether it ended well."""
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment |= {"HOME": str(folder), "TMPDIR": str(folder), "QT_QPA_PLATFORM": "offscreen"}
    # GDAL turns arcs into chords of this many degrees.
    environment["OGR_ARC_STEPSIZE"] = "1"
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=end_with_parent,
    ) as child:  # fmt: skip
        try:
            resource.prlimit(child.pid, resource.RLIMIT_DATA, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
            resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (MAX_FILE_BYTES, MAX_FILE_BYTES))
            return child.wait(TIMEOUT_S) == 0
        except ProcessLookupError:
            return child.wait() == 0
        except BaseException as error:
            os.killpg(child.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                return False
            raise


def _note(path: Path, converter: Converter) -> Finding:
    lost_en = f"; {converter.loses_en}" if converter.loses_en else ""
    lost_zh = f"，{converter.loses_zh}" if converter.loses_zh else ""
    return Finding(
        rule="IMP-DWG",
        severity=Severity.WARNING if converter.loses_en else Severity.INFO,
        message_en=f"The DWG drawing was converted by {converter.program}{lost_en}.",
        message_zh=f"DWG 图形已由 {converter.program} 转换{lost_zh}。",
        file=path.name,
        value=converter.program,
    )


def _without_converter(path: Path, release: bytes) -> Exception:
    name = _RELEASES.get(release, release.decode("ascii", "replace"))
    return refusal(
        path,
        f"is a DWG drawing ({name}) and this machine has no converter for it; save it as DXF and deliver that, or "
        "install LibreDWG (dwg2dxf) or the ODA File Converter, or ezdwg by `pip install 'ezdwg[dxf]'`",
        f"是 DWG 图形（{name}），本机没有转换程序；请另存为 DXF 后提供，"
        "或安装 LibreDWG（dwg2dxf）、ODA File Converter，或 `pip install 'ezdwg[dxf]'`",
    )
