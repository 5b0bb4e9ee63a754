"""Webhooks over HTTP: registered by an agency, approved by staff, listed with what was told."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from api.deps import OWN_SITE, STAFF, STRICT, ActorDep, AskerDep, KeyDep, LimitParam, OffsetParam, ServiceDep
from api.features import as_json
from pipemap.sharing import hooks
from pipemap.sharing.granted import grant_of
from pipemap.sharing.hooks import Sender
from pipemap.sharing.posting import HookPolicy

router = APIRouter(tags=["sharing"], dependencies=[STRICT, OWN_SITE])
HookId = Annotated[int, Path(ge=1, lt=2**31)]


class HookToRegister(BaseModel):
    """Where to be told."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, Field(max_length=2_000, description="https address of a host that the data manager allows")]


def agreement_of(service: ServiceDep, asker: AskerDep) -> int | None:
    """Whose hooks are meant: those of the key's agreement; None for staff."""
    if asker is None:
        return None
    with service.reading() as connection:
        return grant_of(connection, asker).agreement_id


AgreementDep = Annotated[int | None, Depends(agreement_of)]


@router.post("/hooks", status_code=201)
def register(service: ServiceDep, key: KeyDep, asked: HookToRegister) -> Response:
    """Name an address that is told of changes; the secret of its signatures is shown this once."""
    made = hooks.register(service.database, key, asked.url, Sender.of(service.settings))
    with service.reading() as connection:
        return as_json({**hooks.read_hook(connection, made.hook_id), "secret": made.secret}, 201)


@router.get("/hooks")
def list_hooks(
    service: ServiceDep, agreement_id: AgreementDep, limit: LimitParam = 100, offset: OffsetParam = 0
) -> Response:
    """The agreement's webhooks, or all of them for staff, each with its last message."""
    with service.reading() as connection:
        return as_json(hooks.list_hooks(connection, agreement_id, limit, offset))


@router.get("/hooks/{hook_id}/deliveries")
def list_deliveries(
    service: ServiceDep, agreement_id: AgreementDep, hook_id: HookId, limit: LimitParam = 100, offset: OffsetParam = 0
) -> Response:
    """Messages to a webhook, newest first: what was told, how often it was tried, and what was answered."""
    with service.reading() as connection:
        hooks.read_hook(connection, hook_id, agreement_id)
        return as_json(hooks.list_deliveries(connection, hook_id, limit, offset))


@router.post("/hooks/{hook_id}/approve", dependencies=[STAFF])
def approve(service: ServiceDep, actor: ActorDep, hook_id: HookId) -> Response:
    """Let messages go to a webhook, from the version that its agreement shows now."""
    with service.database.transaction() as connection:
        hooks.approve(connection, hook_id, actor, HookPolicy.of(service.settings))
        return as_json(hooks.read_hook(connection, hook_id))


@router.post("/hooks/{hook_id}/pause", dependencies=[STAFF])
def pause(service: ServiceDep, actor: ActorDep, hook_id: HookId) -> Response:
    """Tell a webhook nothing for now."""
    with service.database.transaction() as connection:
        hooks.pause(connection, hook_id, actor)
        return as_json(hooks.read_hook(connection, hook_id))


@router.post("/hooks/{hook_id}/resume", dependencies=[STAFF])
def resume(service: ServiceDep, actor: ActorDep, hook_id: HookId) -> Response:
    """Go on with a paused webhook, which is told of all there was meanwhile."""
    with service.database.transaction() as connection:
        hooks.resume(connection, hook_id, actor, HookPolicy.of(service.settings))
        return as_json(hooks.read_hook(connection, hook_id))


@router.post("/hooks/{hook_id}/again", dependencies=[STAFF])
def send_again(service: ServiceDep, actor: ActorDep, hook_id: HookId) -> Response:
    """Send the last message again within a minute; a webhook that had ended goes on from there."""
    with service.database.transaction() as connection:
        hooks.send_again(connection, hook_id, actor, HookPolicy.of(service.settings))
        return as_json(hooks.read_hook(connection, hook_id))


@router.delete("/hooks/{hook_id}")
def end(service: ServiceDep, agreement_id: AgreementDep, actor: ActorDep, hook_id: HookId) -> Response:
    """End a webhook."""
    with service.database.transaction() as connection:
        who = actor if agreement_id is None else f"agreement {agreement_id}"
        hooks.end(connection, hook_id, who, agreement_id)
        return as_json(hooks.read_hook(connection, hook_id))
