"""The ways drawings carry attributes: whoever wrote them and wherever they stand, they become columns."""

from pathlib import Path

import pytest
from ezdxf.document import Drawing

from importers.delivery import read_delivery
from importers.profile_files import choose_profile
from tests.unit.drawings import Read, at, drawn, tagged

FORMS = [("R12", "asc"), ("R12", "bin"), ("R2000", "asc"), ("R2000", "bin"), ("R2004", "asc"), ("R2007", "asc"),
         ("R2010", "bin"), ("R2013", "asc"), ("R2018", "asc"), ("R2018", "bin")]  # fmt: skip


def two_points(drawing: Drawing) -> None:
    """Data after that of other applications, as `key:value` strings."""
    space = drawing.modelspace()
    for number, east in (("J1", 0), ("J2", 30)):
        point = space.add_point(at(east, 0, 5.25), {"layer": "管点"})
        tagged(tagged(point, "ACAD_NOISE", "x:1"), "OTHER", 7)
        tagged(point, "survey_data", f"点号:{number}", "管线类型:JS", "附属物:阀门", "地面高程:5.25")
    line = space.add_line(at(0), at(30), {"layer": "管线"})
    tagged(line, "survey_data", "起点点号:J1", "终点点号:J2", "材质:铸铁", "管径:DN300", "起点埋深:1.2", "终点埋深:1.3")


@pytest.mark.parametrize(("version", "form"), FORMS)
def test_every_release_and_form_says_the_same(tmp_path: Path, version: str, form: str) -> None:
    delivery = read_delivery([drawn(tmp_path / "图.dxf", two_points, version, form)], srid=4547)
    assert delivery.nodes["source_key"].tolist() == ["J1", "J2"]
    assert delivery.nodes["appurtenance_code"].tolist() == ["valve", "valve"]
    assert delivery.nodes["ground_elevation_m"].tolist() == [5.25, 5.25]
    [pipe] = delivery.segments.itertuples()
    assert (pipe.source_key, pipe.class_code, pipe.material_code) == ("J1->J2", "water", "cast_iron")
    assert (pipe.width_mm, pipe.from_depth_m, pipe.to_depth_m) == (300, 1.2, 1.3)
    assert [finding.severity for finding in delivery.findings if finding.severity != "info"] == []


def test_attributes_that_are_each_an_application_of_their_own(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        point = space.add_point(at(0), {"layer": "J_Point"})
        for name, value in (("Map_No", "1"), ("Exp_No", "J1"), ("Feature", "三通"), ("Subsid", "")):
            tagged(point, name, value)

    [row] = Read(drawn(tmp_path / "a.dxf", draw))["J_Point", "node"].rows.itertuples()
    assert (row.Map_No, row.Exp_No, row.Feature, row.Subsid) == ("1", "J1", "三通", None)


def test_names_and_values_in_turns(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        point = drawing.modelspace().add_point(at(0), {"layer": "WSPOINT"})
        tagged(point, "WEBCAD", "Exp_No", "W1", "tezheng", "三通", "fushuwu", "检查井", "dmgch", 5.5)
        bare = drawing.modelspace().add_point(at(5), {"layer": "WSPOINT"})
        tagged(bare, "WEBCAD", "alpha", "beta")
        half = drawing.modelspace().add_point(at(9), {"layer": "WSPOINT"})
        tagged(half, "WEBCAD", "no such name", "W2", "another", 3.5, "tezheng", "弯头", "fushuwu", "")

    table = Read(drawn(tmp_path / "a.dxf", draw))["WSPOINT", "node"].rows
    assert table.loc[1, ["Exp_No", "tezheng", "fushuwu", "dmgch"]].tolist() == ["W1", "三通", "检查井", 5.5]
    # Of many names half may be known to nobody.
    assert table.loc[3, ["no such name", "another", "tezheng"]].tolist() == ["W2", 3.5, "弯头"]
    # Two words of which neither is a name are two values.
    assert table.loc[2, ["WEBCAD", "WEBCAD_2"]].tolist() == ["alpha", "beta"]


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("起点:W1;终点:W2;管径:300", {"起点": "W1", "终点": "W2", "管径": "300"}),
        ("起点=W1|终点=W2|管径=300", {"起点": "W1", "终点": "W2", "管径": "300"}),
        ("起点：W1，终点：W2，管径：300", {"起点": "W1", "终点": "W2", "管径": "300"}),
        ('{"起点": "W1", "终点": "W2", "管径": 300}', {"起点": "W1", "终点": "W2", "管径": 300}),
        ("线号:W1,W2", {"线号": "W1,W2"}),
        ("时间:2022-01-01 10:30", {"时间": "2022-01-01 10:30"}),
        ("10:30", {"APP": "10:30"}),
        ('{"broken', {"APP": '{"broken'}),
    ],
)
def test_strings_that_name_one_or_several_attributes(tmp_path: Path, text: str, cells: dict[str, object]) -> None:
    def draw(drawing: Drawing) -> None:
        tagged(drawing.modelspace().add_line(at(0), at(30)), "APP", text)

    row = Read(drawn(tmp_path / "a.dxf", draw))["0", "segment"].rows.iloc[0].dropna().to_dict()
    assert {name: row[name] for name in row if name not in ("layer", "entity", "handle")} == cells


