"""A file that may be hostile is read by a process that reaches no network and no database, writes nowhere and ends."""

import multiprocessing
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest
import shapely

from importers.delivery import read_delivery
from importers.gis import GisReader
from importers.passing import read_confined
from pipemap.confined import confined
from pipemap.errors import CrsError, SourceError
from pipemap.forked import forked
from pipemap.sandbox import NO_SOCKETS, OWN_FOLDER, Limits, missing_locks

NOBODY = 65_534
OGRINFO = shutil.which("ogrinfo")
VRT = "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>{0}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "given" / "管线.gpkg"
    path.parent.mkdir()
    path.write_bytes(b"x")
    return path


def said(file: Path, work: Callable[[], Any], limits: Limits | None = None) -> Any:
    """What a piece of work gives in the process that reads."""
    [answer] = confined(file, lambda: [work()], limits)
    return answer


def attempt(work: Callable[[], Any]) -> str:
    """The name of the error that something is refused with, or nothing."""
    try:
        work()
    except OSError as error:
        return type(error).__name__
    return ""


def refusal(file: Path, work: Callable[[], Any], limits: Limits | None = None) -> str:
    with pytest.raises(SourceError) as raised:
        said(file, work, limits)
    message = raised.value.message
    assert message.startswith(file.name)
    assert "\n" not in message
    assert raised.value.details["message_zh"].startswith(file.name)
    assert not multiprocessing.active_children()
    return message


class Doorbell:
    """Addresses on this machine, one of the network and one in a folder, that count who came."""

    def __init__(self, folder: Path) -> None:
        # Where a PostgreSQL server of this port listens.
        self.folder, self.port = folder, 5432
        self._doors = [socket.create_server(("127.0.0.1", 0)), socket.socket(socket.AF_UNIX)]
        self._doors[1].bind(str(folder / f".s.PGSQL.{self.port}"))
        self._doors[1].listen()
        for door in self._doors:
            door.setblocking(False)
        self.url = f"http://127.0.0.1:{self._doors[0].getsockname()[1]}"

    def rings(self) -> int:
        return sum(self._came(door) for door in self._doors)

    def _came(self, door: socket.socket) -> int:
        count = 0
        with suppress(BlockingIOError):
            while True:
                door.accept()[0].close()
                count += 1
        return count

    def close(self) -> None:
        for door in self._doors:
            door.close()


@pytest.fixture
def doorbell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doorbell]:
    # What stands in the way of GDAL elsewhere does not here.
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("PGCONNECT_TIMEOUT", "2")
    with tempfile.TemporaryDirectory(prefix="door-") as folder, closing(Doorbell(Path(folder))) as bell:
        yield bell


def look(source: str | Path) -> str:
    """Have GDAL open something, whatever comes of it."""
    with suppress(pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError):
        pyogrio.read_info(source, layer=0)
    return "looked"


def looked_by_program(source: str | Path) -> str:
    """Have Debian's GDAL, which knows databases, open something."""
    assert OGRINFO is not None
    subprocess.run([OGRINFO, "-al", "-so", str(source)], capture_output=True, timeout=60, check=False)
    return "looked"


# What GDAL says of the door that is shut in its face.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_gdal_reaches_no_address_however_it_is_named(file: Path, doorbell: Doorbell) -> None:
    vrt = file.with_suffix(".vrt")
    vrt.write_text(VRT.format(f"/vsicurl/{doorbell.url}/a.geojson"))
    look(vrt)
    assert doorbell.rings()
    for source in (vrt, f"/vsicurl/{doorbell.url}/a.geojson", f"{doorbell.url}/a.geojson", f"WFS:{doorbell.url}/wfs"):
        assert said(file, lambda source=source: look(source)) == "looked"  # type: ignore[misc]
    assert not doorbell.rings()


