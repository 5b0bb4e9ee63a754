"""GIS layers come out as the file has them; files that are not what they claim are refused in one sentence."""

import json
import shutil
import struct
import warnings
from pathlib import Path
from typing import Any

import fiona
import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.base import RecordTable
from importers.gis import GisReader
from pipemap.errors import SourceError

NAMES = ["铸铁", "PE管", None, "钢筋混凝土"]
LINES = [
    shapely.LineString([(500000, 2490000, 1.5), (500010, 2490000, 1.25)]),
    None,
    shapely.MultiLineString([[(0, 0), (1, 0)]]),
    shapely.MultiLineString([[(0, 0), (1, 0)], [(2, 0), (3, 0)]]),
]


def write(path: Path, frame: gpd.GeoDataFrame | None = None, **options: Any) -> Path:
    if frame is None:
        frame = gpd.GeoDataFrame({"材质": NAMES, "管径": [200, 300, 400, 500]}, geometry=LINES, crs="EPSG:4547")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pyogrio.write_dataframe(frame, path, **options)
    return path


def read(path: Path, **options: Any) -> list[RecordTable]:
    reader = GisReader()
    assert reader.accepts(path)
    return list(reader.read([path], options))


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        read(path)
    message = raised.value.message
    assert message.startswith(path.name)
    assert "\n" not in message
    assert str(path.parent) not in message
    assert raised.value.details["message_zh"]
    return message


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("管线.gpkg", {"driver": "GPKG", "geometry_type": "Unknown"}),
        ("管线.shp", {"encoding": "GBK"}),
        ("管线.shp", {"encoding": "UTF-8"}),
        ("管线.geojson", {"driver": "GeoJSON"}),
        ("管线.gdb", {"driver": "OpenFileGDB", "geometry_type": "MultiLineString Z"}),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, options: dict[str, str]) -> None:
    [table] = read(write(tmp_path / name, layer="管线", **options))
    assert (table.file, table.sheet) == (name, "管线")
    assert table.crs is not None
    assert table.crs.to_epsg() == 4547
    assert table.rows.index.tolist() == [1, 2, 3, 4]
    assert table.rows["材质"].tolist() == NAMES
    assert table.rows["管径"].tolist() == [200, 300, 400, 500]
    assert table.geometry is not None
    assert shapely.get_coordinates(table.geometry[:1], include_z=True).tolist() == [
        [500000, 2490000, 1.5],
        [500010, 2490000, 1.25],
    ]
    assert table.geometry[1] is None
    assert [shape.geom_type for shape in table.geometry[2:]] == ["LineString", "MultiLineString"]
    assert not [note for note in table.findings if note.severity != "info"]


def test_chunks_number_on(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"k": range(25)}, geometry=shapely.points(np.arange(50.0).reshape(25, 2)), crs="EPSG:4547")
    tables = read(write(tmp_path / "a.gpkg", frame), chunk_rows=10)
    assert [len(table.rows) for table in tables] == [10, 10, 5]
    assert [number for table in tables for number in table.rows.index] == list(range(1, 26))
    assert [key for table in tables for key in table.rows["k"]] == list(range(25))


def test_all_layers_of_a_file_and_attribute_tables(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", layer="lines", geometry_type="Unknown")
    write(
        path, gpd.GeoDataFrame({"点号": ["J1"]}, geometry=[None], crs="EPSG:4547").drop(columns="geometry"), layer="t"
    )
    write(path, gpd.GeoDataFrame({"styleQML": ["x"]}, geometry=[None]).drop(columns="geometry"), layer="layer_styles")
    tables = read(path)
    assert [(table.sheet, len(table.rows), table.geometry is None) for table in tables] == [
        ("lines", 4, False),
        ("t", 1, True),
    ]
    assert [table.sheet for table in read(path, layers=["t"])] == ["t"]


def test_an_empty_layer_is_still_in_the_account(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"材质": np.array([], object)}, geometry=[], crs="EPSG:4547")
    [table] = read(write(tmp_path / "a.gpkg", frame, geometry_type="Point"))
    assert list(table.rows.columns) == ["材质"]
    assert len(table.rows) == 0


