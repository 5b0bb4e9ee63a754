import csv
from pathlib import Path

import pytest

from importers.profile_files import choose_profile, load_profile, shipped
from importers.profiles import plain
from pipemap.errors import NotFoundError, SourceError


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_profile_loads_and_says_what_it_is_for(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert profile.title


@pytest.mark.parametrize(
    ("written", "same_as"),
    [
        ("起点埋深(m)", "起点埋深"),
        ("管径（mm）", "管径"),
        ("地面高程m", "地面高程"),
        ("Start_Deep", "STARTDEEP"),
        (" X ", "x"),
    ],
)
def test_units_case_and_punctuation_do_not_make_another_column(written: str, same_as: str) -> None:
    assert plain(written) == plain(same_as)


# Column lists of published layouts, as a survey firm would deliver them.
LAYOUTS = {
    "product": (
        ["P_No", "M_No", "X", "Y", "H", "Feature", "Subsid", "CODE", "Mdate"],
        ["S_Point", "E_Point", "S_Deep", "E_Deep", "S_H", "E_H", "Material", "D_Type", "D_S", "Hole_Count", "Flow_D"],
    ),
    "county": (
        ["Exp_No", "Map_NO", "Surf_H", "Feature", "Subsid", "P_Type", "X", "Y"],
        ["S_point", "E_point", "S_Deep", "E_Deep", "Material", "D_S", "Voltage", "Hole_Num", "P_Type", "D_Type"],
    ),
    "census": (
        ["FCODE", "GXDDH", "TZ", "FSW", "DMGC", "X", "Y"],
        ["GXQDDH", "GXZDDH", "GXQDMS", "GXZDMS", "GXQDGDGC", "GXZDGDGC", "GC", "DYZ", "FSFS", "GJ", "DMCC", "ZKS"],
    ),
    "words": (
        ["图上点号", "物探点号", "特征", "附属物", "X(m)", "Y(m)", "地面高程(m)"],
        ["起始点号", "终止点号", "起点埋深", "终点埋深", "起点高程", "终点高程", "埋设方式", "材质", "管径(mm)"],
    ),
}


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_layouts_never_seen_are_understood_without_being_asked(layout: str) -> None:
    points, lines = LAYOUTS[layout]
    profile, _ = choose_profile([*points, *lines], {"tables"})
    assert profile.role_of("Sheet1", points, None) == "node"
    assert profile.role_of("Sheet1", lines, None) == "segment"
    of_points, of_lines = profile.mapping("node", points), profile.mapping("segment", lines)
    assert {"key", "x", "y", "ground_elevation_m", "feature", "appurtenance"} <= of_points.keys()
    assert {"from_key", "to_key", "from_depth_m", "to_depth_m", "material", "burial"} <= of_lines.keys()
    assert {"section", "diameter"} & of_lines.keys()


def test_every_point_and_line_layout_of_the_reference_tables_is_recognised(shared_data: Path) -> None:
    standards = shared_data.parent / "standards"
    # Point layouts that carry x and y as columns, and line layouts that name both points.
    wanted = {"point_table.csv": ("node", {"Yutai POINT", "BdJm Excel (file name ends P)", "Shunde 2008 <class>Point"}),
              "line_table.csv": ("segment", {"Yutai LINE", "BdJm Excel (file name ends L)", "Cangnan MDB <class>LINE",
                                             "census style GXSSLN (facility line)", "vitecesium psline"})}  # fmt: skip
    for name, (role, schemas) in wanted.items():
        with (standards / name).open(encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
        for schema in schemas:
            columns = [row["field"] for row in rows if row["schema"] == schema]
            assert load_profile("default").role_of("1", columns, None) == role, schema


def test_the_choice_follows_the_columns() -> None:
    egw = ["EXP_NO", "SUR_H", "SUBSID", "S_POINT", "E_POINT", "S_DEEP", "S_H", "E_H", "D_S", "D_TYPE"]
    assert choose_profile(egw, {"access"})[0].name == "egw-survey"
    assert choose_profile(["GXDDH", "GXQDDH", "GXZDDH"], {"tables"})[0].name == "cn-census"
    assert choose_profile(["点号", "线号", "小类代码", "起始埋深", "终止埋深"], {"dxf"})[0].name == "egw-drawing"
    assert choose_profile(["anything"], {"gis"})[0].name == "gis-layers"
    assert choose_profile(["anything"], {"tables"})[0].name == "default"


def test_the_same_letters_mean_what_the_profile_says() -> None:
    assert load_profile("egw-survey").class_words()["d"] == "telecom"
    assert "d" not in load_profile("default").class_words()
    assert load_profile("default").class_words()["jx"] == "secret"


@pytest.mark.parametrize(
    ("class_code", "burial", "datum"),
    [
        ("water", "direct", "crown"),
        ("gas", None, "crown"),
        ("foul", "conduit", "invert"),
        ("storm", "trench", "invert"),
        ("power", "trench", "invert"),
        ("power", "duct_block", "crown"),
        ("telecom", "trench", "invert"),
        ("heat", "direct", "crown"),
        ("heat", "trench", "invert"),
    ],
)
def test_depths_refer_to_what_the_field_measures(class_code: str, burial: str | None, datum: str) -> None:
    assert load_profile("default").datum_of(class_code, burial) == datum


def test_a_profile_of_ones_own_extends_a_shipped_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'name = "mine"\ntitle = "Mine"\nextends = "default"\n[columns.node]\nkey = ["井号"]\n[classes]\nZZ = "gas"\n',
        encoding="utf-8",
    )
    profile = load_profile(path)
    assert profile.mapping("node", ["井号", "X", "Y"])["key"] == "井号"
    assert profile.class_words()["zz"] == "gas"
    assert profile.class_words()["js"] == "water"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name = ", "mine.toml"),
        ('name = "m"\ntitle = "t"\ncolour = 1\n', "colour"),
        ('name = "m"\ntitle = "t"\n[columns.node]\nkeys = ["a"]\n', "keys"),
        ('name = "m"\ntitle = "t"\n[classes]\nJS = "watr"\n', "watr"),
        ('name = "m"\ntitle = "t"\naxis = "north"\n', "axis"),
        ('name = "m"\ntitle = "t"\n[units]\nfrom_depth_m = "kv"\n', "from_depth_m in kv"),
        ('name = "m"\ntitle = "t"\n[units]\ndeep = "cm"\n', "deep"),
        ('name = "m"\ntitle = "t"\n[leave]\npoints = ["a"]\n', "points"),
        ('name = "m"\ntitle = "t"\n[null_values]\ndeep = [99]\n', "deep"),
        ('name = "m"\ntitle = "t"\n[vertical]\noffset = 1\n', "offset"),
        ('name = "m"\ntitle = "t"\nclass_from_sheet = ["(("]\n', "(("),
    ],
)
def test_a_mistake_in_a_profile_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError) as fault:
        load_profile(path)
    assert said in fault.value.message


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    with pytest.raises(NotFoundError, match="egw-survey"):
        load_profile("nope")


