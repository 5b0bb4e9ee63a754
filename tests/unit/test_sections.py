import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from importers.normalising.sections import Section, Sizes, parse_section, sizes, with_box

# Each sign with what its number measures (GB/T 50106-2010, 2.4.1); `d` and `dn` depend on the material.
SIGNS = {
    "": "unknown", "DN": "nominal", "HDN": "nominal", "Dn": "nominal", "dn": "nominal", "De": "outer", "Dw": "outer",
    "d": "unknown", "D": "unknown", "Φ": "unknown", "φ": "unknown", "￠": "unknown", "Ø": "unknown", "⌀": "unknown",
    "DN/OD ": "outer", "DN/ID ": "inner", "OD": "outer", "NW": "nominal", "管径": "unknown", "管径: DN": "nominal",
}  # fmt: skip
signs = st.sampled_from(sorted(SIGNS))
lengths = st.integers(min_value=1, max_value=9999)
# Lower than this is a wall or a count beside a larger number, never a height.
heights = st.integers(min_value=40, max_value=9999)


def circle(size: float, basis: str = "unknown", wall: float | None = None) -> Section:
    return Section("circle", size, size, basis_code=basis, wall_mm=wall)


def box(width: float, height: float, basis: str = "unknown", shape: str = "rect") -> Section:
    return Section(shape, width, height, basis_code=basis)


def full_width(text: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in text)


@given(sign=signs, size=lengths, unit=st.sampled_from(("", "mm", " mm", "毫米")), wide=st.booleans())
def test_a_round_section_written_in_any_way_reads_back(sign: str, size: int, unit: str, wide: bool) -> None:
    text = f"{sign}{size}{unit}"
    assert parse_section(full_width(text) if wide else text) == circle(size, SIGNS[sign])


@given(sign=signs, width=lengths, height=heights, mark=st.sampled_from("xX×*Ｘ✕"), gap=st.sampled_from(("", " ")))
def test_a_box_reads_back_width_first(sign: str, width: int, height: int, mark: str, gap: str) -> None:
    assume(width >= 10 or sign not in ("", "管径"))
    assert parse_section(f"{sign}{width}{gap}{mark}{gap}{height}") == box(width, height, SIGNS[sign])


@given(
    sign=st.sampled_from(("", "φ", "D", "De", "Φ", "Ø")),
    outer=st.integers(min_value=20, max_value=2000),
    wall=st.floats(min_value=0.5, max_value=39).map(lambda wall: round(wall, 1)),
    mark=st.sampled_from("x×*"),
)
def test_a_diameter_by_a_wall_is_an_outer_one(sign: str, outer: int, wall: float, mark: str) -> None:
    found = parse_section(f"{sign}{outer}{mark}{wall}")
    if outer >= 5 * wall:
        assert found == circle(outer, "outer", wall)
        inner = sizes(found, "steel").inner_width_mm
        assert inner == pytest.approx(outer - 2 * wall)
    else:
        assert found.wall_mm is None


@given(st.text(max_size=70))
def test_any_text_gives_a_section_with_sizes_above_zero_or_unknown(text: str) -> None:
    for is_cable in (False, True):
        section = parse_section(text, is_cable=is_cable)
        told = sizes(section, None)
        for size in (section.width_mm, section.height_mm, section.wall_mm, section.barrel_mm, *vars(told).values()):
            assert size is None or isinstance(size, str) or size > 0


PIECES = (
    "DN", "De", "φ", "300", "4.2", "x", "*", "孔", "根", "(", ")", " ", "内", "PE", "SDR", "11", "-", "/", '"', "m",
    "方沟",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=8))
def test_pieces_of_sections_in_any_order_are_read_or_unknown(pieces: list[str]) -> None:
    found = parse_section("".join(pieces))
    assert (found.width_mm is None) == (found.height_mm is None) == (found.shape_code == "unknown")


@pytest.mark.parametrize(
    ("text", "section"),
    [
        ("1000*800(内)", box(1000, 800, "inner")),
        ("300 dia", circle(300)),
        ("○250", circle(250)),
        ("□1500×1200", box(1500, 1200)),
        ("150A", circle(150, "nominal")),
        ("180 OD", circle(180, "outer")),
        ("da 110x10,0", circle(110, "outer", 10)),
        ('4"Ø', circle(101.6, "nominal")),
        ("1000×800（内径）", box(1000, 800, "inner")),
        ("净空2000×1500", Section()),
        ("2000×1500净空", box(2000, 1500, "inner")),
        ("BxH=1000x800", box(1000, 800)),
        ("B×H=1.0×0.8m", box(1000, 800)),
        ("宽1000高800", box(1000, 800)),
        ("B1000×H800", box(1000, 800)),
        ("W1000 H800", box(1000, 800)),
        ("1.2m×0.8m", box(1200, 800)),
        ("1200mm×80cm", box(1200, 800)),
        ("方沟 1000X600", box(1000, 600)),
        ("箱涵2000×1500", box(2000, 1500)),
        ("600X400 砖", box(600, 400)),
        ("圆管 DN300", circle(300, "nominal")),
        ("A1000×800", box(1000, 800)),
        ("dn160×14.6", circle(160, "outer", 14.6)),
        ("DN300 铸铁", circle(300, "nominal")),
        ("d400砼", circle(400, "inner")),
        ("d400 钢筋混凝土", circle(400, "inner")),
        ("PE110", circle(110, "outer")),
        ("dn110 PE", circle(110, "outer")),
        ("PVC110-PN16", circle(110, "outer")),
        ("HDPE 300", circle(300)),
        ("125 PE 100 SDR 11", circle(125, "outer", 11.4)),
        ("PE100 SDR17 De160x9.5", circle(160, "outer", 9.5)),
        ("D530x8", circle(530, "outer", 8)),
        ('8"', circle(203.2, "nominal")),
        ('1-1/2"', circle(38.1, "nominal")),
        ("CI 12 inch", circle(304.8, "nominal")),
        ("Ei 600/900", box(600, 900, shape="egg")),
        ("卵形600×900", box(600, 900, shape="egg")),
        ("Maul 1800/1500", box(1800, 1500, shape="arch")),
        ("梯形 1000×800", box(1000, 800, shape="trapezoid")),
    ],
)
def test_what_the_field_writes_is_read(text: str, section: Section) -> None:
    assert parse_section(text) == section


