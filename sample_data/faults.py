"""The faults planted into the district, each with the rule that must find it.

Faults that change the network are planted into the model; faults of booking (a number with a letter,
a row given twice) into the rows that are written. Either way the answer key says where they stand.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sample_data.mains import Section, h_section, v_section
from sample_data.model import Line, Network, Point
from sample_data.streets import LANES, U_M, V_M

Row = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One planted fault: where it stands and the rule that is expected to name it."""

    name: str
    rule: str
    dataset: str
    kind: str
    key: str
    words: str

    def as_dict(self) -> dict[str, str]:
        """For the answer key."""
        return asdict(self)


def plant_in_water(network: Network) -> list[Fault]:
    """A valve of unknown state, a branch that no source reaches, a point that no line uses."""
    valve = [p for p in network.points.values() if p.appurtenance == "阀门"][10]
    valve.fields["state"] = ""
    u_m, v_m = _middle_of_block(2, 2)
    ends = [network.add_point("JS", "water", u_m + step, v_m, "望江路") for step in (0.0, 24.0)]
    depth = LANES["water"].crown_depth_m
    line = network.add_line(Line(ends[0], ends[1], "water", depth, depth, 100, 100, "球墨铸铁", "直埋"))
    for end in ends:
        network.points[end].feature = "终止点"
    orphan = network.add_point("JS", "water", *_middle_of_block(4, 1), "望江路")
    network.points[orphan].feature = "直线点"
    return [
        Fault("valve of unknown state", "P05", "water", "node", valve.number, "阀门状态未填"),
        Fault("branch without a source", "P02", "water", "pipe_segment", line.key, "与水源不连通"),
        Fault("orphan point", "R21", "water", "node", orphan, "没有管线使用的点"),
    ]


def spoil_water_rows(points: list[Row], lines: list[Row]) -> list[Fault]:
    """Booking faults of the water company's workbook."""
    points.append(dict(points[40]))
    letters = points[55]
    letters["地面高程"] = f"{letters['地面高程']:.3f}".replace("2", "Z", 1)
    twice = dict(lines[70])
    twice["起点点号"], twice["终点点号"] = twice["终点点号"], twice["起点点号"]
    nowhere, circle = dict(lines[90]), dict(lines[110])
    nowhere["终点点号"] = "JS9999"
    circle["终点点号"] = circle["起点点号"]
    lines += [twice, nowhere, circle]
    return [
        Fault("point booked twice", "R07", "water", "node", points[40]["物探点号"], "点号重复"),
        Fault("letter in a number", "IMP-NUMBER", "water", "node", letters["物探点号"], "数字列含字母"),
        Fault("line booked twice, reversed", "R14", "water", "pipe_segment", _line_key(twice), "管线重复(反向)"),
        Fault("line to a missing point", "R20", "water", "pipe_segment", _line_key(nowhere), "终点不在点表"),
        Fault("line from a point to itself", "R13", "water", "pipe_segment", _line_key(circle), "起终点相同"),
    ]


def plant_in_drainage(network: Network) -> list[Fault]:
    """Faults of sewers: against the fall, narrower downstream, out of the ground, unknown, joined wrongly."""
    return [
        _raise_an_invert(network),
        _narrow_a_trunk(network),
        _lift_out_of_the_ground(network),
        _forget_a_depth(network),
        _join_foul_to_storm(network),
        _pass_over_a_manhole(network),
    ]


def plant_in_gas(network: Network) -> list[Fault]:
    """A service that rises far too close to the surface."""
    service = [line for line in network.lines if line.width_mm == 63][12]
    service.end_depth_m = 0.30
    return [Fault("shallow cover", "P08", "gas", "pipe_segment", service.key, "覆土不足")]


def plant_in_heat(network: Network) -> list[Fault]:
    """A stub that passes over the gas main with 4 cm to spare, where 15 cm are due."""
    stub = _stub(network, "RS", "heat_supply", v_section(0, 2), end_offset_m=-10.0, over="gas", bottom_depth_m=2.01)
    return [Fault("crossing too close", "R40", "heat", "pipe_segment", stub.key, "与燃气垂直净距不足")]


def plant_in_cables(network: Network) -> list[Fault]:
    """A conduit driven through the gas main, and a well whose ground elevation is that of its bottom."""
    conduit = _drive_through_gas(network)
    lamp = [p for p in network.points.values() if p.class_code == "telecom" and p.appurtenance == "手孔井"][60]
    lamp.ground_elevation_m = round((lamp.ground_elevation_m or 0.0) - 6.5, 3)
    return [
        Fault("collision", "R40", "cables", "pipe_segment", conduit.key, "与燃气管相撞"),
        Fault("wrong ground elevation", "R28", "cables", "node", lamp.number, "地面高程异常"),
    ]


def _raise_an_invert(network: Network) -> Fault:
    chain = _straight_runs(network, "foul")
    upper, lower = chain[8]
    upper.end_depth_m = round((upper.end_depth_m or 0.0) - 0.9, 3)
    lower.start_depth_m = upper.end_depth_m
    return Fault("against the fall", "R30", "drainage", "pipe_segment", upper.key, "自流管逆坡")


