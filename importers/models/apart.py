"""Readers that a hostile file may crash, stall or fill with memory, in a process of their own with limits.

Run as `python -m importers.models.apart MODULE FILE ANSWER LIMIT_S`: `MODULE.answer(path)` gives plain lists, dicts,
numbers and text, which come back as JSON; what it raises as `Refusal` comes back as a `SourceError`.
"""

import importlib
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

from importers.refusing import refusal
from pipemap.errors import SourceError

MEMORY_LIMIT_BYTES = 4 * 2**30

_BASE_LIMIT_S = 8
_LIMIT_S_PER_MIB = 4
# Waiting for a busy machine is no fault of the file: the clock may run this much longer than the processor.
_CLOCK_PER_CPU = 4
_OUTPUT_LIMIT_BYTES = 2**31
_CPU_EXCEEDED = -24
_REFUSED, _OUT_OF_MEMORY, _TOO_DEEP = 3, 4, 5


class Refusal(Exception):
    """What is wrong with the file, without its name, in English and Chinese."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.en, self.zh = en, zh


def demand_content(path: Path) -> None:
    """SourceError when the file is absent or empty."""
    if not path.is_file():
        raise refusal(path, "does not exist", "不存在")
    if path.stat().st_size == 0:
        raise refusal(path, "is empty; ask for it again", "是空文件，请重新提供")


def asked(module: str, path: Path) -> Any:
    """The answer of `module` about the file.

    Raises
    ------
    SourceError
        When the module refuses the file, breaks down over it, or needs more than `MEMORY_LIMIT_BYTES` or than
        8 seconds of processor time and 4 for every MiB of the file.
    """
    limit_s = _BASE_LIMIT_S + _LIMIT_S_PER_MIB * path.stat().st_size // 2**20
    # Some engines keep only a few hundred characters of a path: they get a short one.
    with tempfile.TemporaryDirectory(prefix="pipemap-apart-") as folder:
        given, answer, words = (Path(folder, name) for name in (f"file{path.suffix.lower()}", "answer", "words"))
        given.symlink_to(path.resolve())
        command = [sys.executable, "-m", "importers.models.apart", module, given.name, answer.name, str(limit_s)]
        with words.open("wb") as said:
            try:
                code = subprocess.run(
                    command, cwd=folder, stdout=subprocess.DEVNULL, stderr=said, timeout=limit_s * _CLOCK_PER_CPU
                ).returncode
            except subprocess.TimeoutExpired:
                code = _CPU_EXCEEDED
        if code not in (0, _REFUSED):
            raise _breakdown(path, code, words)
        found = orjson.loads(answer.read_bytes())
    if code == _REFUSED:
        raise refusal(path, found["en"], found["zh"])
    return found


def _breakdown(path: Path, code: int, words: Path) -> SourceError:
    if code == _CPU_EXCEEDED:
        return refusal(path, "keeps its reader busy without end; it is damaged", "使读取程序无法结束，文件已损坏")
    if code == _OUT_OF_MEMORY:
        limit = f"{MEMORY_LIMIT_BYTES // 2**30} GiB"
        return refusal(path, f"takes more than {limit} of memory to read", f"读取所需内存超过 {limit}")
    if code == _TOO_DEEP:
        return refusal(path, "is nested deeper than can be read; it is damaged", "嵌套过深，无法读取，文件已损坏")
    last = words.read_text("utf-8", "replace").strip().splitlines()[-1:] if code > 0 else []
    why = f" ({last[0][:200].rstrip('.')})" if last else ""
    return refusal(path, f"makes its reader break down{why}; it is damaged", f"使读取程序崩溃{why}，文件已损坏")


def main(module: str, file: str, answer_file: str, limit_s: int) -> int:
    """Answer from within the child process; the exit code says what the answer is."""
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_LIMIT_BYTES),
        (resource.RLIMIT_CPU, limit_s),
        (resource.RLIMIT_FSIZE, _OUTPUT_LIMIT_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value + 1 if limit == resource.RLIMIT_CPU else value))
    code = 0
    try:
        found = importlib.import_module(module).answer(Path(file))
    except Refusal as error:
        code, found = _REFUSED, {"en": error.en, "zh": error.zh}
    except MemoryError:
        return _OUT_OF_MEMORY
    except RecursionError:
        return _TOO_DEEP
    Path(answer_file).write_bytes(orjson.dumps(found, default=str))
    return code


if __name__ == "__main__":
    # The module refuses with the class of this name, not with the one of `__main__`.
    raise SystemExit(importlib.import_module("importers.models.apart").main(*sys.argv[1:4], int(sys.argv[4])))
