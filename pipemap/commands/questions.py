"""Questions to the map: `pipemap find`, `near` and `corridor`."""

from typing import Annotated, Any

import orjson
import typer
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from pipemap.commands.session import open_database
from pipemap.commands.words import Words, metres
from pipemap.errors import CrsError, UsageError
from pipemap.lookup import Query, corridor, find_features, near, nearest
from pipemap.pages import Box, Page
from pipemap.terminal import JsonOption, emit_json, say
from schemas.codetables import CODED

app = typer.Typer()

KindArgument = Annotated[str, typer.Argument(help="node, pipe_segment, consumer or structure.")]
KindOption = Annotated[str, typer.Option("--kind", help="node, pipe_segment, consumer or structure.")]
ClassOption = Annotated[list[str] | None, typer.Option("--class", help="Only this utility class; may be repeated.")]
CrsOption = Annotated[
    str | None, typer.Option("--crs", help="CRS of the question and the answer, e.g. EPSG:4326; the map's by default.")
]
VersionOption = Annotated[int | None, typer.Option("--version", help="A version of the map; the newest by default.")]
PageLimitOption = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="At most this many features.")]

_SHOWN = {
    "node": {
        "id": "feature_id", "key": "source_key", "class": "class_code", "feature": "feature_code",
        "appurtenance": "appurtenance_code", "ground m": "ground_elevation_m",
    },
    "pipe_segment": {
        "id": "feature_id", "key": "source_key", "class": "class_code", "size mm": "width_mm",
        "material": "material_code", "levels": "elevation_source_code",
    },
    "consumer": {
        "id": "feature_id", "key": "source_key", "class": "class_code", "kind": "kind_code", "name": "name",
        "people": "people",
    },
    "structure": {
        "id": "feature_id", "key": "source_key", "kind": "kind_code", "name": "name", "base m": "base_elevation_m",
        "top m": "top_elevation_m",
    },
}  # fmt: skip
_COMPUTED = {"distance m": "distance_m", "along m": "station_m"}


