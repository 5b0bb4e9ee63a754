"""Packed deliveries: what is inside comes out, what reaches outside is refused by name."""

import base64
import os
import random
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import libarchive
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers import archive
from importers.archive import unpacked
from pipemap.errors import SourceError
from tests.unit import rar_files
from tests.unit.rar_files import write_rar4, write_rar5

# One file in it, encrypted, as 7-Zip does it.
ENCRYPTED_7Z = base64.b64decode(
    "N3q8ryccAASKFKuhfQAAAAAAAAAUAAAAAAAAAIZK20mx6/8jFXXd1tVohWlpGa4OAQBoAQQGAAEJEAoBs4BldAAHCwEAAiQG8QcBElMPchI/EG0H"
    "g7lUt+XcfS2doQEAAQAMAwMACAoBm2wOKwAABQEZBAAAAAARDQBhAC4AYwBzAHYAAAAUCgEAgIIbIxd+3QEVBgEAIICAgQAAABcGEAEJbQAHCwEA"
    "ASEhARgMaQAA"
)


def make_zip(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return path


def make_7z(path: Path, members: dict[str, bytes]) -> Path:
    with libarchive.file_writer(str(path), "7zip") as opened:
        for name, content in members.items():
            opened.add_file_from_memory(name, len(content), content)
    return path


def make_rar4(path: Path, members: dict[str, bytes]) -> Path:
    """With names as a Chinese Windows writes them."""
    return write_rar4(path, {name.replace("/", "\\").encode("gbk"): content for name, content in members.items()})


MAKERS = {".7z": make_7z, ".rar": make_rar4, ".RAR": write_rar5}


def patched(path: Path, old: bytes, new: bytes) -> Path:
    path.write_bytes(path.read_bytes().replace(old, new))
    return path


def refusal(path: Path, **limits: int) -> str:
    with pytest.raises(SourceError) as raised, unpacked([path], **limits):
        pass
    assert raised.value.details["message_zh"]
    return raised.value.message


def test_everything_but_the_zip_is_given_as_it_is(tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    table.write_text("a")
    zipped = make_zip(tmp_path / "more.zip", {"sub/lines.csv": b"b"})
    with unpacked([table, zipped]) as files:
        assert files[0] == table
        assert files[1].name == "lines.csv"
        assert files[1].read_bytes() == b"b"


def test_the_folder_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    zipped = make_zip(tmp_path / "a.zip", {"a.csv": b"1"})
    with unpacked([zipped]) as files:
        top = files[0].parent.parent
        assert stat.S_IMODE(top.stat().st_mode) == 0o700
    assert not top.exists()


def test_the_folder_is_gone_after_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    refusal(make_zip(tmp_path / "a.zip", {"a.csv": b"1", "../b.csv": b"2"}))
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_shapefile_counts_once_and_a_geodatabase_is_a_folder(tmp_path: Path) -> None:
    names = [
        "p.shp",
        "p.shx",
        "P.DBF",
        "p.prj",
        "p.shp.xml",
        "city.gdb/a00000001.gdbtable",
        "city.gdb/gdb",
        "alone.dbf",
    ]
    litter = ["__MACOSX/._p.shp", ".DS_Store"]
    with unpacked([make_zip(tmp_path / "a.zip", dict.fromkeys(names + litter, b"x"))]) as files:
        assert sorted(file.name for file in files) == ["alone.dbf", "city.gdb", "p.shp"]


def test_files_of_several_parts_count_once_in_whatever_folder(tmp_path: Path) -> None:
    names = [
        "A/管线.SHP", "A/管线.shx", "A/管线.DBF", "A/管线.shp.xml", "A/管线.qml", "B/管线.tab", "B/管线.DAT",
        "B/管线.map", "B/管线.id", "C/x.mif", "C/x.mid", "D/x.gml", "D/x.xsd", "D/x.gfs",
        "E/x.dbf", "E/x.cpg", "F/x.qml", "G/x.dat",
    ]  # fmt: skip
    with unpacked([make_zip(tmp_path / "a.zip", dict.fromkeys(names, b"x"))]) as files:
        found = [f"{file.parent.name}/{file.name}" for file in files]
    assert found == ["A/管线.SHP", "B/管线.tab", "C/x.mif", "D/x.gml", "E/x.dbf", "F/x.qml", "G/x.dat"]


def test_a_kmz_is_its_kml(tmp_path: Path) -> None:
    with unpacked([make_zip(tmp_path / "a.kmz", {"doc.kml": b"<kml/>"})]) as files:
        assert [file.name for file in files] == ["doc.kml"]


@pytest.mark.parametrize("name", ["管线点.csv", "排水/雨水管线.csv"])
def test_chinese_names_from_a_chinese_windows(tmp_path: Path, name: str) -> None:
    stand_in = "n" * len(name.encode("gbk"))
    zipped = patched(make_zip(tmp_path / "a.zip", {stand_in: b"1"}), stand_in.encode(), name.encode("gbk"))
    with unpacked([zipped]) as files:
        assert [file.name for file in files] == [name.split("/")[-1]]


@given(stem=st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_unicode_name_survives(tmp_path: Path, stem: str) -> None:
    with unpacked([make_zip(tmp_path / "a.zip", {f"{stem}.csv": b"1"})]) as files:
        assert files[0].name == f"{stem}.csv"


@pytest.mark.parametrize(
    "name", ["../evil.csv", "a/../../evil.csv", "/etc/evil.csv", "C:evil.csv", "C:\\evil.csv", "..\\evil.csv"]
)
def test_names_that_lead_outside(tmp_path: Path, name: str) -> None:
    message = refusal(make_zip(tmp_path / "a.zip", {name: b"x"}))
    assert "evil.csv" in message
    assert "leads outside" in message


@pytest.mark.parametrize("names", [["a.csv", "a.csv"], ["a.csv", "a.csv/b.csv"], ["."], ["n" * 300]])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_names_that_cannot_be_files_are_refused_without_a_folder_of_ours(tmp_path: Path, names: list[str]) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as opened:
        for name in names:
            opened.writestr(name, b"1")
    message = refusal(tmp_path / "a.zip")
    assert "pipemap-delivery-" not in message
    assert ("too long" if len(names[0]) > 255 else f"two files in one place, '{names[-1]}'") in message


def test_a_symbolic_link(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as opened:
        link = zipfile.ZipInfo("points.csv")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(link, "/etc/passwd")
    assert "'points.csv', which is a link" in refusal(path)


def test_an_archive_in_the_archive(tmp_path: Path) -> None:
    assert "another archive, 'b.TAR'" in refusal(make_zip(tmp_path / "a.zip", {"b.TAR": b"ustar"}))
    assert "b.RAR is damaged" in refusal(make_zip(tmp_path / "b.zip", {"b.RAR": b"Rar!"}))
    assert "b.ZIP is damaged" in refusal(make_zip(tmp_path / "c.zip", {"b.ZIP": b"PK"}))


def test_a_zip_in_a_zip_is_a_folder_of_its_name(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "water.zip", {"lines.csv": b"1"}).read_bytes()
    outer = make_zip(tmp_path / "all.zip", {"water.zip": inner, "water/points.csv": b"2", "gas.KMZ": inner})
    with unpacked([outer]) as files:
        found = {(archive.folder_within(file), file.name): file.read_bytes() for file in files}
    assert found == {("water_", "lines.csv"): b"1", ("water", "points.csv"): b"2", ("gas", "lines.csv"): b"1"}


def test_a_zip_in_a_zip_may_have_as_long_a_name_as_a_file_can_have(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", {"a.csv": b"1"}).read_bytes()
    outer = make_zip(tmp_path / "outer.zip", {f"{'n' * 251}.zip": inner, "n" * 251: b"2"})
    with unpacked([outer]) as files:
        assert {(file.parent.name, file.read_bytes()) for file in files} == {("n" * 251 + "_", b"1"), ("outer", b"2")}


def test_zips_within_zips_have_one_limit_of_depth_of_entries_and_of_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nested = make_zip(tmp_path / "0.zip", {f"{n}.csv": b"1" * 1000 for n in range(5)})
    for depth in range(1, 4):
        nested = make_zip(tmp_path / f"{depth}.zip", {"in.zip": nested.read_bytes(), "also.zip": nested.read_bytes()})
        if depth == 2:
            with unpacked([nested]) as files:
                assert len(files) == 20
            assert "more than 9000 bytes" in refusal(nested, max_bytes=9000)
    assert "lies 4 archives deep" in refusal(nested)
    monkeypatch.setattr(archive, "MAX_ENTRIES", 15)
    assert "more than 15" in refusal(tmp_path / "2.zip")


def test_a_bomb_is_stopped_while_it_unpacks(tmp_path: Path) -> None:
    bomb = make_zip(tmp_path / "a.zip", {"zeros.csv": bytes(20_000_000)})
    assert "more than 100 times its size (at 'zeros.csv')" in refusal(bomb)


def test_a_bomb_whose_headers_lie(tmp_path: Path) -> None:
    size = 20_000_000
    bomb = make_zip(tmp_path / "a.zip", {"zeros.csv": bytes(size)})
    patched(bomb, size.to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    with pytest.raises(SourceError), unpacked([bomb]):
        pass


def test_what_may_be_unpacked_is_set_by_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zipped = make_zip(tmp_path / "a.zip", {"points.csv": random.Random(1).randbytes(2 * 2**20)})
    monkeypatch.setenv("PIPEMAP_MAX_UPLOAD_MB", "1")
    assert "points.csv" in refusal(zipped)
    monkeypatch.setenv("PIPEMAP_MAX_UPLOAD_MB", "3")
    with unpacked([zipped]) as files:
        assert [file.name for file in files] == ["points.csv"]


def test_sparse_tables_are_no_bomb(tmp_path: Path) -> None:
    with unpacked([make_zip(tmp_path / "a.zip", {"blank.csv": b" " * 900_000})]) as files:
        assert files[0].stat().st_size == 900_000


def test_all_archives_together_stay_under_the_limit(tmp_path: Path) -> None:
    content = bytes(range(256)) * 4
    zips = [make_zip(tmp_path / f"{n}.zip", {f"{n}.csv": content}) for n in range(3)]
    with pytest.raises(SourceError, match=r"2\.zip unpacks to more than 2500 bytes"), unpacked(zips, max_bytes=2500):
        pass


def test_too_many_entries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 3)
    assert "4 entries" in refusal(make_zip(tmp_path / "a.zip", {f"{n}.csv": b"" for n in range(4)}))


def test_a_password(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"p.csv": b"x"})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04") + 6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    assert "password" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"this is no zip", b"PK\x05\x06" + bytes(18)])
def test_damaged_or_empty(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(content)
    assert refusal(path).startswith("a.zip ")


@given(cut=st.integers(0, 400), flips=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 255)), max_size=8))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_harmless(tmp_path: Path, cut: int, flips: list[tuple[int, int]]) -> None:
    data = bytearray(make_zip(tmp_path / "a.zip", {"p.csv": b"a,b\n1,2\n", "q/l.csv": b"x" * 90}).read_bytes())
    for place, value in flips:
        data[place % len(data)] = value
    damaged = tmp_path / "d.zip"
    damaged.write_bytes(data[: len(data) - cut] if cut < len(data) else b"")
    try:
        with unpacked([damaged]) as files:
            top = next(parent for parent in files[0].parents if parent.name.startswith("pipemap-delivery-"))
            assert all(file.resolve().is_relative_to(top) for file in files)
    except SourceError as error:
        assert error.message.startswith("d.zip ")


@pytest.mark.parametrize("suffix", MAKERS)
def test_what_is_in_a_rar_or_7z_comes_out_by_its_name(tmp_path: Path, suffix: str) -> None:
    lines = random.Random(2).randbytes(700_000)
    packed = MAKERS[suffix](tmp_path / f"成果{suffix}", {"排水/管点表.csv": b"1,2", "管线.csv": lines, "空.txt": b""})
    with unpacked([packed]) as files:
        found = {(archive.folder_within(file), file.name): file.read_bytes() for file in files}
    assert found == {("排水", "管点表.csv"): b"1,2", (None, "管线.csv"): lines, (None, "空.txt"): b""}


def test_an_archive_is_what_it_holds_and_not_what_it_is_called(tmp_path: Path) -> None:
    named_otherwise = [
        write_rar5(tmp_path / "a.zip", {"1.csv": b"1"}),
        make_7z(tmp_path / "b.rar", {"2.csv": b"2"}),
        make_zip(tmp_path / "c.7z", {"3.csv": b"3"}),
    ]
    with unpacked(named_otherwise) as files:
        assert [file.name for file in files] == ["1.csv", "2.csv", "3.csv"]


def test_archives_of_all_kinds_in_one_another(tmp_path: Path) -> None:
    inner = write_rar5(tmp_path / "in.rar", {"a.csv": b"1"}).read_bytes()
    middle = make_7z(tmp_path / "mid.7z", {"in.rar": inner}).read_bytes()
    with unpacked([make_zip(tmp_path / "out.zip", {"mid.7z": middle})]) as files:
        assert [(file.parent.name, file.name) for file in files] == [("in", "a.csv")]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda path: write_rar4(path, {b"a.csv": b"1"}, rar_files.VOLUME_4), "one volume of several"),
        (lambda path: write_rar5(path, {"a.csv": b"1"}, rar_files.VOLUME_5), "one volume of several"),
        (lambda path: write_rar4(path, {b"a.csv": b"1"}, rar_files.ENCRYPTED_HEADERS_4), "by a password"),
        (lambda path: write_rar4(path, {b"a.csv": b"1"}, file_flags=rar_files.ENCRYPTED_4), "by a password"),
        (lambda path: write_rar4(path, {b"a": b"1", b"b": b"2"}, 0x8, 0x10), "solid"),
        (lambda path: write_rar5(path, {"a.csv": b"1"}, file_extra=rar_files.encryption_5()), "by a password"),
        (lambda path: rar_files.write_encrypted_headers_5(path), "by a password"),
        (lambda path: path.write_bytes(ENCRYPTED_7Z), "by a password"),
        (lambda path: write_rar4(path, {b"a.csv": b"/etc/passwd"}, mode=0o120777), "which is a link"),
        (lambda path: write_rar5(path, {"a.csv": b""}, file_extra=rar_files.link_5("/etc/passwd")), "which is a link"),
        (lambda path: write_rar5(path, {"a.csv": b""}, file_extra=rar_files.link_5("b.csv", 4)), "which is a link"),
        (lambda path: write_rar4(path, {b"..\\..\\a.csv": b"1"}), "leads outside"),
        (lambda path: write_rar5(path, {"/etc/a.csv": b"1"}), "leads outside"),
        (lambda path: make_7z(path, {"a/../../b.csv": b"1"}), "leads outside"),
        (lambda path: make_7z(path, {"a.csv": bytes(20_000_000)}), "100 times its size (at 'a.csv')"),
    ],
)
def test_what_is_refused_of_a_rar_or_7z(tmp_path: Path, made: Callable[[Path], object], says: str) -> None:
    made(tmp_path / "a.rar")
    assert says in refusal(tmp_path / "a.rar")


