"""`pipemap trace`: questions that follow the pipes."""

from collections.abc import Iterable
from math import isfinite
from typing import Annotated

import typer

from pipemap.commands.session import open_database
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, emit_table, emit_text, say
from pipemap.tracing.places import answer_at, nearest_segment, segment_by_key
from pipemap.versions import resolve_version
from schemas.codetables import code_table
from schemas.isolation import BurstAnswer, BurstValve, ClickedSegment

app = typer.Typer()
trace = typer.Typer(help="Questions that follow the pipes. 管网分析")
app.add_typer(trace, name="trace")

_TITLES = {
    "zh": ("须关闭的阀门", "已关闭且不得开启的阀门", "须通知的重要用户", "受影响范围"),
    "en": ("Valves to close", "Closed valves that must stay closed", "Consumers to warn", "Without supply"),
}


@trace.callback()
def _group() -> None:
    """Keep `burst` a sub-command of its own although it is alone."""


@trace.command()
def burst(
    segment: Annotated[list[int] | None, typer.Option(help="Segment that has burst; repeat for several.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="The same by source key, for example J101->J102.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Dataset of the keys, where several have them.")] = None,
    at: Annotated[str | None, typer.Option(help="The same by place: X,Y or X,Y,Z in the project CRS.")] = None,
    class_code: Annotated[list[str] | None, typer.Option("--class", help="Classes to look for at the place.")] = None,
    version: Annotated[int | None, typer.Option(help="Version of the map; the newest by default.")] = None,
    as_json: JsonOption = False,
) -> None:
    """What a burst does: valves to close, pipes and people without supply. 爆管分析"""
    # Imported here: the compiled parts are slow to load, and every other command does without them.
    from pipemap.network import load_network
    from pipemap.tracing import isolation

    with open_database() as database, database.transaction(read_only=True) as connection:
        resolved = resolve_version(connection, version)
        segments = list(segment or [])
        segments += [segment_by_key(connection, one, dataset, resolved) for one in key or []]
        clicked = _clicked(connection, at, class_code or ["water"], resolved) if at is not None else None
        if clicked is not None:
            segments.append(clicked.segment_id)
        if not segments:
            raise UsageError("Name what has burst: --segment, --key or --at.")
        answer = isolation.burst(load_network(connection, resolved), segments)
    if clicked is not None:
        answer = answer_at(answer, clicked)
    if as_json:
        emit_json(answer.model_dump())
    else:
        _print(answer, Settings().language)


def _clicked(connection: Connection, at: str, class_codes: list[str], version: int | None) -> ClickedSegment:
    try:
        x_m, y_m, *z_m = (float(part) for part in at.split(","))
    except ValueError as error:
        raise UsageError(f"A place is X,Y or X,Y,Z in the project CRS, not {at}.") from error
    if len(z_m) > 1 or not all(map(isfinite, (x_m, y_m, *z_m))):
        raise UsageError(f"A place is X,Y or X,Y,Z in the project CRS, not {at}.")
    return nearest_segment(connection, x_m, y_m, z_m[0] if z_m else None, class_codes, version)


def _print(answer: BurstAnswer, language: str) -> None:
    close, closed, warn, lost = _TITLES.get(language, _TITLES["en"])
    if answer.clicked:
        emit_text(_taken(answer.clicked, language))
    columns = ["#", "key", "name", "address", "state", "operability", "x", "y"]
    emit_table(close, columns, _valve_rows(answer.valves_to_close))
    if answer.closed_valves_relied_on:
        emit_table(closed, columns, _valve_rows(answer.closed_valves_relied_on))
    if answer.consumers.critical:
        rows = [(one.name, one.kind_code, one.people, one.zone) for one in answer.consumers.critical]
        emit_table(warn, ["name", "kind", "people", "zone"], rows)
    isolated, dry = len(answer.isolated_segment_ids), len(answer.dry_segment_ids)
    emit_text(
        f"{lost}: {isolated} isolated segments ({answer.isolated_length_m:.0f} m), "
        f"{dry} dry ({answer.dry_length_m:.0f} m), {answer.consumers.count} consumers, "
        f"{answer.consumers.people} people, {len(answer.hydrants_lost)} hydrants"
    )
    for warning in answer.warnings:
        say(warning.message_zh if language == "zh" else warning.message_en)


def _taken(clicked: ClickedSegment, language: str) -> str:
    known = code_table("utility_class")[clicked.class_code]
    sizes = [f"{size}" for size in dict.fromkeys((clicked.width_mm, clicked.height_mm)) if size is not None]
    key, size, away = clicked.source_key or clicked.segment_id, "×".join(sizes) or "?", f"{clicked.distance_m:.2f} m"
    if language == "zh":
        return f"所取管段：{key}（{known.name_zh}，{size} mm），距所给位置 {away}"
    return f"Segment taken: {key} ({known.name_en}, {size} mm), {away} from the place given"


def _valve_rows(valves: Iterable[BurstValve]) -> Iterable[tuple[object, ...]]:
    for valve in valves:
        yield (
            valve.order,
            valve.source_key,
            valve.name,
            valve.address,
            valve.state_code,
            valve.operability_code,
            None if valve.x_m is None else f"{valve.x_m:.2f}",
            None if valve.y_m is None else f"{valve.y_m:.2f}",
        )
