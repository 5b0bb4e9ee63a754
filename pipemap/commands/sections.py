"""Sections along a drawn line and profiles along a run of pipes: `pipemap section`, `pipemap profile`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pipemap.commands.questions import CrsOption, VersionOption, numbers, srid_of
from pipemap.commands.session import open_database
from pipemap.commands.trace_starts import ClassOption, DatasetOption
from pipemap.commands.words import BURIALS_TOLD, CLASSES_TOLD, LanguageOption, Words, chosen, metres
from pipemap.db import Connection
from pipemap.errors import UsageError
from pipemap.pages import Version
from pipemap.sections.along import DRAWN_NUMBER
from pipemap.sections.cross import cross_section
from pipemap.sections.drawing import draw_cross_section
from pipemap.sections.svg import DrawingFormat, as_file, size_text
from pipemap.terminal import JsonOption, emit_json, emit_text, say
from pipemap.versions import find_feature, resolve_version
from schemas.clearance import DrawnPipe
from schemas.profiles import LongProfile
from schemas.sections import CrossSection, TooNear, Undecided

app = typer.Typer()


SvgOption = Annotated[Path | None, typer.Option("--svg", help="File for the drawing.")]
PngOption = Annotated[Path | None, typer.Option("--png", help="File for the drawing as a picture.")]
DxfOption = Annotated[Path | None, typer.Option("--dxf", help="File for the drawing in metres, for CAD.")]
# What is told of a planned pipe beside its class and width.
HeightOption = Annotated[float | None, typer.Option("--height", help="Outer height where it is a box, mm.")]
CasingOption = Annotated[float | None, typer.Option("--casing", help="Outer diameter of a casing, mm.")]
CoverOption = Annotated[float | None, typer.Option("--cover", help="From the ground to its top, m.")]
BurialOption = Annotated[str | None, typer.Option("--burial", help=f"How it is laid: {BURIALS_TOLD}.")]
PressureOption = Annotated[float | None, typer.Option("--pressure", help="Its design pressure, MPa.")]
VoltageOption = Annotated[float | None, typer.Option("--voltage", help="Its nominal voltage, kV.")]


@app.command()
def section(
    line: Annotated[str, typer.Option("--line", help='From left to right as "x y,x y,…".')],
    class_code: Annotated[
        str | None, typer.Option("--class", help=f"Show a planned pipe of this utility class in it: {CLASSES_TOLD}.")
    ] = None,
    width_mm: Annotated[float | None, typer.Option("--width", help="Its outer diameter or width, mm.")] = None,
    height_mm: HeightOption = None,
    casing_mm: CasingOption = None,
    cover_depth_m: CoverOption = None,
    burial_code: BurialOption = None,
    pressure_mpa: PressureOption = None,
    voltage_kv: VoltageOption = None,
    pipe_line: Annotated[
        str | None, typer.Option("--pipe", help='Its line as "x y,…" or "x y z,…"; by default the line of the section.')
    ] = None,
    svg: SvgOption = None,
    png: PngOption = None,
    dxf: DxfOption = None,
    language: LanguageOption = None,
    exaggeration: Annotated[float, typer.Option(min=1, max=50, help="Heights so many times as large.")] = 1.0,
    version: VersionOption = None,
    crs: CrsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cut the underground along a line: every pipe in its true place, depth and size. 横断面"""
    points = [numbers(point.strip().replace(" ", ","), "--line", 2, 2) for point in line.split(",")]
    pipe = _planned(
        pipe_line, line, class_code=class_code, width_mm=width_mm, height_mm=height_mm, casing_mm=casing_mm,
        cover_depth_m=cover_depth_m, burial_code=burial_code, pressure_mpa=pressure_mpa, voltage_kv=voltage_kv,
    )  # fmt: skip
    with open_database() as database, database.transaction(read_only=True) as connection:
        found = cross_section(connection, [(x, y) for x, y in points], version, srid_of(crs), pipe)
    if svg or png or dxf:
        drawing = draw_cross_section(found, chosen(language), exaggeration)
        write_drawing(drawing, {"svg": svg, "png": png, "dxf": dxf})
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    _show(found, Words())


def _planned(pipe_line: str | None, line: str, **attributes: Any) -> DrawnPipe | None:
    """The planned pipe that a section shows; None where nothing is said of one."""
    if pipe_line is None and not any(value is not None for value in attributes.values()):
        return None
    from pipemap.commands.clearance import drawn_pipe

    if pipe_line is None:
        return drawn_pipe(line, **attributes)
    return drawn_pipe(pipe_line, "--pipe", **attributes)


