"""Files of one delivery in, normalised features out: the way from survey to core."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from pyproj import CRS

from importers.archive import is_unpacked, unpacked
from importers.base import Reader, RecordTable
from importers.foreign import advice
from importers.normalising import standalone
from importers.normalising.closing import placed, schematic, unclassed, unmoved_heights
from importers.normalising.column_findings import tell_lines_without_ends
from importers.normalising.elevations import with_axis
from importers.normalising.features import Sources, consumers_of, nodes_of, segments_of, structures_of
from importers.normalising.joining import join
from importers.normalising.normalise import GROUND
from importers.normalising.sheets import Context, Sheets
from importers.normalising.stops import with_stops
from importers.normalising.twofold_points import with_places_of_others
from importers.places.feet import foot_of
from importers.places.georeference import Georeference, is_local, parse_crs
from importers.places.local_grid import LocalGrid, read_local_grid
from importers.places.place_readings import Bounds, own_axis
from importers.places.surface import Floats, with_model, with_surface
from importers.profile_files import choose_profile, headers_of, load_profile
from importers.profiles import Profile
from importers.sources import Source, distinct_names, sha256
from pipemap.errors import NotFoundError, SourceError, UsageError
from pipemap.forked import give_back
from pipemap.seldom import seldom_collected
from schemas.codetables import code_table
from schemas.delivery import DatumUse, Delivery, SourceFile
from schemas.findings import Finding, Severity

OnProgress = Callable[[str, int, int], None]

# The profile of layouts that no other knows.
_FOR_ANY = "default"
# So many rows of each table of a large file tell what it holds.
_HEAD_ROWS = 50_000
_KINDS = (
    "xlsx", "xls", "csv", "txt", "mdb", "shp", "gpkg", "gdb", "geojson", "gml", "kml", "tab", "mif", "fgb",
    "parquet", "sqlite", "topojson", "gpx", "sos", "xtf", "ISYBAU", "dxf", "dgn", "inp", "LandXML", "ifc", "zip", "rar",
    "7z",
)  # fmt: skip
_DATASET_SUFFIX = re.compile(
    r"[\s_\-（(]*(?:管点|管线|用户|点|线)?(?:调查表|成果表|表)?[\s_\-)）]*(?:gbk|utf8|utf-8)?$|[\s_\-](?:point|line|[PL])$",
    re.IGNORECASE,
)


class UnknownLayoutError(SourceError):
    """No table of a delivery is known to hold points or pipes."""


@dataclass(frozen=True)
class Reading:
    """The files of a delivery as read, with the profile that will be used and why."""

    sources: list[Source]
    files: list[SourceFile]
    profile: Profile
    why: str
    findings: list[Finding] = field(default_factory=list)

    @property
    def tables(self) -> list[tuple[RecordTable, str]]:
        """The tables, of large files the first rows of each, with the name of their reader."""
        return [(table, source.reader.name) for source in self.sources for table in source.tables]


def read_delivery(
    paths: Sequence[Path],
    *,
    profile: str | Path | None = None,
    srid: int,
    source_crs: str | None = None,
    dataset: str | None = None,
    default_class: str | None = None,
    crs_file: Path | None = None,
    bounds: Bounds | None = None,
    terrain: Callable[[Floats], Floats] | None = None,
    on_progress: OnProgress | None = None,
) -> Delivery:
    """Read files as one delivery into the project CRS; faults in the data become findings.

    Parameters
    ----------
    profile
        Name of a shipped profile or a TOML file; by default the one whose layout fits best.
    srid
        EPSG code of the project CRS.
    source_crs
        CRS of the files, stronger than what they say themselves.
    dataset
        Name of the delivery series; by default from the first file's name.
    default_class
        Utility class of rows that name none, stronger than the profile's.
    crs_file
        Definition of the local system that the files are in, stronger than any other;
        see `importers.places.local_grid`.
    bounds
        Of what the map holds, in the project CRS: where X and Y can be either way round, it decides.
    terrain
        The ground by the map's ground models at places (n, 2) of the project CRS, asked only where the profile says so.

    Raises
    ------
    SourceError, CrsError
        When a file cannot be read, or its places cannot be where they claim.
    UsageError
        When there is no such class.
    """
    said = on_progress or _quiet
    with seldom_collected(), unpacked(require_files(paths)) as files:
        reading = with_own_axis(
            read_tables(files, profile, said, head_rows=1, crs=source_crs), parse_crs(f"EPSG:{srid}"), profile
        )
        if default_class is not None:
            reading = with_class(reading, default_class)
        grid = read_local_grid(crs_file) if crs_file is not None else None
        if grid is not None:
            reading = _in_grid(reading, grid)
        georeference = Georeference(
            parse_crs(f"EPSG:{srid}"),
            reading.profile,
            parse_crs(source_crs) if source_crs else None,
            grid,
            bounds,
            terrain,
        )
        return normalised(reading, georeference, dataset or dataset_name(paths[0]), said)


def read_tables(
    paths: Sequence[Path],
    profile: str | Path | None,
    on_progress: OnProgress,
    head_rows: int = _HEAD_ROWS,
    crs: str | None = None,
) -> Reading:
    """Read every table, of large files the first `head_rows` rows of each, and settle on a profile.

    `crs` is the system that the user names for all of them.
    """
    given = load_profile(profile) if profile is not None else None
    named = crs or (given.crs if given else None)
    options: dict[str, Any] = {"delivered": [path.name for path in paths]}
    if named is not None and not is_local(named):
        options |= {"foot": foot} if (foot := foot_of(parse_crs(named))) else {}
    if given:
        options |= {**given.reader, "known_headers": headers_of(given), "profile": given}
    sources, left_out = _sources(paths, options)
    for done, source in enumerate(sources):
        on_progress("read", done, len(paths))
        source.open(head_rows)
    on_progress("read", len(paths), len(paths))
    tables = [table for source in sources for table in source.tables]
    if not any(len(table.rows) for table in tables):
        names = ", ".join(path.name for path in paths)
        raise SourceError(
            f"There is nothing to import in {names}: no table has a row.", message_zh=f"{names} 中没有可导入的数据行。"
        )
    columns = (str(name) for table in tables for name in table.rows.columns)
    used = {_read_as(source) for source in sources if any(map(_is_data, source.tables))}
    sheets = {table.sheet for table in tables}
    chosen, why = (given, "it was asked for") if given else choose_profile(columns, used, sheets)
    for source in sources:
        source.decode(chosen.codes)
    files = [SourceFile(s.name, sha256(s.path), s.reader.name, chosen.name) for s in sources]
    return Reading(sources, files, chosen, why, left_out)


def _read_as(source: Source) -> str:
    """The reader whose profiles are for a source: text tables of shapes are layers."""
    are_shapes = all(table.geometry is not None for table in source.tables if _is_data(table))
    return "gis" if source.reader.name == "tables" and are_shapes else source.reader.name


def _is_data(table: RecordTable) -> bool:
    """Whether a table is more than the lines of a text."""
    return table.role is not None or table.geometry is not None or len(table.rows.columns) > 1


def _sources(paths: Sequence[Path], options: dict[str, Any]) -> tuple[list[Source], list[Finding]]:
    """The files with their readers; of what lies in an archive beside them, a word on each that has none."""
    foreign = [path for path in paths if is_unpacked(path) and find_reader(path) is None]
    if len(foreign) == len(paths):
        foreign = []
    wanted = [path for path in paths if path not in foreign]
    named = zip(wanted, distinct_names(wanted), strict=True)
    return [Source(path, name, reader_of(path), options) for path, name in named], [_left_out(p.name) for p in foreign]


def _left_out(name: str) -> Finding:
    return Finding(
        rule="IMP-FILE",
        severity=Severity.INFO,
        message_en=f"{name} is of no kind that can be imported and was left out.",
        message_zh=f"{name} 不是可导入的格式，未读取。",
        file=name,
    )


def with_class(reading: Reading, class_code: str) -> Reading:
    """The reading with another class for rows that name none; the files say so beside their profile."""
    known = code_table("utility_class")
    if class_code not in known:
        raise UsageError(
            f"There is no class {class_code}; choose one of {', '.join(known)}.",
            message_zh=f"没有类别 {class_code}；可选：{'、'.join(known)}。",
        )
    profile = reading.profile.model_copy(update={"default_class": class_code})
    files = [replace(file, profile=f"{file.profile} (class {class_code})") for file in reading.files]
    return replace(reading, profile=profile, files=files)


def with_own_axis(reading: Reading, crs: CRS, given: str | Path | None) -> Reading:
    """The reading with X and Y as the map's system names its axes, where no profile made for the files says it."""
    if given is not None or reading.profile.name != _FOR_ANY:
        return reading
    return replace(reading, profile=reading.profile.model_copy(update={"axis": own_axis(crs)}))


