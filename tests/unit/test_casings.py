"""Casings of pipes as surveys deliver them: a diameter of its own beside the pipe's."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from importers.delivery import read_delivery
from importers.proposing.vocabulary import readings, says_else
from schemas.delivery import Delivery

NORTH, EAST = 2_494_000.0, 492_000.0


def delivered(folder: Path, casings: list[str], heading: str = "套管尺寸", profile: str | None = None) -> Delivery:
    """Water mains of DN300, one after the other, with a casing each as it is written."""
    points = folder / "给水管点.csv"
    numbers = range(len(casings) + 1)
    rows = [f"JS{i},JS,{NORTH},{EAST + 20 * i},10.0" for i in numbers]
    points.write_text("\n".join(["物探点号,管线类型,X坐标,Y坐标,地面高程", *rows]), encoding="utf-8")
    lines = folder / "给水管线.csv"
    rows = [f'JS{i},JS{i + 1},JS,DN300,钢,2.0,2.0,"{casing}",钢' for i, casing in enumerate(casings)]
    header = f"起点点号,终点点号,管线类型,管径,材质,起点埋深,终点埋深,{heading},套管材料"
    lines.write_text("\n".join([header, *rows]), encoding="utf-8")
    return read_delivery([points, lines], srid=4547, profile=profile)


def casings_of(given: Delivery) -> list[float]:
    return given.segments.set_index("from_key").sort_index()["casing_mm"].tolist()


@pytest.mark.parametrize(
    ("written", "casing_mm"),
    [
        ("600", 600),
        ("600.0", 600),
        ("DN600", 600),
        ("D630*10", 630),
        ("De315", 315),
        ("0.6m", 600),
        ("60cm", 600),
        # GB/T 13295: ductile iron of DN600 is 635 mm wide.
        ("球墨铸铁DN600", 635),
    ],
)
def test_a_casing_is_read_as_a_section_is(tmp_path: Path, written: str, casing_mm: float) -> None:
    given = delivered(tmp_path, [written])
    assert casings_of(given) == [casing_mm]
    assert given.segments["width_mm"].tolist() == [300], "the pipe in it keeps its own size"
    assert not [found for found in given.findings if found.rule == "IMP-SECTION"]


@pytest.mark.parametrize("unknown", ["", "0", "/", "无"])
def test_no_casing_is_none(tmp_path: Path, unknown: str) -> None:
    given = delivered(tmp_path, [unknown, "500"])
    assert np.isnan(casings_of(given)[0])
    assert casings_of(given)[1] == 500
    assert not [found for found in given.findings if found.rule == "IMP-SECTION"]


@pytest.mark.parametrize("written", ["400x300", "2-DN400", "有"])
def test_a_casing_that_is_no_round_pipe_is_told_and_kept_as_it_was_written(tmp_path: Path, written: str) -> None:
    given = delivered(tmp_path, [written, "500"])
    assert np.isnan(casings_of(given)[0])
    (found,) = [found for found in given.findings if found.rule == "IMP-SECTION"]
    assert (found.column, found.value) == ("套管尺寸", written)
    extra: dict[str, Any] = given.segments.set_index("from_key")["extra"]["JS0"]
    assert extra["套管尺寸"] == written


def test_what_a_casing_is_made_of_says_nothing_of_the_pipe_and_is_kept(tmp_path: Path) -> None:
    given = delivered(tmp_path, ["500"])
    assert given.segments["material_code"].tolist() == ["steel"]
    assert given.segments["extra"].tolist() == [{"套管材料": "钢"}]


def test_the_county_layout_calls_it_d_dia(tmp_path: Path) -> None:
    assert casings_of(delivered(tmp_path, ["500"], "D_Dia", "cangnan-mdb")) == [500]


@pytest.mark.parametrize(
    "heading",
    [
        "套管直径",
        "套管尺寸(mm)",
        "保护管外径",
        "护套管径",
        "CASING_DIA",
        "Sleeve Diameter",
        "protective_pipe_size",
        "casing",
    ],
)
def test_a_casing_is_known_by_the_words_of_its_name(heading: str) -> None:
    assert [found.attribute for found in readings("segment", heading)][:1] == ["casing_mm"]


@pytest.mark.parametrize("heading", ["套管材料", "套管材质", "casing material", "套管长度"])
def test_what_else_is_said_of_a_casing_is_nothing_of_the_pipe(heading: str) -> None:
    assert readings("segment", heading) == ()
    assert says_else("segment", heading)
