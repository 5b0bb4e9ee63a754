"""Identities of an OIDC provider: a signed token tells who asks; it stands for a key, or for one of the staff.

The algorithms are pinned, and the key is one of the configured set, read at start and every five minutes: nothing in a
token says where a key is to be fetched from. An identity is known as SHA-256 of `oidc:<issuer>|<subject>`, registered
beside the keys of an agreement, so that everything behind the door treats it as a key. A token whose claims have the
role that the settings name is one of staff and never a key, any other is never one of staff.
"""

import json
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from pipemap.actors import proven
from pipemap.db import Connection, fetch_one
from pipemap.errors import SourceError, UsageError
from pipemap.settings import Settings
from pipemap.sharing import audit
from pipemap.sharing.agreements import add_key, hash_key
from pipemap.sharing.granted import UnknownKeyError
from pipemap.sql import queries

_log = logging.getLogger("pipemap.sharing.identity")
ALGORITHMS = ("RS256", "ES256")
LEEWAY_S = 60
_LONGEST_TOKEN = 8_192
_LARGEST_SET = 1 << 20
_SMALLEST_RSA_BITS = 2_048
_FETCH_TIMEOUT_S = 10
# How old the keys may be that a token is held to, and how long it waits for newer ones.
_FRESH_S = 300.0
_PATIENCE_S = 1.0
_PRIVATE_OR_SYMMETRIC = {"d", "k", "p", "q"}


@dataclass(frozen=True)
class Presented:
    """Who asks: an agency by the SHA-256 of its key or identity, one of the staff by the actor, or nobody known."""

    key_sha256: str | None = None
    staff: str | None = None


@dataclass(frozen=True)
class StaffRole:
    """A value that a claim has, or has among its strings; the claim is named by its path from the top."""

    path: tuple[str, ...]
    value: str

    def is_in(self, claims: Mapping[str, Any]) -> bool:
        """Whether these claims have it, letter for letter."""
        found: Any = claims
        for name in self.path:
            found = found.get(name) if isinstance(found, dict) else None
        return self.value in found if isinstance(found, list) else isinstance(found, str) and found == self.value


class PublicKeys:
    """The public keys at a source, read at start and again when they are old; those before hold where that fails.

    Raises SourceError at start when they cannot be read.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._keys, self._read_at_s = read_keys(source), time.monotonic()
        self._reading = threading.Lock()

    def now(self) -> KeySet:
        """The keys that are known; old ones only where newer ones are long in coming."""
        if time.monotonic() - self._read_at_s > _FRESH_S and self._reading.acquire(blocking=False):
            reader = threading.Thread(target=self._read_again, daemon=True)
            reader.start()
            reader.join(_PATIENCE_S)
        return self._keys

    def _read_again(self) -> None:
        try:
            self._keys = read_keys(self._source)
        except SourceError as error:
            _log.warning("%s The keys read before stay in force.", error)
        finally:
            self._read_at_s = time.monotonic()
            self._reading.release()


@dataclass(frozen=True)
class Verifier:
    """What a token is held to: the issuer and audience it must name, and the public keys that may have signed it."""

    issuer: str
    audience: str
    keys: PublicKeys
    staff_role: StaffRole | None = None

    def read(self, token: str) -> Presented:
        """Whose token it is; UnknownKeyError alike for every token that does not hold."""
        return self.read_claims(token)[1]

    def read_claims(self, token: str) -> tuple[dict[str, Any], Presented]:
        """What a token claims, and whose it is; likewise."""
        claims = self._claims(token)
        if self.staff_role is None or not self.staff_role.is_in(claims):
            return claims, Presented(key_sha256=identity_sha256(self.issuer, claims["sub"]))
        try:
            return claims, Presented(staff=proven(claims["sub"], _name_of(claims)))
        except UsageError as error:
            raise UnknownKeyError from error

    def _claims(self, token: str) -> dict[str, Any]:
        if len(token) > _LONGEST_TOKEN or not token.isascii():
            raise UnknownKeyError
        try:
            claims = jwt.decode(token, self.keys.now(), algorithms=ALGORITHMS).claims
            self._registry().validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise UnknownKeyError from error
        if not isinstance(claims["sub"], str):
            raise UnknownKeyError
        return dict(claims)

    def _registry(self) -> jwt.JWTClaimsRegistry:
        return jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self.audience},
            exp={"essential": True},
            sub={"essential": True},
        )


def identity_sha256(issuer: str, subject: str) -> str:
    """SHA-256 in hex under which an identity stands among the keys."""
    return hash_key(f"oidc:{issuer}|{subject}")


def is_token(text: str) -> bool:
    """Whether a bearer's text has the shape of a signed token."""
    return text.count(".") == 2


