"""The fuzzer of the readers damages alike for one number, and sees a crash, a stall, lost rows and too much memory."""

import mmap
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from bench.damaged import fates
from bench.damaged.fates import fate
from bench.damaged.mutations import damaged
from bench.damaged.workers import Worker
from importers.delivery import read_delivery
from pipemap.errors import SourceError
from schemas.delivery import Delivery

TABLE = "物探点号,管线类型,特征,X,Y,地面高程\n" + "".join(f"P{n},JS,弯头,2494000,{492000 + n},10\n" for n in range(9))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "点.csv"
    path.write_text(TABLE, encoding="utf-8")
    return path


def test_a_number_stands_for_the_same_damage_every_time() -> None:
    parts = {"a.shp": bytes(range(256)) * 9, "a.dbf": b"abc" * 99, "a.csv": TABLE.encode()}
    runs = [[damaged(parts, random.Random(f"1 {number}")) for number in range(60)] for _ in range(2)]
    assert runs[0] == runs[1]
    assert all(set(harmed) == set(parts) for harmed, _ in runs[0])
    assert sum(harmed != parts for harmed, _ in runs[0]) > 50


def _crash(*_: Any, **__: Any) -> Delivery:
    raise ZeroDivisionError


def _stall(*_: Any, **__: Any) -> Delivery:
    time.sleep(60)
    raise AssertionError


def _fill(*_: Any, **__: Any) -> Delivery:
    raise MemoryError


def _refuse(*_: Any, **__: Any) -> Delivery:
    raise SourceError("a.csv is damaged.", message_zh="a.csv 已损坏。")


def _lose(*arguments: Any, **options: Any) -> Delivery:
    delivery = read_delivery(*arguments, **options)
    delivery.counts[0].rows += 1
    return delivery


@pytest.mark.parametrize(
    ("reading", "ended"),
    [
        (read_delivery, "loaded"),
        (_refuse, "refused"),
        (_crash, "CRASHED"),
        (_stall, "HUNG"),
        (_fill, "MEMORY"),
        (_lose, "LOST ROWS"),
    ],
)
def test_every_fate_is_told_from_the_others(
    table: Path, monkeypatch: pytest.MonkeyPatch, reading: Any, ended: str
) -> None:
    monkeypatch.setattr(fates, "read_delivery", reading)
    monkeypatch.setattr(fates, "CLOCK_LIMIT_S", 1 if reading is _stall else 60)
    found = fate(table, {"srid": 4547})
    assert found.ended == ended
    assert ended != "CRASHED" or "ZeroDivisionError" in found.words


def test_a_model_whose_engine_writes_where_it_is_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "两管.inp"
    path.write_text(
        "[JUNCTIONS]\n A 1\n B 1\n[RESERVOIRS]\n R 9\n[PIPES]\n P A B 300 300 100\n Q B R 300 300 100\n"
        "[COORDINATES]\n A 500000 2500000\n B 500300 2500000\n R 500600 2500000\n[OPTIONS]\n Units LPS\n",
        encoding="utf-8",
    )
    assert fate(path, {"srid": 4547, "default_class": "water"}).ended == "loaded"
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_process_that_reads_many_files_tells_the_same_fates_and_survives_its_end(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def by_name(paths: list[Path], **options: Any) -> Delivery:
        if paths[0].name == "ends.csv":
            os.kill(os.getpid(), signal.SIGKILL)
        return (_lose if paths[0].name == "loses.csv" else read_delivery)(paths, **options)

    monkeypatch.setattr(fates, "read_delivery", by_name)
    names = ["good.csv", "loses.csv", "good.csv", "ends.csv", "bad.xlsx", "good.csv"]
    worker = Worker()
    found = []
    for name in names:
        path = table.with_name(name)
        path.write_bytes(table.read_bytes())
        found.append(worker.fate(path, {"srid": 4547}).ended)
    worker.end()
    assert found == ["loaded", "LOST ROWS", "loaded", "CRASHED", "refused", "loaded"]
    assert worker.alone == 2


def test_a_reading_is_judged_by_what_it_takes_itself_however_large_the_process_it_comes_from(table: Path) -> None:
    with mmap.mmap(-1, 5 * 2**30), mmap.mmap(-1, 2**28) as filled:
        filled.write(b"x" * 2**28)
        worker = Worker()
        found = [reading(table, {"srid": 4547}) for reading in (fate, worker.fate)]
        worker.end()
    assert [each.ended for each in found] == ["loaded", "loaded"]
    assert worker.alone == 0
    assert max(each.peak_mib for each in found) < 2**8
