"""What rules share that weigh a shortfall against how well it was surveyed."""

import numpy as np

from pipemap.checks.columns import Ints
from pipemap.checks.scope import Scope
from pipemap.clearance.surveyed import Surveyed


def surveyed(scope: Scope, at: Ints) -> Surveyed:
    """What the survey says of some segments, as accuracies are reckoned from."""
    segments, axes = scope.segments, scope.axes
    grounds = scope.at_ends(scope.nodes.values("ground_elevation_m"), np.nan)
    depths = segments.values("from_depth_m"), segments.values("to_depth_m")
    return Surveyed(
        is_round=segments.words("shape_code").is_in(["circle"])[at],
        width_mm=segments.values("width_mm")[at],
        height_mm=segments.values("height_mm")[at],
        ground_m=np.column_stack([side[at] for side in grounds]),
        depth_m=np.column_stack([side[at] for side in depths]),
        axis_m=np.column_stack([axes.start[at, 2], axes.end[at, 2]]),
        is_datum_unknown=segments.words("depth_datum_code").is_in(["unknown"])[at],
        horizontal_accuracy_m=segments.values("horizontal_accuracy_m")[at],
        vertical_accuracy_m=segments.values("vertical_accuracy_m")[at],
        casing_mm=segments.values("casing_mm")[at],
    )
