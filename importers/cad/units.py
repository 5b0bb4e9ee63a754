"""The unit a drawing is drawn in: by profile, by header where its coordinates agree, told either way."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from ezdxf.math import Matrix44

from importers.cad.drawing import Drawing
from importers.cad.entities import Entity
from pipemap.errors import SourceError
from schemas.findings import Finding, Severity

# Metres per unit, by what a profile calls it and by $INSUNITS of the header.
UNITS = {"m": 1.0, "mm": 0.001, "cm": 0.01, "dm": 0.1, "km": 1000.0, "in": 0.0254, "ft": 0.3048, "us-ft": 1200 / 3937}
_HEADER_UNITS = {1: "in", 2: "ft", 4: "mm", 5: "cm", 6: "m", 7: "km", 14: "dm", 21: "us-ft"}
_BELOW_METRES = ("mm", "cm", "dm")
_NAMES = {"m": "metres", "mm": "millimetres", "cm": "centimetres", "dm": "decimetres", "km": "kilometres",
          "in": "inches", "ft": "feet", "us-ft": "US survey feet"}  # fmt: skip
# No grid in metres has a northing or an easting beyond these, nor does a survey span as much.
_MAX_NORTHING, _MAX_EASTING, _MAX_SPAN = 1.1e7, 6e7, 3e5


def scale_of(
    drawing: Drawing, entities: Sequence[Entity], options: dict[str, Any]
) -> tuple[Matrix44 | None, Finding | None]:
    """The way from the drawing's unit to metres, None where there is nothing to scale, and what to say of it.

    Raises
    ------
    SourceError
        When the profile names a unit that there is not.
    """
    header = _HEADER_UNITS.get(int(drawing.number("$INSUNITS") or 0))
    asked = options.get("units")
    if asked is not None:
        if asked not in UNITS:
            raise SourceError(
                f"There is no unit {asked} for {drawing.path.name}; choose one of {', '.join(UNITS)}.",
                message_zh=f"{drawing.path.name}：没有单位 {asked}；可选：{'、'.join(UNITS)}。",
            )
        return _scaling(str(asked)), None
    xy = np.array([entity.vertices[0][:2] for entity in entities if entity.vertices]).reshape(-1, 2)
    if _is_in_metres(xy):
        foot = options.get("foot")
        return (_heights_only(foot), _in_feet(drawing, foot)) if foot else (None, _disagreement(drawing, header))
    fitting = [unit for unit in _BELOW_METRES if _is_in_metres(xy * UNITS[unit])]
    unit = header if header in fitting else fitting[0] if len(fitting) == 1 else None
    return (_scaling(unit) if unit else None), _scaled(drawing, unit, header)


def _heights_only(foot: str) -> Matrix44:
    """Places stay in the unit of their system, which counts in feet; heights do not."""
    return Matrix44.scale(1.0, 1.0, UNITS[foot])


def _is_in_metres(xy: Any) -> bool:
    if not len(xy):
        return True
    east, north = np.median(np.abs(xy), axis=0)
    low, high = np.quantile(xy, [0.05, 0.95], axis=0)
    return bool(east <= _MAX_EASTING and north <= _MAX_NORTHING and (high - low).max() <= _MAX_SPAN)


def _scaling(unit: str) -> Matrix44 | None:
    scale = UNITS[unit]
    return None if scale == 1 else Matrix44.scale(scale, scale, scale)


def _disagreement(drawing: Drawing, header: str | None) -> Finding | None:
    if header is None or header == "m":
        return None
    en = (
        f"The header says that the drawing is in {_NAMES[header]}, but its coordinates are those of a grid in metres; "
        'they were taken as they stand. If that is wrong, say units = "…" under [reader] in a profile.'
    )
    zh = f"图形单位标为 {header}，但坐标符合米制，按原值读取；如不对，请在配置文件 [reader] 中写明 units。"
    return _finding(drawing, Severity.INFO, en, zh, header)


def _in_feet(drawing: Drawing, foot: str) -> Finding:
    en = f"The coordinate system counts in {_NAMES[foot]}; drawn heights were taken for such and turned into metres."
    return _finding(drawing, Severity.INFO, en, "坐标系以英尺为单位，图形高程按英尺换算为米。", foot)


def _scaled(drawing: Drawing, unit: str | None, header: str | None) -> Finding:
    if unit is None:
        en = 'The coordinates are too large for metres; say their unit: units = "mm" under [reader] in a profile.'
        return _finding(
            drawing, Severity.WARNING, en, "坐标值超出米制范围，请在配置文件 [reader] 中写明 units。", header
        )
    by = "as its header says" if unit == header else "the only unit in which its coordinates lie on a grid"
    en = f"The drawing is in {_NAMES[unit]}, {by}; it was scaled to metres."
    return _finding(drawing, Severity.WARNING, en, f"图形单位为 {unit}，已换算为米。", unit)


def _finding(drawing: Drawing, severity: Severity, en: str, zh: str, value: str | None) -> Finding:
    return Finding(
        rule="IMP-UNITS", severity=severity, message_en=en, message_zh=zh, file=drawing.path.name, value=value
    )
