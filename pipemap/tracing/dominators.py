"""Walks over a directed graph in arrays: what can be reached, and what hangs on one vertex alone.

A graph is two arrays: the arcs leaving vertex v are `heads[starts[v]:starts[v + 1]]`.
"""

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@numba.njit(cache=True, nogil=True)
def hops(starts: Ints, heads: Ints, root: int) -> Ints:  # pragma: no cover
    """Least number of arcs from the root to every vertex, -1 where there is no way."""
    count = len(starts) - 1
    far = np.full(count, -1, np.int64)
    queue = np.empty(count, np.int64)
    far[root], queue[0], end = 0, root, 1
    for turn in range(count):
        if turn == end:
            break
        vertex = queue[turn]
        for arc in range(starts[vertex], starts[vertex + 1]):
            head = heads[arc]
            if far[head] < 0:
                far[head] = far[vertex] + 1
                queue[end] = head
                end += 1
    return far


@numba.njit(cache=True, nogil=True)
def _preorder(starts: Ints, heads: Ints, root: int) -> tuple[Ints, Ints, Ints]:  # pragma: no cover
    """Depth-first numbers (-1 where unreached), vertices by number, and each number's parent number."""
    count = len(starts) - 1
    number = np.full(count, -1, np.int64)
    vertex_of = np.empty(count, np.int64)
    parent = np.full(count, -1, np.int64)
    next_arc = starts[:-1].copy()
    stack = np.empty(count, np.int64)
    stack[0], number[root], vertex_of[0], depth, found = root, 0, root, 1, 1
    while depth > 0:
        vertex = stack[depth - 1]
        if next_arc[vertex] == starts[vertex + 1]:
            depth -= 1
            continue
        head = heads[next_arc[vertex]]
        next_arc[vertex] += 1
        if number[head] < 0:
            number[head], vertex_of[found], parent[found] = found, head, number[vertex]
            stack[depth] = head
            found += 1
            depth += 1
    return number, vertex_of[:found], parent[:found]


@numba.njit(cache=True, nogil=True)
def _lowest(label: Ints, ancestor: Ints, semi: Ints, path: Ints, v: int) -> int:  # pragma: no cover
    """Vertex of least semidominator on the linked path above `v`; shortens the path on the way."""
    if ancestor[v] < 0:
        return v
    depth = 0
    while ancestor[ancestor[v]] >= 0:
        path[depth] = v
        depth += 1
        v = ancestor[v]
    top = v
    while depth > 0:
        depth -= 1
        below = path[depth]
        if semi[label[top]] < semi[label[below]]:
            label[below] = label[top]
        ancestor[below] = ancestor[top]
        top = below
    return int(label[top])


@numba.njit(cache=True, nogil=True)
def dominator_tree(
    starts: Ints, heads: Ints, back_starts: Ints, tails: Ints, root: int
) -> tuple[Ints, Ints]:  # pragma: no cover
    """Immediate dominators (-1 for the root and for unreached vertices) and the depth-first order.

    Everything below a vertex in the tree, and nothing else, is cut off from the root when that vertex
    is taken out. Semi-NCA: L. Georgiadis, Linear-Time Algorithms for Dominators and Related Problems,
    Princeton 2005, section 2.3.
    """
    number, vertex_of, parent = _preorder(starts, heads, root)
    found = len(vertex_of)
    semi, label, ancestor = np.arange(found), np.arange(found), np.full(found, -1, np.int64)
    path = np.empty(found, np.int64)
    for w in range(found - 1, 0, -1):
        vertex = vertex_of[w]
        for arc in range(back_starts[vertex], back_starts[vertex + 1]):
            tail = number[tails[arc]]
            if tail >= 0:
                semi[w] = min(semi[w], semi[_lowest(label, ancestor, semi, path, tail)])
        ancestor[w] = parent[w]
    dominator = parent.copy()
    result = np.full(len(starts) - 1, -1, np.int64)
    for w in range(1, found):
        while dominator[w] > semi[w]:
            dominator[w] = dominator[dominator[w]]
        result[vertex_of[w]] = vertex_of[dominator[w]]
    return result, vertex_of


@numba.njit(cache=True, nogil=True)
def tree_ranges(dominator: Ints, order: Ints) -> tuple[Ints, Ints]:  # pragma: no cover
    """Rank and subtree size of every vertex, so that a subtree is one range of ranks.

    `order` has every parent before its children. Vertices outside the tree follow it, each alone.
    """
    count = len(dominator)
    size = np.ones(count, np.int64)
    rank = np.full(count, -1, np.int64)
    for place in range(len(order) - 1, 0, -1):
        size[dominator[order[place]]] += size[order[place]]
    next_free = np.empty(count, np.int64)
    rank[order[0]] = 0
    next_free[order[0]] = 1
    for place in range(1, len(order)):
        vertex = order[place]
        above = dominator[vertex]
        rank[vertex] = next_free[above]
        next_free[above] += size[vertex]
        next_free[vertex] = rank[vertex] + 1
    free = len(order)
    for vertex in range(count):
        if rank[vertex] < 0:
            rank[vertex] = free
            free += 1
    return rank, size
