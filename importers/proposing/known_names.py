"""The names of columns that shipped profiles know, and names one slip away from them."""

import re
from functools import cache

from importers.profile_files import load_profile, shipped
from importers.profiles import ATTRIBUTES, plain
from importers.proposing.slips import is_one_slip

_LEAST_TYPO_LETTERS = {True: 5, False: 3}


@cache
def known_names(role: str) -> dict[str, list[tuple[str, str]]]:
    """Every plain name that a shipped profile knows in this role, with attributes and the first profile of each."""
    names: dict[str, dict[str, str]] = {}
    for layout in ("default", *(name for name in shipped() if name != "default")):
        profile = load_profile(layout)
        for attribute in ATTRIBUTES[role]:
            for name in profile.names(role, attribute):
                if len(plain(name)) > 1 or not re.fullmatch(r"[a-z]", plain(name)):
                    names.setdefault(plain(name), {}).setdefault(attribute, layout)
    return {name: list(found.items()) for name, found in names.items()}


def near_miss(role: str, name: str) -> tuple[str, str] | None:
    """The known name that a plain one is one slip away from, and its attribute; None when two of several are."""
    if len(name) < _LEAST_TYPO_LETTERS[name.isascii()] or any(character.isdigit() for character in name):
        return None
    near = {known: found for known, found in known_names(role).items() if abs(len(known) - len(name)) <= 1}
    slips = {known: found for known, found in near.items() if known != name and is_one_slip(name, known)}
    attributes = {attribute for found in slips.values() for attribute, _ in found}
    return (min(slips), attributes.pop()) if len(attributes) == 1 else None
