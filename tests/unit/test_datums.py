"""What depths refer to, from delivery to axis: made-up sewers whose true heights are known, given in several ways."""

import random
from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.delivery import read_delivery
from importers.proposing.vocabulary import datum_in_name
from schemas.delivery import DatumUse, Delivery
from schemas.findings import Finding

NORTH, EAST, GROUND = 2_494_000.0, 492_000.0, 20.0
SIZES_MM = (300, 500, 800, 1000)
# How far below its crown a pipe's datum lies, as a share of its height.
BELOW_CROWN = {"crown": 0.0, "axis": 0.5, "invert": 1.0}


def sewer(count: int, seed: int, level: str) -> list[tuple[int, float, float]]:
    """Height in mm and crown elevation at both ends of each pipe of a run; at joints `level` of the pipes is level."""
    drawn = random.Random(seed)
    pipes, at_m = [], 17.0
    for n in range(count):
        size = SIZES_MM[(n + drawn.randint(0, 1)) % len(SIZES_MM)] if n % 2 else drawn.choice(SIZES_MM)
        crown = at_m + BELOW_CROWN[level] * size / 1000
        at_m = round(at_m - drawn.uniform(0.05, 0.25), 2)
        pipes.append((size, crown, at_m + BELOW_CROWN[level] * size / 1000))
    return pipes


def deliver(
    folder: Path,
    pipes: list[tuple[int, float, float]],
    *,
    depth: str | None = None,
    elevation: str | None = None,
    class_word: str = "JS",
    depth_names: tuple[str, str] = ("起点埋深", "终点埋深"),
    elevation_names: tuple[str, str] = ("起点高程", "终点高程"),
    well: Any = None,
    **options: Any,
) -> Delivery:
    """The run as tables: depths and elevations to the datum that each is given for."""
    wells = [well(n, pipes) if well else "" for n in range(len(pipes) + 1)]
    points = [f"P{n},{class_word},检查井,{NORTH + 30 * n},{EAST},{GROUND},{wells[n]}" for n in range(len(pipes) + 1)]
    lines = []
    for n, (size, *crowns) in enumerate(pipes):
        to = {datum: [crown - share * size / 1000 for crown in crowns] for datum, share in BELOW_CROWN.items()}
        depths = [f"{GROUND - z:.3f}" for z in to[depth]] if depth else ["", ""]
        heights = [f"{z:.3f}" for z in to[elevation]] if elevation else ["", ""]
        lines.append(",".join([f"P{n}", f"P{n + 1}", class_word, *depths, *heights, str(size)]))
    (folder / "点.csv").write_text("\n".join(["物探点号,管线类型,附属物,X,Y,地面高程,井深", *points]), encoding="utf-8")
    header = ",".join(["起点点号", "终点点号", "管线类型", *depth_names, *elevation_names, "管径"])
    (folder / "线.csv").write_text("\n".join([header, *lines]), encoding="utf-8")
    return read_delivery([folder / "点.csv", folder / "线.csv"], srid=4547, **options)


def used(delivery: Delivery) -> tuple[str, str]:
    (use,) = delivery.datums
    assert isinstance(use, DatumUse)
    return use.datum_code, use.said_by


def told(delivery: Delivery) -> Finding:
    (finding,) = [finding for finding in delivery.findings if finding.rule == "IMP-DATUM"]
    return finding


def assert_axes_are_true(delivery: Delivery, pipes: list[tuple[int, float, float]]) -> None:
    geoms = delivery.segments.set_index("source_key")["geom"]
    for n, (size, start, end) in enumerate(pipes):
        z = shapely.get_coordinates(geoms[f"P{n}->P{n + 1}"], include_z=True)[:, 2]
        assert z.tolist() == pytest.approx([start - size / 2000, end - size / 2000], abs=0.002)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 9999),
    level=st.sampled_from(["crown", "invert", "axis"]),
    datum=st.sampled_from(["crown", "invert"]),
    class_word=st.sampled_from(["JS", "WS"]),
)
def test_evidence_of_joints_is_right_or_silent(
    tmp_path: Path, seed: int, level: str, datum: str, class_word: str
) -> None:
    pipes = sewer(30, seed, level)
    delivery = deliver(tmp_path, pipes, depth=datum, class_word=class_word)
    found, said_by = used(delivery)
    standard = "crown" if class_word == "JS" else "invert"
    if said_by == "evidence":
        assert found == datum
    else:
        assert (found, said_by) == (standard, "standard")
    if level != datum:
        # Then the heights at joints are apart by the difference of sizes, and that tells.
        assert said_by == "evidence"
        assert_axes_are_true(delivery, pipes)
        assert told(delivery).severity == ("info" if datum == standard else "warning")


