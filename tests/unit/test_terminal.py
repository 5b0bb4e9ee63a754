"""Tables as a person at a terminal and a program behind a pipe get them."""

import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Sequence

from rich.cells import cell_len

TITLE = "给水 limits"
SENTENCE = "燃气中压管线与给水管线的垂直净距不足，须将其中之一抬高或降低后方可敷设"
ROWS = [["DB-1", 0.12, SENTENCE], ["DB-2", None, "[red]never\x1b[31m red"]]
PRINTED = f"from pipemap.terminal import emit_table; emit_table({TITLE!r}, ['规则', 'measured m', 'why'], {ROWS!r})"
COMMAND = [sys.executable, "-c", PRINTED]


def _on_a_terminal(columns: int) -> list[str]:
    """What a real terminal of so many columns is sent, line by line, without styles."""
    screen, keyboard = pty.openpty()
    termios.tcsetwinsize(keyboard, (24, columns))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    environment["TERM"] = "xterm"
    with subprocess.Popen(COMMAND, stdin=keyboard, stdout=keyboard, env=environment) as running:
        os.close(keyboard)
        sent = b"".join(_read(screen))
    assert running.returncode == 0
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in sent.decode().splitlines()]


def _read(screen: int) -> Sequence[bytes]:
    parts = []
    while True:
        try:
            parts.append(os.read(screen, 4096))
        except OSError:  # how Linux says that the other side is closed
            return parts


def _piped() -> list[str]:
    environment = os.environ | {"COLUMNS": "40"}
    return subprocess.run(COMMAND, capture_output=True, text=True, check=True, env=environment).stdout.splitlines()


def test_a_pipe_gets_each_row_on_one_line_however_long() -> None:
    lines = _piped()
    assert lines[0] == TITLE
    assert [line for line in lines if "DB-1" in line and "0.12" in line and SENTENCE in line]


def test_a_terminal_that_is_wide_enough_gets_the_table() -> None:
    assert _on_a_terminal(120) == _piped()


def test_a_narrow_terminal_gets_one_record_of_a_row_after_the_other() -> None:
    lines = _on_a_terminal(50)
    assert lines[0] == TITLE
    assert max(map(cell_len, lines)) <= 50
    assert [line.split() for line in lines if line.startswith("规则")] == [["规则", "DB-1"], ["规则", "DB-2"]]
    assert [line.split() for line in lines if "measured" in line] == [["measured", "m", "0.12"], ["measured", "m"]]
    assert SENTENCE in "".join(line.removeprefix("why").strip() for line in lines)


def test_a_value_is_shown_as_it_is_and_commands_nothing() -> None:
    for lines in (_piped(), _on_a_terminal(120), _on_a_terminal(50)):
        assert [line for line in lines if "[red]never\N{REPLACEMENT CHARACTER}[31m red" in line]
