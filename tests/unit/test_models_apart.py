"""What a file does to its reader's own process ends in one sentence, and never with the program."""

from pathlib import Path

import pytest

from importers.models import apart
from pipemap.errors import SourceError

READERS = {
    "endless": "while True: pass",
    "greedy": "return bytearray(2**40)",
    "crashing": "import os; os.abort()",
    "failing": "raise KeyError('pipe 7')",
    "bottomless": "return answer(path)",
    "refusing": "from importers.models.apart import Refusal; raise Refusal('is of paper', '是纸质文件')",
    "sound": "return {'name': path.name, 'unknown': float('nan')}",
}


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, body in READERS.items():
        (tmp_path / f"{name}.py").write_text(f"def answer(path):\n    {body}\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(apart, "_BASE_LIMIT_S", 1)
    path = tmp_path / "模型.inp"
    path.write_text("x", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        ("endless", "busy without end"),
        ("greedy", "more than 4 GiB of memory"),
        ("crashing", "break down; it is damaged"),
        ("failing", "break down (KeyError: 'pipe 7')"),
        ("bottomless", "nested deeper than can be read"),
        ("refusing", "模型.inp is of paper."),
    ],
)
def test_every_way_to_fail_is_one_sentence_that_names_the_file(file: Path, reader: str, words: str) -> None:
    with pytest.raises(SourceError) as raised:
        apart.asked(reader, file)
    assert raised.value.message.startswith(file.name)
    assert words in raised.value.message
    assert "\n" not in raised.value.message


def test_an_answer_comes_back_plain(file: Path) -> None:
    assert apart.asked("sound", file) == {"name": "file.inp", "unknown": None}
