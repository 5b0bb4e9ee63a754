"""The first import of a dataset: with nothing on the map to compare with, features go straight into the deltas."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from psycopg.sql import SQL, Literal

from pipemap.db import fetch_one
from pipemap.ingest.draft import Draft
from pipemap.placing import suspicions
from pipemap.sql import queries
from pipemap.statements import NODE_LINKS, table
from schemas.tables import FEATURE_KINDS

Ids = npt.NDArray[np.int64]

# Columns of chunks that say at which place among the delivery's nodes the node of a link stands.
_POSITIONS = {"from_node_id": "from_node", "to_node_id": "to_node", "node_id": "node"}
_OF_EVERY_DELTA = ("feature_id", "dataset_id", "changeset_id", "op")


class Straight:
    """Writes a delivery whose keys are unique and whose links are positions as so many insertions."""

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._node_ids: Ids = np.empty(0, dtype=np.int64)

    @classmethod
    def suits(cls, draft: Draft) -> bool:
        """Whether the delivery was joined by its importer and the map holds nothing of its dataset."""
        if any(isinstance(features, pd.DataFrame) and len(features) for features in draft.delivery.features.values()):
            return False
        held = fetch_one(draft.connection, queries("ingest")["holds_features"], draft.identities)
        return held is not None and not held["holds_features"]

    def write(self) -> None:
        """Write every feature as a new one, nodes first: the others refer to them."""
        for kind in FEATURE_KINDS:
            count = self._draft.delivery.size(kind)
            ids = self._new_ids(count)
            if kind == "node":
                self._node_ids = ids
            more = (*_OF_EVERY_DELTA, *NODE_LINKS[kind])
            self._draft.copy(kind, table(f"{kind}_delta"), self._insertions(kind, ids), more)
            self._draft.analyze(kind, count)
        self._look_at_places()

    def _look_at_places(self) -> None:
        """Hold the places against what the map has of other datasets; they are looked at where staged ones stand."""
        connection, delivery = self._draft.connection, self._draft.delivery
        statement = SQL(queries("ingest")["nodes_as_staged"]).format(changeset_id=Literal(self._draft.changeset_id))
        connection.execute(statement)
        self._draft.findings += suspicions(connection, delivery.size("node"), self._draft.srid)
        connection.execute("DROP VIEW staged_node")

    def _insertions(self, kind: str, ids: Ids) -> Iterator[pd.DataFrame]:
        start = 0
        for chunk in self._draft.delivery.chunks(kind):
            links = {name: self._linked(chunk[_POSITIONS[name]]) for name in NODE_LINKS[kind]}
            known: dict[str, Any] = {"feature_id": ids[start : start + len(chunk)], "op": "insert"}
            start += len(chunk)
            yield chunk.assign(**{**self._draft.identities, **known, **links})

    def _linked(self, positions: "pd.Series[Any]") -> "pd.Series[Any]":
        places = positions.fillna(-1).to_numpy(np.int64)
        ids = np.append(self._node_ids, 0)[places]
        return pd.Series(ids, index=positions.index).where(places >= 0)

    def _new_ids(self, count: int) -> Ids:
        """So many fresh identities, ascending."""
        statement = queries("ingest")["new_feature_ids"]
        row = self._draft.connection.execute(statement, {"count": count}, binary=True).fetchone()
        return np.frombuffer((row and row["ids"]) or b"", dtype=">i8").astype(np.int64)
