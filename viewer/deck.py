"""The deck, declared with pydeck: its view and every layer.

A layer's data is a reference (`@@#pipes`) that the page replaces by the binary arrays it has loaded;
layer types such as `PipeTubeLayer` are the page's own classes.
"""

from typing import Any

import pydeck as pdk

from schemas.codetables import Code, code_table
from viewer.palette import LOOKS, RAMP

# In drawing order: what is half transparent comes after what must show through it.
_WHITE = [255, 255, 255]
_INK = [24, 34, 48]
_ALERT = [205, 22, 38]
_FOUND = [36, 104, 242]
_GAIN = [0, 112, 160]
_DOUBT = [178, 104, 0]

# Discs of answers by name, the later over the earlier.
MARKS: dict[str, dict[str, Any]] = {
    "known_conflicts": {"fill": [*_ALERT, 255], "stroke": _WHITE, "radius_px": 6},
    "found": {"fill": [*_FOUND, 60], "stroke": _FOUND, "radius_px": 16},
    "conflicts": {"fill": [*_ALERT, 230], "stroke": _WHITE, "radius_px": 7},
    "critical": {"fill": [*_ALERT, 40], "stroke": _ALERT, "radius_px": 17},
    "hydrants_lost": {"fill": [*_ALERT, 40], "stroke": _ALERT, "radius_px": 12},
    "hydrants_fed": {"fill": [*_GAIN, 40], "stroke": _GAIN, "radius_px": 12},
    "low_pressure": {"fill": [*_DOUBT, 60], "stroke": _DOUBT, "radius_px": 14},
    "regulators": {"fill": [255, 255, 255, 120], "stroke": _ALERT, "radius_px": 12},
    "stations": {"fill": [*_ALERT, 40], "stroke": _ALERT, "radius_px": 12},
    "points_lost": {"fill": [*_ALERT, 40], "stroke": _ALERT, "radius_px": 9},
    "outlets": {"fill": [*_FOUND, 255], "stroke": _WHITE, "radius_px": 8},
    "relied_on": {"fill": [255, 255, 255, 255], "stroke": _INK, "radius_px": 9},
    "stops": {"fill": [*_DOUBT, 255], "stroke": _WHITE, "radius_px": 9},
    "ends": {"fill": [*_FOUND, 255], "stroke": _WHITE, "radius_px": 11},
    "spaces": {"fill": [*_DOUBT, 255], "stroke": _WHITE, "radius_px": 11},
    "sources": {"fill": [*_FOUND, 255], "stroke": _WHITE, "radius_px": 11},
    "back_feeds": {"fill": [*_GAIN, 255], "stroke": _WHITE, "radius_px": 11},
    "burst": {"fill": [*_ALERT, 255], "stroke": _WHITE, "radius_px": 9},
    "switches": {"fill": [*_INK, 255], "stroke": _WHITE, "radius_px": 12},
    "valves": {"fill": [*_INK, 255], "stroke": _WHITE, "radius_px": 12},
    "crossings": {"fill": [255, 255, 255, 120], "stroke": _FOUND, "radius_px": 6},
    "corners": {"fill": [255, 255, 255, 255], "stroke": _INK, "radius_px": 5},
}


def build_deck() -> pdk.Deck:
    """The deck without data: an orbit view in metres about the scene's origin, x east, y north, z up."""
    return pdk.Deck(
        layers=[*_pipes(), *_points(), *_surfaces(), *_answers()],
        views=[
            # Beyond the default far plane lies what is seen from far above or from below the ground.
            pdk.View("OrbitView", id="main", controller=True, orbit_axis="Z", fovy=35, far_z_multiplier=10)
        ],
        initial_view_state=pdk.ViewState(
            target=[0, 0, 0], zoom=1, rotation_x=38, rotation_orbit=-24, min_zoom=-8, max_zoom=9
        ),
        map_provider=None,
    )


def class_colour(code: Code) -> list[int]:
    """The colour of a utility class as the standard sets it."""
    return [int(code.fields[channel]) for channel in ("red", "green", "blue")]


def page_codes() -> dict[str, list[dict[str, Any]]]:
    """What the page needs of the code tables to name and colour things."""
    named = ("feature", "appurtenance", "material", "burial", "pressure", "lifecycle", "valve_state", "operability")
    more = ("elevation_source", "section_shape", "depth_datum", "consumer_kind", "structure_kind")
    codes = {table: [_names(code) for code in code_table(table).values()] for table in (*named, *more)}
    codes["utility_class"] = [
        _names(code) | {"color": class_colour(code), "flow": code.fields["flow"], "group": code.fields["group_code"]}
        for code in code_table("utility_class").values()
    ]
    for shown, code in zip(codes["appurtenance"], code_table("appurtenance").values(), strict=True):
        shown["role"] = code.fields["role"]
    return codes


def page_looks() -> dict[str, Any]:
    """How answers are drawn: the looks of segments and marks by name, and the steps of a coloured map."""
    return {"segments": {name: look._asdict() for name, look in LOOKS.items()}, "marks": MARKS, "ramp": RAMP}


def _names(code: Code) -> dict[str, Any]:
    return {"code": code.code, "name_en": code.name_en, "name_zh": code.name_zh}


def _pipes() -> list[pdk.Layer]:
    return [
        pdk.Layer("PipeLineLayer", "@@#pipes", id="pipe-lines", pickable=True, width_min_pixels=1.6),
        pdk.Layer("PipeTubeLayer", "@@#pipes", id="pipe-tubes", pickable=True),
        pdk.Layer("UnknownDepthLayer", "@@#pipes", id="unknown-depth", pickable=True, width_min_pixels=2),
    ]


def _points() -> list[pdk.Layer]:
    return [
        pdk.Layer("NodeLayer", "@@#nodes", id="nodes", pickable=True),
        pdk.Layer("ConsumerLayer", "@@#consumers", id="consumers", pickable=True),
    ]


def _surfaces() -> list[pdk.Layer]:
    return [
        pdk.Layer("GapLayer", "@@#granted", id="granted", color=_FOUND),
        pdk.Layer("GapLayer", "@@#sites", id="sites", color=_ALERT),
        pdk.Layer("BuildingLayer", "@@#structures", id="structures", color=[150, 162, 178, 90]),
        pdk.Layer("GroundLayer", "@@#ground", id="ground", color=[208, 216, 200, 115]),
    ]


def _answers() -> list[pdk.Layer]:
    """What the last question was answered with, over everything else: pipes, places, valves in their order."""
    marks = (
        pdk.Layer("MarkLayer", f"@@#{name}", id=name, pickable=name == "known_conflicts", **look)
        for name, look in MARKS.items()
    )
    return [pdk.Layer("StressLayer", "@@#pipes", id="stressed", width_min_pixels=5), *_sketch(), *marks]


def _sketch() -> list[pdk.Layer]:
    """A pipe that is drawn and not in the map, its corridor, and the gaps between it and what it is too near to."""
    return [
        pdk.Layer("PipeTubeLayer", "@@#sketch", id="sketch-tubes"),
        pdk.Layer("StressLayer", "@@#sketch", id="sketch-lines", width_min_pixels=3),
        pdk.Layer("GapLayer", "@@#gaps", id="gaps", color=_ALERT),
        pdk.Layer("GapLayer", "@@#corridor", id="corridor", color=_FOUND),
    ]
