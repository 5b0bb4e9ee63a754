"""Where a new pipe has room: `pipemap room`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from pipemap.commands.questions import CrsOption, VersionOption, numbers, srid_of
from pipemap.commands.sections import DxfOption, LanguageOption, PngOption, SvgOption, Words, write_drawing
from pipemap.commands.session import open_database
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.sections.svg import DrawingFormat
from pipemap.terminal import JsonOption, emit_json, emit_table, emit_text
from schemas.room import Bound, FoundRoom, FreeStrip, PlannedPipe, RoomAlong

app = typer.Typer()


@app.command()
def room(
    line: Annotated[str, typer.Option("--line", help='Across, or with --half-width along the middle: "x y,…".')],
    class_code: Annotated[str, typer.Option("--class", help="Utility class of the new pipe.")],
    width_mm: Annotated[float, typer.Option("--width", help="Its outer diameter or width, mm.")],
    height_mm: Annotated[float | None, typer.Option("--height", help="Outer height where it is a box, mm.")] = None,
    cover_depth_m: Annotated[float | None, typer.Option("--cover", help="From the ground to its top, m.")] = None,
    burial_code: Annotated[str | None, typer.Option("--burial", help="How it is laid.")] = None,
    pressure_mpa: Annotated[float | None, typer.Option("--pressure", help="Its design pressure, MPa.")] = None,
    voltage_kv: Annotated[float | None, typer.Option("--voltage", help="Its nominal voltage, kV.")] = None,
    half_width_m: Annotated[float | None, typer.Option("--half-width", help="All along a corridor so wide, m.")] = None,
    step_m: Annotated[float, typer.Option("--step", min=0.5, help="From section to section of a corridor, m.")] = 10.0,
    svg: SvgOption = None,
    png: PngOption = None,
    dxf: DxfOption = None,
    language: LanguageOption = Words.ZH,
    version: VersionOption = None,
    crs: CrsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the strips of a section or a corridor where a new pipe keeps every clearance. 管位查找"""
    from pipemap.sections.room import find_room, find_room_along

    pipe = _planned(
        class_code=class_code, width_mm=width_mm, height_mm=height_mm, cover_depth_m=cover_depth_m,
        burial_code=burial_code, pressure_mpa=pressure_mpa, voltage_kv=voltage_kv,
    )  # fmt: skip
    files: dict[DrawingFormat, Path | None] = {"svg": svg, "png": png, "dxf": dxf}
    if half_width_m is not None and any(files.values()):
        raise UsageError("A corridor has many sections: draw one of them, without --half-width.")
    points = [(x, y) for x, y in (numbers(part.strip().replace(" ", ","), "--line", 2, 2) for part in line.split(","))]
    srid = srid_of(crs)
    found: FoundRoom | RoomAlong
    with open_database() as database, database.transaction(read_only=True) as connection:
        if half_width_m is not None:
            found = find_room_along(connection, points, half_width_m, pipe, step_m, version, srid)
        else:
            found = find_room(connection, points, pipe, version, srid)
            if any(files.values()):
                _draw(connection, found, points, version, srid, language, files)
    if as_json:
        emit_json(found.model_dump(mode="json"))
    elif isinstance(found, RoomAlong):
        _show_along(found)
    else:
        _show(found)


def _planned(**attributes: object) -> PlannedPipe:
    try:
        return PlannedPipe.model_validate(attributes)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"The pipe cannot be read: {first['loc'][0]}: {first['msg']}.") from error


def _draw(
    connection: Connection,
    found: FoundRoom,
    points: Sequence[tuple[float, float]],
    version: int | None,
    srid: int | None,
    language: Words,
    files: Mapping[DrawingFormat, Path | None],
) -> None:
    from pipemap.sections.cross import cross_section
    from pipemap.sections.drawing import draw_cross_section

    section = cross_section(connection, points, version, srid)
    write_drawing(draw_cross_section(section, language.value, room=found), files)


def _show(found: FoundRoom) -> None:
    title = f"{len(found.strips)} strips in {found.length_m:.2f} m (version {found.version}) 可敷设带"
    columns = ("from m", "to m", "wide m", "left", "right", "least cover m", "crosses", "free at cover")
    emit_table(title, columns, (_cells(strip) for strip in found.strips))
    if not found.strips:
        emit_text("There is no room: every place is too near to something. 无可用管位。")


def _cells(strip: FreeStrip) -> list[object]:
    crossed = [f"{one.source_key} {_covers(one.from_cover_m, one.to_cover_m)}" for one in strip.blocked]
    free = {True: "yes 是", False: "no 否", None: "?"}[strip.is_free_at_cover]
    sizes = [round(value, 2) for value in (strip.from_m, strip.to_m, strip.to_m - strip.from_m)]
    return [*sizes, _side(strip.left), _side(strip.right), strip.least_cover_m, "; ".join(crossed), free]


def _covers(from_m: float | None, to_m: float | None) -> str:
    return "?" if from_m is None or to_m is None else f"{from_m:.2f}-{to_m:.2f} m"


def _side(bound: Bound) -> str:
    if bound.kind == "end":
        return "end"
    limit = "" if bound.limit_m is None else f" ≥{bound.limit_m:g} m"
    return f"{bound.source_key}{limit}{'' if bound.is_certain else ' (?)'}"


def _show_along(found: RoomAlong) -> None:
    title = f"{len(found.strips)} strips free along {found.length_m:.1f} m (version {found.version}) 全线可敷设带"
    rows = ([round(low, 2), round(high, 2), round(high - low, 2)] for low, high in found.strips)
    emit_table(title, ("from m", "to m", "wide m"), rows)
    emit_text(
        f"Aside of the middle, right positive; {len(found.sections)} sections, the least room at station "
        f"{found.narrowest_at_m:.1f} m. 以中线为零、右侧为正；共 {len(found.sections)} 个断面。"
    )
