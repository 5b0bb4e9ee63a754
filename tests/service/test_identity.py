"""Bearer tokens of an OIDC provider: a registered identity sees its agreement, whatever is forged sees nothing."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import shapely
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from pipemap.errors import SourceError
from pipemap.sharing import agreements, identity
from pipemap.sharing.agreements import Terms
from tests.service.conftest import X0, Y0, Town
from tests.service.test_api import refused

ISSUER, AUDIENCE, SUBJECT = "https://id.example.cn", "pipemap", "water-company"
RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
EC = ECKey.generate_key("P-256", {"kid": "ec"})
OTHER = RSAKey.generate_key(2048, {"kid": "rsa"})
ROUTES = ("/ogc/collections/pipe_segment/items", "/share/export?format=gpkg", "/share/sites", "/share/requests")


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    told = {"iss": ISSUER, "aud": AUDIENCE, "sub": SUBJECT, "iat": now, "exp": now + 600} | changes
    return {name: value for name, value in told.items() if value is not None}


def signed(key: Any = RSA, algorithm: str = "RS256", kid: Any = "rsa", header: Any = (), **changes: Any) -> str:
    return jwt.encode({"alg": algorithm, "kid": kid, **dict(header)}, claims(**changes), key, algorithms=[algorithm])


def raw(header: dict[str, Any], told: dict[str, Any], signature: bytes = b"") -> str:
    def part(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    return ".".join([part(json.dumps(header).encode()), part(json.dumps(told).encode()), part(signature)])


def with_hmac_of_the_public_key() -> str:
    unsigned = raw({"alg": "HS256", "kid": "rsa"}, claims()).rpartition(".")[0]
    digest = hmac.digest(RSA.as_pem(private=False), unsigned.encode(), hashlib.sha256)
    return f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def with_another_payload() -> str:
    header, _, signature = signed().split(".")
    return ".".join([header, raw({}, claims(sub="another")).split(".")[1], signature])


FORGED: dict[str, Callable[[], str]] = {
    "no algorithm": lambda: raw({"alg": "none"}, claims()),
    "no algorithm, in capitals": lambda: raw({"alg": "NONE", "kid": "rsa"}, claims()),
    "signature left out": lambda: signed().rpartition(".")[0] + ".",
    "HMAC with the public key": with_hmac_of_the_public_key,
    "HMAC with a secret": lambda: signed(OctKey.import_key("s" * 32), "HS256"),
    "another key of the same name": lambda: signed(OTHER),
    "key named by a path": lambda: signed(OTHER, kid="../../../dev/null"),
    "key named by SQL": lambda: signed(OTHER, kid="' OR 1=1 --"),
    "unknown key": lambda: signed(OTHER, kid="other"),
    "key in the header": lambda: signed(OTHER, header={"jwk": OTHER.as_dict(private=False)}),
    "key set at an address": lambda: signed(OTHER, header={"jku": "https://evil.example/jwks"}),
    "certificate at an address": lambda: signed(OTHER, header={"x5u": "https://evil.example/cert"}),
    "extension that must be understood": lambda: raw({"alg": "RS256", "kid": "rsa", "crit": ["x"], "x": 1}, claims()),
    "RS512 with the right key": lambda: signed(algorithm="RS512"),
    "RSA key said to be EC": lambda: raw({"alg": "ES256", "kid": "rsa"}, claims(), b"\0" * 64),
    "EC signature of zeros": lambda: raw({"alg": "ES256", "kid": "ec"}, claims(), b"\0" * 64),
    "another payload": with_another_payload,
    "expired": lambda: signed(exp=int(time.time()) - 61),
    "without an end": lambda: signed(exp=None),
    "an end in words": lambda: signed(exp="tomorrow"),
    "not valid yet": lambda: signed(nbf=int(time.time()) + 300),
    "another audience": lambda: signed(aud="another"),
    "no audience": lambda: signed(aud=None),
    "another issuer": lambda: signed(iss="https://evil.example"),
    "no issuer": lambda: signed(iss=None),
    "no subject": lambda: signed(sub=None),
    "a subject nobody registered": lambda: signed(sub="another"),
    "a subject that is a list": lambda: raw({"alg": "RS256", "kid": "rsa"}, claims(sub=[SUBJECT])),
    "three dots of nothing": lambda: "..",
    "not base64": lambda: "!.!.!",
    "far too long": lambda: signed(more="x" * 20_000),
}


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": [RSA.as_dict(private=False), EC.as_dict(private=False)]}))
    return path


@pytest.fixture
def client(town: Town, serve: Any, jwks: Path) -> httpx.Client:
    return serve(staff_token="a long secret", oidc_issuer=ISSUER, oidc_audience=AUDIENCE, oidc_jwks=str(jwks))


@pytest.fixture
def registered(town: Town) -> int:
    area = shapely.box(X0, Y0, X0 + 200, Y0 + 200)
    terms = Terms("水务局", "设计", area, ("water",), ("from_depth_m",), datetime.now(UTC) + timedelta(days=9))
    with town.database.transaction() as connection:
        number = agreements.agree(connection, terms, "manager")
        identity.register(connection, number, ISSUER, SUBJECT, "manager")
    return number


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize("told", [{}, {"key": EC, "algorithm": "ES256", "kid": "ec"}, {"aud": ["x", AUDIENCE]}])
def test_a_registered_identity_sees_its_agreement(client: httpx.Client, registered: int, told: dict[str, Any]) -> None:
    token = signed(**told)
    for route in ROUTES:
        assert client.get(route, headers=bearer(token)).status_code == 200, route
    features = client.get(ROUTES[0], headers=bearer(token)).json()["features"]
    assert {feature["properties"]["class_code"] for feature in features} == {"water"}
    refused(client.get("/api/features/node", headers=bearer(token)), 401)


def test_a_forged_token_is_unauthorized_on_every_route(client: httpx.Client, registered: int) -> None:
    assert client.get(ROUTES[0], headers=bearer(signed())).status_code == 200
    for what, make in FORGED.items():
        for route in ROUTES if what in ("no algorithm", "expired") else ROUTES[:1]:
            assert client.get(route, headers=bearer(make())).status_code == 401, (what, route)


def test_a_minute_of_leeway_is_given(client: httpx.Client, registered: int) -> None:
    assert client.get(ROUTES[0], headers=bearer(signed(exp=int(time.time()) - 30))).status_code == 200


def test_a_revoked_identity_is_refused_at_once(client: httpx.Client, town: Town, registered: int) -> None:
    assert client.get(ROUTES[0], headers=bearer(signed())).status_code == 200
    with town.database.transaction() as connection:
        digest = identity.identity_sha256(ISSUER, SUBJECT)
        agreements.revoke(connection, registered, "manager", digest[:12])
    refused(client.get(ROUTES[0], headers=bearer(signed())), 401)


def test_keys_that_the_provider_changes_are_known_without_a_restart(
    client: httpx.Client, registered: int, jwks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.get(ROUTES[0], headers=bearer(signed())).status_code == 200
    monkeypatch.setattr(identity, "_FRESH_S", 0.0)
    jwks.write_text(json.dumps({"keys": [OTHER.as_dict(private=False)]}))
    refused(client.get(ROUTES[0], headers=bearer(signed())), 401)
    assert client.get(ROUTES[0], headers=bearer(signed(OTHER))).status_code == 200
    jwks.write_text("out of order")
    assert client.get(ROUTES[0], headers=bearer(signed(OTHER))).status_code == 200


def test_without_a_provider_a_token_is_nothing(town: Town, serve: Any, registered: int) -> None:
    refused(serve(staff_token="a long secret").get(ROUTES[0], headers=bearer(signed())), 401)


@pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
@pytest.mark.parametrize(
    "keys",
    [
        [],
        [RSA.as_dict(private=True)],
        [OctKey.import_key("s" * 32).as_dict(private=True)],
        [
            {
                "kty": "RSA",
                "kid": "short",
                "n": base64.urlsafe_b64encode(b"\xc1" * 128).decode().rstrip("="),
                "e": "AQAB",
            }
        ],
        [ECKey.generate_key("P-384", auto_kid=True).as_dict(private=False)],
    ],
)
def test_a_set_of_keys_that_should_not_be_used_stops_the_start(tmp_path: Path, keys: list[Any]) -> None:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps({"keys": keys}))
    with pytest.raises(SourceError):
        identity.read_keys(str(path))


def test_keys_are_fetched_over_https_alone() -> None:
    for address in ("http://id.example.cn/jwks", "file:///etc/passwd", "ftp://id.example.cn/jwks"):
        with pytest.raises(SourceError):
            identity.read_keys(address)
