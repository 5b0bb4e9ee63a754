"""Hostile GIS files: nothing outside them is opened or fetched, and damage is refused or accounted for."""

import json
import shutil
import socket
import sqlite3
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import geopandas as gpd
import pyogrio
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.delivery import read_delivery
from importers.gis import GisReader
from importers.passing import packed, unpacked
from pipemap.confined import confined
from pipemap.errors import SourceError
from pipemap.sandbox import Limits

NAMES = ["a.shp", "a.gpkg", "a.geojson", "a.geojsonl", "a.fgb", "a.gml", "a.kml", "a.tab", "a.mif", "a.dbf"]
N_ROWS = 40
VRT = "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>{0}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        list(GisReader().read([path], {}))
    message = raised.value.message
    assert message.startswith(path.name)
    assert "/" not in message
    assert "\n" not in message
    assert raised.value.details["message_zh"]
    return message


class Doorbell:
    """An address on this machine that knows whether somebody came."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def rang(self) -> bool:
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def doorbell(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doorbell]:
    # Curl goes past a proxy for these hosts, so that the proxy is not what keeps the door shut here.
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    bell = Doorbell()
    yield bell
    bell.close()


GML = """<?xml version="1.0"?>{doctype}<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs"
 xmlns:ogr="http://ogr.maptools.org/" xmlns:gml="http://www.opengis.net/gml"
 xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://ogr.maptools.org/ {url}/wfs?SERVICE=WFS&amp;REQUEST=DescribeFeatureType&amp;TYPENAME=a">
 <gml:featureMember><ogr:a fid="1"><ogr:k>{entity}</ogr:k><ogr:r xlink:href="{url}/link"/><ogr:geom>
 <gml:Point srsName="{url}/crs"><gml:pos>1 2</gml:pos></gml:Point></ogr:geom></ogr:a></gml:featureMember>
