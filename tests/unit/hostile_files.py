"""Hostile files by name: each writes itself into a folder and gives the paths that are delivered."""

import io
import os
import sqlite3
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import libarchive
import shapely

from tests.unit.rar_files import link_5, write_rar4, write_rar5

Maker = Callable[[Path], list[Path]]
MAKERS: dict[str, Maker] = {}
SECRET = "file:///etc/hostname"
OUR_DATABASE = "PG:dbname=pipemap host=/var/lib/pipemap/socket tables=pipemap.node"
VRT = "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>{}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"
LAUGHS = (
    "<!DOCTYPE x [<!ENTITY a 'ha'>"
    + "".join(f"<!ENTITY {name} '{f'&{before};' * 10}'>" for before, name in zip("abcdefghi", "bcdefghij", strict=True))
    + "]>"
)
XXE = f"<!DOCTYPE x [<!ENTITY j SYSTEM '{SECRET}'>]>"
SHEET = (
    '<?xml version="1.0"?>{}<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">{}</worksheet>'
)


def hostile(maker: Maker) -> Maker:
    MAKERS[maker.__name__] = maker
    return maker


def zipped(folder: Path, members: dict[str, bytes], name: str = "a.zip") -> list[Path]:
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return [folder / name]


def linked(folder: Path, target: str, mode: int = 0o120777) -> list[Path]:
    info = zipfile.ZipInfo("points.csv")
    info.create_system, info.external_attr = 3, mode << 16
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr(info, target)
    return [folder / "a.zip"]


def text(folder: Path, name: str, content: str | bytes) -> list[Path]:
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return [folder / name]


def workbook(folder: Path, sheet: bytes, **parts: bytes) -> list[Path]:
    kinds = "http://schemas.openxmlformats.org/package/2006/content-types"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return zipped(
        folder,
        {
            "[Content_Types].xml": f'<Types xmlns="{kinds}"/>'.encode(),
            "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r" Type="{office}/officeDocument" '
            'Target="xl/workbook.xml"/></Relationships>'.encode(),
            "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="管点" sheetId="1" '
            'r:id="r1"/></sheets></workbook>'.encode(),
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
            f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>'.encode(),
            "xl/worksheets/sheet1.xml": sheet,
            **{name.replace("__", "/"): content for name, content in parts.items()},
        },
        "a.xlsx",
    )


def shapefile(folder: Path) -> Path:
    frame = gpd.GeoDataFrame({"k": ["a", "b"]}, geometry=shapely.points([[1, 2], [3, 4]]), crs=4547)
    frame.to_file(folder / "a.shp", engine="pyogrio")
    return folder / "a.shp"


def patched(path: Path, at: int, content: bytes) -> list[Path]:
    data = bytearray(path.read_bytes())
    data[at : at + len(content)] = content
    path.write_bytes(data)
    return [path.with_suffix(".shp")]


@hostile
def zip_bomb(folder: Path) -> list[Path]:
    return zipped(folder, {"points.csv": b"0" * 2**26})


@hostile
def zip_bomb_of_many_files(folder: Path) -> list[Path]:
    return zipped(folder, {f"{number}.csv": b"0" * 2**20 for number in range(60)})


@hostile
def zip_bomb_of_too_many_entries(folder: Path) -> list[Path]:
    return zipped(folder, {f"{number}.csv": b"" for number in range(10_001)})


@hostile
def zip_whose_header_lies_of_its_size(folder: Path) -> list[Path]:
    (path,) = zipped(folder, {"points.csv": b"0" * 2**25})
    size = struct.pack("<I", 2**25)
    path.write_bytes(path.read_bytes().replace(size, struct.pack("<I", 10)))
    return [path]


@hostile
def zip_with_two_dots(folder: Path) -> list[Path]:
    return zipped(folder, {"../../outside.csv": b"a,b\n1,2\n"})


@hostile
def zip_with_two_dots_of_windows(folder: Path) -> list[Path]:
    return zipped(folder, {"..\\..\\outside.csv": b"a,b\n1,2\n"})


@hostile
def zip_with_an_absolute_name(folder: Path) -> list[Path]:
    return zipped(folder, {"/tmp/pipemap-outside.csv": b"a,b\n1,2\n"})


