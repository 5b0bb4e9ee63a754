"""INTERLIS 2 files come out class by class with everything their objects say, and with what they refer to."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from importers.base import RecordTable
from importers.interlis import InterlisReader
from importers.layers.chords import SAGITTA_M, chords
from pipemap.errors import SourceError

OLD = """<?xml version="1.0" encoding="UTF-8"?>
<TRANSFER xmlns="http://www.interlis.ch/INTERLIS2.3"><HEADERSECTION VERSION="2.3" SENDER="x"><MODELS>
<MODEL NAME="Town_LV95" VERSION="1" URI="http://x"/></MODELS></HEADERSECTION><DATASECTION><!-- a remark -->
<Town_LV95.Sewer BID="b1">{0}</Town_LV95.Sewer></DATASECTION></TRANSFER>"""
OBJECTS = """
<Town_LV95.Sewer.Node TID="n1"><Name>A</Name><Structure REF="s1"/><Place><COORD><C1>2600000</C1><C2>1200000</C2>
</COORD></Place></Town_LV95.Sewer.Node>
<Town_LV95.Sewer.Reach TID="r1"><From REF="e1"/><To REF="e2"/><Course><POLYLINE><COORD><C1>2600000</C1><C2>1200000</C2>
<C3>5</C3></COORD><ARC><C1>2600020</C1><C2>1200000</C2><C3>4</C3><A1>2600010</A1><A2>1200010</A2></ARC></POLYLINE>
</Course></Town_LV95.Sewer.Reach>
<Town_LV95.Sewer.Reach TID="r2"><Size><Town_LV95.Sewer.Size><Width>300</Width></Town_LV95.Sewer.Size></Size>
<From REF="e3"/></Town_LV95.Sewer.Reach>
<Town_LV95.Sewer.End TID="e1"><Level>401.5</Level><Of REF="n1"/></Town_LV95.Sewer.End>
<Town_LV95.Sewer.End TID="e2"><Level>400.5</Level><Of REF="r2"/></Town_LV95.Sewer.End>
<Town_LV95.Sewer.Cover TID="c1"><On REF="s1"/></Town_LV95.Sewer.Cover>
<Town_LV95.Sewer.Cover TID="c2"><Level>403.5</Level><On REF="s1"/></Town_LV95.Sewer.Cover>
<Town_LV95.Sewer.Pit TID="s1"><Area><SURFACE><BOUNDARY><POLYLINE><COORD><C1>0</C1><C2>0</C2></COORD><COORD><C1>4</C1>
<C2>0</C2></COORD><COORD><C1>4</C1><C2>4</C2></COORD><COORD><C1>0</C1><C2>0</C2></COORD></POLYLINE></BOUNDARY>
<BOUNDARY><POLYLINE><COORD><C1>2</C1><C2>1</C2></COORD><COORD><C1>3</C1><C2>1</C2></COORD><COORD><C1>3</C1><C2>2</C2>
</COORD><COORD><C1>2</C1><C2>1</C2></COORD></POLYLINE></BOUNDARY></SURFACE></Area></Town_LV95.Sewer.Pit>
<Town_LV95.Sewer.NodePit><A REF="n1"/><B REF="s1"/></Town_LV95.Sewer.NodePit>
"""
NEW = """<?xml version="1.0" encoding="UTF-8"?>
<ili:transfer xmlns:ili="http://www.interlis.ch/xtf/2.4/INTERLIS" xmlns:geom="http://www.interlis.ch/geometry/1.0"
 xmlns:Town="http://www.interlis.ch/xtf/2.4/Town_LV95"><ili:headersection><ili:models><ili:model>Town_LV95</ili:model>
