"""IFC models come out with their true axes, sizes and joins, to the millimetre, whatever the edition and unit."""

import math
from functools import cache
from pathlib import Path
from typing import Any

import ifcopenshell.util.geolocation
import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.base import DERIVED, RecordTable
from importers.delivery import read_delivery, reader_of
from importers.ifc import IfcReader
from importers.places.georeference import parse_crs
from importers.places.place_readings import Home
from importers.proposing.dry_run import dry_run
from pipemap.errors import CrsError, PipemapError, SourceError
from schemas.delivery import Delivery
from tests.unit.ifc_models import HEIGHT, Model, drop, on_map, sewer

MM = 0.001
EDITIONS = [("IFC4X3", 0.001), ("IFC4", 0.001), ("IFC4", 1.0), ("IFC2X3", 1.0)]


def read(path: Path) -> dict[tuple[str, str | None], RecordTable]:
    assert reader_of(path).name == "ifc"
    return {(table.sheet, table.role): table for table in IfcReader().read([path], {})}


def delivered(path: Path, **options: Any) -> Delivery:
    return read_delivery([path], srid=4547, **options)


def by_name(delivery: Delivery) -> dict[str, Any]:
    return {row.extra["id"]: row for row in delivery.segments.itertuples()}


def axis(row: Any) -> Any:
    return shapely.get_coordinates(row.geom, include_z=True)


def refusal(path: Path) -> str:
    with pytest.raises(SourceError) as raised:
        list(IfcReader().read([path], {}))
    assert raised.value.message.startswith(path.name)
    assert "\n" not in raised.value.message
    return raised.value.message


@pytest.fixture(scope="module", params=EDITIONS, ids=lambda edition: f"{edition[0]} in {edition[1]} m")
def edition(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Delivery]:
    schema, unit_m = request.param
    return schema, delivered(sewer(schema, unit_m).write(tmp_path_factory.mktemp("ifc") / "sewer.ifc"))


def test_axes_sizes_and_joins_are_true_to_the_millimetre(edition: tuple[str, Delivery]) -> None:
    _, delivery = edition
    assert all(count.refused == 0 for count in delivery.counts)
    pipes = by_name(delivery)
    expected = {
        "P1": [(0, 0, 0.25), (0.5, 0, 0.25), (29.5, 0, -0.05), (30, 0, -0.05)],
        "P2": [(30, 0, 0), (30.5, 0, 0), (40.5, 0, -2), (40.5, 12, -2)],
        "P3": [(30, -20, 0.8), (30, -0.45, 0.5), (30, 0, 0.5)],
        "P4": [(0, 50, 1), (10, 50, 1), (10.2, 50, 1)],
        "P5": [(10.2, 50, 1), (10.4, 50, 1), (20, 50, 1)],
        "P6": [(30, 50, 1), (20, 50, 1)],
    }
    for name, places in expected.items():
        found = axis(pipes[name])
        true = np.array([on_map(*place) for place in places])
        found = found if np.linalg.norm(found[0] - true[0]) < 1 else found[::-1]
        assert found == pytest.approx(true, abs=MM / 2), name
    sizes = {name: (row.shape_code, row.width_mm, row.height_mm) for name, row in pipes.items()}
    assert sizes["P1"] == ("circle", 400, 400)
    assert sizes["P2"] == ("circle", 300, 300)
    assert sizes["P3"] == ("circle", pytest.approx(200, abs=1e-3), pytest.approx(200, abs=1e-3))
    assert (pipes["P1"].inner_width_mm, pipes["P1"].size_basis_code, pipes["P2"].inner_width_mm) == (340, "outer", 280)
    ends = {name: (row.from_key, row.to_key) for name, row in pipes.items()}
    assert ends["P1"] == ("MH1", "MH2")
    assert ends["P2"][0] == "MH2"
    assert "MH2" in ends["P3"]
    assert ends["P4"][1] == ends["P5"][0] == "V1"
    assert ends["P5"][1] == ends["P6"][1]
    assert len(set(delivery.nodes["source_key"])) == len(delivery.nodes) == 3 + 1 + 4