@hostile
def zip_with_a_drive(folder: Path) -> list[Path]:
    return zipped(folder, {"C:\\outside.csv": b"a,b\n1,2\n"})


@hostile
def zip_with_a_share(folder: Path) -> list[Path]:
    return zipped(folder, {"\\\\host\\outside.csv": b"a,b\n1,2\n"})


@hostile
def zip_with_a_link(folder: Path) -> list[Path]:
    return linked(folder, "/etc/passwd")


@hostile
def zip_with_a_link_to_a_folder(folder: Path) -> list[Path]:
    return linked(folder, "../..")


@hostile
def zip_with_a_pipe(folder: Path) -> list[Path]:
    return linked(folder, "", 0o010666)


@hostile
def zip_with_a_device(folder: Path) -> list[Path]:
    return linked(folder, "", 0o060666)


@hostile
def zip_in_a_zip(folder: Path) -> list[Path]:
    (inner,) = zipped(folder, {"points.csv": b"1"}, "inner.zip")
    return zipped(folder, {"inner.zip": inner.read_bytes()})


@hostile
def zip_that_is_its_own_content(folder: Path) -> list[Path]:
    inner = b"1"
    for depth in range(6):
        (path,) = zipped(folder, {f"{depth}.zip" if depth else "a.csv": inner}, "deep.zip")
        inner = path.read_bytes()
    return [path]


@hostile
def bomb_as_7z(folder: Path) -> list[Path]:
    with libarchive.file_writer(str(folder / "a.7z"), "7zip") as archive:
        archive.add_file_from_memory("points.csv", 2**26, b"0" * 2**26)
    return [folder / "a.7z"]


@hostile
def rar_with_two_dots(folder: Path) -> list[Path]:
    return [write_rar4(folder / "a.rar", {b"..\\..\\outside.csv": b"a,b\n1,2\n"})]


@hostile
def rar_with_an_absolute_name(folder: Path) -> list[Path]:
    return [write_rar5(folder / "a.rar", {"/tmp/pipemap-outside.csv": b"a,b\n1,2\n"})]


@hostile
def rar_with_a_link(folder: Path) -> list[Path]:
    return [write_rar5(folder / "a.rar", {"points.csv": b""}, file_extra=link_5("/etc/passwd"))]


@hostile
def rar_of_a_thousand_million_bytes_that_are_not_there(folder: Path) -> list[Path]:
    path = write_rar4(folder / "a.rar", {b"points.csv": b"1" * 1000})
    path.write_bytes(path.read_bytes().replace(struct.pack("<II", 1000, 1000), struct.pack("<II", 1000, 2**32 - 1)))
    return [path]


@hostile
def tar_in_a_zip(folder: Path) -> list[Path]:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("../outside.csv"))
    return zipped(folder, {"a.tar.gz": held.getvalue()})


@hostile
def zip_with_the_same_name_twice(folder: Path) -> list[Path]:
    with zipfile.ZipFile(folder / "a.zip", "w") as archive:
        archive.writestr("points.csv", b"a")
        archive.writestr("sub/../points.csv", b"b")
    return [folder / "a.zip"]


@hostile
def kmz_bomb(folder: Path) -> list[Path]:
    return zipped(folder, {"doc.kml": b" " * 2**26}, "a.kmz")


def _foreign(name: str) -> Maker:
    def make(folder: Path) -> list[Path]:
        return text(folder, name, VRT.format(OUR_DATABASE))

    return make


for _name in ("a.gpkg", "a.geojson", "a.json", "a.fgb", "a.gml", "a.kml", "a.tab", "a.mif", "a.xml"):
    MAKERS[f"vrt_of_our_database_as_{_name[2:]}"] = _foreign(_name)


@hostile
def vrt_of_our_database(folder: Path) -> list[Path]:
    return text(folder, "a.vrt", VRT.format(OUR_DATABASE))


@hostile
def vrt_in_a_zip(folder: Path) -> list[Path]:
    return zipped(folder, {"a.vrt": VRT.format("/vsicurl/http://127.0.0.1:1/a.geojson").encode()})


@hostile
def vrt_behind_a_shapefile(folder: Path) -> list[Path]:
    shapefile(folder)
    return text(folder, "a.shp", VRT.format(OUR_DATABASE))


