"""A small OIDC provider that is real: discovery, a page to sign in on, codes that hold once, tokens it signs."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "pipemap-web", "a secret: 50% + more"
KEY = RSAKey.generate_key(2048, {"kid": "rsa"})
PEOPLE = {"8f2c": "李明", "77aa": "王芳", "3e10": "Visitor"}
STAFF = ("8f2c", "77aa")


class OidcProvider:
    """What it was asked and how it answers; `claims` and `mint` let it be wrong or evil."""

    def __init__(self, issuer: str) -> None:
        self.issuer = issuer
        self.codes: dict[str, dict[str, str]] = {}
        self.claims: dict[str, Any] = {}
        self.mint: Callable[[dict[str, Any]], str] = lambda told: jwt.encode({"alg": "RS256", "kid": "rsa"}, told, KEY)
        self.said_issuer = issuer

    def discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.said_issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
        }

    def agreed(self, asked: dict[str, str], subject: str) -> str:
        """Where the browser is sent once somebody has signed in."""
        assert asked["response_type"] == "code" and asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256" and "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = asked | {"sub": subject}
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, form: dict[str, str], authorization: str) -> dict[str, Any] | None:
        """Tokens for a code, once, for the client alone and who holds the verifier."""
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        asked = self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if asked is None or (unquote_plus(name), unquote_plus(secret)) != (CLIENT, SECRET):
            return None
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (challenge, form["redirect_uri"]) != (asked["code_challenge"], asked["redirect_uri"]):
            return None
        return {"token_type": "Bearer", "access_token": "opaque", "id_token": self.mint(self._told(asked))}

    def _told(self, asked: dict[str, str]) -> dict[str, Any]:
        now, subject = int(time.time()), asked["sub"]
        roles = ["pipemap-staff"] if subject in STAFF else []
        told = {"iss": self.issuer, "aud": CLIENT, "sub": subject, "nonce": asked["nonce"], "iat": now, "exp": now + 60}
        told |= {"name": PEOPLE[subject], "realm_access": {"roles": roles}} | self.claims
        return {name: value for name, value in told.items() if value is not None}


@contextmanager
def providing() -> Iterator[OidcProvider]:
    """Run the provider on a port of its own."""
    provider: OidcProvider

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/.well-known/openid-configuration":
                self._answer(200, json.dumps(provider.discovery()), "application/json")
                return
            buttons = "".join(
                f'<p><a id="{one}" href="/agree?sub={one}&{parts.query}">{PEOPLE[one]}</a>' for one in PEOPLE
            )
            if parts.path == "/agree":
                asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
                self._answer(302, "", "text/html", provider.agreed(asked, asked.pop("sub")))
                return
            self._answer(200, f"<!doctype html><meta charset=utf-8><title>Who are you?</title>{buttons}", "text/html")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            told = provider.token(form, self.headers.get("authorization", ""))
            self._answer(200 if told else 400, json.dumps(told or {"error": "invalid_grant"}), "application/json")

        def _answer(self, status: int, body: str, kind: str, location: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = OidcProvider(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
