"""Points without a ground elevation get that of the ground model only where the profile says so, as inferred."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import shapely

from importers.delivery import read_delivery
from importers.places.georeference import parse_crs
from importers.places.place_readings import Home
from importers.proposing.dry_run import dry_run

Floats = npt.NDArray[np.float64]
NORTH, EAST = 2_494_000.0, 492_000.0


def deliver(folder: Path) -> list[Path]:
    """P1 of surveyed ground, P2 of none, P3 beyond the model; pipes 1 m deep between them."""
    points, lines = folder / "points.csv", folder / "lines.csv"
    rows = [("P1", 0, "20.0"), ("P2", 50, ""), ("P3", 900, "")]
    points.write_text(
        "点号,X坐标,Y坐标,地面高程\n" + "".join(f"{key},{NORTH},{EAST + at},{z}\n" for key, at, z in rows)
    )
    ends = [("P1", "P2"), ("P2", "P3")]
    lines.write_text(
        "起点点号,终点点号,管线类型,管径,起点埋深,终点埋深\n" + "".join(f"{a},{b},JS,300,1.0,1.0\n" for a, b in ends)
    )
    return [points, lines]


def profile(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(f'name = "mine"\ntitle = "made up"\nextends = "default"\n{text}')
    return path


def slope(xy: Floats) -> Floats:
    """A model that rises eastwards and ends 500 m from the first point."""
    away = xy[:, 0] - EAST
    return np.where(away < 500, 21.0 + away / 100, np.nan)


def test_the_model_gives_what_is_lacking_when_the_profile_says_so(tmp_path: Path) -> None:
    given = profile(tmp_path, "[vertical]\nground_from_model = true\n")
    found = read_delivery(deliver(tmp_path), profile=given, srid=4547, default_class="water", terrain=slope)
    ground = found.nodes.set_index("source_key")["ground_elevation_m"]
    assert ground["P1"] == 20.0 and ground["P2"] == pytest.approx(21.5) and np.isnan(ground["P3"])
    lines = found.segments.set_index("source_key")
    assert lines["elevation_source_code"].to_dict() == {"P1->P2": "inferred", "P2->P3": "unknown"}
    start, end = shapely.get_coordinates(lines.loc["P1->P2", "geom"], include_z=True)[[0, -1], 2]
    assert end - start == pytest.approx(1.5)
    (told,) = [each for each in found.findings if each.rule == "IMP-SURFACE"]
    assert told.details["rows"] == 1 and "Of 2 nodes" in told.message_en


def test_a_proposed_profile_keeps_the_word_of_the_one_it_begins_with(tmp_path: Path) -> None:
    given = profile(tmp_path, "[vertical]\nground_from_model = true\n")
    home = Home(parse_crs("EPSG:4547"))
    found = dry_run(deliver(tmp_path), home, profile=given, default_class="water", on_progress=lambda *_: None)
    assert "ground_from_model = true" in found.text


def test_without_the_profiles_word_nothing_is_given(tmp_path: Path) -> None:
    given = profile(tmp_path, "")
    found = read_delivery(deliver(tmp_path), profile=given, srid=4547, default_class="water", terrain=slope)
    assert found.nodes.set_index("source_key")["ground_elevation_m"].isna().to_dict() == {
        "P1": False, "P2": True, "P3": True,
    }  # fmt: skip
    assert not [each for each in found.findings if each.rule == "IMP-SURFACE"]


def test_a_dry_run_is_tried_over_the_ground_models_of_the_map(tmp_path: Path) -> None:
    given = profile(tmp_path, "[vertical]\nground_from_model = true\n")
    home = Home(parse_crs("EPSG:4547"), terrain=slope)
    files, quiet = deliver(tmp_path), lambda *_: None
    found = dry_run(files, home, profile=given, default_class="water", on_progress=quiet)
    assert found.trial is not None
    assert found.trial.nodes.set_index("source_key")["ground_elevation_m"]["P2"] == pytest.approx(21.5)
