"""What a dig meets: `pipemap excavation`."""

from typing import Annotated

import typer

from pipemap.commands.clearance import read_polygon
from pipemap.commands.questions import CrsOption, VersionOption, srid_of
from pipemap.commands.session import open_database
from pipemap.errors import UsageError
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, emit_table, emit_text
from pipemap.versions import resolve_version
from schemas.codetables import code_table
from schemas.excavation import Dig, Excavation, Shutoff
from schemas.isolation import BurstValve, NodePlace

app = typer.Typer()
_STATES = {"met": "相碰", "under": "坑底以下", "beside": "坑侧", "cannot_tell": "深度不明"}
_COLUMNS = ("starts_at_m", "gap_m", "inside_m", "hand_dig_from_m")


@app.command()
def excavation(
    polygon: Annotated[str, typer.Option("--polygon", help="WKT or a GeoJSON file.")],
    depth_m: Annotated[float | None, typer.Option("--depth", help="Below the ground, all over, in metres.")] = None,
    z_min_m: Annotated[float | None, typer.Option("--z-min", help="Instead of a depth: lower elevation.")] = None,
    z_max_m: Annotated[float | None, typer.Option("--z-max", help="Its upper elevation.")] = None,
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
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    _show(found, Settings().language == "zh")


def _show(found: Excavation, in_chinese: bool) -> None:
    title = f"{found.counts.get('met', 0)} met 相碰 (version {found.version})"
    rows = [
        (
            _STATES[one.state] if in_chinese else one.state,
            one.source_key,
            _class_name(one.class_code, in_chinese),
            one.owner or "?",
            *("?" if (value := getattr(one, name)) is None else round(value, 2) for name in _COLUMNS),
        )
        for one in found.meetings
    ]
    emit_table(title, ("state", "key", "class", "owner", "starts at m", "gap m", "inside m", "hand dig from m"), rows)
    for shutoff in found.shutoffs:
        emit_text(_shutoff_words(shutoff, in_chinese))
    owners = ((one.owner or "?", len(one.segment_ids), ", ".join(one.class_codes)) for one in found.owners)
    emit_table("To call 需联系的权属单位", ("owner", "pipes", "classes"), owners)
    for structure in found.structures:
        emit_text(f"{structure.kind_code} {structure.name}: {structure.distance_m:.2f} m")
    emit_text(_quantities(found, in_chinese))


def _shutoff_words(shutoff: Shutoff, in_chinese: bool) -> str:
    if shutoff.message_en:
        return f"{shutoff.group_code}: {shutoff.message_zh if in_chinese else shutoff.message_en}"
    places: list[BurstValve | NodePlace] = [*shutoff.valves, *shutoff.sources]
    names = [_name(each) for each in places]
    if in_chinese:
        return f"{shutoff.group_code}：依次关闭 {'、'.join(names)}；影响用户 {shutoff.consumers} 户。"
    return f"{shutoff.group_code}: close in order {', '.join(names)}; {shutoff.consumers} consumers without supply."


def _name(place: BurstValve | NodePlace) -> str:
    return place.name or place.source_key or str(place.node_id)


def _quantities(found: Excavation, in_chinese: bool) -> str:
    hand = "?" if found.hand_dig_volume_m3 is None else f"{found.hand_dig_volume_m3:.1f}"
    depth = "-" if found.machine_depth_m is None else f"{found.machine_depth_m:.2f}"
    if in_chinese:
        return (
            f"面积 {found.area_m2:.1f} m²，挖方 {found.volume_m3:.1f} m³；"
            f"管壁 {found.dig.hand_dig_m:g} m 以内须人工开挖 "
            f"{found.hand_dig_area_m2:.1f} m²、{hand} m³；机械开挖全范围可至地面下 {depth} m。"
        )
    return (
        f"Area {found.area_m2:.1f} m², volume {found.volume_m3:.1f} m³; by hand within {found.dig.hand_dig_m:g} m of "
        f"walls: {found.hand_dig_area_m2:.1f} m², {hand} m³; machines all over down to {depth} m below the ground."
    )


def _class_name(code: str, in_chinese: bool) -> str:
    known = code_table("utility_class").get(code)
    return code if known is None else known.name_zh if in_chinese else known.name_en
