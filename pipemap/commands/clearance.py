"""What lies too near: `pipemap clearance`."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import shapely
import typer
from pydantic import ValidationError
from shapely.errors import ShapelyError

from pipemap.clearance.drawn import line_clearance
from pipemap.clearance.dug import polygon_clearance
from pipemap.clearance.questions import segment_clearance
from pipemap.clearance.stored import changeset_clearance, stored_conflict, stored_conflicts, stored_run, why_outdated
from pipemap.commands.clearance_words import ClearanceWords
from pipemap.commands.questions import VersionOption, numbers, srid_of
from pipemap.commands.session import open_database
from pipemap.commands.words import BURIALS_TOLD, CLASSES_TOLD
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.terminal import JsonOption, LimitOption, emit_json, progress, say
from schemas.clearance import ClearanceAnswer, DrawnPipe, StoredConflicts

app = typer.Typer()


@app.command()
def clearance(
    segment_id: Annotated[int | None, typer.Option("--segment", help="A pipe of the map by its number.")] = None,
    line: Annotated[str | None, typer.Option("--line", help='A drawn pipe as "x y,x y,…" or "x y z,…".')] = None,
    polygon: Annotated[
        str | None,
        typer.Option("--polygon", help="What is to be dug, WKT or a GeoJSON file; with --z-min and --z-max."),
    ] = None,
    changeset_id: Annotated[
        int | None, typer.Option("--changeset", help="What a changeset brings, against the map.")
    ] = None,
    city: Annotated[
        bool, typer.Option("--city", help="The whole version, kept; goes on where it was stopped.")
    ] = False,
    conflict: Annotated[
        str | None, typer.Option("--conflict", help="One that --city found, by the numbers of its sides: 5660-6012.")
    ] = None,
    since: Annotated[
        int | None,
        typer.Option("--since", help="With --city: only what is new since this version, which was judged before."),
    ] = None,
    certain: Annotated[bool, typer.Option("--certain", help="With --city: only what is beyond doubt.")] = False,
    limit: LimitOption = 100,
    z_min_m: Annotated[float | None, typer.Option("--z-min", help="Bottom of the body in metres.")] = None,
    z_max_m: Annotated[float | None, typer.Option("--z-max", help="Top of the body in metres.")] = None,
    class_code: Annotated[
        str | None, typer.Option("--class", help=f"Utility class of the line or planned work: {CLASSES_TOLD}.")
    ] = None,
    width_mm: Annotated[float | None, typer.Option("--width", help="Outer diameter or width of the line, mm.")] = None,
    height_mm: Annotated[float | None, typer.Option("--height", help="Outer height where it is a box, mm.")] = None,
    casing_mm: Annotated[float | None, typer.Option("--casing", help="Outer diameter of a casing, mm.")] = None,
    cover_depth_m: Annotated[
        float | None, typer.Option("--cover", help="From the ground to the top of a line without z, m.")
    ] = None,
    burial_code: Annotated[str | None, typer.Option("--burial", help=f"How the line is laid: {BURIALS_TOLD}.")] = None,
    pressure_mpa: Annotated[float | None, typer.Option("--pressure", help="Design pressure of the line, MPa.")] = None,
    voltage_kv: Annotated[float | None, typer.Option("--voltage", help="Nominal voltage of the line, kV.")] = None,
    version: VersionOption = None,
    crs: Annotated[str | None, typer.Option("--crs", help="CRS of the line or polygon; by default the map's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what is too near a pipe or a drawn line, or what a body to be dug would meet. 净距与碰撞分析"""
    asked = [segment_id, line, polygon, changeset_id, city or None, conflict]
    if len(asked) - asked.count(None) != 1:
        raise UsageError("Ask for one: --city, --conflict, --changeset, --line, or either --segment or --polygon.")
    if conflict is not None:
        _tell_conflict(conflict, version, as_json)
        return
    if city:
        _judge_city(version, since, certain, limit, as_json)
        return
    srid = srid_of(crs)
    if line is not None:
        pipe = drawn_pipe(
            line=line, class_code=class_code, width_mm=width_mm, height_mm=height_mm, cover_depth_m=cover_depth_m,
            burial_code=burial_code, pressure_mpa=pressure_mpa, voltage_kv=voltage_kv, casing_mm=casing_mm,
        )  # fmt: skip
        answer = _asked(lambda connection: line_clearance(connection, pipe, version, srid))
    elif changeset_id is not None:
        number = changeset_id
        answer = _asked(lambda connection: changeset_clearance(connection, number))
    elif polygon is None:
        answer = _asked(lambda connection: segment_clearance(connection, segment_id or 0, version))
    elif z_min_m is None or z_max_m is None:
        raise UsageError("A body needs --z-min and --z-max, its lower and upper elevation in metres.")
    else:
        body, low_m, high_m = read_polygon(polygon), z_min_m, z_max_m
        answer = _asked(
            lambda connection: polygon_clearance(connection, body, low_m, high_m, class_code, version, srid)
        )
    if as_json:
        emit_json(answer.model_dump(mode="json"))
        return
    ClearanceWords().clearance(answer)


