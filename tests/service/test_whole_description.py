"""Requests made from the description of the whole API, by staff and by an agency: none meets a server error."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import shapely

from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms
from tests.service.conftest import X0, Y0, Town

ATTRIBUTES = ("source_key", "width_mm", "appurtenance_code", "valve_state_code", "from_node_id", "to_node_id")


@pytest.fixture
def agency(town: Town) -> dict[str, str]:
    area = shapely.box(X0 - 50, Y0, X0 + 200, Y0 + 200)
    terms = Terms("水务局", "设计", area, ("water", "gas"), ATTRIBUTES, datetime.now(UTC) + timedelta(days=9))
    with town.database.transaction() as connection:
        number = agreements.agree(connection, terms, "manager")
        return {"X-API-Key": agreements.issue_key(connection, number, "manager")}


def made_requests(client: httpx.Client, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).parent / "schemathesis", "run", f"{client.base_url}/openapi.json"]
    bounded = ["--checks", "not_a_server_error", "--max-examples", "3", "--phases", "fuzzing", "--seed", "1"]
    return subprocess.run(
        [*command, *bounded, "--no-color", *options],
        check=False, capture_output=True, text=True, timeout=240, cwd=folder,
    )  # fmt: skip


def test_no_request_of_staff_meets_a_server_error(client: httpx.Client, tmp_path: Path) -> None:
    ran = made_requests(client, tmp_path, "--exclude-path-regex", "^/share")
    assert ran.returncode == 0, ran.stdout[-4000:]


def test_no_request_of_an_agency_meets_a_server_error(
    client: httpx.Client, agency: dict[str, str], tmp_path: Path
) -> None:
    key = f"X-API-Key:{agency['X-API-Key']}"
    ran = made_requests(client, tmp_path, "--include-path-regex", "^/share", "--header", key)
    assert ran.returncode == 0, ran.stdout[-4000:]
