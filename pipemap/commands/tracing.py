"""`pipemap trace`: questions that follow the pipes."""

import csv
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipemap.commands import flow_traces, outages, planned_cuts, pressure
from pipemap.commands.session import open_database
from pipemap.commands.trace_starts import VersionOption, read_place
from pipemap.commands.trace_words import TraceWords
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json
from pipemap.tracing.places import segment_by_key
from pipemap.versions import resolve_version
from schemas.criticality import CriticalityAnswer
from schemas.isolation import BurstAnswer

if TYPE_CHECKING:
    from pipemap.network import Network

app = typer.Typer()
trace = typer.Typer(help="Questions that follow the pipes. 管网分析")
app.add_typer(trace, name="trace")
trace.command()(outages.leak)
trace.command()(outages.outage)
trace.command()(pressure.pressure)
trace.add_typer(flow_traces.commands)

_CSV_COLUMNS = ("consumers", "people", "critical", "stations", "valves", "length_m")


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
    sheet: Annotated[
        Path | None, typer.Option("--sheet", help="Write the sheet for the crew, one page of A4, to this HTML file.")
    ] = None,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """What a burst does: valves to close, pipes and people without supply, what can be given back. 爆管分析"""
    # Imported here: the compiled parts are slow to load, and every other command does without them.
    from pipemap.network import load_network
    from pipemap.tracing.asking import BurstQuestion, ask_burst

    places = [read_place(text) for text in at or []]
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
            fallbacks=True,
        )
        if not (question.segment_ids or question.node_ids or places):
            raise UsageError("Name what has burst: --node, --segment, --key or --at.")
        network = load_network(connection, resolved)
        answer = ask_burst(connection, network, question)
        if sheet is not None:
            _write_sheet(sheet, connection, network, answer)
    if as_json:
        emit_json(answer.model_dump())
    else:
        TraceWords().burst(answer)


@trace.command()
def shutdown(
    cut: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME,START,END,WHAT; WHAT is segment:ID, node:ID, key:KEY or at:EASTING:NORTHING, several joined "
            "by +. For example: weld,2026-08-03T22:00,2026-08-04T05:00,node:81"
        ),
    ] = None,
    file: Annotated[Path | None, typer.Option(help="The same as a CSV with the columns name,start,end,what.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Dataset of the keys, where several have them.")] = None,
    class_code: Annotated[list[str] | None, typer.Option("--class", help="Classes to look for at a place.")] = None,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """What planned cuts do when they overlap, interval by interval. 计划停水分析"""
    from pipemap.network import load_network
    from pipemap.tracing.shutdowns import plan_shutdowns

    rows = [*(planned_cuts.read_option(text) for text in cut or []), *(planned_cuts.read_file(file) if file else [])]
    if not rows:
        raise UsageError("Name what is planned: --cut or --file.")
    with open_database() as database, database.transaction(read_only=True) as connection:
        resolved = resolve_version(connection, version)
        cuts = [
            planned_cuts.resolve(row, lambda key: segment_by_key(connection, key, dataset, resolved), class_code)
            for row in rows
        ]
        answer = plan_shutdowns(connection, load_network(connection, resolved), cuts)
    if as_json:
        emit_json(answer.model_dump(mode="json"))
    else:
        TraceWords().shutdowns(answer)


@trace.command()
def criticality(
    class_code: Annotated[str, typer.Option("--class", help="A pressure class; its whole group is told.")] = "water",
    limit: Annotated[int, typer.Option(min=1, help="The worst so many, most people first.")] = 20,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write every segment to this CSV file.")] = None,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Whom the burst of each segment would leave without supply. 管段重要性分析"""
    from pipemap.network import load_network
    from pipemap.tracing.criticality import ranked_criticality

    with open_database() as database, database.transaction(read_only=True) as connection:
        network = load_network(connection, resolve_version(connection, version))
        answer = ranked_criticality(connection, network, class_code, limit)
        if csv_file is not None:
            _write_csv(csv_file, ranked_criticality(connection, network, class_code))
    if as_json:
        emit_json(answer.model_dump())
    else:
        TraceWords().criticality(answer)


def _write_sheet(path: Path, connection: Connection, network: "Network", answer: BurstAnswer) -> None:
    from pipemap.report.burst_sheet import render_sheet

    page = render_sheet(connection, network, answer, Settings().language, datetime.now().astimezone())
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path.name} cannot be written: {error.strerror}.") from error


def _write_csv(path: Path, answer: CriticalityAnswer) -> None:
    columns = {"segment_id": answer.segment_ids, **answer.model_dump(include=set(_CSV_COLUMNS))}
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
