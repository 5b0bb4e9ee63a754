"""Rules about pipes and what stands above them."""

import numpy as np
import shapely

from pipemap.checks.breaches import Breaches
from pipemap.checks.check import Check, Positions, Says, Told
from pipemap.checks.columns import Bools, Floats
from pipemap.checks.registry import rule
from pipemap.checks.scope import Kind
from schemas.findings import Severity


@rule(
    "P04",
    Severity.WARNING,
    en="pipe under a building",
    zh="管线穿越建筑物",
    source="pipemap: building over a pipe",
    source_zh="本系统：建筑物压占管线",
    min_length_m=0.5,
)
def under_building(check: Check) -> Told:
    """Lines that run under a building; one that ends inside it (a house connection) is only a note."""
    scope = check.scope
    buildings = np.flatnonzero(scope.structures.words("kind_code").is_in(["building"]))
    if not len(buildings):
        return []
    outlines = shapely.force_2d(scope.structures.values("geom")[buildings])
    flat = shapely.force_2d(scope.axes.lines(np.arange(len(scope.segments))))
    line, above = shapely.STRtree(outlines).query(flat, predicate="intersects")
    inside = shapely.length(shapely.intersection(flat[line], outlines[above]))
    start, end = (shapely.intersects(outlines[above], shapely.get_point(flat[line], place)) for place in (0, -1))
    long = inside > check["min_length_m"]
    through = long & ~start & ~end
    return [
        breaches
        for which, at_most in ((through, None), (long & ~through, Severity.INFO))
        for breaches in _told(check, line[which], buildings[above[which]], inside[which], at_most)
    ]


def _told(
    check: Check, line: Positions, building: Positions, inside: Floats, at_most: Severity | None
) -> list[Breaches]:
    """Told of the pipe; where only the building is new, of the building."""
    scope = check.scope
    touched = scope.segments.values("touched")[line]
    keys, numbers = scope.segment_keys(line), scope.structures.texts("source_key", building)
    given = scope.structures.texts("name", building)
    names = [name or number for name, number in zip(given, numbers, strict=True)]
    says = Says(
        en="Line {line} runs {inside:.1f} m under the building {building}",
        zh="管线 {line} 在建筑物 {building} 下方穿行 {inside:.1f} m",
        value="{inside:.1f} m",
        limit="{min_length_m:g} m",
    )
    told_of: tuple[tuple[Kind, Positions, Bools], ...] = (
        ("pipe_segment", line, touched),
        ("structure", building, ~touched),
    )
    return [
        check.report(
            kind,
            at[which],
            says,
            at_most=at_most,
            inside=inside[which],
            building=[names[row] for row in np.flatnonzero(which).tolist()],
            line=keys[which],
        )
        for kind, at, which in told_of
    ]
