"""SWMM models come out as manholes, conduits and devices with inverts, ground and clear sizes in metres."""

import math
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.base import DERIVED, RecordTable
from importers.delivery import read_delivery, reader_of
from importers.models.swmm_sections import DrawnSections, cross_section
from importers.swmm import SwmmReader
from pipemap.errors import SourceError

#   J1 --C1--> J2 --C2(egg, bend)--> ST --PU--> J3 --W1(weir)--> O1     J2 --OR--> D1 --C3--> J3    C4: open channel
MODEL = """[TITLE]
made up

[OPTIONS]
;;Option Value
FLOW_UNITS    LPS
LINK_OFFSETS  DEPTH

[JUNCTIONS]
;;Name  Elevation  MaxDepth  InitDepth
;北门检查井
J1      10.0       2.5       0
J2      9.5        3.0       0    ;second
J3      8.0        0         0

[OUTFALLS]
O1      7.0        FREE      NO

[STORAGE]
ST      8.2        4.0       0  FUNCTIONAL 10 0 0

[DIVIDERS]
D1      9.0        OR        WEIR  1 2 3  1.5

[CONDUITS]
C1      J1  J2   50   0.013  0.1   0.2
C2      J2  ST   80   0.013  *     0.3
C3      D1  J3   30   0.013
C4      J3  O1   20   0.03   0     0

[PUMPS]
PU      ST  J3   PCURVE  ON

[ORIFICES]
OR      J2  D1   SIDE  0.4  0.65  NO

[WEIRS]
J1      J3  O1   TRANSVERSE  0.5  1.8  NO

[OUTLETS]
OT      ST  J3   1.0  FUNCTIONAL/DEPTH  10  0.5

[XSECTIONS]
C1      CIRCULAR     0.4  0  0  0  1
C2      EGG          0.9  0  0  0  2
C3      RECT_CLOSED  0.8  1.2
C4      TRAPEZOIDAL  1.0  0.5  1.5  2.5
OR      CIRCULAR     0.3
J1      RECT_OPEN    0.5  2.0

[LOSSES]
C1      0  0  0  YES

[DWF]
J1      FLOW  2.0  "" "P1"
J1      BOD   9.0

[INFLOWS]
J2      FLOW  ""  FLOW  1.0  1.0  0.5

[COORDINATES]
J1  0    0
J2  50   0
ST  120  40
J3  200  40
O1  220  40
D1  90   0

[VERTICES]
C2  80   0
C2  80   40

[TAGS]
Node  J2  old part
Link  C1  main

[SUBCATCHMENTS]
S1  R1  J1  1  50  100  0.5  0
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write(tmp_path / "雨水.inp", MODEL)


def read(path: Path) -> dict[tuple[str, str | None], RecordTable]:
    assert reader_of(path).name == "swmm"
    tables = list(SwmmReader().read([path], {}))
    assert all(len(table.rows) == len(table.geometry) for table in tables if table.geometry is not None)
    return {(table.sheet, table.role): table for table in tables}


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        list(SwmmReader().read([path], {}))
    assert raised.value.message.startswith(path.name)
    assert "\n" not in raised.value.message
    return raised.value.message


def test_every_element_counts_once_at_its_own_line(model: Path) -> None:
    lines = MODEL.splitlines()
    counted: dict[str, list[str]] = {}
    for (sheet, _), table in read(model).items():
        own = table.rows.index[~table.rows[DERIVED].to_numpy(bool)] if len(table.rows) else []
        counted.setdefault(sheet, []).extend(lines[row - 1].split()[0] for row in own)
    assert counted == {
        "junctions": ["J1", "J2", "J3"],
        "outfalls": ["O1"],
        "storage": ["ST"],
        "dividers": ["D1"],
        "conduits": ["C1", "C2", "C3", "C4"],
        "pumps": ["PU"],
        "orifices": ["OR"],
        "weirs": ["J1"],
        "outlets": ["OT"],
        "subcatchments": [],
    }


def test_ground_is_the_invert_and_the_greatest_depth(model: Path) -> None:
    tables = read(model)
    junctions = tables["junctions", "node"].rows.set_index("key")
    assert junctions.ground_elevation_m.tolist()[:2] == [12.5, 12.5]
    assert math.isnan(junctions.ground_elevation_m["J3"])
    assert tables["storage", "node"].rows.ground_elevation_m.tolist() == pytest.approx([12.2])
    assert tables["dividers", "node"].rows.ground_elevation_m.tolist() == [10.5]
    assert tables["outfalls", "node"].rows.ground_elevation_m.isna().all()


def test_offsets_are_depths_above_the_invert_or_elevations(model: Path) -> None:
    conduits = read(model)["conduits", "segment"].rows.set_index("id")
    inverts = dict(
        zip(conduits.index, zip(conduits.from_elevation_m, conduits.to_elevation_m, strict=True), strict=True)
    )
    assert inverts["C1"] == pytest.approx((10.1, 9.7))
    assert inverts["C2"] == pytest.approx((9.5, 8.5))
    assert inverts["C3"] == pytest.approx((9.0, 8.0))
    text = MODEL.replace("LINK_OFFSETS  DEPTH", "LINK_OFFSETS  ELEVATION").replace(
        "0.013  0.1   0.2", "0.013  10.3  9.6"
    )
    table = read(write(model, text))["conduits", "segment"]
    first = table.rows.iloc[0]
    assert (first.from_elevation_m, first.to_elevation_m) == (10.3, 9.6)


def test_an_offset_below_the_node_is_told_and_not_taken(model: Path) -> None:
    text = MODEL.replace("LINK_OFFSETS  DEPTH", "LINK_OFFSETS  ELEVATION").replace("0.013  0.1   0.2", "0.013  0  9.6")
    tables = read(write(model, text))
    assert tables["conduits", "segment"].rows.from_elevation_m.iloc[0] == 10.0
    told = [found for table in tables.values() for found in table.findings if found.rule == "IMP-OFFSET"]
    assert "10.000 m below" in told[0].message_en
    assert told[0].row == text.splitlines().index("C1      J1  J2   50   0.013  0  9.6") + 1


def test_feet_become_metres(model: Path) -> None:
    metric, imperial = read(model), read(write(model, MODEL.replace("LPS", "CFS")))
    names = ("from_elevation_m", "to_elevation_m", "length_m", "width_mm", "height_mm")
    for name in names:
        before = metric["conduits", "segment"].rows[name].to_numpy(float)
        after = imperial["conduits", "segment"].rows[name].to_numpy(float)
        assert after == pytest.approx(before * 0.3048, abs=0.001)
    dry = [tables["junctions", "node"].rows.dwf_m3_per_d.iloc[0] for tables in (metric, imperial)]
    assert dry == pytest.approx([2 * 86.4, 2 * 0.3048**3 * 86400])


def test_sizes_are_those_of_the_clear_opening(model: Path) -> None:
    conduits = read(model)["conduits", "segment"].rows.set_index("id")
    assert conduits.width_mm.tolist() == pytest.approx([400, 600, 1200, 4500])
    assert conduits.height_mm.tolist() == pytest.approx([400, 900, 800, 1000])
    assert conduits["shape"].tolist() == ["CIRCULAR", "EGG", "RECT_CLOSED", "TRAPEZOIDAL"]
    assert set(conduits.size_basis) == {"inner"}
    assert conduits.barrels["C2"] == 2


@pytest.mark.parametrize(
    ("words", "width", "height"),
    [
        ("FORCE_MAIN 0.5 100", 0.5, 0.5),
        ("FILLED_CIRCULAR 0.5 0.1", 0.5, 0.5),
        ("RECT_OPEN 1 2 0 0", 2, 1),
        ("HORIZ_ELLIPSE 1 1.5 0", 1.5, 1),
        ("HORIZ_ELLIPSE 3 0", math.nan, math.nan),
        ("ARCH 1 1.6 4", math.nan, math.nan),
        ("GOTHIC 2", 1.68, 2),
        ("SEMICIRCULAR 1", 1.64, 1),
        ("MODBASKETHANDLE 1 1.2 0.7", 1.2, 1),
        ("PARABOLIC 1 3", 3, 1),
        ("CUSTOM 2 S1", 1.6, 2),
        ("CUSTOM 2 S2", math.nan, 2),
        ("CUSTOM", math.nan, math.nan),
        ("IRREGULAR T1 0 0 0 1", 12, 3.5),
        ("IRREGULAR T2", math.nan, math.nan),
        ("STREET Main", 24, math.nan),
        ("STREET Side", math.nan, math.nan),
        ("DUMMY", math.nan, math.nan),
        ("CIRCULAR 0", math.nan, math.nan),
        ("CIRCULAR -1", math.nan, math.nan),
        ("CIRCULAR x", math.nan, math.nan),
        ("SOMETHING 1 2 3 4", math.nan, math.nan),
    ],
)
def test_every_shape(words: str, width: float, height: float) -> None:
    section = cross_section(words.split(), DrawnSections({"S1": 0.8}, {"T1": (12, 3.5)}, {"Main": 24}))
    assert (section.width, section.height) == pytest.approx((width, height), nan_ok=True)


def test_channels_take_width_and_height_from_their_transect(model: Path) -> None:
    # 1.5 times the stations from 4 to 24, whatever is added to the elevations; the second has a broken number.
    transects = """
