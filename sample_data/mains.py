"""Mains along the streets: a chain of points per street section, joined at the crossings."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise

from sample_data.model import Line, Network
from sample_data.streets import CLEAR_OF_CROSSING_M, H_NAMES, LANES, U_M, V_M, V_NAMES, Lane

GRAVITY = frozenset({"storm", "foul"})


@dataclass(frozen=True)
class Utility:
    """What a main of one utility is made of and how its points are booked."""

    code: str
    class_code: str
    lane: Lane
    material: str
    burial: str
    spacing_m: float
    well: str = ""
    fields: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Section:
    """The stretch of a street between two crossings, in the direction the ground falls."""

    along: str
    street: int
    index: int

    @property
    def road(self) -> str:
        """Name of the street."""
        return H_NAMES[self.street] if self.along == "u" else V_NAMES[self.street]

    @property
    def length_m(self) -> float:
        """Distance between the two crossings."""
        marks = U_M if self.along == "u" else V_M
        return marks[self.index + 1] - marks[self.index]

    def place(self, station_m: float, offset_m: float, start_shift_m: float = 0.0) -> tuple[float, float]:
        """u, v of a station along the section at an offset from the street's axis."""
        if self.along == "u":
            return U_M[self.index] + start_shift_m + station_m, V_M[self.street] + offset_m
        return U_M[self.street] + offset_m, V_M[self.index] + start_shift_m + station_m


def h_section(street: int, index: int) -> Section:
    """Section of a street that runs along u."""
    return Section("u", street, index)


def v_section(street: int, index: int) -> Section:
    """Section of a street that runs along v."""
    return Section("v", street, index)


def every_section(h_streets: Iterable[int] | None = None, v_streets: Iterable[int] | None = None) -> list[Section]:
    """All sections of the named streets; every street when none is named."""
    h_range = range(len(V_M)) if h_streets is None else h_streets
    v_range = range(len(U_M)) if v_streets is None else v_streets
    along_u = [h_section(j, i) for j in h_range for i in range(len(U_M) - 1)]
    return along_u + [v_section(i, j) for i in v_range for j in range(len(V_M) - 1)]


class Mains:
    """Lays the mains of one utility into a network."""

    def __init__(self, network: Network, utility: Utility) -> None:
        self.network = network
        self.utility = utility
        self.crossings: dict[tuple[int, int], str] = {}
        self.chains: dict[Section, list[str]] = {}

    def lay(self, section: Section, diameter_mm: float | None = None, joined_at_start: bool = True) -> list[str]:
        """Lay one section and return its points from crossing to crossing."""
        start, end = self._ends(section)
        lane = self.utility.lane
        first = 0.0 if joined_at_start else 22.0
        stations = _stations(first, section.length_m, self.utility.spacing_m)
        between = [self._point(section, station) for station in (stations if joined_at_start else [first, *stations])]
        chain = [*([self.crossing(*start)] if joined_at_start else []), *between, self.crossing(*end)]
        width = diameter_mm or lane.width_mm
        height = diameter_mm or lane.height_mm
        for a, b in pairwise(chain):
            self.join(a, b, width, height)
        self.chains[section] = chain
        return chain

    def crossing(self, i: int, j: int) -> str:
        """The point where this utility's lanes of two streets meet, made on first use."""
        if (i, j) not in self.crossings:
            offset = self.utility.lane.offset_m
            place = (U_M[i] + offset, V_M[j] + offset)
            self.crossings[i, j] = self._book(*place, H_NAMES[j], self.utility.well)
        return self.crossings[i, j]

    def join(self, start: str, end: str, width_mm: float, height_mm: float) -> Line:
        """Book a line at the utility's own depth."""
        depth = self.utility.lane.crown_depth_m
        if self.utility.class_code in GRAVITY:
            depth = round(depth + height_mm / 1000, 3)
        return self.line(start, end, depth, depth, width_mm, height_mm)

    def line(
        self, start: str, end: str, start_depth_m: float, end_depth_m: float, width_mm: float, height_mm: float
    ) -> Line:
        """Book a line with its own depths."""
        u = self.utility
        depths = (round(start_depth_m, 3), round(end_depth_m, 3))
        fields = dict(u.fields)
        return self.network.add_line(
            Line(start, end, u.class_code, *depths, width_mm, height_mm, u.material, u.burial, fields)
        )

    def branch(self, section: Section, at: str, offset_m: float, appurtenance: str) -> str:
        """Book the far point of a branch that leaves the main squarely at one of its points."""
        origin = self.network.points[at]
        if section.along == "u":
            return self._book(origin.u_m, V_M[section.street] + offset_m, section.road, appurtenance)
        return self._book(U_M[section.street] + offset_m, origin.v_m, section.road, appurtenance)

    def is_clear(self, section: Section, number: str) -> bool:
        """Whether a branch at this point stays clear of the lanes of the crossing streets."""
        point = self.network.points[number]
        along, marks = (point.u_m, U_M) if section.along == "u" else (point.v_m, V_M)
        return min(abs(along - mark) for mark in marks) >= CLEAR_OF_CROSSING_M

    def _ends(self, section: Section) -> tuple[tuple[int, int], tuple[int, int]]:
        if section.along == "u":
            return (section.index, section.street), (section.index + 1, section.street)
        return (section.street, section.index), (section.street, section.index + 1)

    def _point(self, section: Section, station_m: float) -> str:
        offset = self.utility.lane.offset_m
        return self._book(*section.place(station_m, offset, offset), section.road, self.utility.well)

    def _book(self, u_m: float, v_m: float, road: str, appurtenance: str) -> str:
        return self.network.add_point(self.utility.code, self.utility.class_code, u_m, v_m, road, appurtenance)


def lay_grid(mains: Mains, sections: list[Section], diameter_mm: Callable[[Section], float] | None = None) -> None:
    """Lay a looped main along the given sections."""
    for section in sections:
        mains.lay(section, diameter_mm(section) if diameter_mm else None)


def utility(
    code: str, class_code: str, lane: str, material: str, burial: str, spacing_m: float, **more: str
) -> Utility:
    """A utility in its lane; `well` names the structure at its points, the rest are booked on each line."""
    well = more.pop("well", "")
    return Utility(code, class_code, LANES[lane], material, burial, spacing_m, well, tuple(more.items()))


def _stations(start_m: float, end_m: float, spacing_m: float) -> list[float]:
    """Stations strictly between two others, evenly spread, none further apart than the spacing."""
    pieces = max(1, -(-int((end_m - start_m) * 1000) // int(spacing_m * 1000)))
    step = (end_m - start_m) / pieces
    return [round(start_m + step * k, 3) for k in range(1, pieces)]
