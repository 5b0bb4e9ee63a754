"""Brings coordinates into the project CRS, and refuses those that cannot be where they claim."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjError

from importers.base import RecordTable
from importers.places.local_grid import LocalGrid
from importers.places.place_readings import (
    FAR_M,
    NEAR_M,
    Bounds,
    Floats,
    Home,
    Mask,
    System,
    beyond,
    can_be_transformed,
    distance_m,
    place_readings,
    transformed,
)  # fmt: skip
from importers.profiles import Profile
from pipemap.errors import CrsError, SourceError
from schemas.findings import Finding, Severity

# Shifts to these datums are known per city only, and PROJ would silently leave them out.
_UNSAFE_DATUMS = ("beijing 1954", "xian 1980")
_LOCAL = "local:"
_LOOK_AT = 2_000


@dataclass(frozen=True)
class Place:
    """The sheet, layer or table that coordinates stand in."""

    file: str
    sheet: str

    def __str__(self) -> str:
        return f"{self.file} ({self.sheet})"


@dataclass(frozen=True)
class Georeference:
    """The way from what the files hold to the project CRS (x easting, y northing).

    `grid` is the city's own system when the files are in one, `bounds` those of what the map holds (project CRS),
    `terrain` the ground of its ground models at places (n, 2).
    What had to be decided about axes is told in `findings`.
    """

    project: CRS
    profile: Profile
    source_crs: CRS | None = None
    grid: LocalGrid | None = None
    bounds: Bounds | None = None
    terrain: Callable[[Floats], Floats] | None = None
    findings: list[Finding] = field(default_factory=list)

    def crs_of(self, table: RecordTable, is_layer: bool) -> System:
        """The system the user gave, else the file, else the profile; tables and drawings default to the project's.

        Raises
        ------
        CrsError
            When a GIS layer has none, the shift between the two datums is not known, or PROJ knows no way to the
            project's system.
        """
        if self.grid is not None:
            return self._of_grid(self.grid)
        named = self.source_crs or table.crs or self._of_profile()
        if named is None and is_layer and table.geometry is not None:
            raise self._unsaid(table)
        crs = named or self.project
        check_shift_known(crs, self.project)
        if not can_be_transformed(crs, self.project):
            raise CrsError(
                f"{table.file} ({table.sheet}): PROJ knows no way from {crs.name} to {self.project.name}; its "
                "definition may be damaged or of an unknown projection: mend it or name the system with --crs.",
                message_zh=f"{table.file}（{table.sheet}）：PROJ 无法从 {crs.name} 转换到 {self.project.name}，"
                "坐标系定义可能损坏或投影不明；请修正，或用 --crs 指明。",
            )
        return crs

    def placed(
        self, first: Floats, second: Floats, axis: str, system: System, at: Place
    ) -> tuple[Floats, Floats, Mask]:
        """Two coordinate columns as easting and northing in the project CRS, and which lie outside the area of use.

        Parameters
        ----------
        first, second
            The columns named X and Y, NaN where unknown.
        axis
            As `Profile.axis`.
        at
            Where they stand, for messages.
        """
        east, north = (first, second) if axis == "x_is_easting" else (second, first)
        outside = self._outside(east, north, system, _area_of(system))
        if _mostly(outside, east):
            if _mostly(self._outside(north, east, system, _area_of(system)), east):
                raise self._not_there(first, second, axis, system, at)
            self._swap(axis, at, f"do not lie in {system.name}", f"不在 {system.name} 范围内")
        elif self._is_nearer_swapped(east, north, system):
            self._swap(axis, at, "lie far from what the map holds", "远离本图已有数据")
        else:
            if axis == "auto" or self.profile.name == "default":
                self._tell_if_either(east, north, system, at, axis)
            return self._here(east, north, system, outside, at)
        return self._here(north, east, system, self._outside(north, east, system, _area_of(system)), at)

    def shifted(self, geometry: npt.NDArray[np.object_], system: System) -> npt.NDArray[np.object_]:
        """Geometries in the project CRS, wherever they lie; z is kept."""
        if not isinstance(system, LocalGrid) and system.equals(self.project, ignore_axis_order=True):
            return geometry
        shifted: npt.NDArray[np.object_] = shapely.transform(
            geometry, lambda xy: np.column_stack(self._to_project(xy[:, 0], xy[:, 1], system)), include_z=False
        )
        return _with_z(shifted, geometry)

    def is_elsewhere(self, east: Floats, north: Floats) -> bool:
        """Whether most of the places, in the project CRS, lie outside its area of use."""
        return _mostly(beyond(east, north, self.project, self.project), east)

    def _of_grid(self, grid: LocalGrid) -> LocalGrid:
        """The local system; CrsError when the profile is for another one."""
        named = self.profile.crs
        if named is not None and is_local(named) and named != grid.name:
            raise CrsError(
                f"The profile {self.profile.name} is for coordinates in {named}, not {grid.name}.",
                message_zh=f"配置 {self.profile.name} 的坐标系为 {named}，不是 {grid.name}。",
            )
        return grid

    def _of_profile(self) -> CRS | None:
        named = self.profile.crs
        if named is not None and is_local(named):
            raise CrsError(
                f"The profile {self.profile.name} is for coordinates in {named}; give its definition with --crs-file.",
                message_zh=f"配置 {self.profile.name} 的坐标系为 {named}，请用 --crs-file 给出其定义文件。",
            )
        return parse_crs(named) if named else None

    def _unsaid(self, table: RecordTable) -> CrsError:
        """The error for a layer that says no system, with one that its places can be in where there is any."""
        drawn = shapely.get_coordinates(table.geometry)[:_LOOK_AT]
        ways = place_readings(drawn[:, 0], drawn[:, 1], Home(self.project, self.bounds), None, "x_is_easting")
        way = next((way for way in ways if way.fits and way.axis == "x_is_easting"), None)
        hint_en = f" (its places can be in {way.name}: --crs {way.name})" if way else ""
        hint_zh = f"（坐标可能为 {way.name}：--crs {way.name}）" if way else ""
        return CrsError(
            f"{table.file} ({table.sheet}) does not say which coordinate reference system it is in; "
            f"add its .prj or name the system with --crs{hint_en}.",
            message_zh=f"{table.file}（{table.sheet}）未说明坐标系，请附上 .prj 文件或用 --crs 指明{hint_zh}。",
        )

    def _here(
        self, east: Floats, north: Floats, system: System, outside: Mask, at: Place
    ) -> tuple[Floats, Floats, Mask]:
        """Places in the project CRS; CrsError when most of them lie where it is not used."""
        if _mostly(self._outside(east, north, system, self.project), east):
            raise CrsError(
                f"{at}: read in {system.name} the places lie far from where {self.project.name}, the system of this "
                "map, is used; name the right system with --crs.",
                message_zh=f"{at}：按 {system.name} 读取的坐标远离本图坐标系 {self.project.name} 的适用范围，"
                "请用 --crs 指明正确的坐标系。",
            )
        x_m, y_m = self._to_project(east, north, system)
        return x_m, y_m, outside

    def _swap(self, axis: str, at: Place, why_en: str, why_zh: str) -> None:
        """Tell that X and Y are the other way round; SourceError where the profile states their order."""
        if axis != "auto":
            raise SourceError(
                f"{at}: X and Y are swapped: read in the order of the profile {self.profile.name} the places "
                f'{why_en}, and read the other way round they fit; set axis = "auto" or the other axis order in the '
                "profile (`pipemap import --dry-run --write-profile` writes one that does).",
                message_zh=f"{at}：X、Y 互换：按配置 {self.profile.name} 的坐标顺序{why_zh}，互换后则相符；"
                "请在配置文件中修改 axis（可用 `pipemap import --dry-run --write-profile` 生成）。",
            )
        self._tell(
            Severity.INFO, at,
            "X is the easting and Y the northing here; the other way round the places would not lie where the map is.",
            "此表 X 为东坐标、Y 为北坐标；按相反顺序则不在本图范围内。",
        )  # fmt: skip

    def _is_nearer_swapped(self, east: Floats, north: Floats, system: System) -> bool:
        """Whether places that can be in either order are near the map in the other one only."""
        east, north = _sample(east, north)
        if self.bounds is None or not self._can_be_swapped(east, north, system):
            return False
        stated, other = (self._distance_m(*pair, system, self.bounds) for pair in ((east, north), (north, east)))
        return stated > FAR_M / 5 and other <= NEAR_M

    def _tell_if_either(self, east: Floats, north: Floats, system: System, at: Place, axis: str) -> None:
        if self.bounds is None and self._can_be_swapped(*_sample(east, north), system):
            en, zh = ("easting", "东") if axis == "x_is_easting" else ("northing", "北")
            self._tell(
                Severity.WARNING, at,
                f"X and Y can be either way round here, and the map is empty; X was taken for the {en}.",
                f"此表 X、Y 两种顺序均有可能，本图尚无数据可供判断；按 X 为{zh}坐标处理。",
            )  # fmt: skip

    def _can_be_swapped(self, east: Floats, north: Floats, system: System) -> bool:
        return bool(len(east)) and not _mostly(self._outside(north, east, system, _area_of(system)), east)

    def _distance_m(self, east: Floats, north: Floats, system: System, bounds: Bounds) -> float:
        return distance_m(*self._to_project(east, north, system), bounds)

    def _not_there(self, first: Floats, second: Floats, axis: str, system: System, at: Place) -> CrsError:
        """The error for places that cannot be in the system, with one they can be in where there is any."""
        middle = float(np.nanmedian(second if axis != "x_is_easting" else first))
        ways = place_readings(first, second, Home(self.project, self.bounds), None, axis)
        fitting = next((way for way in ways if way.fits and way.crs != system), None)
        hint_en = f"they can be in {fitting.name} ({fitting.crs.name}): try --crs {fitting.name}" if fitting else ""
        hint_zh = f"可能为 {fitting.name}（{fitting.crs.name}），请尝试 --crs {fitting.name}" if fitting else ""
        return CrsError(
            f"{at}: the places do not lie where {system.name} is used (easting about {middle:,.0f}); "
            f"{hint_en or 'name the right system with --crs'}.",
            message_zh=f"{at}：坐标不在 {system.name} 的适用范围内；{hint_zh or '请用 --crs 指明正确的坐标系'}。",
        )

    def _tell(self, severity: Severity, at: Place, en: str, zh: str) -> None:
        found = Finding(rule="IMP-AXIS", severity=severity, message_en=en, message_zh=zh, file=at.file, sheet=at.sheet)
        if found not in self.findings:
            self.findings.append(found)

    def _outside(self, east: Floats, north: Floats, system: System, home: CRS) -> Mask:
        if not (self.profile.check_area or self.source_crs or self.grid):
            return np.zeros(len(east), dtype=bool)
        return beyond(east, north, system, home)

    def _to_project(self, east: Floats, north: Floats, system: System) -> tuple[Floats, Floats]:
        x, y = transformed(east, north, system, self.project)
        lost = ~np.isfinite(x) | ~np.isfinite(y)
        return (np.where(lost, np.nan, x), np.where(lost, np.nan, y)) if lost.any() else (x, y)


def is_local(name: str) -> bool:
    """Whether the name of a system is that of a local one, which a file of its own defines."""
    return name.startswith(_LOCAL)


def parse_crs(text: str) -> CRS:
    """A CRS from a code such as EPSG:4547 or a PROJ string; CrsError says what is wrong."""
    try:
        return CRS.from_user_input(text)
    except ProjError as error:
        raise CrsError(
            f"{text} is not a known coordinate reference system; give it like EPSG:4547.",
            message_zh=f"{text} 不是已知的坐标系，请写成 EPSG:4547 的形式。",
        ) from error


def check_shift_known(crs: CRS, project: CRS) -> None:
    """CrsError for systems of two datums between which PROJ would silently leave out the shift."""
    unsafe = {_datum(crs), _datum(project)} & set(_UNSAFE_DATUMS)
    if unsafe and _datum(crs) != _datum(project):
        raise CrsError(
            f"{crs.name} cannot be transformed to {project.name} safely: the shift of this datum differs "
            "from city to city and must be given by the survey authority; deliver in CGCS2000, or give its "
            "parameters in a file with --crs-file.",
            message_zh=f"{crs.name} 无法可靠地转换到 {project.name}：转换参数因城市而异，须由测绘部门提供；"
            "请以 CGCS2000 提交，或用 --crs-file 给出参数文件。",
        )


def _area_of(system: System) -> CRS:
    """The system whose area of use holds for places in another."""
    return system.target if isinstance(system, LocalGrid) else system


def _sample(east: Floats, north: Floats) -> tuple[Floats, Floats]:
    """The first places that are known: enough to tell how all were written."""
    known = np.flatnonzero(np.isfinite(east) & np.isfinite(north))[:_LOOK_AT]
    return east[known], north[known]


def _datum(crs: CRS) -> str:
    name = (crs.geodetic_crs or crs).name
    return name.casefold().replace("'", "")


def _mostly(mask: Mask, values: Floats) -> bool:
    known = int((~np.isnan(values)).sum())
    return known > 0 and int(mask.sum()) * 2 > known


def _with_z(flat: npt.NDArray[np.object_], original: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    has_z = shapely.has_z(original)
    if not has_z.any():
        return flat
    raised = flat.copy()
    z = shapely.get_coordinates(original[has_z], include_z=True)[:, 2]
    xy = shapely.get_coordinates(flat[has_z])
    raised[has_z] = shapely.set_coordinates(shapely.force_3d(flat[has_z]), np.column_stack([xy, z]))
    return raised
