"""Pressure and voltage, in columns of their own or in one for both."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from importers.normalising.cells import ZERO, Cells, coalesced
from importers.normalising.columns import Columns
from importers.normalising.units import PRESSURES_MPA, VOLTAGES_KV

# Of 220/380V, what one phase has and what is between two, the line is named by the latter.
_VOLTAGE = re.compile(
    r"^(?:(?:220|230|127)\s*v?\s*/\s*(?=380|400|220))?(\d+(?:\.\d+)?)\s*(kv|v|千伏|伏)?$", re.IGNORECASE
)
_PRESSURE = re.compile(r"^(\d+(?:\.\d+)?)\s*(mpa|kpa|bar|兆帕|千帕)?$", re.IGNORECASE)
# What is measured stands beside the class: 中压A(0.4MPa).
_MEASURED = re.compile(r"\s*[(（]?\s*(\d+(?:\.\d+)?\s*(?:mpa|kpa|bar|兆帕|千帕))\s*[)）]?\s*", re.IGNORECASE)
_UNITS = VOLTAGES_KV | PRESSURES_MPA
# Above any line that was built, 1,150 kV of alternating current.
_MOST_KV = 1_200


def pressure_and_voltage(columns: Columns) -> dict[str, Any]:
    """Pressure as class or MPa and voltage in kV; a column for both is told apart by what it says."""
    words = columns.profile.code_words("pressure")
    pressure, voltage, shared = (columns.cells(name) for name in ("pressure", "voltage", "pressure_or_voltage"))

    def code(word: str) -> str | None:
        return words.get(word.casefold()) or words.get(_MEASURED.sub("", word).casefold())

    def is_class(word: str) -> bool:
        return words.get(word.casefold()) is not None

    kv_per_unit = _kv_per_unit(voltage, columns.factor("voltage"))

    def kv(word: str) -> float | None:
        return _voltage_kv(word, kv_per_unit)

    def mpa(word: str) -> float | None:
        return None if is_class(word) else _pressure_mpa(_measured(word), columns.factor("pressure"))

    def marked_mpa(word: str) -> float | None:
        return None if is_class(word) or word[-1:].isdigit() else _pressure_mpa(_measured(word))

    def marked_kv(word: str) -> float | None:
        return _voltage_kv(word) if word[-1:].casefold() in ("v", "伏") else None

    known: dict[str, tuple[Callable[[str], Any], ...]] = {
        "pressure": (code, mpa),
        "voltage": (kv,),
        "pressure_or_voltage": (code, marked_mpa, marked_kv),
    }
    for attribute, parsers in known.items():
        _report_unread(columns, attribute, parsers)
    own_code, own_kv = pressure.each(code), voltage.each(kv)
    return {
        "pressure_code": coalesced(own_code, shared.each(code)),
        "pressure_mpa": coalesced(pressure.each(mpa), shared.each(marked_mpa)).astype(np.float64),
        "voltage_kv": coalesced(own_kv, shared.each(marked_kv)).astype(np.float64),
    }


def _kv_per_unit(found: Cells, stated: float) -> float:
    """What bare numbers of a column are multiplied with: as stated, but volts where no line is of so many kilovolts."""
    highest_kv = max((kv for word in found.words if word and (kv := _voltage_kv(word, stated))), default=0.0)
    return stated * VOLTAGES_KV["v"] if highest_kv > _MOST_KV else stated


def _report_unread(columns: Columns, attribute: str, parsers: Sequence[Callable[[str], Any]]) -> None:
    found = columns.cells(attribute)
    lost = found.where(lambda word: word not in ZERO and not any(parse(word) for parse in parsers))
    columns.unknown_words(attribute, found, lost)


def _voltage_kv(word: str, factor: float = 1.0) -> float | None:
    match = _VOLTAGE.match(word)
    if not match or float(match[1]) == 0:
        return None
    return float(match[1]) * (_UNITS[match[2].casefold()] if match[2] else factor)


def _measured(word: str) -> str:
    """The pressure in a text that says a class, too."""
    found = _MEASURED.search(word)
    return found[1] if found else word


def _pressure_mpa(word: str, factor: float = 1.0) -> float | None:
    match = _PRESSURE.match(word)
    if not match or float(match[1]) == 0:
        return None
    return float(match[1]) * (_UNITS[match[2].casefold()] if match[2] else factor)