@pytest.mark.skipif(OGRINFO is None, reason="needs gdal-bin")
def test_a_program_of_the_reader_reaches_no_database_by_network_or_by_socket(file: Path, doorbell: Doorbell) -> None:
    port = doorbell.url.rpartition(":")[2]
    for names in (f"host={doorbell.folder} port={doorbell.port}", f"host=127.0.0.1 port={port}"):
        vrt = file.with_suffix(".vrt")
        vrt.write_text(VRT.format(f"PG:{names} dbname=pipemap user=pipemap"))
        looked_by_program(vrt)
        assert doorbell.rings()
        assert said(file, lambda vrt=vrt: looked_by_program(vrt)) == "looked"  # type: ignore[misc]
        assert not doorbell.rings()


def test_nothing_is_written_but_in_a_folder_that_goes_away(file: Path) -> None:
    def work() -> list[str]:
        own = Path(tempfile.mkdtemp())
        (own / "a").write_text("a")
        (own / "a").rename(own / "b")
        beside, victim = file.with_name("beside"), file.with_suffix(".txt")
        tries: list[Callable[[], Any]] = [
            lambda: beside.write_text("x"), beside.mkdir, lambda: os.mkfifo(beside), lambda: beside.symlink_to(file),
            lambda: victim.write_text("x"), lambda: os.truncate(victim, 0), victim.unlink,
            lambda: victim.rename(own / "taken"), lambda: os.link(victim, own / "linked"),
        ]  # fmt: skip
        return [str(own), *map(attempt, tries)]

    victim = file.with_suffix(".txt")
    victim.write_text("kept")
    own, *errors = said(file, work)
    assert set(errors) <= {"PermissionError", "OSError"}
    assert not Path(own).exists()
    assert victim.read_text() == "kept"
    assert sorted(path.name for path in file.parent.iterdir()) == ["管线.gpkg", "管线.txt"]


def test_what_gdal_would_write_beside_a_file_is_not_written(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"dn": [300]}, geometry=[shapely.LineString([(0, 0), (9, 9)])], crs=4547)
    for name in ("open", "shut"):
        (tmp_path / name).mkdir()
        pyogrio.write_dataframe(frame, tmp_path / name / "a.gml")
        (tmp_path / name / "a.xsd").unlink()
    look(tmp_path / "open" / "a.gml")
    assert (tmp_path / "open" / "a.gfs").exists()
    path = tmp_path / "shut" / "a.gml"
    assert said(path, lambda: look(path)) == "looked"
    assert [entry.name for entry in path.parent.iterdir()] == ["a.gml"]


def test_a_geopackage_that_a_program_has_open_is_read_and_nothing_written_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    frame = gpd.GeoDataFrame({"dn": [300]}, geometry=[shapely.LineString([(0, 0), (9, 9)])], crs=4547)
    pyogrio.write_dataframe(frame, path, layer="pipes")
    with closing(sqlite3.connect(path)) as editor:
        editor.execute("PRAGMA journal_mode = wal")
    before = {entry.name: entry.stat().st_size for entry in tmp_path.iterdir()}
    assert sum(len(table.rows) for table in read_confined(GisReader(), path, {})) == 1
    assert {entry.name: entry.stat().st_size for entry in tmp_path.iterdir()} == before


