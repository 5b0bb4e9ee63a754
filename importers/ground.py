"""Reads ground models (GeoTIFF, ASCII grids and other rasters) part by part into the project CRS.

The library runs in a process of its own that has no network and cannot write. Only formats whose drivers
read one file are open, never those that refer to others or to the network (VRT, WMS).
"""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from importers.places.georeference import check_shift_known, parse_crs
from importers.places.place_readings import FAR_M, Floats, beyond, distance_m
from importers.refusing import refusal
from pipemap.confined import confined
from pipemap.crs import Bounds
from pipemap.errors import CrsError, SourceError
from pipemap.ground.grid import Grid, Heights, Window

# Heights of land on this planet, with room to spare; what lies beyond stands for something else.
_LEAST_M, _GREATEST_M = -500.0, 9_500.0
# So many posts a byte no real model has; small ones may be as even as they like.
_POSTS_PER_BYTE, _POSTS_ANYWAY = 400, 2**24
_MOST_POSTS = 2**32
_CACHE_BYTES = 256 * 2**20
# A block is read as a whole, however little of it is asked for.
_MOST_BLOCK_BYTES = 512 * 2**20
# Pixels by which a warped place may be off where the library interpolates between exact ones.
_WARP_TOLERANCE = 0.02
_COVERED = 255
_MAGIC = (
    (b"II*\0", "GTiff"), (b"MM\0*", "GTiff"), (b"II+\0", "GTiff"), (b"MM\0+", "GTiff"), (b"EHFA_HEADER_TAG", "HFA"),
    (b"DSAA", "GSAG"), (b"DSBB", "GSBG"), (b"DSRB", "GS7BG"), (b"UHL1", "DTED"),
)  # fmt: skip
_METRES = {
    "": 1.0, "m": 1.0, "metre": 1.0, "meter": 1.0, "metres": 1.0, "meters": 1.0, "ft": 0.3048, "foot": 0.3048,
    "feet": 0.3048, "us survey foot": 1200 / 3937, "us-ft": 1200 / 3937, "cm": 0.01, "dm": 0.1,
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """How a file is to be read.

    `crs` is stronger than what the file says, `nodata` a value that stands for unknown, `offset_m` is added to every
    height. `vertical_datum` is that of the file as its user says, `project_datum` the map's.
    """

    srid: int
    crs: str | None = None
    nodata: float | None = None
    offset_m: float | None = None
    vertical_datum: str | None = None
    project_datum: str = ""
    bounds: Bounds | None = None


@dataclass(frozen=True)
class Surface:
    """What a file holds: the grid its heights are brought to, and what is to be said of it in English and Chinese."""

    grid: Grid
    crs_name: str
    notes: tuple[tuple[str, str], ...] = ()


@contextmanager
def read_ground(path: Path, asked: Asked) -> Iterator[tuple[Surface, Iterator[tuple[Window, Heights]]]]:
    """The surface of a file and its heights in the parts that `Grid.windows` names, NaN where unknown.

    A file in another system, or askew, is resampled bilinearly on a grid of about its own step.

    Raises
    ------
    SourceError
        When the file is no readable raster of heights, or is not as large as it claims.
    CrsError
        When nobody says where it lies, it cannot lie where it claims, or its heights have another zero.
    """
    with closing(confined(path, lambda: _told(path, asked))) as told:
        grid, crs_name, notes = next(told)
        yield Surface(Grid(**grid), crs_name, notes), map(_part, told)


def _told(path: Path, asked: Asked) -> Generator[Any]:
    """The surface, then its parts, as plain values."""
    parts = _surface_and_parts(path, asked)
    surface = next(parts)
    yield asdict(surface.grid), surface.crs_name, surface.notes
    for window, z in parts:
        yield asdict(window), z.tobytes()


def _part(told: tuple[dict[str, int], bytes]) -> tuple[Window, Heights]:
    window = Window(**told[0])
    return window, np.frombuffer(told[1], np.float32).reshape(window.height, window.width).copy()


def _surface_and_parts(path: Path, asked: Asked) -> Generator[Any]:
    import rasterio
    from rasterio._err import CPLE_BaseError
    from rasterio.errors import RasterioError

    try:
        with (
            rasterio.Env(GDAL_CACHEMAX=_CACHE_BYTES, GDAL_NUM_THREADS="1", CPL_DEBUG="OFF"),
            rasterio.open(path.resolve(), driver=_driver(path)) as source,
        ):
            _check_raster(path, source)
            crs, notes = _system(path, source, asked)
            _check_in_use(path, source.bounds, crs, asked)
            with _in_project(source, crs, asked) as posts:
                grid = _grid(posts.transform, posts.width, posts.height)
                _check_near(path, grid, crs, asked)
                yield Surface(grid, crs.name, notes)
                yield from _parts(path, source, posts, grid, asked, _metres(path, source, crs))
    except (RasterioError, CPLE_BaseError) as error:
        raise _damaged(path, error) from error


def _driver(path: Path) -> str:
    if not path.is_file():
        raise refusal(path, "is no file", "不是文件")
    with path.open("rb") as file:
        head = file.read(64)
    found = next((driver for magic, driver in _MAGIC if head.startswith(magic)), None)
    if found is None and head.lstrip()[:5].lower() in (b"ncols", b"nrows"):
        found = "AAIGrid"
    if found is None and path.suffix.lower() == ".hgt":
        found = "SRTMHGT"
    if found is None:
        raise refusal(
            path,
            "is no ground model that can be read; give a GeoTIFF, an ASCII grid (.asc), HFA (.img), Surfer grid, DTED "
            "or SRTM (.hgt) file",
            "不是可读取的地面模型；请提供 GeoTIFF、ASCII 格网（.asc）、HFA（.img）、Surfer 格网、DTED 或 "
            "SRTM（.hgt）文件",
        )
    return found


def _check_raster(path: Path, source: Any) -> None:
    """Refuse pictures, and sizes that the file cannot hold."""
    kind = np.dtype(source.dtypes[0])
    if source.count != 1 or kind.kind not in "iuf" or source.colorinterp[0].name == "palette":
        raise refusal(path, "is a picture, not a grid of heights (one band of numbers)", "是图像而不是单波段高程格网")
    posts, size = source.width * source.height, path.stat().st_size
    if source.width < 2 or source.height < 2:
        raise refusal(path, "has fewer than two rows or columns", "不足两行或两列")
    if posts > _MOST_POSTS or posts > max(_POSTS_ANYWAY, _POSTS_PER_BYTE * size):
        raise refusal(
            path,
            f"claims {source.width} x {source.height} posts, which its {size} bytes cannot hold or nobody could load; "
            "it is damaged, or must be cut into parts",
            f"声称有 {source.width} × {source.height} 个格点，与其 {size} 字节的大小不符或超出可载入范围；"
            "文件可能已损坏，或须分幅提供",
        )
    height, width = source.block_shapes[0]
    if height * width * kind.itemsize > _MOST_BLOCK_BYTES:
        raise refusal(
            path,
            f"is written in blocks of {width} x {height} posts, too large to read "
            "one at a time; write it again in tiles (gdal_translate -co TILED=YES)",
            "的分块过大，无法逐块读取；请重新写为分块格式（gdal_translate -co TILED=YES）",
        )


def _system(path: Path, source: Any, asked: Asked) -> tuple[CRS, tuple[tuple[str, str], ...]]:
    """The horizontal system of a file, and a note on heights whose zero only the file names."""
    if source.transform.is_identity:
        raise CrsError(
            f"{path.name} does not say where it lies: it has no georeference; add its world file (.tfw), or write it "
            "as a GeoTIFF.",
            message_zh=f"{path.name} 没有地理参考，无法确定位置；请附上坐标文件（.tfw）或另存为 GeoTIFF。",
        )
    named = parse_crs(asked.crs) if asked.crs else _own_system(path, source)
    flat, own_datum = _split(named)
    project = parse_crs(f"EPSG:{asked.srid}")
    check_shift_known(flat, project)
    return flat, _height_notes(path, own_datum, asked)


def _own_system(path: Path, source: Any) -> CRS:
    if source.crs is None:
        raise CrsError(
            f"{path.name} does not say which coordinate reference system it is in; name it with --crs.",
            message_zh=f"{path.name} 未说明坐标系，请用 --crs 指明。",
        )
    try:
        return CRS.from_wkt(source.crs.to_wkt())
    except ProjError as error:
        raise CrsError(
            f"{path.name} is in a coordinate reference system that PROJ does not know; name it with --crs.",
            message_zh=f"{path.name} 的坐标系无法识别，请用 --crs 指明。",
        ) from error


def _split(crs: CRS) -> tuple[CRS, str | None]:
    """The horizontal part of a system, and the zero of its heights where it names one."""
    if crs.is_compound:
        return crs.sub_crs_list[0], crs.sub_crs_list[1].name
    return (crs.to_2d(), "ellipsoid") if len(crs.axis_info) == 3 else (crs, None)


def _height_notes(path: Path, own_datum: str | None, asked: Asked) -> tuple[tuple[str, str], ...]:
    stated = asked.vertical_datum or own_datum
    if stated is None or stated == asked.project_datum or asked.offset_m is not None:
        return ()
    if asked.vertical_datum or own_datum == "ellipsoid":
        raise CrsError(
            f"The heights of {path.name} are counted from {stated}, those of the map from {asked.project_datum}: say "
            "with --offset how many metres to add (0 when both are the same).",
            message_zh=f"{path.name} 的高程基准为 {stated}，本图为 {asked.project_datum}："
            "请用 --offset 给出应加的米数（相同时填 0）。",
        )
    return (
        (
            f"The file counts its heights from {stated}; they were taken as those of the map ({asked.project_datum}).",
            f"文件的高程基准为 {stated}，已按本图高程基准（{asked.project_datum}）载入。",
        ),
    )


@contextmanager
def _in_project(source: Any, crs: CRS, asked: Asked) -> Iterator[Any]:
    """The source itself where its posts stand in rows of the project CRS, else a view of it that does."""
    from rasterio.enums import Resampling
    from rasterio.vrt import WarpedVRT

    at, project = source.transform, parse_crs(f"EPSG:{asked.srid}")
    if crs.equals(project, ignore_axis_order=True) and at.b == at.d == 0 and at.a > 0 > at.e:
        yield source
        return
    unknown = source.nodata if asked.nodata is None else asked.nodata
    with WarpedVRT(
        source,
        src_crs=crs.to_wkt(),
        crs=project.to_wkt(),
        resampling=Resampling.bilinear,
        dtype="float32" if unknown is None else None,
        src_nodata=unknown,
        nodata=unknown,
        add_alpha=unknown is None,
        tolerance=_WARP_TOLERANCE,
    ) as posts:
        yield posts


def _grid(transform: Any, columns: int, rows: int) -> Grid:
    """A raster's value stands for the middle of its pixel."""
    west_m, north_m = transform.c + transform.a / 2, transform.f + transform.e / 2
    return Grid(west_m, north_m, transform.a, -transform.e, columns, rows)


def _check_in_use(path: Path, bounds: Bounds, crs: CRS, asked: Asked) -> None:
    """Refuse a model wholly outside of where the map's system is used."""
    project = parse_crs(f"EPSG:{asked.srid}")
    if beyond(*_corners(bounds), crs, project).all():
        raise _misplaced(path, crs, f"outside of where {project.name} is used", f"{project.name} 适用范围之外")


def _check_near(path: Path, grid: Grid, crs: CRS, asked: Asked) -> None:
    """Refuse a model far from all that the map holds."""
    away_m = 0.0 if asked.bounds is None else distance_m(*_corners(grid.bounds), asked.bounds)
    if away_m > FAR_M:
        away_km = away_m / 1000
        raise _misplaced(
            path, crs, f"{away_km:.0f} km from all that the map holds", f"距本图已有数据 {away_km:.0f} km 处"
        )


def _corners(bounds: Bounds) -> tuple[Floats, Floats]:
    west, south, east, north = bounds
    return np.array([west, east, west, east]), np.array([south, south, north, north])


def _misplaced(path: Path, crs: CRS, where_en: str, where_zh: str) -> CrsError:
    return CrsError(
        f"Read in {crs.name}, {path.name} lies {where_en}; name the right system with --crs (a neighbouring zone?).",
        message_zh=f"按 {crs.name} 读取，{path.name} 位于{where_zh}；请用 --crs 指明正确的坐标系（是否带号有误？）。",
    )


def _metres(path: Path, source: Any, crs: CRS) -> float:
    unit = (source.units[0] or "").strip().lower()
    if unit not in _METRES:
        raise refusal(path, f"has heights in {unit}, which is not known", f"的高程单位 {unit} 无法识别")
    return _METRES[unit]


def _parts(path: Path, source: Any, posts: Any, grid: Grid, asked: Asked, metres: float) -> Iterator[Any]:
    scale, shift = source.scales[0] * metres, source.offsets[0] * metres + (asked.offset_m or 0.0)
    for window in grid.windows():
        z = _read(posts, window)
        if asked.nodata is not None:
            z[z == asked.nodata] = np.nan
        z = z * scale + shift
        _check_heights(path, z)
        yield window, z.astype(np.float32)


def _read(posts: Any, window: Window) -> Floats:
    """Heights as the file has them, NaN where unknown."""
    from rasterio.windows import Window as Pixels

    pixels = Pixels(window.column, window.row, window.width, window.height)
    z: Floats = posts.read(1, window=pixels, masked=True).astype(np.float64).filled(np.nan)
    if posts.count == 2:
        # A view of a file without unknown heights tells in a band of its own what the file covers.
        z[posts.read(2, window=pixels) < _COVERED] = np.nan
    return z


def _check_heights(path: Path, z_m: Any) -> None:
    strange = z_m[(z_m < _LEAST_M) | (z_m > _GREATEST_M)]
    if len(strange):
        raise refusal(
            path,
            f"holds heights such as {strange[0]:g} m, which no ground has; if a value stands for unknown, name it with "
            "--nodata",
            f"含有 {strange[0]:g} m 等不可能的地面高程；若以某值表示无数据，请用 --nodata 指明",
        )


def _damaged(path: Path, error: Exception) -> SourceError:
    words = " ".join(str(error).replace(f"{path.resolve().parent}/", "").split()).rstrip(".")
    return refusal(
        path, f"cannot be read, it is damaged or not what it claims to be ({words})", "无法读取：文件已损坏或格式不符"
    )
