"""What a dig meets: `pipemap excavation`."""

from typing import Annotated

import typer

from pipemap.commands.clearance import read_polygon
from pipemap.commands.questions import CrsOption, VersionOption, srid_of
from pipemap.commands.session import open_database
from pipemap.commands.words import Words, metres
from pipemap.errors import UsageError
from pipemap.terminal import JsonOption, emit_json, emit_text
from pipemap.versions import resolve_version
from schemas.excavation import Dig, Excavation, Shutoff
from schemas.isolation import BurstValve, NodePlace

app = typer.Typer()
_COLUMNS = ("state", "key", "class", "owner", "starts at m", "gap m", "inside m", "hand dig from m")


@app.command()
def excavation(
    polygon: Annotated[str, typer.Option("--polygon", help="Outline of the dig, WKT or a GeoJSON file.")],
    depth_m: Annotated[float | None, typer.Option("--depth", help="Below the ground, all over, in metres.")] = None,
    z_min_m: Annotated[
        float | None, typer.Option("--z-min", help="Instead of --depth: its lower elevation, m.")
    ] = None,
    z_max_m: Annotated[float | None, typer.Option("--z-max", help="With --z-min: its upper elevation, m.")] = None,
    hand_dig_m: Annotated[
        float, typer.Option("--hand-dig", min=0.01, help="Within so much of a wall only hands dig; JGJ 33-2012 5.1.4.")
    ] = 1.0,
    version: VersionOption = None,
    crs: CrsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a dig meets, how deep, what to shut off, whom to call and where only hands may dig. 开挖分析"""
    from pipemap.excavating import asking
    from pipemap.network import load_network

    if depth_m is not None and not 0 < depth_m <= 100:
        raise UsageError("A dig is up to 100 m deep.")
    dig = Dig(depth_m=depth_m, z_min_m=z_min_m, z_max_m=z_max_m, hand_dig_m=hand_dig_m)
    with open_database() as database, database.transaction(read_only=True) as connection:
        resolved = resolve_version(connection, version)
        area = read_polygon(polygon)
        found = asking.excavation(
            connection, area, dig, lambda: load_network(connection, resolved), version, srid_of(crs)
        )
        found = asking.with_telephones(connection, found)
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    _show(found, Words())


def _show(found: Excavation, words: Words) -> None:
    met = found.counts.get("met", 0)
    title = words.of(
        f"{met} pipes met, {len(found.meetings)} told (version {found.version})",
        f"相碰 {met} 条，共列 {len(found.meetings)} 条（版本 {found.version}）",
    )
    rows = (
        (
            words.term(one.state), one.source_key, words.class_(one.class_code), one.owner or "?",
            metres(one.starts_at_m), metres(one.gap_m), metres(one.inside_m), metres(one.hand_dig_from_m),
        )
        for one in found.meetings
    )  # fmt: skip
    words.table(title, _COLUMNS, rows)
    for shutoff in found.shutoffs:
        emit_text(_shutoff_words(shutoff, words))
    owners = (
        (one.owner or "?", one.telephone or "", len(one.segment_ids), words.listed(map(words.class_, one.class_codes)))
        for one in found.owners
    )
    words.table(words.of("To call", "需联系的权属单位"), ("owner", "telephone", "pipes", "classes"), owners)
    for structure in found.structures:
        emit_text(f"{words.code('structure_kind', structure.kind_code)} {structure.name}: {structure.distance_m:.2f} m")
    emit_text(_quantities(found, words))


def _shutoff_words(shutoff: Shutoff, words: Words) -> str:
    group = words.term(shutoff.group_code)
    if shutoff.message_en:
        return words.of(f"{group}: {shutoff.message_en}", f"{group}：{shutoff.message_zh}")
    places: list[BurstValve | NodePlace] = [*shutoff.valves, *shutoff.sources]
    names = words.listed(map(_name, places))
    return words.of(
        f"{group}: close in order {names}; {shutoff.consumers} consumers without supply.",
        f"{group}：依次关闭 {names}；影响用户 {shutoff.consumers} 户。",
    )


def _name(place: BurstValve | NodePlace) -> str:
    return place.name or place.source_key or str(place.node_id)


def _quantities(found: Excavation, words: Words) -> str:
    hand = "?" if found.hand_dig_volume_m3 is None else f"{found.hand_dig_volume_m3:.1f}"
    depth = "-" if found.machine_depth_m is None else f"{found.machine_depth_m:.2f}"
    wall = f"{found.dig.hand_dig_m:g}"
    return words.of(
        f"Area {found.area_m2:.1f} m², volume {found.volume_m3:.1f} m³; by hand within {wall} m of walls: "
        f"{found.hand_dig_area_m2:.1f} m², {hand} m³; machines all over down to {depth} m below the ground.",
        f"面积 {found.area_m2:.1f} m²，挖方 {found.volume_m3:.1f} m³；管壁 {wall} m 以内须人工开挖 "
        f"{found.hand_dig_area_m2:.1f} m²、{hand} m³；机械开挖全范围可至地面下 {depth} m。",
    )
