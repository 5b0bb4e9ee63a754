"""Sections along a drawn line: `pipemap section`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipemap.commands.questions import CrsOption, VersionOption, numbers, srid_of
from pipemap.commands.session import open_database
from pipemap.errors import UsageError
from pipemap.sections.cross import cross_section
from pipemap.sections.drawing import as_png, draw_cross_section
from pipemap.terminal import JsonOption, emit_json, emit_table, emit_text, say
from schemas.sections import CrossSection

app = typer.Typer()


class Words(StrEnum):
    """Languages of a drawing."""

    ZH = "zh"
    EN = "en"


@app.command()
def section(
    line: Annotated[str, typer.Option("--line", help='From left to right as "x y,x y,…".')],
    svg: Annotated[Path | None, typer.Option("--svg", help="File for the drawing.")] = None,
    png: Annotated[Path | None, typer.Option("--png", help="File for the drawing as a picture.")] = None,
    language: Annotated[Words, typer.Option("--language", help="Of the drawing: zh or en.")] = Words.ZH,
    version: VersionOption = None,
    crs: CrsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Cut the underground along a line: every pipe in its true place, depth and size. 横断面"""
    points = [numbers(point.strip().replace(" ", ","), "--line", 2, 2) for point in line.split(",")]
    with open_database() as database, database.transaction(read_only=True) as connection:
        found = cross_section(connection, [(x, y) for x, y in points], version, srid_of(crs))
    _write(found, language, svg, png)
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    _show(found)


def _write(found: CrossSection, language: Words, svg: Path | None, png: Path | None) -> None:
    if svg is None and png is None:
        return
    drawing = draw_cross_section(found, language.value)
    for file, content in ((svg, drawing.encode()), (png, as_png(drawing) if png else b"")):
        if file is not None:
            try:
                file.write_bytes(content)
            except OSError as error:
                raise UsageError(
                    f"{file.name} cannot be written: {error.strerror}.", message_zh=f"无法写入 {file.name}。"
                ) from error
            say(str(file))


def _show(found: CrossSection) -> None:
    columns = (
        "number",
        "source_key",
        "class_code",
        "width_mm",
        "station_m",
        "crown_z_m",
        "invert_z_m",
        "cover_depth_m",
    )
    rows = ([_told(getattr(cut, name)) for name in columns] for cut in found.cuts)
    emit_table(f"{len(found.cuts)} pipes cut in {found.length_m:.2f} m (version {found.version})", columns, rows)
    for pair in found.too_near:
        emit_text(f"{pair.one}-{pair.other}: {pair.message_en}\n{pair.message_zh}")
    for open_pair in found.undecided:
        emit_text(f"{open_pair.one}-{open_pair.other}: {open_pair.reason_en} {open_pair.reason_zh}")


def _told(value: object) -> object:
    return "?" if value is None else round(value, 3) if isinstance(value, float) else value
