"""`pipemap share`: agreements with other agencies, their keys and packages."""

import re
from dataclasses import asdict
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from psycopg.rows import DictRow

from pipemap.actors import named
from pipemap.commands import share_hooks, share_requests
from pipemap.commands.moments import moment
from pipemap.commands.session import open_database
from pipemap.commands.share_requests import ByOption
from pipemap.commands.words import CLASSES_TOLD, Words, clock
from pipemap.errors import UsageError
from pipemap.projects import read_project
from pipemap.settings import Settings
from pipemap.sharing import agreements
from pipemap.sharing.agreements import Terms, hash_key
from pipemap.sharing.precision import DEPTH_PRECISIONS, EXACT, POSITION_PRECISIONS, default_depth
from pipemap.terminal import JsonOption, LimitOption, OffsetOption, emit_json, emit_text, progress, say

if TYPE_CHECKING:
    from pipemap.sharing.stores import StoreState

app = typer.Typer()
share = typer.Typer(help="Agreements with other agencies, their keys and packages. 数据共享")
share.registered_commands += share_requests.app.registered_commands + share_hooks.app.registered_commands
app.add_typer(share, name="share")

AgreementArgument = Annotated[
    int, typer.Argument(metavar="AGREEMENT", help="Number of the agreement, as `pipemap share list` says. 协议编号")
]
_MOST_LISTED = 6


