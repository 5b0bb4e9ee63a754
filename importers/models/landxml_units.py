"""Units and coordinate system of a LandXML file, to metres and millimetres."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from importers.models.elements import FOOT_M
from importers.models.inp_files import number
from importers.refusing import refusal
from schemas.findings import Finding, Severity

_METRES = {
    "millimeter": 0.001, "centimeter": 0.01, "decimeter": 0.1, "meter": 1.0, "kilometer": 1000.0,
    "foot": FOOT_M, "feet": FOOT_M, "ussurveyfoot": 1200 / 3937, "inch": 0.0254, "mile": 1609.344, "miles": 1609.344,
}  # fmt: skip
# No sewer is wider: sizes beyond it, in a file that names no unit for them, are inches or millimetres.
_WIDEST_M = 6.0


@dataclass(frozen=True)
class Units:
    """Factors from the file to metres: of plan coordinates, elevations and sizes.

    Plan coordinates in feet stay in feet (factor 1) unless the file names a system in metres: whichever
    system they are in, named by the file or by the user, is in feet as well.
    """

    plan: float
    elevation_m: float
    size_m: float
    crs: CRS | None
    findings: tuple[Finding, ...] = ()


def units_of(path: Path, found: Mapping[str, Any]) -> Units:
    """The units that the file names, and what is odd about them.

    Raises
    ------
    SourceError
        When it names a unit that there is not.
    """
    named = found["units"]
    crs = _crs(found["coordinate_system"])
    is_imperial = named.get("system") == "Imperial"
    linear_m = _metres(path, named.get("linearUnit") or ("foot" if is_imperial else "meter"))
    elevation_m = _metres(path, named["elevationUnit"]) if named.get("elevationUnit") else linear_m
    findings = [] if named else [_unnamed(path)]
    size_m, odd = _size_m(path, found, linear_m, is_imperial)
    in_metres = crs is not None and math.isclose(crs.axis_info[0].unit_conversion_factor, 1.0)
    plan = 1.0 if is_imperial and not in_metres else linear_m
    return Units(plan, elevation_m, size_m, crs, (*findings, *odd))


def _metres(path: Path, word: str) -> float:
    factor = _METRES.get(word.lower())
    if factor is None:
        raise refusal(path, f"is in a unit that LandXML does not have: {word}", f"使用了 LandXML 中没有的单位：{word}")
    return factor


def _size_m(
    path: Path, found: Mapping[str, Any], linear_m: float, is_imperial: bool
) -> tuple[float, Iterable[Finding]]:
    named = found["units"]
    word = named.get("diameterUnit") or named.get("widthUnit")
    if word:
        return _metres(path, word), ()
    told = [number(pipe["form_attributes"].get("diameter", "")) for pipe in found["pipes"]]
    sizes = [size for size in told if size > 0]
    if not sizes or median(sizes) * linear_m <= _WIDEST_M:
        return linear_m, ()
    unit, unit_zh, factor = ("inches", "英寸", 0.0254) if is_imperial else ("millimetres", "毫米", 0.001)
    finding = _finding(
        path,
        Severity.WARNING,
        f"No unit is named for diameters, and {median(sizes):g} is none in the unit of lengths; they were taken "
        f"for {unit}.",
        f"未说明管径单位，按长度单位理解则管径 {median(sizes):g} 不合理，按{unit_zh}处理。",
    )
    return factor, (finding,)


def _crs(system: Mapping[str, str]) -> CRS | None:
    """The system by its EPSG code, else by its definition; text that is neither names none."""
    for text in (system.get("epsgCode", "").upper().removeprefix("EPSG:").strip(), system.get("ogcWktCode", "")):
        try:
            return CRS.from_user_input(int(text) if text.isdigit() else text) if text else None
        except CRSError:
            continue
    return None


def _unnamed(path: Path) -> Finding:
    return _finding(
        path,
        Severity.WARNING,
        "The file names no units; lengths were taken for metres.",
        "文件未说明单位，长度按米处理。",
    )


def _finding(path: Path, severity: Severity, en: str, zh: str) -> Finding:
    return Finding(rule="IMP-SCALE", severity=severity, message_en=en, message_zh=zh, file=path.name)
