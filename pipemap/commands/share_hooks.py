"""`pipemap share hook`, `hooks` and `hook-…`: where agencies are told of changes, and what is done with that."""

from collections.abc import Callable
from typing import Annotated, Any

import typer

from pipemap.commands.session import open_database
from pipemap.commands.words import Words
from pipemap.db import Connection
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, LimitOption, OffsetOption, emit_json, emit_text, say

app = typer.Typer()
HookArgument = Annotated[
    int, typer.Argument(metavar="WEBHOOK", help="Number of the webhook, as `pipemap share hooks` says. 回调编号")
]

_COLUMNS = ["webhook", "agency", "agreement", "url", "state", "told up to", "last message", "fault"]


@app.command(name="hooks")
def list_hooks(limit: LimitOption = 100, offset: OffsetOption = 0, as_json: JsonOption = False) -> None:
    """List where agencies want to be told of changes, and what came of the last message. 列出回调"""
    from pipemap.sharing import hooks

    with open_database() as database, database.transaction(read_only=True) as connection:
        rows = hooks.list_hooks(connection, limit=limit, offset=offset)
    if as_json:
        emit_json(rows)
    else:
        words = Words()
        words.table(words.of("Webhooks", "回调"), _COLUMNS, [_cells(row, words) for row in rows])


@app.command()
def hook(
    agreement: Annotated[int, typer.Argument(metavar="AGREEMENT", help="As `pipemap share list` says. 协议编号")],
    url: Annotated[str, typer.Argument(metavar="URL", help="An https address that the agency listens at.")],
    as_json: JsonOption = False,
) -> None:
    """Register a webhook for an agency, under a key of its own; the secret is shown this once. 登记回调"""
    from pipemap.sharing import hooks
    from pipemap.sharing.agreements import hash_key, issue_key
    from pipemap.sharing.hooks import Sender

    settings = Settings()
    sender = Sender.of(settings)
    sender.policy.parsed(url)
    with open_database(settings) as database:
        with database.transaction() as connection:
            key = issue_key(connection, agreement, settings.user)
        made = hooks.register(database, hash_key(key), url, sender)
    if as_json:
        emit_json({"hook_id": made.hook_id, "secret": made.secret})
    else:
        words = Words()
        say(
            words.of(
                "This is the only time the secret is shown; hand it over by a safe way. It still has to be approved.",
                "口令仅显示这一次，请以安全方式交付。该回调尚待批准。",
            )
        )
        emit_text(words.of(f"Webhook {made.hook_id}: {made.secret}", f"回调 {made.hook_id}：{made.secret}"))


@app.command()
def hook_approve(number: HookArgument, as_json: JsonOption = False) -> None:
    """Let messages go to a webhook from now on; one that has ended lives again. 批准回调"""
    from pipemap.sharing import hooks
    from pipemap.sharing.posting import HookPolicy

    _done(number, as_json, lambda connection, by: hooks.approve(connection, number, by.user, HookPolicy.of(by)))


@app.command()
def hook_pause(number: HookArgument, as_json: JsonOption = False) -> None:
    """Tell a webhook nothing for now. 暂停回调"""
    from pipemap.sharing import hooks

    _done(number, as_json, lambda connection, by: hooks.pause(connection, number, by.user))


@app.command()
def hook_resume(number: HookArgument, as_json: JsonOption = False) -> None:
    """Go on with a paused webhook, which is told of all there was meanwhile. 恢复回调"""
    from pipemap.sharing import hooks
    from pipemap.sharing.posting import HookPolicy

    _done(number, as_json, lambda connection, by: hooks.resume(connection, number, by.user, HookPolicy.of(by)))


@app.command()
def hook_again(number: HookArgument, as_json: JsonOption = False) -> None:
    """Send the last message of a webhook again; one that has ended goes on from there. 重发通知"""
    from pipemap.sharing import hooks
    from pipemap.sharing.posting import HookPolicy

    _done(number, as_json, lambda connection, by: hooks.send_again(connection, number, by.user, HookPolicy.of(by)))


@app.command()
def hook_end(number: HookArgument, as_json: JsonOption = False) -> None:
    """End a webhook. 停用回调"""
    from pipemap.sharing import hooks

    _done(number, as_json, lambda connection, by: hooks.end(connection, number, by.user))


def _done(number: int, as_json: bool, step: Callable[[Connection, Settings], None]) -> None:
    """Take a step with a webhook, and tell how it stands then."""
    from pipemap.sharing import hooks

    settings = Settings()
    with open_database(settings) as database, database.transaction() as connection:
        step(connection, settings)
        row = hooks.read_hook(connection, number)
    _told(row, as_json)


def _told(row: dict[str, Any], as_json: bool) -> None:
    if as_json:
        emit_json(row)
    else:
        words, number, agency = Words(), row["hook_id"], row["agency"]
        state = words.term(row["state"])
        emit_text(words.of(f"Webhook {number} of {agency}: {state}.", f"{agency}的回调 {number}：{state}。"))


def _cells(row: dict[str, Any], words: Words) -> list[Any]:
    last = row["last_delivery"] or {}
    message = f"{last['since']}..{last['until']} {words.term(last['state'])} ({last['attempts']})" if last else ""
    fault = row["ended_reason"] or last.get("fault") or ""
    kept = [row[name] for name in ("hook_id", "agency", "agreement_id", "url")]
    return [*kept, words.term(row["state"]), row["version"], message, fault]
