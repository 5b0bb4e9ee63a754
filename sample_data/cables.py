"""Power, street lighting, traffic signals and telecom: duct blocks and conduits between wells."""

from sample_data.mains import Mains, every_section, h_section, lay_grid, utility, v_section
from sample_data.model import Network


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
    mains.join(number, crossing, u.lane.width_mm, u.lane.height_mm)


def _light_lamps(light: Mains) -> None:
    for chain in light.chains.values():
        for number in chain[1:-1]:
            light.network.points[number].appurtenance = "路灯"
