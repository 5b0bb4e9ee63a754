"""A delivery of one part, or of fewer columns, given as if it were all, does not empty the map unseen."""

from typing import Any

import pytest

from pipemap.db import Database
from pipemap.errors import RejectedError
from pipemap.findings import list_findings
from schemas.delivery import Delivery
from tests.postgis.deliveries import bring_in, delivery, node, publish_now, street, whole_map


def town(water: int, gas: int) -> Delivery:
    points = [node(f"W{i}", i) for i in range(water)]
    return delivery([*points, *(node(f"G{i}", i, 50, class_code="gas") for i in range(gas))])


def removals(database: Database, changeset_id: int) -> list[str]:
    with database.transaction() as connection:
        found = list_findings(connection, changeset_id, rule="IMP-REMOVES")
    assert all(finding["severity"] == "error" for finding in found)
    return [finding["message_en"] + finding["message_zh"] for finding in found]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        (town(10, 1), None),
        (town(6, 1), None),
        (town(5, 1), "7 of the 13 features of its dataset (gas 2/3, water 5/10)"),
        (town(10, 0), "3 of the 13 features of its dataset (gas 3/3)"),
        (town(9, 3), None),
    ],
)
def test_a_delivery_that_takes_away_more_than_half_or_a_whole_class_is_an_error(
    database: Database, second: Delivery, told: str | None
) -> None:
    publish_now(database, bring_in(database, town(10, 3)))
    found = removals(database, bring_in(database, second))
    assert [told in words and "--partial" in words for words in found if told] == ([True] if told else [])
    assert bool(found) == bool(told)


def test_a_mass_deletion_is_published_with_a_reason_alone(database: Database) -> None:
    publish_now(database, bring_in(database, street(6)))
    emptying = bring_in(database, street(2))
    with pytest.raises(RejectedError, match="IMP-REMOVES"):
        publish_now(database, emptying)
    publish_now(database, emptying, waivers={"IMP-REMOVES": "the street was given up"})
    assert len(whole_map(database)) == 3


def test_a_partial_delivery_and_another_dataset_take_nothing_away(database: Database) -> None:
    publish_now(database, bring_in(database, street(6)))
    assert removals(database, bring_in(database, street(2), partial=True)) == []
    assert removals(database, bring_in(database, street(2, dataset="elsewhere"))) == []


RICH = {"material_code": "cast_iron", "owner": "water company", "from_depth_m": 1.0}


def emptied(database: Database, given: Delivery, *, partial: bool = False) -> list[tuple[str, str, dict[str, int]]]:
    changeset_id = bring_in(database, given, partial=partial)
    with database.transaction() as connection:
        found = list_findings(connection, changeset_id, rule="IMP-EMPTIES")
    return [(one["severity"], one["feature_kind"], one["details"]["emptied"]) for one in found]


@pytest.mark.parametrize(
    ("second", "lost"),
    [
        ({"owner": "water company", "from_depth_m": 1.2}, {"material_code": 3}),
        ({"shape_code": "circle"}, {"material_code": 3, "owner": 3, "from_depth_m": 3}),
        ({**RICH, "class_code": "unknown"}, {"class_code": 3}),
        ({**RICH, "owner": "gas company"}, None),
    ],
)
def test_values_that_a_full_delivery_has_no_column_for_are_told(
    database: Database, second: dict[str, Any], lost: dict[str, int] | None
) -> None:
    publish_now(database, bring_in(database, street(4, **RICH)))
    assert emptied(database, street(4, **second)) == ([("warning", "pipe_segment", lost)] if lost else [])
    assert emptied(database, street(4, **{**second, "class_code": "water"}), partial=True) == []


def test_a_cell_left_empty_in_a_column_that_is_filled_is_the_delivery_s_word(database: Database) -> None:
    publish_now(database, bring_in(database, street(4, **RICH)))
    second = street(4, **RICH)
    second.segments.loc[0, "owner"] = None
    assert emptied(database, second) == []
