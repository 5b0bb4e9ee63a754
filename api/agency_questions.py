"""Questions that other agencies ask of the map as their agreement shows it; each answer says what it is under."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import orjson
import shapely
from fastapi import APIRouter, Query, Response
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from api.clearance import BodyQuestion, CertainParam, KindsDep, LineQuestion, SinceParam, read_polygon
from api.deps import (
    STRICT,
    BoxDep,
    ClassCodesDep,
    CrsDep,
    FeatureId,
    KeyDep,
    LimitParam,
    OffsetParam,
    ServiceDep,
    VersionDep,
    box_numbers,
    parse_crs,
)
from api.excavation import DigQuestion
from api.features import CorridorQuestion, Height, Number, SearchParam
from api.scene import SCENE
from api.sections import DrawnDep, LineParam, read_plan
from api.service import Service
from api.statistics import AllParam, ByParam, DistrictQuestion
from api.trace_parameters import SegmentIds, read_place
from pipemap import lookup
from pipemap.clearance import drawn, dug, questions
from pipemap.clearance.numbers import WIDEST_NEIGHBOUR_M
from pipemap.clearance.within import Pair, conflicts_within, pairs_within
from pipemap.crs import polygon_in_project
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.excavating import asking
from pipemap.pages import plan_of
from pipemap.projects import read_project
from pipemap.scene import encode_scene
from pipemap.sections.cross import cross_section
from pipemap.sections.profile import long_profile
from pipemap.sharing.agreements import SHARED_KINDS
from pipemap.sharing.asking import Packed, Put, Question, Told, as_ourselves, ask, at
from pipemap.sharing.bursts import BurstReport, ask_agency_burst
from pipemap.sharing.differences import read_difference
from pipemap.sharing.granted import Place, check_place
from pipemap.statistics.counting import statistics
from pipemap.versions import GrantedVersion
from schemas.excavation import Excavation

# The widest clearance that a rule asks for, and half the widest pipe.
_CLEARANCE_REACH_M = 20.0
SharedKind = Literal["node", "pipe_segment"]
router = APIRouter(tags=["sharing"], dependencies=[STRICT])


def _answer(service: Service, key: str, question: Question, put: Put) -> Response:
    body = ask(service.database, key, question, put, service.settings.statement_timeout_s)
    return Response(body, media_type="application/json")


@router.get("/scene")
def scene(service: ServiceDep, key: KeyDep, bbox: BoxDep, version: VersionDep) -> Response:
    """What is granted in a box of the project CRS, or all of it, in the viewer's binary layout (pipemap/scene.py)."""
    place = None if bbox is None else shapely.box(*bbox)
    question = Question("scene", place, reach_m=0, version=version, format="scene")

    def put(connection: Connection, shown: GrantedVersion) -> Packed:
        encoded = encode_scene(connection, bbox, shown)
        return Packed(encoded.body, encoded.feature_ids.tolist())

    body = ask(service.database, key, question, put, service.settings.statement_timeout_s)
    return Response(body, media_type=SCENE)


@router.get("/features/{kind}/{feature_id}")
def feature(service: ServiceDep, key: KeyDep, kind: SharedKind, feature_id: FeatureId, version: VersionDep) -> Response:
    """One granted feature, as far as it is granted, in the project CRS."""
    question = Question("feature", version=version, told={"kind": kind, "feature_id": feature_id})

    def put(connection: Connection, shown: GrantedVersion) -> Told:
        found = orjson.loads(lookup.get_feature(connection, kind, feature_id, shown))
        return Told(found, boxes=np.array([shape(found["geometry"]).bounds]))

    return _answer(service, key, question, put)


