"""LandXML pipe networks come out in metres whatever the dialect, and hostile XML is refused."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.base import RecordTable
from importers.delivery import read_delivery, reader_of
from importers.landxml import LandXmlReader
from pipemap.errors import PipemapError, SourceError

# North stands before east. M1 --P1--> M2 --P2 (curved)--> O1, a water main apart, and a structure that is none.
MODEL = """<?xml version="1.0" encoding="UTF-8"?>
<LandXML xmlns="http://www.landxml.org/schema/LandXML-1.2" version="1.2" date="2025-01-01" time="00:00:00">
 <Units><Metric linearUnit="meter" areaUnit="squareMeter" volumeUnit="cubicMeter" diameterUnit="millimeter"/></Units>
 <CoordinateSystem epsgCode="EPSG:4547"/>
 <CgPoints><CgPoint name="7">2600000.5 500100.25 3.0</CgPoint></CgPoints>
 <Surfaces><Surface name="ground"><Definition><Pnts><P id="1">1 2 3</P></Pnts></Definition></Surface></Surfaces>
 <PipeNetworks name="all">
  <PipeNetwork name="Sewer" pipeNetType="sanitary">
   <Structs>
    <Struct name="M1" desc="西井" elevRim="12.5" elevSump="9.9" state="existing">
     <Center>2600000.5 500000.25</Center><CircStruct diameter="1000" material="concrete" thickness="100"/>
     <Invert elev="10.1" flowDir="out" refPipe="P1"/>
    </Struct>
    <Struct name="M2" elevRim="12.3" elevSump="9.7"><Center pntRef="7"/><RectStruct length="1200" width="1000"/>
     <Invert elev="9.9" flowDir="in" refPipe="P1"/><Invert flowDir="out" refPipe="P2">9.8</Invert>
    </Struct>
    <Struct name="O1" elevRim="0" elevSump="0"><Center>2600050.5 500150.25 9.0</Center><OutletStruct/>
     <Invert elev="9.5" flowDir="in" refPipe="P2"/>
    </Struct>
    <Struct name="Null" desc="Dummy Null Structure" elevRim="0" elevSump="0"/>
   </Structs>
   <Pipes>
    <Pipe name="P1" refStart="M1" refEnd="M2" length="100.0" slope="0.2" state="existing" desc="主管">
     <CircPipe diameter="400" thickness="30" material="PVC" mannings="0.013"/></Pipe>
    <Pipe name="P2" refStart="M2" refEnd="O1"><EggPipe height="900" span="600"/>
     <Center>2600050.5 500100.25</Center></Pipe>
    <Pipe name="P3" refStart="O1" refEnd="Null"><RectPipe height="800" width="1200"/></Pipe>
   </Pipes>
  </PipeNetwork>
  <PipeNetwork name="Water" pipeNetType="water">
   <Struct name="M1"><Center>2600010 500000</Center><Connection/></Struct>
   <Struct name="W2"><Center>2600010 500090</Center><Connection/></Struct>
   <Pipe name="W" refStart="M1" refEnd="W2"><CircPipe diameter="200"/></Pipe>
  </PipeNetwork>
 </PipeNetworks>