def test_records_in_extension_dictionaries(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        line = tagged(drawing.modelspace().add_line(at(0), at(30), {"layer": "WSLINE"}), "A", "管径:300")
        record = line.new_extension_dict().add_xrecord("PIPE")
        record.reset([(1, "起点埋深:1.2"), (1, "终点埋深:1.4"), (1, "管径:400"), (300, "材质:砼")])
        numbers = line.get_extension_dict().add_xrecord("HEIGHT")
        numbers.reset([(40, 7.5)])

    row = Read(drawn(tmp_path / "a.dxf", draw))["WSLINE", "segment"].rows.iloc[0]
    assert row[["起点埋深", "终点埋深", "材质", "HEIGHT"]].tolist() == ["1.2", "1.4", "砼", 7.5]
    assert row["管径"] == "300"


def test_attributes_of_blocks_and_those_that_all_inserts_share(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        block = drawing.blocks.new("VALVE")
        block.add_attdef("点号", (0, 0))
        block.add_attdef("附属物", (0, 0), "阀门", dxfattribs={"flags": 2})
        for number, east in (("J1", 0), ("J2", 30)):
            insert = drawing.modelspace().add_blockref("VALVE", at(east), {"layer": "JS_Point"})
            insert.add_attrib("点号", number, at(east))
            insert.add_attrib("DEPTH", "1.50", at(east))

    read = Read(drawn(tmp_path / "a.dxf", draw))
    assert read.column("JS_Point", "node", "点号") == ["J1", "J2"]
    assert read.column("JS_Point", "node", "附属物") == ["阀门", "阀门"]
    assert read.column("JS_Point", "node", "DEPTH") == ["1.50", "1.50"]
    assert read.column("JS_Point", "node", "block") == ["VALVE", "VALVE"]


def test_text_in_another_encoding_than_the_drawing_declares(tmp_path: Path) -> None:
    path = drawn(tmp_path / "a.dxf", two_points, "R2000")
    path.write_bytes(path.read_bytes().replace(b"ANSI_936", b"ANSI_1252"))
    assert Read(path).column("管线", "segment", "材质") == ["铸铁"]
    path.write_bytes(path.read_bytes().decode("gbk").encode("utf-8"))
    assert Read(path).column("管线", "segment", "材质") == ["铸铁"]


def test_characters_written_as_escapes(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        tagged(drawing.modelspace().add_line(at(0), at(30)), "A", "XX:YY", "ZZ:1")

    path = drawn(tmp_path / "a.dxf", draw, "R2000")
    escaped = path.read_bytes().replace(b"XX:YY", rb"\U+6750\U+8D28:\M+5D6FD\M+5CCFA").replace(b"ZZ:1", rb"ZZ:\U+D8001")
    path.write_bytes(escaped)
    row = Read(path)["0", "segment"].rows.iloc[0]
    assert (row["材质"], row["ZZ"]) == ("铸铁", "\ufffd1")


def test_pinyin_names_are_understood(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        point = drawing.modelspace().add_point(at(0), {"layer": "WSPOINT"})
        tagged(point, "WEBCAD", "点号:W1", "tezheng:三通", "fushuwu:检查井", "dmgch:5.5")

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    [node] = delivery.nodes.itertuples()
    assert (node.source_key, node.class_code, node.feature_code) == ("W1", "foul", "tee")
    assert (node.appurtenance_code, node.ground_elevation_m) == ("manhole", 5.5)


def test_a_drawing_chooses_its_profile_by_its_data() -> None:
    own = ["layer", "entity", "handle", "block"]
    assert choose_profile(own, {"dxf"})[0].name == "drawing"
    assert choose_profile([*own, "SOUTH"], {"dxf"})[0].name == "cass-drawing"
    assert choose_profile([*own, "点号", "线号", "小类代码", "起始埋深", "终止埋深"], {"dxf"})[0].name == "egw-drawing"


def test_a_block_that_names_two_points_has_the_data_of_the_bare_line_between_them(tmp_path: Path) -> None:
    def draw(drawing: Drawing) -> None:
        space = drawing.modelspace()
        for name in ("GXD", "GXX"):
            drawing.blocks.new(name).add_circle((0, 0), 0.2)
        for n in range(3):
            point = space.add_blockref("GXD", at(30 * n), {"layer": "JS"})
            point.add_attrib("点号", f"JS{n}", at(30 * n))
        for n, (start, end) in enumerate(((0, 30), (60, 30))):
            space.add_line(at(start), at(end), {"layer": "JS"})
            data = space.add_blockref("GXX", at(15 + 30 * n, 5), {"layer": "JS"})
            for name, value in (("起点点号", n), ("终点点号", n + 1), ("起点埋深", 1 + n), ("终点埋深", 1.5 + n)):
                data.add_attrib(name, f"JS{value}" if "点号" in name else str(value), at(15))
        stray = space.add_blockref("GXX", at(90), {"layer": "JS"})
        for name, value in (("起点点号", "JS2"), ("终点点号", "JS7")):
            stray.add_attrib(name, value, at(90))

    delivery = read_delivery([drawn(tmp_path / "a.dxf", draw)], srid=4547)
    pipes = delivery.segments.set_index("source_key").loc[["JS0->JS1", "JS1->JS2"]]
    assert pipes[["from_depth_m", "to_depth_m"]].to_numpy().tolist() == [[1.0, 1.5], [2.0, 2.5]]
    assert [line.coords[0][0] for line in pipes["geom"]] == [at(0)[0], at(30)[0]]
    # One that names a point of elsewhere is no line's, and is told.
    assert sum(count.loaded for count in delivery.counts) == 5 + len(delivery.nodes) - 3
