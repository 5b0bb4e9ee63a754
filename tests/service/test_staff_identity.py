"""Staff who sign in with a token of the OIDC provider: what it opens, whom it puts on record, and what is none."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.app import create_app
from pipemap.errors import UsageError
from pipemap.settings import Settings
from pipemap.sharing import audit
from tests.service.conftest import Town
from tests.service.test_api import refused
from tests.service.test_designs import PIPE
from tests.service.test_identity import AUDIENCE, FORGED, ISSUER, ROUTES, bearer, jwks, raw, registered, signed
from tests.service.test_identity import claims as told
from tests.service.test_share_requests import asked

__all__ = ["jwks", "registered"]
TOKEN = "a long secret"
ROLE = "realm_access.roles=pipemap-staff"
OF_STAFF = ("/api/project", "/api/changesets", "/share/requests", "/changesets", "/audit")
POINT = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [2_500_050.0, 500_010.0]},
    "properties": {"class_code": "water"},
}


def staff(subject: str, name: str | None = None, **changes: Any) -> str:
    given = {"sub": subject, "name": name, "realm_access": {"roles": ["offline_access", "pipemap-staff"]}}
    return signed(**(given | changes))


def served(serve: Any, keys: Path, **more: Any) -> httpx.Client:
    provider = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks": str(keys), "oidc_staff": ROLE}
    client: httpx.Client = serve(**(provider | {"open_requests": True} | more))
    return client


@pytest.fixture
def client(town: Town, serve: Any, jwks: Path) -> httpx.Client:
    return served(serve, jwks, staff_token=TOKEN)


@pytest.fixture
def proven_alone(town: Town, serve: Any, jwks: Path) -> httpx.Client:
    return served(serve, jwks)


def test_a_token_of_staff_opens_what_the_staff_token_opens(client: httpx.Client) -> None:
    for route in OF_STAFF:
        assert client.get(route, headers=bearer(staff("li"))).status_code == 200, route
        assert client.get(route, auth=("whoever", staff("li"))).status_code == 200, route
        assert client.get(route, headers=bearer(TOKEN)).status_code == 200, route
        refused(client.get(route), 401)


def test_the_proven_subject_and_name_are_on_record_and_nobody_elses(client: httpx.Client, town: Town) -> None:
    li, wang = staff("8f2c", "李明"), staff("77aa", preferred_username="wang")
    written = client.post("/share/requests", json=asked(), auth=("manager", li)).json()
    answer = client.post(f"/share/requests/{written['request_id']}/approve", json={}, headers=bearer(wang)).json()
    assert (answer["author"], answer["decided_by"]) == ("oidc:8f2c (李明)", "oidc:77aa (wang)")
    design = client.post("/api/designs", json={"pipe": PIPE, "title": "新管"}, headers=bearer(li))
    edit = client.post("/ogc/collections/node/items", content=json.dumps(POINT), auth=("manager", li),
                       headers={"content-type": "application/geo+json", "content-crs": _crs(4547)})  # fmt: skip
    for number in (design.json()["changeset_id"], edit.json()["changeset_id"]):
        assert client.get(f"/api/changesets/{number}", headers=bearer(li)).json()["author"] == "oidc:8f2c (李明)"
    client.post("/share/exports", json={"format": "csv"}, headers=bearer(li))
    with town.database.transaction(read_only=True) as connection:
        entries = audit.list_entries(connection)
    actors = {entry["action"]: entry["actor"] for entry in entries}
    assert (actors["share.request"], actors["share.decide"]) == ("oidc:8f2c (李明)", "oidc:77aa (wang)")
    assert actors["share.export.ask"] == "oidc:8f2c (李明)"


def test_nobody_decides_their_own_request_whatever_name_they_have_now(client: httpx.Client) -> None:
    li = staff("8f2c", "李明")
    number = client.post("/share/requests", json=asked(), headers=bearer(li)).json()["request_id"]
    approve = f"/share/requests/{number}/approve"
    refused(client.post(approve, json={}, headers=bearer(li)), 403)
    refused(client.post(approve, json={}, headers=bearer(staff("8f2c", "王 (another) name"))), 403)
    refused(client.post(approve, json={}, auth=("manager", staff("8f2c"))), 403)
    # A name that anybody can give is no second person.
    refused(client.post(approve, json={}, auth=("manager", TOKEN)), 403)
    assert client.post(approve, json={}, headers=bearer(staff("77aa", "李明"))).status_code == 200


def test_without_a_staff_token_only_the_proven_are_staff(proven_alone: httpx.Client) -> None:
    for given in (
        {},
        {"auth": ("li", "")},
        {"auth": ("li", TOKEN)},
        {"headers": bearer(TOKEN)},
    ):
        for route in OF_STAFF:
            assert proven_alone.get(route, **given).status_code == 401, (route, given)
    assert proven_alone.get(OF_STAFF[0], headers=bearer(staff("li"))).status_code == 200


NO_STAFF: dict[str, Callable[[], str]] = {
    "no role": lambda: signed(sub="li"),
    "another role": lambda: staff("li", realm_access={"roles": ["pipemap-staffer"]}),
    "the role in other letters": lambda: staff("li", realm_access={"roles": ["Pipemap-Staff"]}),
    "the role with a space": lambda: staff("li", realm_access={"roles": ["pipemap-staff "]}),
    "the role among the words of a string": lambda: staff("li", realm_access={"roles": "a pipemap-staff b"}),
    "the role in a list of lists": lambda: staff("li", realm_access={"roles": [["pipemap-staff"]]}),
    "the role as a member": lambda: staff("li", realm_access={"roles": {"pipemap-staff": True}}),
    "the claim in other letters": lambda: staff("li", realm_access=None, Realm_Access={"roles": ["pipemap-staff"]}),
    "the role in another claim": lambda: staff("li", realm_access=None, roles=["pipemap-staff"]),
    "the role in a scope": lambda: staff("li", realm_access=None, scope="pipemap-staff"),
    "a claim of the dotted name": lambda: staff("li", realm_access=None, **{"realm_access.roles": ["pipemap-staff"]}),
    "the claim as text": lambda: staff("li", realm_access='{"roles": ["pipemap-staff"]}'),
    "the role of another client": lambda: staff(
        "li", realm_access=None, resource_access={"other": {"roles": ["pipemap-staff"]}}
    ),
    "the role in the subject": lambda: signed(sub="realm_access.roles=pipemap-staff"),
    "no algorithm": lambda: raw({"alg": "none"}, told(sub="li", realm_access={"roles": ["pipemap-staff"]})),
    "expired": lambda: staff("li", exp=int(time.time()) - 61),
    "another audience": lambda: staff("li", aud="another"),
    "another issuer": lambda: staff("li", iss=ISSUER + "/"),
    "no subject": lambda: staff("", sub=None),
    "an empty subject": lambda: staff(""),
    "a subject of two words": lambda: staff("li (another)"),
    "a subject that is a list": lambda: staff("li", sub=["li"]),
    "a payload with the role put in": lambda: _with_role(signed(sub="li")),
}


def test_no_other_token_is_one_of_staff(town: Town, serve: Any, jwks: Path) -> None:
    for place, (what, make) in enumerate((NO_STAFF | FORGED).items()):
        if place % 20 == 0:
            # A service lets one address show sixty a minute.
            client = served(serve, jwks, staff_token=TOKEN)
        for route in OF_STAFF if what in ("no role", "no algorithm") else OF_STAFF[:1]:
            assert client.get(route, headers=bearer(make())).status_code == 401, (what, route)
            assert client.get(route, auth=("manager", make())).status_code == 401, (what, route)


def test_agencies_and_staff_are_never_taken_for_each_other(client: httpx.Client, registered: int) -> None:
    agency = signed()
    for route in ROUTES:
        assert client.get(route, headers=bearer(agency)).status_code == 200, route
    for route in ("/api/project", "/changesets", "/audit"):
        refused(client.get(route, headers=bearer(agency)), 401)
    refused(client.post("/share/hooks/1/approve", headers=bearer(agency)), 401)
    # The role makes the same subject one of staff, who reads under no agreement.
    for_agencies = ("/share/sites", "/share/changes?since=0")
    for route in for_agencies:
        assert client.get(route, headers=bearer(agency)).status_code == 200, route
        refused(client.get(route, headers=bearer(staff("water-company"))), 401)
    # Beside a key of an agency a token of staff opens nothing of staff's.
    refused(client.get("/api/project", headers=bearer(staff("li")) | {"X-API-Key": "pmk_x"}), 401)


@pytest.mark.parametrize(
    ("role", "given"),
    [
        ("roles=pipemap-staff", {"roles": "pipemap-staff"}),
        ("roles=pipemap-staff", {"roles": ["x", "pipemap-staff"]}),
        ("resource_access.map.roles=editor", {"resource_access": {"map": {"roles": ["editor"]}}}),
        ("https://map.example.cn/roles=staff", {"https://map.example.cn/roles": ["staff"]}),
        ("groups=/city/staff=1", {"groups": ["/city/staff=1"]}),
        ("sub=li", {}),
    ],
)
def test_the_role_is_found_where_providers_put_it(
    town: Town,
    serve: Any,
    jwks: Path,
    role: str,
    given: dict[str, Any],
) -> None:
    client = served(serve, jwks, oidc_staff=role)
    assert client.get("/api/project", headers=bearer(signed(sub="li", **given))).status_code == 200
    refused(client.get("/api/project", headers=bearer(signed(sub="another"))), 401)


@pytest.mark.parametrize("role", ["roles", "roles=", "=staff", "a..b=staff", ".=x"])
def test_a_role_that_is_none_stops_the_start(database_url: str, jwks: Path, role: str) -> None:
    provider = {"oidc_issuer": ISSUER, "oidc_audience": AUDIENCE, "oidc_jwks": str(jwks)}
    with pytest.raises(UsageError, match="PIPEMAP_OIDC_STAFF"):
        create_app(Settings(_env_file=None, oidc_staff=role, **provider), database_url)
    with pytest.raises(UsageError, match="PIPEMAP_OIDC_ISSUER"):
        create_app(Settings(_env_file=None, oidc_staff=ROLE), database_url)


def _with_role(token: str) -> str:
    header, _, signature = token.split(".")
    payload = raw({}, told(sub="li", realm_access={"roles": ["pipemap-staff"]})).split(".")[1]
    return ".".join([header, payload, signature])


def _crs(srid: int) -> str:
    return f"<http://www.opengis.net/def/crs/EPSG/0/{srid}>"