def _judge_city(version: int | None, since: int | None, certain: bool, limit: int, as_json: bool) -> None:
    """Run what is left of the city-wide judgement, then tell its counts and its worst conflicts."""
    from pipemap.clearance.running import run_city

    words = ClearanceWords()
    with open_database() as database:
        with progress() as bar:
            task = bar.add_task(words.say("judging"), total=None)
            run = run_city(database, version, on_tile=lambda done, total: bar.update(task, completed=done, total=total))
        say(words.say("judged", version=run.version, now=run.tiles_now, before=run.tiles_before))
        with database.transaction(read_only=True) as connection:
            stored = stored_run(connection, run.version)
            conflicts = stored_conflicts(connection, run.version, since=since, certain=certain, limit=limit)
    found = StoredConflicts(run=stored, since=since, conflicts=tuple(conflicts))
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    words.city(found)


def _tell_conflict(pair: str, version: int | None, as_json: bool) -> None:
    """One stored conflict with the move that clears it; a number alone stands for the cover of that segment."""
    sides = pair.split("-")
    if len(sides) > 2 or not all(side.isdecimal() and len(side) < 19 for side in sides):
        raise UsageError(f"--conflict takes the numbers of both sides, such as 5660-6012; not {pair[:60]}.")
    segment_id, other_id = int(sides[0]), int(sides[1]) if len(sides) == 2 else None
    words = ClearanceWords()
    with open_database() as database, database.transaction(read_only=True) as connection:
        found = stored_conflict(connection, segment_id, other_id, version)
        outdated = why_outdated(connection, version)
    if outdated is not None:
        say(words.of(*outdated))
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    words.conflict(found)


def _asked(question: Callable[[Connection], ClearanceAnswer]) -> ClearanceAnswer:
    with open_database() as database, database.transaction(read_only=True) as connection:
        return question(connection)


def drawn_pipe(line: str, option: str = "--line", **attributes: Any) -> DrawnPipe:
    """A drawn pipe from its options, its line from the one named; UsageError for one that cannot be read."""
    if attributes["class_code"] is None or attributes["width_mm"] is None:
        raise UsageError("A drawn line needs --class and --width, its outer size in millimetres.")
    points = [numbers(point.strip().replace(" ", ","), option, 2, 3) for point in line.split(",")]
    try:
        return DrawnPipe(line=tuple(map(tuple, points)), **attributes)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"The line cannot be read: {first['loc'][0]}: {first['msg']}.") from error


def read_polygon(text: str, option: str = "--polygon") -> shapely.Polygon:
    """The polygon of an option, WKT or the name of a GeoJSON file."""
    try:
        path = Path(text)
        if text.lstrip().upper().startswith("POLYGON"):
            geometry = shapely.from_wkt(text)
        else:
            geometry = shapely.from_geojson(path.read_bytes())
    except (ShapelyError, OSError) as error:
        raise UsageError(f"{option} takes a polygon as WKT, or the name of a GeoJSON file that holds one.") from error
    if isinstance(geometry, shapely.GeometryCollection) and len(geometry.geoms) == 1:
        geometry = geometry.geoms[0]
    if not isinstance(geometry, shapely.Polygon):
        raise UsageError(f"{option} takes one polygon; this is a {geometry.geom_type}.")
    return geometry
