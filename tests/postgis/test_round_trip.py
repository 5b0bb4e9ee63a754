"""Out in a layout and in again: nothing changes."""

import itertools
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from importers.delivery import read_delivery
from importers.profile_files import load_profile
from importers.writing import sheets_of, write_texts, write_workbook
from pipemap.datasets import read_dataset
from pipemap.db import Database
from pipemap.ingest import create_import
from sample_data.district import write_district
from tests.postgis.deliveries import bring_in, delivery, deltas_of, node, publish_now, segment

_numbers = itertools.count()
LAYOUTS = ("default", "cn-census", "egw-survey", "bdjm-excel", "hangzhou-csv")
on_one_database = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def written(database: Database, dataset: str, profile: str, folder: Path, encoding: str | None) -> list[Path]:
    with database.transaction(read_only=True) as connection:
        content = read_dataset(connection, dataset)
    sheets = sheets_of(content, load_profile(profile))
    if encoding:
        return write_texts(sheets, folder, "out", encoding)
    write_workbook(sheets, folder / "out.xlsx")
    return [folder / "out.xlsx"]


def deltas_after(database: Database, paths: list[Path], dataset: str, profile: str) -> dict[tuple[str, str], str]:
    given = read_delivery(paths, profile=profile, srid=4547, dataset=dataset)
    assert sum(count.refused for count in given.counts) == 0
    return deltas_of(database, create_import(database, given, title="again", author="surveyor"))


def import_sample(database: Database, files: list[Path], dataset: str) -> None:
    first = read_delivery(files, srid=4547, dataset=dataset)
    number = create_import(database, first, title=dataset, author="surveyor")
    with database.transaction() as connection:
        connection.execute("DELETE FROM pipemap.finding WHERE changeset_id = %s", [number])
    publish_now(database, number)


@pytest.mark.parametrize("encoding", [None, "utf-8-sig", "gb18030"])
@pytest.mark.parametrize(
    ("dataset", "names"),
    [("water", ["青禾区给水普查.xlsx"]), ("drainage", ["排水管点表.csv", "排水管线表.csv"])],
)
def test_the_sample_district_written_and_read_again_changes_nothing(
    database: Database, tmp_path: Path, dataset: str, names: list[str], encoding: str | None
) -> None:
    write_district(tmp_path)
    import_sample(database, [tmp_path / name for name in names], dataset)
    paths = written(database, dataset, "default", tmp_path, encoding)
    assert deltas_after(database, paths, dataset, "default") == {}


TEXTS = st.none() | st.sampled_from(["供水公司", "A, B", '="1"+1', "-x", "路灯；所"])


METRES = st.none() | st.integers(1, 900).map(lambda centimetres: centimetres / 100)


@st.composite
def networks(draw: st.DrawFn) -> Any:
    count = draw(st.integers(2, 5))
    places = draw(st.lists(st.tuples(st.integers(0, 9000), st.integers(0, 9000)), min_size=count, max_size=count,
                           unique=True))  # fmt: skip
    nodes = [
        node(
            f"J{i}",
            x / 100,
            y / 100,
            ground_elevation_m=draw(METRES),
            class_code="gas",
            owner=draw(TEXTS),
            appurtenance_code=draw(st.sampled_from([None, "valve", "hydrant"])),
            valve_state_code=draw(st.sampled_from([None, "open", "closed"])),
        )
        for i, (x, y) in enumerate(places)
    ]
    ends = draw(st.sets(st.sampled_from(list(itertools.combinations(range(count), 2))), min_size=1))
    lines = [
        segment(f"J{a}", f"J{b}", [tuple(p / 100 for p in places[a]), tuple(p / 100 for p in places[b])],
                class_code="gas", material_code=draw(st.sampled_from([None, "pe", "steel"])),
                section_text=draw(st.sampled_from([None, "DN200", "300X400"])), owner=draw(TEXTS),
                pressure_code=draw(st.sampled_from([None, "low", "medium_a"])),
                pressure_mpa=draw(st.sampled_from([None, 0.2, 0.4])),
                from_depth_m=draw(METRES),
                to_depth_m=draw(METRES),
                installed_on=draw(st.none() | st.dates(date(1950, 1, 1), date(2026, 1, 1))))
        for a, b in sorted(ends)
    ]  # fmt: skip
    return nodes, lines


@on_one_database
@given(network=networks(), layout=st.sampled_from(LAYOUTS), encoding=st.sampled_from([None, "utf-8-sig", "gb18030"]))
def test_any_network_settles_after_one_way_out_and_in(
    database: Database, tmp_path: Path, network: Any, layout: str, encoding: str | None
) -> None:
    """What was drawn by hand is read once, so that heights are derived as from any delivery; then nothing changes."""
    nodes, lines = network
    dataset = f"survey {next(_numbers)}"
    publish_now(database, bring_in(database, delivery(nodes, lines, dataset=dataset)))
    first = written(database, dataset, layout, tmp_path, encoding)
    given_back = read_delivery(first, profile=layout, srid=4547, dataset=dataset)
    number = create_import(database, given_back, title="read", author="surveyor")
    if deltas_of(database, number):
        assert set(deltas_of(database, number).values()) == {"update"}
        publish_now(database, number)
    again = written(database, dataset, layout, tmp_path, encoding)
    assert deltas_after(database, again, dataset, layout) == {}


def test_no_text_becomes_a_formula(database: Database, tmp_path: Path) -> None:
    hostile = '=HYPERLINK("http://example.org","x")'
    publish_now(database, bring_in(database, delivery([node("J0", owner=hostile), node("J1", 5)])))
    (book,) = written(database, "survey", "default", tmp_path, None)
    cells = [cell for row in openpyxl.load_workbook(book)["points"].iter_rows() for cell in row]
    assert [cell.data_type for cell in cells if cell.value == hostile] == ["s"]
    (text,) = written(database, "survey", "default", tmp_path, "utf-8-sig")
    assert f',"{hostile[0]}' not in text.read_text(encoding="utf-8-sig")
