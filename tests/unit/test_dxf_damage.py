"""Damaged drawings: repaired with an account of what was lost, refused with a sentence, never a crash or a gap."""

import random
from collections.abc import Callable
from pathlib import Path

import ezdxf
import pytest
from ezdxf.document import Drawing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.delivery import read_delivery
from pipemap.errors import SourceError
from schemas.findings import Severity
from tests.unit.drawings import Read, at, drawn, label, tagged

N_PIPES = 40


def rich(drawing: Drawing) -> None:
    """Something of everything: data, blocks, texts, curves, pasted blocks, spot heights, paper space."""
    space = drawing.modelspace()
    street = drawing.blocks.new("A$C0001")
    tagged(street.add_line((0, 0), (10, 0), {"layer": "JSLINE"}), "A", "管径:300")
    drawing.blocks.new("GC200")
    valve = drawing.blocks.new("VALVE")
    valve.add_attdef("CODE", (0, 0))
    for number in range(N_PIPES):
        line = space.add_line(at(number * 30), at(number * 30 + 30), {"layer": "JSLINE"})
        tagged(line, "survey", f"起点点号:J{number}", f"终点点号:J{number + 1}", "材质:铸铁", "起点埋深:1.2")
        tagged(space.add_point(at(number * 30, 0, 5), {"layer": "JSPOINT"}), "survey", f"点号:J{number}", 1.5, 7)
        label(space, "DN300 铸铁 1.20", at(number * 30 + 9, 0.4), "JS注记")
    bulged = [(*at(0, 9)[:2], 0.4), (*at(9, 9)[:2], 0), (*at(20, 9)[:2], 0)]
    space.add_polyline2d(bulged, format="xyb", dxfattribs={"layer": "WS"})
    space.add_polyline3d([at(0, 20, 1), at(9, 20, 2), at(20, 20, 2)], dxfattribs={"layer": "WS"})
    space.add_circle(at(20, 20), 0.4, {"layer": "WS"})
    space.add_arc(at(0, 40), 10, 0, 90, dxfattribs={"layer": "WS"})
    space.add_blockref("A$C0001", at(0, 60), {"rotation": 30})
    space.add_blockref("GC200", at(5, 5, 4.5), {"layer": "GCD"})
    space.add_blockref("VALVE", at(0, 9), {"layer": "WS"}).add_attrib("CODE", "V1", at(0, 9))
    if drawing.dxfversion > "AC1009":
        space.add_mtext("J1\\P{\\H2x;给 DN200}", {"insert": at(0, 21), "layer": "WS注记"})
        space.add_lwpolyline(bulged, format="xyb", dxfattribs={"layer": "YS"})
        space.add_spline([at(0, 50), at(9, 55), at(20, 50)], dxfattribs={"layer": "WS"})
        space.add_line(at(0, 70), at(9, 70), {"layer": "WS"}).new_extension_dict().add_xrecord("X").reset(
            [(1, "管径:1")]
        )
    drawing.layout("Layout1").add_line((0, 0), (1, 1))


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("dxf")
    forms = {"R12": "asc", "R2000": "asc", "R2010": "asc", "R2018": "bin"}
    return {
        version: drawn(folder / f"{version}.dxf", rich, version, form).read_bytes() for version, form in forms.items()
    }


def test_a_tag_out_of_step_costs_what_stands_there_and_is_told(tmp_path: Path, originals: dict[str, bytes]) -> None:
    path = tmp_path / "a.dxf"
    whole = originals["R2010"]
    path.write_bytes(whole)
    n_whole = Read(path).n_entities
    places = [whole.index(b"ENTITIES") + 4000, whole.index(b"ENTITIES") + 9000]
    broken = whole
    for place in reversed(places):
        start = broken.index(b"\n", place) + 1
        broken = broken[:start] + b"no code\n" + broken[start:]
    path.write_bytes(broken)
    read = Read(path)
    [told] = read.findings("IMP-DAMAGED")
    assert told.severity == Severity.ERROR
    assert "Ask for the drawing again" in told.message_en
    assert told.message_zh.startswith("图形已损坏")
    assert n_whole - 8 <= read.n_entities <= n_whole


def test_a_number_that_is_none_costs_one_row_at_most(tmp_path: Path, originals: dict[str, bytes]) -> None:
    path = tmp_path / "a.dxf"
    whole = originals["R2010"]
    place = whole.index(b"\n 10\n", whole.index(b"CIRCLE", whole.index(b"ENTITIES"))) + 5
    counts = []
    for data in (whole, whole[:place] + b"x" + whole[place:]):
        path.write_bytes(data)
        delivery = read_delivery([path], srid=4547)
        counts.append(
            [sum(getattr(count, name) for count in delivery.counts) for name in ("rows", "loaded", "refused")]
        )
    assert counts[1] == [counts[0][0], counts[0][1] - 1, counts[0][2] + 1]


