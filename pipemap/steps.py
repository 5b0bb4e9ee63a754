"""Who did what with a changeset and when: each step stands in the audit log from the moment that it holds.

Opening and checking stand with the changeset itself; when it is discarded, what is known of it goes into the log.
"""

from datetime import datetime
from typing import Any

from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.errors import NotFoundError
from pipemap.sharing import audit
from pipemap.sql import queries

STEPS = ("submit", "approve", "reject", "rebase", "discard")
_ACTION = "changeset."
_PUBLISH = "publish"
# What a discarded changeset is remembered by.
_KEPT = ("title", "kind", "author", "created_at")


def note_step(connection: Connection, changeset_id: int, step: str, actor: str, **more: Any) -> None:
    """Put a step on record in the transaction that takes it."""
    audit.record(connection, actor, _ACTION + step, {"changeset_id": changeset_id} | more)


def note_discard(connection: Connection, changeset: dict[str, Any], actor: str) -> None:
    """Put on record that a changeset goes, and what it was."""
    kept = {name: str(changeset[name]) for name in _KEPT}
    note_step(connection, changeset["changeset_id"], "discard", actor, state=changeset["state"], **kept)


def steps_of(connection: Connection, changeset_id: int) -> list[dict[str, Any]]:
    """`at`, `step`, `actor` and `details` of every step, oldest first, also of a discarded changeset.

    A step is open, check, submit, approve, reject, rebase, publish or discard; no person stands behind a check.
    NotFoundError when there never was such a changeset.
    """
    named = {"changeset_id": changeset_id}
    actions = [_PUBLISH, *(_ACTION + step for step in STEPS)]
    entries = fetch_all(connection, queries("changesets")["steps"], named | {"actions": actions})
    noted = [entry | {"step": entry["step"].removeprefix(_ACTION)} for entry in entries]
    begun = _begun(fetch_one(connection, queries("changesets")["begun"], named), noted)
    if not begun:
        raise NotFoundError(
            f"There is no changeset {changeset_id}; `pipemap changesets` lists them.",
            message_zh=f"没有变更集 {changeset_id}。",
        )
    return sorted(begun + noted, key=lambda step: step["at"])


def _begun(changeset: dict[str, Any] | None, noted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Opening and checking, by the changeset or by what its end tells of it."""
    if changeset is None:
        return [_opened(one["details"]) for one in noted if one["step"] == "discard"]
    checked = {"at": changeset["checked_at"], "step": "check", "actor": None, "details": {}}
    return [_opened(changeset)] + ([checked] if changeset["checked_at"] else [])


def _opened(told: dict[str, Any]) -> dict[str, Any]:
    details = {"title": told["title"], "kind": told["kind"]}
    return {
        "at": datetime.fromisoformat(str(told["created_at"])),
        "step": "open",
        "actor": told["author"],
        "details": details,
    }
