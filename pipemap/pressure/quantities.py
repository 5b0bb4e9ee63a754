"""The numbers of a hydraulic model, and what had to be assumed where the map does not know them."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra
from scipy.spatial import KDTree

from pipemap.errors import UsageError
from pipemap.network import UNKNOWN, Flags, Floats, Ints, Network
from pipemap.pressure.assumptions import Assumed
from pipemap.pressure.facts import FORMULAS, Facts
from pipemap.pressure.hydraulics import Layout
from schemas.codetables import code_table

DEFAULT_SOURCE_PRESSURE_M = 40.0
_DIAMETER_MM = 100.0
_DEMAND_M3_PER_D = 0.2
_COLUMNS = {"H-W": "hazen_williams_c", "D-W": "roughness_mm", "C-M": "manning_n"}
_LOSSLESS_MM = 2000.0
_SHORTEST_M = 0.1
# A device is farther from either side than the pipes there, so that each side takes its elevation from its own.
_DEVICE_M = 1e6


@dataclass(frozen=True)
class Choices:
    """What the person who asks can set: pressures in metres of water; `demand_factor` multiplies the mean demand."""

    threshold_m: float
    demand_factor: float = 1.0
    source_pressure_m: float = DEFAULT_SOURCE_PRESSURE_M


@dataclass(frozen=True, eq=False)
class Model:
    """A layout with its numbers in metres and m³/d, ready for the engine; `consumer_point` is -1 for none."""

    layout: Layout
    formula: str
    elevation_m: Floats
    head_m: Floats
    demand_m3_per_d: Floats
    length_m: Floats
    diameter_mm: Floats
    roughness: Floats
    minor_loss: Floats
    consumers: Ints
    consumer_point: Ints
    consumer_demand_m3_per_d: Floats


def model_of(network: Network, facts: Facts, layout: Layout, consumers: Ints, choices: Choices, told: Assumed) -> Model:
    """The model of a layout; `consumers` are positions of the ones to be served."""
    length_m, diameter_mm, is_lossless = _pipes(network, facts, layout, told)
    formula, roughness = _roughness(network, facts, layout, is_lossless, told)
    elevation_m = _elevations(network, facts, layout, length_m, told)
    point, demand_m3_per_d = _demands(network, facts, layout, consumers, choices, told)
    placed = point >= 0
    minor_loss = np.nan_to_num(facts.minor_loss[layout.pipe])
    told.note("direction", len(layout.undirected), len(layout.undirected) + len(layout.device))
    return Model(
        layout=layout,
        formula=formula,
        elevation_m=elevation_m,
        head_m=_heads(facts, layout, elevation_m, choices, told),
        demand_m3_per_d=np.bincount(point[placed], demand_m3_per_d[placed], len(layout.owner)).astype(np.float64),
        length_m=length_m,
        diameter_mm=diameter_mm,
        roughness=roughness,
        minor_loss=np.where(is_lossless, 0, minor_loss),
        consumers=consumers,
        consumer_point=point,
        consumer_demand_m3_per_d=demand_m3_per_d,
    )


def demand_enough(network: Network, model: Model, facts: Facts) -> None:
    """UsageError when no source is there, no elevation, no size of any pipe, or no demand."""
    layout = model.layout
    if not layout.source.any():
        raise _refusal("no source in service is on the map for this utility", "图上没有该类管网的在用水源")
    if not np.isfinite(facts.ground_m).any():
        raise _refusal("no ground elevation of its points is known", "管点地面高程全部不明")
    if not (network.segments.bore_width_mm[layout.pipe] > 0).any():
        raise _refusal("no size of its pipes is known", "管段口径全部不明")
    if not model.demand_m3_per_d.sum() > 0:
        raise _refusal("no consumer has a known connection and demand", "没有接水点与用水量均已知的用户")


def _refusal(english: str, chinese: str) -> UsageError:
    return UsageError(
        f"The pressure cannot be reckoned: {english}; complete the survey and ask again.",
        message_zh=f"无法计算压力：{chinese}；请补充数据后再试。",
    )


def _pipes(network: Network, facts: Facts, layout: Layout, told: Assumed) -> tuple[Floats, Floats, Flags]:
    """Length and clear diameter (of the same area) of every pipe, and which ones lose no head."""
    segments, pipe = network.segments, layout.pipe
    stated_m = facts.length_m[pipe]
    is_lossless = stated_m == 0
    length_m = np.maximum(np.where(stated_m > 0, stated_m, np.nan_to_num(segments.length_m[pipe])), _SHORTEST_M)
    known_mm = np.sqrt(segments.bore_width_mm[pipe].astype(np.float64) * segments.bore_height_mm[pipe])
    is_unknown = ~(known_mm > 0)
    told.note("diameter", int((is_unknown & ~is_lossless).sum()), len(pipe), _DIAMETER_MM, "mm")
    told.note("outer-size", int((segments.is_bore_assumed[pipe] & ~is_unknown & ~is_lossless).sum()), len(pipe))
    diameter_mm = np.where(is_unknown, _DIAMETER_MM, known_mm)
    return (
        np.where(is_lossless, _SHORTEST_M, length_m),
        np.where(is_lossless, np.maximum(diameter_mm, _LOSSLESS_MM), diameter_mm),
        is_lossless,
    )


def _roughness(network: Network, facts: Facts, layout: Layout, is_lossless: Flags, told: Assumed) -> tuple[str, Floats]:
    """The formula that most pipes are stated in, Hazen-Williams by default, and every pipe's coefficient."""
    pipe = layout.pipe
    counts = np.bincount(facts.formula[pipe][facts.formula[pipe] >= 0], minlength=len(FORMULAS))
    place = int(counts.argmax())
    stated = np.where((facts.formula[pipe] == place) & (facts.roughness[pipe] > 0), facts.roughness[pipe], np.nan)
    by_material = _coefficients(FORMULAS[place])[network.segments.material[pipe]]
    is_assumed = np.isnan(stated) & ~is_lossless
    is_unknown = network.segments.material[pipe] == UNKNOWN
    told.note("roughness", int((is_assumed & ~is_unknown).sum()), len(pipe))
    told.note("material", int((is_assumed & is_unknown).sum()), len(pipe))
    return FORMULAS[place], np.where(np.isnan(stated), by_material, stated)