def test_whole_numbers_stay_whole_beside_nulls(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    features = [{"type": "Feature", "geometry": None, "properties": {"n": n, "flag": True}} for n in (7, None)]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    [table] = read(path)
    assert [str(cell) for cell in table.rows["n"]] == ["7", "None"]


def test_dates_are_text(tmp_path: Path) -> None:
    schema = {"geometry": "Point", "properties": {"built": "date"}}
    with fiona.open(tmp_path / "a.gpkg", "w", driver="GPKG", schema=schema, crs="EPSG:4547") as sink:
        sink.write({"geometry": {"type": "Point", "coordinates": (1, 2)}, "properties": {"built": "2019-05-31"}})
    [table] = read(tmp_path / "a.gpkg")
    assert table.rows["built"].tolist() == ["2019-05-31"]


def test_measures_are_dropped_and_heights_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.shp"
    write(path, gpd.GeoDataFrame({"k": [1]}, geometry=[shapely.from_wkt("POINT Z (1 2 3)")], crs="EPSG:4547"))
    data = bytearray(path.read_bytes())
    for place in (32, 108):
        data[place : place + 4] = struct.pack("<i", 11)
    path.write_bytes(data)
    [table] = read(path)
    assert table.geometry is not None
    assert shapely.to_wkt(table.geometry[0], trim=True) == "POINT Z (1 2 3)"


def test_without_prj_the_crs_is_unknown(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp")
    path.with_suffix(".prj").unlink()
    [table] = read(path)
    assert table.crs is None
    assert len(table.rows) == 4


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
@pytest.mark.parametrize("cpg", [None, "UTF-8", "nonsense"])
def test_text_without_a_true_cpg(tmp_path: Path, encoding: str, cpg: str | None) -> None:
    path = write(tmp_path / "a.shp", encoding=encoding)
    path.with_suffix(".cpg").unlink()
    if cpg:
        path.with_suffix(".cpg").write_text(cpg)
    [table] = read(path)
    assert table.rows["材质"].tolist() == NAMES
    guessed = not (encoding == "UTF-8" and cpg == "UTF-8")
    assert [note.rule for note in table.findings] == ["IMP-ENCODING"] * guessed


@pytest.mark.parametrize(
    ("encoding", "crs", "name", "words"),
    [
        ("cp949", "EPSG:5186", "관재질", ["강관", "닥타일주철관"]),
        ("cp1251", "EPSG:32637", "Материал", ["чугун", "сталь оцинкованная"]),
        ("cp1253", "EPSG:2100", "Υλικό", ["χυτοσίδηρος", "χάλυβας"]),
        ("cp1250", "EPSG:2178", "Materiał", ["żeliwo sferoidalne", "stal kwasoodporna, łączona"]),
        ("cp1250", "EPSG:5514", "vlastník", ["Vodárna Plzeň", "obec"]),
    ],
)
def test_tables_of_other_countries_without_a_cpg(
    tmp_path: Path, encoding: str, crs: str, name: str, words: list[str]
) -> None:
    line = shapely.LineString([(0, 0), (9, 9)])
    path = write(tmp_path / "a.shp", gpd.GeoDataFrame({name: words}, geometry=[line, line], crs=crs), encoding=encoding)
    path.with_suffix(".cpg").unlink()
    # Neither does the table say it: its language driver.
    octets = bytearray(path.with_suffix(".dbf").read_bytes())
    octets[29] = 0
    path.with_suffix(".dbf").write_bytes(octets)
    [table] = read(path)
    assert table.rows[name].tolist() == words


def test_a_stated_encoding_wins(tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"street": ["Große Straße"]}, geometry=[shapely.Point(1, 2)], crs="EPSG:4547")
    path = write(tmp_path / "a.shp", frame, encoding="ISO-8859-1")
    path.with_suffix(".cpg").unlink()
    [table] = read(path, encoding="iso-8859-1")
    assert table.rows["street"].tolist() == ["Große Straße"]


@given(st.lists(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=1), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_chinese_text_cut_at_the_field_width_is_recognised(tmp_path: Path, words: list[str]) -> None:
    frame = gpd.GeoDataFrame({"名称": words}, geometry=shapely.points(np.zeros((len(words), 2))), crs="EPSG:4547")
    path = write(tmp_path / "a.shp", frame, encoding="UTF-8")
    path.with_suffix(".cpg").unlink()
    [table] = read(path)
    assert table.rows.columns.tolist() == ["名称"]
    assert all(word.startswith(cell[:60]) for word, cell in zip(words, table.rows["名称"], strict=True))


@pytest.mark.parametrize("encoding", ["GBK", "GB18030", "BIG5", "EUC-KR", "CP932", "CP1252", "KOI8-R"])
def test_every_letter_of_an_encoding_is_read_as_gdal_reads_it(tmp_path: Path, encoding: str) -> None:
    octets = [
        bytes(pair) for first in range(0x80, 0x100) for pair in [(first,), *((first, n) for n in range(0x40, 0xFF))]
    ]
    words = [
        word for one in octets for word in [one.decode(encoding, "ignore")] if word and word.encode(encoding) == one
    ]
    frame = gpd.GeoDataFrame({"N": words}, geometry=shapely.points(np.zeros((len(words), 2))), crs="EPSG:4547")
    path = write(tmp_path / "a.shp", frame, encoding=encoding)
    [table] = read(path, encoding=encoding)
    by_gdal = pyogrio.read_dataframe(path, encoding=encoding)["N"]
    # What older tables of GB 18030 have no place for elsewhere they put among private letters.
    known = (by_gdal.notna() & ~by_gdal.str.match("[\ue000-\uf8ff]", na=True)).to_numpy()
    assert known.sum() > 0.8 * len(words) > 100
    assert table.rows["N"][known].tolist() == by_gdal[known].tolist()


def test_a_text_that_is_not_in_its_encoding_costs_no_other_row(tmp_path: Path) -> None:
    # More rows than are looked at to tell the encoding.
    words = [f"井{n}" for n in range(5_100)]
    frame = gpd.GeoDataFrame({"名": words}, geometry=shapely.points(np.zeros((len(words), 2))), crs=4547)
    path = write(tmp_path / "a.shp", frame, encoding="GBK")
    dbf = path.with_suffix(".dbf")
    dbf.write_bytes(dbf.read_bytes().replace("井5050".encode("gbk"), b"\xff\xff5050"))
    tables = read(path, chunk_rows=1_000)
    cells = [cell for table in tables for cell in table.rows["名"]]
    assert cells == [*words[:5050], "5050", *words[5051:]]
    assert [int(number) for table in tables for number in table.rows.index] == list(range(1, 5_101))


def test_geojson_in_metres_without_a_crs_is_not_taken_for_degrees(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    for easting, known in ((500000.0, False), (114.1, True)):
        point = {"type": "Point", "coordinates": [easting, 22.5]}
        path.write_text(json.dumps({"type": "Feature", "geometry": point, "properties": {"a": 1}}))
        [table] = read(path)
        assert (table.crs is not None) == known


def test_a_shapefile_without_its_index(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp")
    path.with_suffix(".shx").unlink()
    assert "ask for the complete shapefile" in refusal(path)
    assert not path.with_suffix(".shx").exists()


def test_a_damaged_prj(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp")
    path.with_suffix(".prj").write_text('PROJCS["CGCS2000 / 3-degree",GEOGCS["CGCS2000"')
    assert "damaged a.prj" in refusal(path)


def test_a_shapefile_without_its_table_comes_with_a_word(tmp_path: Path) -> None:
    path = write(tmp_path / "a.shp")
    path.with_suffix(".dbf").unlink()
    [table] = read(path)
    assert len(table.rows) == 4
    assert [(note.rule, note.severity) for note in table.findings] == [("IMP-PART", "warning")]


VRT = "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>{0}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"


@pytest.mark.parametrize("name", ["a.shp", "a.gpkg", "a.geojson"])
def test_a_vrt_under_another_name(tmp_path: Path, name: str) -> None:
    secret = write(tmp_path / "secret.gpkg")
    path = tmp_path / name
    path.write_text(VRT.format(secret))
    assert "whatever its name says" in refusal(path)


def test_a_vrt_hidden_in_geojson_is_only_text(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    feature = {"type": "Feature", "properties": {"k": 1}, "geometry": {"type": "Point", "coordinates": [1, 2]}}
    note = VRT.format("/etc/passwd")
    path.write_text(json.dumps({"type": "FeatureCollection", "note": note, "features": [feature]}))
    [table] = read(path)
    assert table.rows["k"].tolist() == [1]


@pytest.mark.parametrize("name", ["a.shp", "a.gpkg", "a.geojson", "a.gdb"])
@pytest.mark.parametrize(
    "content", [b"", b"{", b"PK\x03\x04", b"\x00\x00\x27\x0a", b"SQLite format 3\x00", bytes(4096)]
)
def test_empty_and_foreign_content(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    refusal(path)


def test_absent_and_virtual_files() -> None:
    for path in (Path("no-such.gpkg"), Path("/vsicurl/http://localhost/a.gpkg")):
        with pytest.raises(SourceError, match="does not exist"):
            list(GisReader().read([path], {}))


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "a.gdb").mkdir()
    assert "deliver the whole .gdb folder" in refusal(tmp_path / "a.gdb")
    (tmp_path / "a.shp").mkdir()
    assert "folder" in refusal(tmp_path / "a.shp")


@pytest.mark.parametrize("part", ["a.gpkg", "a.shp", "a.shx", "a.dbf", "a.geojson"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.95])
def test_cut_off_files(tmp_path: Path, part: str, kept: float) -> None:
    n_rows = 2000
    frame = gpd.GeoDataFrame(
        {"k": [f"管{n}" for n in range(n_rows)]}, geometry=shapely.points(np.ones((n_rows, 2))), crs="EPSG:4547"
    )
    path = tmp_path / ("a.shp" if part[2:] in ("shp", "shx", "dbf") else part)
    write(path, frame)
    damaged = tmp_path / part
    damaged.write_bytes(damaged.read_bytes()[: int(damaged.stat().st_size * kept)])
    refusal(path)


def test_a_bad_record_does_not_sink_the_layer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    words = [f"管线{n:03}" for n in range(20)]
    frame = gpd.GeoDataFrame({"名称": words}, geometry=shapely.points(np.ones((20, 2))), crs="EPSG:4547")
    path = write(tmp_path / "a.gpkg", frame)
    path.write_bytes(path.read_bytes().replace("管线007".encode(), b"\xff\xfe\xfd\xff\xfe\xfd007"))
    tables = read(path, chunk_rows=5)
    assert [number for table in tables for number in table.rows.index] == list(range(1, 21))
    read_words = [cell for table in tables for cell in table.rows["名称"]]
    assert [word for number, word in enumerate(read_words) if number != 7] == words[:7] + words[8:]
    [note] = [note for table in tables for note in table.findings]
    assert (note.rule, note.row, note.severity) == ("IMP-TEXT", 8, "warning")
    assert str(note.value).endswith("007")
    assert read_words[7] is None
    assert caplog.records == []


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("originals")
    for name in ("a.gpkg", "a.shp", "a.geojson"):
        write(folder / name, geometry_type=None if name != "a.gpkg" else "Unknown")
    return folder


@given(
    part=st.sampled_from(["a.gpkg", "a.shp", "a.shx", "a.dbf", "a.geojson"]),
    flips=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
# The driver's words about a broken file need not be UTF-8, over which the callback that logs them stumbles.
@pytest.mark.filterwarnings("ignore:Exception ignored in. 'fiona._err:pytest.PytestUnraisableExceptionWarning")
def test_damage_is_refused_or_accounted_for(
    originals: Path, tmp_path: Path, part: str, flips: list[tuple[float, int]]
) -> None:
    shutil.copytree(originals, tmp_path, dirs_exist_ok=True)
    data = bytearray((tmp_path / part).read_bytes())
    for place, value in flips:
        data[int(place * len(data))] = value
    (tmp_path / part).write_bytes(data)
    path = tmp_path / ("a.shp" if part[2:] in ("shp", "shx", "dbf") else part)
    try:
        tables = read(path)
    except SourceError:
        return
    assert all(table.geometry is None or len(table.geometry) == len(table.rows) for table in tables)
