"""Ways out of pits: nodes and groups of nodes that, by the fall of their pipes, no water ever leaves.

In a real sewer the water there rises until it runs on, or is pumped: past a pipe that was laid or surveyed with an
adverse slope, up a rising main, along a pipe whose levels nobody knows. It takes the way with the least climb, no more
than MOST_CLIMB_M; a pipe that is declared, or drawn by a dataset that draws along the flow, to lead that way costs
next to nothing, one that is declared to lead the other way cannot be taken.
"""

from dataclasses import dataclass

import numpy as np

from pipemap.network import Flags, Floats, Ints, Network, SmallInts
from pipemap.tracing.arcs import Arcs, cheapest_ways, reach

# More is no slip of a level: a pump or a pipe is missing from the map, and nobody can tell which way it leads.
MOST_CLIMB_M = 0.5
_MM = 1000.0


@dataclass(frozen=True, eq=False)
class Basin:
    """The flow as every pipe by itself has it (sign 0 where there is no live gravity pipe), and what speaks for it.

    `is_drawn` marks pipes directed by nothing but their drawing; `fall_m` is along the drawing; `said` is the direction
    declared or by a dataset's habit, 0 for none. Water leaves the map at `exits`.
    """

    network: Network
    sign: SmallInts
    is_drawn: Flags
    fall_m: Floats
    said: SmallInts
    exits: Flags


def ways_out(basin: Basin) -> Ints:
    """The segments (positions) in which the water has to run the other way to get out of the pits."""
    live = np.flatnonzero(basin.sign)
    segments, count = basin.network.segments, len(basin.network.nodes.id)
    along = basin.sign[live] > 0
    tail = np.where(along, segments.from_node[live], segments.to_node[live])
    head = np.where(along, segments.to_node[live], segments.from_node[live])
    ends = np.flatnonzero(basin.exits | _loose_ends(basin, live, tail, head))
    drained = reach(Arcs.of(count, head, tail, live), ends, basin.sign != 0).has_node
    # Arcs against the walk, from where water gets out to where it stands; a pipe turned round costs its climb.
    onward, backward = ~drained[tail], ~drained[head] & np.isfinite(_climb_mm(basin, live))
    one, other = np.concatenate([head[onward], tail[backward]]), np.concatenate([tail[onward], head[backward]])
    cost_mm = np.concatenate([np.zeros(onward.sum()), _climb_mm(basin, live)[backward]])
    if not len(one):
        return live[:0]
    least_mm = cheapest_ways(Arcs.of(count, one, other, one), np.flatnonzero(drained), cost_mm).cost
    least_mm[least_mm > MOST_CLIMB_M * _MM] = np.inf
    turned = least_mm[other] == least_mm[one] + cost_mm
    turned &= np.isfinite(least_mm[other]) & (cost_mm > 0)
    return np.unique(np.concatenate([live[onward], live[backward]])[turned])


def _loose_ends(basin: Basin, live: Ints, tail: Ints, head: Ints) -> Flags:
    """Nodes at which a single pipe ends, by more evidence than its drawing: the sewer goes on beyond the map."""
    count = len(basin.network.nodes.id)
    pipes = np.bincount(tail, minlength=count) + np.bincount(head, minlength=count)
    is_told = np.zeros(count, np.bool_)
    is_told[head[~basin.is_drawn[live]]] = True
    return np.asarray((pipes == 1) & is_told)


def _climb_mm(basin: Basin, live: Ints) -> Floats:
    """What it costs to run a pipe against its direction; infinite where it is declared to lead the other way."""
    said, sign = basin.said[live], basin.sign[live]
    climb = np.nan_to_num(np.round(np.abs(basin.fall_m[live]) * _MM), nan=1.0)
    climb = np.where(said == -sign, 1.0, np.maximum(climb, 1.0))
    is_declared = basin.network.segments.flow[live] == sign
    return np.where(is_declared, np.inf, climb)