def test_a_file_beyond_repair(tmp_path: Path) -> None:
    path = tmp_path / "a.dxf"
    path.write_bytes(b"0\nSECTION\n2\nENTITIES\nrubbish\n" * 50 + b"0\nEOF\n")
    with pytest.raises(SourceError, match=r"a\.dxf is a damaged DXF drawing \(line"):
        Read(path)


def test_windows_and_old_macintosh_line_ends_and_byte_order_marks(tmp_path: Path, originals: dict[str, bytes]) -> None:
    path = tmp_path / "a.dxf"
    counts = set()
    for change in (
        lambda data: data,
        lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        lambda data: data.replace(b"\r\n", b"\n").replace(b"\n", b"\r"),
        lambda data: b"\xef\xbb\xbf" + data,
        lambda data: data.replace(b"ENTITIES\n", b"ENTITIES\n999\na comment\n"),
    ):
        path.write_bytes(change(originals["R2010"]))
        counts.add((Read(path).n_entities, len(read_delivery([path], srid=4547).segments)))
    assert len(counts) == 1


def test_files_larger_than_a_part_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = drawn(tmp_path / "a.dxf", rich)
    expected = Read(path).n_entities
    for size in (7, 64, 1000, 4099):
        monkeypatch.setattr("importers.cad.groups._BLOCK_BYTES", size)
        assert Read(path).n_entities == expected


def accounted(path: Path) -> None:
    """Read a drawing that may be damaged: a sentence, or rows that are each there once."""
    try:
        read = Read(path)
    except SourceError as error:
        assert error.message.startswith(path.name)
        assert "\n" not in error.message
        return
    for sheet in {table.sheet for table in read.all}:
        rows = [row for table in read.all if table.sheet == sheet for row in table.rows.index]
        assert len(set(rows)) == len(rows)


Edit = Callable[[bytearray, random.Random], None]


def _flip(data: bytearray, chance: random.Random) -> None:
    data[chance.randrange(len(data))] = chance.randrange(256)


def _drop(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    del data[place : place + chance.choice([1, 2, 40])]


def _insert(data: bytearray, chance: random.Random) -> None:
    place = chance.randrange(len(data))
    data[place:place] = chance.randbytes(chance.choice([1, 4, 30]))


def _repeat(data: bytearray, chance: random.Random) -> None:
    start, place = chance.randrange(len(data)), chance.randrange(len(data))
    data[place:place] = data[start : start + chance.choice([10, 100, 1000])]


@pytest.mark.parametrize("version", ["R12", "R2000", "R2010", "R2018"])
@given(seed=st.integers(0, 2**32), n_edits=st.sampled_from([1, 2, 5, 40]), in_entities=st.booleans())
@settings(max_examples=25, deadline=60_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_mutated_drawings_are_refused_or_accounted_for(
    originals: dict[str, bytes], tmp_path: Path, version: str, seed: int, n_edits: int, in_entities: bool
) -> None:
    chance = random.Random(seed)
    whole = originals[version]
    start = whole.index(b"ENTITIES") if in_entities else 0
    data = bytearray(whole[start:])
    for _ in range(n_edits):
        chance.choice([_flip, _drop, _insert, _repeat])(data, chance)
    path = tmp_path / "a.dxf"
    path.write_bytes(whole[:start] + data)
    accounted(path)


@pytest.mark.parametrize("far", [1e200, 1e12])
def test_a_curve_to_nowhere_is_told_and_takes_no_time(tmp_path: Path, far: float) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        space.add_lwpolyline([(*at(0, 9)[:2], 0.4), (far, 9, 0)], format="xyb", dxfattribs={"layer": "YS"})
        space.add_line(at(0), at(30), {"layer": "JSLINE"})

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    assert len(delivery.segments) == 1
    assert any("YS" in f"{found.sheet} {found.value} {found.message_en}" for found in delivery.findings)


@pytest.mark.parametrize("version", ["R12", "R2000", "R2010", "R2018"])
def test_the_originals_are_whole(originals: dict[str, bytes], tmp_path: Path, version: str) -> None:
    path = tmp_path / "a.dxf"
    path.write_bytes(originals[version])
    read = Read(path)
    n_inside = 1
    assert read.n_entities == len(ezdxf.readfile(path).modelspace()) + n_inside
    assert not read.findings("IMP-DAMAGED")
    assert len(read["JSLINE", "segment"].rows) == N_PIPES + n_inside
