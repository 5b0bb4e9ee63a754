"""The service as one application: `create_app(settings, database_url)`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import entry_points
from pathlib import Path

from anyio.to_thread import current_default_thread_limiter
from fastapi import APIRouter, FastAPI, Response
from starlette.routing import BaseRoute

from api import (
    agency_questions,
    agreement_pages,
    audit,
    burst_sheet,
    changeset_pages,
    clearance,
    deliveries,
    delivery_pages,
    designs,
    documentation,
    excavation,
    exports,
    features,
    feed,
    flow_traces,
    free_room,
    ground,
    history,
    hooks,
    key_sign_in,
    outages,
    pressure,
    request_pages,
    requests,
    review,
    scene,
    sections,
    share,
    sign_in,
    statistics,
    traces,
    webhook_pages,
)
from api.deps import STAFF, ServiceDep
from api.features import as_json
from api.headers import Compression, HeadAsGet, SecurityHeaders
from api.limits import BodyLimit, RequestLimits
from api.ogc import collections, editing, items, landing, solid, tiles
from api.ogc.links import ROOT
from api.problems import add_problems
from api.service import Service
from pipemap.db import Database
from pipemap.settings import Settings
from pipemap.sharing.anchors import Anchoring, anchor_file

_DESCRIPTION = (
    "One versioned 3D map of everything under a city's streets. 地下管线一张图\n\n"
    "Coordinates are easting before northing, longitude before latitude, in every CRS; z is metres in the project's "
    "vertical datum. Errors are application/problem+json; an unknown parameter is an error."
)
# Threads that answer at once, shared out between the processes of a service; each may hold one connection.
_THREADS, _FEWEST_THREADS = 24, 4
health = APIRouter(tags=["service"])


@health.get("/health")
def read_health(service: ServiceDep) -> Response:
    """Whether the service reaches its database."""
    with service.reading():
        return as_json({"status": "ok"})


def _routes() -> list[BaseRoute]:
    """What every application answers, in the order in which it is tried: those that are asked most come first."""
    whole = APIRouter()
    whole.routes += [*tiles.ROUTES, *items.ROUTES]
    for room in (tiles, editing, landing, collections, solid):
        whole.include_router(room.router, prefix=ROOT)
    whole.include_router(health)
    for part in (
        audit,
        features,
        clearance,
        designs,
        excavation,
        traces,
        flow_traces,
        free_room,
        ground,
        outages,
        pressure,
        history,
        deliveries,
        review,
        scene,
        sections,
        statistics,
    ):
        whole.include_router(part.router, prefix="/api", dependencies=[STAFF])
    for page in (
        burst_sheet.router,
        changeset_pages.router,
        delivery_pages.router,
        request_pages.router,
        agreement_pages.router,
        webhook_pages.router,
        audit.page,
    ):
        whole.include_router(page, dependencies=[STAFF])
    for door in (sign_in.router, sign_in.out, key_sign_in.router):
        whole.include_router(door)
    for part in (share, agency_questions, exports, requests, feed, hooks):
        whole.include_router(part.router, prefix="/share")
    return whole.routes


# Working out what the routes take needs a moment at the first request, and memory: once for all applications.
ROUTES = _routes()


def create_app(settings: Settings, database_url: str, shared: Path | None = None) -> FastAPI:
    """The application on one database; it opens its connections when they are needed and closes them at the end.

    `shared` is the file in which several processes count together what each key asks.
    """
    threads = max(_THREADS // settings.processes, _FEWEST_THREADS)
    service = Service(settings, Database(database_url, max_connections=threads))
    anchoring = Anchoring(
        service.database, anchor_file(settings.audit_dir, service.database), settings.audit_anchor_minutes
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        current_default_thread_limiter().total_tokens = threads
        service.watch()
        anchoring.start()
        yield
        anchoring.close()
        await service.close()

    app = FastAPI(title="pipemap", description=_DESCRIPTION, lifespan=lifespan, docs_url=None, redoc_url=None)
    app.state.service = service
    app.state.tiles, app.state.singles = tiles.Tiles(service), items.Singles(service.looking)
    add_problems(app)
    app.router.routes += ROUTES
    documentation.add_documentation(app)
    for point in entry_points(group="pipemap.web"):
        point.load()(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestLimits, service=service, shared=shared)
    app.add_middleware(Compression)
    app.add_middleware(SecurityHeaders)
    return app