def _narrow_a_trunk(network: Network) -> Fault:
    upper, lower = _straight_runs(network, "storm")[20]
    lower.width_mm = lower.height_mm = upper.width_mm - 100
    lower.start_depth_m = round((lower.start_depth_m or 0.0) - 0.1, 3)
    lower.end_depth_m = round((lower.end_depth_m or 0.0) - 0.1, 3)
    return Fault("narrower downstream", "R32", "drainage", "pipe_segment", lower.key, "下游管径变小")


def _lift_out_of_the_ground(network: Network) -> Fault:
    lateral = [line for line in network.lines if line.class_code == "storm" and line.width_mm == 300][14]
    lateral.start_depth_m = 0.12
    return Fault("out of the ground", "R29", "drainage", "pipe_segment", lateral.key, "管顶高出地面")


def _forget_a_depth(network: Network) -> Fault:
    lateral = [line for line in network.lines if line.class_code == "foul" and line.width_mm == 200][9]
    lateral.start_depth_m = None
    return Fault("unknown depth", "P06", "drainage", "pipe_segment", lateral.key, "埋深未知")


def _join_foul_to_storm(network: Network) -> Fault:
    """A foul lateral that ends in the storm manhole beside its own: the commonest wrong connection."""
    lateral = [line for line in network.lines if line.class_code == "foul" and line.width_mm == 200][20]
    own = network.points[lateral.end]
    storm = [p for p in network.points.values() if p.class_code == "storm" and p.appurtenance == "检查井"]
    nearest = min(storm, key=lambda p: (p.u_m - own.u_m) ** 2 + (p.v_m - own.v_m) ** 2)
    lateral.end, lateral.end_depth_m = nearest.number, 3.9
    return Fault("foul into storm", "P01", "drainage", "pipe_segment", lateral.key, "雨污混接")


def _pass_over_a_manhole(network: Network) -> Fault:
    """Two lines drawn as one, so that it passes over the manhole between them, which a lateral still uses."""
    used = {line.end for line in network.lines if line.width_mm == 300 and line.class_code == "storm"}
    upper, lower = next(run for run in _straight_runs(network, "storm")[40:] if run[0].end in used)
    manhole = upper.end
    upper.end, upper.end_depth_m = lower.end, lower.end_depth_m
    network.lines.remove(lower)
    return Fault("passes over a manhole", "R26", "drainage", "node", manhole, "管线穿过未打断的点")


def _drive_through_gas(network: Network) -> Line:
    return _stub(network, "DL", "power", h_section(2, 2), end_offset_m=-7.0, over="gas", bottom_depth_m=2.20)


def _stub(
    network: Network, code: str, lane: str, section: Section, *, end_offset_m: float, over: str, bottom_depth_m: float
) -> Line:
    """A short branch in the middle of a section whose outer bottom has a given depth where it crosses another lane."""
    origin = _middle_point(network, code, section, LANES[lane].offset_m)
    main = next(line for line in network.lines if origin.number in (line.start, line.end))
    away_m = end_offset_m - LANES[lane].offset_m
    step_u, step_v = (0.0, away_m) if section.along == "u" else (away_m, 0.0)
    end = network.add_point(code, main.class_code, origin.u_m + step_u, origin.v_m + step_v, origin.road)
    network.points[end].feature = "预留口"
    if not origin.appurtenance:
        origin.feature = "三通"
    mm, start_m = 100.0, LANES[lane].crown_depth_m
    share = (LANES[over].offset_m - LANES[lane].offset_m) / away_m
    end_m = round(start_m + (bottom_depth_m - mm / 1000 - start_m) / share, 3)
    fields = dict(main.fields)
    return network.add_line(
        Line(origin.number, end, main.class_code, start_m, end_m, mm, mm, main.material, main.burial, fields)
    )


def _middle_point(network: Network, code: str, section: Section, offset_m: float) -> Point:
    """The point of a main that is nearest to the middle of a section."""
    u_m, v_m = section.place(section.length_m / 2, offset_m, offset_m)
    own = [point for point in network.points.values() if point.number.startswith(code)]
    return min(own, key=lambda point: (point.u_m - u_m) ** 2 + (point.v_m - v_m) ** 2)


def _straight_runs(network: Network, class_code: str) -> list[tuple[Line, Line]]:
    """Pairs of main lines that follow each other between crossings, same size, no line between."""
    mains = [x for x in network.lines if x.class_code == class_code and x.width_mm >= 300]
    by_start = {line.start: line for line in mains if network.points[line.start].appurtenance == "检查井"}
    pairs = [(line, by_start[line.end]) for line in mains if line.end in by_start]
    return [(a, b) for a, b in pairs if a.width_mm == b.width_mm and _is_mid_block(network, a.end)]


def _is_mid_block(network: Network, number: str) -> bool:
    point = network.points[number]
    near_u = min(abs(point.u_m - mark) for mark in U_M) < 20
    near_v = min(abs(point.v_m - mark) for mark in V_M) < 20
    return not (near_u and near_v)


def _middle_of_block(i: int, j: int) -> tuple[float, float]:
    return (U_M[i] + U_M[i + 1]) / 2, (V_M[j] + V_M[j + 1]) / 2


def _line_key(row: Row) -> str:
    return f"{row['起点点号']}->{row['终点点号']}"
