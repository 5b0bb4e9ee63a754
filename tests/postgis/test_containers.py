"""Cables whose delivery names the duct or tunnel they lie in."""

from pathlib import Path
from typing import Any

import openpyxl
import pytest

from importers.delivery import read_delivery
from importers.profile_files import load_profile
from importers.writing import sheets_of, write_workbook
from pipemap.changesets import rebase
from pipemap.datasets import read_dataset
from pipemap.db import Database
from pipemap.findings import list_findings
from pipemap.ingest import create_import
from pipemap.network import load_network
from pipemap.tracing.outages import ask_outage
from pipemap.tracing.starts import Start
from tests.postgis.deliveries import bring_in, delivery, deltas_of, mark_checked, node, publish_now, segment, whole_map

AXIS = [(0, 0, 8), (10, 0, 8)]


def laid(
    *cables: tuple[str, str | None], ducts: tuple[tuple[str, str], ...] = (("A", "B"),), dataset: str = "survey"
) -> Any:
    """Ducts between wells, and cables C1, C2, ... with a circuit and the key of what they lie in."""
    nodes = [node(key, x, class_code="power") for key, x in (("A", 0), ("B", 10), ("C", 0), ("D", 10))]
    rows = [segment(a, b, AXIS, class_code="power") for a, b in ducts]
    rows += [
        segment("C", "D", AXIS, class_code="power", circuit=circuit, container_key=key, source_row=place)
        | {"source_key": f"C{place}"}
        for place, (circuit, key) in enumerate(cables, 1)
    ]
    return delivery(nodes, rows, dataset=dataset)


def containers(database: Database) -> dict[str, str | None]:
    """The key of what each line on the map lies in, of cables only."""
    rows = {number: row for (kind, number), row in whole_map(database).items() if kind == "pipe_segment"}
    keys = {number: row["source_key"] for number, row in rows.items()}
    inside = {row["source_key"]: row["container_id"] for row in rows.values() if row["circuit"]}
    return {key: None if number is None else keys[number] for key, number in inside.items()}


def told(database: Database, changeset: int) -> list[tuple[str | None, str | None, int | None]]:
    with database.transaction(read_only=True) as connection:
        found = list_findings(connection, changeset, rule="IMP-CONTAINER")
    return [(row["feature_key"], row["value"], row["row"]) for row in found]


def test_cables_lie_in_the_duct_of_the_same_delivery_that_they_name(database: Database) -> None:
    first = bring_in(database, laid(("F1", "A->B"), ("F2", None)))
    publish_now(database, first)
    assert containers(database) == {"C1": "A->B", "C2": None}
    assert told(database, first) == []


def test_a_container_that_is_nowhere_is_told_with_its_row_and_the_cable_is_loaded(database: Database) -> None:
    first = bring_in(database, laid(("F1", "A->B"), ("F2", "X->Y"), ("F3", "C3")))
    assert told(database, first) == [("C2", "X->Y", 2), ("C3", "C3", 3)]
    publish_now(database, first)
    assert containers(database) == {"C1": "A->B", "C2": None, "C3": None}


def test_the_duct_may_be_published_by_one_other_dataset_but_not_by_two(database: Database) -> None:
    publish_now(database, bring_in(database, laid(dataset="ducts")))
    publish_now(database, bring_in(database, laid(("F1", "A->B"), ducts=(), dataset="cables")))
    assert containers(database) == {"C1": "A->B"}
    publish_now(database, bring_in(database, laid(dataset="other ducts")))
    doubtful = bring_in(database, laid(("F2", "A->B"), ducts=(), dataset="more cables"))
    assert told(database, doubtful) == [("C1", "A->B", 1)]


def test_the_same_delivery_again_changes_nothing_and_another_duct_changes_its_cables_only(database: Database) -> None:
    ducts = (("A", "B"), ("B", "A"))
    publish_now(database, bring_in(database, laid(("F1", "A->B"), ("F2", "A->B"), ("F3", "A->B"), ducts=ducts)))
    again = bring_in(database, laid(("F1", "A->B"), ("F2", "A->B"), ("F3", "A->B"), ducts=ducts))
    assert deltas_of(database, again) == {}
    moved = bring_in(database, laid(("F1", "A->B"), ("F2", "B->A"), ("F3", None), ducts=ducts))
    assert deltas_of(database, moved) == {("pipe_segment", "C2"): "update", ("pipe_segment", "C3"): "update"}
    publish_now(database, moved)
    assert containers(database) == {"C1": "A->B", "C2": "B->A", "C3": None}


