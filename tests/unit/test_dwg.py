"""DWG drawings: converted where the machine can, else refused with the way out; converters are kept on a leash."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from importers.cad import dwg
from importers.delivery import read_delivery
from pipemap.confined import confined
from pipemap.errors import SourceError
from schemas.findings import Severity
from tests.unit.drawings import Read, at, drawn

# A water main of lines, an arc and a polyline with heights, points and texts, made up; release 2000.
PIPES = Path(__file__).parent / "files" / "pipes_r2000.dwg"


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all there is on the path, but for the shell."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "cp", "sleep", "dd"):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(dwg.sys, "executable", str(folder / "python"))
    return folder


def program(folder: Path, name: str, script: str) -> None:
    (folder / name).write_text(f"#!{folder}/sh\n{script}\n")
    (folder / name).chmod(0o755)


def test_a_drawing_of_release_2000_is_read_through_gdal(tmp_path: Path) -> None:
    path = Path(shutil.copy(PIPES, tmp_path / "管线.dwg"))
    delivery = read_delivery([path], srid=4547)
    assert delivery.files[0].name == "管线.dwg"
    assert sorted(delivery.segments["section_text"].dropna()) == ["DN200", "DN300"]
    assert set(delivery.segments["class_code"]) == {"water"}
    assert delivery.segments["geom"].map(lambda line: round(line.length, 1)).tolist() == [30.0, 15.7, 50.0, 5.0]
    assert "J1" in set(delivery.nodes["source_key"])
    [told] = [finding for finding in delivery.findings if finding.rule == "IMP-DWG"]
    assert "converted by ogr2ogr; only layers, lines, points and texts were kept" in told.message_en
    assert (told.severity, told.file) == (Severity.WARNING, "管线.dwg")


@pytest.mark.parametrize(("mark", "release"), [(b"AC1015", "2000"), (b"AC1027", "2013"), (b"AC1032", "2018")])
def test_without_a_converter_the_sentence_says_how_to_go_on(
    tmp_path: Path, programs: Path, mark: bytes, release: str
) -> None:
    path = tmp_path / "a.dwg"
    path.write_bytes(mark + PIPES.read_bytes()[6:])
    with pytest.raises(SourceError) as raised:
        Read(path)
    assert raised.value.message.startswith(f"a.dwg is a DWG drawing ({release}) and this machine has no converter")
    for words in ("save it as DXF", "dwg2dxf", "ODA File Converter", "ezdwg"):
        assert words in raised.value.message
    assert "另存为 DXF" in raised.value.details["message_zh"]


def test_what_only_begins_like_a_drawing_and_names_another_file_is_not_given_to_gdal(tmp_path: Path) -> None:
    secret, path = tmp_path / "secret.csv", tmp_path / "a.dwg"
    secret.write_text("k,x,y\n1,1,2\n")
    named = f"<SrcDataSource>{secret}</SrcDataSource><GeometryField encoding='PointFromColumns' x='x' y='y'/>"
    layer = f"<OGRVRTLayer name='secret'>{named}</OGRVRTLayer>"
    path.write_text(f"AC1015<OGRVRTDataSource>{layer}</OGRVRTDataSource>")
    with pytest.raises(SourceError, match="no converter for it"), dwg.converted(path):
        pass


def test_a_converter_on_the_path_is_used_in_a_folder_of_its_own(tmp_path: Path, programs: Path) -> None:
    made = drawn(tmp_path / "made.dxf", lambda drawing: drawing.modelspace().add_line(at(0), at(30), {"layer": "JS"}))
    log = tmp_path / "log"
    program(programs, "dwg2dxf", f'echo "$4" "$HOME" > {log}; cp {made} "$3"')
    path = tmp_path / "delivery.dwg"
    shutil.copy(PIPES, path)
    read = Read(path)
    assert read["JS", "segment"].file == "delivery.dwg"
    [told] = read.findings("IMP-DWG")
    assert told.message_en == "The DWG drawing was converted by dwg2dxf."
    source, home = log.read_text().split()
    assert source != str(path)
    assert not Path(source).exists()
    assert not Path(home).exists()
    assert sorted(item.name for item in tmp_path.iterdir()) == ["bin", "delivery.dwg", "log", "made.dxf"]


@pytest.mark.parametrize("script", ["exit 3", "exit 0", "kill -9 $$", 'echo "not a drawing" > "$3"; exit 1'])
def test_a_converter_that_fails_gives_way_to_the_next_and_then_to_a_sentence(
    tmp_path: Path, programs: Path, script: str
) -> None:
    program(programs, "dwg2dxf", script)
    path = Path(shutil.copy(PIPES, tmp_path / "a.dwg"))
    with pytest.raises(SourceError, match=r"a\.dwg is a DWG drawing that could not be converted by dwg2dxf; save it"):
        Read(path)
    program(programs, "ogr2ogr", f'exec {shutil.which("ogr2ogr", path="/usr/bin:/usr/local/bin")} "$@"')
    assert Read(path).findings("IMP-DWG")[0].value == "ogr2ogr"


def test_a_converter_that_hangs_is_ended(tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dwg, "TIMEOUT_S", 0.5)
    pids = tmp_path / "pid"
    program(programs, "dwg2dxf", f"sleep 60 & echo $! > {pids}; wait")
    with pytest.raises(SourceError, match="could not be converted"):
        Read(Path(shutil.copy(PIPES, tmp_path / "a.dwg")))
    # The child of the child is gone with it.
    child = Path("/proc", pids.read_text().strip())
    deadline = time.monotonic() + 60
    while child.exists() and "Z" not in (child / "stat").read_text().split()[2] and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not child.exists() or (child / "stat").read_text().split()[2] == "Z"


def test_a_converter_ends_with_the_reader_that_is_wanted_no_more(tmp_path: Path, programs: Path) -> None:
    program(programs, "dwg2dxf", 'echo $$ > "$HOME/pid.part"; cp "$HOME/pid.part" "$HOME/pid"; exec sleep 60')
    path = Path(shutil.copy(PIPES, tmp_path / "a.dwg"))

    def work() -> Iterator[str]:
        Thread(target=lambda: Read(path), daemon=True).start()
        while not (found := [*Path(tempfile.gettempdir()).rglob("pid")]):
            time.sleep(0.01)
        yield found[0].read_text().strip()

    with closing(confined(path, work)) as told:
        place = Path("/proc", next(told), "stat")
        assert place.exists()
    deadline = time.monotonic() + 60
    while place.exists() and ") Z " not in place.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not place.exists() or ") Z " in place.read_text()


def test_a_converter_that_fills_the_disk_is_ended(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dwg, "MAX_FILE_BYTES", 1 << 20)
    program(programs, "dwg2dxf", 'sleep 0.2; dd if=/dev/zero of="$3" bs=1024 count=4096 2>/dev/null')
    with pytest.raises(SourceError, match="could not be converted"):
        Read(Path(shutil.copy(PIPES, tmp_path / "a.dwg")))


def test_a_dwg_under_the_name_of_a_dxf_is_known_for_what_it_is(tmp_path: Path, programs: Path) -> None:
    with pytest.raises(SourceError, match=r"a\.dxf is a DWG drawing"):
        Read(Path(shutil.copy(PIPES, tmp_path / "a.dxf")))
