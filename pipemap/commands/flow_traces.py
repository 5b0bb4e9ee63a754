"""`pipemap trace` along the flow of sewers (up, down, pollution, blockage) and along what is joined."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipemap.commands.flow_words import FlowWords
from pipemap.commands.session import open_database
from pipemap.commands.trace_starts import (
    AtOption,
    ClassOption,
    DatasetOption,
    GeojsonOption,
    KeyOption,
    NodeOption,
    SegmentOption,
    TypedStart,
    VersionOption,
    read_what,
    write_drawing,
)
from pipemap.terminal import JsonOption, emit_json
from pipemap.versions import resolve_version

if TYPE_CHECKING:
    from pipemap.db import Connection
    from pipemap.network import Network
    from pipemap.tracing.starts import Located
    from schemas.traces import TraceAnswer

commands = typer.Typer()
AvoidOption = Annotated[list[int] | None, typer.Option("--avoid", help="Segment not to use; may be repeated.")]
OpenOnlyOption = Annotated[bool, typer.Option("--open-only", help="Do not pass closed valves.")]
_Asked = Callable[["Connection", "Network", int | None], "TraceAnswer"]


@commands.command()
def up(
    segment: SegmentOption = None, node: NodeOption = None, key: KeyOption = None, dataset: DatasetOption = None,
    at: AtOption = None, class_code: ClassOption = None, version: VersionOption = None,
    geojson: GeojsonOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Everything that drains to a place in the sewers. 溯源（上游）分析"""
    _sewer("up", TypedStart(segment, node, key, dataset, at, class_code), version, geojson, as_json)


