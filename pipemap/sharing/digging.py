"""What goes onto the sheet of a granted request for digging: exactly what its agreement shows, and whom to call."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import shapely
from psycopg.rows import DictRow
from shapely.geometry.base import BaseGeometry

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import UsageError
from pipemap.projects import read_project
from pipemap.sharing import audit
from pipemap.sharing.granted import Grant, Place, as_agency, grant_of
from pipemap.sql import queries

# Rows on the sheet; what is beyond is on its map, counted on it, and in the package.
MOST_PIPES = 300
_LONGEST = 200


class ClassCount(NamedTuple):
    """Pipes of one class, and metres of them."""

    class_code: str
    pipes: int
    length_m: float


@dataclass(frozen=True)
class Digging:
    """A granted request and the pipes in its area, with their axes in plan; `telephones` by owner."""

    project: str
    srid: int
    grant: Grant
    area: BaseGeometry
    request: DictRow
    pipes: Sequence[DictRow]
    telephones: Mapping[str, str]

    @property
    def rows(self) -> Sequence[DictRow]:
        """The pipes that have a row."""
        return self.pipes[:MOST_PIPES]

    @property
    def counts(self) -> list[ClassCount]:
        """All the pipes by class."""
        number, length_m = Counter[str](), Counter[str]()
        for pipe in self.pipes:
            number[pipe["class_code"]] += 1
            length_m[pipe["class_code"]] += pipe["length_m"]
        return [ClassCount(code, number[code], length_m[code]) for code in sorted(number)]


def read_digging(connection: Connection, key_sha256: str, version: int | None = None) -> Digging | None:
    """The content of the sheet; None when the agreement was not made of a request for digging or an emergency."""
    project = read_project(connection)
    grant = grant_of(connection, key_sha256, version=version)
    request = fetch_one(connection, queries("digging")["request"], {"agreement_id": grant.agreement_id})
    if request is None:
        return None
    with as_agency(connection, key_sha256, Place(), project.srid, version):
        pipes = fetch_all(connection, queries("digging")["pipes"])
    owners = sorted({row["owner"] for row in pipes if row["owner"]})
    area = shapely.from_wkt(grant.area_wkt)
    return Digging(project.name, project.srid, grant, area, request, pipes, telephones_of(connection, owners))


def telephones_of(connection: Connection, owners: Iterable[str]) -> dict[str, str]:
    """Whom to call about the pipes of some owners, as far as that is on record."""
    contacts = fetch_all(connection, queries("digging")["contacts"], {"owners": sorted(owners)})
    return {row["owner"]: row["telephone"] for row in contacts}


def set_contact(connection: Connection, owner: str, telephone: str, actor: str) -> None:
    """Keep whom to call about an owner's pipes; `owner` as the map writes it."""
    for text in (owner, telephone):
        if not text.strip() or len(text) > _LONGEST or not text.isprintable():
            raise UsageError("An owner and a telephone number are one line each. 权属单位与电话各一行。")
    values = {"owner": owner.strip(), "telephone": telephone.strip()}
    connection.execute(queries("digging")["set_contact"], values)
    audit.record(connection, actor, "share.contact", values)
