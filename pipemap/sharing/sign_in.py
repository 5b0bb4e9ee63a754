"""Signing people in by a browser: OpenID Connect's authorization code flow with PKCE, and the session of staff.

Nothing is kept between: what was asked for goes along in a sealed cookie and is held against what comes back, once. A
session is a sealed cookie too, of bounded life; its subject and name are those that a bearer token would prove.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr

from pipemap.errors import SourceError, UsageError
from pipemap.settings import Settings
from pipemap.sharing.ended_sessions import EndedSessions
from pipemap.sharing.granted import UnknownKeyError
from pipemap.sharing.identity import Presented, Verifier
from pipemap.sharing.provider import Provider, SignInError, is_safe
from pipemap.sharing.sealed import Seals

SESSION_S = 8 * 3600
ASKING_S = 600
_LONGEST_PATH = 1_500


@dataclass(frozen=True)
class Begun:
    """Where a browser goes to sign in, and the sealed note of what was asked that it keeps meanwhile."""

    address: str
    note: str


@dataclass(frozen=True)
class SignedIn:
    """Who signed in, one of the staff or of whoever may be an agency, and the page to go on with."""

    who: Presented
    path: str


class SignIn:
    """Signs people in at one provider, for a service at one address."""

    def __init__(
        self, provider: Provider, verifier: Verifier, public_url: str, seals: Seals, ended: EndedSessions
    ) -> None:
        self.public_url = public_url.rstrip("/")
        self._provider, self._seals = provider, seals
        # An identity token is meant for us by our client's name (OpenID Connect Core 1.0, 3.1.3.7).
        self._verifier = replace(verifier, audience=provider.client_id)
        self._ended = ended

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the service encrypted, so that its cookies go no other way."""
        return self.public_url.startswith("https://")

    def begin(self, path: str) -> Begun:
        """Send a browser to sign in, to come back to a page of ours."""
        asked = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        challenge = base64.urlsafe_b64encode(hashlib.sha256(asked["verifier"].encode()).digest()).rstrip(b"=").decode()
        parameters = {
            "response_type": "code",
            "client_id": self._provider.client_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid profile",
            "state": asked["state"],
            "nonce": asked["nonce"],
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        note = self._seals.sealed("asking", asked | {"path": own_path(path)}, ASKING_S)
        return Begun(self._provider.address(parameters), note)

    def finish(self, note: str, came: Mapping[str, str]) -> SignedIn:
        """Who came back with what the provider gave; SignInError unless all of it belongs to what was asked."""
        asked = self._seals.opened("asking", note)
        if asked is None or not _same(came.get("state", ""), asked["state"]):
            raise SignInError(
                "This is not the end of a sign-in that this browser began within ten minutes. Begin again.",
                message_zh="该登录请求不是由本浏览器在十分钟内发起的，请重新登录。",
            )
        if came.get("iss", self._provider.issuer) != self._provider.issuer:
            raise _refused("another provider answered", "应答来自其他认证服务")
        code = came.get("code")
        if not code or "error" in came:
            raise _refused("the provider signed nobody in", "认证服务未完成登录")
        token = self._provider.id_token(code, asked["verifier"], self._redirect_uri)
        return self._welcome(token, asked)

    def session(self, actor: str) -> str:
        """A sealed session for one of the staff."""
        held = {"id": secrets.token_urlsafe(16), "actor": actor, "of": self._of}
        return self._seals.sealed("session", held, SESSION_S)

    def actor(self, session: str) -> str | None:
        """Who of the staff a sealed session is of; None when it does not hold any more, or never did."""
        held = self._seals.opened("session", session)
        if held is None or str(held.get("id")) in self._ended or held.get("of") != self._of:
            return None
        return str(held["actor"])

    def end(self, session: str) -> None:
        """Let a session hold no more, whichever process is shown it and wherever a copy of it is kept."""
        held = self._seals.opened("session", session)
        if held is not None:
            self._ended.end(held["id"], held["exp"])

    @property
    def _redirect_uri(self) -> str:
        return f"{self.public_url}/sign-in/back"

    @property
    def _of(self) -> str:
        """What a session is of: none outlives a change of provider or client."""
        return f"{self._provider.issuer} {self._provider.client_id}"

    def _welcome(self, token: str, asked: Mapping[str, Any]) -> SignedIn:
        try:
            claims, presented = self._verifier.read_claims(token)
        except UnknownKeyError as error:
            raise _refused("the identity token does not hold", "身份令牌无效") from error
        if not _same(claims.get("nonce"), asked["nonce"]):
            raise _refused("the identity token answers another request", "身份令牌与本次登录不符")
        is_ours_alone = isinstance(claims["aud"], str) or len(claims["aud"]) == 1
        if claims.get("azp", self._provider.client_id if is_ours_alone else None) != self._provider.client_id:
            raise _refused("the identity token was given to another", "身份令牌颁发给了其他应用")
        return SignedIn(presented, str(asked["path"]))


def own_path(path: str) -> str:
    """A page of ours that may be gone on with; the map for everything that could lead a browser elsewhere."""
    is_plain = path.isascii() and path.isprintable() and " " not in path and "\\" not in path
    if len(path) > _LONGEST_PATH or not is_plain or not path.startswith("/") or path.startswith("//"):
        return "/"
    try:
        parts = urlsplit(path)
    except ValueError:
        return "/"
    return "/" if parts.scheme or parts.netloc else path


def read_sign_in(settings: Settings, verifier: Verifier | None, seals: Seals, ended: EndedSessions) -> SignIn | None:
    """As the settings describe it; None when they name no client. UsageError when they are not whole."""
    if settings.oidc_client_id is None:
        return None
    if verifier is None or verifier.staff_role is None:
        raise UsageError("PIPEMAP_OIDC_CLIENT_ID needs PIPEMAP_OIDC_ISSUER and PIPEMAP_OIDC_STAFF beside it.")
    if settings.public_url is None or not is_safe(settings.public_url):
        raise UsageError("PIPEMAP_OIDC_CLIENT_ID needs PIPEMAP_PUBLIC_URL beside it, an https address.")
    provider = Provider(verifier.issuer, settings.oidc_client_id, _client_secret(settings))
    return SignIn(provider, verifier, settings.public_url, seals, ended)


def _client_secret(settings: Settings) -> SecretStr | None:
    if settings.oidc_client_secret_file is None:
        return settings.oidc_client_secret
    try:
        return SecretStr(settings.oidc_client_secret_file.read_text(encoding="utf-8").strip())
    except (OSError, ValueError) as error:
        raise SourceError("The file that PIPEMAP_OIDC_CLIENT_SECRET_FILE names cannot be read.") from error


def _same(given: object, expected: object) -> bool:
    return (
        isinstance(given, str) and isinstance(expected, str) and hmac.compare_digest(given.encode(), expected.encode())
    )


def _refused(why: str, why_zh: str) -> SignInError:
    return SignInError(f"You are not signed in: {why}.", message_zh=f"登录未成功：{why_zh}。")
