"""Rules about whole networks: pieces, loops, and what no source or outfall reaches."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

from pipemap.checks.check import Check, Says
from pipemap.checks.registry import rule
from pipemap.checks.scope import Bools, Ints, Scope, is_active
from schemas.codetables import code_table, codes_where
from schemas.findings import Finding, Severity


@dataclass(frozen=True)
class Graph:
    """Live links of some classes: `start` and `end` count into `node_ids`, `piece` numbers each link's component."""

    links: pd.DataFrame
    node_ids: Ints
    start: Ints
    end: Ints
    piece: Ints
    node_piece: Ints

    @classmethod
    def of(cls, scope: Scope, class_codes: frozenset[str]) -> "Graph":
        """The graph of the links of these classes that are in service."""
        live = scope.links["class_code"].isin(class_codes).to_numpy() & is_active(scope.links["lifecycle_code"])
        links = scope.links[live].reset_index(drop=True)
        ends = links[["from_node_id", "to_node_id"]].to_numpy(np.int64)
        node_ids, inverse = np.unique(ends, return_inverse=True)
        start, end = inverse.reshape(ends.shape).T
        size = len(node_ids)
        matrix = coo_array((np.ones(len(links), bool), (start, end)), shape=(size, size))
        _, node_piece = connected_components(matrix, directed=False) if size else (0, np.zeros(0, np.int64))
        return cls(links, node_ids, start, end, node_piece[start].astype(np.int64), node_piece.astype(np.int64))

    def pieces_of(self, ids: Ints) -> Ints:
        """The components that hold any of these nodes."""
        return np.unique(self.node_piece[np.isin(self.node_ids, ids)])


@rule(
    "R23",
    Severity.INFO,
    en="network in several pieces",
    zh="连通性（网络被分为多片）",
    source="survey practice, rule R23; one expected",
    max_pieces=1,
)
def pieces(check: Check) -> list[Finding]:
    """How many separate networks each touched class falls into."""
    says = Says(
        en="{class_en} falls into {count} separate networks; the largest holds {largest} of {total} lines",
        zh="{class_zh}管网分为 {count} 片，最大一片含 {largest}/{total} 条管线",
        value="{count}",
        limit="{max_pieces:g}",
    )
    findings = []
    for class_code in _touched_classes(check.scope):
        sizes = np.sort(np.bincount(Graph.of(check.scope, frozenset([class_code])).piece))[::-1]
        if len(sizes) > check["max_pieces"]:
            findings.append(
                check.note(
                    says,
                    {"largest": sizes[:20].tolist()},
                    class_code=class_code,
                    count=len(sizes),
                    largest=int(sizes[0]),
                    total=int(sizes.sum()),
                )
            )
    return findings


def _touched_classes(scope: Scope) -> list[str]:
    return sorted(scope.segments.loc[scope.segments["touched"], "class_code"].dropna().unique())


@rule("R25", Severity.INFO, en="closed loop of gravity lines", zh="自流管闭合环", source="survey practice, rule R25")
def gravity_loop(check: Check) -> list[Finding]:
    """Lines that close a loop in the drainage network: one finding per loop, at a touched line."""
    graph = Graph.of(check.scope, codes_where("utility_class", "flow", "gravity"))
    touched = graph.links["touched"].to_numpy()
    # Untouched and older lines are cheaper, so that the tree leaves out the newest; parallel lines are R14's.
    pairs = pd.DataFrame({"low": np.minimum(graph.start, graph.end), "high": np.maximum(graph.start, graph.end)})
    order = np.lexsort((graph.links["feature_id"], touched))
    ordered = pairs.iloc[order]
    single = ordered[ordered["low"] != ordered["high"]].drop_duplicates(["low", "high"])
    single = single.assign(weight=np.arange(1.0, len(single) + 1))
    size = len(graph.node_ids)
    weights = coo_array((single["weight"], (single["low"], single["high"])), shape=(size, size))
    tree = minimum_spanning_tree(weights.tocsr()).tocoo()
    in_tree = np.isin(single["low"] * size + single["high"], np.asarray(tree.row, np.int64) * size + tree.col)
    closing = graph.links["feature_id"].to_numpy()[single.index[~in_tree]]
    at = np.flatnonzero(check.scope.segments["feature_id"].isin(closing))
    says = Says(
        en="{class_en} line {key} closes a loop of the drainage network",
        zh="{class_zh}管线 {key} 使排水管网形成闭合环",
    )
    return check.report("pipe_segment", at, says)


@rule(
    "P02",
    Severity.WARNING,
    en="lines that no source reaches",
    zh="与水源（气源、热源）不连通的管段",
    source="pipemap: unreachable from any source",
)
def no_source(check: Check) -> list[Finding]:
    """Pieces of a pressure network without a source, where the class has a source at all; one finding per piece."""
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
)
def no_outfall(check: Check) -> list[Finding]:
    """Pieces of the drainage network without an outfall, where the class has an outfall at all."""
    says = Says(
        en="{count} {class_en} lines around {key} are not connected to any outfall",
        zh="{key} 等 {count} 条{class_zh}管线与任何出水口均不连通",
        value="{count}",
    )
    return _cut_off(check, "gravity", "outfall", says)


def _cut_off(check: Check, flow: str, role: str, says: Says) -> list[Finding]:
    scope = check.scope
    row = pd.Series(np.arange(len(scope.segments)), index=scope.segments["feature_id"])
    findings = []
    for links in _cut_off_links(scope, flow, role):
        touched = links[links["touched"]].sort_values("feature_id")
        for piece, lines in touched.groupby("piece"):
            at = row[lines["feature_id"]].to_numpy()
            details = {"segment_keys": scope.segments["source_key"].iloc[at[:200]].tolist()}
            count = int((links["piece"] == piece).sum())
            findings += check.report("pipe_segment", at[:1], says, details=[details], count=[count])
    return findings


def _cut_off_links(scope: Scope, flow: str, role: str) -> Iterator[pd.DataFrame]:
    """Per class, the links of pieces without a station of the role, if another piece of the class has one."""
    groups = {code: found.fields["group_code"] for code, found in code_table("utility_class").items()}
    stations = scope.stations[scope.stations["appurtenance_code"].isin(codes_where("appurtenance", "role", role))]
    flowing = codes_where("utility_class", "flow", flow)
    for group in sorted({groups[code] for code in _touched_classes(scope) if code in flowing}):
        graph = Graph.of(scope, frozenset(code for code, own in groups.items() if own == group))
        reached: Bools = np.isin(graph.piece, graph.pieces_of(stations["feature_id"].to_numpy(np.int64)))
        for _, rows in graph.links.assign(piece=graph.piece, reached=reached).groupby("class_code"):
            if rows["reached"].any():
                yield rows[~rows["reached"]]
