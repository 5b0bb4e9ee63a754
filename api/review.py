"""The review of changesets over HTTP, as at the command line: checked, submitted, decided, published, discarded."""

import logging
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import OWN_SITE, STRICT, ActorDep, ServiceDep
from api.features import as_json
from api.history import ChangesetId
from api.service import Service
from pipemap import changesets
from pipemap.changesets import Changeset
from pipemap.errors import PipemapError
from pipemap.jobs import apart
from pipemap.sharing.stores import refresh_stores

router = APIRouter(tags=["versions"], dependencies=[STRICT, OWN_SITE])
_log = logging.getLogger("api")
Reason = Annotated[str, Field(min_length=1, max_length=2_000)]


class Publication(BaseModel):
    """What a version is published with: its message, and reasons by rule for errors that may stand."""

    model_config = ConfigDict(extra="forbid")

    message: Reason
    waivers: dict[str, Reason] = {}


@router.post("/changesets/{changeset_id}/check")
def check(service: ServiceDep, changeset_id: ChangesetId) -> Response:
    """Check a changeset by the rules; its findings are those of before no more."""
    apart.check(service.database.url, _read(service, changeset_id)["changeset_id"])
    return as_json(_read(service, changeset_id))


@router.post("/changesets/{changeset_id}/submit")
def submit(service: ServiceDep, actor: ActorDep, changeset_id: ChangesetId) -> Response:
    """Hand a changeset to a reviewer; a draft is checked first."""
    checked(service, changeset_id)
    changesets.submit(service.database, changeset_id, actor=actor)
    return as_json(_read(service, changeset_id))


@router.post("/changesets/{changeset_id}/approve")
def approve(service: ServiceDep, actor: ActorDep, changeset_id: ChangesetId) -> Response:
    """Approve what somebody else submitted."""
    changesets.approve(service.database, changeset_id, reviewer=actor)
    return as_json(_read(service, changeset_id))


@router.post("/changesets/{changeset_id}/reject")
def reject(service: ServiceDep, actor: ActorDep, changeset_id: ChangesetId) -> Response:
    """Turn down somebody else's changeset."""
    changesets.reject(service.database, changeset_id, reviewer=actor)
    return as_json(_read(service, changeset_id))


@router.post("/changesets/{changeset_id}/discard")
def discard(service: ServiceDep, actor: ActorDep, changeset_id: ChangesetId) -> Response:
    """Delete an unpublished changeset; the log keeps who did and what it was."""
    changesets.discard(service.database, changeset_id, actor=actor)
    return as_json({"changeset_id": changeset_id, "state": "discarded"})


@router.post("/changesets/{changeset_id}/revert")
def revert(service: ServiceDep, actor: ActorDep, changeset_id: ChangesetId) -> Response:
    """Open a draft changeset that undoes a published one; the answer is that draft."""
    return as_json(_read(service, changesets.revert(service.database, changeset_id, author=actor)))


@router.post("/changesets/{changeset_id}/publish")
def publish(service: ServiceDep, actor: ActorDep, changeset_id: ChangesetId, given: Publication) -> Response:
    """Make a changeset the next version of the map; a draft is checked first."""
    before = publish_as(service, actor, changeset_id, given.message, given.waivers)
    return as_json(_read(service, changeset_id) | {"was_published_already": before.version is not None})


def publish_as(service: Service, actor: str, changeset_id: int, message: str, waivers: dict[str, str]) -> Changeset:
    """Publish a changeset in somebody's name; the changeset as it was before."""
    before = checked(service, changeset_id)
    changesets.publish(
        service.database,
        changeset_id,
        message=message,
        author=actor,
        waivers=waivers,
        require_approval=service.settings.require_approval,
    )
    try:
        refresh_stores(service.database, service.settings.shift_key_path)
    except PipemapError:
        # It is published; the copies for other agencies stay at an older version until `pipemap share refresh`.
        _log.exception("copies for other agencies were not refreshed")
    return before


def checked(service: Service, changeset_id: int) -> Changeset:
    """The changeset as it was; a draft is checked."""
    with service.reading() as connection:
        changeset = changesets.get_changeset(connection, changeset_id)
    if changeset.state == "draft":
        apart.check(service.database.url, changeset_id)
    return changeset


def _read(service: Service, changeset_id: int) -> dict[str, Any]:
    with service.reading() as connection:
        return vars(changesets.get_changeset(connection, changeset_id))