def test_what_is_open_here_is_out_of_its_reach(file: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, file.open("r+b") as held:
        numbers = theirs.fileno(), held.fileno()
        said(file, lambda: [os.write(number, b"taken over") for number in numbers])
        ours.setblocking(False)
        with pytest.raises(BlockingIOError):
            ours.recv(1)
        assert held.read() == b"x"


def endless() -> None:
    while True:
        pass


def greedy() -> None:
    held = []
    while True:
        held.append(bytearray(2**20))


def wordy() -> None:
    with tempfile.TemporaryFile() as sink:
        while True:
            sink.write(bytes(2**20))


class Trap:
    """Goes off where it is unpickled."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.write_text, (self.place, "gone off")


@pytest.mark.parametrize(
    ("work", "words"),
    [
        (endless, "for more than 1 s of processor time"),
        (greedy, "more than 0.0625 GiB of memory"),
        (wordy, "File too large"),
        (os.abort, "(Aborted)"),
        (lambda: os.kill(os.getpid(), 9), "memory of the machine ran out"),
        (lambda: os._exit(0), "makes its reader break down; it is damaged"),
        (lambda: {}["dn"], "(KeyError: 'dn')"),
    ],
)
def test_every_end_of_the_process_is_one_sentence_that_names_the_file(
    file: Path, work: Callable[[], Any], words: str
) -> None:
    assert words in refusal(file, work, Limits(cpu_s=1, memory_bytes=64 * 2**20, file_bytes=2**20))


def test_a_process_that_was_taken_over_cannot_reach_this_one_by_what_it_says(file: Path, tmp_path: Path) -> None:
    assert "break down" in refusal(file, lambda: Trap(tmp_path / "trapped"))
    assert not (tmp_path / "trapped").exists()


def test_a_refusal_comes_through_as_it_is(file: Path) -> None:
    def refuse() -> None:
        raise CrsError("It does not say where it lies.", message_zh="未说明坐标系。")

    with pytest.raises(CrsError, match="It does not say where it lies") as raised:
        said(file, refuse)
    assert raised.value.details == {"message_zh": "未说明坐标系。"}


def eaten(path: Path, told: Any) -> None:
    """Read a file with too little memory, then with enough, in a process that has no memory left over yet."""

    def rows() -> int:
        return sum(len(table.rows) for table in GisReader().read([path], {}))

    refusal(path, rows, Limits(cpu_s=20, memory_bytes=32 * 2**20))
    told.send(said(path, rows))


def test_a_file_that_takes_more_memory_than_it_may_is_refused_and_the_next_one_read(tmp_path: Path) -> None:
    lines = [shapely.LineString([(n, 0), (n, 9)]) for n in range(2_000)]
    path = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(gpd.GeoDataFrame({"words": ["x" * 20_000] * 2_000}, geometry=lines, crs=4547), path)
    hear, tell = multiprocessing.Pipe(duplex=False)
    fresh = multiprocessing.get_context("spawn").Process(target=eaten, args=(path, tell))
    fresh.start()
    fresh.join()
    assert fresh.exitcode == 0 and hear.recv() == 2_000


def test_programs_that_a_reader_has_started_end_with_it(file: Path) -> None:
    def work() -> Iterator[int]:
        yield subprocess.Popen(["sleep", "60"]).pid
        time.sleep(60)

    with closing(confined(file, work)) as told:
        place = Path("/proc", str(next(told)), "stat")
        assert place.exists()
    deadline = time.monotonic() + 60
    while place.exists() and ") Z " not in place.read_text() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not place.exists() or ") Z " in place.read_text()


def test_a_plain_user_has_these_locks_too() -> None:
    def locked() -> list[str]:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
        missing = missing_locks()
        with pytest.raises(PermissionError):
            socket.socket(socket.AF_UNIX)
        return missing

    missing = list(forked(locked))
    assert not {NO_SOCKETS, OWN_FOLDER} & set(missing)


VSI = ["/vsicurl/{0}/a.shp", "/vsizip//vsicurl/{0}/a.zip", "PG:host={1}", "{0}/a.gpkg"]


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.gml", "a.kml", "a.fgb", "a.shp", "a.tab"])
def test_a_delivery_that_names_another_source_is_refused_and_nobody_rings(
    tmp_path: Path, doorbell: Doorbell, name: str
) -> None:
    for source in VSI:
        (tmp_path / name).write_text(VRT.format(source.format(doorbell.url, doorbell.folder)))
        with pytest.raises(SourceError) as raised:
            read_delivery([tmp_path / name], srid=4547)
        assert raised.value.message.startswith(name)
        assert raised.value.details["message_zh"]
    assert not doorbell.rings()
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
