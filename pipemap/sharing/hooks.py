"""Webhooks: an agency's host is told that what its agreement shows has changed, and where to read the changes.

A message says of which agreement and between which versions, and how many changes; no feature. It is signed as
Standard Webhooks 1.0.0 has it: HMAC-SHA256 over `id.timestamp.body`. Whose part did not change hears nothing. A hook
has one message at a time: what is published while it is retried is told by the next.
"""

import base64
import hmac
import logging
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from pipemap.db import Connection, Database, count_alone, fetch_all, fetch_one
from pipemap.errors import ConflictError, NotFoundError, PipemapError, RejectedError
from pipemap.settings import Settings
from pipemap.sharing import audit
from pipemap.sharing.feed import ChangesRequest, count_changes
from pipemap.sharing.granted import grant_of
from pipemap.sharing.posting import HookPolicy, post
from pipemap.sharing.secret import local_secret
from pipemap.sql import queries

SECRET_PREFIX = "whsec_"
# Waits between attempts; after the last of them the hook has ended.
RETRY_AFTER_S = (60, 300, 900, 3_600, 14_400, 43_200, 86_400)
_LIMIT_S = 10.0
_AT_ONCE = 4
_MOST_HOOKS = 5
_GONE = 410
_log = logging.getLogger("pipemap.sharing.hooks")


@dataclass(frozen=True)
class Sender:
    """What messages are sent with: the file with the machine's secret, who may be posted to, our own address."""

    key_file: Path
    policy: HookPolicy
    public_url: str | None = None
    limit_s: float = _LIMIT_S

    @classmethod
    def of(cls, settings: Settings) -> "Sender":
        """As the settings of this machine have it."""
        return cls(settings.hook_key_path, HookPolicy.of(settings), settings.public_url)


@dataclass(frozen=True)
class NewHook:
    """A hook as it is registered; the secret is shown this once."""

    hook_id: int
    secret: str


@dataclass(frozen=True)
class _Hook:
    hook_id: int
    agreement_id: int
    agency: str
    purpose: str
    url: str
    salt: str
    version: int
    key_sha256: str


def register(database: Database, key_sha256: str, url: str, sender: Sender) -> NewHook:
    """Write in where the agency behind a key wants to be told; nothing is sent until the data manager approves it.

    Raises UnknownKeyError, UsageError for an address that may not be posted to, ConflictError when there are many.
    """
    sender.policy.parsed(url)
    salt = secrets.token_hex(16)
    with database.transaction() as connection:
        grant = grant_of(connection, key_sha256)
        named = {"agreement_id": grant.agreement_id, "key_sha256": key_sha256, "url": url, "salt": salt}
        count_alone(connection, f"webhooks of {grant.agreement_id}")
        living = fetch_one(connection, queries("hooks")["living"], named)
        if living is not None and living["count"] >= _MOST_HOOKS:
            raise ConflictError(f"An agreement has at most {_MOST_HOOKS} webhooks; end one first.")
        row = fetch_one(connection, queries("hooks")["add_hook"], named)
    assert row is not None
    hook_id = int(row["hook_id"])
    audit.look(database, grant, key_sha256, "share.hook.register", {"hook_id": hook_id, "url": url})
    return NewHook(hook_id, SECRET_PREFIX + base64.b64encode(_secret(sender.key_file, hook_id, salt)).decode())


def approve(connection: Connection, hook_id: int, actor: str, policy: HookPolicy) -> None:
    """Let a hook be told of what comes after the version its agreement shows now; one that has ended lives again.

    Raises NotFoundError, UsageError for an address that may not be posted to, UnknownKeyError when its key is gone.
    """
    hook = _locked(connection, hook_id)
    policy.parsed(hook["url"])
    version = grant_of(connection, hook["key_hex"]).version
    named = {"hook_id": hook_id, "version": version, "actor": actor}
    connection.execute(queries("hooks")["approve_hook"], named)
    audit.record(connection, actor, "share.hook.approve", {"hook_id": hook_id, "url": hook["url"]})


def pause(connection: Connection, hook_id: int, actor: str) -> None:
    """Tell an approved hook nothing for now; RejectedError for any other."""
    _demand_state(_locked(connection, hook_id), "approved")
    connection.execute(queries("hooks")["move_hook"], {"hook_id": hook_id, "state": "paused"})
    audit.record(connection, actor, "share.hook.pause", {"hook_id": hook_id})