@hostile
def sqlite_that_names_our_database(folder: Path) -> list[Path]:
    with sqlite3.connect(folder / "a.gpkg") as file:
        file.execute("PRAGMA application_id = 1196444487")
        file.execute("CREATE TABLE gpkg_contents (table_name TEXT, data_type TEXT, identifier TEXT, srs_id INTEGER)")
        file.execute("INSERT INTO gpkg_contents VALUES (?, 'features', ?, 4547)", [OUR_DATABASE, OUR_DATABASE])
        file.execute(f"CREATE TABLE vrt (definition TEXT DEFAULT '{VRT.format(OUR_DATABASE).replace(chr(39), '')}')")
    return [folder / "a.gpkg"]


@hostile
def geopackage_with_a_view_without_end(folder: Path) -> list[Path]:
    frame = gpd.GeoDataFrame({"k": ["a"]}, geometry=shapely.points([[1, 2]]), crs=4547)
    frame.to_file(folder / "a.gpkg", layer="points", engine="pyogrio")
    with sqlite3.connect(folder / "a.gpkg") as file:
        file.execute("PRAGMA writable_schema = 1")
        without_end = (
            "CREATE VIEW points AS WITH RECURSIVE n(fid) AS (SELECT 1 UNION ALL SELECT fid + 1 FROM n) "
            "SELECT fid, randomblob(1000000) AS geom, 'k' AS k FROM n"
        )
        file.execute(
            "UPDATE sqlite_master SET type = 'view', rootpage = 0, sql = ? WHERE name = 'points'", [without_end]
        )
    return [folder / "a.gpkg"]


@hostile
def shp_of_more_shapes_than_it_holds(folder: Path) -> list[Path]:
    path = shapefile(folder)
    return patched(path.with_suffix(".shx"), 24, struct.pack(">i", 2**30))


@hostile
def shp_with_a_record_of_two_gigabytes(folder: Path) -> list[Path]:
    return patched(shapefile(folder), 104, struct.pack(">i", 2**30 - 1))


@hostile
def shp_with_a_line_of_a_thousand_million_points(folder: Path) -> list[Path]:
    frame = gpd.GeoDataFrame({"k": ["a"]}, geometry=[shapely.LineString([(1, 2), (3, 4)])], crs=4547)
    frame.to_file(folder / "a.shp", engine="pyogrio")
    return patched(folder / "a.shp", 100 + 8 + 4 + 32, struct.pack("<ii", 2**29, 2**30))


@hostile
def dbf_of_more_rows_than_it_holds(folder: Path) -> list[Path]:
    path = shapefile(folder)
    return patched(path.with_suffix(".dbf"), 4, struct.pack("<I", 2**31 - 1))


@hostile
def dbf_with_a_record_length_of_nothing(folder: Path) -> list[Path]:
    path = shapefile(folder)
    return patched(path.with_suffix(".dbf"), 10, struct.pack("<H", 0))


@hostile
def flatgeobuf_that_claims_a_header_of_gigabytes(folder: Path) -> list[Path]:
    return text(folder, "a.fgb", b"fgb\x03fgb\x00" + struct.pack("<I", 2**31 - 1) + b"\0" * 64)


@hostile
def gml_with_a_foreign_entity(folder: Path) -> list[Path]:
    return text(folder, "a.gml", f"<?xml version='1.0'?>{XXE}<FeatureCollection>&j;</FeatureCollection>")


@hostile
def gml_of_a_thousand_million_laughs(folder: Path) -> list[Path]:
    return text(folder, "a.gml", f"<?xml version='1.0'?>{LAUGHS}<FeatureCollection>&j;</FeatureCollection>")


@hostile
def kml_of_a_thousand_million_laughs(folder: Path) -> list[Path]:
    return text(folder, "a.kml", f"<?xml version='1.0'?>{LAUGHS}<kml>&j;</kml>")


@hostile
def landxml_with_a_foreign_entity(folder: Path) -> list[Path]:
    return text(folder, "a.xml", f"<?xml version='1.0'?>{XXE}<LandXML version='1.2'><Project name='&j;'/></LandXML>")


@hostile
def landxml_of_a_thousand_million_laughs(folder: Path) -> list[Path]:
    return text(folder, "a.xml", f"<?xml version='1.0'?>{LAUGHS}<LandXML version='1.2'><Project name='&j;'/></LandXML>")


