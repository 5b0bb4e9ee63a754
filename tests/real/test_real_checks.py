"""Checks on the real survey: it stays publishable, and what is odd in it is told."""

from pathlib import Path
from typing import Any

import pytest

from importers.delivery import read_delivery
from pipemap.checks import run_checks
from pipemap.db import Database
from pipemap.findings import list_findings
from pipemap.ingest import create_import
from pipemap.publishing import publish
from schemas.findings import Severity


@pytest.fixture
def survey(shared_data: Path) -> Path:
    return shared_data / "cn-shennan-survey" / "survey.mdb"


def test_a_real_survey_is_told_its_oddities_and_can_be_published(database: Database, survey: Path) -> None:
    delivery = read_delivery([survey], profile=None, srid=4547, source_crs="EPSG:4547", dataset="shennan")
    changeset = create_import(database, delivery, title="survey", author="surveyor")
    assert {severity for _, severity in run_checks(database, changeset)} <= {Severity.WARNING, Severity.INFO}
    with database.transaction() as connection:
        found = list_findings(connection, changeset, limit=1_000_000, origin="check")
    told: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        told.setdefault(each["rule"], []).append(each)

    # PROVENANCE.md counts 11 line ends on a point of another class; no dangling ids, no pipe booked twice.
    assert len(told["P01"]) == 11
    assert not {"R13", "R14", "R20"} & told.keys()
    # Some points give the bottom of their well, metres below the street, as the ground.
    assert any(float((each["value"] or "0").split()[0]) < 7 for each in told["R28"])
    # Every finding about a feature leads to the row it came from.
    assert all(each["file"] == "survey.mdb" and each["row"] and each["x_m"] for each in found if each["feature_id"])
    assert publish(database, changeset, message="first", author="publisher") == 1
