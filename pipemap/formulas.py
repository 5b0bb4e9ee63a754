"""Texts that a spreadsheet would run as a formula when it opens a table of them."""

from typing import Any

# Where letters are wide, spreadsheets take the wide signs for the others; a tab or a line's end is passed over.
_BEGINNINGS = ("=", "+", "-", "@", "＝", "＋", "－", "＠", "\t", "\r", "\n")


def begins_formula(cell: Any) -> bool:
    """Whether a cell would be run; numbers never are."""
    return isinstance(cell, str) and cell.startswith(_BEGINNINGS)
