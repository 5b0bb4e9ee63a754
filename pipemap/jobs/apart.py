"""Work in a process begun afresh: imports and checks fork, which no process with threads may.

`python -m pipemap.jobs.apart` is that process: it is told on standard input what to do, and answers in one line.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

from pipemap.db import Database
from pipemap.errors import PipemapError, RejectedError
from pipemap.forked import end_with_parent

_LOOK_EVERY_S = 0.5
_ENDED = "The process at work on this was ended from outside; most likely the memory of the machine ran out."
_ENDED_ZH = "处理进程被系统终止，很可能是内存不足。"
_FAULT = "Something went wrong; the log of the service or its worker has it."
_FAULT_ZH = "出现内部错误，详见服务日志。"


class ApartError(RejectedError):
    """What went wrong in a process of its own, in its words."""


def check(url: str, changeset_id: int) -> None:
    """Check a changeset in a process of its own; ApartError when that fails."""
    done_apart("check", {"url": url, "changeset_id": changeset_id})


def done_apart(
    work: str, told: Mapping[str, Any], is_called_off: Callable[[], bool] = lambda: False, **environment: str
) -> dict[str, Any] | None:
    """Have work done and give its answer; None when it was called off. ApartError for what goes wrong in it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pipemap.jobs.apart"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        env=os.environ | environment,
    )
    question: bytes | None = json.dumps({"work": work, "parent": os.getpid(), **told}).encode()
    while True:
        try:
            said, _ = process.communicate(question, timeout=_LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            question = None
            if is_called_off():
                _end(process)
                return None
        except BaseException:
            _end(process)
            raise
        else:
            return _answer(said, process.returncode)


def _end(process: "subprocess.Popen[bytes]") -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _answer(said: bytes, code: int) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(said)
    except ValueError:
        # It went down over a fault of its own, which it wrote to the log, or was ended by a signal.
        words, words_zh = (_FAULT, _FAULT_ZH) if code >= 0 else (_ENDED, _ENDED_ZH)
        raise PipemapError(words, message_zh=words_zh) from None
    if "error" in answer:
        raise ApartError(answer["error"], **answer["details"])
    return answer


def main() -> None:
    """Do what standard input tells."""
    end_with_parent()
    told = json.load(sys.stdin)
    if os.getppid() != told.pop("parent"):
        # The one who asked was gone before this process could be told of it.
        sys.exit(1)
    # What libraries print is no answer.
    with closing(os.fdopen(os.dup(1), "w")) as saying:
        os.dup2(2, 1)
        try:
            answer = _WORK[told.pop("work")](**told)
        except PipemapError as error:
            answer = {"error": error.message, "details": {"message_zh": error.details.get("message_zh")}}
        json.dump(answer, saying)


def _check(url: str, changeset_id: int) -> dict[str, Any]:
    from pipemap.checks import run_checks

    with Database(url) as database:
        return {"findings": run_checks(database, changeset_id).total()}


def _bring_in(url: str, job_id: str, path: str) -> dict[str, Any]:
    from pipemap.jobs.bringing_in import bring_in

    with Database(url) as database:
        return {"changeset_id": bring_in(database, job_id, Path(path))}


_WORK: dict[str, Callable[..., dict[str, Any]]] = {"check": _check, "bring-in": _bring_in}

if __name__ == "__main__":
    main()
