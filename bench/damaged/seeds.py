"""Whole deliveries to be damaged: small real ones, cut-down large ones, and made ones of the other formats."""

import random
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pyogrio
import shapely

from importers.delivery import find_reader
from tests.unit.old_workbooks import write_ods, write_xls
from tests.unit.test_isybau_reader import FILE as ISYBAU

# Of larger tables the first lines are enough; of other kinds the smaller ones have what the large ones have.
_CUT_BYTES = 20_000
_LARGE_BYTES = 600_000
_SUFFIXES = {
    ".csv", ".mdb", ".gpkg", ".geojson", ".gml", ".zip", ".xtf", ".dxf", ".inp", ".xml", ".ifc",
}  # fmt: skip
_ONLY_LARGE = (".mdb", ".xtf")
_TOLD = {"srid": 4547, "default_class": "water"}
# By folder of the real deliveries.
_TOLD_OF: Mapping[str, Mapping[str, Any]] = {
    "giswater-samples": {"srid": 25831},
    "gww-sewer-melbourne": {"srid": 7855},
    "ifc-landxml-drainage": {"srid": 3878, "source_crs": "EPSG:3878"},
    "plateau-nagaoka-unf": {"srid": 6676},
    "schutterwald-gas-heat": {"srid": 31467},
    "swmm-networks": {"srid": 25832},
    "teksi-dss-wastewater": {"srid": 2056},
    "zaatari-wastewater": {"srid": 32637},
}
_WRITTEN: Mapping[str, Mapping[str, str]] = {
    "made.shp": {"ENCODING": "GBK"},
    "made.gpkg": {},
    "made.gdb": {"driver": "OpenFileGDB"},
    "made.geojson": {},
    "made.ndjson": {"driver": "GeoJSONSeq"},
    "made.gml": {},
    "made.kml": {"driver": "LIBKML"},
    "made.tab": {"driver": "MapInfo File"},
    "made.mif": {"driver": "MapInfo File"},
    "made.fgb": {},
    "made.sqlite": {"driver": "SQLite"},
}
_POINTS = (
    ("点号", "连接点号", "X坐标", "Y坐标", "地面高程", "特征", "附属物", "材质", "管径", "埋深", "备注"),
    *(
        (f"WS{n}", f"WS{n + 1}", 2_490_000.5 + 10 * n, 500_000.25, 21.5, "直线点", "检查井", "PVC", "300", 1.25, "/")
        for n in range(30)
    ),
)


@dataclass(frozen=True)
class Seed:
    """One delivery of one dataset: the file to be read, the contents of all that belong to it, and what is told of it.

    What is told are arguments of `importers.delivery.read_delivery`.
    """

    name: str
    main: str
    parts: Mapping[str, bytes] = field(repr=False)
    told: Mapping[str, Any] = field(default_factory=dict)

    def write(self, folder: Path, parts: Mapping[str, bytes]) -> Path:
        """Write damaged parts in the place of its own; the path to be read."""
        for name, content in parts.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        return folder / self.main


def seeds(folder: Path, scratch: Path) -> dict[str, list[Seed]]:
    """The deliveries for each reader; one that would take too long to damage ten thousand times is cut."""
    found: dict[str, list[Seed]] = {}
    made = list(_made(scratch))
    real = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in _SUFFIXES]
    real = [path for path in real if path.stat().st_size < _LARGE_BYTES or path.suffix in _ONLY_LARGE]
    for seed in [*made, *(_cut(folder, path) for path in real)]:
        path = seed.write(scratch, seed.parts)
        if (reader := find_reader(path)) is not None:
            found.setdefault(reader.name, []).append(seed)
    for group in found.values():
        random.Random(0).shuffle(group)
    return found


def _cut(folder: Path, path: Path) -> Seed:
    content = path.read_bytes()
    name = f"delivery{path.suffix.lower()}"
    if len(content) > _CUT_BYTES and path.suffix.lower() == ".csv":
        content = content[: content.rindex(b"\n", 0, _CUT_BYTES) + 1]
    return Seed(path.name, name, {name: content}, _TOLD | _TOLD_OF.get(path.relative_to(folder).parts[0], {}))


def _made(scratch: Path) -> Iterator[Seed]:
    places = shapely.linestrings([[(500_000 + 10 * n, 2_490_000), (500_010 + 10 * n, 2_490_000)] for n in range(30)])
    lines = gpd.GeoDataFrame(
        {"class": ["给水"] * 30, "material": "铸铁", "width_mm": range(100, 130), "depth": 1.25},
        geometry=places,
        crs="EPSG:4547",
    )
    for name, options in _WRITTEN.items():
        pyogrio.write_dataframe(lines, scratch / name, **options)
        yield _written(scratch, name)
    lines.to_parquet(scratch / "made.parquet")
    yield _written(scratch, "made.parquet")
    (scratch / "sewers.xml").write_text(ISYBAU, "latin-1")
    yield replace(_written(scratch, "sewers.xml"), told={"srid": 25832})
    with zipfile.ZipFile(scratch / "zipped.zip", "w") as archive:
        for part in sorted(scratch.glob("made.[spdc][hrbp][pxfjg]")):
            archive.write(part, part.name)
    yield _written(scratch, "zipped.zip")
    book = openpyxl.Workbook()
    for row in _POINTS:
        book.active.append(row)
    book.save(scratch / "book.xlsx")
    write_xls(scratch / "book.xls", {"管线": _POINTS})
    write_ods(scratch / "book.ods", {"管线": _POINTS})
    (scratch / "book.txt").write_text("\n".join("\t".join(map(str, row)) for row in _POINTS), "gb18030")
    yield from (_written(scratch, f"book{suffix}") for suffix in (".xlsx", ".xls", ".ods", ".txt"))


def _written(scratch: Path, name: str) -> Seed:
    """A made dataset with everything that was written beside its file."""
    path = scratch / name
    files = sorted(path.iterdir()) if path.is_dir() else sorted(scratch.glob(f"{path.stem}.*"))
    own = _FAMILIES.get(path.suffix, (path.suffix,))
    parts = [file for file in files if path.is_dir() or file.suffix in own]
    return Seed(name, name, {str(file.relative_to(scratch)): file.read_bytes() for file in parts}, _TOLD)


_FAMILIES = {
    ".shp": (".shp", ".shx", ".dbf", ".prj", ".cpg"),
    ".tab": (".tab", ".dat", ".map", ".id"),
    ".mif": (".mif", ".mid"),
    ".gml": (".gml", ".xsd"),
}
