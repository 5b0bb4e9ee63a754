"""Rules about whole networks: pieces, loops, and what no source or outfall reaches."""

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

from pipemap.checks.breaches import Breaches, Note
from pipemap.checks.check import Check, Says, Told
from pipemap.checks.columns import Bools, Ints
from pipemap.checks.links import Graph
from pipemap.checks.registry import rule
from pipemap.checks.scope import Kind, Scope
from schemas.codetables import code_table, codes_where
from schemas.findings import Severity

_LARGEST, _KEYS = 20, 200
_MANY_SAY = Says(
    en="{class_en}: {count} further pieces of fewer than {min_lines:g} lines, {lines} lines in all, "
    "are joined to nothing",
    zh="{class_zh}：另有 {count} 片不足 {min_lines:g} 条管线（共 {lines} 条）未与任何管网相连",
    value="{count}",
)
_JOINED: tuple[Kind, ...] = ("node", "pipe_segment")


@rule(
    "R23",
    Severity.INFO,
    en="network in several pieces",
    zh="连通性（网络被分为多片）",
    source="survey practice, rule R23; one expected",
    source_zh="普查检查规则 R23；应连通为一个管网",
    sees="all",
    max_pieces=1,
)
def pieces(check: Check) -> Told:
    """How many separate networks the touched lines of each class fall into."""
    says = Says(
        en="{class_en} falls into {count} separate networks; the largest holds {largest} of {total} lines",
        zh="{class_zh}管网分为 {count} 片，最大一片含 {largest}/{total} 条管线",
        value="{count}",
        limit="{max_pieces:g}",
    )
    notes = []
    for class_code in _touched_classes(check.scope):
        sizes = _sizes_of_touched(check.scope.links.graph([class_code]))
        if len(sizes) > check["max_pieces"]:
            counts = {"count": len(sizes), "largest": int(sizes[0]), "total": int(sizes.sum())}
            notes.append(check.note(says, {"largest": sizes[:_LARGEST].tolist()}, class_code=class_code, counts=counts))
    return notes


def _sizes_of_touched(graph: Graph) -> Ints:
    """Links in each piece that holds a touched one, largest first; pieces that go on unseen count as one."""
    piece = graph.piece_of_link
    going_on = graph.holds(graph.links.open_vertex)
    touched = np.unique(piece[graph.links.is_touched[graph.chosen]])
    sizes = np.bincount(piece, minlength=len(going_on))[touched]
    unseen = going_on[touched]
    rest = [sizes[unseen].sum()] if unseen.any() else []
    return np.sort(np.concatenate([sizes[~unseen], rest]).astype(np.int64))[::-1]


def _touched_classes(scope: Scope, kind: Kind = "pipe_segment") -> list[str]:
    classes = scope.classes(kind)
    codes = np.unique(classes.codes[scope.columns[kind].values("touched")])
    return sorted(classes.known_words[code] for code in codes.tolist() if code >= 0)


@rule(
    "R25",
    Severity.INFO,
    en="closed loop of gravity lines",
    zh="自流管闭合环",
    source="survey practice, rule R25",
    source_zh="普查检查规则 R25",
    sees="all",
)
def gravity_loop(check: Check) -> Told:
    """Lines that close a loop in the drainage network: one finding per loop, at a touched line."""
    scope = check.scope
    graph = scope.links.graph(codes_where("utility_class", "flow", "gravity"))
    row = scope.links.row[graph.chosen]
    identity = np.append(scope.segments.values("feature_id"), -1)[row]
    # Untouched and older lines are cheaper, so that the tree leaves out the newest; parallel lines are R14's.
    order = np.lexsort((identity, scope.links.is_touched[graph.chosen]))
    low, high = np.minimum(graph.start, graph.end)[order], np.maximum(graph.start, graph.end)[order]
    size = scope.links.vertex_count
    pair = low * size + high
    _, first = np.unique(pair, return_index=True)
    first = np.sort(first[low[first] != high[first]])
    weights = coo_array((np.arange(1.0, len(first) + 1), (low[first], high[first])), shape=(size, size))
    tree = minimum_spanning_tree(weights.tocsr()).tocoo() if len(first) else weights
    in_tree = np.asarray(tree.row, np.int64) * size + tree.col
    closing = row[order[first[~np.isin(pair[first], in_tree)]]]
    says = Says(
        en="{class_en} line {key} closes a loop of the drainage network",
        zh="{class_zh}管线 {key} 使排水管网形成闭合环",
    )
    return [check.report("pipe_segment", closing[closing >= 0], says)]


