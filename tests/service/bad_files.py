"""Deliveries that no surveyor should hand in, and one good one they are made from."""

import random
import zipfile
from pathlib import Path

import ezdxf
import openpyxl
import pyogrio
import shapely
from geopandas import GeoDataFrame

NORTH, EAST = 2_494_000, 492_000
POINTS = f"""物探点号,管线类型,特征,附属物,X,Y,地面高程
A,JS,弯头,,{NORTH},{EAST},10
B,JS,三通,阀门,{NORTH},{EAST + 30},10
C,JS,弯头,,{NORTH},{EAST + 60},10
"""
LINES = """起点点号,终点点号,管线类型,起点埋深,终点埋深,管径,材质
A,B,JS,1,1,300,PE
B,C,JS,1,1,三百,PE
"""
_HEADER = POINTS.splitlines()[0]
_VRT = (
    '<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>points.csv</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>'
)


def write_bad_files(folder: Path) -> None:
    """Write every file of this module into a folder; `points.csv` and `lines.csv` are the good ones."""
    (folder / "points.csv").write_text(POINTS, encoding="utf-8")
    (folder / "lines.csv").write_text(LINES, encoding="utf-8")
    for suffix in ("csv", "xlsx", "mdb", "shp", "gpkg", "geojson", "dxf", "inp", "zip"):
        (folder / f"empty.{suffix}").write_bytes(b"")
    _write_tables(folder)
    _write_layers(folder)
    _write_drawings(folder)
    _write_archives(folder)
    _write_profiles(folder)
    (folder / "jet.mdb").write_bytes(b"\0\1\0\0Standard Jet DB\0" + b"\0" * 1000)
    (folder / "pages.mdb").write_bytes((b"\0\1\0\0Standard Jet DB\0" + b"\7" * 4096)[:4096])
    (folder / "renamed.mdb").write_text(POINTS)
    (folder / "garbage.inp").write_bytes(random.Random(3).randbytes(4000))
    (folder / "words.inp").write_text("[JUNCTIONS]\n A ten\n[PIPES]\n P A B\n")
    (folder / "letter.doc").write_bytes(b"x")
    for name in ("folder", "folder.csv", "folder.shp", "folder.dxf", "folder.inp", "folder.mdb", "folder.gdb"):
        (folder / name).mkdir()


def _write_tables(folder: Path) -> None:
    (folder / "zeros.csv").write_bytes(POINTS.encode() + b"\0\0\0")
    (folder / "bytes.csv").write_bytes(random.Random(1).randbytes(4000))
    (folder / "latin.csv").write_bytes(_HEADER.encode() + b"\n" + b"\xff\xfe\xe9" * 50)
    (folder / "swapped.csv").write_text(f"{_HEADER}\nA,JS,,,{EAST},{NORTH},10\nB,JS,,,{EAST},{NORTH + 30},10\n")
    (folder / "schematic.csv").write_text(f"{_HEADER}\nA,JS,,,10,20,10\nB,JS,,,30,40,10\n")
    (folder / "headless.csv").write_text("hello\nworld\n")
    (folder / "header.csv").write_text(_HEADER + "\n")
    book = openpyxl.Workbook()
    book.save(folder / "blank.xlsx")
    whole = (folder / "blank.xlsx").read_bytes()
    (folder / "cut.xlsx").write_bytes(whole[: len(whole) // 2])
    (folder / "renamed.xlsx").write_text(POINTS)


def _write_layers(folder: Path) -> None:
    lines = [shapely.LineString([(EAST, NORTH, 5), (EAST + 30, NORTH, 5)])]
    frame = GeoDataFrame({"管径": [300]}, geometry=lines, crs="EPSG:4547")
    for name in ("noprj", "noshx", "badprj", "cutshp"):
        pyogrio.write_dataframe(frame, folder / f"{name}.shp")
    (folder / "noprj.prj").unlink()
    (folder / "noshx.shx").unlink()
    (folder / "badprj.prj").write_text("PROJCS[")
    (folder / "cutshp.shp").write_bytes((folder / "cutshp.shp").read_bytes()[:120])
    (folder / "vrt.shp").write_text(_VRT)
    (folder / "vrt.geojson").write_text(_VRT)
    (folder / "renamed.gpkg").write_text(POINTS)
    pyogrio.write_dataframe(frame, folder / "whole.gpkg")
    whole = (folder / "whole.gpkg").read_bytes()
    (folder / "cut.gpkg").write_bytes(whole[: len(whole) // 2])
    (folder / "cut.geojson").write_text('{"type": "FeatureCollection", "features": [{"type": "Feat')


def _write_drawings(folder: Path) -> None:
    drawing = ezdxf.new()
    drawing.modelspace().add_line((EAST, NORTH), (EAST + 30, NORTH))
    drawing.saveas(folder / "bare.dxf")
    (folder / "cut.dxf").write_text((folder / "bare.dxf").read_text()[:5000])
    (folder / "drawing.dwg").write_bytes(b"AC1027" + b"\0" * 500)


def _write_archives(folder: Path) -> None:
    with zipfile.ZipFile(folder / "outside.zip", "w") as archive:
        archive.writestr("../points.csv", POINTS)
    with zipfile.ZipFile(folder / "nothing.zip", "w"):
        pass
    (folder / "renamed.zip").write_text(POINTS)


def _write_profiles(folder: Path) -> None:
    (folder / "broken.toml").write_text("[columns\n")
    (folder / "wrong.toml").write_text('name = "wrong"\ntitle = "wrong"\naxis = "sideways"\n')
    (folder / "alien.toml").write_text('name = "alien"\ntitle = "alien"\n[columns.node]\ncolour = ["颜色"]\n')
    (folder / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    (folder / "pattern.toml").write_text(
        'name = "pattern"\ntitle = "pattern"\nextends = "default"\n[roles]\nnode = ["("]\n'
    )
    (folder / "rules.toml").write_text("[R03\n")
    (folder / "rules_alien.toml").write_text("[R999]\nseverity = 'error'\n")
