"""Units that stand beside the measures of GML (`uom`), brought into the names of the columns."""

from collections.abc import Iterable, Mapping
from typing import Any

from importers.normalising.units import LENGTHS_M, PRESSURES_MPA, VOLTAGES_KV

_BESIDE = "_uom"
_SCALES: tuple[Mapping[str, float], ...] = (LENGTHS_M, VOLTAGES_KV, PRESSURES_MPA)
# By EPSG number, in UCUM, and as words.
_OTHER_NAMES = {
    "9001": "m", "9002": "ft", "9003": "us-ft", "metre": "m", "meter": "m", "[ft_i]": "ft", "[ft_us]": "us-ft",
    "[in_i]": "in", "inch": "in", "foot": "ft", "feet": "ft", "millimetre": "mm", "millimeter": "mm",
}  # fmt: skip


def with_units(columns: Mapping[str, Any], known: dict[str, str]) -> dict[str, Any]:
    """The columns, those with a unit beside them in one unit and named for it: `diameter` as `diameter(cm)`.

    `known` holds the unit of each column of the layer, the first that stood beside it; numbers in another are
    converted, and text that is no number stays as it is.
    """
    of_measures = {name for name in columns if f"{name}{_BESIDE}" in columns}
    named: dict[str, Any] = {}
    for name, cells in columns.items():
        if name in of_measures:
            units = [_unit(word) for word in columns[f"{name}{_BESIDE}"]]
            unit = known.setdefault(name, next(filter(None, units), ""))
            named[f"{name}({unit})" if unit else name] = _converted(cells, units, unit)
        elif name.removesuffix(_BESIDE) not in of_measures:
            named[name] = cells
    return named


def _converted(cells: Iterable[Any], units: Iterable[str | None], unit: str) -> list[Any]:
    return [_in_unit(cell, own, unit) if own and own != unit else cell for cell, own in zip(cells, units, strict=True)]


def _in_unit(cell: Any, own: str, unit: str) -> Any:
    scale = next((scale for scale in _SCALES if own in scale and unit in scale), None)
    try:
        # To as many digits as a length is ever given with.
        return cell if scale is None or cell is None else round(float(cell) * scale[own] / scale[unit], 9)
    except ValueError:
        return cell


def _unit(word: Any) -> str | None:
    """The unit of a `uom`: a symbol, or the last part of an address; None where it is no unit of a measure here."""
    if not isinstance(word, str):
        return None
    symbol = word.rstrip("/").replace("#", "/").replace(":", "/").rpartition("/")[2].strip().casefold()
    symbol = _OTHER_NAMES.get(symbol, symbol)
    return symbol if any(symbol in scale for scale in _SCALES) else None