@pytest.mark.parametrize(
    ("text", "holes", "cables"),
    [("16孔", 16, None), ("12孔 12根", 12, 12), ("4孔/3根", 4, 3), ("8孔(2*4)", 8, None), ("2×4孔", 8, None),
     ("管块 6孔", 6, None), ("5根", None, 5)],
)  # fmt: skip
def test_a_duct_block_by_holes_has_no_size(text: str, holes: int | None, cables: int | None) -> None:
    assert parse_section(text) == Section(hole_count=holes, cable_count=cables)


@pytest.mark.parametrize("text", ["管块300X200 6孔", "300×200(6孔)", "排管300*200/6孔"])
def test_a_duct_block_by_size_and_holes_has_both(text: str) -> None:
    assert parse_section(text) == Section("rect", 300, 200, hole_count=6)


@pytest.mark.parametrize("text", ["9孔φ110", "φ110×9孔", "9孔×φ110", "9-φ110", "9×φ110", "φ110*9", "φ110×9"])
def test_ducts_of_cables_are_counted_and_leave_the_block_without_size(text: str) -> None:
    assert parse_section(text, is_cable=True) == Section(hole_count=9, barrel_count=9, barrel_mm=110)


@pytest.mark.parametrize(
    ("text", "size", "basis"),
    [("2-DN300", 300, "nominal"), ("DN300×2", 300, "nominal"), ("2×DN300", 300, "nominal"), ("2Ду150", 150, "nominal"),
     ("2×2000×1500", 2000, "unknown"), ("2孔2000×1500", 2000, "unknown"), ("箱涵2-2000×1500", 2000, "unknown"),
     ("钢2×325", 325, "unknown")],
)  # fmt: skip
def test_pipes_side_by_side_have_the_size_of_one_and_none_as_a_whole(text: str, size: float, basis: str) -> None:
    found = parse_section(text)
    assert found == Section(basis_code=basis, barrel_count=2, barrel_mm=size)
    assert sizes(found, None) == Sizes(nominal_mm=size if basis == "nominal" else None)


@pytest.mark.parametrize(
    "text",
    ["0", "0X0", "*", "方沟", "300X", "X300", "DN", "300X200X100", "-300", "1e3", "", "300-400", "DN300/DN400", "PE100",
     "YJV22-3*240", "10kV", "12/8", "3.5/0", '1/0"', "DN0", "9" * 61],
)  # fmt: skip
def test_what_cannot_be_read_is_unknown(text: str) -> None:
    assert not parse_section(text).is_known


def test_sizes_in_metres_become_millimetres() -> None:
    assert parse_section("1.2X0.8", mm_per_unit=1000) == box(1200, 800)


@pytest.mark.parametrize(
    ("text", "material", "wall", "told"),
    [
        # Stated outer, and inner by the wall: 110 - 2 x 4.2.
        ("φ110*4.2", "pe", None, Sizes(110, 110, "outer", None, 101.6, 101.6)),
        ("De110", "pe", None, Sizes(110, 110, "outer")),
        # Inner and a wall from a column of its own: 1000 + 2 x 100.
        ("d1000", "concrete", 100, Sizes(1200, 1200, "outer", None, 1000, 1000)),
        ("1000*800(内)", "masonry", 240, Sizes(1480, 1280, "outer", None, 1000, 800)),
        # A nominal size leads to the outer one where the standard fixes it (ISO 2531: DN300 is 326 outside).
        ("DN300", "ductile_iron", None, Sizes(326, 326, "outer", 300)),
        ("DN110", "pe", None, Sizes(110, 110, "outer", 110)),
        # For plastics 200 can be outer or inner, steel has two series, grey iron several.
        ("DN200", "pe", None, Sizes(200, 200, "nominal", 200)),
        ("DN300", "steel", None, Sizes(300, 300, "nominal", 300)),
        ("DN300", "cast_iron", None, Sizes(300, 300, "nominal", 300)),
        ("DN300", None, None, Sizes(300, 300, "nominal", 300)),
        # A concrete pipe is named by its inner diameter (GB/T 11836).
        ("DN800", "concrete", None, Sizes(800, 800, "inner", 800, 800, 800)),
        ("300", "ductile_iron", None, Sizes(300, 300, "unknown")),
        ("16孔", "pvc", None, Sizes()),
    ],
)
def test_nominal_inner_and_outer_are_kept_apart(
    text: str, material: str | None, wall: float | None, told: Sizes
) -> None:
    found = sizes(parse_section(text, material=material), material, wall)
    for name, size in vars(told).items():
        assert getattr(found, name) == (pytest.approx(size) if isinstance(size, float) else size), name


@pytest.mark.parametrize(("pipes", "nominal_mm"), [("2×DN300", 300), ("DN250", 250), ("Φ219", None), ("-", None)])
def test_the_pipes_in_a_trench_keep_their_nominal_size_beside_its_own(pipes: str, nominal_mm: float | None) -> None:
    found = sizes(with_box(parse_section("1200×900"), pipes), "steel")
    assert (found.width_mm, found.height_mm, found.nominal_mm) == (1200, 900, nominal_mm)
