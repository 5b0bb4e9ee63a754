"""What the columns of a table make it: points, lines, or rows of both."""

from collections.abc import Mapping

from importers.profiles import ROLES, is_enough
from importers.proposing.matching import Candidates, assigned, matches

LEAST_REFERRING = 0.8
_LEAST_LINKED = 3


def best_role(table: Candidates) -> tuple[str | None, float | None]:
    """The role of which the surest columns make enough, and the certainty of the least sure of those."""
    enough: dict[str, float] = {}
    for role in ROLES:
        chosen = assigned(matches(table, role))
        certainty = is_enough(role, {match.attribute: match.certainty for match in chosen.values()})
        columns = {match.attribute: column for column, match in chosen.items()}
        is_told = names_other_points(table) if role == "combined" else not _places_points(table, role, columns)
        if certainty is not None and is_told:
            enough[role] = certainty
    best = max(enough, key=lambda role: enough[role], default=None)
    return (None, None) if best is None else (best, enough[best])


def names_other_points(table: Candidates) -> bool:
    """Whether rows of points also name points of the same table: rows of a combined result table."""
    taken = {match.attribute: column for column, match in assigned(matches(table, "combined")).items()}
    if not {"key", "to_key"} <= taken.keys():
        return False
    own, other = (set(table.samples[taken[name]].words) for name in ("key", "to_key"))
    return len(other) >= _LEAST_LINKED and len(own & other) >= LEAST_REFERRING * len(other)


def _places_points(table: Candidates, role: str, columns: Mapping[str, str]) -> bool:
    """Whether rows that name both ends of a line say where the first is, as no other table does: 本点号, 对点号, X."""
    start, end = columns.get("from_key"), columns.get("to_key")
    if role != "segment" or start is None or "from_x" in columns or _is_of_another_table(table, start, end):
        return False
    chosen = assigned(matches(table, "combined"))
    is_whole = is_enough("combined", {match.attribute: 1.0 for match in chosen.values()}) is not None
    return is_whole and start in chosen and chosen[start].attribute == "key" and names_other_points(table)


def _is_of_another_table(table: Candidates, start: str, end: str | None) -> bool:
    """Whether a column of point numbers refers to those of another table; the other end of the lines is of its own."""
    share, target = table.links.get(start, (0.0, ""))
    return share > 0 and not target.endswith(f".{end}")