@pytest.mark.parametrize("suffix", MAKERS)
def test_a_rar_or_7z_that_is_cut_or_changed_is_refused(tmp_path: Path, suffix: str) -> None:
    content = random.Random(3).randbytes(5_000)
    whole = MAKERS[suffix](tmp_path / f"a{suffix}", {"a.csv": content, "b.csv": content}).read_bytes()
    path = tmp_path / f"b{suffix}"
    for cut in (1, 7, 8, 40, 3_000, len(whole) - 20):
        path.write_bytes(whole[:-cut])
        assert refusal(path)
    for place in (1_000, 3_000):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert "damaged" in refusal(path)


def test_entries_of_a_rar_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_ENTRIES", 3)
    assert "more than 3" in refusal(write_rar5(tmp_path / "a.rar", {f"{n}.csv": b"" for n in range(5)}))


def test_where_the_library_is_missing_it_is_named(tmp_path: Path) -> None:
    path = write_rar5(tmp_path / "a.rar", {"a.csv": b"1"})
    attempt = f"from importers.archive import *\nwith unpacked([Path({str(path)!r})]): pass"
    told = subprocess.run(
        [sys.executable, "-c", attempt], env=os.environ | {"LIBARCHIVE": "/nowhere"}, capture_output=True, text=True
    )
    assert "a.rar cannot be unpacked: install libarchive13." in told.stderr
