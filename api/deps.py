"""What routes are given: the service, who is asking, and parameters already understood."""

import base64
import binascii
import re
import secrets
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, time
from functools import lru_cache
from typing import Annotated, TypeAlias
from urllib.parse import urlsplit

from fastapi import Depends, Header, Path, Query, Request
from fastapi.dependencies.models import Dependant

from api.problems import UnauthorizedError
from api.service import Service
from pipemap.actors import claimed
from pipemap.errors import PermissionDeniedError, UsageError
from pipemap.pages import plan_of
from pipemap.settings import is_loopback
from pipemap.sharing.agreements import KEY_PREFIX, hash_key
from pipemap.sharing.granted import UnknownKeyError
from pipemap.sharing.identity import Presented, is_token
from pipemap.sharing.sign_in import SignIn
from schemas.tables import LARGEST_ID

Box: TypeAlias = tuple[float, float, float, float]

BoxParam = Annotated[str | None, Query(description="minx,miny[,minz],maxx,maxy[,maxz]")]
CrsParam = Annotated[str | None, Query(description="CRS to ask and answer in, EPSG:n; the project CRS by default")]

_CRS = re.compile(r"(?:EPSG:|https?://www\.opengis\.net/def/crs/EPSG/[0-9.]+/|urn:ogc:def:crs:EPSG::)(\d{4,6})", re.I)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Where a request keeps who presents it, and what stands there for a token that does not hold.
_PRESENTED, _NOT_HOLDING = "pipemap.presented", Presented(key_sha256="")
# Where agencies read, and where alone a key counts that was given to the map's page; and the form that takes it.
SHARE = "/share/"
KEY_DOOR = "/map/sign-in"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_LARGEST_VERSION = 2**31 - 1


async def get_service(request: Request) -> Service:
    """The service of the application that answers."""
    return service_of(request)


def service_of(request: Request) -> Service:
    """The same for a route whose parameters are not declared."""
    service: Service = request.app.state.service
    return service


def own_address(request: Request) -> str:
    """Address of the service as others reach it: as configured, else as it was asked."""
    configured: str | None = request.app.state.service.settings.public_url
    if configured:
        return configured.rstrip("/")
    scope = request.scope
    here = scope.get("app_root_path", scope.get("root_path", ""))
    return _address(scope["scheme"], request.headers.get("host"), scope.get("server"), here)


@lru_cache(256)
def _address(scheme: str, host: str | None, server: tuple[str, int | None] | None, root_path: str) -> str:
    headers = [(b"host", host.encode("latin-1"))] if host else []
    told = {"scheme": scheme, "server": server, "root_path": root_path, "headers": headers}
    return str(Request({"type": "http", "path": "", "query_string": b"", **told}).base_url).rstrip("/")


async def require_staff(
    request: Request, _authorization: Annotated[str | None, Header(alias="authorization")] = None
) -> None:
    """Let only staff in: by a token of their own, or by the one they share."""
    staff_of(request.app.state.service, request)


async def read_actor(request: Request) -> str:
    """Who of the staff acts, as it goes on record; empty for anybody else."""
    try:
        return staff_of(request.app.state.service, request)
    except UnauthorizedError:
        return ""


def staff_of(service: Service, request: Request) -> str:
    """Who of the staff asks, as it goes on record; UnauthorizedError for anybody else.

    A token of the provider tells it by itself; beside the staff token a name can be given. Either is a bearer token, or
    a password, so that browsers can ask. Where neither is set up, everybody who reaches the service is staff.
    """
    proven = _presented(service, request).staff
    if proven is not None:
        return proven
    settings, authorization = service.settings, request.headers.get("authorization", "")
    name = presented_name(authorization)
    if not settings.asks_staff:
        _demand_own_name(request)
        return claimed(name) if name else settings.user
    token, given = settings.staff_token, presented(authorization)
    if token is None or not secrets.compare_digest(given.encode(), token.get_secret_value().encode()):
        raise UnauthorizedError
    return claimed(name or settings.user)


def _demand_own_name(request: Request) -> None:
    """Let nobody in without a token who calls this machine by a name of theirs.

    A page of theirs can have a browser do so that runs here: the name is theirs to point at this machine.
    """
    host, public_url = request.url.hostname or "", request.app.state.service.settings.public_url
    if host != urlsplit(public_url or "").hostname and not is_loopback(host):
        raise PermissionDeniedError(
            f"Without a staff token this service is not {host}; set PIPEMAP_PUBLIC_URL if it is. "
            f"未设置令牌时不接受以 {host} 为名的访问，可设置 PIPEMAP_PUBLIC_URL。"
        )


def key_of(service: Service, request: Request) -> str | None:
    """SHA-256 of the key an agency presents as X-API-Key, as a bearer token or as a password, or of its identity.

    Under `/share` also of the key that was given to the map's page in this browser.

    None when what is presented is none of these; UnknownKeyError for a token of an identity that does not hold. Worked
    out once a request.
    """
    found = _presented(service, request)
    if found == _NOT_HOLDING:
        raise UnknownKeyError
    return found.key_sha256


