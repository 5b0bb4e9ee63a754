"""Every rule of survey practice and of the peers is run, told by an importer, or set aside with a reason."""

import csv
import re
from pathlib import Path

import pytest

from pipemap.checks import all_rules, told_elsewhere

ROOT = Path(__file__).resolve().parents[2]

# Topology checks that the peers have, by the rules that make them here; a text says why one has no place in the model.
PEERS: dict[str, tuple[str, ...] | str] = {
    "pipe without start or end node": ("R20",),
    "start is end": ("R13",),
    "duplicate nodes inside a tolerance": ("R09",),
    "duplicate pipes, reversed ones too": ("R14",),
    "orphan node": ("R21",),
    "pipe passing over a node it does not join": ("R26",),
    "pipe shorter than tolerance": ("R18",),
    "not reachable from any source or outfall": ("P02", "P03"),
    "valve with unknown open or closed state": ("P05",),
    "flow direction valve whose direction pipe is not adjacent": ("P14",),
    "service connection whose pipe is missing or far larger": ("P16",),
    "two ids for one object": ("R09", "R14"),
    "state and end date that disagree": ("P17",),
    "node levels above ground": ("P12",),
    "pipe invert above node top": ("R29",),
    "negative slope": ("R30",),
    "diameter shrinking downstream": ("R32",),
    "stacked points": ("P13",),
    "mid-span join without a rule": ("R26",),
    "line end on a wrong device terminal": "a device is a node without terminals; what joins there is R22 and P14",
    "device not contained where it must be": ("P15",),
    "coordinates beyond 3 decimals": ("P11",),
    "wrong axis order": ("R06",),
    "self-crossing lines": ("P10",),
    "ring direction": "outlines are read by what they enclose, whichever way round they are drawn",
    "dangling references": ("R20", "P15"),
    "every feature bound to a network": ("R12", "R21"),
    "class mismatch at a join": ("P01",),
    "cover below standard": ("P08",),
    "ground above crown": ("R29",),
}


@pytest.fixture
def listed(shared_data: Path) -> set[str]:
    text = (shared_data.parent / "standards" / "check_rules.csv").read_text(encoding="utf-8")
    return {row["rule_id"] for row in csv.DictReader(text.splitlines())}


def test_every_rule_of_survey_practice_is_run_told_or_set_aside(listed: set[str]) -> None:
    elsewhere = {line["rule_id"]: line for line in told_elsewhere()}
    assert listed == (set(all_rules()) | set(elsewhere)) & listed
    assert not set(all_rules()) & set(elsewhere)
    assert all(line["told_as"] or line["why"] for line in elsewhere.values())


@pytest.mark.parametrize("line", told_elsewhere(), ids=lambda line: line["rule_id"])
def test_what_an_import_is_said_to_tell_it_tells(line: dict[str, str]) -> None:
    folders = (ROOT / "importers", ROOT / "pipemap" / "ingest")
    text = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    assert line["told_by"] != "import" or re.search(f'"{line["told_as"]}"', text)


def test_every_check_of_the_peers_is_made_or_set_aside() -> None:
    made = [rule for rules in PEERS.values() if not isinstance(rules, str) for rule in rules]
    assert set(made) <= set(all_rules())
