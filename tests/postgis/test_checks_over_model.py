"""Rules P08 and R29 over a ground model: what it tells between two wells counts, and is said to be its word."""

from typing import Any

import numpy as np
import pytest

from pipemap.checks import run_checks
from pipemap.db import Database
from pipemap.findings import list_findings
from tests.postgis.deliveries import bring_in
from tests.postgis.test_check_clearances import line
from tests.postgis.test_clearance_ground_runs import load


def ground(low_m: float) -> np.ndarray:
    """Ground at 10 m, and so high over 10 m of the pipe around x = 40 m."""
    x = np.arange(300) - 50.0
    return np.broadcast_to(np.where(np.abs(x - 40) <= 5, low_m, 10.0), (300, 300))


def found(database: Database, rule: str, **attributes: Any) -> list[dict[str, Any]]:
    """What a rule finds of a pipe of 200 mm at 9.0 m, 0.9 m under ground that is surveyed at 10 m at both ends."""
    changeset = bring_in(database, line("JS", "water", (0, 0, 9), (100, 0, 9), **attributes))
    run_checks(database, changeset)
    with database.transaction() as connection:
        return list_findings(connection, changeset, rule=rule, limit=100)


def test_a_hollow_between_two_wells_leaves_too_little_cover(database: Database) -> None:
    assert found(database, "P08") == []
    load(database, ground(9.5))
    (thin,) = found(database, "P08")
    assert (thin["value"], thin["feature_key"]) == ("0.40 m", "JS1->JS2")
    assert thin["x_m"] - 500_000 == pytest.approx(40, abs=5) and thin["y_m"] == 2_500_000
    assert "m from JS1 by the ground model" in thin["message_en"] and "按地面模型" in thin["message_zh"]
    assert found(database, "R29") == []


def test_a_pipe_over_the_models_ground_sticks_out_and_is_a_warning_only(database: Database) -> None:
    load(database, ground(7.0))
    (out,) = found(database, "R29")
    assert (out["severity"], out["value"]) == ("warning", "2.10 m")
    assert found(database, "P08") == []


def test_what_the_survey_itself_says_of_a_crown_over_the_ground_stays_an_error(database: Database) -> None:
    load(database, np.full((300, 300), 20.0))
    raised = line("JS", "water", (0, 0, 11), (100, 0, 11))
    changeset = bring_in(database, raised)
    run_checks(database, changeset)
    with database.transaction() as connection:
        (out,) = list_findings(connection, changeset, rule="R29", limit=100)
    assert (out["severity"], out["value"]) == ("error", "1.10 m")