@share.command()
def agree(
    agency: Annotated[str, typer.Option(help="Who may look.")],
    purpose: Annotated[str, typer.Option(help="What for, in words that the record keeps.")],
    area: Annotated[str, typer.Option(help="WKT polygon, .geojson file, or minx,miny,maxx,maxy.")],
    classes: Annotated[str, typer.Option(help=f"Separated by commas: {CLASSES_TOLD}.")],
    expires: Annotated[str, typer.Option(help="Last day (2026-12-31), or an instant with its time zone.")],
    attributes: Annotated[str, typer.Option(help="Attributes shown, separated by commas; `all` for every one.")] = "",
    area_crs: Annotated[str | None, typer.Option(help="CRS of the area; the project CRS by default.")] = None,
    position: Annotated[str, typer.Option(help=f"How exact places are: {', '.join(POSITION_PRECISIONS)}.")] = EXACT,
    depth: Annotated[
        str | None,
        typer.Option(
            help=f"How exact depths are: {', '.join(DEPTH_PRECISIONS)}; masked unless an attribute granted is a depth."
        ),
    ] = None,
    frozen: Annotated[int | None, typer.Option(help="Only this version; by default the newest and any before.")] = None,
    view_only: Annotated[bool, typer.Option("--view-only", help="No exports.")] = False,
    sites_telephone: Annotated[
        str | None,
        typer.Option(help="Show sensitive sites as padded shapes with this number to call, not leave them out."),
    ] = None,
    per_minute: Annotated[
        int | None, typer.Option(help="Most requests a minute; PIPEMAP_REQUESTS_PER_MINUTE by default.")
    ] = None,
    at_once: Annotated[
        int | None, typer.Option(help="Most requests at the same time; PIPEMAP_CONCURRENT_REQUESTS by default.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write an agreement: what an agency may see, where and until when, once somebody else approves it. 起草共享协议"""
    from pipemap.sharing.proposals import propose

    settings = Settings()
    with open_database(settings) as database, database.transaction() as connection:
        srid = read_project(connection).srid
        shape = agreements.read_area(area, _srid(area_crs) or srid, srid)
        shown = agreements.shareable_attributes() if attributes == "all" else _words(attributes)
        terms = Terms(
            agency,
            purpose,
            shape,
            _words(classes),
            shown,
            moment(expires, time.max),
            position_precision=position,
            depth_precision=depth or default_depth(shown),
            frozen_version=frozen,
            may_export=not view_only,
            sites_telephone=sites_telephone,
            requests_per_minute=per_minute,
            concurrent_requests=at_once,
        )
        agreement_id = propose(connection, terms, settings.user)
    _refresh(settings)
    if as_json:
        emit_json({"agreement_id": agreement_id})
    else:
        emit_text(
            Words().of(
                f"Agreement {agreement_id} with {agency} waits until somebody else approves it: "
                f"pipemap share agreement-approve {agreement_id}",
                f"已起草与{agency}的协议 {agreement_id}，待他人批准：pipemap share agreement-approve {agreement_id}",
            )
        )


@share.command()
def agreement_approve(agreement: AgreementArgument, by: ByOption = None, as_json: JsonOption = False) -> None:
    """Approve an agreement that somebody else wrote, so that it gets keys. 批准协议"""
    from pipemap.sharing.proposals import approve

    approver = named(by) if by else Settings().user
    with open_database() as database, database.transaction() as connection:
        approve(connection, agreement, approver)
    if as_json:
        emit_json({"agreement_id": agreement, "approved_by": approver})
    else:
        emit_text(
            Words().of(
                f"Approved. Give it a key: pipemap share key {agreement}",
                f"已批准。发放密钥：pipemap share key {agreement}",
            )
        )


@share.command()
def key(agreement: AgreementArgument, as_json: JsonOption = False) -> None:
    """Issue an API key of an agreement; it is shown this once and kept nowhere. 发放密钥"""
    with open_database() as database, database.transaction() as connection:
        issued = agreements.issue_key(connection, agreement, Settings().user)
    if as_json:
        emit_json({"agreement_id": agreement, "key": issued})
    else:
        say(
            Words().of(
                "This is the only time the key is shown; hand it over by a safe way.",
                "密钥仅显示这一次，请以安全方式交付。",
            )
        )
        emit_text(issued)


@share.command(name="list")
def list_(
    agency: Annotated[str | None, typer.Option(help="Only of this agency.")] = None,
    limit: LimitOption = 100,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List agreements and how their keys' hashes begin. 列出协议"""
    with open_database() as database, database.transaction(read_only=True) as connection:
        rows = agreements.list_agreements(connection, agency, limit=limit, offset=offset)
    if as_json:
        emit_json(rows)
        return
    words = Words()
    columns = ("agreement", "agency", "purpose", "state", "expires", "km²", "classes", "attributes", "manner", "keys")
    words.table(words.of("Agreements", "共享协议"), columns, [_agreement_cells(row, words) for row in rows])


@share.command()
def revoke(
    agreement: AgreementArgument,
    key: Annotated[str | None, typer.Option(help="Only the key whose hash begins so.")] = None,
    as_json: JsonOption = False,
) -> None:
    """End an agreement at once, or one of its keys. 撤销"""
    with open_database() as database, database.transaction() as connection:
        agreements.revoke(connection, agreement, Settings().user, key)
    if as_json:
        emit_json({"agreement_id": agreement, "revoked": key or "agreement"})
    else:
        of_key = "" if key is None else Words().of(f", key {key}", f"的密钥 {key}")
        emit_text(Words().of(f"Revoked: agreement {agreement}{of_key}.", f"已撤销：协议 {agreement}{of_key}。"))


@share.command()
def refresh(as_json: JsonOption = False) -> None:
    """Bring the desensitised copies of the map up to the newest version. 更新脱敏库"""
    made = _refresh(Settings())
    if as_json:
        emit_json([asdict(one) for one in made])
    else:
        words = Words()
        rows = [tuple(words.term(str(value)) for value in vars(one).values()) for one in made]
        words.table(words.of("Desensitised copies", "脱敏库"), ("position", "depth", "version", "written"), rows)


@share.command()
def export(
    format: Annotated[
        str, typer.Option(help="gpkg, shp, gdb, parquet, csv, tables-xlsx, dxf, ifc …; see README.")
    ] = "gpkg",
    key: Annotated[str | None, typer.Option(help="API key; without one the package is for staff.")] = None,
    bbox: Annotated[str | None, typer.Option(help="minx,miny,maxx,maxy; everything by default.")] = None,
    bbox_crs: Annotated[str | None, typer.Option(help="CRS of the box; the project CRS by default.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the package; the project CRS by default.")] = None,
    out: Annotated[Path, typer.Option(help="Folder to write the package into.")] = Path("."),
    as_json: JsonOption = False,
) -> None:
    """Write an export package of everything a key grants, or of everything. 导出共享包"""
    # Imported here: GDAL is slow to load, and every other command does without it.
    from pipemap.sharing.exchange import export as write_package
    from pipemap.sharing.granted import Place

    if not out.is_dir():
        raise UsageError(f"{out} is not a folder.")
    place = Place(_box(bbox), _srid(bbox_crs), _srid(crs))
    with open_database() as database:
        mark_key = Settings().mark_key_path
        package = write_package(database, key and hash_key(key), format, out, place, Settings().user, mark_key=mark_key)
    if as_json:
        emit_json({"path": str(package.path), "manifest": package.manifest})
    else:
        words = Words()
        counts = words.listed(f"{words.term(name)} {count}" for name, count in package.manifest["counts"].items())
        emit_text(f"{package.path}: {counts}")


def _refresh(settings: Settings) -> "list[StoreState]":
    # Imported here: what moves geometries is slow to load.
    from pipemap.sharing.stores import refresh_stores

    with open_database(settings) as database, progress() as bar:
        task = bar.add_task(Words().of("desensitised copies", "脱敏库"), total=None)
        return refresh_stores(database, settings.shift_key_path, lambda done: bar.update(task, completed=done))


def _agreement_cells(row: DictRow, words: Words) -> list[Any]:
    marks = [one["key_sha256"][:12] + ("" if one["revoked_at"] is None else " ✗") for one in row["keys"]]
    classes = _listed([words.class_(code) for code in row["class_codes"]], words)
    attributes = _listed([words.attribute(name) for name in row["attributes"]], words)
    told = [row["agreement_id"], row["agency"], row["purpose"], words.term(row["state"]), clock(row["expires_at"])]
    return [*told, row["area_km2"], classes, attributes, "\n".join(_manner(row, words)), "\n".join(marks)]


def _manner(row: DictRow, words: Words) -> list[str]:
    """How an agreement shows what it grants, as far as that is not plain."""
    frozen, telephone = row["frozen_version"], row["sites_telephone"]
    coarser = {
        words.of("position", "平面"): row["position_precision"], words.of("depth", "深度"): row["depth_precision"],
    }  # fmt: skip
    told = [f"{what} {words.term(precision)}" for what, precision in coarser.items() if precision != EXACT]
    told += [words.of(f"version {frozen}", f"版本 {frozen}")] if frozen is not None else []
    told += [] if row["may_export"] else [words.of("view only", "仅供查看")]
    return [*told, words.of(f"sites: {telephone}", f"敏感点联系电话 {telephone}")] if telephone else told


def _listed(names: list[str], words: Words) -> str:
    return words.listed(names) if len(names) <= _MOST_LISTED else f"({len(names)})"


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _srid(text: str | None) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(?:EPSG:)?(\d{4,6})", text.strip(), re.IGNORECASE)
    if match is None:
        raise UsageError(f"{text} is no coordinate reference system; write it as EPSG:4547.")
    return int(match[1])


def _box(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        min_x, min_y, max_x, max_y = (float(part) for part in text.split(","))
    except ValueError as error:
        raise UsageError(f"A box is minx,miny,maxx,maxy, not {text}.") from error
    return min_x, min_y, max_x, max_y