</LandXML>
"""
GAS = '<Feature code="IM_pipeNetworkType"><Property label="pipeNetworkType" value="gas"/></Feature>'
CROWN = (
    '<Feature code="IM_pipe"><Property label="elevType" value="crown level"/>'
    '<Property label="pipeEnd" value="2600060.5 500150.25 9.4"/></Feature>'
)
INFRAMODEL = (
    MODEL.replace("http://www.landxml.org/schema/LandXML-1.2", "http://www.inframodel.fi/inframodel")
    .replace('pipeNetType="water">', f'pipeNetType="other">{GAS}')
    .replace('refEnd="Null">', f'refEnd="gone">{CROWN}')
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return write(tmp_path / "管网.xml", MODEL)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def read(path: Path) -> dict[str, RecordTable]:
    assert reader_of(path).name == "landxml"
    return {table.sheet: table for table in LandXmlReader().read([path], {})}


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        list(LandXmlReader().read([path], {}))
    assert raised.value.message.startswith(path.name)
    assert "\n" not in raised.value.message
    return raised.value.message


def test_every_struct_and_pipe_is_a_row_at_its_own_line(file: Path) -> None:
    lines = MODEL.splitlines()
    tables = read(file)
    assert list(tables) == ["Sewer / Structs", "Water / Structs", "Sewer / Pipes", "Water / Pipes"]
    for sheet, table in tables.items():
        kind = "<Struct " if sheet.endswith("Structs") else "<Pipe "
        assert all(kind in lines[row - 1] for row in table.rows.index)
    assert [len(table.rows) for table in tables.values()] == [4, 2, 3, 1]


def test_north_stands_before_east_and_the_file_names_its_system(file: Path) -> None:
    structs = read(file)["Sewer / Structs"]
    assert structs.geometry is not None
    places = [None if shape is None else (shape.x, shape.y) for shape in structs.geometry]
    assert places == [(500000.25, 2600000.5), (500100.25, 2600000.5), (500150.25, 2600050.5), None]
    assert structs.crs is not None
    assert structs.crs.to_epsg() == 4547


def test_ground_wells_and_what_is_written_as_zero(file: Path) -> None:
    structs = read(file)["Sewer / Structs"].rows.set_index("key")
    assert structs.ground_elevation_m.tolist() == pytest.approx([12.5, 12.3, math.nan, math.nan], nan_ok=True)
    assert structs.well_depth_m.tolist() == pytest.approx([2.6, 2.6, math.nan, math.nan], nan_ok=True)
    assert structs.appurtenance.tolist() == ["manhole", "manhole", "outfall", None]


def test_a_grated_pit_is_a_grate_and_parts_are_in_the_state_of_their_network(file: Path) -> None:
    text = MODEL.replace('"M2" elevRim', '"M2" desc="Grated pit 900x900" elevRim')
    file.write_text(text.replace('"sanitary"', '"storm" state="abandoned"'), encoding="utf-8")

    delivery = read_delivery([file], srid=4547)

    nodes = delivery.nodes.set_index("source_key")
    assert nodes.loc[["M1", "M2"], "appurtenance_code"].tolist() == ["manhole", "storm_grate"]
    assert nodes.loc["M2", "well_depth_m"] == pytest.approx(2.6)
    assert nodes.loc[["M1", "M2"], "lifecycle_code"].tolist() == ["in_service", "abandoned"]


def test_inverts_come_from_the_structure_at_each_end(file: Path) -> None:
    pipes = read(file)["Sewer / Pipes"].rows.set_index("id")
    ends = dict(zip(pipes.index, zip(pipes.from_elevation_m, pipes.to_elevation_m, strict=True), strict=True))
    assert ends["P1"] == (10.1, 9.9)
    assert ends["P2"] == (9.8, 9.5)
    assert pipes.flow_direction.tolist() == ["forward", "forward", None]


def test_sizes_are_millimetres(file: Path) -> None:
    pipes = read(file)["Sewer / Pipes"].rows.set_index("id")
    assert pipes.diameter["P1"] == 400
    assert pipes.wall_mm["P1"] == 30
    assert (pipes.width_mm["P2"], pipes.height_mm["P2"]) == (600, 900)
    assert (pipes.width_mm["P3"], pipes.height_mm["P3"]) == (1200, 800)


def test_a_curved_pipe_follows_its_circle(file: Path) -> None:
    pipes = read(file)["Sewer / Pipes"]
    assert pipes.geometry is not None
    arc = pipes.geometry[1]
    away = np.hypot(*(np.array(arc.coords) - (500100.25, 2600050.5)).T)
    assert away == pytest.approx(50, abs=1e-6)
    assert arc.length == pytest.approx(50 * math.pi / 2, abs=0.05)


def test_a_delivery_of_it(file: Path) -> None:
    delivery = read_delivery([file], srid=4547)
    assert {(count.sheet, count.rows, count.loaded, count.refused) for count in delivery.counts} == {
        ("Sewer / Structs", 4, 3, 1),
        ("Sewer / Pipes", 3, 2, 1),
        ("Water / Structs", 2, 2, 0),
        ("Water / Pipes", 1, 1, 0),
    }
    segments = delivery.segments.set_index("source_key")
    assert segments["class_code"].to_dict() == {"M1->M2": "foul", "M2->O1": "foul", "M1@Water->W2": "water"}
    assert segments["material_code"]["M1->M2"] == "pvc"
    assert segments["shape_code"].to_dict() == {"M1->M2": "circle", "M2->O1": "egg", "M1@Water->W2": "circle"}
    assert segments["lifecycle_code"]["M1->M2"] == "in_service"
    assert segments["depth_datum_code"]["M1->M2"] == "invert"
    assert segments["extra"]["M1->M2"]["id"] == "P1"
    assert segments["elevation_source_code"]["M1->M2"] == "measured"


def test_inframodel_names_types_datums_and_free_ends(file: Path) -> None:
    delivery = read_delivery([write(file, INFRAMODEL)], srid=4547)
    segments = delivery.segments.set_index("source_key")
    assert segments["class_code"]["M1@Water->W2"] == "gas"
    assert segments["depth_datum_code"]["M1@Water->W2"] == "crown"
    pipes = read(file)["Sewer / Pipes"]
    assert pipes.geometry is not None
    assert list(pipes.geometry[2].coords) == [(500150.25, 2600050.5), (500150.25, 2600060.5)]
    assert (pipes.rows.depth_datum.iloc[2], pipes.rows.to_elevation_m.iloc[2]) == ("crown level", 9.4)


@pytest.mark.parametrize("version", ["1.0", "1.1", "2.0"])
def test_every_version_reads_alike(file: Path, version: str) -> None:
    other = MODEL.replace("LandXML-1.2", f"LandXML-{version}")
    prefixed = other.replace("<", "<l:").replace("<l:/", "</l:").replace("<l:?", "<?").replace("xmlns=", "xmlns:l=")
    frames = [read(write(file, text)) for text in (MODEL, other, prefixed)]
    for sheet, table in frames[0].items():
        for frame in frames[1:]:
            assert frame[sheet].rows.equals(table.rows)


@pytest.mark.parametrize("encoding", ["utf-16", "iso-8859-1"])
def test_other_encodings(file: Path, encoding: str) -> None:
    text = MODEL.replace("UTF-8", encoding).replace("西井", "Vägen").replace("主管", "")
    assert read(write(file, text, encoding))["Sewer / Structs"].rows["name"].iloc[0] == "Vägen"


def test_feet_and_inches(file: Path) -> None:
    units = '<Imperial linearUnit="USSurveyFoot" diameterUnit="inch"/>'
    text = MODEL.replace(MODEL[MODEL.index("<Metric") : MODEL.index("</Units>")], units)
    text = text.replace(' <CoordinateSystem epsgCode="EPSG:4547"/>\n', "").replace('diameter="400"', 'diameter="16"')
    tables = read(write(file, text))
    structs = tables["Sewer / Structs"]
    assert structs.geometry is not None
    assert structs.geometry[0].x == 500000.25
    assert structs.rows.ground_elevation_m.iloc[0] == pytest.approx(12.5 * 1200 / 3937)
    assert tables["Sewer / Pipes"].rows.diameter.iloc[0] == pytest.approx(406.4)


def test_diameters_without_a_unit_are_told(file: Path) -> None:
    tables = read(write(file, MODEL.replace(' diameterUnit="millimeter"', "")))
    assert tables["Sewer / Pipes"].rows.diameter.iloc[0] == 400
    [told] = [found for table in tables.values() for found in table.findings]
    assert (told.rule, "millimetres" in told.message_en) == ("IMP-SCALE", True)
    in_metres = MODEL.replace(' diameterUnit="millimeter"', "").replace('"400"', '"0.4"').replace('"200"', '"0.2"')
    tables = read(write(file, in_metres))
    assert tables["Sewer / Pipes"].rows.diameter.iloc[0] == pytest.approx(400)
    assert not [found for table in tables.values() for found in table.findings]


def with_doctype(declared: str, old: str = "西井", new: str = "西井") -> str:
    return MODEL.replace("<LandXML", f"<!DOCTYPE LandXML {declared}>\n<LandXML", 1).replace(old, new)


LAUGHS = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("<LandXML><PipeNetworks>", "cut off or damaged"),
        (MODEL[: len(MODEL) // 2], "cut off or damaged"),
        ("<gml><LandXML /></gml>", "not LandXML"),
        ("<LandXML><Surfaces/></LandXML>", "no pipe network"),
        (MODEL.replace('linearUnit="meter"', 'linearUnit="cubit"'), "unit that LandXML does not have: cubit"),
        (with_doctype(f'[<!ENTITY a0 "ha">{LAUGHS}]', new="&a11;"), "DOCTYPE"),
        (with_doctype('[<!ENTITY x SYSTEM "file:///etc/passwd">]', "<Center>2", "<Center>&x;2"), "DOCTYPE"),
        (with_doctype('SYSTEM "http://127.0.0.1:9/x.dtd"'), "DOCTYPE"),
        ("<LandXML>" + "<a>" * 100_000, "cut off or damaged"),
    ],
)
def test_refusals_say_why(tmp_path: Path, text: str, words: str) -> None:
    assert words in refusal(write(tmp_path / "x.landxml", text))


def test_huge_numbers_and_missing_references_are_accounted_for(file: Path) -> None:
    text = (
        MODEL.replace("2600000.5 500000.25", "1e400 500000.25")
        .replace('elev="9.9"', 'elev="NaN"')
        .replace('refEnd="O1"', 'refEnd="O9"')
    )
    delivery = read_delivery([write(file, text)], srid=4547)
    counts = {count.sheet: (count.rows, count.loaded, count.refused) for count in delivery.counts}
    assert counts["Sewer / Structs"] == (4, 2, 2)
    assert counts["Sewer / Pipes"] == (3, 0, 3)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(MODEL)), st.sampled_from(["<", ">", '"', "/", "9", "NaN", "é", "<Struct/>", "<Pipe/>"])
        ),
        min_size=1,
        max_size=3,
    ),
    st.booleans(),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_accounted_for(file: Path, changes: list[tuple[int, str]], replaces: bool) -> None:
    text = MODEL
    for place, piece in changes:
        text = text[:place] + piece + text[place + (len(piece) if replaces else 0) :]
    write(file, text)
    try:
        delivery = read_delivery([file], srid=4547)
    except PipemapError as error:
        assert error.message
        return
    assert all(count.rows == count.loaded + count.refused + count.skipped for count in delivery.counts)