@rule(
    "P02",
    Severity.WARNING,
    en="lines that no source reaches",
    zh="与水源（气源、热源）不连通的管段",
    source="pipemap: unreachable from any source",
    source_zh="本系统：任何水（气、热、电）源均不可达",
    sees="all",
    count_from=20,
    min_lines=3,
)
def no_source(check: Check) -> Told:
    """Pieces of a pressure network without a source, where the class has a source at all; one finding per piece.

    Of many pieces those of one or two lines are counted.
    """
    says = Says(
        en="{count} {class_en} lines around {key} are not connected to any source",
        zh="{key} 等 {count} 条{class_zh}管线与任何源点均不连通",
        value="{count}",
    )
    return _cut_off(check, "pressure", "source", says)


@rule(
    "P03",
    Severity.WARNING,
    en="lines from which no outfall is reached",
    zh="与出水口不连通的管段",
    source="pipemap: unreachable from any outfall",
    source_zh="本系统：不通向任何排放口",
    sees="all",
    count_from=20,
    min_lines=3,
)
def no_outfall(check: Check) -> Told:
    """Pieces of the drainage network without an outfall, where the class has an outfall at all.

    Of many pieces those of one or two lines are counted.
    """
    says = Says(
        en="{count} {class_en} lines around {key} are not connected to any outfall",
        zh="{key} 等 {count} 条{class_zh}管线与任何出水口均不连通",
        value="{count}",
    )
    return _cut_off(check, "gravity", "outfall", says)


def _cut_off(check: Check, flow: str, role: str, says: Says) -> Told:
    """One finding for the lines of each class in each piece that nothing of a role reaches."""
    scope = check.scope
    found: list[Breaches | Note] = []
    flowing = codes_where("utility_class", "flow", flow)
    groups = {code: known.fields["group_code"] for code, known in code_table("utility_class").items()}
    touched = {code for kind in _JOINED for code in _touched_classes(scope, kind)}
    for group in sorted({groups[code] for code in touched if code in flowing}):
        graph = scope.links.graph([code for code, own in groups.items() if own == group])
        # What goes on unseen was connected, or told, when it came.
        reached = graph.holds(np.concatenate([scope.links.stations(role), scope.links.open_vertex]))
        classes = scope.links.class_code[graph.chosen]
        for code in np.unique(classes.codes).tolist():
            of_class = classes.codes == code
            is_served = (group, role) in scope.farther.stations_elsewhere
            if is_served or reached[graph.piece_of_link[of_class]].any():
                lost = of_class & ~reached[graph.piece_of_link]
                found += _told_of_pieces(check, graph, lost, classes.known_words[code], says)
    return found


def _told_of_pieces(check: Check, graph: Graph, lost: Bools, class_code: str, says: Says) -> list[Breaches | Note]:
    """Told of the first touched line in each piece; where only a point is, as one that lost its line, of that."""
    scope, piece = check.scope, graph.piece_of_link
    touched = np.flatnonzero(lost & scope.links.is_touched[graph.chosen])
    lines, of_piece = _by_piece(scope, "pipe_segment", scope.links.row[graph.chosen[touched]], piece[touched])
    is_lost = np.zeros(scope.links.vertex_count, np.bool_)
    is_lost[piece[lost]] = True
    is_lost[of_piece] = False
    nodes = np.flatnonzero(scope.told["node"] & scope.classes("node").is_in([class_code]))
    nodes = nodes[is_lost[graph.piece[nodes]]]
    points, of_points = _by_piece(scope, "node", nodes, graph.piece[nodes])
    sizes = np.bincount(piece[lost], minlength=scope.links.vertex_count)
    first_lines, first_points = (np.array([each[0] for each in firsts], np.int64) for firsts in (lines, points))
    small = (sizes[of_piece] < check["min_lines"]) & (len(of_piece) >= check["count_from"])
    told = np.flatnonzero(~small)
    details = [{"segment_keys": scope.segment_keys(lines[number][:_KEYS]).tolist()} for number in told.tolist()]
    few = {"keys": scope.segment_keys(first_lines[small][:_KEYS]).tolist()}
    counts = {"count": int(small.sum()), "lines": int(sizes[of_piece][small].sum())}
    return [
        check.report("pipe_segment", first_lines[told], says, details=details, count=sizes[of_piece[told]]),
        check.report("node", first_points, says, count=sizes[of_points]),
        check.note(_MANY_SAY, few, class_code=class_code, counts=counts),
    ]


def _by_piece(scope: Scope, kind: Kind, rows: Ints, piece: Ints) -> tuple[list[Ints], Ints]:
    """The features of each piece in order of their identities, and the pieces."""
    order = np.lexsort((scope.columns[kind].values("feature_id")[rows], piece))
    starts = np.flatnonzero(np.append(True, np.diff(piece[order]) != 0)[: len(order)])
    return np.split(rows[order], starts[1:])[: len(starts)], piece[order][starts]
