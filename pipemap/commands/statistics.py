"""`pipemap statistics`: how much there is of what."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import orjson
import shapely
import typer
from shapely.geometry import shape

from pipemap.commands.questions import ClassOption
from pipemap.commands.sections import PngOption, SvgOption, write_drawing
from pipemap.commands.session import open_database
from pipemap.commands.words import LanguageOption, Words, chosen, metres
from pipemap.errors import SourceError
from pipemap.statistics.counting import statistics as counted
from pipemap.terminal import JsonOption, emit_json
from schemas.codetables import CODED
from schemas.statistics import District, Quantities, Statistics

app = typer.Typer()


_MEASURES = ("segments", "length m", "mean age, years", "mean cover m", "least cover m")


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
    with_out_of_use: Annotated[bool, typer.Option("--with-out-of-use", help="Count what is out of use too.")] = False,
    detail: Annotated[Part, typer.Option(help="What the bars of the picture are parted by.")] = Part.DEPTH,
    svg: SvgOption = None,
    png: PngOption = None,
    language: LanguageOption = None,
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
        write_drawing(draw_statistics(found, detail.value, chosen(language)), {"svg": svg, "png": png})
    if as_json:
        emit_json(found.model_dump(mode="json"))
        return
    _show(found, names, Words())


def _show(found: Statistics, names: list[str], words: Words) -> None:
    versions = words.listed(map(str, found.versions))
    title = words.of(f"Versions {versions}; the last row is the total", f"版本 {versions}；末行为合计")
    columns = [name.removesuffix("_code") for name in names]
    rows = (
        [*(_value(group.group, name, words) for name in names), *_measures(group)]
        for group in (*found.groups, *found.total)
    )
    words.table(title, [*columns, *_MEASURES], rows)


def _measures(group: Quantities) -> list[object]:
    age = "?" if group.mean_age_years is None else f"{group.mean_age_years:.1f}"
    return [group.segments, metres(group.length_m), age, metres(group.mean_cover_m), metres(group.least_cover_m)]


def _value(group: dict[str, Any], name: str, words: Words) -> object:
    if name not in group:
        return ""
    value = group[name]
    if value is None:
        return "?"
    table = CODED["pipe_segment"].get(name)
    return words.code(table, value) if table else value


def _districts(path: Path) -> list[District]:
    try:
        features = orjson.loads(path.read_bytes())["features"]
        return [
            District(name=str(one["properties"]["name"]), outline_wkt=shapely.to_wkt(shape(one["geometry"]), -1))
            for one in features
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, shapely.errors.ShapelyError) as error:
        raise SourceError(f"{path.name} holds no GeoJSON polygons with a property `name` each.") from error
