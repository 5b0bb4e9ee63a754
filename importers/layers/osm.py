"""Tags of OpenStreetMap, of which several together say what a feature is: its class, its kind, its state.

An extract holds everything else there is in the place, too; what no tag says is of a network is left out and counted.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

# As Overpass, osmtogeojson and GDAL name what identifies a feature.
_IDENTITIES = ("@id", "osm_id", "osm_way_id")
_KINDS = ("man_made", "power", "communication", "telecom", "emergency", "pipeline", "utility")
# Before a key, what has become of the feature.
_STATES = {
    "": "in_service", "disused": "abandoned", "abandoned": "abandoned", "proposed": "planned", "planned": "planned",
    "construction": "under_construction",
}  # fmt: skip
_MAINS = {
    ("man_made", "pipeline"): "", ("power", "cable"): "power", ("power", "minor_cable"): "power",
    ("communication", "line"): "telecom", ("communication", "cable"): "telecom", ("telecom", "line"): "telecom",
    ("utility", "power"): "power", ("utility", "telecom"): "telecom",
}  # fmt: skip
_DEVICES = {
    ("emergency", "fire_hydrant"): "hydrant", ("man_made", "manhole"): "manhole", ("pipeline", "valve"): "valve",
    ("man_made", "pumping_station"): "pump_station", ("man_made", "water_works"): "waterworks",
    ("man_made", "water_tower"): "tank", ("power", "transformer"): "transformer", ("power", "substation"): "substation",
    ("man_made", "street_cabinet"): "switch_cabinet",
}  # fmt: skip
_CLASSES = {
    "water": "water", "drinking_water": "water", "potable_water": "water", "gas": "gas", "natural_gas": "gas",
    "lpg": "gas", "cng": "gas", "hot_water": "heat", "heat": "heat", "steam": "heat", "heating": "heat",
    "sewage": "foul", "wastewater": "foul", "sewer": "foul", "rainwater": "storm", "drain": "storm",
    "stormwater": "storm", "power": "power", "telecom": "telecom", "oil": "industrial", "fuel": "industrial",
    "hydrogen": "industrial", "ethylene": "industrial", "oxygen": "industrial", "reclaimed_water": "reclaimed",
}  # fmt: skip
# Keys that tell what a device belongs to.
_BELONGS = ("utility", "substance", "manhole", "street_cabinet")
_OTHERS = "other_tags"
_OWN_IDENTITY = re.compile(r"^(?:node|way|relation)/\d+$")
_LEAST_KINDS = 2
_TAG = re.compile(r'"((?:[^"\\]|\\.)*)"=>"((?:[^"\\]|\\.)*)"')
CLASS, DEVICE, STATE = "osm_class", "osm_device", "osm_state"


def are_tags(columns: Mapping[str, Any]) -> bool:
    """Whether columns are tags of OpenStreetMap: with an identity as it writes them, or with one and its main keys."""
    identity = next((name for name in _IDENTITIES if name in columns), None)
    if identity is None:
        return False
    is_its_own = _OTHERS in columns or any(_OWN_IDENTITY.match(str(value)) for value in columns[identity][:1])
    return is_its_own or sum(_key(name)[1] in _KINDS for name in columns) >= _LEAST_KINDS


def with_told(columns: Mapping[str, Any]) -> tuple[dict[str, Any], npt.NDArray[np.bool_]]:
    """The columns with what their tags say together, and which rows are of a network."""
    columns = _with_others(columns)
    told = list(_told(columns))
    named = {CLASS: 0, DEVICE: 1, STATE: 2}
    added = {name: [row[place] for row in told] for name, place in named.items()}
    return {**columns, **added}, np.array([any(row[:2]) for row in told], dtype=bool)


def _with_others(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The columns with those tags of their own that GDAL puts into one, `"substance"=>"water"`."""
    named = dict(columns)
    packed = named.pop(_OTHERS, None)
    if packed is None:
        return named
    rows = [dict(_TAG.findall(text)) if isinstance(text, str) else {} for text in packed]
    for name in dict.fromkeys(name for row in rows for name in row):
        own = named.get(name, [None] * len(rows))
        named[name] = [row.get(name, value) for row, value in zip(rows, own, strict=True)]
    return named


def _told(columns: Mapping[str, Any]) -> Iterator[tuple[str | None, str | None, str | None]]:
    """For each row its class, its device and its state."""
    names = [name for name in columns if _key(name)[1] in _KINDS]
    others = [name for name in _BELONGS if name in columns]
    for row in range(len(next(iter(columns.values())))):
        tags = {name: columns[name][row] for name in (*names, *others)}
        yield _of({name: value for name, value in tags.items() if isinstance(value, str)})


def _of(tags: Mapping[str, str]) -> tuple[str | None, str | None, str | None]:
    belongs = next((_CLASSES[word] for key in _BELONGS if (word := tags.get(key)) in _CLASSES), None)
    for name, value in tags.items():
        state, key = _key(name)
        if (main := _MAINS.get((key, value))) is not None:
            return main or belongs or "unknown", None, _STATES[state]
    for name, value in tags.items():
        state, key = _key(name)
        if device := _DEVICES.get((key, value)):
            of_device = "water" if device in ("hydrant", "waterworks") else key if key == "power" else belongs
            return of_device, device, _STATES[state]
    return None, None, None


def _key(name: str) -> tuple[str, str]:
    """What has become of the feature, and the key itself: `disused:man_made`."""
    state, colon, key = name.rpartition(":")
    return (state, key) if colon and state in _STATES else ("", name)
