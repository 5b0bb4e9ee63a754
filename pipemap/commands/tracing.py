"""`pipemap trace`: questions that follow the pipes."""

from math import isfinite
from typing import Annotated

import typer

from pipemap.commands.session import open_database
from pipemap.commands.trace_words import Words
from pipemap.errors import UsageError
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json
from pipemap.tracing.places import segment_by_key
from pipemap.versions import resolve_version

app = typer.Typer()
trace = typer.Typer(help="Questions that follow the pipes. 管网分析")
app.add_typer(trace, name="trace")

_Place = tuple[float, float, float | None]
VersionOption = Annotated[int | None, typer.Option("--version", help="Version of the map; the newest by default.")]


@trace.callback()
def _group() -> None:
    """Keep sub-commands of their own."""


@trace.command()
def burst(
    segment: Annotated[list[int] | None, typer.Option(help="Segment that has burst; repeat for several.")] = None,
    node: Annotated[list[int] | None, typer.Option(help="Node that has burst; repeat for several.")] = None,
    key: Annotated[list[str] | None, typer.Option(help="Segment by source key, for example J101->J102.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Dataset of the keys, where several have them.")] = None,
    at: Annotated[list[str] | None, typer.Option(help="Segment by place: X,Y or X,Y,Z in the project CRS.")] = None,
    class_code: Annotated[list[str] | None, typer.Option("--class", help="Classes to look for at a place.")] = None,
    inaccessible: Annotated[list[int] | None, typer.Option(help="Node of a valve that cannot be closed.")] = None,
    opened: Annotated[
        list[int] | None, typer.Option("--open", help="Node of a closed valve that is opened to feed from elsewhere.")
    ] = None,
    radius_m: Annotated[
        float, typer.Option("--radius", min=0, max=100, help="Look for other utilities so far around, in m.")
    ] = 5.0,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a burst does: valves to close, pipes and people without supply, what can be given back. 爆管分析"""
    # Imported here: the compiled parts are slow to load, and every other command does without them.
    from pipemap.network import load_network
    from pipemap.tracing.asking import BurstQuestion, ask_burst

    places = [_read_place(text) for text in at or []]
    with open_database() as database, database.transaction(read_only=True) as connection:
        resolved = resolve_version(connection, version)
        segments = [segment_by_key(connection, one, dataset, resolved) for one in key or []]
        question = BurstQuestion(
            segment_ids=[*(segment or []), *segments],
            node_ids=node or (),
            places=places,
            class_codes=class_code or ("water",),
            inaccessible=inaccessible or (),
            opened=opened or (),
            radius_m=radius_m,
        )
        if not (question.segment_ids or question.node_ids or places):
            raise UsageError("Name what has burst: --node, --segment, --key or --at.")
        answer = ask_burst(connection, load_network(connection, resolved), question)
    if as_json:
        emit_json(answer.model_dump())
    else:
        Words(Settings().language).burst(answer)


def _read_place(text: str) -> _Place:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(map(isfinite, numbers)):
        raise UsageError(f"A place is X,Y or X,Y,Z in the project CRS, not {text}.")
    return numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None
