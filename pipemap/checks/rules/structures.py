"""Rules about pipes and what stands above them."""

import numpy as np
import shapely

from pipemap.checks.check import Check, Positions, Says
from pipemap.checks.registry import rule
from pipemap.checks.scope import Bools, Kind
from schemas.findings import Finding, Severity


@rule(
    "P04",
    Severity.WARNING,
    en="pipe under a building",
    zh="管线穿越建筑物",
    source="pipemap: building over a pipe",
    min_length_m=0.5,
)
def under_building(check: Check) -> list[Finding]:
    """Lines that run under a building; one that ends inside it (a house connection) is only a note."""
    scope = check.scope
    buildings = np.flatnonzero(scope.structures["kind_code"].eq("building"))
    outlines = shapely.force_2d(scope.structures["geom"].to_numpy()[buildings])
    flat = shapely.force_2d(scope.lines)
    above, line = shapely.STRtree(flat).query(outlines, predicate="intersects")
    inside = shapely.length(shapely.intersection(flat[line], outlines[above]))
    start, end = (shapely.intersects(outlines[above], shapely.get_point(flat[line], place)) for place in (0, -1))
    long = inside > check["min_length_m"]
    through = long & ~start & ~end
    return [
        finding
        for which, at_most in ((through, None), (long & ~through, Severity.INFO))
        for finding in _told(check, line[which], buildings[above[which]], inside[which], at_most)
    ]


def _told(
    check: Check, line: Positions, building: Positions, inside: np.ndarray, at_most: Severity | None
) -> list[Finding]:
    """Told of the pipe; where only the building is new, of the building."""
    scope = check.scope
    touched: Bools = scope.segments["touched"].to_numpy()[line]
    keys = scope.segments["source_key"].to_numpy(object)[line]
    names = scope.structures["name"].fillna(scope.structures["source_key"]).to_numpy(object)[building]
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
        finding
        for kind, at, told in told_of
        for finding in check.report(
            kind, at[told], says, at_most=at_most, inside=inside[told], building=names[told], line=keys[told]
        )
    ]
