"""Power, street lighting, traffic signals and telecom: duct blocks and conduits between wells, and their circuits."""

from itertools import pairwise

from sample_data.mains import Mains, Section, every_section, h_section, lay_grid, utility, v_section
from sample_data.model import Network
from sample_data.streets import U_M, V_M


def build_cables() -> Network:
    """Ducts along every street; traffic signals along two of them."""
    network = Network("")
    everywhere = every_section()
    power = Mains(
        network, utility("DL", "power", "power", "塑料", "管块", 50.0, well="人孔井", **_holes(18, 7, "10KV"))
    )
    lay_grid(power, everywhere)
    light = Mains(
        network, utility("LD", "street_light", "street_light", "塑料", "管埋", 35.0, **_holes(1, 1, "0.38KV"))
    )
    lay_grid(light, everywhere)
    telecom = Mains(network, utility("TX", "telecom", "telecom", "塑料", "管块", 50.0, well="手孔井", **_holes(12, 5)))
    lay_grid(telecom, everywhere)
    signal = Mains(
        network, utility("XH", "traffic_signal", "traffic_signal", "塑料", "管埋", 70.0, **_holes(1, 1, "0.38KV"))
    )
    lay_grid(signal, [h_section(2, i) for i in range(6)] + [v_section(3, j) for j in range(5)])
    _feed(power, "变电站", "青禾110kV变电站")
    _feed(telecom, "机房", "望江机房")
    _light_lamps(light)
    _run_circuits(power, "10kV{}线")
    _run_circuits(telecom, "望江{}光缆")
    _place_stations(power, "变压器", "箱式变电站")
    _place_stations(telecom, "交接箱", "光缆交接箱")
    _place_switches(power)
    network.name_features()
    return network


def _holes(total: int, used: int, voltage: str = "") -> dict[str, str]:
    fields = {"holes": str(total), "used_holes": str(used), "cables": str(used)}
    return {**fields, "voltage": voltage} if voltage else fields


def _feed(mains: Mains, kind: str, name: str) -> None:
    crossing = mains.crossing(0, 0)
    at = mains.network.points[crossing]
    u = mains.utility
    number = mains.network.add_point(u.code, u.class_code, at.u_m - 40.0, at.v_m, at.road, kind)
    mains.network.points[number].fields["name"] = name
    lead = mains.join(number, crossing, u.lane.width_mm, u.lane.height_mm)
    circuits = len(_runs())
    lead.fields |= {name: str(circuits) for name in ("used_holes", "cables")}
    lead.fields["holes"] = str(max(circuits, int(lead.fields["holes"])))


def _light_lamps(light: Mains) -> None:
    for chain in light.chains.values():
        for number in chain[1:-1]:
            light.network.points[number].appurtenance = "路灯"


def _runs() -> list[list[Section]]:
    """The sections of every circuit, from the source at the first crossing out: one circuit a street."""
    along_u = [[v_section(0, k) for k in range(j)] + every_section((j,), ()) for j in range(len(V_M))]
    along_v = [[h_section(0, k) for k in range(i)] + every_section((), (i,)) for i in range(1, len(U_M))]
    return along_u + along_v


def _run_circuits(mains: Mains, name: str) -> None:
    """Book on every duct the circuits whose cables lie in it; the lead out of the source holds all of them."""
    own = [line for line in mains.network.lines if line.class_code == mains.utility.class_code]
    by_ends = {frozenset((line.start, line.end)): line for line in own}
    lead = own[-1]
    for run in _runs():
        circuit = name.format(run[-1].road.removesuffix("路").removesuffix("街"))
        ducts = [by_ends[frozenset(ends)] for section in run for ends in pairwise(mains.chains[section])]
        for duct in (lead, *ducts):
            booked = duct.fields.get("circuit")
            duct.fields["circuit"] = f"{booked}；{circuit}" if booked else circuit


def _place_stations(mains: Mains, kind: str, name: str) -> None:
    """What the circuits serve: a station in every second section of each street."""
    for section in every_section():
        if section.index % 2:
            station = mains.network.points[mains.chains[section][-2]]
            station.appurtenance, station.fields["name"] = kind, f"{section.road}{section.index}号{name}"


def _place_switches(power: Mains) -> None:
    """A switch halfway along each street, so that the near half can be served while the far half is repaired."""
    for j in range(len(V_M)):
        switch = power.network.points[power.chains[h_section(j, 3)][1]]
        switch.appurtenance, switch.fields["state"] = "控制柜", "合闸"
        switch.fields["name"] = f"{switch.road}分段开关"
