"""Points that one table describes and another places, as sheets of the field do and what a receiver has written."""

import numpy as np
import pandas as pd

from importers.normalising.ledger import Ledger
from importers.normalising.refusals import with_place_only
from schemas.findings import Severity


def with_places_of_others(nodes: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Nodes of which those without a place have that of the row of their number that says nothing else.

    Such a row is then part of the node, and no node of its own. What stays without a place is refused.
    """
    if not len(nodes) or not nodes["x_m"].isna().any():
        return nodes
    is_lost = (nodes["x_m"].isna() | nodes["y_m"].isna()).to_numpy()
    # An attribute that is unknown counts for nothing in the hash of a row's content.
    is_bare = nodes["content"].to_numpy() == 0
    described = nodes["source_key"][~is_lost & ~is_bare]
    bare = nodes[~is_lost & is_bare & ~nodes["source_key"].isin(described)].drop_duplicates("source_key")
    twin = pd.Index(bare["source_key"].astype(object)).get_indexer(nodes["source_key"].astype(object))
    is_found = is_lost & (twin >= 0)
    given = bare.iloc[twin[is_found]]
    for name in ("x_m", "y_m", "ground_elevation_m"):
        own = nodes.loc[is_found, name].to_numpy(float)
        nodes.loc[is_found, name] = np.where(np.isnan(own), given[name].to_numpy(float), own)
    _tell(nodes[is_found], given, ledger)
    return with_place_only(nodes.drop(given.index), "node", ledger).reset_index(drop=True)


def _tell(nodes: pd.DataFrame, given: pd.DataFrame, ledger: Ledger) -> None:
    if not len(nodes):
        return
    sheet = ledger.accounts[int(given["table"].iloc[0])].sheet
    ledger.note(
        int(nodes["table"].iloc[0]),
        Severity.INFO,
        "IMP-JOIN",
        f"{len(nodes)} points have no coordinates of their own; they have those of the same number in {sheet}.",
        f"{len(nodes)} 个管点未给出坐标，采用 {sheet} 中同点号的坐标。",
        details={"rows": len(nodes)},
    )