[TRANSECTS]
NC  0.05  0.05  0.03
X1  Ditch  5  8  16  0  0  0  1.5  100
GR  12.5  4  10.0  8  9.5  10  10.0  16
GR  13.0  24
X1  Torn   2  0  0  0  0  0  0  0
GR  2  0  x  5
"""
    text = MODEL.replace("C4      TRAPEZOIDAL  1.0  0.5  1.5  2.5", "C4  IRREGULAR  Ditch\nC3  IRREGULAR  Torn")
    conduits = read(write(model, text + transects))["conduits", "segment"].rows.set_index("id")
    assert (conduits.width_mm["C4"], conduits.height_mm["C4"]) == pytest.approx((30_000, 3_500))
    assert math.isnan(conduits.width_mm["C3"])
    assert conduits.size_basis["C4"] == "inner"


def test_streets_take_their_width_from_both_sides_with_their_backings(model: Path) -> None:
    # Crown to curb 6 m and 1.5 m of backing on one side; by default both sides and none.
    told = "\n[STREETS]\nOne  6  0.15  2  0.016  0  0  1  1.5  2  0.02\nTwo  6  0.15  2  0.016\n"
    text = MODEL.replace("C3      RECT_CLOSED  0.8  1.2", "C3  STREET  One").replace(
        "C1      CIRCULAR     0.4", "C1  STREET  Two"
    )
    conduits = read(write(model, text + told))["conduits", "segment"].rows.set_index("id")
    assert conduits.width_mm[["C3", "C1"]].tolist() == pytest.approx([7_500, 12_000])
    assert conduits.height_mm[["C3", "C1"]].isna().all()


def test_devices_stand_in_the_middle_of_two_segments(model: Path) -> None:
    tables = read(model)
    [pump] = tables["pumps", "node"].rows.itertuples()
    halves = tables["pumps", "segment"]
    assert (pump.key, pump.appurtenance) == ("PU", "pump")
    assert list(zip(halves.rows.from_key, halves.rows.to_key, strict=True)) == [("ST", "PU"), ("PU", "J3")]
    assert halves.geometry is not None
    assert [line.length for line in halves.geometry] == [40, 40]
    [weir] = tables["weirs", "node"].rows.itertuples()
    assert (weir.key, weir.id, weir.crest_m) == ("J1@link", "J1", 8.5)
    assert tables["orifices", "node"].rows.crest_m.tolist() == [9.9]
    assert tables["outlets", "node"].rows.crest_m.tolist() == [9.2]


def test_a_delivery_of_it_has_appurtenances_directions_and_axes(model: Path) -> None:
    delivery = read_delivery([model], srid=4547)
    nodes = delivery.nodes.set_index("source_key")
    assert nodes["appurtenance_code"].dropna().to_dict() == {
        "J1": "manhole", "J2": "manhole", "O1": "outfall", "ST": "storage", "D1": "flow_divider",
        "PU": "pump_station", "OR": "orifice", "J1@link": "weir", "OT": "orifice",
    }  # fmt: skip
    assert nodes["name"]["J1"] == "北门检查井"
    assert nodes["extra"]["J2"]["tag"] == "old part"
    segments = delivery.segments.set_index("source_key")
    assert set(segments["class_code"]) == {"storm"}, "as the name of the file says"
    assert set(segments["flow_direction_code"]) == {"forward"}
    axis = np.array(segments["geom"]["J1->J2"].coords)
    assert axis[:, 2].tolist() == pytest.approx([10.3, 9.9])
    assert [place[:2] for place in segments["geom"]["J2->ST"].coords] == [(50, 0), (80, 0), (80, 40), (120, 40)]
    assert segments["extra"]["J1->J2"]["flap_gate"] is True
    shapes = segments["shape_code"][["J1->J2", "J2->ST", "D1->J3", "J3->O1"]]
    assert shapes.tolist() == ["circle", "egg", "rect", "trapezoid"]
    assert {found.rule for found in delivery.findings} == {"IMP-SCHEMATIC", "IMP-TITLE"}
    assert {count.sheet: (count.rows, count.loaded, count.skipped) for count in delivery.counts}["subcatchments"] == (
        1,
        0,
        1,
    )
    foul = read_delivery([model], srid=4547, default_class="foul")
    assert set(foul.segments["class_code"]) == {"foul"}
    unsaid = read_delivery([model.rename(model.with_name("water_model.inp"))], srid=4547)
    assert set(unsaid.segments["class_code"]) == {"combined"}
    assert "warning" in {found.severity for found in unsaid.findings if found.rule == "IMP-TITLE"}


def test_bad_lines_are_refused_or_unknown_and_told(model: Path) -> None:
    text = MODEL.replace("C3      D1  J3   30   0.013", "C3      D1\nC5      D1  J3   abc  0.013").replace(
        "J2      9.5 ", "J2      9,5 "
    )
    tables = read(write(model, text))
    told = [(found.rule, found.sheet, found.value) for table in tables.values() for found in table.findings]
    assert sorted(told) == [
        ("IMP-NUMBER", "conduits", "abc"),
        ("IMP-NUMBER", "junctions", "9,5"),
        ("IMP-RECORD", "conduits", "C3      D1"),
    ]
    conduits = tables["conduits", "segment"]
    assert conduits.refused_rows == 1
    assert conduits.rows["id"].tolist() == ["C1", "C2", "C5", "C4"]
    assert math.isnan(conduits.rows.to_elevation_m.iloc[0])


def test_a_missing_node_refuses_its_conduit_alone(model: Path) -> None:
    delivery = read_delivery([write(model, MODEL.replace("C1      J1  J2", "C1      J1  J9"))], srid=4547)
    counts = [(count.loaded, count.refused) for count in delivery.counts if count.sheet == "conduits"]
    assert sorted(counts) == [(0, 1), (3, 0)]
    assert [found.value for found in delivery.findings if found.rule == "R20"] == ["J9"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (MODEL, "", "is empty"),
        (MODEL, "[PIPES]\nP A B\n", "no SWMM model"),
        ("LPS", "GALLONS", "flow units that SWMM does not have: GALLONS"),
        (MODEL[MODEL.index("[COORDINATES]") : MODEL.index("[VERTICES]")], "", "no [COORDINATES]"),
        (MODEL[MODEL.index("[JUNCTIONS]") : MODEL.index("[CONDUITS]")], "", "holds no network"),
    ],
)
def test_refusals_say_why(model: Path, old: str, new: str, words: str) -> None:
    assert words in refusal(write(model, MODEL.replace(old, new)))


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(MODEL)),
            st.one_of(st.binary(max_size=20), st.text(string.printable, max_size=20).map(str.encode)),
            st.booleans(),
        ),
        min_size=1,
        max_size=8,
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_accounted_for(model: Path, changes: list[tuple[int, bytes, bool]]) -> None:
    data = MODEL.encode()
    for place, piece, replaces in changes:
        data = data[:place] + piece + data[place + (len(piece) if replaces else 0) :]
    model.write_bytes(data)
    try:
        delivery = read_delivery([model], srid=4547)
    except SourceError as error:
        assert error.message.startswith(model.name)
        return
    assert all(count.rows == count.loaded + count.refused + count.skipped for count in delivery.counts)
    assert sum(count.loaded for count in delivery.counts) > 0
