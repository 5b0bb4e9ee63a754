"""Published LandXML drainage files read completely: counts, inverts and sizes as XPath finds them in the file."""

from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from importers.delivery import read_delivery
from importers.landxml import LandXmlReader

FILES = ("DrainageSystem-1-1.xml", "UT_DrainageSystem_2_1.xml")


def xpath(path: Path, expression: str) -> list[Any]:
    found: list[Any] = etree.parse(str(path)).xpath(expression)
    return found


def children(path: Path, name: str) -> list[Any]:
    return xpath(path, f"//*[local-name()='{name}']")


@pytest.mark.parametrize("name", FILES)
def test_every_struct_and_pipe_is_loaded(shared_data: Path, name: str) -> None:
    path = shared_data / "ifc-landxml-drainage" / name
    delivery = read_delivery([path], srid=3878)
    assert {count.sheet.split(" / ")[1]: (count.rows, count.loaded) for count in delivery.counts} == {
        "Structs": (len(children(path, "Struct")),) * 2,
        "Pipes": (len(children(path, "Pipe")),) * 2,
    }
    assert set(delivery.segments["class_code"]) == {"storm"}
    assert set(delivery.segments["elevation_source_code"]) <= {"measured", "inferred"}
    assert delivery.findings == [found for found in delivery.findings if found.rule in ("R12", "IMP-SECTION")]


@pytest.mark.parametrize("name", FILES)
def test_inverts_and_places_are_those_of_the_file(shared_data: Path, name: str) -> None:
    path = shared_data / "ifc-landxml-drainage" / name
    delivery = read_delivery([path], srid=3878)
    segments = {
        extra["id"]: row for extra, row in zip(delivery.segments["extra"], delivery.segments.itertuples(), strict=True)
    }
    for pipe in children(path, "Pipe"):
        start, end = pipe.attrib["refStart"], pipe.attrib["refEnd"]
        row = segments[pipe.attrib["name"]]
        assert (row.from_key, row.to_key) == (start, end)
        told = [
            float(found)
            for struct in (start, end)
            for found in xpath(
                path,
                f"//*[local-name()='Struct'][@name='{struct}']"
                f"/*[local-name()='Invert'][@refPipe='{pipe.attrib['name']}']/@elev",
            )
        ]
        assert [row.from_elevation_m, row.to_elevation_m] == pytest.approx(told, abs=1e-9)
    nodes = delivery.nodes.set_index("source_key")
    for struct in children(path, "Struct"):
        north, east = map(
            float, xpath(path, f"//*[@name='{struct.attrib['name']}']/*[local-name()='Center']/text()")[0].split()
        )
        place = nodes["geom"][struct.attrib["name"]]
        assert (place.x, place.y) == pytest.approx((east, north), abs=1e-6)
        assert nodes["ground_elevation_m"][struct.attrib["name"]] == float(struct.attrib["elevRim"])


def test_the_file_says_where_it_is(shared_data: Path) -> None:
    [structs, pipes] = LandXmlReader().read([shared_data / "ifc-landxml-drainage" / FILES[0]], {})
    assert structs.crs is not None
    assert structs.crs.to_epsg() == 3878
    assert pipes.rows["diameter"].tolist() == pytest.approx([400, 400, 400, 400, 239, 239])
    assert pipes.rows["wall_mm"].tolist() == pytest.approx([60, 60, 60, 60, 5.5, 5.5])
    assert set(pipes.rows["flow_direction"]) == {"forward"}