def _presented(service: Service, request: Request) -> Presented:
    if _PRESENTED not in request.scope:
        request.scope[_PRESENTED] = _read_presented(service, request)
    found: Presented = request.scope[_PRESENTED]
    return found


def _read_presented(service: Service, request: Request) -> Presented:
    x_api_key, authorization = request.headers.get("x-api-key"), request.headers.get("authorization")
    given = presented(authorization or "")
    if x_api_key or given.startswith(KEY_PREFIX):
        return Presented(key_sha256=hash_key(x_api_key or given))
    if service.identities is not None and is_token(given):
        try:
            return service.identities.read(given)
        except UnknownKeyError:
            return _NOT_HOLDING
    if authorization is not None:
        return Presented()
    key_sha256 = key_signed_in(service, request) if request.url.path.startswith(SHARE) else None
    return Presented(key_sha256, None if key_sha256 else signed_in(service, request))


def signed_in(service: Service, request: Request) -> str | None:
    """Who of the staff signed in with the browser that asks; None for nobody.

    What changes anything counts only from a page of this service: browsers say where it comes from.
    """
    sign_in = service.sign_in
    if sign_in is None or _may_be_forged(request):
        return None
    return sign_in.actor(request.cookies.get(session_cookie(sign_in), ""))


def key_signed_in(service: Service, request: Request) -> str | None:
    """SHA-256 of the key that was given to the map's page in the browser that asks, likewise; None for none."""
    session = request.cookies.get(key_cookie(request))
    return None if session is None or _may_be_forged(request) else service.key_sessions.key_sha256(session)


def session_cookie(sign_in: SignIn) -> str:
    """Name of the cookie that holds a session of staff."""
    return cookie_name(sign_in.is_https, "session")


def key_cookie(request: Request) -> str:
    """Name of the cookie that holds a session of a key."""
    return cookie_name(is_https(request), "key")


def cookie_name(is_https: bool, what: str) -> str:
    """Name of a cookie of this service; under https one that no other host can have set."""
    return f"{'__Host-' if is_https else ''}pipemap-{what}"


def is_https(request: Request) -> bool:
    """Whether the browser that asks reaches the service encrypted."""
    return own_address(request).startswith("https://")


def _may_be_forged(request: Request) -> bool:
    """Whether a page of another site may have had the browser send it."""
    return request.method not in _SAFE_METHODS and not _is_own_site(request)


async def read_asker(request: Request) -> str | None:
    """SHA-256 of the agency's key or identity; None for staff."""
    key = key_of(request.app.state.service, request)
    if key is None:
        staff_of(request.app.state.service, request)
    return key


async def require_key(
    request: Request,
    _x_api_key: Annotated[str | None, Header(alias="x-api-key")] = None,
    _authorization: Annotated[str | None, Header(alias="authorization")] = None,
) -> str:
    """SHA-256 of the key or identity an agency presents; whether it is in force is for the database to say."""
    key = key_of(request.app.state.service, request)
    if key is None:
        raise UnknownKeyError
    return key


async def refuse_strange_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have: a misspelt filter must not be ignored."""
    refuse_parameters_but(request, set(_parameter_names(request.scope["route"].dependant)))


def refuse_parameters_but(request: Request, known: Collection[str]) -> None:
    """The same for a route whose parameters are not declared."""
    refuse_unreadable(request)
    strange = sorted(set(request.query_params).difference(known))
    if strange:
        raise UsageError(f"There is no parameter {', '.join(strange)}; there are {', '.join(sorted(known)) or 'none'}.")


def refuse_repeated(request: Request) -> None:
    """Refuse a parameter that is given twice: one of the two would be ignored."""
    given = request.query_params.multi_items()
    if len(given) > len(request.query_params):
        times = Counter(name for name, _ in given)
        repeated = [name for name in times if times[name] > 1]
        raise UsageError(f"{', '.join(repeated)} is given more than once.")


async def refuse_other_sites(request: Request) -> None:
    """Refuse what a page of another site has a browser send: the browser would add its user's password."""
    if request.headers.get("origin") is not None and not _is_own_site(request):
        raise PermissionDeniedError("A page of another site cannot act in your name. 不接受其他网站页面发来的请求。")


def _is_own_site(request: Request) -> bool:
    """Whether a page of this service sends it, as a browser says that cannot be made to say otherwise."""
    origin, public_url = request.headers.get("origin"), request.app.state.service.settings.public_url
    own = {request.headers.get("host"), urlsplit(public_url).netloc if public_url else None}
    return origin is not None and (urlsplit(origin).netloc or origin) in own


async def read_conditions(request: Request) -> dict[str, str]:
    """Every query parameter the route does not name itself: each is a condition on an attribute."""
    refuse_unreadable(request)
    known = set(_parameter_names(request.scope["route"].dependant))
    return {name: value for name, value in request.query_params.items() if name not in known}