def test_classes_words_and_properties(edition: tuple[str, Delivery]) -> None:
    schema, delivery = edition
    pipes = by_name(delivery)
    assert {name: row.class_code for name, row in pipes.items()} == {
        "P1": "foul", "P2": "foul", "P3": "foul", "P4": "water", "P5": "water", "P6": "water",
    }  # fmt: skip
    flows = delivery.segments["flow_direction_code"].dropna()
    assert {name: flows[row.Index] for name, row in pipes.items() if row.Index in flows} == {
        "P1": "forward", "P2": "forward", "P4": "forward", "P5": "forward", "P6": "backward",
    }  # fmt: skip
    assert (pipes["P1"].material_code, pipes["P1"].lifecycle_code, pipes["P1"].nominal_mm) == ("pvc", "in_service", 350)
    assert pipes["P3"].extra["Survey.InvertElevation"] == "9.4"
    nodes = delivery.nodes.set_index("source_key")
    assert nodes["ground_elevation_m"][["MH1", "MH2"]].tolist() == pytest.approx([13, 13], abs=MM)
    assert nodes["well_depth_m"][["MH1", "MH2"]].tolist() == pytest.approx([3, 3.3], abs=MM)
    if schema != "IFC2X3":
        assert nodes["appurtenance_code"][["MH1", "V1"]].tolist() == ["manhole", "valve"]
    rules = {found.rule for found in delivery.findings}
    assert {"IMP-MESH", "IMP-JOIN"} <= rules
    assert not rules & {"R03", "R06", "R20", "IMP-ENDS", "IMP-SCALE", "IMP-RECORD"}


def test_properties_of_the_maker_tell_class_and_material_where_the_model_does_not(tmp_path: Path) -> None:
    model = Model()
    for number in range(3):
        pipe = model.pipe(f"P{number}", (number * 9000, 0, 0), (number * 9000 + 8000, 0, 0), 100)
        model.properties(pipe, "管线属性", 管线类型="污水", 材质="球墨铸铁")
    file = model.write(tmp_path / "a.ifc")
    home = Home(parse_crs("EPSG:4547"))
    found = dry_run([file], home, source_crs="EPSG:4547", on_progress=lambda *_: None)
    assert found.trial is not None
    assert set(found.trial.segments["class_code"]) == {"foul"}
    assert set(found.trial.segments["material_code"]) == {"ductile_iron"}


def test_system_classifications_of_revit_are_classes(tmp_path: Path) -> None:
    model = Model()
    pipe = model.pipe("P", (0, 0, 0), (8000, 0, 0), 100)
    model.properties(pipe, "PSet_Revit_Mechanical", **{"System Classification": "Sanitary"})
    delivery = read_delivery([model.write(tmp_path / "a.ifc")], srid=4547)
    assert delivery.segments["class_code"].tolist() == ["foul"]


def test_the_map_is_the_one_the_library_finds(tmp_path: Path) -> None:
    model = sewer()
    places = [on_map(0, 0, 0), on_map(30, 0, -0.3)]
    for (x, y, z), expected in zip(((0, 0, 0), (30, 0, -0.3)), places, strict=True):
        in_file = [value * 1000 for value in (100 - y, 200 + x, z)]
        assert ifcopenshell.util.geolocation.auto_xyz2enh(model.file, *in_file) == pytest.approx(expected)
    tables = read(model.write(tmp_path / "sewer.ifc"))
    chambers = tables["IfcDistributionChamberElement", "node"]
    assert chambers.crs is not None
    assert chambers.crs.to_epsg() == 4547
    assert chambers.geometry is not None
    found = shapely.get_coordinates(chambers.geometry)
    assert found == pytest.approx(np.array([place[:2] for place in places]), abs=MM)


def test_every_entity_of_the_text_counts_once_at_its_own_number(tmp_path: Path) -> None:
    path = sewer().write(tmp_path / "sewer.ifc")
    text = path.read_text(encoding="ascii")
    counted: dict[str, list[int]] = {}
    for (sheet, _), table in read(path).items():
        own = ~table.rows[DERIVED].to_numpy(bool)
        counted.setdefault(sheet, []).extend(int(row) for row in table.rows.index[own])
    assert {sheet: len(rows) for sheet, rows in counted.items()} == {
        entity: text.count(f"={entity.upper()}(")
        for entity in ("IfcPipeSegment", "IfcValve", "IfcDistributionChamberElement")
    }
    assert all(f"#{row}={sheet.upper()}(" in text for sheet, rows in counted.items() for row in rows)


@pytest.mark.parametrize("schema", ["IFC4X3", "IFC4X3_RC1", "IFC4X1"])
def test_drafts_are_read_as_the_edition_they_became(tmp_path: Path, schema: str) -> None:
    path = sewer().write(tmp_path / "sewer.ifc")
    path.write_text(path.read_text("ascii").replace("'IFC4X3_ADD2'", f"'{schema}'"), encoding="ascii")
    delivery = delivered(path)
    assert [found.value for found in delivery.findings if found.rule == "IMP-SCHEMA"] == [schema]
    assert len(delivery.segments) == 6