def _in_grid(reading: Reading, grid: LocalGrid) -> Reading:
    """The reading with files that say which local system they were read in, by its name alone."""
    files = [replace(file, profile=f"{file.profile} ({grid.name})") for file in reading.files]
    return replace(reading, files=files)


def normalised(reading: Reading, georeference: Georeference, dataset: str, on_progress: OnProgress) -> Delivery:
    """Give meaning to tables: features, findings and the account of every row."""
    context = Context(reading.profile, georeference)
    context.ledger.findings += reading.findings
    if not _take_sheets(reading, context, on_progress):
        names = ", ".join(file.name for file in reading.files)
        raise UnknownLayoutError(
            f"Nothing in {names} is known to be points or pipes by the profile {reading.profile.name}; "
            "`pipemap import --dry-run` shows what each column is taken for.",
            message_zh=f"按配置 {reading.profile.name} 无法识别 {names} 中的管点或管线；"
            "可用 `pipemap import --dry-run` 查看各列的识别结果。",
        )
    on_progress("join", 0, 1)
    delivery = _joined(context, reading.files, dataset)
    # Joining takes more than what comes of it, and that stays while it is stored.
    give_back()
    on_progress("join", 1, 1)
    return delivery


def _take_sheets(reading: Reading, context: Context, on_progress: OnProgress) -> bool:
    """Normalise every table, and say whether any of them was of use."""
    sheets = Sheets(context)
    for done, source in enumerate(reading.sources):
        on_progress("normalise", done, len(reading.sources))
        for table in source.all_tables():
            sheets.add(table, source.reader.name == "gis")
    sheets.finish()
    on_progress("normalise", len(reading.sources), len(reading.sources))
    return sheets.is_of_use