@hostile
def interlis_of_a_thousand_million_laughs(folder: Path) -> list[Path]:
    return text(folder, "a.xtf", f"<?xml version='1.0'?>{LAUGHS}<TRANSFER><DATASECTION>&j;</DATASECTION></TRANSFER>")


@hostile
def interlis_with_a_foreign_entity(folder: Path) -> list[Path]:
    return text(folder, "a.xtf", f"<?xml version='1.0'?>{XXE}<TRANSFER><DATASECTION>&j;</DATASECTION></TRANSFER>")


@hostile
def workbook_bomb(folder: Path) -> list[Path]:
    row = b"<row><c><v>1</v></c></row>"
    head, tail = SHEET.format("", "<sheetData>@</sheetData>").encode().split(b"@")
    return workbook(folder, head + row * (2**27 // len(row)) + tail)


@hostile
def workbook_of_a_cell_at_the_far_corner(folder: Path) -> list[Path]:
    cells = '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    return workbook(folder, SHEET.format("", f"<sheetData>{cells}</sheetData>").encode())


@hostile
def workbook_of_a_thousand_million_laughs(folder: Path) -> list[Path]:
    cells = '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&j;</t></is></c></row></sheetData>'
    return workbook(folder, SHEET.format(LAUGHS, cells).encode())


@hostile
def workbook_with_a_foreign_entity(folder: Path) -> list[Path]:
    cells = '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>&j;</t></is></c></row></sheetData>'
    return workbook(folder, SHEET.format(XXE, cells).encode())


@hostile
def spreadsheetml_of_a_thousand_million_laughs(folder: Path) -> list[Path]:
    return text(
        folder,
        "a.xls",
        f'<?xml version="1.0"?>{LAUGHS}<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">&j;</Workbook>',
    )


@hostile
def table_as_a_web_page_of_laughs(folder: Path) -> list[Path]:
    return text(folder, "a.xls", f"<html>{LAUGHS}<table><tr><td>&j;</td></tr></table></html>")


@hostile
def drawing_of_a_line_without_end(folder: Path) -> list[Path]:
    return text(folder, "a.dxf", "0\nSECTION\n2\nENTITIES\n0\nLWPOLYLINE\n90\n2000000000\n10\n")


@hostile
def drawing_whose_block_holds_itself(folder: Path) -> list[Path]:
    insert = "0\nINSERT\n8\n0\n2\nB\n10\n0\n20\n0\n"
    blocks = f"0\nSECTION\n2\nBLOCKS\n0\nBLOCK\n8\n0\n2\nB\n70\n0\n10\n0\n20\n0\n{insert * 9}0\nENDBLK\n0\nENDSEC\n"
    return text(folder, "a.dxf", f"{blocks}0\nSECTION\n2\nENTITIES\n{insert}0\nENDSEC\n0\nEOF\n")


@hostile
def ifc_that_names_itself_without_end(folder: Path) -> list[Path]:
    return text(
        folder,
        "a.ifc",
        "ISO-10303-21;\nHEADER;\nFILE_SCHEMA(('IFC4'));\nENDSEC;\nDATA;\n#1=IFCLOCALPLACEMENT(#1,#1);\n"
        "#2=IFCPIPESEGMENT('0',$,$,$,$,#1,$,$,$);\nENDSEC;\nEND-ISO-10303-21;\n",
    )


@hostile
def epanet_model_of_one_endless_line(folder: Path) -> list[Path]:
    return text(folder, "a.inp", "[JUNCTIONS]\n" + "J" * 2**22 + "\n[PIPES]\nP 1 2\n[END]\n")


@hostile
def access_database_of_nothing(folder: Path) -> list[Path]:
    return text(folder, "a.mdb", b"\x00\x01\x00\x00Standard Jet DB\x00" + b"\xff" * 2**16)


@hostile
def link_to_a_file_outside(folder: Path) -> list[Path]:
    os.symlink("/etc/passwd", folder / "a.gpkg")
    return [folder / "a.gpkg"]


@hostile
def device_without_end(folder: Path) -> list[Path]:
    os.symlink("/dev/zero", folder / "a.csv")
    return [folder / "a.csv"]


@hostile
def pipe_that_nobody_fills(folder: Path) -> list[Path]:
    os.mkfifo(folder / "a.csv")
    return [folder / "a.csv"]
