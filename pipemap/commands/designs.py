"""Planned pipes: `pipemap design`."""

from typing import Annotated

import typer

from pipemap.commands.clearance import drawn_pipe, show_clearance
from pipemap.commands.questions import CrsOption, srid_of
from pipemap.commands.session import open_database
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, emit_text

app = typer.Typer()


@app.command()
def design(
    title: Annotated[str, typer.Argument(help="What the draft shall be called.")],
    line: Annotated[str, typer.Option("--line", help='The planned pipe as "x y,x y,…" or "x y z,…".')],
    class_code: Annotated[str, typer.Option("--class", help="Utility class.")],
    width_mm: Annotated[float, typer.Option("--width", help="Outer diameter or width, mm.")],
    height_mm: Annotated[float | None, typer.Option("--height", help="Outer height where it is a box, mm.")] = None,
    cover_depth_m: Annotated[
        float | None, typer.Option("--cover", help="From the ground to the top of a line without z, m.")
    ] = None,
    burial_code: Annotated[str | None, typer.Option("--burial", help="How it is laid.")] = None,
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
        line=line, class_code=class_code, width_mm=width_mm, height_mm=height_mm, cover_depth_m=cover_depth_m,
        burial_code=burial_code, pressure_mpa=pressure_mpa, voltage_kv=voltage_kv,
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
    emit_text(f"Draft changeset {number}, {len(saved.pipes)} planned segments. 草稿变更集 {number}。")
    show_clearance(saved.clearance)