def _joined(context: Context, files: Sequence[SourceFile], dataset: str) -> Delivery:
    srid = context.georeference.project.to_epsg() or 0
    ledger, pools = context.ledger, context.pools
    draw, snap_m = context.profile.lost_points == "draw", context.profile.snap_m
    words = context.profile.class_words()
    # No name for what goes in: it would stay in memory as long as what comes out.
    nodes, segments, keys = join(
        *with_stops(with_places_of_others(pools["node"].frame(), ledger), pools["pipe_segment"], ledger, snap_m),
        words,
        ledger,
        draw_lost_points=draw,
        snap_m=snap_m,
    )
    nodes, told = with_surface(nodes, pools[GROUND].frame())
    ledger.findings += told
    if context.profile.vertical.ground_from_model and context.georeference.terrain is not None:
        nodes, told = with_model(nodes, context.georeference.terrain)
        ledger.findings += told
    datums: list[DatumUse] = []
    if len(segments):
        nodes, segments, datums = with_axis(nodes, segments, keys, context)
    else:
        tell_lines_without_ends(context.of_lines, ledger)
    consumers = standalone.consumers(pools["consumer"].frame(), nodes, keys, ledger)
    structures = standalone.structures(pools["structure"].frame(), ledger)
    counts = ledger.counts()
    findings = [*ledger.findings, *context.georeference.findings, *unclassed(counts)]
    findings += [*schematic(nodes, context.georeference), *unmoved_heights(context.profile, files)]
    sources = Sources(context, files)
    return Delivery(
        dataset=dataset,
        files=files,
        nodes=nodes_of(nodes, keys, pools["node"], sources, srid),
        segments=segments_of(segments, nodes, keys, pools["pipe_segment"], sources, srid),
        consumers=consumers_of(consumers, pools["consumer"], sources, srid),
        structures=structures_of(structures, pools["structure"], sources, srid),
        findings=placed(findings, {"node": nodes, "consumer": consumers, "structure": structures}),
        counts=counts,
        datums=datums,
        columns=context.read_from,
    )


def require_files(paths: Sequence[Path]) -> list[Path]:
    """The paths, all of which exist; NotFoundError names the first that does not, SourceError a folder or a device."""
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"There is no file {path.name}.", message_zh=f"文件 {path.name} 不存在。")
        if path.is_dir() and path.suffix.lower() != ".gdb":
            raise SourceError(
                f"{path.name} is a folder; name the files in it.",
                message_zh=f"{path.name} 是文件夹，请指明其中的文件。",
            )
        if not path.is_file() and not path.is_dir():
            raise SourceError(
                f"{path.name} is a pipe or a device, not a file.", message_zh=f"{path.name} 是管道或设备，不是文件。"
            )
    return list(paths)


@cache
def readers() -> tuple[Reader, ...]:
    """Every installed reader."""
    points = sorted(entry_points(group="pipemap.importers"), key=lambda found: found.name)
    return tuple(point.load()() for point in points)


def find_reader(path: Path) -> Reader | None:
    """The reader that knows a file, if any does."""
    return next((reader for reader in readers() if reader.accepts(path)), None)


def reader_of(path: Path) -> Reader:
    """The reader of one file; SourceError when no reader knows it."""
    reader = find_reader(path)
    if reader is not None:
        return reader
    if (told := advice(path)) is not None:
        raise SourceError(
            f"{path.name} is of a kind that is not read: {told[0]}.",
            message_zh=f"{path.name} 的格式不能导入：{told[1]}。",
        )
    raise SourceError(
        f"{path.name} is of no kind that can be imported; use {', '.join(_KINDS)}.",
        message_zh=f"{path.name} 的格式不能导入；请使用 {'、'.join(_KINDS)}。",
    )


def dataset_name(path: Path) -> str:
    """The delivery series a file belongs to: its stem without what tells points from lines, else its folder."""
    path = Path(path).resolve()
    return _DATASET_SUFFIX.sub("", path.stem) or path.parent.name or path.stem


def _quiet(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody asked for."""