def test_without_a_map_the_user_names_the_system(tmp_path: Path) -> None:
    path = sewer(has_map=False).write(tmp_path / "sewer.ifc")
    with pytest.raises(CrsError):
        delivered(path)


def test_a_scale_of_one_between_millimetres_and_metres_is_mended_and_told(tmp_path: Path) -> None:
    model = sewer()
    model.file.by_type("IfcMapConversion")[0].Scale = None
    delivery = delivered(model.write(tmp_path / "sewer.ifc"))
    assert axis(by_name(delivery)["P4"])[0] == pytest.approx(on_map(0, 50, 1), abs=MM)
    assert [found.rule for found in delivery.findings if found.rule == "IMP-SCALE"] == ["IMP-SCALE"]


def test_boxes_axes_maps_arcs_and_clippings(tmp_path: Path) -> None:
    model = Model()
    way = (20.0, 0.0, 0.0)
    box = model.extruded(model.rectangle(1.2, 0.8), 20)
    # The local x of this placement lies flat, so the profile's x is the width.
    model.element("IfcPipeSegment", "box", model.placed((0, 0, 0), z=way, x=(0, -1, 0)), box)
    upright = model.extruded(model.rectangle(1.2, 0.8), 20)
    model.element("IfcPipeSegment", "upright", model.placed((0, 5, 0), z=way, x=(0, 0, 1)), upright)
    drawn = model.form("Axis", "Curve3D", model.polyline([(0, 0, 0), (20, 0, 0)]))
    model.element("IfcPipeSegment", "drawn", model.placed((0, 10, 0)), model.extruded(model.circle(0.3), 1), drawn)
    source = model.new(
        "IfcRepresentationMap",
        MappingOrigin=model.axes(),
        MappedRepresentation=model.disk([(0, 0, 0), (5, 0, 0)], 0.1, 0.01),
    )
    move = model.new("IfcCartesianTransformationOperator3D", LocalOrigin=model.point((0, 15, 1)))
    item = model.new("IfcMappedItem", MappingSource=source, MappingTarget=move)
    model.element("IfcPipeSegment", "mapped", model.placed((0, 0, 0)), model.form("Body", "MappedRepresentation", item))
    points = model.new(
        "IfcCartesianPointList3D",
        CoordList=[(0.0, 20e3, 0.0), (7071.067811865475, 22928.93218813452, 0.0), (10e3, 30e3, 0.0)],
    )
    arc = model.new("IfcIndexedPolyCurve", Points=points, Segments=[model.new("IfcArcIndex", (1, 2, 3))])
    model.element("IfcPipeSegment", "arc", model.placed((0, 0, 0)), model.form("Axis", "Curve3D", arc))
    solid = model.extruded(model.circle(0.2), 20).Items[0]
    half = model.new("IfcHalfSpaceSolid", BaseSurface=model.new("IfcPlane", Position=model.axes()), AgreementFlag=True)
    clipped = model.new("IfcBooleanClippingResult", Operator="DIFFERENCE", FirstOperand=solid, SecondOperand=half)
    model.element("IfcPipeSegment", "clipped", model.placed((0, 40, 0), z=way), model.form("Body", "Clipping", clipped))
    pipes = by_name(delivered(model.write(tmp_path / "forms.ifc"), default_class="foul"))
    sizes = {name: (row.shape_code, row.width_mm, row.height_mm) for name, row in pipes.items()}
    assert sizes["box"] == ("rect", 1200, 800)
    assert sizes["upright"] == ("rect", 800, 1200)
    assert sizes["drawn"] == ("circle", 600, 600)
    assert sizes["clipped"] == ("circle", 400, 400)
    ends = {
        "box": ((0, 0, 0), (20, 0, 0)), "upright": ((0, 5, 0), (20, 5, 0)), "drawn": ((0, 10, 0), (20, 10, 0)),
        "mapped": ((0, 15, 1), (5, 15, 1)), "arc": ((0, 20, 0), (10, 30, 0)), "clipped": ((0, 40, 0), (20, 40, 0)),
    }  # fmt: skip
    for name, (start, end) in ends.items():
        assert axis(pipes[name])[[0, -1]] == pytest.approx(np.array([on_map(*start), on_map(*end)]), abs=MM), name
    assert pipes["arc"].geom.length == pytest.approx(10 * math.pi / 2, abs=0.01)