</ili:models></ili:headersection><ili:datasection><Town:Sewer ili:bid="b1">
<Town:Reach ili:tid="r1"><Town:Name>x</Town:Name><Town:From ili:ref="e1"/><Town:Course><geom:polyline><geom:coord>
<geom:c1>2600000</geom:c1><geom:c2>1200000</geom:c2></geom:coord><geom:arc><geom:a1>2600010</geom:a1><geom:a2>1200010
</geom:a2><geom:c1>2600020</geom:c1><geom:c2>1200000</geom:c2></geom:arc></geom:polyline></Town:Course></Town:Reach>
<Town:End ili:tid="e1"><Town:Level>401.5</Town:Level></Town:End>
</Town:Sewer></ili:datasection></ili:transfer>"""
FOLLOW = {
    "Reach": {
        "start": ["From.Node.TID", "From"],
        "stop": ["To.Node.TID", "To"],
        "level": ["From.Level"],
    },
    "Node": {"cover": ["Structure.Cover.Level"], "kind": ["Structure.CLASS"]},
}


def read(folder: Path, text: str, **options: object) -> dict[str, RecordTable]:
    path = folder / "a.xtf"
    path.write_text(text, encoding="utf-8")
    assert InterlisReader().accepts(path)
    return {table.sheet: table for table in InterlisReader().read([path], {"follow": FOLLOW, **options})}


def cells(table: RecordTable, column: str) -> list[str | None]:
    return [None if cell is None else str(cell) for cell in table.rows[column]]


def test_attributes_that_the_first_object_lacks_are_kept(tmp_path: Path) -> None:
    tables = read(tmp_path, OLD.format(OBJECTS))
    assert {name: len(table.rows) for name, table in tables.items()} == {
        "Node": 1, "Reach": 2, "End": 2, "Cover": 2, "Pit": 1, "NodePit": 1,
    }  # fmt: skip
    assert cells(tables["Cover"], "Level") == [None, "403.5"]
    assert cells(tables["Reach"], "Size.Width") == [None, "300"]
    assert cells(tables["NodePit"], "B") == ["s1"]
    assert tables["Reach"].rows.index.tolist() == [1, 2]


def test_references_lead_to_values_of_other_objects(tmp_path: Path) -> None:
    tables = read(tmp_path, OLD.format(OBJECTS))
    # r1 ends at another reach and r2 at an end that is not in the file: the ends stand for themselves.
    assert cells(tables["Reach"], "start") == ["n1", "e3"]
    assert cells(tables["Reach"], "stop") == ["e2", None]
    assert cells(tables["Reach"], "level") == ["401.5", None]
    assert cells(tables["Node"], "cover") == ["403.5"]
    assert cells(tables["Node"], "kind") == ["Pit"]


def test_arcs_heights_and_holes(tmp_path: Path) -> None:
    tables = read(tmp_path, OLD.format(OBJECTS))
    assert tables["Reach"].crs is not None
    assert tables["Reach"].crs.to_epsg() == 2056
    course = tables["Reach"].geometry[0]
    assert course.length == pytest.approx(10 * np.pi, rel=1e-3)
    assert [course.coords[0], course.coords[-1]] == [(2600000, 1200000, 5), (2600020, 1200000, 4)]
    assert tables["Reach"].geometry[1] is None
    assert tables["Pit"].geometry[0].area == pytest.approx(8 - 0.5)
    assert tables["End"].geometry is None


def test_the_newer_notation(tmp_path: Path) -> None:
    tables = read(tmp_path, NEW)
    assert cells(tables["Reach"], "TID") == ["r1"]
    assert cells(tables["Reach"], "level") == ["401.5"]
    assert tables["Reach"].geometry[0].length == pytest.approx(10 * np.pi, rel=1e-3)


def test_chunks_number_on_with_the_same_columns(tmp_path: Path) -> None:
    (tmp_path / "a.xtf").write_text(OLD.format(OBJECTS * 3))
    tables = [t for t in InterlisReader().read([tmp_path / "a.xtf"], {"chunk_rows": 2}) if t.sheet == "Reach"]
    assert [number for table in tables for number in table.rows.index] == [1, 2, 3, 4, 5, 6]
    assert len({tuple(table.rows.columns) for table in tables}) == 1


def test_a_bad_coordinate_costs_that_geometry(tmp_path: Path) -> None:
    tables = read(tmp_path, OLD.format(OBJECTS.replace("<C1>2600020</C1>", "<C1>far</C1>")))
    assert tables["Reach"].geometry is None
    assert [(note.rule, note.row) for note in tables["Reach"].findings] == [("IMP-GEOMETRY", 1)]


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.itf", "SCNT\n", "export INTERLIS 2"),
        ("a.xtf", "", "absent or empty"),
        ("a.xtf", "<TRANSFER/>", "whatever its name says"),
        ("a.xtf", OLD.format(""), "holds no objects"),
        ("a.xtf", OLD.format(OBJECTS)[:-40], "not well-formed XML at line"),
        (
            "a.xtf",
            OLD.replace("<TRANSFER", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]><TRANSFER'),
            "DOCTYPE",
        ),
        ("a.xtf", "<OGRVRTDataSource/>", "whatever its name says"),
    ],
)
def test_refusals(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    assert InterlisReader().accepts(tmp_path / name)
    with pytest.raises(SourceError, match=words) as raised:
        list(InterlisReader().read([tmp_path / name], {}))
    assert raised.value.message.startswith(name)
    assert raised.value.details["message_zh"]


@given(
    turn=st.floats(0, 2 * np.pi),
    sweep=st.floats(0.05, 6.0),
    at=st.floats(0.1, 0.9),
    radius=st.floats(0.5, 5000),
    backward=st.booleans(),
)
@settings(max_examples=200)
def test_chords_stay_within_the_sagitta_and_end_where_the_arc_ends(
    turn: float, sweep: float, at: float, radius: float, backward: bool
) -> None:
    sign = -1 if backward else 1
    start, through, end = (
        np.array([100.0, 200.0]) + radius * np.array([np.cos(turn + sign * a), np.sin(turn + sign * a)])
        for a in (0.0, at * sweep, sweep)
    )
    places = np.vstack([start, chords(start, through, end)])
    assert np.array_equal(places[-1], end)
    line = shapely.LineString(places)
    assert line.length == pytest.approx(radius * sweep, rel=0.03)
    assert line.distance(shapely.Point(through)) <= SAGITTA_M * 1.01 + 1e-9
    distances = np.hypot(*(places - [100.0, 200.0]).T)
    assert np.allclose(distances, radius, rtol=1e-6)


@given(
    flips=st.lists(st.tuples(st.floats(0, 0.9999), st.integers(0, 255)), min_size=1, max_size=6),
)
@settings(max_examples=150, derandomize=True, deadline=None)
def test_damage_is_refused_or_every_object_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, flips: list[tuple[float, int]]
) -> None:
    content = bytearray(OLD.format(OBJECTS * 5).encode())
    for place, value in flips:
        content[int(place * len(content))] = value
    path = tmp_path_factory.mktemp("damaged") / "a.xtf"
    path.write_bytes(content)
    try:
        tables = list(InterlisReader().read([path], {}))
    except SourceError:
        return
    assert sum(len(table.rows) for table in tables) in (44, 45, 46)
