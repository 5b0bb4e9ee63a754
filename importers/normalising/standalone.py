"""Consumers and structures: what stands beside the network, its places and keys."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from importers.normalising.joining import Keys, position_keys
from importers.normalising.ledger import Ledger
from schemas.findings import Severity


def consumers(frame: pd.DataFrame, nodes: pd.DataFrame, keys: Keys, ledger: Ledger) -> pd.DataFrame:
    """Consumers with a place and a class; both come from the node where the row has none."""
    if not len(frame):
        return frame
    names = frame["node_key"].astype(object)
    node = pc.index_in(pa.array(names, pa.string(), from_pandas=True), value_set=keys.texts[: len(nodes)])
    at = node.fill_null(-1).to_numpy()
    lost = names.notna() & (at < 0)
    ledger.report(
        frame[lost].assign(end=names[lost]),
        Severity.WARNING,
        "R20",
        "Consumer {source_key} refers to point {end}, which is not in the point table.",
        "用户 {source_key} 引用的管点 {end} 不在管点表中。",
        kind="consumer",
        value="end",
    )
    frame = frame.assign(
        node_key=names.where(~lost, None), node=pd.array(at, "Int32"), class_code=frame["class_code"].astype(object)
    )
    for name, default in (("class_code", "unknown"), ("x_m", np.nan), ("y_m", np.nan)):
        of_node = np.append(nodes[name].to_numpy(object), default)[at] if len(nodes) else default
        frame[name] = frame[name].where(frame[name].notna(), of_node)
    frame = frame.astype({"x_m": float, "y_m": float})
    frame.loc[at < 0, "node"] = pd.NA
    ledger.classify(frame)
    return _with_place_and_key(frame, "consumer", ledger)


def structures(frame: pd.DataFrame, ledger: Ledger) -> pd.DataFrame:
    """Structures that have a place and a key."""
    return _with_place_and_key(frame, "structure", ledger) if len(frame) else frame


def _with_place_and_key(frame: pd.DataFrame, kind: str, ledger: Ledger) -> pd.DataFrame:
    lost = frame["x_m"].isna() | frame["y_m"].isna()
    ledger.refuse(
        frame[lost], Severity.ERROR, "R03", "{source_key} has no coordinates.", "{source_key} 没有坐标。", kind=kind
    )
    frame = frame[~lost]
    blank = frame["source_key"].isna()
    at_place = position_keys(frame["x_m"][blank], frame["y_m"][blank])
    frame = frame.assign(source_key=frame["source_key"].astype(object))
    frame.loc[blank, "source_key"] = at_place
    repeated = frame["source_key"].duplicated()
    ledger.refuse(
        frame[repeated],
        Severity.ERROR,
        "R07",
        "{source_key} stands twice; only the first was loaded.",
        "编号 {source_key} 重复，仅载入第一行。",
        kind=kind,
    )
    return frame[~repeated].reset_index(drop=True)
