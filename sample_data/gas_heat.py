"""The energy company's networks: gas at two pressures, heat as supply and return."""

from sample_data.mains import Mains, Section, every_section, h_section, lay_grid, utility, v_section
from sample_data.model import Network
from sample_data.streets import HOUSE_OFFSET_M, U_M, V_M


def build_gas() -> Network:
    """A medium-pressure trunk along the first street; every v street is fed from it through a regulator."""
    network = Network("")
    medium = Mains(network, utility("RQ", "gas", "gas", "PE", "直埋", 40.0, pressure="中压A"))
    lay_grid(medium, every_section((0,), ()))
    low = Mains(network, utility("RQ", "gas", "gas", "PE", "直埋", 40.0, pressure="低压"))
    low.crossings = medium.crossings
    lay_grid(low, every_section((), range(len(U_M))))
    lay_grid(low, every_section((2, 4), ()))
    for i in range(len(U_M)):
        _make_regulator(low, v_section(i, 0))
    for section, chain in list(low.chains.items()):
        _serve_houses(low, section, chain)
    _add_gate_station(medium)
    _valve_trunk(medium)
    network.name_features()
    return network


def build_heat() -> Network:
    """Supply and return side by side: a trunk along the first v street and three streets fed from it."""
    network = Network("")
    for code, lane, circuit in (("RS", "heat_supply", "供水"), ("RH", "heat_return", "回水")):
        mains = Mains(network, utility(code, "heat", lane, "钢", "直埋", 45.0, circuit=circuit))
        lay_grid(mains, [v_section(0, j) for j in range(len(V_M) - 1)])
        lay_grid(mains, [h_section(j, i) for j in (1, 3, 5) for i in range(len(U_M) - 1)])
        _add_heat_source(mains)
        _exchange_stations(mains)
        _valve_streets(mains)
    network.name_features()
    return network


def _make_regulator(low: Mains, section: Section) -> None:
    """The first point of the street becomes the regulator, so all beyond it is at low pressure."""
    chain = low.chains[section]
    regulator = low.network.points[chain[1]]
    regulator.appurtenance, regulator.fields["name"] = "调压站", f"{section.road}调压站"
    first = next(line for line in low.network.lines if {line.start, line.end} == {chain[0], chain[1]})
    first.fields["pressure"] = "中压A"


def _serve_houses(low: Mains, section: Section, chain: list[str]) -> None:
    free = [number for number in chain[2:-1] if low.is_clear(section, number)]
    for number in free[1::2]:
        end = low.branch(section, number, -HOUSE_OFFSET_M, "")
        low.line(number, end, low.utility.lane.crown_depth_m, low.utility.lane.crown_depth_m, 63, 63)


def _add_gate_station(medium: Mains) -> None:
    crossing = medium.crossing(0, 0)
    at = medium.network.points[crossing]
    number = medium.network.add_point("RQ", "gas", at.u_m - 45.0, at.v_m, at.road, "门站")
    medium.network.points[number].fields["name"] = "青禾门站"
    medium.join(number, crossing, 160, 160)


def _valve_trunk(medium: Mains) -> None:
    """One valve in the middle of every trunk section."""
    for chain in medium.chains.values():
        medium.network.points[chain[1]].appurtenance = "阀门"
        medium.network.points[chain[1]].fields["state"] = "开"


def _add_heat_source(mains: Mains) -> None:
    crossing = mains.crossing(0, 0)
    at = mains.network.points[crossing]
    code = mains.utility.code
    number = mains.network.add_point(code, "heat", at.u_m, at.v_m - 45.0, at.road, "热源")
    mains.network.points[number].fields["name"] = "青禾热源厂"
    mains.join(number, crossing, 200, 200)


def _exchange_stations(mains: Mains) -> None:
    """The far end of each heated street is an exchange station, where supply meets demand."""
    for j in (1, 3, 5):
        end = mains.network.points[mains.crossing(len(U_M) - 1, j)]
        end.appurtenance, end.fields["name"] = "换热站", f"{end.road}换热站"


def _valve_streets(mains: Mains) -> None:
    """A valve where each heated street leaves the trunk."""
    for j in (1, 3, 5):
        valve = mains.network.points[mains.chains[h_section(j, 0)][1]]
        valve.appurtenance, valve.fields["state"] = "阀门", "开"