@pytest.mark.parametrize("has_fittings", [True, False])
def test_an_upright_pipe_joins_what_meets_it_at_its_own_height(tmp_path: Path, has_fittings: bool) -> None:
    delivery = delivered(drop(has_fittings=has_fittings).write(tmp_path / "drop.ifc"))
    pipes = by_name(delivery)
    assert len(pipes) == 3
    assert pipes["deep"].to_key == pipes["upright"].from_key
    assert pipes["upright"].to_key == pipes["high"].from_key
    assert pipes["upright"].from_key != pipes["upright"].to_key
    assert axis(pipes["upright"])[:, 2] == pytest.approx([HEIGHT - 3, HEIGHT])
    assert np.ptp(axis(pipes["upright"])[:, :2], axis=0) == pytest.approx([0, 0], abs=MM)
    if has_fittings:
        assert (pipes["upright"].from_key, pipes["upright"].to_key) == ("foot", "top")


def test_damaged_elements_are_refused_or_told_and_the_rest_is_read(tmp_path: Path) -> None:
    path = sewer().write(tmp_path / "sewer.ifc")
    lines = path.read_text("ascii").splitlines()
    at = {
        name: next(n for n, line in enumerate(lines) if "=IFCPIPESEGMENT(" in line and f"'{name}'" in line)
        for name in ("P1", "P4")
    }
    lines[at["P1"]] = lines[at["P1"]].split("(")[0] + "(((;"
    placed = next(n for n, line in enumerate(lines) if line.startswith(lines[at["P4"]].split(",")[5] + "="))
    lines[placed] = lines[placed].split("=")[0] + "=IFCLOCALPLACEMENT($,$);"
    path.write_text("\n".join(lines), encoding="ascii")
    delivery = delivered(path)
    counts = {}
    for count in delivery.counts:
        rows, loaded, refused = counts.get(count.sheet, (0, 0, 0))
        counts[count.sheet] = (rows + count.rows, loaded + count.loaded, refused + count.refused)
    assert counts["IfcPipeSegment"] == (6, 4, 2)
    told = sorted(found.row for found in delivery.findings if found.rule == "IMP-RECORD")
    assert told == sorted(int(lines[at[name]].split("=")[0][1:]) for name in ("P1", "P4"))


def test_placements_that_go_round_in_circles_sink_nothing_else(tmp_path: Path) -> None:
    model = sewer()
    pipe = next(pipe for pipe in model.file.by_type("IfcPipeSegment") if pipe.Name == "P4")
    pipe.ObjectPlacement.PlacementRelTo = pipe.ObjectPlacement
    delivery = delivered(model.write(tmp_path / "sewer.ifc"))
    assert len(delivery.segments) == 5
    assert any("recursion" in found.message_en for found in delivery.findings if found.rule == "IMP-RECORD")


@cache
def sewer_text() -> str:
    return str(sewer().file.to_string())


HEAD = """ISO-10303-21;
HEADER;
FILE_DESCRIPTION((''),'2;1');
FILE_NAME('','',(''),(''),'','','');
FILE_SCHEMA(('{}'));
ENDSEC;
DATA;
ENDSEC;
END-ISO-10303-21;
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("PK\x03\x04", "not an IFC file"),
        ("ISO-10303-21;\nHEADER;\n", "names no schema"),
        (HEAD.format("IFC5"), "written in IFC5, which cannot be read"),
        (HEAD.format("IFC4"), "holds no pipe or cable"),
    ],
)
def test_refusals_say_why(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.ifc"
    path.write_text(text, encoding="latin-1")
    assert words in refusal(path)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 1),
            st.sampled_from(["(", ")", ",", "$", "#", "1e400", "'", ";", "-", "IFC", "\n"]),
            st.booleans(),
        ),
        min_size=1,
        max_size=12,
    )
)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_is_refused_or_accounted_for(tmp_path: Path, changes: list[tuple[float, str, bool]]) -> None:
    text = sewer_text()
    for share, piece, replaces in changes:
        place = int(share * len(text))
        text = text[:place] + piece + text[place + (len(piece) if replaces else 0) :]
    path = tmp_path / "sewer.ifc"
    path.write_text(text, encoding="ascii")
    try:
        delivery = delivered(path)
    except PipemapError as error:
        assert error.message
        return
    assert all(count.rows == count.loaded + count.refused + count.skipped for count in delivery.counts)
