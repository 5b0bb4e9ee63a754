import pytest
from hypothesis import given
from hypothesis import strategies as st

from importers.profiles import ATTRIBUTES
from importers.proposing.code_words import nearest
from importers.proposing.vocabulary import labels, readings
from schemas.codetables import aliases


def best(role: str, header: str) -> str | None:
    found = readings(role, header)
    return found[0].attribute if found and found[0].trust >= 0.5 else None


@pytest.mark.parametrize(
    ("role", "header", "attribute"),
    [
        ("node", "节点编号", "key"),
        ("node", "manholeId", "key"),
        ("node", "GXDBH", "key"),
        ("node", "坐标Y", "y"),
        ("node", "LONGITUDE", "easting_m"),
        ("node", "NODE_COVELEV", "ground_elevation_m"),
        ("node", "井盖高程(m)", "ground_elevation_m"),
        ("node", "Cota_terreno", "ground_elevation_m"),
        ("node", "G.L. (m)", "ground_elevation_m"),
        ("segment", "线缆材质", "material"),
        ("segment", "Main Size", "section"),
        ("segment", "断面形状・寸法", "section"),
        ("combined", "Connecting MH", "to_key"),
        ("segment", "Lichte Höhe", "height_mm"),
        ("node", "管线点类型", "feature"),
        ("node", "权属", "owner"),
        ("segment", "下游井号", "to_key"),
        ("segment", "us_mh_id", "from_key"),
        ("segment", "Nodo 2", "to_key"),
        ("segment", "ZDMS", "to_depth_m"),
        ("segment", "起点管底标高", "from_elevation_m"),
        ("segment", "START_INVELEV", "from_elevation_m"),
        ("segment", "START_COVELEV", "from_ground_m"),
        ("segment", "终点埋身", "to_depth_m"),
        ("segment", "X1", "from_x"),
        ("segment", "PIPE_MATRL", "material"),
        ("segment", "管壁厚度", "wall_mm"),
        ("segment", "流水方向", "flow_direction"),
        ("segment", "Start Depth to crown (cm)", "from_depth_m"),
        ("segment", "End Depth to crown (cm)", "to_depth_m"),
        ("segment", "DEPTH_TO_INVERT", "depths"),
        ("node", "profundidade", "well_depth_m"),
        ("segment", "DEPTH_TO", "to_depth_m"),
        ("segment", "PROPRIÉTAIRE", "owner"),
        ("segment", "RÉSEAU", "class"),
        ("node", "Отметка земли", "ground_elevation_m"),
        ("segment", "Глубина заложения в конце, м", "to_depth_m"),
        ("segment", "Балансодержатель", "owner"),
        ("node", "Rzędna terenu", "ground_elevation_m"),
        ("node", "Rzedna dna", "well_bottom_m"),
        ("segment", "Rodzaj kanału", "class"),
        ("node", "Cao độ mặt đất (m)", "ground_elevation_m"),
        ("segment", "Đơn vị quản lý", "owner"),
        ("node", "Cota do terreno", "ground_elevation_m"),
        ("node", "منسوب الغطاء", "ground_elevation_m"),
        ("segment", "الجهة المالكة", "owner"),
        ("segment", "관리주체", "owner"),
        ("segment", "Διάμετρος", "diameter"),
        ("segment", "Çap (mm)", "diameter"),
        ("segment", "道路名称", None),
        ("segment", "OWNED_BY", "owner"),
        ("segment", "Вулиця", None),
        ("node", "Позначка землі", "ground_elevation_m"),
        ("segment", "Външен диаметър, mm", "outer_diameter"),
        ("segment", "Vlasnik", "owner"),
        ("segment", "Završno okno", "to_key"),
        ("segment", "本点埋深", "from_depth_m"),
        ("segment", "StDepth", "from_depth_m"),
        ("segment", "NOM_DIA_MM", "diameter"),
        ("segment", "INST_DATE", "installed_on"),
        ("segment", "FSRQ", "installed_on"),
        ("segment", "EdDepth", "to_depth_m"),
        ("segment", "ED_ELEV", "to_elevation_m"),
        ("segment", "对点埋深", "to_depth_m"),
        ("segment", "No. of Ducts", "hole_count"),
        ("segment", "Duct Material", "material"),
        ("segment", "DIAM_IN", "diameter"),
        ("segment", "INV_DN", "to_elevation_m"),
        ("segment", "Takarás kezdő (m)", "from_depth_m"),
        ("segment", "Xakarx kezdő", None),
        ("segment", "Глибина закладання (кінець), м", "to_depth_m"),
        ("segment", "Глибина закладання (початок), м", "from_depth_m"),
        ("segment", "عمق انتها (متر)", "to_depth_m"),
        ("segment", "起点管顶覆土(m)", "from_depth_m"),
        ("segment", "施工单位", None),
        ("segment", "לשוחה", "to_key"),
        ("segment", "Ду подающего трубопровода, мм", "diameter"),
        ("segment", "回路编号", "circuit"),
        ("node", "Oznaka jaška", "key"),
        ("node", "Šulinio Nr.", "key"),
        ("node", "Type chambre / puttype", "appurtenance"),
        ("segment", "Matériau / materiaal", "material"),
        ("node", "רום מכסה (מ')", "ground_elevation_m"),
        ("node", "X-coördinaat", "x"),
        ("node", "人井号", "key"),
        ("node", "Координата Х", "x"),
        ("segment", "Глубина до верха трубы", "depths"),
        ("segment", "Глибина закладання до верху, м", "depths"),
        ("segment", "净宽(m)", "inner_width_mm"),
        ("segment", "所属企业", "owner"),
        ("segment", "主管部门", "owner"),
        ("segment", "จำนวนท่อ", "hole_count"),
        ("segment", "Jmenovitá světlost", "diameter"),
        ("segment", "长度", None),
        ("node", "备注", None),
        ("node", "图幅号", None),
        ("segment", "qwertz", None),
    ],
)
def test_a_name_is_read_by_its_words(role: str, header: str, attribute: str | None) -> None:
    assert best(role, header) == attribute


@given(header=st.text(max_size=30), role=st.sampled_from(sorted(ATTRIBUTES)))
def test_any_name_is_read_without_fault_and_with_a_trust_that_is_a_share(header: str, role: str) -> None:
    for found in readings(role, header):
        assert found.attribute in ATTRIBUTES[role]
        assert 0 < found.trust <= 1


def test_every_attribute_has_a_chinese_name() -> None:
    assert labels().keys() == {name for names in ATTRIBUTES.values() for name in names}


@pytest.mark.parametrize(
    ("word", "code"),
    [("球墨铸铁管", "ductile_iron"), ("砼管", "concrete"), ("PE", "pe"), ("ductil iron", "ductile_iron"),
     ("HDPE双壁波纹管", "pe"), ("月石", None), ("7", None), ("", None)],
)  # fmt: skip
def test_the_nearest_word_of_a_dictionary_is_found_or_none(word: str, code: str | None) -> None:
    found = nearest(word, aliases("material"))
    assert (found and found.code) == code


@given(st.sampled_from(sorted(aliases("appurtenance"))))
def test_a_word_of_the_dictionary_is_nearest_to_itself(word: str) -> None:
    found = nearest(word, aliases("appurtenance"))
    assert found is not None
    assert (found.code, found.nearness) == (aliases("appurtenance")[word], 1.0)