@pytest.mark.parametrize("partial", [True, False])
def test_a_delivery_that_names_no_containers_leaves_those_of_the_map(database: Database, partial: bool) -> None:
    publish_now(database, bring_in(database, laid(("F1", "A->B"))))
    silent = bring_in(database, laid(("F9", None)), partial=partial)
    publish_now(database, silent)
    assert containers(database) == {"C1": "A->B"}


def test_a_key_that_leads_nowhere_leaves_the_container_of_the_map(database: Database) -> None:
    publish_now(database, bring_in(database, laid(("F1", "A->B"))))
    lost = bring_in(database, laid(("F2", "X->Y")))
    assert told(database, lost) == [("C1", "X->Y", 1)]
    publish_now(database, lost)
    assert containers(database) == {"C1": "A->B"}


def test_two_first_imports_of_the_same_ducts_and_cables_are_one_after_a_rebase(database: Database) -> None:
    first, second = (bring_in(database, laid(("F1", "A->B"))) for _ in range(2))
    publish_now(database, first)
    rebase(database, second, actor="Wang")
    mark_checked(database, second)
    assert deltas_of(database, second) == {}


def survey(path: Path) -> Path:
    """A duct block of two cables in the layout of a result table; the second one names it as lines are numbered."""
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    points = book.create_sheet("管点")
    for row in (
        ["点号", "小类代码", "X", "Y", "地面高程", "附属物", "名称"],
        ["DL1", "DL", 2_500_000, 500_000, 10, "变电站", "东变"],
        ["DL2", "DL", 2_500_000, 500_030, 10, "人孔井", None],
        ["DL3", "DL", 2_500_000, 500_060, 10, "变压器", "一号变"],
    ):
        points.append(row)
    lines = book.create_sheet("管线")
    for line in (
        ["线号", "小类代码", "规格", "起点埋深", "终点埋深", "线路名称", "所在管块"],
        ["DL1,DL2", "DL", "600X300", 1, 1, None, None],
        ["DL2,DL3", "DL", "600X300", 1, 1, None, None],
        ["DL1,DL2", "DL", "50", 1.1, 1.1, "青禾线", "DL1->DL2"],
        ["DL2,DL3", "DL", "50", 1.1, 1.1, "青禾线", "DL2,DL3"],
        ["DL1,DL2", "DL", "50", 1.1, 1.1, "望江线", "DL1,DL2"],
    ):
        lines.append(line)
    book.save(path)
    return path


def test_a_cut_duct_of_a_surveyed_table_takes_down_the_circuits_in_it(database: Database, tmp_path: Path) -> None:
    given = read_delivery([survey(tmp_path / "cables.xlsx")], srid=4547, dataset="survey")
    publish_now(database, create_import(database, given, title="survey", author="surveyor"))
    assert containers(database) == {"DL1->DL2#2": "DL1->DL2", "DL2->DL3#2": "DL2->DL3", "DL1->DL2#3": "DL1->DL2"}
    (duct,) = (number for (_, number), row in whole_map(database).items() if row["source_key"] == "DL1->DL2")
    with database.transaction(read_only=True) as connection:
        answer = ask_outage(connection, load_network(connection), Start((duct,), ()))
    assert {one.circuit for one in answer.circuits} == {"青禾线", "望江线"}
    assert [(one.circuit, point.name) for one in answer.circuits for point in one.points_lost] == [("青禾线", "一号变")]


def test_containers_written_in_a_layout_are_read_from_it_again(database: Database, tmp_path: Path) -> None:
    given = read_delivery([survey(tmp_path / "cables.xlsx")], srid=4547, dataset="survey")
    publish_now(database, create_import(database, given, title="survey", author="surveyor"))
    with database.transaction(read_only=True) as connection:
        content = read_dataset(connection, "survey")
    write_workbook(sheets_of(content, load_profile("default")), tmp_path / "out.xlsx")
    again = read_delivery([tmp_path / "out.xlsx"], profile="default", srid=4547, dataset="survey")
    assert set(again.segments["container_key"].dropna()) == {"DL1->DL2", "DL2->DL3"}
    assert deltas_of(database, create_import(database, again, title="again", author="surveyor")) == {}
