"""Published IFC drainage models read completely, and agree with the LandXML files of the same networks."""

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import shapely
from lxml import etree

from importers.delivery import read_delivery
from schemas.delivery import Delivery

FILES = {"DrainageSystem-1-1.ifc": "EPSG:3878", "DrainageSystem-1-2.ifc": "EPSG:3878", "DrainageSystem-2.IFC": None}


def delivered(shared_data: Path, name: str) -> Delivery:
    return read_delivery([shared_data / "ifc-landxml-drainage" / name], srid=3878, source_crs=FILES[name])


def pipes_of(delivery: Delivery) -> dict[str, Any]:
    return {row.extra["id"]: row for row in delivery.segments.itertuples()}


@pytest.mark.parametrize("name", FILES)
def test_every_entity_of_the_text_is_loaded(shared_data: Path, name: str) -> None:
    text = (shared_data / "ifc-landxml-drainage" / name).read_text("ascii")
    entities = ("IfcPipeSegment", "IfcDistributionChamberElement")
    expected = {entity: len(re.findall(rf"=\s*{entity.upper()}\(", text)) for entity in entities}
    delivery = delivered(shared_data, name)
    counted: Counter[str] = Counter()
    for count in delivery.counts:
        assert count.loaded == count.rows
        counted[count.sheet] += count.loaded
    assert counted == expected
    assert set(delivery.segments["class_code"]) == {"storm"}
    assert [found.value for found in delivery.findings if found.rule == "IMP-SCHEMA"] == ["IFC4X3_RC3"]


@pytest.mark.parametrize("name", ["DrainageSystem-1-1.ifc", "DrainageSystem-1-2.ifc"])
def test_pipes_lie_where_the_landxml_of_the_network_has_them(shared_data: Path, name: str) -> None:
    pipes = pipes_of(delivered(shared_data, name))
    root = etree.parse(str(shared_data / "ifc-landxml-drainage" / "DrainageSystem-1-1.xml"))
    twins = root.xpath("//*[local-name()='Pipe']")
    assert set(pipes) == {twin.attrib["name"] for twin in twins}
    for twin in twins:
        pipe = pipes[twin.attrib["name"]]
        assert (pipe.from_key, pipe.to_key) == (twin.attrib["refStart"], twin.attrib["refEnd"])
        [form] = twin.xpath("*[local-name()='CircPipe']")
        diameter_m, wall_m = float(form.attrib["diameter"]), float(form.attrib["thickness"])
        assert pipe.width_mm == pytest.approx(diameter_m * 1000, abs=0.01)
        assert pipe.inner_width_mm == pytest.approx((diameter_m - 2 * wall_m) * 1000, abs=0.01)
        places = shapely.get_coordinates(pipe.geom, include_z=True)
        for struct, found in zip((pipe.from_key, pipe.to_key), (places[0], places[-1]), strict=True):
            [told] = root.xpath(f"//*[@name='{struct}']/*[local-name()='Center']/text()")
            north, east = map(float, told.split())
            [elevation] = root.xpath(f"//*[@name='{struct}']/*[@refPipe='{twin.attrib['name']}']/@elev")
            # The model's axes stand half the clear width above the inverts.
            axis_m = float(elevation) + diameter_m / 2 - wall_m
            assert found == pytest.approx((east, north, axis_m), abs=0.001)


def test_manholes_have_rims_and_sumps(shared_data: Path) -> None:
    nodes = delivered(shared_data, "DrainageSystem-1-1.ifc").nodes.set_index("source_key")
    root = etree.parse(str(shared_data / "ifc-landxml-drainage" / "DrainageSystem-1-1.xml"))
    structs = root.xpath("//*[local-name()='Struct']")
    rims = {struct.attrib["name"]: float(struct.attrib["elevRim"]) for struct in structs}
    depths = {name: rims[name] - float(struct.attrib["elevSump"]) for name, struct in zip(rims, structs, strict=True)}
    assert nodes["ground_elevation_m"].to_dict() == pytest.approx(rims, abs=0.001)
    assert nodes["well_depth_m"].to_dict() == pytest.approx(depths, abs=0.001)
    assert set(nodes["appurtenance_code"]) == {"manhole"}


def test_a_map_conversion_brings_ditches_to_their_place(shared_data: Path) -> None:
    pipes = pipes_of(delivered(shared_data, "DrainageSystem-2.IFC"))
    ditch = shapely.get_coordinates(pipes["206-213-219"].geom, include_z=True)
    assert pipes["206-213-219"].from_key == pipes["120"].to_key == pipes["204"].to_key == "DC122"
    assert ditch[0] == pytest.approx((24525644.720565, 6876897.051856, 125.187720), abs=0.001)
    assert ditch[1:, 2] == pytest.approx([125.187720, 125.164074, 125.161481, 125.123], abs=0.001)
