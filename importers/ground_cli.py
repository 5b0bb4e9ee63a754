"""`pipemap ground`: ground models in, out, and what they say of a place."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pipemap.commands.session import open_database
from pipemap.commands.words import Words
from pipemap.settings import Settings
from pipemap.terminal import JsonOption, emit_json, emit_text, progress, say
from schemas.ground import GroundAnswer, GroundModel

app = typer.Typer()
ground = typer.Typer(help="Ground models (DEM): load, show, remove. 地面模型", no_args_is_help=True)
app.add_typer(ground, name="ground")

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="Name of the ground model.")]


@ground.command()
def load(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="GeoTIFF, ASCII grid or another raster. 高程栅格文件")],
    name: Annotated[str | None, typer.Option(help="Name of the model; default: that of the file.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the file, e.g. EPSG:4547; default: as it says.")] = None,
    vertical_datum: Annotated[
        str | None, typer.Option(help="What its heights are counted from; default: as those of the map. 高程基准")
    ] = None,
    offset_m: Annotated[float | None, typer.Option("--offset", help="Metres to add to every height.")] = None,
    nodata: Annotated[float | None, typer.Option(help="A value that stands for unknown, e.g. -9999.")] = None,
    accuracy_m: Annotated[float | None, typer.Option("--accuracy", min=0.0, help="Standard error, metres.")] = None,
    surveyed_on: Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="When surveyed.")] = None,
    source: Annotated[str | None, typer.Option(help="Who made it, and how.")] = None,
    priority: Annotated[int, typer.Option(help="The greater is asked first, then the finer, then the newer.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="In place of the model of this name.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Load a ground model: whole, or not at all. 载入地面模型"""
    from importers.delivery import require_files
    from importers.ground import Asked, read_ground
    from importers.sources import sha256
    from pipemap.ground.storing import Origin, store_model
    from pipemap.placing import existing_extent
    from pipemap.projects import read_project

    (path,) = require_files([file])
    with open_database() as database:
        with database.transaction(read_only=True) as connection:
            project, bounds = read_project(connection), existing_extent(connection)
        asked = Asked(project.srid, crs, nodata, offset_m, vertical_datum, project.vertical_datum, bounds)
        with read_ground(path, asked) as (surface, parts), progress() as bar:
            task = bar.add_task(path.name, total=surface.grid.columns * surface.grid.rows)
            origin = Origin(
                name or path.stem, path.name, sha256(path), surface.crs_name, Settings().user, source,
                surveyed_on.date() if surveyed_on else None, accuracy_m, priority,
            )  # fmt: skip
            model = store_model(
                database, origin, surface.grid, parts, replace=replace, on_posts=lambda posts: bar.advance(task, posts)
            )
    for english, chinese in surface.notes:
        say(Words().of(english, chinese))
    _show([model], as_json)


@ground.command()
def show(
    at: Annotated[str | None, typer.Option("--at", help="x,y: what the ground models say of this place.")] = None,
    crs: Annotated[str | None, typer.Option(help="CRS of the place, e.g. EPSG:4326; default: the map's.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the ground models in the order they are asked, or tell the ground at a place. 查看地面模型"""
    from pipemap.commands.questions import numbers, srid_of
    from pipemap.crs import places_in_project
    from pipemap.ground.sampling import ground_answer
    from pipemap.ground.storing import ground_models
    from pipemap.projects import read_project

    with open_database() as database, database.transaction(read_only=True) as connection:
        if at is None:
            _show(ground_models(connection), as_json)
            return
        x, y = numbers(at, "--at", 2, 2)
        srid = read_project(connection).srid
        places = places_in_project([(x, y)], srid_of(crs) or srid, srid)
        _show_places(ground_answer(connection, places), as_json)


@ground.command()
def remove(name: NameArgument, as_json: JsonOption = False) -> None:
    """Take a ground model away. 移除地面模型"""
    from pipemap.ground.storing import remove_model

    with open_database() as database, database.transaction() as connection:
        remove_model(connection, name)
    if as_json:
        emit_json({"removed": name})
    else:
        emit_text(Words().of(f"{name} is removed.", f"{name} 已移除。"))


def _show(models: list[GroundModel], as_json: bool) -> None:
    if as_json:
        emit_json([model.model_dump(mode="json") for model in models])
        return
    columns = ("name", "step m", "posts", "known", "heights m", "surveyed", "± m", "priority")
    words = Words()
    words.table(words.of("Ground models", "地面模型"), columns, [_cells(model) for model in models])


def _cells(model: GroundModel) -> tuple[object, ...]:
    known = model.known_posts / (model.columns * model.rows)
    return (
        model.name,
        f"{max(model.step_x_m, model.step_y_m):.2f}",
        f"{model.columns} x {model.rows}",
        f"{known:.0%}",
        f"{model.least_z_m:.2f} … {model.greatest_z_m:.2f}",
        model.surveyed_on,
        model.accuracy_m,
        model.priority,
    )


def _show_places(answer: GroundAnswer, as_json: bool) -> None:
    if as_json:
        emit_json(answer.model_dump(mode="json"))
        return
    for place in answer.places:
        told = "?" if place.z_m is None else f"{place.z_m:.2f} m ({place.model})"
        emit_text(f"{place.x:.2f}, {place.y:.2f}: {told}")
