import pytest
from hypothesis import given
from hypothesis import strategies as st

from importers.sections import Section, parse_section

SIGNS = ("", "DN", "HDN", "De", "d", "Φ", "φ", "￠", "Ø", "⌀")
sizes = st.integers(min_value=1, max_value=9999)


@given(sign=st.sampled_from(SIGNS), size=sizes, unit=st.sampled_from(("", "mm")))
def test_a_round_section_written_in_any_way_reads_back(sign: str, size: int, unit: str) -> None:
    assert parse_section(f"{sign}{size}{unit}") == Section("circle", size, size)


@given(
    sign=st.sampled_from(SIGNS),
    width=sizes,
    height=sizes,
    mark=st.sampled_from("xX×*Ｘ"),
    gap=st.sampled_from(("", " ")),
)
def test_a_box_reads_back_width_first(sign: str, width: int, height: int, mark: str, gap: str) -> None:
    assert parse_section(f"{sign}{width}{gap}{mark}{gap}{height}") == Section("rect", width, height)


@given(st.text(max_size=12))
def test_any_text_gives_a_section_with_sizes_above_zero_or_unknown(text: str) -> None:
    section = parse_section(text)
    for size in (section.width_mm, section.height_mm):
        assert size is None or size > 0


@pytest.mark.parametrize(("text", "holes", "cables"), [("16孔", 16, None), ("12孔 12根", 12, 12), ("4孔/3根", 4, 3)])
def test_a_duct_block_by_holes_has_no_size(text: str, holes: int, cables: int | None) -> None:
    assert parse_section(text) == Section(hole_count=holes, cable_count=cables)


@pytest.mark.parametrize("text", ["0", "0X0", "*", "方沟", "300X", "X300", "DN", "300X200X100", "-300", "1e3", ""])
def test_what_cannot_be_read_is_unknown(text: str) -> None:
    assert not parse_section(text).is_known


def test_sizes_in_metres_become_millimetres() -> None:
    assert parse_section("1.2X0.8", mm_per_unit=1000) == Section("rect", 1200, 800)
