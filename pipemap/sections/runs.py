"""A run: joined segments put in the order and the direction in which they are walked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import shapely

from pipemap.clearance.geometry3d import Floats
from pipemap.clearance.site import Segment, Site, chainage
from pipemap.errors import NotFoundError, UsageError

MOST_SEGMENTS = 500


@dataclass(frozen=True)
class Step:
    """One segment of a run, its axis in the direction of the run; `stations_m` are those of its vertices."""

    segment: Segment
    is_reversed: bool
    from_node_id: int
    to_node_id: int
    stations_m: Floats

    @property
    def axis(self) -> Floats:
        """Axis (v, 3) in the direction of the run."""
        return self.segment.axis


@dataclass(frozen=True)
class Run:
    """Steps that follow one another, and the line they make in plan."""

    steps: tuple[Step, ...]
    line: shapely.LineString

    @property
    def node_ids(self) -> list[int]:
        """Nodes passed, the first and the last included."""
        return [self.steps[0].from_node_id, *(step.to_node_id for step in self.steps)]

    @property
    def node_stations_m(self) -> list[float]:
        """Stations of the nodes."""
        return [0.0, *(float(step.stations_m[-1]) for step in self.steps)]


def run_of(site: Site, segment_ids: Sequence[int]) -> Run:
    """The run that some segments make, named in the order they are passed.

    Raises NotFoundError for a segment this version does not have, UsageError where two that follow do not meet.
    """
    if not 0 < len(segment_ids) <= MOST_SEGMENTS:
        raise UsageError(f"A run is of 1 to {MOST_SEGMENTS} segments; {len(segment_ids)} were named.")
    found = site.segments_by_id(segment_ids)
    missing = next((one for one in segment_ids if one not in found), None)
    if missing is not None:
        raise NotFoundError(f"There is no pipe_segment {missing} in this version of the map.")
    segments = [found[one] for one in segment_ids]
    steps: list[Step] = []
    at_m = 0.0
    for segment, is_reversed in zip(segments, _directions(segments), strict=True):
        steps.append(_step(segment, is_reversed, at_m))
        at_m = float(steps[-1].stations_m[-1])
    plan = np.vstack([steps[0].axis[:1, :2], *(step.axis[1:, :2] for step in steps)])
    return Run(tuple(steps), shapely.LineString(plan))


def _directions(segments: Sequence[Segment]) -> list[bool]:
    """Whether each segment is passed against the way it is drawn."""
    if len(segments) == 1:
        return [False]
    is_reversed = [_shared_end(*segments[:2]) == segments[0].row["from_node_id"]]
    at = segments[0].row["from_node_id" if is_reversed[0] else "to_node_id"]
    for before, segment in pairwise(segments):
        ends = segment.row["from_node_id"], segment.row["to_node_id"]
        if at not in ends:
            raise UsageError(
                f"Segment {segment.feature_id} does not go on from segment {before.feature_id}; name them in order."
            )
        is_reversed.append(at == ends[1] and at != ends[0])
        at = ends[0] if is_reversed[-1] else ends[1]
    return is_reversed


def _shared_end(one: Segment, other: Segment) -> int:
    ends = {other.row["from_node_id"], other.row["to_node_id"]}
    shared = [one.row[name] for name in ("to_node_id", "from_node_id") if one.row[name] in ends]
    if not shared:
        raise UsageError(
            f"Segment {other.feature_id} does not go on from segment {one.feature_id}; name them in order."
        )
    return int(shared[0])


def _step(segment: Segment, is_reversed: bool, at_m: float) -> Step:
    ends = segment.row["from_node_id"], segment.row["to_node_id"]
    walked = replace(segment, axis=np.ascontiguousarray(segment.axis[::-1])) if is_reversed else segment
    start, end = ends[::-1] if is_reversed else ends
    return Step(walked, is_reversed, start, end, at_m + chainage(walked.axis))