</wfs:FeatureCollection>"""


def test_gml_makes_nobody_fetch_schemas_links_or_systems(tmp_path: Path, doorbell: Doorbell) -> None:
    (tmp_path / "a.gml").write_text(GML.format(doctype="", url=doorbell.url, entity="7"))
    [table] = GisReader().read([tmp_path / "a.gml"], {})
    assert table.rows["k"].tolist() == ["7"]
    assert not doorbell.rang()


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY e SYSTEM "{url}/xxe">]>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE x SYSTEM "{url}/x.dtd" [<!ENTITY e "1">]>',
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;"><!ENTITY e "&b;&b;&b;&b;&b;&b;">]>',
    ],
)
@pytest.mark.parametrize("name", ["a.gml", "a.kml"])
def test_document_types_are_refused(tmp_path: Path, doorbell: Doorbell, doctype: str, name: str) -> None:
    doctype = doctype.format(url=doorbell.url)
    (tmp_path / name).write_text(GML.format(doctype=doctype, url=doorbell.url, entity="&e;"))
    assert "take the DOCTYPE out" in refusal(tmp_path / name)
    assert not doorbell.rang()


def test_kml_makes_nobody_follow_network_links(tmp_path: Path, doorbell: Doorbell) -> None:
    (tmp_path / "a.kml").write_text(
        f"""<kml xmlns="http://www.opengis.net/kml/2.2"><Document><name>d</name><Style id="s"><IconStyle><Icon>
        <href>{doorbell.url}/i.png</href></Icon></IconStyle></Style><NetworkLink><Link><href>{doorbell.url}/n.kml</href>
        </Link></NetworkLink><Placemark><styleUrl>{doorbell.url}/s.kml#s</styleUrl><Point><coordinates>114,22
        </coordinates></Point></Placemark></Document></kml>"""
    )
    [table] = GisReader().read([tmp_path / "a.kml"], {})
    assert len(table.rows) == 1
    assert not doorbell.rang()


@pytest.mark.parametrize("name", ["a.geojson", "a.geojsonl"])
@pytest.mark.parametrize("member", ["crs", "\\u0063\\u0072s"])
@pytest.mark.parametrize("kind", ["link", "url", "\\u006cink"])
def test_a_crs_by_address_is_refused_not_fetched(
    tmp_path: Path, doorbell: Doorbell, name: str, member: str, kind: str
) -> None:
    (tmp_path / name).write_text(
        f'{{"type":"FeatureCollection","{member}" :\n {{"type":"{kind}","properties":{{"href":"{doorbell.url}/crs",'
        '"type":"proj4"}},"features":[{"type":"Feature","properties":{},"geometry":null}]}'
    )
    assert "name the system with --crs" in refusal(tmp_path / name)
    assert not doorbell.rang()


def test_an_attribute_called_crs_is_only_an_attribute(tmp_path: Path) -> None:
    feature = {"type": "Feature", "properties": {"crs": {"type": "name", "a": 1}, "k": 1}, "geometry": None}
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    [table] = GisReader().read([tmp_path / "a.geojson"], {})
    assert table.rows["k"].tolist() == [1]


@pytest.mark.parametrize("name", NAMES)
def test_a_vrt_under_another_name(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("k\n1\n")
    (tmp_path / name).write_text(VRT.format(secret))
    assert "whatever its name says" in refusal(tmp_path / name)


@pytest.mark.parametrize("name", ["a.gml", "a.kml", "a.tab", "a.mif"])
def test_a_vrt_behind_the_first_line(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("k\n1\n")
    first = {
        "a.gml": "<gml xmlns='http://www.opengis.net/gml'>{0}</gml>",
        "a.kml": "<kml>{0}</kml>",
        "a.tab": "!table\n!version 300\n{0}\nType NATIVE\n",
        "a.mif": "Version 300\n{0}\nColumns 1\n  a Char(3)\nData\nNONE\n",
    }
    for suffix in (".dat", ".mid"):
        (tmp_path / "a.x").with_suffix(suffix).write_text('"1"\n')
    (tmp_path / name).write_text(first[name].format(VRT.format(secret)))
    refusal(tmp_path / name)


def test_a_vrt_within_a_topology_of_the_same_layer(tmp_path: Path) -> None:
    secret, file = tmp_path / "secret.csv", tmp_path / "a.topojson"
    secret.write_text("k\n1\n")
    line = {"type": "LineString", "arcs": [0], "properties": {"dn": 200}}
    objects = {"secret": {"type": "GeometryCollection", "geometries": [line]}}
    vrt = VRT.format(secret).replace("'a'", "'secret'")
    file.write_text(json.dumps({"type": "Topology", "note": vrt, "objects": objects, "arcs": [[[114, 22], [114, 23]]]}))
    [table] = GisReader().read([file], {})
    assert "k" not in table.rows
    assert table.rows["dn"].tolist() == [200]


@pytest.mark.parametrize("name", [*NAMES, "a.gdb", "a.ndjson"])
@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"<", b"PK\x03\x04", b"\x00\x00\x27\x0a", b"SQLite format 3\x00", b"fgb\x03fgb\x00", bytes(4096)],
)
def test_empty_and_foreign_content(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    refusal(tmp_path / name)


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same pipes in every format, in degrees."""
    folder = tmp_path_factory.mktemp("originals")
    lines = [shapely.LineString([(114 + n / 1e4, 22), (114 + (n + 1) / 1e4, 22)]) for n in range(N_ROWS)]
    frame = gpd.GeoDataFrame({"名称": [f"管{n}" for n in range(N_ROWS)], "dn": range(N_ROWS)}, geometry=lines, crs=4326)
    drivers = {"a.kml": "LIBKML", "a.gdb": "OpenFileGDB", "a.tab": "MapInfo File", "a.mif": "MapInfo File"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in [name for name in NAMES if name != "a.dbf"] + ["a.gdb"]:
            # MapInfo's and the shapefile's parts would overwrite each other.
            (folder / name[2:]).mkdir()
            pyogrio.write_dataframe(frame, folder / name[2:] / name, driver=drivers.get(name), encoding="UTF-8")
    return folder


def test_a_geodatabase_table_that_claims_no_rows_is_not_taken_for_empty(originals: Path, tmp_path: Path) -> None:
    shutil.copytree(originals / "gdb" / "a.gdb", tmp_path / "a.gdb")
    # The layer's own table is the last one; its count of rows stands behind the version.
    table = max((tmp_path / "a.gdb").glob("*.gdbtable"))
    content = bytearray(table.read_bytes())
    assert int.from_bytes(content[4:8], "little") == N_ROWS
    content[4:8] = bytes(4)
    table.write_bytes(content)
    assert f"its index lists {N_ROWS} rows" in refusal(tmp_path / "a.gdb")


def test_a_geodatabase_table_of_which_all_rows_were_deleted_is_empty(originals: Path, tmp_path: Path) -> None:
    shutil.copytree(originals / "gdb" / "a.gdb", tmp_path / "a.gdb")
    table = max((tmp_path / "a.gdb").glob("*.gdbtable"))
    index = table.with_suffix(".gdbtablx")
    table.write_bytes(table.read_bytes()[:4] + bytes(4) + table.read_bytes()[8:])
    # A deleted row has no offset; 1024 rows of 5 bytes stand behind a header of 16.
    index.write_bytes(index.read_bytes()[:16] + bytes(1024 * 5) + index.read_bytes()[16 + 1024 * 5 :])
    tables = list(GisReader().read([tmp_path / "a.gdb"], {}))
    assert [(len(each.rows), each.refused_rows) for each in tables] == [(0, 0)]


@pytest.mark.parametrize("far", [1e15, -1e155, 2.88e214])
def test_a_place_beyond_all_reckoning_is_a_finding_and_the_other_rows_are_loaded(tmp_path: Path, far: float) -> None:
    ends = [(500_000 + 10 * n, 2_500_000) for n in range(5)]
    lines = [shapely.LineString(pair) for pair in pairwise(ends)]
    lines[2] = shapely.LineString([ends[2], (far, 2_500_000)])
    frame = gpd.GeoDataFrame({"管径": [300] * len(lines)}, geometry=lines, crs=4547)
    pyogrio.write_dataframe(frame, tmp_path / "a.gpkg", layer="给水管线")
    delivery = read_delivery([tmp_path / "a.gpkg"], srid=4547, default_class="water")
    assert len(delivery.segments) == len(lines) - 1
    assert [finding.row for finding in delivery.findings if finding.rule == "IMP-GEOMETRY"] == [3]


PARTS = {
    "shp": ["a.shp", "a.shx", "a.dbf"],
    "tab": ["a.tab", "a.dat", "a.map", "a.id"],
    "mif": ["a.mif", "a.mid"],
    "gdb": ["a.gdb"],
} | {name[2:]: [name] for name in ("a.gpkg", "a.geojson", "a.geojsonl", "a.fgb", "a.gml", "a.kml")}


# What fiona cannot decode in GDAL's messages about damaged names it tells in this way.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@given(
    where=st.sampled_from([(kind, part) for kind, parts in PARTS.items() for part in parts]),
    flips=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), min_size=1, max_size=8),
    kept=st.sampled_from([1.0, 1.0, 0.9, 0.5]),
)
@settings(
    max_examples=150, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_damage_is_refused_or_every_row_accounted_for(
    originals: Path, tmp_path: Path, where: tuple[str, str], flips: list[tuple[float, int]], kept: float
) -> None:
    kind, part = where
    shutil.rmtree(tmp_path)
    shutil.copytree(originals / kind, tmp_path)
    victims = sorted((tmp_path / part).rglob("*.gdbtabl*")) if kind == "gdb" else [tmp_path / part]
    victim = victims[flips[0][1] % len(victims)]
    content = bytearray(victim.read_bytes())
    for place, value in flips:
        content[int(place * len(content))] = value
    victim.write_bytes(content[: int(len(content) * kept)])
    try:
        tables = list(GisReader().read([tmp_path / f"a.{kind}"], {}))
    except SourceError:
        return
    assert all(table.geometry is None or len(table.geometry) == len(table.rows) for table in tables)
    n_read = sum(len(set(table.rows.index)) for table in tables)
    n_refused = sum(table.refused_rows for table in tables)
    told = [note for table in tables for note in table.findings]
    assert n_read + n_refused == N_ROWS or told, (kind, part)


def test_a_field_that_goes_beyond_the_records_of_its_table_is_refused_or_read(tmp_path: Path) -> None:
    file = tmp_path / "管线.shp"
    places = [shapely.LineString([(500000 + n, 2490000), (500000 + n, 2490030)]) for n in range(3)]
    gpd.GeoDataFrame({"材质": ["铸铁"] * 3}, geometry=places, crs=4547).to_file(file, encoding="gbk")
    file.with_suffix(".cpg").unlink()
    table = bytearray(file.with_suffix(".dbf").read_bytes())
    table[32 + 16] = 254
    file.with_suffix(".dbf").write_bytes(table)
    try:
        tables = list(GisReader().read([file], {}))
    except SourceError:
        return
    assert sum(len(table.rows) + table.refused_rows for table in tables) == 3


def test_a_database_whose_schema_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.gpkg"
    pyogrio.write_dataframe(gpd.GeoDataFrame({"k": [1]}, geometry=[shapely.Point(1, 2)], crs=4326), file)
    file.write_bytes(file.read_bytes().replace(b"CREATE TRIGGER", b"CREATE \x80RIGGER"))
    assert "a.gpkg is damaged: its schema is no text" in refusal(file)


@pytest.mark.parametrize("name", ["a.gpkg", "a.sqlite"])
@pytest.mark.parametrize("journal", ["delete", "wal"])
@pytest.mark.parametrize("made", ["VirtualText('{0}', 'UTF-8', 0, POINT, NONE, ',')", "VirtualOGR('{0}')"])
def test_a_database_that_reads_other_files_by_a_virtual_table(
    tmp_path: Path, name: str, journal: str, made: str
) -> None:
    secret, file = tmp_path / "secret.csv", tmp_path / name
    secret.write_text("k\n1\n")
    pyogrio.write_dataframe(
        gpd.GeoDataFrame({"k": [1]}, geometry=[shapely.Point(1, 2)], crs=4326), file, layer="pipes",
        driver="GPKG" if name == "a.gpkg" else "SQLite",
    )  # fmt: skip
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA journal_mode = {journal}")
    connection.execute("PRAGMA writable_schema = ON")
    sql = f"CREATE VIRTUAL TABLE gas_main USING {made.format(secret)}"
    row = (
        "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) VALUES ('table', 'gas_main', 'gas_main', 0, ?)"
    )
    connection.execute(row, (sql,))
    connection.commit()
    assert "is read from elsewhere, “gas_main”" in refusal(file)
    connection.close()


@pytest.mark.parametrize("within", ["<f:a>" * 300 + "x" + "</f:a>" * 300, f"<f:a>{'x' * 10_500_000}</f:a>"])
def test_features_laid_deeper_or_with_longer_texts_than_any_reader_of_xml_takes(tmp_path: Path, within: str) -> None:
    names = 'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:f="http://inspire.ec.europa.eu/schemas/net/4.0"'
    member = f"<gml:featureMember><f:Pipe>{within}</f:Pipe></gml:featureMember>"
    (tmp_path / "a.gml").write_text(f"<gml:FeatureCollection {names}>{member}</gml:FeatureCollection>")
    assert "cannot be read as XML" in refusal(tmp_path / "a.gml")


def test_descriptions_of_blanks_and_brackets_do_not_keep_their_reader_busy(tmp_path: Path) -> None:
    path, name = tmp_path / "a.kml", "depth &lt; 3 m: &lt;b&gt;yes&lt;/b&gt;"
    texts = [f"size: {' ' * 90_000}x", "&lt;" * 90_000, name]
    marks = "".join(
        f"<Placemark><description>{text}</description><Point><coordinates>114,22</coordinates></Point></Placemark>"
        for text in texts
    )
    path.write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{marks}</Document></kml>')
    reading = confined(path, lambda: map(packed, GisReader().read([path], {})), Limits(cpu_s=8))
    [rows] = [unpacked(table).rows for table in reading]
    assert rows["size"].tolist() == ["x", None, None]
    assert rows["depth < 3 m"].tolist() == [None, None, "yes"]
