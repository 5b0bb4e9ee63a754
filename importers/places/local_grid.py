"""A city's own coordinate system, defined in a local file: four or seven parameters, or a PROJ pipeline.

The parameters are secret in China (standards.md section 4): they are read from the file and used, and only the
file's `id` is ever stored or shown.
"""

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError as ProjCrsError
from pyproj.exceptions import ProjError

from pipemap.errors import CrsError, NotFoundError

Floats = npt.NDArray[np.float64]


class Helmert4(BaseModel):
    """Plane similarity from local to target coordinates, as Chinese offices write it (x north, y east).

    x' = delta_north_m + scale (x cos a - y sin a), y' = delta_east_m + scale (x sin a + y cos a).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    delta_north_m: float
    delta_east_m: float
    rotation_arcsec: float = 0.0
    scale: float = Field(1.0, gt=0)


class Helmert7(BaseModel):
    """Datum change in space: from the projected system `source` to the target, parameters as PROJ names them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = Field(description="Projected system of the coordinates, for example EPSG:2435.")
    dx_m: float
    dy_m: float
    dz_m: float
    rx_arcsec: float = 0.0
    ry_arcsec: float = 0.0
    rz_arcsec: float = 0.0
    scale_ppm: float = 0.0
    convention: Literal["position_vector", "coordinate_frame"]


class _Definition(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[\w.-]{1,60}$", description="What the system is called in records.")
    title: str = ""
    target: str = Field(description="System that the parameters lead to, for example EPSG:4547.")
    helmert4: Helmert4 | None = None
    helmert7: Helmert7 | None = None
    pipeline: str | None = Field(None, description="PROJ pipeline from local to target, easting first, metres.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if sum(way is not None for way in (self.helmert4, self.helmert7, self.pipeline)) != 1:
            raise ValueError("give one of helmert4, helmert7 and pipeline")
        return self


@dataclass(frozen=True)
class LocalGrid:
    """A local system: the way from its easting and northing to a system that everybody knows."""

    definition: _Definition
    target: CRS

    @property
    def name(self) -> str:
        """What it is called in records; tells nothing of the parameters."""
        return f"local:{self.definition.id}"

    def to_target(self, east: Floats, north: Floats) -> tuple[Floats, Floats]:
        """Easting and northing in the target system, NaN where there is no way."""
        if self.definition.helmert4 is not None:
            return _plane(self.definition.helmert4, east, north)
        places = (east, north)
        for step in self._steps:
            x, y = step.transform(*places, errcheck=False)
            lost = ~np.isfinite(x) | ~np.isfinite(y)
            places = (np.where(lost, np.nan, x), np.where(lost, np.nan, y))
        return places

    @cached_property
    def _steps(self) -> list[Transformer]:
        if self.definition.pipeline is not None:
            return [Transformer.from_pipeline(self.definition.pipeline)]
        seven = self.definition.helmert7
        assert seven is not None
        source = CRS.from_user_input(seven.source)
        from_plane = Transformer.from_crs(source, source.geodetic_crs, always_xy=True)
        to_plane = Transformer.from_crs(self.target.geodetic_crs, self.target, always_xy=True)
        return [from_plane, Transformer.from_pipeline(_in_space(seven, source, self.target)), to_plane]


def read_local_grid(path: Path) -> LocalGrid:
    """The local system that a TOML file defines.

    Raises
    ------
    NotFoundError
        When there is no such file.
    CrsError
        When it is no definition; says what is wrong without showing a parameter.
    """
    if not path.is_file():
        raise NotFoundError(f"There is no file {path.name}.", message_zh=f"文件 {path.name} 不存在。")
    try:
        definition = _Definition.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
        grid = LocalGrid(definition, CRS.from_user_input(definition.target))
        if not grid.target.is_projected:
            raise _wrong(path, "target must be a projected system")
        grid.to_target(np.array([0.0]), np.array([0.0]))
    except ValidationError as error:
        first = error.errors()[0]
        raise _wrong(path, f"{'.'.join(map(str, first['loc'])) or 'file'}: {first['msg']}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError):
        raise _wrong(path, "it must be TOML in UTF-8") from None
    except (ProjCrsError, ProjError):
        # What PROJ says repeats the parameters.
        raise _wrong(path, "a system or the pipeline in it is not one that PROJ knows") from None
    return grid


def _plane(four: Helmert4, east: Floats, north: Floats) -> tuple[Floats, Floats]:
    angle = np.deg2rad(four.rotation_arcsec / 3600)
    cos, sin = four.scale * np.cos(angle), four.scale * np.sin(angle)
    return four.delta_east_m + north * sin + east * cos, four.delta_north_m + north * cos - east * sin


def _in_space(seven: Helmert7, source: CRS, target: CRS) -> str:
    """Degrees on the source's ellipsoid to degrees on the target's, heights taken as zero."""
    return (
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad "
        f"+step +proj=cart {_ellipsoid(source)} +step +proj=helmert +x={seven.dx_m} +y={seven.dy_m} +z={seven.dz_m} "
        f"+rx={seven.rx_arcsec} +ry={seven.ry_arcsec} +rz={seven.rz_arcsec} +s={seven.scale_ppm} "
        f"+convention={seven.convention} +step +inv +proj=cart {_ellipsoid(target)} "
        "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )


def _ellipsoid(crs: CRS) -> str:
    if crs.ellipsoid is None:
        raise ProjError(f"{crs.name} has no ellipsoid")
    return f"+a={crs.ellipsoid.semi_major_metre} +rf={crs.ellipsoid.inverse_flattening}"


def _wrong(path: Path, what: str) -> CrsError:
    return CrsError(
        f"{path.name} does not define a local coordinate system: {what}.",
        message_zh=f"{path.name} 不是有效的地方坐标系定义：{what}。",
    )