def resume(connection: Connection, hook_id: int, actor: str, policy: HookPolicy) -> None:
    """Go on with a paused hook: it is told of all there was meanwhile; RejectedError for any other."""
    hook = _locked(connection, hook_id)
    _demand_state(hook, "paused")
    policy.parsed(hook["url"])
    connection.execute(queries("hooks")["move_hook"], {"hook_id": hook_id, "state": "approved"})
    audit.record(connection, actor, "share.hook.resume", {"hook_id": hook_id})


def send_again(connection: Connection, hook_id: int, actor: str, policy: HookPolicy) -> None:
    """Send the last message again, under its number; a hook that ended goes on from there.

    Raises NotFoundError without a message, RejectedError for a hook that is paused or waits for its approval,
    UnknownKeyError when its key is gone.
    """
    hook = _locked(connection, hook_id)
    _demand_state(hook, "approved", "ended")
    policy.parsed(hook["url"])
    grant_of(connection, hook["key_hex"])
    row = fetch_one(connection, queries("hooks")["again"], {"hook_id": hook_id})
    if row is None:
        raise NotFoundError(f"Webhook {hook_id} was told nothing yet.", message_zh=f"回调 {hook_id} 尚无通知。")
    connection.execute(queries("hooks")["move_hook"], {"hook_id": hook_id, "state": "approved"})
    audit.record(connection, actor, "share.hook.again", {"hook_id": hook_id, "delivery_id": row["delivery_id"]})


def end(connection: Connection, hook_id: int, actor: str, agreement_id: int | None = None) -> None:
    """End a hook; of another agreement than the one named it is answered as absent."""
    read_hook(connection, hook_id, agreement_id)
    if fetch_one(connection, queries("hooks")["end_hook"], {"hook_id": hook_id, "reason": f"ended by {actor}"}):
        audit.record(connection, actor, "share.hook.end", {"hook_id": hook_id})


def list_hooks(
    connection: Connection, agreement_id: int | None = None, limit: int = 100, offset: int = 0
) -> list[DictRow]:
    """Hooks with their last message, newest first."""
    wanted = {"agreement_id": agreement_id, "hook_id": None, "limit": limit, "offset": offset}
    return fetch_all(connection, queries("hooks")["hooks"], wanted)


def read_hook(connection: Connection, hook_id: int, agreement_id: int | None = None) -> DictRow:
    """One hook; NotFoundError alike for another agreement's and for none."""
    wanted = {"agreement_id": agreement_id, "hook_id": hook_id, "limit": 1, "offset": 0}
    row = fetch_one(connection, queries("hooks")["hooks"], wanted)
    if row is None:
        raise NotFoundError(f"There is no webhook {hook_id}.")
    return row


def list_deliveries(connection: Connection, hook_id: int, limit: int = 100, offset: int = 0) -> list[DictRow]:
    """Messages to a hook, newest first."""
    return fetch_all(connection, queries("hooks")["deliveries"], {"hook_id": hook_id, "limit": limit, "offset": offset})


def tell(database: Database, sender: Sender) -> None:
    """Send every message that is due, with those that a publish has made due; a fault of one hook stops no other."""
    with database.transaction(read_only=True) as connection:
        due = [_Hook(**row) for row in fetch_all(connection, queries("hooks")["due"], {"hook_id": None})]
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(lambda hook: _tell(database, hook, sender), due))


