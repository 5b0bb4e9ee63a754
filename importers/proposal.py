"""What an import would take each column for: the dry run's answer, for a user to correct in a profile."""

from dataclasses import dataclass
from typing import Any

from importers.cells import cells
from importers.delivery import Reading
from importers.normalise import role_of
from importers.profiles import ATTRIBUTES, Profile, plain

_SAMPLES = 3


@dataclass(frozen=True)
class ColumnProposal:
    """One source column, what it was taken for and why, and what stands in it."""

    file: str
    sheet: str
    role: str | None
    column: str
    attribute: str | None
    why: str
    samples: list[str]


def propose(reading: Reading) -> list[ColumnProposal]:
    """Every column of every table that was read, in the order of the files; chunks of a layer count once."""
    seen: set[tuple[str, str]] = set()
    proposals: list[ColumnProposal] = []
    for table, _ in reading.tables:
        if (table.file, table.sheet) in seen:
            continue
        seen.add((table.file, table.sheet))
        role = role_of(table, reading.profile)
        taken = {}
        if role in ATTRIBUTES:
            mapping = reading.profile.mapping(str(role), map(str, table.rows.columns))
            taken = {column: attribute for attribute, column in mapping.items()}
        for column in map(str, table.rows.columns):
            why = _why(reading.profile, role, column, taken)
            samples = _samples(table.rows[column])
            proposals.append(ColumnProposal(table.file, table.sheet, role, column, taken.get(column), why, samples))
    return proposals


def _why(profile: Profile, role: str | None, column: str, taken: dict[str, str]) -> str:
    if role not in ATTRIBUTES:
        return "the table is left out" if role == "ignored" else "nothing tells what the table holds"
    attribute = taken.get(column)
    if attribute:
        return f"the profile {profile.name} knows this name"
    for other in ATTRIBUTES[str(role)]:
        if plain(column) in map(plain, profile.names(str(role), other)):
            holder = next(name for name, attribute in taken.items() if attribute == other)
            return f"also a name of {other}, which {holder} gives"
    return "no attribute of the model; kept as it is"


def _samples(column: Any) -> list[str]:
    words = [word for word in cells(column.head(1000), {""}).words if word is not None]
    return words[:_SAMPLES]