@router.get("/search")
def search(
    service: ServiceDep,
    key: KeyDep,
    q: SearchParam,
    version: VersionDep,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> Response:
    """Granted features whose key begins with a text, or whose name holds it, where these are granted."""

    def put(connection: Connection, shown: GrantedVersion) -> Told:
        hits = lookup.search(connection, q, limit, shown)
        places = np.array([(hit["x_m"], hit["y_m"]) for hit in hits]).reshape(-1, 2)
        return Told(hits, boxes=np.hstack([places, places]))

    return _answer(service, key, Question("search", version=version, told={"q": q, "limit": limit}), put)


@router.post("/excavation")
def excavation(service: ServiceDep, key: KeyDep, question: DigQuestion) -> Response:
    """What of the granted pipes a dig meets and how deep, whom to call, what to mind, and where only hands may dig."""
    polygon, srid = read_polygon(question.polygon), parse_crs(question.crs)
    told = question.model_dump(mode="json", exclude_none=True)
    reach_m = question.dig.hand_dig_m + WIDEST_NEIGHBOUR_M
    asked = Question("excavation", polygon, srid, reach_m=reach_m, version=question.version, told=told)

    def put(connection: Connection, shown: GrantedVersion) -> Excavation:
        found = asking.excavation(connection, polygon, question.dig, None, shown, srid)
        with as_ourselves(connection):
            return asking.with_telephones(connection, found)

    return _answer(service, key, asked, put)


@router.get("/section")
def section(
    service: ServiceDep, key: KeyDep, line: LineParam, pipe: DrawnDep, version: VersionDep, crs: CrsDep
) -> Response:
    """Every granted pipe that a line cuts, a drawn one with them, with ground and spacings as far as granted."""
    points = read_plan(line)
    told: dict[str, Any] = {"line": line, "crs": crs}
    if pipe is not None:
        told["pipe"] = pipe.model_dump(mode="json", exclude_none=True)
    question = Question("section", _line(points), crs, version=version, told=told)
    return _answer(
        service, key, question, lambda connection, shown: cross_section(connection, points, shown, crs, pipe)
    )


@router.get("/profile")
def profile(
    service: ServiceDep,
    key: KeyDep,
    version: VersionDep,
    segment_id: Annotated[list[int], Query(description="Granted segments in the order they are passed")],
) -> Response:
    """A run of granted pipes from the side: levels, slopes, wells, and the granted pipes it crosses."""
    asked = Question("profile", segment_ids=segment_id, reach_m=_CLEARANCE_REACH_M, version=version)
    return _answer(service, key, asked, lambda connection, shown: long_profile(connection, segment_id, shown))


@router.post("/clearance/line")
def line_clearance(service: ServiceDep, key: KeyDep, question: LineQuestion) -> Response:
    """What of the granted pipes is too near a pipe that is drawn."""
    pipe, crs = question.pipe, parse_crs(question.crs)
    asked = _clearance(_line([at[:2] for at in pipe.line]), crs, question)
    return _answer(service, key, asked, lambda connection, shown: drawn.line_clearance(connection, pipe, shown, crs))


@router.post("/clearance/polygon")
def polygon_clearance(service: ServiceDep, key: KeyDep, question: BodyQuestion) -> Response:
    """What of the granted pipes a body in the ground meets, or is too near to."""
    polygon, crs = read_polygon(question.polygon), parse_crs(question.crs)
    asked = _clearance(polygon, crs, question)
    return _answer(
        service, key, asked,
        lambda connection, shown: dug.polygon_clearance(
            connection, polygon, question.z_min_m, question.z_max_m, question.class_code, shown, crs
        ),
    )  # fmt: skip


@router.get("/clearance/segments/{segment_id}")
def segment_clearance(service: ServiceDep, key: KeyDep, segment_id: FeatureId, version: VersionDep) -> Response:
    """What of the granted pipes is too near one of them."""
    asked = Question("clearance", segment_ids=[segment_id], reach_m=_CLEARANCE_REACH_M, version=version)
    return _answer(
        service, key, asked, lambda connection, shown: questions.segment_clearance(connection, segment_id, shown)
    )


@router.get("/clearance/conflicts")
def conflicts(
    service: ServiceDep,
    key: KeyDep,
    bbox: Annotated[str, Query(description="minx,miny,maxx,maxy; at most 4 km²")],
    crs: CrsDep,
    version: VersionDep,
    kinds: KindsDep,
    since: SinceParam = None,
    certain: CertainParam = False,
    limit: LimitParam = 1000,
    offset: OffsetParam = 0,
) -> Response:
    """What of the granted pipes is too near another, in a window: judged anew on what is granted, worst first.

    `since` leaves out what was so, on what is granted, at an older version.
    """
    sides = plan_of(box_numbers(bbox))
    check_place(Place(sides), 0)
    window = shapely.box(*sides)
    told = {"kind": kinds, "since": since, "certain": certain, "limit": limit, "offset": offset}
    asked = Question("conflicts", window, crs, reach_m=_CLEARANCE_REACH_M, version=version, told=told)

    def put(connection: Connection, shown: GrantedVersion) -> Any:
        srid = read_project(connection).srid
        box = (window if crs is None else polygon_in_project(window, crs, srid)).bounds
        known = frozenset[Pair]()
        if since is not None:
            with at(connection, since, shown) as before:
                if before > shown:
                    raise UsageError("The version since which news are asked for comes before the other.")
                known = pairs_within(connection, box, before)
        return conflicts_within(
            connection, box, shown, kinds=kinds, certain=certain, known=known, limit=limit, offset=offset
        )

    return _answer(service, key, asked, put)


@router.get("/near")
def near(
    service: ServiceDep,
    key: KeyDep,
    x: Number,
    y: Number,
    radius_m: Annotated[float, Query(gt=0, le=1000, allow_inf_nan=False)],
    class_codes: ClassCodesDep,
    version: VersionDep,
    crs: CrsDep,
    z: Height = None,
    kind: Annotated[str, Query(pattern="^(node|pipe_segment)$")] = "pipe_segment",
    limit: LimitParam = 100,
) -> Response:
    """Granted features within a radius of a point, nearest first: in space when z is given, else in plan."""
    told = {"x": x, "y": y, "z": z, "crs": crs, "radius_m": radius_m, "kind": kind, "class_codes": class_codes}
    question = Question("near", shapely.Point(x, y), crs, reach_m=radius_m, version=version, told=told)

    def put(connection: Connection, shown: GrantedVersion) -> Any:
        page = lookup.near(
            connection, x, y, z, radius_m, kind=kind, point_srid=crs, class_codes=class_codes, version=shown,
            out_srid=crs, limit=limit,
        )  # fmt: skip
        return orjson.loads(page.collection())

    return _answer(service, key, question, put)


@router.post("/corridor")
def along(service: ServiceDep, key: KeyDep, question: CorridorQuestion) -> Response:
    """Granted features within half a width of a line, in the order the line meets them."""
    if question.kind not in SHARED_KINDS:
        raise UsageError(f"{question.kind} is no kind of feature that is shared; {', '.join(SHARED_KINDS)} are.")
    srid, told = parse_crs(question.crs), question.model_dump(mode="json", exclude_none=True)
    asked = Question(
        "corridor", _line(question.line), srid, reach_m=question.half_width_m, version=question.version, told=told
    )

    def put(connection: Connection, shown: GrantedVersion) -> Any:
        page = lookup.corridor(
            connection, question.line, question.half_width_m, kind=question.kind, line_srid=srid,
            class_codes=question.class_code, version=shown, out_srid=srid, limit=question.limit,
        )  # fmt: skip
        return orjson.loads(page.collection())

    return _answer(service, key, asked, put)


@router.get("/statistics")
def count(
    service: ServiceDep,
    key: KeyDep,
    class_codes: ClassCodesDep,
    version: VersionDep,
    by: ByParam = None,
    with_out_of_use: AllParam = False,
) -> Response:
    """Length, number, age, material and depth of what is granted, by what is granted of it."""
    dimensions = tuple(by or ("class_code",))
    told = {"by": dimensions, "class_codes": class_codes, "with_out_of_use": with_out_of_use}
    return _answer(
        service, key, Question("statistics", version=version, told=told),
        lambda connection, shown: statistics(
            connection, dimensions, versions=[shown], class_codes=class_codes, with_out_of_use=with_out_of_use
        ),
    )  # fmt: skip


@router.post("/statistics")
def count_in_districts(service: ServiceDep, key: KeyDep, question: DistrictQuestion) -> Response:
    """The same within districts, each given by its name and outline in the project CRS; of one version."""
    if len(question.version) > 1:
        raise UsageError("Ask of one version at a time.")
    version = question.version[0] if question.version else None
    asked = Question("statistics", version=version, told=question.model_dump(mode="json", exclude={"version"}))
    return _answer(
        service, key, asked,
        lambda connection, shown: statistics(
            connection, question.by, versions=[shown], class_codes=question.class_code,
            districts=question.districts, with_out_of_use=question.with_out_of_use,
        ),
    )  # fmt: skip


@router.get("/trace/burst")
def trace_burst(
    service: ServiceDep,
    key: KeyDep,
    version: VersionDep,
    class_codes: ClassCodesDep,
    segment_id: SegmentIds = None,
    at: Annotated[
        str | None, Query(description="x,y or x,y,z in the project CRS, for the nearest granted pipe")
    ] = None,
) -> Response:
    """What a burst cuts off and which valves to close: worked out on the whole network, told as far as granted."""
    report = BurstReport(
        segment_id or (),
        None if at is None else read_place(at),
        class_codes or ("water",),
        version,
        {"segment_ids": segment_id, "at": at, "class_codes": class_codes},
    )
    timeout_s = service.settings.statement_timeout_s
    body = ask_agency_burst(service.database, service.networks, key, report, timeout_s)
    return Response(body, media_type="application/json")


@router.get("/diff")
def diff(
    service: ServiceDep,
    key: KeyDep,
    from_version: Annotated[int, Query(alias="from", ge=0, lt=2**31)],
    to_version: Annotated[int, Query(alias="to", ge=0, lt=2**31)],
    limit: LimitParam = 1000,
) -> Response:
    """What turns one version into a later one as the agreement shows both: counts of it all, and the first changes."""
    body = read_difference(service.database, key, from_version, to_version, limit, service.settings.statement_timeout_s)
    return Response(body, media_type="application/json")


def _clearance(place: BaseGeometry, srid: int | None, question: LineQuestion | BodyQuestion) -> Question:
    told = question.model_dump(mode="json", exclude_none=True)
    return Question("clearance", place, srid, reach_m=_CLEARANCE_REACH_M, version=question.version, told=told)


def _line(points: Sequence[tuple[float, ...]]) -> shapely.LineString:
    if len(points) < 2:
        raise UsageError("A line has at least two points.")
    return shapely.LineString(points)