def signature(secret: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature` of a message."""
    signed = hmac.digest(secret, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return "v1," + base64.b64encode(signed).decode()


def _tell(database: Database, hook: _Hook, sender: Sender) -> None:
    try:
        delivery = _waiting(database, hook) or _made(database, hook)
        # Others were told meanwhile, which takes its time.
        if delivery is not None and _is_still_due(database, hook):
            _send(database, hook, delivery, sender)
    except PipemapError as error:
        _log.warning("webhook %s was not told: %s", hook.hook_id, error.message)


def _is_still_due(database: Database, hook: _Hook) -> bool:
    with database.transaction(read_only=True) as connection:
        return fetch_one(connection, queries("hooks")["due"], {"hook_id": hook.hook_id}) is not None


def _waiting(database: Database, hook: _Hook) -> DictRow | None:
    with database.transaction(read_only=True) as connection:
        return fetch_one(connection, queries("hooks")["waiting"], {"hook_id": hook.hook_id})


def _made(database: Database, hook: _Hook) -> DictRow | None:
    """A new message when there are changes for it to tell; without any the hook is up to date."""
    counted = count_changes(database, hook.key_sha256, ChangesRequest(hook.version))
    values: dict[str, Any] = {"hook_id": hook.hook_id, "since": hook.version, "until": counted.version}
    with database.transaction() as connection:
        if not any(counted.counts.values()):
            connection.execute(queries("hooks")["told"], {"hook_id": hook.hook_id, "version": counted.version})
            return None
        values |= {"permission": counted.permission, "counts": Jsonb(counted.counts)}
        return fetch_one(connection, queries("hooks")["add_delivery"], values)


def _send(database: Database, hook: _Hook, delivery: Mapping[str, Any], sender: Sender) -> None:
    """One attempt, on record with what came of it."""
    status, fault, fault_zh = None, None, None
    body = _body(hook, delivery, sender.public_url)
    headers = _headers(delivery["message_id"], body, _secret(sender.key_file, hook.hook_id, hook.salt))
    try:
        status = post(hook.url, headers, body, sender.policy, sender.limit_s)
        if not 200 <= status < 300:
            fault, fault_zh = f"It answered {status}.", f"对方返回 {status}。"
    except PipemapError as error:
        fault, fault_zh = error.told("en"), error.told("zh")
    told = {name: delivery[name] for name in ("delivery_id", "since", "until", "counts")}
    told |= {"hook_id": hook.hook_id, "url": hook.url, "attempt": delivery["attempts"] + 1}
    audit.look(database, hook, hook.key_sha256, "share.hook", told | {"status": status, "fault": fault})
    _close(database, hook, delivery, {"status": status, "fault": fault, "fault_zh": fault_zh})


def _close(database: Database, hook: _Hook, delivery: Mapping[str, Any], came: Mapping[str, Any]) -> None:
    status, fault = came["status"], came["fault"]
    is_last = delivery["attempts"] >= len(RETRY_AFTER_S) or status == _GONE
    state = "delivered" if fault is None else "failed" if is_last else "waiting"
    wait_s = RETRY_AFTER_S[delivery["attempts"]] if state == "waiting" else 0
    values = {"delivery_id": delivery["delivery_id"], "state": state, **came}
    with database.transaction() as connection:
        # In the order in which it is ended.
        _locked(connection, hook.hook_id)
        before = fetch_one(connection, queries("hooks")["attempted"], values | {"wait_s": wait_s})
        if state == "delivered":
            connection.execute(queries("hooks")["told"], {"hook_id": hook.hook_id, "version": delivery["until"]})
        if state == "failed" and before is not None and before["is_waited_for"]:
            connection.execute(queries("hooks")["end_hook"], {"hook_id": hook.hook_id, "reason": fault})


def _body(hook: _Hook, delivery: Mapping[str, Any], public_url: str | None) -> bytes:
    data = {name: delivery[name] for name in ("since", "until", "permission", "counts")}
    link = f"{(public_url or '').rstrip('/')}/share/changes?since={delivery['since']}"
    return orjson.dumps(
        {
            "type": "changes",
            "timestamp": delivery["created_at"],
            "data": {"agreement_id": hook.agreement_id, **data, "link": link},
        }
    )


def _headers(message_id: UUID, body: bytes, secret: bytes) -> dict[str, str]:
    name, now = f"msg_{message_id}", int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": "pipemap",
        "webhook-id": name,
        "webhook-timestamp": str(now),
        "webhook-signature": signature(secret, name, now, body),
    }


def _secret(key_file: Path, hook_id: int, salt: str) -> bytes:
    """A hook's secret: made of this machine's own and what the database knows, so that neither alone gives it away."""
    return hmac.digest(local_secret(key_file), f"pipemap webhook {hook_id} {salt}".encode(), "sha256")


def _demand_state(hook: DictRow, *allowed: str) -> None:
    if hook["state"] not in allowed:
        raise RejectedError(
            f"Webhook {hook['hook_id']} is {hook['state']}; this needs one that is {' or '.join(allowed)}.",
            message_zh=f"回调 {hook['hook_id']} 当前状态不允许此操作。",
        )


def _locked(connection: Connection, hook_id: int) -> DictRow:
    row = fetch_one(connection, queries("hooks")["lock_hook"], {"hook_id": hook_id})
    if row is None:
        raise NotFoundError(f"There is no webhook {hook_id}.")
    return row
