"""What goes onto the sheet of a granted request for digging: exactly what its agreement shows, and whom to call."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import shapely
from psycopg.rows import DictRow
from shapely.geometry.base import BaseGeometry

from pipemap.contacts import telephones_of
from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.projects import read_project
from pipemap.sharing.granted import Grant, Place, as_agency, grant_of
from pipemap.sql import queries

# Rows on the sheet; what is beyond is on its map, counted on it, and in the package.
MOST_PIPES = 300


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


def has_sheet(connection: Connection, agreement_id: int) -> bool:
    """Whether an agreement was made of a request for digging or an emergency."""
    return fetch_one(connection, queries("digging")["request"], {"agreement_id": agreement_id}) is not None


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
