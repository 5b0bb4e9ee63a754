"""The clearance rule on a changeset in the database: what stands nearby is seen, what is found is kept."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipemap.checks import run_checks
from pipemap.clearance.local_tables import add_table
from pipemap.clearance.tables import TableName
from pipemap.db import Database
from pipemap.findings import list_findings
from schemas.delivery import Delivery
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, segment
from tests.postgis.test_local_limits_db import HEADER

ROUND = {
    "shape_code": "circle",
    "width_mm": 200.0,
    "height_mm": 200.0,
    "burial_code": "direct",
    "depth_datum_code": "crown",
}
PRECISE = {"horizontal_accuracy_m": 0.01, "vertical_accuracy_m": 0.01}


def line(name: str, class_code: str, *axis: tuple[float, float, float], **attributes: Any) -> Delivery:
    """One pipe of one owner, from ``<name>1`` to ``<name>2``."""
    ends = f"{name}1", f"{name}2"
    nodes = [
        node(key, *place[:2], class_code=class_code, ground_elevation_m=10.0)
        for key, place in zip(ends, (axis[0], axis[-1]), strict=True)
    ]
    pipe = segment(*ends, axis, class_code=class_code, source_row=2, **ROUND, **PRECISE, **attributes)
    return delivery(nodes, [pipe], dataset=name)


def clashes(database: Database, changeset: int) -> list[dict[str, Any]]:
    run_checks(database, changeset)
    with database.transaction() as connection:
        return list_findings(connection, changeset, rule="R40", limit=100)


def test_a_new_pipe_is_judged_against_what_another_owner_has_in_the_ground(database: Database) -> None:
    # Sewer top at 7.5 + 0.1 = 7.6 m, water bottom at 7.9 m: 0.30 m where 0.40 m are due.
    publish_now(database, bring_in(database, line("JS", "water", (0, 0, 8), (40, 0, 8))))
    (found,) = clashes(database, bring_in(database, line("WS", "foul", (12, -9, 7.5), (12, 9, 7.5))))
    assert (found["severity"], found["feature_key"], found["value"]) == ("warning", "WS1->WS2", "0.30 m")
    assert (found["file"], found["sheet"], found["row"]) == ("survey.xlsx", "lines", 2)
    assert (found["x_m"], found["y_m"]) == (500_012, 2_500_000)
    details = found["details"]
    assert (details["kind"], details["other_source_key"], details["limit_m"]) == ("vertical", "JS1->JS2", 0.4)
    assert (details["standard"], details["clause"]) == ("GB 50289-2016", "table 4.1.14")


def test_raising_a_standing_pipe_into_another_is_told_and_leaving_it_is_not(database: Database) -> None:
    publish_now(database, bring_in(database, line("JS", "water", (0, 0, 8), (40, 0, 8))))
    publish_now(database, bring_in(database, line("WS", "foul", (12, -9, 7), (12, 9, 7))))
    raised = bring_in(database, line("WS", "foul", (12, -9, 7.9), (12, 9, 7.9)))
    assert [found["details"]["kind"] for found in clashes(database, raised)] == ["collision"]
    elsewhere = bring_in(database, line("RQ", "gas", (30, 20, 7), (30, 40, 7)))
    assert clashes(database, elsewhere) == []


def test_pipes_of_one_delivery_are_told_once_per_pair(database: Database) -> None:
    gas, water = line("RQ", "gas", (12, -9, 8), (12, 9, 8)), line("JS", "water", (0, 0, 8), (40, 0, 8))
    nodes, pipes = pd.concat([gas.nodes, water.nodes]), pd.concat([gas.segments, water.segments])
    found = clashes(database, bring_in(database, delivery(nodes.to_dict("records"), pipes.to_dict("records"))))
    (pair,) = [{each["feature_key"], each["details"]["other_source_key"]} for each in found]
    assert pair == {"RQ1->RQ2", "JS1->JS2"}


def test_a_citys_own_limits_are_those_of_the_checks_too(database: Database, tmp_path: Path) -> None:
    tables: dict[TableName, str] = {
        "clearance_horizontal": HEADER + "SZ1,SZ DB 7-2020,4.2,water,,telecom,,4,verified_1,,\n",
        "cover_depth": "rule_id,standard,clause,class,condition,min_cover_non_motor_m,min_cover_motor_m,confidence,"
        "note\nSZ2,SZ DB 7-2020,4.3,water,,5,5,verified_1,\n",
    }
    for name, text in tables.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        with database.transaction() as connection:
            add_table(connection, tmp_path / f"{name}.csv", name, "planner")
    publish_now(database, bring_in(database, line("TX", "telecom", (0, 3, 8), (40, 3, 8))))
    changeset = bring_in(database, line("JS", "water", (0, 0, 8), (40, 0, 8)))
    (found,) = clashes(database, changeset)
    assert (found["details"]["rule_id"], found["details"]["limit_m"]) == ("SZ1", 4.0)
    with database.transaction() as connection:
        covers = list_findings(connection, changeset, rule="P08", limit=100)
    assert [float(str(found["limit"]).split()[0]) for found in covers] == [5.0]
