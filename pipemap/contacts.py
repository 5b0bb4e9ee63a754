"""Whom to call about the pipes of an owner."""

from collections.abc import Iterable

from pipemap.db import Connection, fetch_all
from pipemap.errors import UsageError
from pipemap.sharing import audit
from pipemap.sql import queries

_LONGEST = 200


def all_telephones(connection: Connection) -> dict[str, str]:
    """Whom to call about the pipes of every owner that is on record."""
    return {row["owner"]: row["telephone"] for row in fetch_all(connection, queries("contacts")["all_contacts"])}


def telephones_of(connection: Connection, owners: Iterable[str]) -> dict[str, str]:
    """Whom to call about the pipes of some owners, as far as that is on record."""
    contacts = fetch_all(connection, queries("contacts")["contacts"], {"owners": sorted(owners)})
    return {row["owner"]: row["telephone"] for row in contacts}


def set_contact(connection: Connection, owner: str, telephone: str, actor: str) -> None:
    """Keep whom to call about an owner's pipes; `owner` as the map writes it."""
    for text in (owner, telephone):
        if not text.strip() or len(text) > _LONGEST or not text.isprintable():
            raise UsageError("An owner and a telephone number are one line each. 权属单位与电话各一行。")
    values = {"owner": owner.strip(), "telephone": telephone.strip()}
    connection.execute(queries("contacts")["set_contact"], values)
    audit.record(connection, actor, "share.contact", values)
