"""Where a new pipe has room: `pipemap room`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from pipemap.commands.questions import CrsOption, VersionOption, numbers, srid_of
from pipemap.commands.sections import (
    BurialOption,
    CasingOption,
    CoverOption,
    DxfOption,
    HeightOption,
    PngOption,
    PressureOption,
    SvgOption,
    VoltageOption,
    write_drawing,
)
from pipemap.commands.session import open_database
from pipemap.commands.words import CLASSES_TOLD, Language, LanguageOption, Words, chosen, metres
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.sections.svg import DrawingFormat
from pipemap.terminal import JsonOption, emit_json, emit_text
from schemas.room import Bound, FoundRoom, FreeStrip, PlannedPipe, RoomAlong

app = typer.Typer()


@app.command()
def room(
    line: Annotated[str, typer.Option("--line", help='Across, or with --half-width along the middle: "x y,…".')],
    class_code: Annotated[str, typer.Option("--class", help=f"Utility class of the new pipe: {CLASSES_TOLD}.")],
    width_mm: Annotated[float, typer.Option("--width", help="Its outer diameter or width, mm.")],
    height_mm: HeightOption = None,
    casing_mm: CasingOption = None,
    cover_depth_m: CoverOption = None,
    burial_code: BurialOption = None,
    pressure_mpa: PressureOption = None,
    voltage_kv: VoltageOption = None,
    half_width_m: Annotated[float | None, typer.Option("--half-width", help="All along a corridor so wide, m.")] = None,
    step_m: Annotated[float, typer.Option("--step", min=0.5, help="From section to section of a corridor, m.")] = 10.0,
    svg: SvgOption = None,
    png: PngOption = None,
    dxf: DxfOption = None,
    language: LanguageOption = None,
    version: VersionOption = None,
    crs: CrsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find the strips of a section or a corridor where a new pipe keeps every clearance. 管位查找"""
    from pipemap.sections.room import find_room, find_room_along

    pipe = _planned(
        class_code=class_code, width_mm=width_mm, height_mm=height_mm, casing_mm=casing_mm,
        cover_depth_m=cover_depth_m, burial_code=burial_code, pressure_mpa=pressure_mpa, voltage_kv=voltage_kv,
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
        _show_along(found, Words())
    else:
        _show(found, Words())


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
    language: Language | None,
    files: Mapping[DrawingFormat, Path | None],
) -> None:
    from pipemap.sections.cross import cross_section
    from pipemap.sections.drawing import draw_cross_section

    section = cross_section(connection, points, version, srid)
    write_drawing(draw_cross_section(section, chosen(language), room=found), files)


def _show(found: FoundRoom, words: Words) -> None:
    title = words.of(
        f"{len(found.strips)} strips in {found.length_m:.2f} m (version {found.version})",
        f"断面长 {found.length_m:.2f} m，可敷设带 {len(found.strips)} 处（版本 {found.version}）",
    )
    sides = ("from m", "to m", "wide m", "left", "right")
    rows = (_cells(strip, words) for strip in found.strips)
    words.table(title, (*sides, "least cover m", "crosses", "free at the cover"), rows)
    if not found.strips:
        emit_text(words.of("There is no room: every place is too near to something.", "无可用管位。"))


def _cells(strip: FreeStrip, words: Words) -> list[object]:
    crossed = words.listed(f"{one.source_key} {_covers(one.from_cover_m, one.to_cover_m)}" for one in strip.blocked)
    free = {True: words.of("yes", "是"), False: words.of("no", "否"), None: "?"}[strip.is_free_at_cover]
    sizes = [metres(value) for value in (strip.from_m, strip.to_m, strip.to_m - strip.from_m)]
    sides = [_side(bound, words) for bound in (strip.left, strip.right)]
    return [*sizes, *sides, metres(strip.least_cover_m), crossed, free]


def _covers(from_m: float | None, to_m: float | None) -> str:
    return "?" if from_m is None or to_m is None else f"{from_m:.2f}-{to_m:.2f} m"


def _side(bound: Bound, words: Words) -> str:
    if bound.kind == "end":
        return words.of("end of the line", "断面端点")
    limit = "" if bound.limit_m is None else f" ≥{bound.limit_m:g} m"
    return f"{bound.source_key}{limit}{'' if bound.is_certain else ' (?)'}"


def _show_along(found: RoomAlong, words: Words) -> None:
    title = words.of(
        f"{len(found.strips)} strips free along {found.length_m:.1f} m (version {found.version})",
        f"全长 {found.length_m:.1f} m，全线可敷设带 {len(found.strips)} 处（版本 {found.version}）",
    )
    rows = ([metres(low), metres(high), metres(high - low)] for low, high in found.strips)
    words.table(title, ("from m", "to m", "wide m"), rows)
    sections, station = len(found.sections), f"{found.narrowest_at_m:.1f}"
    emit_text(
        words.of(
            f"Aside of the middle, right positive; {sections} sections, the least room at station {station} m.",
            f"以中线为零、右侧为正；共 {sections} 个断面，桩号 {station} m 处最窄。",
        )
    )