@commands.command()
def down(
    segment: SegmentOption = None, node: NodeOption = None, key: KeyOption = None, dataset: DatasetOption = None,
    at: AtOption = None, class_code: ClassOption = None, version: VersionOption = None,
    geojson: GeojsonOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Where the water goes from a place in the sewers. 流向（下游）分析"""
    _sewer("down", TypedStart(segment, node, key, dataset, at, class_code), version, geojson, as_json)


@commands.command()
def pollution(
    segment: SegmentOption = None, node: NodeOption = None, key: KeyOption = None, dataset: DatasetOption = None,
    at: AtOption = None, class_code: ClassOption = None, version: VersionOption = None,
    geojson: GeojsonOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Which outfalls a pollution reaches, and when at the earliest. 污染扩散分析"""
    _sewer("pollution", TypedStart(segment, node, key, dataset, at, class_code), version, geojson, as_json)


@commands.command()
def blockage(
    segment: SegmentOption = None, node: NodeOption = None, key: KeyOption = None, dataset: DatasetOption = None,
    at: AtOption = None, class_code: ClassOption = None, version: VersionOption = None,
    geojson: GeojsonOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """What a blockage holds back, and what can drain another way. 堵塞影响分析"""
    _sewer("blockage", TypedStart(segment, node, key, dataset, at, class_code), version, geojson, as_json)


@commands.command()
def connected(
    segment: SegmentOption = None, node: NodeOption = None, key: KeyOption = None, dataset: DatasetOption = None,
    at: AtOption = None, class_code: ClassOption = None, avoid: AvoidOption = None, open_only: OpenOnlyOption = False,
    version: VersionOption = None, geojson: GeojsonOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Everything that pipes in service join to a place. 连通性分析"""
    from pipemap.tracing import connectivity

    typed = TypedStart(segment, node, key, dataset, at, class_code)

    def asked(connection: "Connection", network: "Network", resolved: int | None) -> "TraceAnswer":
        start = _located(connection, network, typed, resolved)
        scope = connectivity.reachable(network, start, class_code or (), avoid or (), open_only)
        return connectivity.connected(network, start, scope)

    _answer(asked, version, geojson, as_json)


@commands.command()
def path(
    start: Annotated[str, typer.Option("--from", help="segment:ID, node:ID, key:KEY or at:EASTING:NORTHING.")],
    end: Annotated[str, typer.Option("--to", help="The same, for the other end.")],
    dataset: DatasetOption = None, class_code: ClassOption = None, avoid: AvoidOption = None,
    open_only: OpenOnlyOption = False, version: VersionOption = None, geojson: GeojsonOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """The shortest way along the pipes between two places. 最短路径分析"""
    from pipemap.tracing import connectivity

    def asked(connection: "Connection", network: "Network", resolved: int | None) -> "TraceAnswer":
        one = _located(connection, network, read_what(start, dataset, class_code), resolved)
        other = _located(connection, network, read_what(end, dataset, class_code), resolved)
        scope = connectivity.reachable(network, one, class_code or (), avoid or (), open_only)
        return connectivity.shortest_path(network, one, other, scope)

    _answer(asked, version, geojson, as_json)


@commands.command()
def loops(
    segment: SegmentOption = None, node: NodeOption = None, key: KeyOption = None, dataset: DatasetOption = None,
    at: AtOption = None, class_code: ClassOption = None, version: VersionOption = None,
    geojson: GeojsonOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Loops: pipes that can be bypassed, around a place or of a whole class. 环路分析"""
    from pipemap.tracing import connectivity

    typed = TypedStart(segment, node, key, dataset, at, class_code)

    def asked(connection: "Connection", network: "Network", resolved: int | None) -> "TraceAnswer":
        start = _located(connection, network, typed, resolved) if typed.is_named else None
        return connectivity.loops(network, start, connectivity.reachable(network, start, class_code or ()))

    _answer(asked, version, geojson, as_json)


@commands.command()
def bridges(
    segment: SegmentOption = None, node: NodeOption = None, key: KeyOption = None, dataset: DatasetOption = None,
    at: AtOption = None, class_code: ClassOption = None,
    limit: Annotated[int, typer.Option(min=1, help="The worst so many.")] = 100,
    version: VersionOption = None, geojson: GeojsonOption = None, as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Bridges: pipes that alone join two parts, around a place or of a whole class. 桥（关键连接）分析"""
    from pipemap.tracing import connectivity

    typed = TypedStart(segment, node, key, dataset, at, class_code)

    def asked(connection: "Connection", network: "Network", resolved: int | None) -> "TraceAnswer":
        start = _located(connection, network, typed, resolved) if typed.is_named else None
        return connectivity.bridges(network, start, connectivity.reachable(network, start, class_code or ()), limit)

    _answer(asked, version, geojson, as_json)


def _sewer(question: str, typed: TypedStart, version: int | None, geojson: Path | None, as_json: bool) -> None:
    from pipemap.tracing.sewers import SEWER_QUESTIONS

    def asked(connection: "Connection", network: "Network", resolved: int | None) -> "TraceAnswer":
        start = _located(connection, network, typed, resolved, is_sewer=True)
        return SEWER_QUESTIONS[question](network, start, typed.class_code or ())

    _answer(asked, version, geojson, as_json)


def _located(
    connection: "Connection", network: "Network", typed: TypedStart, version: int | None, is_sewer: bool = False
) -> "Located":
    from pipemap.tracing.starts import located
    from schemas.codetables import codes_where

    codes = sorted(codes_where("utility_class", "flow", "gravity")) if is_sewer else ()
    return located(connection, network, typed.resolved(connection, version), codes)


def _answer(asked: _Asked, version: int | None, geojson: Path | None, as_json: bool) -> None:
    # Imported here: the compiled parts are slow to load, and every other command does without them.
    from pipemap.network import load_network

    with open_database() as database, database.transaction(read_only=True) as connection:
        resolved = resolve_version(connection, version)
        network = load_network(connection, resolved)
        answer: Any = asked(connection, network, resolved)
        if geojson is not None:
            write_drawing(connection, network, answer, geojson)
    if as_json:
        emit_json(answer.model_dump())
    else:
        FlowWords().tell(answer)
