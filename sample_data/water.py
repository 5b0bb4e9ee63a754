"""The water company's network: looped mains with valves and hydrants, a waterworks, a tank, and consumers."""

from sample_data.mains import Mains, Section, every_section, h_section, lay_grid, utility, v_section
from sample_data.model import Consumer, Network
from sample_data.streets import BUILDING_OFFSET_M, HOUSE_OFFSET_M, U_M, V_M

_TRUNK_MM = 300.0
_TRUNKS = {h_section(0, i) for i in range(6)} | {v_section(3, j) for j in range(5)}
_SPECIAL = {
    (h_section(2, 1), 0): ("青禾区人民医院", "医院", 1200),
    (h_section(3, 3), 0): ("学府路小学", "学校", 900),
    (v_section(5, 2), 0): ("第一中学", "学校", 1500),
}
_VALVE_DISTANCE_M = 2.5
_HYDRANT_OFFSET_M = 8.6


def build_water() -> tuple[Network, list[Consumer]]:
    """Mains along every street, each section with a valve at both ends, then everything that hangs on them."""
    network = Network("")
    mains = Mains(network, utility("JS", "water", "water", "球墨铸铁", "直埋", 30.0))
    lay_grid(mains, every_section(), lambda section: _TRUNK_MM if section in _TRUNKS else mains.utility.lane.width_mm)
    consumers: list[Consumer] = []
    for section, chain in list(mains.chains.items()):
        _hang_branches(mains, section, chain, consumers)
    for section, chain in list(mains.chains.items()):
        _set_valve(mains, section, chain[0], chain[1])
        _set_valve(mains, section, chain[-1], chain[-2])
    _close_two_valves(network)
    _add_sources(mains)
    network.name_features()
    return network, consumers


def _hang_branches(mains: Mains, section: Section, chain: list[str], consumers: list[Consumer]) -> None:
    """Hydrant and house services in turn along the section, clear of the crossing streets' lanes."""
    free = [number for number in chain[1:-1] if mains.is_clear(section, number)]
    served = 0
    for place, number in enumerate(free):
        if place == 1:
            _branch(mains, section, number, _HYDRANT_OFFSET_M, "消防栓", 100, mains.utility.lane.crown_depth_m)
            continue
        meter = _branch(mains, section, number, HOUSE_OFFSET_M, "水表", 50, 1.2)
        consumers.append(_consumer(mains, section, meter, served, len(consumers) + 1))
        served += 1


def _branch(
    mains: Mains, section: Section, at: str, offset_m: float, appurtenance: str, mm: float, depth_m: float
) -> str:
    end = mains.branch(section, at, offset_m, appurtenance)
    mains.line(at, end, mains.utility.lane.crown_depth_m, depth_m, mm, mm)
    return end


def _consumer(mains: Mains, section: Section, meter: str, served: int, count: int) -> Consumer:
    special = _SPECIAL.get((section, served))
    name, kind, people = special or (f"{section.road}{served + 1:d}号院-{meter}", "居民", 60 + 37 * count % 180)
    point = mains.network.points[meter]
    inside_m = BUILDING_OFFSET_M - HOUSE_OFFSET_M + 4.0
    u_m = point.u_m + (0.0 if section.along == "u" else inside_m)
    v_m = point.v_m + (inside_m if section.along == "u" else 0.0)
    return Consumer(f"YH{count:04d}", name, kind, people, meter, u_m, v_m)


def _set_valve(mains: Mains, section: Section, crossing: str, neighbour: str) -> None:
    """Put a valve into the line that leaves a crossing, a short way along it."""
    network = mains.network
    line = next(line for line in network.lines if {line.start, line.end} == {crossing, neighbour})
    at, towards = network.points[crossing], network.points[neighbour]
    share = _VALVE_DISTANCE_M / (abs(towards.u_m - at.u_m) + abs(towards.v_m - at.v_m))
    u_m, v_m = at.u_m + share * (towards.u_m - at.u_m), at.v_m + share * (towards.v_m - at.v_m)
    valve = network.add_point("JS", "water", round(u_m, 4), round(v_m, 4), section.road, "阀门")
    network.points[valve].fields["state"] = "开"
    far_end, near_end = (line.end, line.start) if line.start == crossing else (line.start, line.end)
    line.start, line.end = near_end, valve
    mains.join(valve, far_end, line.width_mm, line.height_mm)


def _close_two_valves(network: Network) -> None:
    valves = [point for point in network.points.values() if point.appurtenance == "阀门"]
    for valve in (valves[31], valves[58]):
        valve.fields["state"] = "关"


def _add_sources(mains: Mains) -> None:
    _source(mains, (0, 0), (-45.0, 0.0), "水厂", "青禾水厂")
    _source(mains, (len(U_M) - 1, len(V_M) - 1), (0.0, 35.0), "水池", "临渊调蓄水池")


def _source(mains: Mains, corner: tuple[int, int], away_m: tuple[float, float], kind: str, name: str) -> None:
    crossing = mains.crossing(*corner)
    at = mains.network.points[crossing]
    number = mains.network.add_point("JS", "water", at.u_m + away_m[0], at.v_m + away_m[1], at.road, kind)
    mains.network.points[number].fields["name"] = name
    mains.join(number, crossing, _TRUNK_MM, _TRUNK_MM)
