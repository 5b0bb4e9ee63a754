"""Points and lines of the district as a survey would book them, and the network that collects them."""

from collections import Counter
from dataclasses import dataclass, field

from sample_data.streets import ground_m, plan_xy_m


@dataclass
class Point:
    """A surveyed point; `fields` holds what only some classes book (valve state, name, ...)."""

    number: str
    class_code: str
    u_m: float
    v_m: float
    ground_elevation_m: float | None
    feature: str = ""
    appurtenance: str = ""
    road: str = ""
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def xy_m(self) -> tuple[float, float]:
        """Easting and northing."""
        return plan_xy_m(self.u_m, self.v_m)


@dataclass
class Line:
    """A pipe between two points; depths as the survey books them: to the top, for sewers to the invert."""

    start: str
    end: str
    class_code: str
    start_depth_m: float | None
    end_depth_m: float | None
    width_mm: float
    height_mm: float
    material: str
    burial: str
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The segment's name in findings and in the answer key."""
        return f"{self.start}->{self.end}"

    @property
    def section(self) -> str:
        """The section as surveyors write it: a diameter, or width X height."""
        if self.width_mm == self.height_mm:
            return f"{self.width_mm:g}"
        return f"{self.width_mm:g}X{self.height_mm:g}"


@dataclass(frozen=True)
class Consumer:
    """Somebody who is served from a point of the water network."""

    number: str
    name: str
    kind: str
    people: int
    point: str
    u_m: float
    v_m: float


@dataclass(frozen=True)
class Building:
    """A rectangular building with a foundation."""

    number: str
    name: str
    u_m: tuple[float, float]
    v_m: tuple[float, float]
    storeys: int

    @property
    def base_elevation_m(self) -> float:
        """Underside of the foundation."""
        return round(self._ground_m - 2.0, 3)

    @property
    def top_elevation_m(self) -> float:
        """Roof."""
        return round(self._ground_m + 3.0 * self.storeys, 3)

    @property
    def _ground_m(self) -> float:
        return ground_m(sum(self.u_m) / 2, sum(self.v_m) / 2)


class Network:
    """Points and lines of one owner, numbered as they are made."""

    def __init__(self, prefix: str) -> None:
        self.points: dict[str, Point] = {}
        self.lines: list[Line] = []
        self._prefix = prefix
        self._counts: Counter[str] = Counter()

    def add_point(self, code: str, class_code: str, u_m: float, v_m: float, road: str, appurtenance: str = "") -> str:
        """Book a point and return its number, for example JS17."""
        self._counts[code] += 1
        number = f"{code}{self._prefix}{self._counts[code]:03d}"
        ground = ground_m(u_m, v_m)
        self.points[number] = Point(number, class_code, u_m, v_m, ground, appurtenance=appurtenance, road=road)
        return number

    def add_line(self, line: Line) -> Line:
        """Book a line."""
        self.lines.append(line)
        return line

    def name_features(self) -> None:
        """Give every point without an appurtenance the feature its number of lines calls for."""
        degree = Counter(end for line in self.lines for end in (line.start, line.end))
        sections: dict[str, set[str]] = {}
        for line in self.lines:
            for end in (line.start, line.end):
                sections.setdefault(end, set()).add(line.section)
        names = {0: "", 1: "终止点", 2: "直线点", 3: "三通", 4: "四通", 5: "五通"}
        for number, point in self.points.items():
            if point.appurtenance:
                continue
            point.feature = names[degree[number]]
            if degree[number] == 2 and len(sections[number]) > 1:
                point.feature = "变径"