@pytest.mark.parametrize(
    ("column", "attribute", "factor"),
    [
        ("起点埋深(cm)", "from_depth_m", 0.01),
        ("起点埋深（单位：厘米）", "from_depth_m", 0.01),
        ("DEPTH_FT", "from_depth_m", 0.3048),
        ("起点埋深", "from_depth_m", 1.0),
        ("from_depth_m", "from_depth_m", 1.0),
        ("管径mm", "diameter", 1.0),
        ("断面(m)", "section", 1000.0),
        ("电压(V)", "voltage", 0.001),
        ("SJYL(kPa)", "pressure", 0.001),
        # A unit that the attribute cannot be in is no unit of it.
        ("埋深(kV)", "from_depth_m", 1.0),
    ],
)
def test_a_unit_in_a_header_is_the_unit_of_its_numbers(column: str, attribute: str, factor: float) -> None:
    assert load_profile("default").factor(attribute, column) == factor


def test_units_and_columns_to_leave_are_what_the_profile_says(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    text = 'name = "mine"\ntitle = "t"\nextends = "default"\n[units]\nfrom_depth_m = "cm"\nsection = "m"\n'
    path.write_text(text + '[leave]\nsegment = ["管径"]\n', encoding="utf-8")
    profile = load_profile(path)
    assert profile.factor("from_depth_m", "起点埋深(m)") == 0.01
    assert profile.factor("section", "断面尺寸") == 1000
    assert "diameter" not in profile.mapping("segment", ["起点点号", "终点点号", "管径(mm)"])
    assert "diameter" in load_profile("default").mapping("segment", ["起点点号", "终点点号", "管径(mm)"])


def test_a_column_that_a_profile_gives_to_one_attribute_is_no_others_by_inheritance() -> None:
    columns = ["node_1", "node_2", "y1", "y2", "elev1", "elev2"]
    mapping = load_profile("giswater-ud").mapping("segment", columns)
    assert (mapping["from_depth_m"], mapping["to_depth_m"]) == ("y1", "y2")
    assert load_profile("default").mapping("segment", columns)["from_y"] == "y1"


@pytest.mark.parametrize(
    ("column", "attribute"),
    [
        ("起点地面高", "from_ground_m"),
        ("起点埋", "from_depth_m"),
        ("终点管线点", None),
        ("START_INVE", None),
        ("埋设方", "burial"),
    ],
)
def test_names_that_a_shapefile_cut_off_are_known_where_they_can_be_one_thing_only(
    column: str, attribute: str | None
) -> None:
    mapping = load_profile("gis-layers").mapping("segment", ["起点点号", "终点点号", column])
    assert {name: taken for name, taken in mapping.items() if taken == column} == (
        {attribute: column} if attribute else {}
    )
