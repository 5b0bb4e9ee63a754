"""Planned pipes: `pipemap design` and `pipemap route`."""

from typing import Annotated, Any

import shapely
import typer
from pydantic import ValidationError

from pipemap.commands.clearance import drawn_pipe, read_polygon
from pipemap.commands.clearance_words import ClearanceWords
from pipemap.commands.questions import CrsOption, VersionOption, numbers, srid_of
from pipemap.commands.session import open_database
from pipemap.commands.words import BURIALS_TOLD, CLASSES_TOLD
from pipemap.errors import UsageError
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, say
from schemas.routing import RouteEnd, RouteWish

app = typer.Typer()


@app.command()
def design(
    title: Annotated[str, typer.Argument(metavar="TITLE", help="What the draft shall be called.")],
    line: Annotated[str, typer.Option("--line", help='The planned pipe as "x y,x y,…" or "x y z,…".')],
    class_code: Annotated[str, typer.Option("--class", help=f"Utility class: {CLASSES_TOLD}.")],
    width_mm: Annotated[float, typer.Option("--width", help="Outer diameter or width, mm.")],
    height_mm: Annotated[float | None, typer.Option("--height", help="Outer height where it is a box, mm.")] = None,
    casing_mm: Annotated[float | None, typer.Option("--casing", help="Outer diameter of a casing, mm.")] = None,
    cover_depth_m: Annotated[
        float | None, typer.Option("--cover", help="From the ground to the top of a line without z, m.")
    ] = None,
    burial_code: Annotated[str | None, typer.Option("--burial", help=f"How it is laid: {BURIALS_TOLD}.")] = None,
    pressure_mpa: Annotated[float | None, typer.Option("--pressure", help="Design pressure, MPa.")] = None,
    voltage_kv: Annotated[float | None, typer.Option("--voltage", help="Nominal voltage, kV.")] = None,
    from_node_id: Annotated[int | None, typer.Option("--from-node", help="Node of the map its start joins.")] = None,
    to_node_id: Annotated[int | None, typer.Option("--to-node", help="Node of the map its end joins.")] = None,
    crs: CrsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Save a drawn pipe as a draft changeset and tell what it would be too near to. 方案管线存为草稿"""
    from pipemap.routing.designs import read_design, save_design

    pipe = drawn_pipe(
        line=line, class_code=class_code, width_mm=width_mm, height_mm=height_mm, casing_mm=casing_mm,
        cover_depth_m=cover_depth_m, burial_code=burial_code, pressure_mpa=pressure_mpa, voltage_kv=voltage_kv,
        from_node_id=from_node_id, to_node_id=to_node_id,
    )  # fmt: skip
    settings = Settings()
    with open_database(settings) as database:
        number = save_design(database, pipe, title=title, author=settings.user, line_srid=srid_of(crs))
        with database.transaction(read_only=True) as connection:
            saved = read_design(connection, number)
    if as_json:
        emit_json(saved.model_dump(mode="json"))
        return
    ClearanceWords().design(saved)


@app.command()
def route(
    start: Annotated[str, typer.Option("--from", help="Where it begins: x,y or node:ID.")],
    end: Annotated[str, typer.Option("--to", help="Where it ends: x,y or node:ID.")],
    class_code: Annotated[str, typer.Option("--class", help=f"Utility class: {CLASSES_TOLD}.")],
    width_mm: Annotated[float, typer.Option("--width", help="Outer diameter or width, mm.")],
    height_mm: Annotated[float | None, typer.Option("--height", help="Outer height where it is a box, mm.")] = None,
    casing_mm: Annotated[float | None, typer.Option("--casing", help="Outer diameter of a casing, mm.")] = None,
    along: Annotated[str | None, typer.Option("--along", help='Middle of the corridor as "x y,x y,…".')] = None,
    half_width_m: Annotated[float, typer.Option("--half-width", help="With --along: to either side of it, m.")] = 10.0,
    corridor: Annotated[
        str | None, typer.Option("--corridor", help="Instead: its outline, WKT or a GeoJSON file.")
    ] = None,
    cover_depth_m: Annotated[
        float | None, typer.Option("--cover", help="Least cover; the rules' by default, m.")
    ] = None,
    deepest_cover_m: Annotated[
        float | None, typer.Option("--deepest", help="Greatest cover; 2 m more than the least by default.")
    ] = None,
    burial_code: Annotated[str | None, typer.Option("--burial", help=f"How it is laid: {BURIALS_TOLD}.")] = None,
    pressure_mpa: Annotated[float | None, typer.Option("--pressure", help="Design pressure, MPa.")] = None,
    voltage_kv: Annotated[float | None, typer.Option("--voltage", help="Nominal voltage, kV.")] = None,
    cross_unknown: Annotated[bool, typer.Option("--cross-unknown", help="Cross pipes of unknown height.")] = False,
    title: Annotated[str | None, typer.Option("--save", help="Save what is found as a draft of this title.")] = None,
    version: VersionOption = None,
    crs: CrsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Propose the cheapest route of a new pipe that keeps every clearance, or tell what stands in its way. 路由方案"""
    from pipemap.routing.proposing import propose_route

    wish = _wish(
        start=_route_end(start), end=_route_end(end), class_code=class_code, width_mm=width_mm,
        height_mm=height_mm, casing_mm=casing_mm, cover_depth_m=cover_depth_m, deepest_cover_m=deepest_cover_m,
        burial_code=burial_code, pressure_mpa=pressure_mpa, voltage_kv=voltage_kv, cross_unknown=cross_unknown,
    )  # fmt: skip
    polygon, settings = _corridor(along, half_width_m, corridor), Settings()
    with open_database(settings) as database:
        with database.transaction(read_only=True) as connection:
            found = propose_route(connection, wish, polygon, version, srid_of(crs))
        if title is not None and found.found and found.pipe is not None:
            from pipemap.routing.designs import save_design

            number = save_design(database, found.pipe, title=title, author=settings.user)
            say(ClearanceWords().say("saved", number=number))
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    ClearanceWords().route(found)


def _corridor(along: str | None, half_width_m: float, corridor: str | None) -> shapely.Polygon:
    from pipemap.routing.proposing import corridor_along

    if (along is None) == (corridor is None):
        raise UsageError("Give the corridor by one of --along, its middle, and --corridor, its outline.")
    if along is None:
        return read_polygon(corridor or "", "--corridor")
    if half_width_m <= 0:
        raise UsageError("--half-width takes metres greater than 0.")
    places = [numbers(place.strip().replace(" ", ","), "--along", 2, 2) for place in along.split(",")]
    return corridor_along([(x, y) for x, y in places], half_width_m)


def _route_end(text: str) -> RouteEnd:
    kind, _, node_id = text.partition(":")
    if kind == "node" and node_id.isdecimal():
        return RouteEnd(node_id=int(node_id))
    x, y = numbers(text, "--from and --to", 2, 2)
    return RouteEnd(at=(x, y))


def _wish(**attributes: Any) -> RouteWish:
    try:
        return RouteWish(**attributes)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"The pipe cannot be read: {first['loc'][0]}: {first['msg']}.") from error
