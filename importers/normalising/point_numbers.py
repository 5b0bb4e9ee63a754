"""Point numbers that stand more than once: the same point twice, two points of two classes, or a mistake."""

import numpy as np
import pandas as pd

from importers.normalising.ledger import Ledger, listed
from schemas.findings import Severity

_ENDS = ("from_key", "to_key")


def with_unique_numbers(
    nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger, snap_m: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nodes of which no two have one number, and segments that name the node of their class."""
    if nodes["source_key"].duplicated().any():
        nodes, segments = _told_apart(nodes, segments, ledger, snap_m)
        nodes = _first_of_each(nodes, ledger, snap_m)
    return nodes.drop(columns="content", errors="ignore"), segments


def _told_apart(
    nodes: pd.DataFrame, segments: pd.DataFrame, ledger: Ledger, snap_m: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Nodes and segments in which one number of several classes is one number per class.

    Firms that survey class by class number each from 1. Where points of different classes share a number and lie
    more than `snap_m` apart, each is called by its class and number (`foul/12`), in lines of its class too.
    """
    shared = _shared(nodes, snap_m)
    if not len(shared):
        return nodes, segments
    of_class = nodes["class_code"].astype(object)
    rows = nodes["source_key"].isin(shared)
    named = of_class[rows].astype(str) + "/" + nodes["source_key"][rows].astype(object)
    nodes.loc[rows, "source_key"] = named
    _tell(nodes[rows], shared, ledger)
    known = pd.Index(named.unique())
    for end in _ENDS if len(segments) else ():
        rows = segments[end].isin(shared)
        own = segments["class_code"][rows].astype(object).astype(str) + "/" + segments[end][rows].astype(object)
        own = own[own.isin(known)]
        segments.loc[own.index, end] = own
    return nodes, segments


def _first_of_each(nodes: pd.DataFrame, ledger: Ledger, snap_m: float) -> pd.DataFrame:
    """The first node of every number; the others are refused, and the finding says how they differ."""
    repeated = nodes["source_key"].duplicated()
    content = [name for name in nodes.columns if name not in ("row", "table", "place")]
    alike = nodes[nodes["source_key"].isin(nodes["source_key"][repeated].astype(object).unique())]
    agrees = alike.duplicated(subset=content).reindex(nodes.index, fill_value=False)
    ledger.refuse(
        nodes[repeated & agrees],
        Severity.WARNING,
        "R07",
        "Point {source_key} stands twice; the second row says the same and was left out.",
        "点号 {source_key} 重复，内容一致，未重复载入。",
        kind="node",
        attributes=("key",),
    )
    differing = _with_distances(nodes[repeated & ~agrees], alike)
    is_elsewhere = differing["apart"] > snap_m
    ledger.refuse(
        differing[is_elsewhere],
        Severity.ERROR,
        "R07",
        "Point {source_key} stands twice and the rows differ: they lie {apart} m apart; only the first was loaded.",
        "点号 {source_key} 重复且内容不一致：两处相距 {apart} m，仅载入第一行。",
        kind="node",
        attributes=("key",),
        value="apart",
        limit=f"{snap_m:g} m",
    )
    ledger.refuse(
        differing[~is_elsewhere],
        Severity.ERROR,
        "R07",
        "Point {source_key} stands twice and the rows differ, though not in place; only the first was loaded.",
        "点号 {source_key} 重复，位置相同但其他内容不一致，仅载入第一行。",
        kind="node",
        attributes=("key",),
    )
    return nodes[~repeated].reset_index(drop=True)


def _shared(nodes: pd.DataFrame, snap_m: float) -> "pd.Index[str]":
    """Numbers that points of different classes have in different places, once in each class and never without one."""
    again = nodes["source_key"].duplicated(keep=False)
    rows = nodes.loc[again, ["source_key", "class_code", "x_m", "y_m"]]
    # As objects: a categorical would be grouped by classes that are not there.
    rows = rows.assign(class_code=rows["class_code"].astype(object), source_key=rows["source_key"].astype(object))
    groups = rows.groupby("source_key", sort=False)
    furthest, nearest = groups[["x_m", "y_m"]].max(), groups[["x_m", "y_m"]].min()
    spread_m = np.linalg.norm(furthest.to_numpy(float) - nearest.to_numpy(float), axis=1)
    is_one_each = (groups["class_code"].nunique() == groups.size()).to_numpy(bool)
    numbers: pd.Index[str] = furthest.index[is_one_each & (spread_m > snap_m)]
    return numbers


def _with_distances(rows: pd.DataFrame, alike: pd.DataFrame) -> pd.DataFrame:
    """Rows with how far each lies from the first of its number, in metres to the millimetre."""
    first = alike.drop_duplicates("source_key").set_index("source_key")[["x_m", "y_m"]]
    there = first.reindex(rows["source_key"]).to_numpy(float)
    apart_m = np.linalg.norm(rows[["x_m", "y_m"]].to_numpy(float) - there, axis=1)
    return rows.assign(apart=np.round(apart_m, 3))


def _tell(renamed: pd.DataFrame, shared: "pd.Index[str]", ledger: Ledger) -> None:
    number, names = int(renamed["table"].iloc[0]), renamed["source_key"].astype(object).tolist()
    ledger.note(
        number,
        Severity.WARNING,
        "R07",
        f"{len(shared)} point numbers stand for points of different classes in different places; each is called by "
        f"class and number ({listed(names, 4)}), and lines join the point of their own class.",
        f"{len(shared)} 个点号在不同类别中指不同位置的管点；已按“类别/点号”区分（{listed(names, 4)}），"
        "管线连接本类别的管点。",
        details={"numbers": len(shared), "rows": len(renamed)},
    )
