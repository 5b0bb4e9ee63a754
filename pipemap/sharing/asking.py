"""Questions of agencies: the core's own functions, put to the map as an agreement shows it.

A question runs as the agency's role on views in the shape of the map's tables (schemas/sql/21_asked.sql), so that no
answer has a filter of its own: what is hidden is to it as if it were not there, and what is masked is not known. A
hidden and an absent identity answer alike. Every answer names the agreement it is under, lest what is left out be taken
for ground without pipes; every look is on record and charged to the ledger before it is handed out.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import shapely
from psycopg.sql import SQL
from pydantic import BaseModel
from shapely.geometry.base import BaseGeometry

from pipemap.crs import Bounds, line_in_project, polygon_in_project
from pipemap.db import Connection, Database, fetch_all, fetch_one
from pipemap.errors import NotFoundError
from pipemap.sharing import audit, ledger
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.granted import (
    Grant,
    Place,
    become_agency,
    begin_reading,
    record_refusal,
    refusals_on_record,
    want,
)
from pipemap.sql import queries
from pipemap.versions import GrantedVersion, resolve_version
from schemas.codetables import code_table
from schemas.shared_answers import Agreed

# How far around a question its answer may depend on: the ground, and what stands in the way of a pipe that is moved.
_AROUND_M = 250.0
# How much further it is looked for the ends of long segments, where the ground above them is known.
_ENDS_WITHIN_M = 1_000.0
_NAMES_FEATURES = ("feature_id", "segment_id", "node_id", "other_id")


@dataclass(frozen=True)
class Question:
    """A question under a key.

    `name` stands in the log; `place` is what it is about, in `srid` (the project CRS when None), None for the whole
    area or for `segment_ids`, the segments it is about; what it tells lies within `reach_m` of that. `told` are its
    further words; `format` is that of the answer.
    """

    name: str
    place: BaseGeometry | None = None
    srid: int | None = None
    segment_ids: Sequence[int] = ()
    reach_m: float = 1.0
    version: int | datetime | None = None
    told: Mapping[str, Any] = field(default_factory=dict)
    format: str = "json"


@dataclass(frozen=True)
class Packed:
    """An answer that is handed out as it is, not beside what it is under, and the identities it names."""

    body: bytes
    feature_ids: Sequence[int]


Answer = BaseModel | Mapping[str, Any] | Sequence[Mapping[str, Any]] | Packed


@dataclass(frozen=True)
class Told:
    """An answer with the box around what it tells of, in the project CRS; None for the whole area.

    Of what is scattered over the area `boxes` (n, 4) say instead where each lies.
    """

    answer: Answer
    window: Bounds | None = None
    boxes: npt.NDArray[np.float64] | None = None


Put = Callable[[Connection, GrantedVersion], Answer | Told]


def ask(database: Database, key_sha256: str, question: Question, put: Put, timeout_s: int = 30) -> bytes:
    """The answer as JSON, beside what it is under, or as it is packed; `put` puts the question to the core.

    Raises UnknownKeyError, NotFoundError (on record like a refusal), AreaExceededError, and whatever `put` does.
    """
    asked = {"question": question.name, "segment_ids": list(question.segment_ids), **question.told}
    try:
        with refusals_on_record(database, key_sha256, asked), database.transaction(read_only=True) as connection:
            srid, _ = begin_reading(connection, timeout_s)
            version = resolve_version(connection, question.version)
            grant = become_agency(connection, key_sha256, Place(), srid, version)
            connection.execute(queries("asked")["plan_for_views"])
            window = _look_around(connection, question, srid)
            found = put(connection, _shown(grant))
    except NotFoundError:
        record_refusal(database, key_sha256, asked)
        raise
    told = found if isinstance(found, Told) else Told(found, window)
    place, packed = Place(told.window if told.boxes is None else _around(told.boxes)), _packed(told.answer, grant)
    if told.boxes is None:
        ledger.charge(database, grant, place, srid)
    else:
        ledger.charge_boxes(database, grant, told.boxes)
    audit.look(database, grant, key_sha256, f"share.{question.name}", _account(question, grant, place, packed))
    return packed.body


@contextmanager
def as_ourselves(connection: Connection) -> Iterator[None]:
    """Read the map itself for a block of a question, which tells of it what the agreement shows alone."""
    connection.execute(queries("asked")["plan_for_tables"])
    connection.execute(SQL("RESET ROLE"))
    yield
    connection.execute(SQL("SET LOCAL ROLE pipemap_agency"))
    connection.execute(queries("asked")["plan_for_views"])


@contextmanager
def at(connection: Connection, version: int, shown: GrantedVersion) -> Iterator[GrantedVersion]:
    """Look at another version for a block of a question, as the agreement shows it.

    NotFoundError for one that is not there, or that the agreement does not show.
    """
    with as_ourselves(connection):
        resolve_version(connection, version)
    connection.execute(queries("sharing")["look_at"], {"version": version})
    grant = fetch_one(connection, queries("sharing")["granted"])
    if grant is None or grant["version"] != version:
        raise NotFoundError(f"Version {version} is not shown.")
    yield GrantedVersion(version, shown.columns)
    connection.execute(queries("sharing")["look_at"], {"version": int(shown)})


def agreed(grant: Grant) -> Agreed:
    """What an answer is under, in words a reader cannot miss."""
    names = [code_table("utility_class")[code] for code in grant.class_codes]
    is_bare = "width_mm" in grant.attributes and "casing_mm" not in grant.attributes
    return Agreed(
        agreement_id=grant.agreement_id,
        version=grant.version,
        class_codes=tuple(grant.class_codes),
        attributes=tuple(grant.attributes),
        position_precision=grant.position_precision,
        depth_precision=grant.depth_precision,
        area_wkt=grant.area_wkt,
        message_en=f"Holds for what agreement {grant.agreement_id} shows of version {grant.version} alone: "
        f"{', '.join(name.name_en for name in names)}, in its area. Other pipes and structures may lie there."
        f"{' Sizes are those of pipes alone: casings round them are not shown.' if is_bare else ''}",
        message_zh=f"仅依据第 {grant.agreement_id} 号协议在第 {grant.version} 版中所示内容："
        f"授权范围内的{'、'.join(name.name_zh for name in names)}；此外仍可能有其他管线和建（构）筑物。"
        f"{'尺寸仅为管道本身，未含套管。' if is_bare else ''}",
    )


def _shown(grant: Grant) -> GrantedVersion:
    return GrantedVersion(grant.version, {kind: grant.columns(kind) for kind in SHARED_KINDS})


def _look_around(connection: Connection, question: Question, srid: int) -> Bounds | None:
    """Have the views look around the place alone; the window it counts as, None for the whole area."""
    place = question.place
    if question.segment_ids:
        place = _place_of(connection, question.segment_ids)
    elif place is not None:
        place = _in_project(place, srid if question.srid is None else question.srid, srid)
    if place is None:
        return None
    window = _widened(place.bounds, question.reach_m)
    want(connection, Place(window), srid)
    want(connection, Place(_with_ends(connection, _widened(window, _AROUND_M))), srid)
    return window


def _with_ends(connection: Connection, around: Bounds) -> Bounds:
    """A box with the ends, if they are not too far off, of the segments that are shown in the wanted window."""
    row = fetch_one(connection, queries("asked")["spanned"])
    if row is None or row["spanned"] is None:
        return around
    furthest = _widened(around, _ENDS_WITHIN_M)
    low_x, low_y = (min(around[axis], max(row["spanned"][axis], furthest[axis])) for axis in (0, 1))
    high_x, high_y = (max(around[axis], min(row["spanned"][axis], furthest[axis])) for axis in (2, 3))
    return low_x, low_y, high_x, high_y


def _widened(bounds: Bounds, by_m: float) -> Bounds:
    low_x, low_y, high_x, high_y = bounds
    return low_x - by_m, low_y - by_m, high_x + by_m, high_y + by_m


def _place_of(connection: Connection, segment_ids: Sequence[int]) -> BaseGeometry:
    """Where segments are shown; NotFoundError alike for one that is hidden and one that is not there."""
    rows = fetch_all(connection, queries("asked")["pipes"], {"feature_ids": list(segment_ids)})
    places = {row["feature_id"]: shapely.from_wkb(row["axis"]) for row in rows}
    for segment_id in segment_ids:
        if segment_id not in places:
            raise NotFoundError(f"There is no pipe_segment {segment_id}.")
    return shapely.union_all(list(places.values()))


def _in_project(place: BaseGeometry, place_srid: int, srid: int) -> BaseGeometry:
    if isinstance(place, shapely.Polygon):
        return polygon_in_project(place, place_srid, srid)
    return line_in_project(place, place_srid, srid)


def _around(boxes: npt.NDArray[np.float64]) -> Bounds | None:
    if not len(boxes):
        return None
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _packed(answer: Answer, grant: Grant) -> Packed:
    if isinstance(answer, Packed):
        return answer
    document = answer.model_dump(mode="json") if isinstance(answer, BaseModel) else answer
    body = orjson.dumps({"agreement": agreed(grant).model_dump(mode="json"), "answer": document})
    return Packed(body, list(named_features(document)))


def _account(question: Question, grant: Grant, place: Place, packed: Packed) -> dict[str, Any]:
    named = sorted(set(packed.feature_ids))
    return {
        "asked": {"segment_ids": list(question.segment_ids), **question.told},
        "bbox": place.bbox,
        "bbox_srid": None,
        "format": question.format,
        "version": grant.version,
        "count": len(named),
        "bytes": len(packed.body),
        "ids_sha256": audit.digest_of(named),
    }


def named_features(document: Any) -> Iterator[int]:
    """Every identity that an answer names, wherever it stands."""
    if isinstance(document, dict):
        for name, value in document.items():
            if name in _NAMES_FEATURES and isinstance(value, int) and value > 0:
                yield value
            elif name.endswith("_ids"):
                yield from (one for one in value if one > 0)
            else:
                yield from named_features(value)
        if document.get("type") == "Feature":
            yield document["id"]
    elif isinstance(document, list | tuple):
        for value in document:
            yield from named_features(value)
