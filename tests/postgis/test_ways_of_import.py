"""A dataset's first import is written without comparing; it holds what a comparison would have written."""

from pathlib import Path
from typing import Any

import pytest

from importers.delivery import read_delivery
from pipemap.changesets import get_changeset
from pipemap.checks import Proposed, run_checks
from pipemap.db import Database
from pipemap.findings import list_findings
from pipemap.ingest import create_import
from sample_data.district import Dataset, District, write_district
from schemas.delivery import Delivery
from schemas.tables import FEATURE_KINDS, state_names
from tests.postgis.deliveries import bring_in, deltas_of, publish_now

_LINKS = ("from_node_id", "to_node_id", "node_id")


def errors_among(findings: list[dict[str, Any]]) -> set[str]:
    return {found["rule"] for found in findings if found["severity"] == "error"}


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> District:
    return write_district(tmp_path_factory.mktemp("deliveries"))


def read(files: tuple[Path, ...], dataset: str) -> Delivery:
    return read_delivery(list(files), srid=4547, source_crs="EPSG:4547", dataset=dataset)


def in_frames(delivery: Delivery) -> Delivery:
    """The same with every kind in one frame, as nobody knows where its nodes stand."""
    frames = (delivery.nodes, delivery.segments, delivery.consumers, delivery.structures)
    return Delivery(delivery.dataset, delivery.files, *frames, delivery.findings, delivery.counts)


def drafted(database: Database, changeset: int) -> list[dict[str, Any]]:
    """Every delta with its nodes by key, without what names the changeset and the feature."""
    with database.transaction(read_only=True) as connection:
        rows = [
            {"kind": kind, **row}
            for kind in FEATURE_KINDS
            for row in connection.execute(
                f"SELECT {', '.join(state_names(kind))}, op, base_version FROM pipemap.{kind}_delta"
                " WHERE changeset_id = %s",
                [changeset],
            )
        ]
    keys = {row["feature_id"]: row["source_key"] for row in rows if row["kind"] == "node"}
    for row in rows:
        row |= {link: keys[row[link]] for link in _LINKS if row.get(link) is not None}
        del row["feature_id"], row["dataset_id"]
    return sorted(rows, key=lambda row: (row["kind"], row["source_key"]))


def account(database: Database, changeset: int) -> tuple[Any, Any, Any]:
    with database.transaction(read_only=True) as connection:
        of_changeset = get_changeset(connection, changeset)
        findings = list_findings(connection, changeset, limit=10_000)
    told = [{name: value for name, value in row.items() if name != "finding_id"} for row in findings]
    return of_changeset.row_counts, of_changeset.changes, told


def test_a_first_import_is_what_a_comparison_writes(database: Database, district: District) -> None:
    seen = set()
    for dataset in district.datasets:
        straight = create_import(database, read(dataset.files, dataset.name), title="t", author="a")
        compared = create_import(database, in_frames(read(dataset.files, f"{dataset.name} 2")), title="t", author="a")
        assert drafted(database, straight) == drafted(database, compared)
        assert account(database, straight) == account(database, compared)
        seen |= {kind for kind, _ in deltas_of(database, straight)}
    assert seen == set(FEATURE_KINDS)


def test_checks_that_followed_an_import_find_what_they_find_in_the_draft(
    database: Database, district: District
) -> None:
    for dataset in district.datasets:
        proposed = Proposed()
        changeset = create_import(database, read(dataset.files, dataset.name), title="t", author="a", follower=proposed)
        followed = run_checks(database, changeset, proposed=proposed), account(database, changeset)[2]
        assert followed == (run_checks(database, changeset), account(database, changeset)[2])
        publish_now(database, changeset, waivers=dict.fromkeys(errors_among(followed[1]), "planted"))


def test_a_draft_that_was_written_since_is_read_anew(database: Database, district: District) -> None:
    dataset: Dataset = district.datasets[0]
    proposed = Proposed()
    changeset = create_import(database, read(dataset.files, dataset.name), title="t", author="a", follower=proposed)
    with database.transaction() as connection:
        connection.execute("UPDATE pipemap.pipe_segment_delta SET material_code = NULL, width_mm = NULL")
        connection.execute("UPDATE pipemap.changeset SET title = 'written since'")
    told = run_checks(database, changeset, proposed=proposed), account(database, changeset)[2]
    assert told == (run_checks(database, changeset), account(database, changeset)[2])


def test_new_features_have_identities_of_their_own_in_every_draft(database: Database, district: District) -> None:
    for dataset in district.datasets[:2] * 2:
        create_import(database, read(dataset.files, dataset.name), title="t", author="a")
    every = " UNION ALL ".join(f"SELECT feature_id FROM pipemap.{kind}_delta" for kind in FEATURE_KINDS)
    with database.transaction(read_only=True) as connection:
        row = connection.execute(f"SELECT count(*) AS n, count(DISTINCT feature_id) AS ids FROM ({every}) d").fetchone()
    assert row is not None
    assert row["n"] == row["ids"] > 0


def test_a_dataset_on_the_map_is_compared_with(database: Database, district: District) -> None:
    dataset: Dataset = district.datasets[0]
    changeset = create_import(database, read(dataset.files, dataset.name), title="t", author="a")
    publish_now(database, changeset, waivers=dict.fromkeys(("R13", "R20"), "planted"))
    assert deltas_of(database, bring_in(database, read(dataset.files, dataset.name))) == {}