def read_verifier(settings: Settings) -> Verifier | None:
    """The verifier that the settings describe; None when they name no issuer.

    Raises UsageError when the settings are not whole, SourceError when the key set cannot be read.
    """
    if settings.oidc_issuer is None:
        if settings.oidc_staff is not None:
            raise UsageError("PIPEMAP_OIDC_STAFF needs PIPEMAP_OIDC_ISSUER beside it.")
        return None
    if settings.oidc_audience is None or settings.oidc_jwks is None:
        raise UsageError("PIPEMAP_OIDC_ISSUER needs PIPEMAP_OIDC_AUDIENCE and PIPEMAP_OIDC_JWKS beside it.")
    role = None if settings.oidc_staff is None else read_role(settings.oidc_staff)
    return Verifier(settings.oidc_issuer, settings.oidc_audience, PublicKeys(settings.oidc_jwks), role)


def read_role(text: str) -> StaffRole:
    """The role that `claim=value` means: dots lead into a claim, but in the name of one that is an address."""
    claim, equals, value = (part.strip() for part in text.partition("="))
    path = (claim,) if "://" in claim else tuple(claim.split("."))
    if not (equals and value and all(path)):
        raise UsageError(
            f"PIPEMAP_OIDC_STAFF is a claim and its value, as realm_access.roles=pipemap-staff; not {text}."
        )
    return StaffRole(path, value)


def read_keys(source: str) -> KeySet:
    """Public keys of a JWKS, from a file or an https address; private, symmetric and weak ones are refused."""
    try:
        document = json.loads(_fetched(source) if "://" in source else Path(source).read_bytes())
        keys: list[Key] = [_public_key(entry) for entry in document["keys"]]
    except (OSError, URLError, ValueError, KeyError, TypeError, JoseError) as error:
        raise SourceError(f"{source} cannot be read as a set of public keys (JWKS).") from error
    if not keys:
        raise SourceError(f"{source} holds no key.")
    return KeySet(keys)


def register(connection: Connection, agreement_id: int, issuer: str, subject: str, actor: str) -> str:
    """Let an identity use an agreement in force; returns the digest it stands under, by which it is revoked."""
    if not subject.strip():
        raise UsageError("An identity has a subject.")
    digest = identity_sha256(issuer, subject)
    known = fetch_one(connection, queries("sharing")["why_refused"], {"key_sha256": digest})
    if known is not None:
        raise UsageError(f"This identity stands for agreement {known['agreement_id']} already.")
    add_key(connection, agreement_id, digest)
    told = {"agreement_id": agreement_id, "key_sha256": digest, "issuer": issuer, "subject": subject}
    audit.record(connection, actor, "share.identity", told)
    return digest


def _name_of(claims: Mapping[str, Any]) -> str | None:
    names = (claims.get("name"), claims.get("preferred_username"))
    return next((name for name in names if isinstance(name, str) and name.strip()), None)


def _fetched(address: str) -> bytes:
    if not address.startswith("https://"):
        raise ValueError(address)
    with urlopen(address, timeout=_FETCH_TIMEOUT_S) as answer:
        return bytes(answer.read(_LARGEST_SET))


def _public_key(entry: dict[str, Any]) -> RSAKey | ECKey:
    if _PRIVATE_OR_SYMMETRIC & set(entry):
        raise ValueError("not a public key")
    if entry["kty"] == "EC" and entry["crv"] == "P-256":
        return ECKey.import_key(entry)
    key = RSAKey.import_key(entry)
    if key.raw_value.key_size < _SMALLEST_RSA_BITS:
        raise ValueError("too short a key")
    return key
