"""`python -m bench.evidence FOLDER`: reads every real delivery in a folder, and prints the account of each."""

import sys
import time
from pathlib import Path
from typing import Any

from importers.delivery import read_delivery
from pipemap.errors import PipemapError

_SRID = 4547
_BADEN, _JAPAN, _JORDAN, _AUSTRALIA, _SPAIN, _FINLAND = 31467, 6676, 32637, 7855, 25831, 3878
# What is read as one delivery: project CRS, what the reader has to be told, and the files.
DELIVERIES: tuple[tuple[str, int, dict[str, Any], tuple[str, ...]], ...] = (
    ("Shenzhen survey, Access", _SRID, {}, ("cn-shennan-survey/survey.mdb",)),
    ("Shenzhen survey, CSV UTF-8", _SRID, {}, ("cn-shennan-survey/管点调查表.csv", "cn-shennan-survey/管线调查表.csv")),
    (
        "Shenzhen survey, CSV GB18030",
        _SRID,
        {},
        ("cn-shennan-survey/管点调查表_gbk.csv", "cn-shennan-survey/管线调查表_gbk.csv"),
    ),
    ("Shenzhen survey, DXF", _SRID, {}, ("cn-shennan-survey/drawing_J_W_Y.dxf",)),
    ("Giswater water", _SPAIN, {}, ("giswater-samples/ws_network.gpkg",)),
    ("Giswater drainage", _SPAIN, {"default_class": "combined"}, ("giswater-samples/ud_network.gpkg",)),
    (
        "Giswater istram tables",
        _SPAIN,
        {"default_class": "combined"},
        (
            "giswater-samples/import_examples/csv/istram_nodes.csv",
            "giswater-samples/import_examples/csv/istram_arcs.csv",
        ),
    ),
    ("Giswater drawing", _SPAIN, {}, ("giswater-samples/import_examples/dxf/file.dxf",)),
    (
        "Melbourne sewer, GeoJSON",
        _AUSTRALIA,
        {},
        (
            "gww-sewer-melbourne/nodes.geojson",
            "gww-sewer-melbourne/pipes.geojson",
            "gww-sewer-melbourne/branches.geojson",
        ),
    ),
    ("Nagaoka PLATEAU", _JAPAN, {}, ("plateau-nagaoka-unf/nagaoka_unf.gpkg",)),
    ("Schutterwald gas", _BADEN, {}, ("schutterwald-gas-heat/gas.gpkg",)),
    ("Schutterwald heat", _BADEN, {}, ("schutterwald-gas-heat/heat.gpkg",)),
    (
        "Za'atari sewers, zipped shapefiles",
        _JORDAN,
        {"default_class": "foul"},
        (
            "zaatari-wastewater/Pipes_Septic_2017_03.shp.zip",
            "zaatari-wastewater/Pipes_SolidFree_2017_03.shp.zip",
            "zaatari-wastewater/Elevation_2015_02.shp.zip",
        ),
    ),
    ("TEKSI, INTERLIS 2", 2056, {}, ("teksi-dss-wastewater/test-dataset-DSS.xtf",)),
    *(
        (f"EPANET {name}", _SRID, {}, (f"epanet-networks/{name}.inp",))
        for name in ("Net3", "Net6", "L-TOWN", "ky4", "BWSN_Network_1", "C-Town_BCN")
    ),
    ("EPANET epanet_2e", _SPAIN, {}, ("giswater-samples/import_examples/inp/epanet_2e.inp",)),
    ("SWMM bellinge", 25832, {}, ("swmm-networks/bellinge_small.inp",)),
    ("SWMM Example3", _SRID, {}, ("swmm-networks/epa_Example3.inp",)),
    ("LandXML drainage 1", _FINLAND, {}, ("ifc-landxml-drainage/DrainageSystem-1-1.xml",)),
    ("LandXML drainage 2", _FINLAND, {}, ("ifc-landxml-drainage/UT_DrainageSystem_2_1.xml",)),
    ("IFC4X3 drainage 1", _FINLAND, {"source_crs": "EPSG:3878"}, ("ifc-landxml-drainage/DrainageSystem-1-1.ifc",)),
    ("IFC4X3 drainage 2", _FINLAND, {"source_crs": "EPSG:3878"}, ("ifc-landxml-drainage/DrainageSystem-2.IFC",)),
)


def main() -> None:
    folder = Path(sys.argv[1])
    print("| delivery | profile | rows | loaded | refused | skipped | seconds |\n|---|---|---|---|---|---|---|")
    for title, srid, told, files in DELIVERIES:
        print(_row(title, [folder / name for name in files], {"srid": srid, **told}), flush=True)


def _row(title: str, files: list[Path], told: dict[str, Any]) -> str:
    start = time.perf_counter()
    try:
        delivery = read_delivery(files, **told)
    except PipemapError as error:
        return f"| {title} | – | {error} | | | | |"
    seconds = time.perf_counter() - start
    tallies = [
        sum(getattr(count, name) for count in delivery.counts) for name in ("rows", "loaded", "refused", "skipped")
    ]
    profile = delivery.files[0].profile
    return f"| {title} | {profile} | {' | '.join(map(str, tallies))} | {seconds:.1f} |"


if __name__ == "__main__":
    main()