@app.command()
def profile(
    segment: Annotated[list[int] | None, typer.Option("--segment", help="In the order they are passed.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="Node where the run begins: its key, or node:ID.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The same for where it ends, by the shortest way.")] = None,
    dataset: DatasetOption = None,
    class_code: ClassOption = None,
    svg: SvgOption = None,
    png: PngOption = None,
    dxf: DxfOption = None,
    language: LanguageOption = None,
    version: VersionOption = None,
    as_json: JsonOption = False,
) -> None:
    """See a run of pipes from the side: ground, wells, levels, slopes, and what crosses it. 纵断面"""
    from pipemap.sections.profile import long_profile
    from pipemap.sections.profile_drawing import draw_long_profile

    if bool(segment) == bool(start or end) or bool(start) != bool(end):
        raise UsageError("A run is named by --segment, once for each in order, or by --from and --to.")
    with open_database() as database, database.transaction(read_only=True) as connection:
        ids = segment or _way(connection, start or "", end or "", dataset, class_code, version)
        found = long_profile(connection, ids, version)
    if svg or png or dxf:
        write_drawing(draw_long_profile(found, chosen(language)), {"svg": svg, "png": png, "dxf": dxf})
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    _show_profile(found, Words())


def _way(
    connection: Connection, start: str, end: str, dataset: str | None, codes: list[str] | None, version: Version
) -> list[int]:
    from pipemap.network import load_network
    from pipemap.tracing.connectivity import way_between

    one, other = (_node(connection, what, dataset) for what in (start, end))
    return way_between(
        connection, load_network(connection, resolve_version(connection, version)), one, other, codes or ()
    )


def _node(connection: Connection, text: str, dataset: str | None) -> int:
    word, _, rest = text.partition(":")
    return int(rest) if word == "node" and rest.isdecimal() else find_feature(connection, text, dataset)


def write_drawing(drawing: str, files: Mapping[DrawingFormat, Path | None]) -> None:
    """Write a drawing to the files that are named."""
    for kind, file in files.items():
        if file is None:
            continue
        try:
            file.write_bytes(as_file(drawing, kind))
        except OSError as error:
            raise UsageError(
                f"{file.name} cannot be written: {error.strerror}.", message_zh=f"无法写入 {file.name}。"
            ) from error
        say(str(file))


def _show(found: CrossSection, words: Words) -> None:
    rows = (
        (
            cut.number, _planned_word(words) if cut.is_drawn else cut.source_key, words.class_(cut.class_code),
            size_text(cut.shape_code, cut.width_mm, cut.height_mm),
            *map(metres, (cut.station_m, cut.crown_z_m, cut.invert_z_m, cut.cover_depth_m)),
        )
        for cut in found.cuts
    )  # fmt: skip
    title = words.of(
        f"{len(found.cuts)} pipes cut in {found.length_m:.2f} m (version {found.version})",
        f"断面长 {found.length_m:.2f} m，切到管线 {len(found.cuts)} 条（版本 {found.version}）",
    )
    words.table(title, ("#", "key", "class", "size mm", "at m", "crown m", "invert m", "cover m"), rows)
    if found.drawn is not None:
        _show_crossings(found, words)
    for pair in found.too_near:
        emit_text(f"{_pair(pair, words)}: {words.message(pair)}")
    for open_pair in found.undecided:
        emit_text(f"{_pair(open_pair, words)}: {words.of(open_pair.reason_en, open_pair.reason_zh)}")


def _show_crossings(found: CrossSection, words: Words) -> None:
    """What the planned pipe passes where the section is along it."""
    cuts = {cut.number: cut for cut in found.cuts}
    over = ((gap, gap.lower, words.of("above", "上方")) for gap in found.vertical_gaps if gap.upper == DRAWN_NUMBER)
    under = ((gap, gap.upper, words.of("below", "下方")) for gap in found.vertical_gaps if gap.lower == DRAWN_NUMBER)
    rows = (
        (number, cuts[number].source_key, words.class_(cuts[number].class_code), passes,
         *map(metres, (gap.station_m, gap.clear_m, gap.limit_m)))
        for gap, number, passes in sorted((*over, *under), key=lambda row: row[0].station_m)
    )  # fmt: skip
    title = words.of("What the planned pipe crosses", "拟建管线交叉情况")
    words.table(title, ("#", "key", "class", "planned pipe passes", "at m", "clear m", "limit m"), rows)


def _pair(pair: TooNear | Undecided, words: Words) -> str:
    return "-".join(str(number or _planned_word(words)) for number in (pair.one, pair.other))


def _planned_word(words: Words) -> str:
    return words.of("planned", "拟建")


def _show_profile(found: LongProfile, words: Words) -> None:
    rows = (
        (
            pipe.source_key, size_text(pipe.shape_code, pipe.width_mm, pipe.height_mm),
            words.code("material", pipe.material_code),
            *map(metres, (pipe.from_station_m, pipe.length_m, pipe.slope_permille)),
            *map(metres, (pipe.start.crown_z_m, pipe.start.invert_z_m, pipe.start.cover_depth_m)),
        )
        for pipe in found.pipes
    )  # fmt: skip
    title = words.of(
        f"{len(found.pipes)} pipes in {found.length_m:.2f} m, levels at the start of each (version {found.version})",
        f"全长 {found.length_m:.2f} m，管段 {len(found.pipes)} 条，高程为各段起点（版本 {found.version}）",
    )
    levels = ("crown m", "invert m", "cover m")
    words.table(title, ("key", "size mm", "material", "at m", "length m", "slope ‰", *levels), rows)
    crossed = (
        (
            one.number, one.source_key, words.class_(one.class_code), metres(one.station_m), metres(one.crown_z_m),
            metres(one.invert_z_m), metres(one.gap_m), words.term(one.state),
        )
        for one in found.crossings
    )  # fmt: skip
    title = words.of(f"{len(found.crossings)} pipes crossed", f"交叉管线 {len(found.crossings)} 条")
    words.table(title, ("#", "key", "class", "at m", "crown m", "invert m", "clear m", "state"), crossed)
    for one in found.crossings:
        if one.message_en:
            emit_text(f"{one.number}: {words.message(one)}")