async def read_box(bbox: BoxParam = None) -> Box | None:
    """The plan part of a box of four or six numbers."""
    return None if bbox is None else plan_of(box_numbers(bbox))


async def read_box_heights(bbox: BoxParam = None) -> tuple[float, float] | None:
    """The heights of a box of six numbers."""
    numbers = box_numbers(bbox) if bbox is not None else []
    return (numbers[2], numbers[5]) if len(numbers) == 6 else None


async def read_crs(crs: CrsParam = None) -> int | None:
    """The CRS to ask and to answer in; x is easting or longitude in every CRS."""
    return parse_crs(crs)


async def read_bbox_crs(
    crs: CrsParam = None,
    bbox_crs: Annotated[str | None, Query(description="CRS of bbox, EPSG:n; crs by default")] = None,
) -> int | None:
    """The CRS of the box: that of the answer unless it has one of its own."""
    return parse_crs(crs if bbox_crs is None else bbox_crs)


async def read_version(
    version: Annotated[str | None, Query(description="Version number, date or instant; the newest by default")] = None,
) -> int | datetime | None:
    """The version to read; a day means the last version published by its end, UTC."""
    return None if version is None else parse_version(version)


async def read_class_codes(
    class_code: Annotated[str | None, Query(description="Utility classes, separated by commas")] = None,
) -> list[str]:
    """The classes to keep; none means all."""
    return [code for code in (class_code or "").split(",") if code]


def parse_version(text: str) -> int | datetime:
    """The version a number, a day or an instant means."""
    if text.isdecimal() and int(text) <= _LARGEST_VERSION:
        return int(text)
    try:
        return read_instant(text)
    except UsageError as error:
        raise UsageError(f"{text} is no version: give a number, a date or an instant with its time zone.") from error


def parse_crs(text: str | None) -> int | None:
    """EPSG code of `EPSG:n` or of an OGC address."""
    if text is None:
        return None
    match = _CRS.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text} is no coordinate reference system; write it as EPSG:4547.")
    return int(match[1])


def presented(authorization: str) -> str:
    """The token of an Authorization header, given as a bearer token or as a password; empty when there is none."""
    scheme, _, credentials = authorization.partition(" ")
    return credentials.strip() if scheme.lower() == "bearer" else _name_and_password(authorization)[1]


def presented_name(authorization: str) -> str:
    """The name a person gives beside the staff token; empty when there is none."""
    return _name_and_password(authorization)[0].strip()


def _name_and_password(authorization: str) -> tuple[str, str]:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        name, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return name, password


ServiceDep = Annotated[Service, Depends(get_service)]
KeyDep = Annotated[str, Depends(require_key)]
ActorDep = Annotated[str, Depends(read_actor)]
AskerDep = Annotated[str | None, Depends(read_asker)]
BoxDep = Annotated[Box | None, Depends(read_box)]
BoxHeightsDep = Annotated[tuple[float, float] | None, Depends(read_box_heights)]
CrsDep = Annotated[int | None, Depends(read_crs)]
BboxCrsDep = Annotated[int | None, Depends(read_bbox_crs)]
VersionDep = Annotated[int | datetime | None, Depends(read_version)]
ClassCodesDep = Annotated[list[str], Depends(read_class_codes)]
ConditionsDep = Annotated[dict[str, str], Depends(read_conditions)]
FeatureId = Annotated[int, Path(ge=1, le=LARGEST_ID)]
AfterParam = Annotated[int, Query(ge=0, le=LARGEST_ID, description="Identity the last page ended with")]
LimitParam = Annotated[int, Query(ge=1, le=10_000)]
OffsetParam = Annotated[int, Query(ge=0, le=_LARGEST_VERSION)]
STRICT = Depends(refuse_strange_parameters)
STAFF = Depends(require_staff)
OWN_SITE = Depends(refuse_other_sites)


def _parameter_names(dependant: Dependant) -> Iterator[str]:
    yield from (parameter.alias for parameter in dependant.query_params)
    for part in dependant.dependencies:
        yield from _parameter_names(part)


def refuse_unreadable(request: Request) -> None:
    """Refuse parameters that no text of the database can hold."""
    if b"%00" in request.scope["query_string"] or b"\0" in request.scope["query_string"]:
        raise UsageError("A parameter holds a zero character.")


def box_numbers(text: str) -> list[float]:
    """The four or six numbers of a box; UsageError when it has not so many."""
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6):
        raise UsageError(f"A box is four numbers, or six with heights, separated by commas; not {text}.")
    return numbers


def read_instant(text: str) -> datetime:
    """An instant with its time zone, or the end of a day, UTC; UsageError for anything else."""
    try:
        if _DAY.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time.max, UTC)
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text} is no instant such as 2026-01-31T12:00:00Z.") from error
    if moment.tzinfo is None:
        raise UsageError(f"{text} has no time zone; write it as 2026-01-31T12:00:00Z.")
    return moment
