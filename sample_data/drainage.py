"""The drainage office's sewers: storm and foul, each a tree that falls to one outfall."""

from sample_data.mains import Mains, Section, every_section, h_section, utility
from sample_data.model import Network
from sample_data.streets import HOUSE_OFFSET_M, U_M, V_M

_GRATE_OFFSET_M = 9.4
_LAST_H, _LAST_V = len(V_M) - 1, len(U_M) - 1


def build_drainage() -> Network:
    """Sewers that run along u into each v street, down it, and along the lowest street to the outfall."""
    network = Network("")
    storm = Mains(network, utility("YS", "storm", "storm", "砼", "直埋", 35.0, well="检查井"))
    foul = Mains(network, utility("WS", "foul", "foul", "砼", "直埋", 35.0, well="检查井"))
    _lay_tree(storm, branch_mm=400, trunk_mm=(400, 500, 600, 600, 600), collector_mm=800)
    _lay_tree(foul, branch_mm=300, trunk_mm=(300, 300, 400, 400, 400), collector_mm=500)
    _hang_laterals(storm, "雨篦", _GRATE_OFFSET_M, mm=300, end_invert_m=1.05, every=2, first=0)
    _hang_laterals(foul, "化粪池", HOUSE_OFFSET_M, mm=200, end_invert_m=3.00, every=2, first=1)
    _add_outfall(storm, "出水口", "临渊河排放口", 800)
    _add_outfall(foul, "污水处理厂", "临渊污水处理厂", 500)
    network.name_features()
    return network


def _lay_tree(mains: Mains, branch_mm: float, trunk_mm: tuple[float, ...], collector_mm: float) -> None:
    for section in every_section(range(_LAST_H), ()):
        mains.lay(section, branch_mm, joined_at_start=False)
    for section in every_section((), range(_LAST_V + 1)):
        mains.lay(section, trunk_mm[section.index])
    for i in range(_LAST_V):
        mains.lay(h_section(_LAST_H, i), collector_mm)


def _hang_laterals(
    mains: Mains, appurtenance: str, offset_m: float, *, mm: float, end_invert_m: float, every: int, first: int
) -> None:
    for section, chain in list(mains.chains.items()):
        free = [number for number in chain if mains.is_clear(section, number)]
        for number in free[first::every]:
            _lateral(mains, section, number, appurtenance, offset_m, mm, end_invert_m)


def _lateral(
    mains: Mains, section: Section, at: str, appurtenance: str, offset_m: float, mm: float, end_invert_m: float
) -> None:
    """A lateral runs from its upper end to the main, crown to crown."""
    upper = mains.branch(section, at, offset_m, appurtenance)
    mains.line(upper, at, end_invert_m, mains.utility.lane.crown_depth_m + mm / 1000, mm, mm)


def _add_outfall(mains: Mains, appurtenance: str, name: str, mm: float) -> None:
    last = mains.crossing(_LAST_V, _LAST_H)
    at = mains.network.points[last]
    code = mains.utility.code
    number = mains.network.add_point(code, mains.utility.class_code, at.u_m + 40.0, at.v_m, at.road, appurtenance)
    mains.network.points[number].fields["name"] = name
    mains.join(last, number, mm, mm)
