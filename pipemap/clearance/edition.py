"""What stands for the code that judges: a stored run that another edition of it has judged is out of date."""

from collections.abc import Iterator
from functools import cache
from hashlib import sha256
from importlib.resources import files

_PACKAGES = ("pipemap.clearance", "pipemap.ground")
# The code tables that decide which rules apply to what.
_CODES = ("burial", "lifecycle", "structure_kind", "utility_class")


@cache
def engine_digest() -> str:
    """Alike as long as no line of the engine has changed; limits and ground models have digests of their own."""
    return sha256(b"\0".join(_sources())).hexdigest()[:16]


def _sources() -> Iterator[bytes]:
    for package in _PACKAGES:
        for file in sorted(files(package).iterdir(), key=lambda each: each.name):
            if file.name.endswith(".py"):
                yield file.read_bytes()
    for table in _CODES:
        yield (files("schemas") / "codes" / f"{table}.csv").read_bytes()
