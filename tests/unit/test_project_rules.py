"""Rules of the project that no linter knows: settings documented, files of a readable size, packages owned."""

import csv
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from pipemap.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("schemas", "pipemap", "importers", "api", "viewer", "sample_data")
SOURCES = sorted(
    path for room in (*ROOMS, "bench") for path in (ROOT / room).rglob("*.py") if "node_modules" not in path.parts
)


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    variable = f"PIPEMAP_{name.upper()}"
    assert f"| `{variable}` |" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{variable}=" in (ROOT / ".env.example").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_is_of_a_readable_size_and_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 400 or "migrations" in path.parts
    assert text.startswith('"""')


def test_no_other_package_owns_a_room() -> None:
    owners = packages_distributions()
    assert not {room: owners[room] for room in ROOMS if set(owners.get(room, [])) - {"pipemap"}}


def test_limits_are_never_negative() -> None:
    for path in (ROOT / "schemas" / "limits").glob("clearance_*.csv"):
        with path.open(encoding="utf-8", newline="") as file:
            assert all(float(row["min_clear_m"] or 0) >= 0 for row in csv.DictReader(file)), path.name
