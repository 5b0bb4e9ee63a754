"""The OIDC provider as a browser is sent to it and as we ask it ourselves: where it is, and a token for a code."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from pydantic import SecretStr

from pipemap.errors import PermissionDeniedError

_TIMEOUT_S = 10.0
_LARGEST_ANSWER = 1 << 20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SignInError(PermissionDeniedError):
    """Nobody was signed in."""

    code = "sign-in"


@dataclass(frozen=True)
class Endpoints:
    """Where a provider lets people sign in, and where it gives tokens."""

    authorization: str
    token: str


class Provider:
    """One provider by its issuer; where its endpoints are is asked when first needed and kept."""

    def __init__(self, issuer: str, client_id: str, client_secret: SecretStr | None) -> None:
        self.issuer, self.client_id = issuer, client_id
        self._secret = client_secret
        self._endpoints: Endpoints | None = None
        self._lock = threading.Lock()

    def address(self, parameters: Mapping[str, str]) -> str:
        """Where a browser goes to sign in."""
        endpoint = self._found().authorization
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(parameters)}"

    def id_token(self, code: str, verifier: str, redirect_uri: str) -> str:
        """The identity token that a code stands for (RFC 6749, 4.1.3; RFC 7636, 4.5), not yet looked into."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        form |= {"code_verifier": verifier, "client_id": self.client_id}
        auth = None
        if self._secret is not None:
            # RFC 6749, 2.3.1: both are encoded as in a form before they are joined.
            auth = (quote_plus(self.client_id), quote_plus(self._secret.get_secret_value()))
        token = _asked(self._found().token, form, auth).get("id_token")
        if not isinstance(token, str):
            raise _unusable("it gave no identity token")
        return token

    def _found(self) -> Endpoints:
        with self._lock:
            if self._endpoints is None:
                self._endpoints = self._discovered()
            return self._endpoints

    def _discovered(self) -> Endpoints:
        told = _asked(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != self.issuer:
            raise _unusable("it names itself otherwise than PIPEMAP_OIDC_ISSUER")
        found = Endpoints(str(told.get("authorization_endpoint")), str(told.get("token_endpoint")))
        if not (is_safe(found.authorization) and is_safe(found.token)):
            raise _unusable("its endpoints are not https")
        return found


def is_safe(address: str) -> bool:
    """Whether an address is https, or on this very machine."""
    parts = urlsplit(address)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)


def _asked(address: str, form: dict[str, str] | None = None, auth: tuple[str, str] | None = None) -> dict[str, Any]:
    """A document of the provider; redirects are not followed. SignInError when there is none, never with its words."""
    import httpx

    if not is_safe(address):
        raise _unusable("its address is not https")
    method, headers = ("GET" if form is None else "POST"), {"Accept": "application/json"}
    try:
        with httpx.stream(method, address, data=form, auth=auth, headers=headers, timeout=_TIMEOUT_S) as answer:
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LARGEST_ANSWER:
                    raise _unusable("its answer is too long")
        if answer.status_code != httpx.codes.OK:
            raise _unusable(f"it answered {answer.status_code}")
    except httpx.HTTPError as error:
        raise _unusable(type(error).__name__) from error
    return _document(body)


def _document(body: bytes) -> dict[str, Any]:
    import orjson

    try:
        told = orjson.loads(body)
    except ValueError as error:
        raise _unusable("its answer is no JSON") from error
    if not isinstance(told, dict):
        raise _unusable("its answer is no document")
    return told


def _unusable(why: str) -> SignInError:
    return SignInError(
        f"The identity provider cannot be used for this ({why}). Try again.",
        message_zh=f"身份认证服务未能完成登录（{why}），请重试。",
    )
