"""`pipemap share request`, `approve`, `narrow`, `refuse`: what agencies ask for, and what the data manager answers."""

from datetime import date, timedelta
from typing import Annotated, Any

import typer
from psycopg.rows import DictRow

from pipemap.actors import named
from pipemap.commands.questions import CrsOption, srid_of
from pipemap.commands.session import open_database
from pipemap.commands.words import CLASSES_TOLD, Words
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.projects import read_project
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, LimitOption, OffsetOption, emit_json, emit_text, say

app = typer.Typer()

AreaOption = Annotated[str | None, typer.Option(help="WKT polygon, .geojson file, or minx,miny,maxx,maxy.")]
RequestArgument = Annotated[
    int, typer.Argument(metavar="REQUEST", help="Number of the request, as `pipemap share requests` says. 申请编号")
]
ReasonOption = Annotated[str, typer.Option(help="Why.")]
ByOption = Annotated[str | None, typer.Option("--by", help="Who decides; PIPEMAP_USER by default.")]
_COLUMNS = ("request", "state", "agency", "applicant", "purpose", "reason", "km²", "last day")


@app.command()
def request(
    agency: Annotated[str, typer.Option(help="Who asks.")],
    applicant: Annotated[str, typer.Option(help="The person, with a way to reach them.")],
    purpose: Annotated[str, typer.Option(help="dig, emergency, orientation or service.")],
    reason: ReasonOption,
    area: Annotated[str, typer.Option(help="WKT polygon, .geojson file, or minx,miny,maxx,maxy.")],
    classes: Annotated[str, typer.Option(help=f"Separated by commas: {CLASSES_TOLD}.")],
    attributes: Annotated[
        str, typer.Option(help="Attributes, separated by commas; by default those that the purpose needs.")
    ] = "",
    work_type: Annotated[str | None, typer.Option(help="Kind of work.")] = None,
    starts: Annotated[str | None, typer.Option(help="First day; today by default.")] = None,
    ends: Annotated[str | None, typer.Option(help="Last day; four weeks by default, or less as the purpose.")] = None,
    area_crs: CrsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a request in for an agency. 录入共享申请"""
    from pipemap.sharing.requests import Request, purpose_of, read_request, write_request

    start = _day(starts) or date.today()
    days = min(28, int(purpose_of(purpose).fields["max_days"]))
    with open_database() as database, database.transaction() as connection:
        asked = Request(
            agency=agency,
            applicant=applicant,
            purpose_code=purpose,
            reason=reason,
            area=_area(connection, area, area_crs),
            class_codes=_words(classes) or (),
            attributes=_words(attributes) or (),
            starts_on=start,
            ends_on=_day(ends) or start + timedelta(days=days - 1),
            work_type=work_type,
        )
        row = read_request(connection, write_request(connection, asked, Settings().user))
    if as_json:
        emit_json(row)
    else:
        number = row["request_id"]
        emit_text(
            Words().of(
                f"Request {number}; somebody else decides it: pipemap share approve {number}",
                f"申请 {number} 已录入，由他人审批：pipemap share approve {number}",
            )
        )


@app.command(name="requests")
def list_requests(
    state: Annotated[str | None, typer.Option(help="open, approved, narrowed or refused.")] = None,
    agency: Annotated[str | None, typer.Option(help="Only of this agency.")] = None,
    limit: LimitOption = 100,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List what was asked for, newest first. 列出共享申请"""
    from pipemap.sharing import requests

    with open_database() as database, database.transaction(read_only=True) as connection:
        rows = requests.list_requests(connection, agency, state, limit, offset)
    if as_json:
        emit_json(rows)
    else:
        words = Words()
        words.table(words.of("Requests", "共享申请"), _COLUMNS, [_cells(row, words) for row in rows])


@app.command()
def approve(
    number: RequestArgument, by: ByOption = None, reason: ReasonOption = "", as_json: JsonOption = False
) -> None:
    """Grant a request as asked: an agreement is made, and its key shown this once. 批准"""
    _decide(number, by, reason, as_json)


@app.command()
def narrow(
    number: RequestArgument,
    reason: ReasonOption,
    area: AreaOption = None,
    classes: Annotated[str | None, typer.Option(help="Fewer classes, separated by commas.")] = None,
    attributes: Annotated[str | None, typer.Option(help="Fewer attributes, separated by commas.")] = None,
    ends: Annotated[str | None, typer.Option(help="Earlier last day.")] = None,
    position: Annotated[str, typer.Option(help="Coarser places, as in `share agree`.")] = "exact",
    depth: Annotated[str, typer.Option(help="Coarser depths, as in `share agree`.")] = "exact",
    view_only: Annotated[bool, typer.Option("--view-only", help="No exports.")] = False,
    area_crs: CrsOption = None,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Grant a part of a request: smaller, fewer, shorter or coarser. 缩减后批准"""
    given = {"class_codes": _words(classes), "attributes": _words(attributes), "ends_on": _day(ends)}
    coarser = {"position_precision": position, "depth_precision": depth, "may_export": not view_only}
    _decide(number, by, reason, as_json, area, area_crs, **given, **coarser)


@app.command()
def refuse(number: RequestArgument, reason: ReasonOption, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Refuse a request with a reason. 拒绝"""
    from pipemap.sharing import requests

    with open_database() as database, database.transaction() as connection:
        requests.refuse(connection, number, _actor(by, Settings()), reason)
        row = requests.read_request(connection, number)
    _told(row, as_json)


@app.command()
def allow(
    agency: Annotated[str, typer.Argument(metavar="AGENCY", help="Name of the agency. 单位")],
    km2: Annotated[float, typer.Argument(metavar="KM2", help="So many square kilometres in all. 平方公里")],
    reason: ReasonOption,
    by: ByOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let an agency hold full-feature data of more than 25 km². 批准超过 25 平方公里"""
    from pipemap.sharing import requests

    with open_database() as database, database.transaction() as connection:
        requests.allow(connection, agency, km2, reason, _actor(by, Settings()))
    if as_json:
        emit_json({"agency": agency, "km2": km2})
    else:
        emit_text(f"{agency}: {km2:g} km²")


@app.command()
def contact(
    owner: Annotated[str, typer.Argument(metavar="OWNER", help="As the pipes name it. 权属单位")],
    telephone: Annotated[str, typer.Argument(metavar="TELEPHONE", help="Whom to call. 电话")],
    as_json: JsonOption = False,
) -> None:
    """Keep whom to call about an owner's pipes; sheets for digging tell it. 登记权属单位电话"""
    from pipemap.contacts import set_contact

    with open_database() as database, database.transaction() as connection:
        set_contact(connection, owner, telephone, Settings().user)
    if as_json:
        emit_json({"owner": owner, "telephone": telephone})
    else:
        emit_text(f"{owner}: {telephone}")


@app.command()
def identity(
    agreement: Annotated[int, typer.Argument(metavar="AGREEMENT", help="As `pipemap share list` says. 协议编号")],
    subject: Annotated[str, typer.Argument(metavar="SUBJECT", help="The `sub` of its tokens.")],
    issuer: Annotated[str | None, typer.Option(help="Its issuer; PIPEMAP_OIDC_ISSUER by default.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Let a subject of the configured OIDC provider use an agreement, in place of a key. 登记身份"""
    from pipemap.sharing.identity import register

    settings = Settings()
    issuer = issuer or settings.oidc_issuer
    if issuer is None:
        raise UsageError("There is no OIDC provider; set PIPEMAP_OIDC_ISSUER.")
    with open_database(settings) as database, database.transaction() as connection:
        digest = register(connection, agreement, issuer, subject, settings.user)
    if as_json:
        emit_json({"agreement_id": agreement, "key_sha256": digest})
    else:
        undo = f"pipemap share revoke {agreement} --key {digest[:12]}"
        emit_text(
            Words().of(
                f"{subject} uses agreement {agreement}; to revoke: {undo}",
                f"{subject} 可凭身份使用协议 {agreement}；撤销：{undo}",
            )
        )


def _decide(
    number: int,
    by: str | None,
    reason: str,
    as_json: bool,
    area: str | None = None,
    area_crs: str | None = None,
    **narrower: Any,
) -> None:
    from pipemap.sharing import requests
    from pipemap.sharing.stores import refresh_stores

    settings = Settings()
    with open_database(settings) as database:
        with database.transaction() as connection:
            place = None if area is None else _area(connection, area, area_crs)
            narrowing = requests.Narrowing(area=place, **narrower)
            made = requests.approve(connection, number, _actor(by, settings), narrowing, reason)
            row = requests.read_request(connection, number)
        refresh_stores(database, settings.shift_key_path)
    _told({**row, "key": made.key}, as_json)


def _actor(by: str | None, settings: Settings) -> str:
    return named(by) if by else settings.user


def _told(row: DictRow, as_json: bool) -> None:
    if as_json:
        emit_json(row)
        return
    words, state = Words(), row["state"]
    emit_text(
        words.of(
            f"Request {row['request_id']} of {row['agency']}: {words.term(state)}.",
            f"{row['agency']}的申请 {row['request_id']}：{words.term(state)}。",
        )
    )
    if "key" in row:
        once = "This is the only time the key is shown; hand it over by a safe way."
        number = row["agreement_id"]
        say(words.of(f"Agreement {number}. {once}", f"协议 {number}。密钥仅显示这一次，请以安全方式交付。"))
        emit_text(row["key"])


def _cells(row: DictRow, words: Words) -> list[Any]:
    told = [row["request_id"], words.term(row["state"]), row["agency"], row["applicant"]]
    purpose = words.code("request_purpose", row["purpose_code"])
    return [*told, purpose, row["reason"], row["area_km2"], row["ends_on"]]


def _area(connection: Connection, text: str, crs: str | None) -> Any:
    from pipemap.sharing.agreements import read_area

    srid = read_project(connection).srid
    return read_area(text, srid_of(crs) or srid, srid)


def _words(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(word.strip() for word in text.split(",") if word.strip())


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{text} is no day such as 2026-12-31.") from error