@app.command()
def find(
    kind: KindArgument,
    bbox: Annotated[str | None, typer.Option("--bbox", help="min x,min y,max x,max y")] = None,
    z_min_m: Annotated[float | None, typer.Option("--z-min", help="Lowest elevation in metres.")] = None,
    z_max_m: Annotated[float | None, typer.Option("--z-max", help="Highest elevation in metres.")] = None,
    class_codes: ClassOption = None,
    key: Annotated[str | None, typer.Option("--key", help="The survey's own key, for example a point number.")] = None,
    where: Annotated[list[str] | None, typer.Option("--where", help="attribute=value; nothing: not known.")] = None,
    version: VersionOption = None,
    crs: CrsOption = None,
    limit: PageLimitOption = 100,
    after: Annotated[int | None, typer.Option("--after", help="Go on after this feature.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Find features by place, height, class and attribute. 查询要素"""
    equals = dict(_condition(text) for text in where or ())
    if key is not None:
        equals["source_key"] = key
    srid = srid_of(crs)
    query = Query(
        bbox=_box(bbox) if bbox else None,
        bbox_srid=srid,
        z_min_m=z_min_m,
        z_max_m=z_max_m,
        class_codes=class_codes or (),
        equals=equals,
        limit=limit,
        after=after,
        out_srid=srid,
        version=version,
    )
    with open_database() as database, database.transaction(read_only=True) as connection:
        _show(kind, find_features(connection, kind, query), as_json)


@app.command("near")
def near_command(
    at: Annotated[str, typer.Option("--at", help="x,y or x,y,z; with a z the distance is in space.")],
    radius_m: Annotated[float | None, typer.Option("--radius", help="So far around, m.")] = None,
    count: Annotated[
        int | None, typer.Option("--nearest", min=1, max=1000, help="Instead: so many of the nearest.")
    ] = None,
    kind: KindOption = "pipe_segment",
    class_codes: ClassOption = None,
    version: VersionOption = None,
    crs: CrsOption = None,
    limit: PageLimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """Find what lies within a radius of a point, or the nearest ones, nearest first. 周边查询"""
    if (radius_m is None) == (count is None):
        raise UsageError("Give --radius, or --nearest for so many of the nearest.")
    x, y, *z = numbers(at, "--at", 2, 3)
    srid = srid_of(crs)
    options: dict[str, Any] = {
        "kind": kind, "point_srid": srid, "class_codes": class_codes or (), "version": version, "out_srid": srid,
    }  # fmt: skip
    with open_database() as database, database.transaction(read_only=True) as connection:
        if count is not None:
            page = nearest(connection, x, y, z[0] if z else None, count, **options)
        else:
            page = near(connection, x, y, z[0] if z else None, radius_m or 0.0, limit=limit, **options)
        _show(kind, page, as_json, "distance m")


@app.command("corridor")
def corridor_command(
    line: Annotated[str, typer.Option("--line", help='The line as "x y,x y,…".')],
    half_width_m: Annotated[float, typer.Option("--half-width", help="Metres to either side.")],
    kind: KindOption = "pipe_segment",
    class_codes: ClassOption = None,
    version: VersionOption = None,
    crs: CrsOption = None,
    limit: PageLimitOption = 100,
    as_json: JsonOption = False,
) -> None:
    """Find what lies along a line, in its order. 沿线查询"""
    points = [numbers(point.strip().replace(" ", ","), "--line", 2, 2) for point in line.split(",")]
    srid = srid_of(crs)
    with open_database() as database, database.transaction(read_only=True) as connection:
        page = corridor(
            connection,
            [(x, y) for x, y in points],
            half_width_m,
            kind=kind,
            line_srid=srid,
            class_codes=class_codes or (),
            version=version,
            out_srid=srid,
            limit=limit,
        )
        _show(kind, page, as_json, "along m", "distance m")


def _show(kind: str, page: Page, as_json: bool, *computed: str) -> None:
    if as_json:
        emit_json(orjson.loads(page.collection()))
        return
    words, shown = Words(), _SHOWN[kind] | {name: _COMPUTED[name] for name in computed}
    rows = (
        [_readable(words, kind, name, row["properties"][name]) for name in shown.values()] for row in page.as_dicts()
    )
    words.table(words.of(f"{words.term(kind)}: {page.count}", f"{words.term(kind)}：{page.count}"), shown, rows)
    if page.unknown_elevation:
        say(
            words.of(
                f"{page.unknown_elevation} more have no known elevation, so nobody can tell whether they belong here.",
                f"另有 {page.unknown_elevation} 个高程不明，无法判定是否在范围内。",
            )
        )
    if page.next is not None:
        say(words.of(f"There are more: go on with --after {page.next}.", f"未列完：用 --after {page.next} 继续。"))
    elif page.more:
        say(words.of("There are more: raise --limit or ask for a smaller place.", "未列完：增大 --limit 或缩小范围。"))


def _readable(words: Words, kind: str, name: str, value: Any) -> Any:
    if isinstance(value, float):
        return f"{value:g}" if name.endswith("_mm") else metres(value)
    table = CODED[kind].get(name)
    return value if value is None or table is None else words.code(table, value)


def _condition(text: str) -> tuple[str, str | None]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--where takes attribute=value; this is {text}.")
    return name.strip(), value.strip() or None


def _box(text: str) -> Box:
    min_x, min_y, max_x, max_y = numbers(text, "--bbox", 4, 4)
    return min_x, min_y, max_x, max_y


def numbers(text: str, option: str, least: int, most: int) -> list[float]:
    """The numbers of one option, separated by commas; UsageError when there are too few, too many or none."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise UsageError(f"{option} takes numbers; this is {text}.") from error
    if not least <= len(values) <= most:
        raise UsageError(f"{option} takes {least if least == most else f'{least} or {most}'} numbers; this is {text}.")
    return values


def srid_of(crs: str | None) -> int | None:
    """EPSG code of a CRS as a person names it; None stays None, CrsError for one that is not known."""
    if crs is None:
        return None
    try:
        code = CRS.from_user_input(crs).to_epsg()
    except ProjError as error:
        raise CrsError(f"{crs} is not a known coordinate reference system; name it like EPSG:4326.") from error
    if code is None:
        raise CrsError(f"{crs} has no EPSG code; name it like EPSG:4326.")
    return code
