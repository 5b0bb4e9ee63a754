"""Sessions of an agency's people: its key, given once to the page of the map, or an identity that stands for one.

A session holds the hash of it and nothing of what the key opens: that is asked anew at each look, so that what is
revoked or has expired opens nothing any more, whoever is signed in with it. Like the key itself it is of one agreement.
"""

import secrets

from pipemap.db import Database
from pipemap.sharing import audit
from pipemap.sharing.agreements import hash_key
from pipemap.sharing.ended_sessions import EndedSessions
from pipemap.sharing.granted import Grant, UnknownKeyError, grant_of, refusals_on_record
from pipemap.sharing.sealed import Seals

SESSION_S = 8 * 3600
_PURPOSE = "key session"


class KeySessions:
    """Those of one service."""

    def __init__(self, database: Database, seals: Seals, ended: EndedSessions) -> None:
        self._database, self._seals, self._ended = database, seals, ended

    def begin(self, key: str) -> str:
        """A session for who holds a key that is in force, on record; UnknownKeyError, on record, for any other."""
        return self.begin_as(hash_key(key))

    def begin_as(self, key_sha256: str) -> str:
        """The same by the hash of a key, or of an identity that somebody has proven."""
        with refusals_on_record(self._database, key_sha256, {"question": "sign-in"}):
            grant = self._grant(key_sha256)
        audit.look(self._database, grant, key_sha256, "share.sign-in", {})
        held = {"id": secrets.token_urlsafe(16), "key_sha256": key_sha256}
        return self._seals.sealed(_PURPOSE, held, SESSION_S)

    def key_sha256(self, session: str) -> str | None:
        """The hash of the key that a session is of; None when it does not hold any more, or never did."""
        held = self._seals.opened(_PURPOSE, session)
        return None if held is None or held["id"] in self._ended else str(held["key_sha256"])

    def end(self, session: str) -> None:
        """Let a session hold no more, whichever process is shown it and wherever a copy of it is kept."""
        held, key_sha256 = self._seals.opened(_PURPOSE, session), self.key_sha256(session)
        if held is None or key_sha256 is None:
            return
        self._ended.end(held["id"], held["exp"])
        try:
            grant = self._grant(key_sha256)
        except UnknownKeyError:
            return
        audit.look(self._database, grant, key_sha256, "share.sign-out", {})

    def _grant(self, key_sha256: str) -> Grant:
        with self._database.transaction(read_only=True) as connection:
            return grant_of(connection, key_sha256)
