"""Traces in sewers and along what is joined, on networks of any size in arrays, against scipy on the same graph."""

from collections.abc import Callable, Iterator

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, dijkstra

from bench.measure import Line, median_s
from pipemap.network import Network
from pipemap.tracing.columns import network_from_arrays
from pipemap.tracing.connectivity import bridges, connected, loops, reachable, shortest_path
from pipemap.tracing.gravity import gravity_of
from pipemap.tracing.sewers import blockage, downstream, upstream
from pipemap.tracing.starts import located_ids

_REPEATS = 5
_STEP_M = 40.0


def flow_lines(size: int) -> Iterator[Line]:
    """Every trace of about `size` segments, whole answers, from arrays already in memory."""
    yield from _sewer_lines(sewer_of(size))
    yield from _joined_lines(streets_of(size))


def sewer_of(size: int, seed: int = 7) -> Network:
    """A city that drains to one corner: every manhole to a lower neighbour, one in twenty to a second one as well."""
    rng = np.random.default_rng(seed)
    side = round((size / 1.05) ** 0.5)
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(side), np.arange(side)))
    node = np.arange(side * side)
    along_x = (y == 0) | ((x > 0) & (rng.random(len(node)) < 0.5))
    second = (x > 0) & (y > 0) & (rng.random(len(node)) < 0.05)
    main = node > 0
    start = np.concatenate([node[main], node[second]])
    end = np.concatenate(
        [np.where(along_x, node - 1, node - side)[main], np.where(along_x, node - side, node - 1)[second]]
    )
    level_m = 0.12 * (x + y) + rng.random(len(node)) * 0.02
    raised_m = np.concatenate([np.zeros(main.sum()), np.full(second.sum(), 0.2)])
    is_drawn_back = rng.random(len(start)) < 0.3
    kinds = np.full(len(node), "manhole", object)
    kinds[0] = "outfall"
    levels = level_m[start] + raised_m, level_m[end]
    return network_from_arrays(
        {"id": node, "x_m": x * _STEP_M, "y_m": y * _STEP_M, "appurtenance": kinds},
        {
            "id": np.arange(len(start)),
            "from_id": np.where(is_drawn_back, end, start),
            "to_id": np.where(is_drawn_back, start, end),
            "length_m": np.full(len(start), _STEP_M),
            "class_code": np.full(len(start), "foul"),
            "shape_code": np.full(len(start), "circle"),
            "bore_width_mm": np.full(len(start), 400.0),
            "material_code": np.full(len(start), "concrete"),
            "from_invert_m": np.where(is_drawn_back, levels[1], levels[0]),
            "to_invert_m": np.where(is_drawn_back, levels[0], levels[1]),
        },
    )


def streets_of(size: int, seed: int = 7) -> Network:
    """Looped streets with a dead end at every third crossing; crossings are numbered row by row."""
    rng = np.random.default_rng(seed)
    side = round((size / 2.33) ** 0.5)
    crossing = np.arange(side * side).reshape(side, side)
    stub = np.arange(0, side * side, 3)
    start = np.concatenate([crossing[:, :-1].ravel(), crossing[:-1].ravel(), stub])
    end = np.concatenate([crossing[:, 1:].ravel(), crossing[1:].ravel(), side * side + np.arange(len(stub))])
    return network_from_arrays(
        {"id": np.arange(side * side + len(stub))},
        {"id": np.arange(len(start)), "from_id": start, "to_id": end, "length_m": rng.uniform(20.0, 120.0, len(start))},
    )


def _sewer_lines(network: Network) -> Iterator[Line]:
    outfall, last = located_ids(network, [], [0]), located_ids(network, [], [int(network.nodes.id[-1])])
    gravity = gravity_of(network)
    ends = gravity.tail[gravity.is_live], gravity.head[gravity.is_live]
    graph = csr_array((np.ones(len(ends[0])), ends), shape=(len(network.nodes.id),) * 2)
    whole_s = median_s(lambda: breadth_first_order(graph.T, 0), _REPEATS)
    far_s = median_s(lambda: breadth_first_order(graph, len(network.nodes.id) - 1), _REPEATS)
    scipy = "scipy breadth_first_order"
    yield Line("direction of every sewer pipe", median_s(_anew(network), 3), whole_s, scipy, "once a version")
    yield _line("pollution from the far corner", lambda: downstream(network, last), far_s, scipy)
    yield _line("upstream of the outfall: everything", lambda: upstream(network, outfall), whole_s, scipy)
    yield _line("blockage at the outfall: everything", lambda: blockage(network, outfall), whole_s, scipy)


def _joined_lines(network: Network) -> Iterator[Line]:
    count, segments = len(network.nodes.id), network.segments
    last = round((count * 3 / 4) ** 0.5) ** 2 - 1
    one, other = located_ids(network, [], [0]), located_ids(network, [], [last])
    scope = reachable(network, one)
    graph = csr_array((segments.length_m, (segments.from_node, segments.to_node)), shape=(count, count))
    parts_s = median_s(lambda: connected_components(graph, directed=False), _REPEATS)
    ways_s = median_s(lambda: dijkstra(graph, directed=False, indices=0), _REPEATS)
    parts = "scipy connected_components"
    yield _line("connected: everything", lambda: connected(network, one, scope), parts_s, parts)
    yield _line("shortest way, corner to corner", lambda: shortest_path(network, one, other, scope), ways_s,
                "scipy dijkstra")  # fmt: skip
    yield _line("loops", lambda: loops(network, None, scope), parts_s, parts)
    yield _line("bridges, the worst 1,000", lambda: bridges(network, None, scope, 1000), parts_s, parts)


def _line(name: str, ask: Callable[[], object], other_s: float, other: str) -> Line:
    return Line(name, median_s(ask, _REPEATS), other_s, other, "whole answer, lists of identities included")


def _anew(network: Network) -> Callable[[], None]:
    def work() -> None:
        network.derived.clear()
        network.by_layout.clear()
        gravity_of(network)

    return work