@cache
def _coefficients(formula: str) -> Floats:
    """Roughness by position in the code table `material`; the last one is for the unknown."""
    text = (files("schemas") / "limits" / "pipe_roughness.csv").read_text(encoding="utf-8")
    table = {row["material_code"]: float(row[_COLUMNS[formula]]) for row in csv.DictReader(text.splitlines())}
    return np.array([*(table.get(code, table["other"]) for code in code_table("material")), table["cast_iron"]])


def _elevations(network: Network, facts: Facts, layout: Layout, length_m: Floats, told: Assumed) -> Floats:
    """Ground at every point, from the nearest one known along the pipes, else in plan, where it is unknown itself."""
    elevation_m = facts.ground_m[layout.owner].copy()
    missing = np.flatnonzero(np.isnan(elevation_m))
    told.note("elevation", len(np.unique(layout.owner[missing[~layout.source[missing]]])), len(np.unique(layout.owner)))
    if len(missing) in (0, len(elevation_m)):
        return _nearest_in_plan(network, facts, layout.owner, elevation_m)
    nearest = _nearest_known(layout, length_m, np.isfinite(elevation_m))[missing]
    elevation_m[missing[nearest >= 0]] = elevation_m[nearest[nearest >= 0]]
    return _nearest_in_plan(network, facts, layout.owner, elevation_m)


def _nearest_known(layout: Layout, length_m: Floats, is_known: Flags) -> Ints:
    """By point, the point of known ground that is nearest along the pipes; negative where none is."""
    count = len(layout.owner)
    starts = np.concatenate([layout.pipe_from, layout.device_from])
    ends = np.concatenate([layout.pipe_to, layout.device_to])
    weight = np.concatenate([length_m, np.full(len(layout.device), _DEVICE_M)])
    # One of several pipes side by side: in a sparse array their lengths would be added up.
    pairs, first = np.unique(np.sort(np.stack([starts, ends]), axis=0), axis=1, return_index=True)
    graph = coo_array((weight[first], (pairs[0], pairs[1])), shape=(count, count)).tocsr()
    _, _, nearest = dijkstra(
        graph, directed=False, indices=np.flatnonzero(is_known), return_predecessors=True, min_only=True
    )
    return nearest.astype(np.int64)


def _nearest_in_plan(network: Network, facts: Facts, owner: Ints, elevation_m: Floats) -> Floats:
    missing = np.flatnonzero(np.isnan(elevation_m))
    place_m = np.stack([network.nodes.x_m, network.nodes.y_m], axis=1)
    known = np.flatnonzero(np.isfinite(facts.ground_m) & np.isfinite(place_m).all(axis=1))
    if len(missing) and len(known):
        _, nearest = KDTree(place_m[known]).query(np.nan_to_num(place_m[owner[missing]]))
        elevation_m[missing] = facts.ground_m[known[nearest]]
    return elevation_m


def _heads(facts: Facts, layout: Layout, elevation_m: Floats, choices: Choices, told: Assumed) -> Floats:
    """Head of every source above the vertical datum, NaN at other points."""
    head_m = np.full(len(elevation_m), np.nan)
    sources = np.flatnonzero(layout.source)
    stated = [facts.devices[node].head_m if node in facts.devices else None for node in layout.owner[sources].tolist()]
    head_m[sources] = np.array(stated, np.float64)
    unknown = sources[np.isnan(head_m[sources])]
    head_m[unknown] = elevation_m[unknown] + choices.source_pressure_m
    told.note("source-pressure", len(unknown), len(sources), choices.source_pressure_m, "m")
    return head_m


def _demands(
    network: Network, facts: Facts, layout: Layout, consumers: Ints, choices: Choices, told: Assumed
) -> tuple[Ints, Floats]:
    """Point (-1 for none) and demand of every consumer."""
    point_of = np.full(len(network.nodes.id) + 1, -1)
    point_of[layout.owner[::-1]] = np.arange(len(layout.owner))[::-1]
    node = network.consumers.node[consumers]
    people = network.consumers.people[consumers]
    stated = facts.demand_m3_per_d[consumers]
    is_unknown = np.isnan(stated)
    told.note("unconnected", int((node < 0).sum()), len(consumers))
    told.note("demand", int((is_unknown & (people >= 0)).sum()), len(consumers), _DEMAND_M3_PER_D, "m³/d")
    told.note("no-demand", int((is_unknown & (people < 0)).sum()), len(consumers))
    demand = np.where(is_unknown, np.maximum(people, 0) * _DEMAND_M3_PER_D, stated) * choices.demand_factor
    return point_of[node], demand
