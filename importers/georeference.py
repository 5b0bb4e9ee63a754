"""Brings coordinates into the project CRS, and refuses those that cannot be where they claim."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError as ProjError

from importers.base import RecordTable
from importers.profiles import Profile
from pipemap.errors import CrsError, SourceError

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

# Areas of use end at zone borders; surveys do not.
_MARGIN_DEG = 0.5
# Shifts to these datums are known per city only, and PROJ would silently leave them out.
_UNSAFE_DATUMS = ("beijing 1954", "xian 1980")


@dataclass(frozen=True)
class Georeference:
    """The way from what the files hold to the project CRS (x easting, y northing)."""

    project: CRS
    profile: Profile
    source_crs: CRS | None = None

    def crs_of(self, table: RecordTable, is_layer: bool) -> CRS:
        """The CRS the user gave, else the file, else the profile; tables and drawings default to the project's.

        Raises
        ------
        CrsError
            When a GIS layer has none, or the shift between the two datums is not known.
        """
        named = self.source_crs or table.crs or (parse_crs(self.profile.crs) if self.profile.crs else None)
        if named is None and is_layer and table.geometry is not None:
            raise CrsError(
                f"{table.file} ({table.sheet}) does not say which coordinate reference system it is in; "
                "add its .prj or name the system with --crs.",
                message_zh=f"{table.file}（{table.sheet}）未说明坐标系，请附上 .prj 文件或用 --crs 指明。",
            )
        crs = named or self.project
        unsafe = {_datum(crs), _datum(self.project)} & set(_UNSAFE_DATUMS)
        if unsafe and _datum(crs) != _datum(self.project):
            raise CrsError(
                f"{crs.name} cannot be transformed to {self.project.name} safely: the shift of this datum differs "
                "from city to city and must be given by the survey authority; deliver in CGCS2000.",
                message_zh=f"{crs.name} 无法可靠地转换到 {self.project.name}：转换参数因城市而异，须由测绘部门提供；"
                "请以 CGCS2000 提交。",
            )
        return crs

    def placed(self, first: Floats, second: Floats, axis: str, crs: CRS, label: str) -> tuple[Floats, Floats, Mask]:
        """Two coordinate columns as easting and northing in the project CRS, and which lie outside the area of use.

        Parameters
        ----------
        first, second
            The columns named X and Y, NaN where unknown.
        axis
            As `Profile.axis`.
        """
        east, north = (first, second) if axis == "x_is_easting" else (second, first)
        outside = self._outside(east, north, crs, crs)
        if _mostly(outside, east):
            swapped = self._outside(north, east, crs, crs)
            if _mostly(swapped, east):
                raise CrsError(
                    _not_there(label, crs, east),
                    message_zh=f"{label}：坐标不在 {crs.name} 的适用范围内，请用 --crs 指明正确的坐标系。",
                )
            if axis != "auto":
                raise SourceError(
                    f"{label}: X and Y are swapped: read in the order of the profile {self.profile.name} the places "
                    f'do not lie in {crs.name}, the other way round they do; set axis = "auto" or the other axis '
                    "order in the profile.",
                    message_zh=f"{label}：X、Y 互换：按配置 {self.profile.name} 的坐标顺序不在 {crs.name} 范围内，"
                    "互换后则在；请在配置文件中修改 axis。",
                )
            east, north, outside = north, east, swapped
        if _mostly(self._outside(east, north, crs, self.project), east):
            raise CrsError(
                f"{label}: read in {crs.name} the places lie far from where {self.project.name}, the system of this "
                "map, is used; name the right system with --crs.",
                message_zh=f"{label}：按 {crs.name} 读取的坐标远离本图坐标系 {self.project.name} 的适用范围，"
                "请用 --crs 指明正确的坐标系。",
            )
        east, north = self._to_project(east, north, crs)
        return east, north, outside

    def shifted(self, geometry: npt.NDArray[np.object_], crs: CRS) -> npt.NDArray[np.object_]:
        """Geometries in the project CRS, wherever they lie; z is kept."""
        if crs.equals(self.project, ignore_axis_order=True):
            return geometry
        shifted: npt.NDArray[np.object_] = shapely.transform(
            geometry, lambda xy: np.column_stack(self._to_project(xy[:, 0], xy[:, 1], crs)), include_z=False
        )
        return _with_z(shifted, geometry)

    def is_elsewhere(self, east: Floats, north: Floats) -> bool:
        """Whether most of the places, in the project CRS, lie outside its area of use."""
        return _mostly(_beyond(east, north, self.project, self.project), east)

    def _outside(self, east: Floats, north: Floats, crs: CRS, home: CRS) -> Mask:
        if not (self.profile.check_area or self.source_crs):
            return np.zeros(len(east), dtype=bool)
        return _beyond(east, north, crs, home)

    def _to_project(self, east: Floats, north: Floats, crs: CRS) -> tuple[Floats, Floats]:
        if crs.equals(self.project, ignore_axis_order=True):
            return east, north
        x, y = _transformer(crs, self.project).transform(east, north, errcheck=False)
        lost = ~np.isfinite(x) | ~np.isfinite(y)
        return np.where(lost, np.nan, x), np.where(lost, np.nan, y)


def parse_crs(text: str) -> CRS:
    """A CRS from a code such as EPSG:4547 or a PROJ string; CrsError says what is wrong."""
    try:
        return CRS.from_user_input(text)
    except ProjError as error:
        raise CrsError(
            f"{text} is not a known coordinate reference system; give it like EPSG:4547.",
            message_zh=f"{text} 不是已知的坐标系，请写成 EPSG:4547 的形式。",
        ) from error


@lru_cache(maxsize=16)
def _transformer(source: CRS, target: CRS) -> Transformer:
    return Transformer.from_crs(source, target, always_xy=True)


def _beyond(east: Floats, north: Floats, crs: CRS, home: CRS) -> Mask:
    """Which places, given in `crs`, lie outside the area of use of `home`."""
    area = home.area_of_use
    if area is None:
        return np.zeros(len(east), dtype=bool)
    geodetic = crs.geodetic_crs or crs
    lon, lat = _transformer(crs, geodetic).transform(east, north, errcheck=False)
    inside = (lon >= area.west - _MARGIN_DEG) & (lon <= area.east + _MARGIN_DEG)
    if area.west > area.east:
        inside = (lon >= area.west - _MARGIN_DEG) | (lon <= area.east + _MARGIN_DEG)
    inside &= (lat >= area.south - _MARGIN_DEG) & (lat <= area.north + _MARGIN_DEG)
    return np.asarray(~inside & ~np.isnan(east) & ~np.isnan(north), dtype=bool)


def _datum(crs: CRS) -> str:
    name = (crs.geodetic_crs or crs).name
    return name.casefold().replace("'", "")


def _mostly(mask: Mask, values: Floats) -> bool:
    known = int((~np.isnan(values)).sum())
    return known > 0 and int(mask.sum()) * 2 > known


def _not_there(label: str, crs: CRS, east: Floats) -> str:
    middle = float(np.nanmedian(east))
    message = f"{label}: the places do not lie where {crs.name} is used (easting about {middle:,.0f} m)"
    zone = int(middle // 1_000_000)
    if 25 <= zone <= 45:
        # CGCS2000 3-degree zone form: 4513 is zone 25, and eastings begin with the zone.
        return f"{message}; the eastings begin with zone number {zone}: try --crs EPSG:{4513 + zone - 25}."
    return f"{message}; name the right system with --crs."


def _with_z(flat: npt.NDArray[np.object_], original: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    has_z = shapely.has_z(original)
    if not has_z.any():
        return flat
    raised = flat.copy()
    z = shapely.get_coordinates(original[has_z], include_z=True)[:, 2]
    xy = shapely.get_coordinates(flat[has_z])
    raised[has_z] = shapely.set_coordinates(shapely.force_3d(flat[has_z]), np.column_stack([xy, z]))
    return raised
