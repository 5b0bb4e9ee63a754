"""`pipemap statistics`: how much there is of what."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import shapely
import typer
from shapely.geometry import shape

from pipemap.commands.questions import ClassOption
from pipemap.commands.sections import LanguageOption, PngOption, SvgOption, Words, write_drawing
from pipemap.commands.session import open_database
from pipemap.errors import SourceError
from pipemap.statistics.counting import statistics as counted
from pipemap.terminal import JsonOption, emit_json, emit_table
from schemas.statistics import District, Quantities

app = typer.Typer()


class Part(StrEnum):
    """What parts the bars of the picture."""

    DEPTH = "depth"
    MATERIAL = "material"
    DECADE = "decade"


@app.command()
def statistics(
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="class_code, owner, material_code, lifecycle_code, decade, district, version."),
    ] = None,
    version: Annotated[list[int] | None, typer.Option("--version", help="May be repeated, to compare.")] = None,
    class_codes: ClassOption = None,
    districts: Annotated[
        Path | None, typer.Option(help="GeoJSON polygons in the project CRS, each with a property `name`.")
    ] = None,
    with_out_of_use: Annotated[bool, typer.Option(help="Count what is out of use too.")] = False,
    detail: Annotated[Part, typer.Option(help="What parts a bar.")] = Part.DEPTH,
    svg: SvgOption = None,
    png: PngOption = None,
    language: LanguageOption = Words.ZH,
    as_json: JsonOption = False,
) -> None:
    """Count length, number, age, material and depth of the pipes. 统计"""
    from pipemap.statistics.drawing import draw_statistics

    known = _districts(districts) if districts else []
    names = by or (["district", "class_code"] if known else ["class_code"])
    with open_database() as database, database.transaction(read_only=True) as connection:
        found = counted(
            connection, names, versions=version or (), class_codes=class_codes or (), districts=known,
            with_out_of_use=with_out_of_use,
        )  # fmt: skip
    if svg or png:
        write_drawing(draw_statistics(found, detail.value, language.value), {"svg": svg, "png": png})
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    columns = [*names, "segments", "length_m", "mean_age_years", "mean_cover_m", "least_cover_m"]
    rows = [_cells(group, names) for group in (*found.groups, *found.total)]
    emit_table(f"versions {', '.join(map(str, found.versions))}; the last row is the total", columns, rows)


def _cells(group: Quantities, names: list[str]) -> list[object]:
    measures = (group.length_m, group.mean_age_years, group.mean_cover_m, group.least_cover_m)
    told = ["?" if value is None else round(value, 2) for value in measures]
    return [*(_value(group.group, name) for name in names), group.segments, *told]


def _value(group: dict[str, Any], name: str) -> object:
    return "" if name not in group else "?" if group[name] is None else group[name]


def _districts(path: Path) -> list[District]:
    try:
        features = orjson.loads(path.read_bytes())["features"]
        return [
            District(name=str(one["properties"]["name"]), outline_wkt=shapely.to_wkt(shape(one["geometry"]), -1))
            for one in features
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise SourceError(f"{path.name} holds no GeoJSON polygons with a property `name` each.") from error
