"""`pipemap trace leak` and `pipemap trace outage`: gas that leaks, cables that are cut."""

from typing import Annotated

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
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json
from pipemap.versions import resolve_version


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
    from pipemap.network import load_network
    from pipemap.tracing.drawing import with_features
    from pipemap.tracing.leaks import ask_leak, drawn_roles

    typed = TypedStart(segment, node, key, dataset, at, class_code)
    with open_database() as database, database.transaction(read_only=True) as connection:
        resolved = resolve_version(connection, version)
        network = load_network(connection, resolved)
        answer = ask_leak(connection, network, typed.resolved(connection, resolved), radius_m)
        if geojson is not None:
            drawn = with_features(connection, network, answer, drawn_roles(answer), drawing_srid(connection))
            write_geojson(drawn.geojson, geojson)
    if as_json:
        emit_json(answer.model_dump())
    else:
        OutageWords(Settings().language).leak(answer)


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
    from pipemap.network import load_network
    from pipemap.tracing.drawing import with_features
    from pipemap.tracing.outages import ask_outage, drawn_roles

    typed = TypedStart(segment, node, key, dataset, at, class_code)
    with open_database() as database, database.transaction(read_only=True) as connection:
        resolved = resolve_version(connection, version)
        network = load_network(connection, resolved)
        answer = ask_outage(connection, network, typed.resolved(connection, resolved))
        if geojson is not None:
            drawn = with_features(connection, network, answer, drawn_roles(answer), drawing_srid(connection))
            write_geojson(drawn.geojson, geojson)
    if as_json:
        emit_json(answer.model_dump())
    else:
        OutageWords(Settings().language).outage(answer)
