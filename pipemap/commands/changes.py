"""Commands on changesets and versions: list, show, review, publish, compare, undo."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from math import isfinite
from typing import Annotated, Any, Literal

import typer

from pipemap import changesets, versions
from pipemap.commands.change_words import ChangeWords, count_of
from pipemap.commands.session import open_database
from pipemap.commands.words import Words
from pipemap.db import Database
from pipemap.errors import ConflictError, PipemapError, UsageError
from pipemap.findings import count_findings, list_waivers
from pipemap.settings import Settings
from pipemap.steps import steps_of
from pipemap.terminal import JsonOption, LimitOption, OffsetOption, emit_json, emit_text, say

app = typer.Typer()

ChangesetArgument = Annotated[int, typer.Argument(metavar="CHANGESET", help="Number of the changeset. 变更集编号")]
Kind = Literal["node", "pipe_segment", "consumer", "structure"]
Op = Literal["insert", "update", "delete"]
KindOption = Annotated[Kind | None, typer.Option("--kind", help="node, pipe_segment, consumer or structure.")]
OpOption = Annotated[Op | None, typer.Option("--op", help="insert, update or delete.")]
ClassOption = Annotated[str | None, typer.Option("--class", help="Only features of this utility class.")]
AuthorOption = Annotated[str | None, typer.Option("--author", help="Only those of this author.")]


class State(StrEnum):
    """Where a changeset stands."""

    draft = "draft"
    checked = "checked"
    submitted = "submitted"
    approved = "approved"
    published = "published"
    rejected = "rejected"


class Prefer(StrEnum):
    """Whose value stands where both sides changed it."""

    mine = "mine"
    map = "map"


@app.command("changesets")
def list_changesets(
    state: Annotated[list[State] | None, typer.Option(help="Only those in this state; may be repeated.")] = None,
    author: AuthorOption = None,
    dataset: Annotated[str | None, typer.Option(help="Only those of this delivery series.")] = None,
    limit: LimitOption = 50,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List changesets, newest first. 列出变更集"""
    with open_database() as database, database.transaction(read_only=True) as connection:
        found = changesets.list_changesets(
            connection, state=state, author=author, dataset=dataset, limit=limit, offset=offset
        )
    if as_json:
        emit_json([asdict(changeset) for changeset in found])
        return
    ChangeWords().changesets(found)


