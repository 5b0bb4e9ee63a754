"""`pipemap trace leak` and `pipemap trace outage`: gas that leaks, cables that are cut."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipemap.commands.outage_words import OutageWords
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
    drawing_srid,
    write_geojson,
)
from pipemap.terminal import JsonOption, emit_json
from pipemap.versions import resolve_version

if TYPE_CHECKING:
    from pipemap.db import Connection
    from pipemap.network import Network
    from pipemap.tracing.starts import Start


def leak(
    segment: SegmentOption = None,
    node: NodeOption = None,
    key: KeyOption = None,
    dataset: DatasetOption = None,
    at: AtOption = None,
    class_code: ClassOption = None,
    radius_m: Annotated[float, typer.Option("--radius", min=0, max=200, help="So far around in space, in m.")] = 10.0,
    geojson: GeojsonOption = None,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where leaking gas can gather: chambers, ducts, sewers, tunnels, basements near by. 燃气泄漏影响空间"""
    from pipemap.tracing.leaks import ask_leak, drawn_roles

    typed = TypedStart(segment, node, key, dataset, at, class_code)
    answer = _answered(partial(ask_leak, radius_m=radius_m), typed, version, drawn_roles, geojson)
    if as_json:
        emit_json(answer.model_dump())
    else:
        OutageWords().leak(answer)


def outage(
    segment: SegmentOption = None,
    node: NodeOption = None,
    key: KeyOption = None,
    dataset: DatasetOption = None,
    at: AtOption = None,
    class_code: ClassOption = None,
    geojson: GeojsonOption = None,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """Which power and telecom circuits a cut cable, duct, tunnel or cabinet takes down. 电力通信中断分析"""
    from pipemap.tracing.outages import ask_outage, drawn_roles

    typed = TypedStart(segment, node, key, dataset, at, class_code)
    answer = _answered(ask_outage, typed, version, drawn_roles, geojson)
    if as_json:
        emit_json(answer.model_dump())
    else:
        OutageWords().outage(answer)


def _answered(
    ask: "Callable[[Connection, Network, Start], Any]",
    typed: TypedStart,
    version: int | None,
    roles: "Callable[[Any], dict[str, dict[int, str]]]",
    geojson: Path | None,
) -> Any:
    """What a question of one version answers; its drawing goes to a file when one is named."""
    from pipemap.network import load_network
    from pipemap.tracing.drawing import with_features

    with open_database() as database, database.transaction(read_only=True) as connection:
        resolved = resolve_version(connection, version)
        network = load_network(connection, resolved)
        answer = ask(connection, network, typed.resolved(connection, resolved))
        if geojson is not None:
            drawn = with_features(connection, network, answer, roles(answer), drawing_srid(connection))
            write_geojson(drawn.geojson, geojson)
    return answer