@pytest.mark.parametrize("datum", ["crown", "invert", "axis"])
def test_wells_dug_to_the_invert_tell_the_datum(tmp_path: Path, datum: str) -> None:
    pipes = [(500, crown, crown) for _, crown, _ in sewer(15, 3, "crown")]

    def to_deepest_invert(n: int, run: list[tuple[int, float, float]]) -> str:
        ends = [crowns[1] for _, *crowns in run[n - 1 : n] if n] + [crowns[0] for _, *crowns in run[n : n + 1]]
        return f"{GROUND - (min(ends) - 0.5):.3f}"

    delivery = deliver(tmp_path, pipes, depth=datum, well=to_deepest_invert)
    assert used(delivery) == (datum, "evidence")
    assert told(delivery).details[datum] >= 15
    assert_axes_are_true(delivery, pipes)


def test_wells_with_sumps_and_level_joints_say_nothing_and_that_is_told(tmp_path: Path) -> None:
    pipes = sewer(20, 5, "invert")
    pipes[4] = (pipes[4][0], pipes[4][1] + 0.1, pipes[4][2])
    delivery = deliver(tmp_path, pipes, depth="invert", class_word="WS", well=lambda n, run: "9.5")
    assert used(delivery) == ("invert", "standard")
    assert not told_about(delivery) or told(delivery).details["level"] > 10


def told_about(delivery: Delivery) -> list[Finding]:
    return [finding for finding in delivery.findings if finding.rule == "IMP-DATUM"]


@pytest.mark.parametrize(
    ("names", "datum"),
    [(("起点管底高程", "终点管底高程"), "invert"), (("起点管顶高程", "终点管顶高程"), "crown")],
)
@pytest.mark.parametrize("class_word", ["JS", "WS"])
def test_names_of_columns_say_the_datum(tmp_path: Path, names: tuple[str, str], datum: str, class_word: str) -> None:
    pipes = sewer(6, 1, "crown")
    delivery = deliver(tmp_path, pipes, elevation=datum, elevation_names=names, class_word=class_word)
    assert used(delivery) == (datum, "column")
    assert_axes_are_true(delivery, pipes)
    assert "names of the columns" in told(delivery).message_en
    assert "列名" in told(delivery).message_zh


@pytest.mark.parametrize(("depth", "elevation"), [("crown", "invert"), ("invert", "crown")])
def test_depths_and_elevations_of_opposite_sides_are_seen_and_brought_together(
    tmp_path: Path, depth: str, elevation: str
) -> None:
    pipes = sewer(12, 2, "axis")
    delivery = deliver(tmp_path, pipes, depth=depth, elevation=elevation)
    assert used(delivery) == (elevation, "evidence")
    assert_axes_are_true(delivery, pipes)
    segments = delivery.segments.set_index("source_key")
    size, crown, _ = pipes[0]
    datum_m = crown - BELOW_CROWN[elevation] * size / 1000
    assert segments["from_depth_m"]["P0->P1"] == pytest.approx(GROUND - datum_m, abs=0.002)
    assert not [finding for finding in delivery.findings if finding.rule == "R27"]
    assert f"depth_{depth}" in told(delivery).details
    assert told(delivery).details[f"depth_{depth}"] == 24
    assert "24 ends" in told(delivery).message_en


def test_depth_and_elevation_that_agree_say_nothing_of_which_side(tmp_path: Path) -> None:
    delivery = deliver(tmp_path, [(500, 17.0, 16.9)] * 12, depth="invert", elevation="invert", class_word="JS")
    assert used(delivery) == ("crown", "standard")


def test_what_the_profile_states_holds_and_heights_that_speak_against_it_are_told(tmp_path: Path) -> None:
    profile = tmp_path / "mine.toml"
    text = 'name = "mine"\ntitle = "t"\nextends = "default"\n[datum.by_class]\nwater = "crown"\n'
    profile.write_text(text, encoding="utf-8")
    delivery = deliver(tmp_path, sewer(30, 4, "crown"), depth="invert", profile=profile)
    assert used(delivery) == ("crown", "profile")
    assert told(delivery).severity == "warning"
    assert "heights speak for the inner bottom of pipe" in told(delivery).message_en


def test_a_few_joints_are_not_clear(tmp_path: Path) -> None:
    delivery = deliver(tmp_path, sewer(5, 4, "crown"), depth="invert")
    assert used(delivery) == ("crown", "standard")


@pytest.mark.parametrize(
    ("header", "datum"),
    [("起点管内底高程", "invert"), ("START_INVELEV", "invert"), ("us_soffit", "crown"), ("覆土深度", "crown"),
     ("管中心高程", "axis"), ("管顶(沟底)高程", None), ("起点埋深", None), ("NODE_COVELEV", None), ("S_H", None)],
)  # fmt: skip
def test_a_column_name_says_its_datum_or_none(header: str, datum: str | None) -> None:
    assert datum_in_name(header) == datum