@app.command()
def show(
    changeset_id: ChangesetArgument,
    kind: KindOption = None,
    op: OpOption = None,
    class_code: ClassOption = None,
    limit: LimitOption = 20,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Show what a changeset changes, its rows and its findings. 查看变更集"""
    with open_database() as database, database.transaction(read_only=True) as connection:
        changeset = changesets.get_changeset(connection, changeset_id)
        deltas = changesets.list_deltas(
            connection, changeset_id, kind=kind, op=op, class_code=class_code, limit=limit, offset=offset
        )
        counts = changeset.changes
        if class_code is not None:
            counts = changesets.count_changes(connection, changeset, class_code)
        findings = count_findings(connection, changeset_id)
        waivers = list_waivers(connection, changeset_id)
    if as_json:
        emit_json({**asdict(changeset), "findings": findings, "waivers": waivers, "deltas": deltas})
        return
    words = ChangeWords()
    words.changeset(changeset, findings, waivers)
    words.deltas(words.say("changes"), deltas, offset, count_of(counts, kind, op))


@app.command()
def publish(
    changeset_id: ChangesetArgument,
    message: Annotated[str, typer.Option("--message", "-m", help="What this version changes. 版本说明")],
    waive: Annotated[
        list[str] | None, typer.Option("--waive", metavar="RULE=REASON", help="Let the errors of a rule stand.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a changeset the next version of the map; a draft is checked first. 发布"""
    if not message.strip():
        raise UsageError("A version needs a message that says what it changes.")
    waivers = _waivers(waive or [])
    settings = Settings()
    with open_database(settings) as database:
        before = _check_draft(database, changeset_id)
        version = changesets.publish(
            database,
            changeset_id,
            message=message,
            author=settings.user,
            waivers=waivers,
            require_approval=settings.require_approval,
        )
        _refresh_stores(database, settings)
    if before.version is not None:
        _answer(as_json, ChangeWords().published_before(before), **_published_fields(before))
        return
    _answer(as_json, _said("published", version=version), changeset_id=changeset_id, version=version)


def _refresh_stores(database: Database, settings: Settings) -> None:
    """Bring the copies for other agencies up to what was published; it stays published when that fails."""
    from pipemap.sharing.stores import refresh_stores

    try:
        refresh_stores(database, settings.shift_key_path)
    except PipemapError as error:
        say(_said("stale", why=Words().error(error)))


@app.command()
def submit(changeset_id: ChangesetArgument, as_json: JsonOption = False) -> None:
    """Hand a checked changeset to a reviewer. 提交审核"""
    settings = Settings()
    with open_database(settings) as database:
        changesets.submit(database, changeset_id, actor=settings.user)
    _answer(as_json, _said("submitted", number=changeset_id), changeset_id=changeset_id, state="submitted")


@app.command()
def approve(changeset_id: ChangesetArgument, as_json: JsonOption = False) -> None:
    """Approve what somebody else submitted. 审核通过"""
    settings = Settings()
    with open_database(settings) as database:
        changesets.approve(database, changeset_id, reviewer=settings.user)
    _answer(as_json, _said("approved", number=changeset_id), changeset_id=changeset_id, state="approved")


@app.command()
def reject(changeset_id: ChangesetArgument, as_json: JsonOption = False) -> None:
    """Turn down somebody else's changeset. 驳回"""
    settings = Settings()
    with open_database(settings) as database:
        changesets.reject(database, changeset_id, reviewer=settings.user)
    _answer(as_json, _said("rejected", number=changeset_id), changeset_id=changeset_id, state="rejected")


@app.command()
def discard(changeset_id: ChangesetArgument, as_json: JsonOption = False) -> None:
    """Delete an unpublished changeset. 丢弃变更集"""
    settings = Settings()
    with open_database(settings) as database:
        changesets.discard(database, changeset_id, actor=settings.user)
    _answer(as_json, _said("gone", number=changeset_id), changeset_id=changeset_id, state="discarded")


@app.command()
def revert(changeset_id: ChangesetArgument, as_json: JsonOption = False) -> None:
    """Open a changeset that undoes a published one. 撤销已发布的变更集"""
    settings = Settings()
    with open_database(settings) as database:
        draft = changesets.revert(database, changeset_id, author=settings.user)
    _answer(as_json, _said("undoes", draft=draft, number=changeset_id), changeset_id=draft)


@app.command()
def rebase(
    changeset_id: ChangesetArgument,
    prefer: Annotated[Prefer | None, typer.Option(help="Whose value stands where both sides changed it.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a changeset up to date with the map. 变基"""
    settings = Settings()
    with open_database(settings) as database:
        done = changesets.rebase(database, changeset_id, actor=settings.user, prefer=prefer.value if prefer else None)
    if not as_json:
        ChangeWords().rebase(done)
    if done.conflicts:
        raise ConflictError(
            f"{done.settled} features were settled, {len(done.conflicts)} are left: {_named(done.conflicts)}. "
            "Choose with --prefer mine or --prefer map.",
            settled=done.settled,
            settled_features=[asdict(feature) for feature in done.features],
            features=[asdict(conflict) for conflict in done.conflicts],
        )
    words = _said("up_to_date", number=changeset_id, settled=done.settled)
    _answer(as_json, words, changeset_id=changeset_id, settled=done.settled, features=list(map(asdict, done.features)))


@app.command()
def log(
    author: AuthorOption = None,
    changeset: Annotated[
        int | None, typer.Option(metavar="CHANGESET", help="Instead: who did what with it. 变更集的经办记录")
    ] = None,
    limit: LimitOption = 20,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List versions, newest first; or the steps of one changeset. 版本日志"""
    if changeset is not None:
        _log_steps(changeset, as_json)
        return
    with open_database() as database, database.transaction(read_only=True) as connection:
        rows = versions.log(connection, limit=limit, offset=offset, author=author)
    if as_json:
        emit_json(rows)
        return
    ChangeWords().versions(rows)


def _log_steps(changeset_id: int, as_json: bool) -> None:
    with open_database() as database, database.transaction(read_only=True) as connection:
        steps = steps_of(connection, changeset_id)
    if as_json:
        emit_json(steps)
        return
    ChangeWords().steps(changeset_id, steps)


@app.command()
def diff(
    span: Annotated[str, typer.Argument(metavar="FROM..TO", help="Two versions or dates, as 3..5.")],
    kind: KindOption = None,
    op: OpOption = None,
    class_code: ClassOption = None,
    bbox: Annotated[str | None, typer.Option(help="min x,min y,max x,max y in the project CRS.")] = None,
    limit: LimitOption = 100,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """List what differs between two versions. 版本比较"""
    box = _box(bbox)
    with open_database() as database, database.transaction(read_only=True) as connection:
        start, end = (versions.resolve_version(connection, moment) or 0 for moment in _span(span))
        counts = versions.diff_counts(connection, start, end, box, class_code)
        deltas = versions.diff(
            connection, start, end, kind=kind, op=op, class_code=class_code, bbox=box, limit=limit, offset=offset
        )
    if as_json:
        emit_json({"from": start, "to": end, "counts": counts, "deltas": deltas})
        return
    words = ChangeWords()
    emit_text(words.counts(counts) or words.say("unchanged"))
    words.deltas(f"{start}..{end}", deltas, offset, count_of(counts, kind, op))


@app.command()
def history(
    feature: Annotated[str, typer.Argument(metavar="FEATURE", help="Feature number, or source key with --dataset.")],
    dataset: Annotated[str | None, typer.Option(help="Take FEATURE as a source key of this delivery series.")] = None,
    limit: LimitOption = 100,
    offset: OffsetOption = 0,
    as_json: JsonOption = False,
) -> None:
    """Tell the life of one feature. 要素历史"""
    with open_database() as database, database.transaction(read_only=True) as connection:
        is_number = dataset is None and feature.isdecimal()
        feature_id = int(feature) if is_number else versions.find_feature(connection, feature, dataset)
        life = versions.history(connection, feature_id)
    if as_json:
        emit_json({"feature_id": feature_id, "history": life[offset : offset + limit]})
    else:
        ChangeWords().life(feature_id, life, offset, limit)


def _check_draft(database: Database, changeset_id: int) -> changesets.Changeset:
    """The changeset as it was; a draft is checked."""
    with database.transaction(read_only=True) as connection:
        changeset = changesets.get_changeset(connection, changeset_id)
    if changeset.state == "draft":
        # Imported here: the rules are slow to load, and every other command does without them.
        from pipemap.checks import run_checks

        found = run_checks(database, changeset_id).total()
        say(_said("checked", found=found))
    return changeset


def _published_fields(changeset: changesets.Changeset) -> dict[str, Any]:
    names = ("changeset_id", "version", "reverted_by_version")
    return {name: getattr(changeset, name) for name in names} | {"was_published_already": True}


def _said(text: str, **values: object) -> str:
    return ChangeWords().say(text, **values)


def _answer(as_json: bool, words: str, **answer: Any) -> None:
    if as_json:
        emit_json(answer)
    else:
        emit_text(words)


def _named(conflicts: Iterable[changesets.Conflict]) -> str:
    listed = [f"{c.source_key} ({', '.join(c.attributes) or c.reason})" for c in conflicts]
    return ", ".join(listed[:3]) + (f" and {len(listed) - 3} more" if len(listed) > 3 else "")


def _waivers(given: list[str]) -> dict[str, str]:
    waivers = {}
    for words in given:
        rule, equals, reason = words.partition("=")
        if not (rule and equals and reason.strip()):
            raise UsageError(f"A waiver names a rule and a reason, as R17='long siphon'; {words!r} does not.")
        waivers[rule] = reason
    return waivers


def _span(words: str) -> list[int | date]:
    start, dots, end = words.partition("..")
    if not dots:
        raise UsageError(f"Give two versions or dates, as 3..5; {words!r} is one.")
    return [_moment(start), _moment(end)]


def _moment(words: str) -> int | date:
    try:
        return int(words) if words.isdecimal() else date.fromisoformat(words)
    except ValueError as error:
        raise UsageError(f"{words!r} is neither a version number nor a date such as 2026-05-01.") from error


def _box(words: str | None) -> list[float] | None:
    if words is None:
        return None
    try:
        box = [float(part) for part in words.split(",")]
    except ValueError as error:
        raise UsageError(f"{words!r} is not four numbers: min x,min y,max x,max y.") from error
    if len(box) != 4 or not all(map(isfinite, box)):
        raise UsageError(f"{words!r} is not four numbers: min x,min y,max x,max y.")
    return box
