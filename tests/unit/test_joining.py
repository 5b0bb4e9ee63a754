"""How lines find their points, by whole small deliveries: numbers of several classes, repeated numbers, snapping."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.delivery import read_delivery
from schemas.delivery import Delivery
from schemas.findings import Finding

NORTH, EAST = 2_494_000.0, 492_000.0
POINTS, LINES = "物探点号,管线类型,特征,X,Y,地面高程", "起点点号,终点点号,管线类型,管径"
DRAWN = "管线类型,起点X,起点Y,终点X,终点Y,管径"


def point(key: str, class_word: str, x: float, y: float = 0.0, ground: float = 10) -> str:
    return f"{key},{class_word},弯头,{NORTH + y},{EAST + x},{ground}"


def drawn(class_word: str, start: tuple[float, float], end: tuple[float, float]) -> str:
    return f"{class_word},{NORTH + start[1]},{EAST + start[0]},{NORTH + end[1]},{EAST + end[0]},200"


def read(
    folder: Path, points: list[str], header: str, lines: list[str], snap_m: float | None = None, said: str = ""
) -> Delivery:
    (folder / "点.csv").write_text("\n".join([POINTS, *points]), encoding="utf-8")
    (folder / "线.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    options: dict[str, Any] = {}
    said += f"snap_m = {snap_m}" if snap_m is not None else ""
    if said:
        profile = folder / "mine.toml"
        profile.write_text(f'name = "m"\ntitle = "t"\nextends = "default"\n{said}\n', encoding="utf-8")
        options["profile"] = profile
    return read_delivery([folder / "点.csv", folder / "线.csv"], srid=4547, **options)


def of_rule(delivery: Delivery, rule: str) -> list[Finding]:
    return [finding for finding in delivery.findings if finding.rule == rule]


def assert_account(delivery: Delivery) -> None:
    for sheet, features in (("点", delivery.nodes), ("线", delivery.segments)):
        counts = [count for count in delivery.counts if count.sheet == sheet]
        assert sum(c.rows for c in counts) == sum(c.loaded + c.refused + c.skipped for c in counts)
        assert sum(c.loaded for c in counts) == int((features["source_sheet"] == sheet).sum() if len(features) else 0)


def test_classes_that_number_each_from_one_keep_their_own_points(tmp_path: Path) -> None:
    points = [point(str(n), word, 30 * n, y) for word, y in (("JS", 0), ("WS", 50)) for n in (1, 2)]
    delivery = read(tmp_path, [*points, point("9", "WS", 99)], LINES, ["1,2,JS,200", "1,2,WS,300", "2,9,WS,300"])
    assert sorted(delivery.nodes.source_key) == ["9", "foul/1", "foul/2", "water/1", "water/2"]
    assert sorted(delivery.segments.source_key) == ["foul/1->foul/2", "foul/2->9", "water/1->water/2"]
    ends = delivery.nodes.set_index("source_key").geom
    assert ends["foul/1"].y - ends["water/1"].y == 50
    (told,) = of_rule(delivery, "R07")
    assert (told.severity, told.details) == ("warning", {"numbers": 2, "rows": 4})
    assert "water/1" in told.message_en
    assert "water/1" in told.message_zh
    assert_account(delivery)


def test_a_line_of_a_third_class_to_a_number_of_two_is_refused_not_guessed(tmp_path: Path) -> None:
    points = [point("1", "JS", 0), point("1", "WS", 0, 50), point("2", "RQ", 30)]
    delivery = read(tmp_path, points, LINES, ["1,2,RQ,200"])
    assert len(delivery.segments) == 0
    assert [finding.value for finding in of_rule(delivery, "R20")] == ["1"]
    assert_account(delivery)


@pytest.mark.parametrize(
    ("again", "severity", "said"),
    [
        (point("A", "JS", 0), "warning", "says the same"),
        (point("A", "JS", 12.5), "error", "12.5 m apart"),
        (point("A", "JS", 0, ground=11), "error", "though not in place"),
        # Another class in the very same place is no point of its own.
        (point("A", "WS", 0), "error", "though not in place"),
    ],
)
def test_a_number_that_stands_twice_is_told_by_what_differs(
    tmp_path: Path, again: str, severity: str, said: str
) -> None:
    delivery = read(tmp_path, [point("A", "JS", 0), point("B", "JS", 30), again], LINES, ["A,B,JS,200"])
    (told,) = of_rule(delivery, "R07")
    assert (told.severity, told.file, told.sheet, told.row, told.feature_key) == (severity, "点.csv", "点", 4, "A")
    assert said in told.message_en
    assert len(delivery.nodes) == 2
    assert_account(delivery)


def test_a_line_may_end_at_a_point_of_another_class(tmp_path: Path) -> None:
    delivery = read(tmp_path, [point("A", "JS", 0), point("B", "XF", 30), point("C", "WS", 60)], LINES, ["A,C,JS,200"])
    assert delivery.segments.to_key.tolist() == ["C"]
    assert delivery.nodes.set_index("source_key").class_code["C"] == "foul"


def test_a_line_that_names_no_points_among_lines_that_do_is_joined_by_place_and_told(tmp_path: Path) -> None:
    points = [point("A", "JS", 0), point("B", "JS", 30), point("C", "JS", 60)]
    lines = [f"A,B,{drawn('JS', (0, 0), (30, 0))}", f",,{drawn('JS', (30, 0), (60, 0))}"]
    lines.append(f"A,C,{drawn('JS', (0, 0), (60, 0))}")
    delivery = read(tmp_path, points, f"起点点号,终点点号,{DRAWN}", lines, said='unnumbered = "by_place"')
    assert delivery.segments.source_key.tolist() == ["A->B", "B->C", "A->C"]
    (told,) = of_rule(delivery, "R03")
    assert (told.severity, told.sheet, told.row, told.x_m) == ("warning", "线", 3, EAST + 30)
    assert "joins B and C" in told.message_en
    assert_account(delivery)


def test_lines_of_a_table_without_point_numbers_are_joined_by_place_without_a_word(tmp_path: Path) -> None:
    points = [point("A", "JS", 0), point("B", "JS", 30)]
    assert of_rule(read(tmp_path, points, DRAWN, [drawn("JS", (0, 0), (30, 0))]), "R03") == []


@pytest.mark.parametrize(("snap_m", "joined"), [(None, False), (0.05, False), (0.5, True), (0.0, False)])
def test_ends_are_joined_within_the_tolerance_of_the_profile(
    tmp_path: Path, snap_m: float | None, joined: bool
) -> None:
    points = [point("A", "JS", 0), point("B", "JS", 30)]
    delivery = read(tmp_path, points, DRAWN, [drawn("JS", (0, 0.2), (30, 0))], snap_m)
    assert delivery.segments.to_key.tolist() == ["B"]
    assert (delivery.segments.from_key.tolist() == ["A"]) == joined
    assert len(delivery.nodes) == (2 if joined else 3)


@pytest.mark.parametrize(("word", "key"), [("JS", "A"), ("WS", "B"), ("RQ", "A")])
def test_an_end_prefers_a_point_of_its_own_class_to_a_nearer_one(tmp_path: Path, word: str, key: str) -> None:
    points = [point("A", "JS", 0.01), point("B", "WS", 0.03), point("C", word, 30)]
    delivery = read(tmp_path, points, DRAWN, [drawn(word, (0, 0), (30, 0))])
    assert delivery.segments.from_key.tolist() == [key]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(
        st.tuples(st.sampled_from("123"), st.sampled_from(["JS", "WS", "RQ", ""]), st.sampled_from([0, 0.01, 40])),
        min_size=1,
        max_size=8,
    ),
    lines=st.lists(
        st.tuples(st.sampled_from("123"), st.sampled_from("123"), st.sampled_from(["JS", "WS", ""])), max_size=6
    ),
)
def test_whatever_numbers_repeat_keys_are_unique_and_every_row_is_accounted_for(
    tmp_path: Path, rows: list[tuple[str, str, float]], lines: list[tuple[str, str, str]]
) -> None:
    points = [point(key, word, x) for key, word, x in rows]
    delivery = read(tmp_path, points, LINES, [f"{a},{b},{word},200" for a, b, word in lines] or ["1,2,JS,200"])
    assert delivery.nodes.source_key.is_unique
    if len(delivery.segments):
        assert delivery.segments.source_key.is_unique
        assert {*delivery.segments.from_key, *delivery.segments.to_key} <= {*delivery.nodes.source_key}
    assert_account(delivery)
