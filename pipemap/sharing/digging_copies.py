"""Copies of a digging sheet: each has a number of its own, and is on record before it is handed out."""

from pathlib import Path

from pipemap.db import Connection, Database
from pipemap.errors import NotFoundError
from pipemap.report.digging_sheet import render_digging_sheet
from pipemap.sharing import audit, ledger
from pipemap.sharing.digging import read_digging
from pipemap.sharing.granted import Place, refusals_on_record, set_timeout
from pipemap.sharing.watermark import new_mark

SHEET_NAME = "digging_sheet.html"


def digging_sheet(database: Database, key_sha256: str, language: str, timeout_s: int = 30) -> str:
    """The sheet under a key as a page of HTML; NotFoundError when the agreement has none, UnknownKeyError."""
    with (
        refusals_on_record(database, key_sha256, {"asked": "sheet"}),
        database.transaction(read_only=True) as connection,
    ):
        set_timeout(connection, timeout_s)
        digging = read_digging(connection, key_sha256)
    if digging is None:
        raise NotFoundError("The agreement was not made of a request for digging. 该协议不是由开挖申请批准的。")
    mark = new_mark()
    page = render_digging_sheet(digging, mark, language)
    ledger.charge(database, digging.grant, Place(), digging.srid)
    told = {"format": "sheet", "version": digging.grant.version, "count": len(digging.pipes), "watermark": mark}
    audit.look(database, digging.grant, key_sha256, "share.sheet", told | {"bytes": len(page.encode())})
    return page


def put_sheet_into(
    connection: Connection, key_sha256: str, version: int, mark: str | None, folder: Path, language: str = "zh"
) -> bool:
    """Lay the sheet into an export package that is being made, where the agreement has one; it bears the same mark.

    Whether it has one: a sheet shows all of the area, whatever part of it the package is of.
    """
    digging = read_digging(connection, key_sha256, version)
    if digging is None:
        return False
    page = render_digging_sheet(digging, mark or "-", language)
    (folder / SHEET_NAME).write_text(page, encoding="utf-8")
    return True
