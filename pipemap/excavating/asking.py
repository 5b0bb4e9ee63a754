"""What a dig meets in one version of the map, what to shut off, whom to call, where only hands may dig."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import shapely

from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.ground import ground_at
from pipemap.clearance.numbers import WIDEST_NEIGHBOUR_M
from pipemap.clearance.site import Site
from pipemap.contacts import telephones_of
from pipemap.crs import polygon_in_project
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.excavating.meeting import Body, met_by
from pipemap.excavating.precautions import precautions
from pipemap.excavating.shutoff import shutoffs
from pipemap.excavating.zones import hand_dig
from pipemap.network import Network
from pipemap.pages import Version
from schemas.excavation import Dig, Excavation, Meeting, MetStructure, OwnerToCall
from schemas.isolation import Note

LARGEST_M2 = 250_000.0
_MOST_GROUND_PLACES = 400
_NOT_THERE = frozenset({"planned", "removed"})
_RANK = {"met": 0, "cannot_tell": 1, "under": 2, "beside": 3}


def excavation(
    connection: Connection,
    polygon: shapely.Polygon,
    dig: Dig,
    network: Callable[[], Network] | None,
    version: Version = None,
    polygon_srid: int | None = None,
) -> Excavation:
    """Everything a dig meets or comes near to.

    The polygon is in `polygon_srid` (the project CRS when None) and answered in the project CRS. `network` gives that
    of the same version; it is asked for only where a pipe has to be shut off, and without one nothing is told of that.
    Abandoned pipes count: they are in the ground. Raises UsageError for a dig that makes no sense, CrsError for one
    outside of where the project CRS is used.
    """
    _check(polygon, dig)
    site = Site(connection, version)
    polygon = polygon_in_project(polygon, site.srid if polygon_srid is None else polygon_srid, site.srid)
    if polygon.area > LARGEST_M2:
        raise UsageError(f"The dig is {polygon.area / 1e4:.0f} ha; ask for at most {LARGEST_M2 / 1e4:.0f} ha at once.")
    body, reach_m = Body(polygon, dig), dig.hand_dig_m + WIDEST_NEIGHBOUR_M
    near = [one for one in site.around(polygon, reach_m) if one.row["lifecycle_code"] not in _NOT_THERE]
    found = [(one, meeting) for one in near if (meeting := met_by(site, body, one)) is not None]
    meetings = sorted((meeting for _, meeting in found), key=_first)
    cut = [one for one in meetings if _is_cut(one)]
    ground_m = _ground(site, polygon)
    depth_m = _depth(dig, ground_m)
    area_m2, hand_m3 = hand_dig(polygon, dig, depth_m, found)
    return Excavation(
        version=site.version,
        dig=dig,
        polygon=tuple((x, y) for x, y in shapely.get_coordinates(polygon.exterior).tolist()),
        area_m2=polygon.area,
        volume_m3=polygon.area * _height(dig),
        ground_low_m=float(ground_m.min()) if len(ground_m) else None,
        ground_high_m=float(ground_m.max()) if len(ground_m) else None,
        ground_models=site.terrain.used,
        hand_dig_area_m2=area_m2,
        hand_dig_volume_m3=hand_m3,
        machine_depth_m=min((one.hand_dig_from_m for one in meetings if one.hand_dig_from_m is not None), default=None),
        counts=dict(Counter(one.state for one in meetings)),
        meetings=tuple(meetings),
        structures=tuple(_structures(site, polygon, dig)),
        shutoffs=tuple(shutoffs(connection, network(), cut)) if cut and network else (),
        owners=tuple(_owners(meetings)),
        precautions=tuple(_to_mind(meetings)),
    )


def with_telephones(connection: Connection, found: Excavation) -> Excavation:
    """The same with whom to call of each owner, as far as that is on record."""
    telephones = telephones_of(connection, [one.owner for one in found.owners if one.owner])
    owners = (one.model_copy(update={"telephone": telephones.get(one.owner or "")}) for one in found.owners)
    return found.model_copy(update={"owners": tuple(owners)})


def _check(polygon: shapely.Polygon, dig: Dig) -> None:
    if polygon.is_empty or not polygon.is_valid or polygon.area == 0:
        raise UsageError("The polygon must be closed, must not cross itself and must have an area.")
    if (dig.depth_m is None) == (dig.z_min_m is None) or (dig.z_min_m is None) != (dig.z_max_m is None):
        raise UsageError("Give the depth of the dig, or its lower and upper elevation.")
    if dig.z_min_m is not None and dig.z_max_m is not None and dig.z_min_m >= dig.z_max_m:
        raise UsageError("The lower elevation of the dig must be below its upper one.")


def _is_cut(meeting: Meeting) -> bool:
    """Whether it is in the dig, or may be."""
    return meeting.state == "met" or (meeting.state == "cannot_tell" and meeting.inside_m > 0)


def _first(meeting: Meeting) -> tuple[int, float, int]:
    starts_m = math.inf if meeting.starts_at_m is None else meeting.starts_at_m
    return _RANK[meeting.state], starts_m, meeting.segment_id


def _ground(site: Site, polygon: shapely.Polygon) -> Floats:
    """Ground elevations around the rim, those that are known."""
    step_m = max(5.0, polygon.length / _MOST_GROUND_PLACES)
    found = ground_at(site, shapely.get_coordinates(shapely.segmentize(polygon.exterior, step_m)))
    return np.asarray(found[np.isfinite(found)])


def _height(dig: Dig) -> float:
    return dig.depth_m if dig.depth_m is not None else (dig.z_max_m or 0.0) - (dig.z_min_m or 0.0)


def _depth(dig: Dig, ground_m: Floats) -> float | None:
    """Depth below the ground, for a body below the highest ground; None where no ground is known."""
    if dig.depth_m is not None:
        return dig.depth_m
    return float(ground_m.max()) - (dig.z_min_m or 0.0) if len(ground_m) else None


def _structures(site: Site, polygon: shapely.Polygon, dig: Dig) -> Iterator[MetStructure]:
    for found in site.structures(polygon, dig.hand_dig_m):
        yield MetStructure(
            feature_id=found.feature_id,
            kind_code=found.row["kind_code"],
            name=found.row["name"] or found.row["source_key"],
            distance_m=float(found.outline.distance(polygon)),
        )


def _owners(meetings: Sequence[Meeting]) -> Iterable[OwnerToCall]:
    """Owners of all that is met or near, those with most of it first; the unknown one last."""
    names = Counter(one.owner or None for one in meetings)
    for owner, _ in sorted(names.items(), key=lambda each: (each[0] is None, -each[1], each[0] or "")):
        theirs = [one for one in meetings if (one.owner or None) == owner]
        classes = list(dict.fromkeys(one.class_code for one in theirs))
        yield OwnerToCall(owner=owner, class_codes=classes, segment_ids=[one.segment_id for one in theirs])


def _to_mind(meetings: Sequence[Meeting]) -> Iterator[Note]:
    for one in precautions({each.class_code for each in meetings}):
        yield Note(code=one.code, message_en=one.name_en, message_zh=one.name_zh)
