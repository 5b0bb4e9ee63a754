"""Loads the scope of a changeset: what it proposes, what lies around, and the networks it is part of."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from psycopg.sql import SQL
from sqlalchemy.dialects.postgresql import BIGINT, TEXT

from pipemap.checks.columns import Column, Floats, Ints, Words, numbered
from pipemap.checks.links import Farther
from pipemap.checks.reading import COLUMNS, ColumnReader
from pipemap.checks.scope import KINDS, Kind, Scope
from pipemap.checks.surroundings import surroundings
from pipemap.checks.tiles import MARGIN_M
from pipemap.copy_out import CopiedRows, copy_blocks
from pipemap.db import Connection, fetch_all
from pipemap.projects import read_project
from pipemap.sql import queries
from pipemap.statements import columns as listed
from pipemap.statements import compose
from schemas.codetables import code_table

# Kinds whose neighbours matter to a rule.
_NEAR: tuple[Kind, ...] = ("node", "pipe_segment", "structure")
_LINK = {"from_node_id": BIGINT(), "to_node_id": BIGINT(), "class_code": TEXT(), "lifecycle_code": TEXT()}
_STATION = {"feature_id": BIGINT(), "appurtenance_code": TEXT()}


def load_scope(connection: Connection, changeset_id: int) -> Scope:
    """The features a changeset touches, their neighbours within 60 m, and the networks they are part of.

    All from one snapshot: the transaction must read repeatably.
    """
    loading = _Loading(connection, changeset_id)
    loading.take_proposed()
    loading.take_surroundings()
    return loading.scope()


class _Loading:
    """The features of one changeset as they come in."""

    def __init__(self, connection: Connection, changeset_id: int) -> None:
        self._connection = connection
        self._srid = read_project(connection).srid
        self._wanted = {"changeset_id": changeset_id, "srid": self._srid}
        self._readers = {kind: ColumnReader.of_kind(kind) for kind in KINDS}

    def take_proposed(self) -> None:
        """Read the states that the changeset proposes."""
        for kind, reader in self._readers.items():
            reader.add(self._features("proposed", kind), changed=True)

    def take_surroundings(self) -> None:
        """Read what stands around them and stays as it is, and the nodes that all of it is joined to."""
        self._fill_cells()
        self._connection.execute(queries("checks")["create_near"])
        for kind in _NEAR:
            self._connection.execute(compose(queries("checks")["fill_near"], kind), self._wanted)
        self._connection.execute(queries("checks")["fill_near_nodes"], self._wanted)
        for kind in _NEAR:
            self._readers[kind].add(self._features("near", kind), changed=False)

    def scope(self) -> Scope:
        """Everything put together."""
        rows = fetch_all(self._connection, queries("checks")["files"])
        files = {row["source_file_id"]: row["name"] for row in rows}
        columns = {kind: reader.columns() for kind, reader in self._readers.items()}
        for of_kind in columns.values():
            of_kind["file"] = _named(of_kind.pop("source_file_id"), files)
        axes = columns["pipe_segment"].pop("geom")
        for kind in ("node", "consumer"):
            columns[kind] |= _places(columns[kind].pop("geom").xyz)
        disturbed = self._columns("disturbed", {"node_id": BIGINT()}, self._wanted)["node_id"]
        return Scope.of(columns, axes, disturbed, self._farther(columns), self._srid)

    def _fill_cells(self) -> None:
        boxes = [reader.boxes() for reader in self._readers.values()]
        boxes += [self._boxes_left(kind) for kind in KINDS]
        self._connection.execute(queries("checks")["create_cells"])
        with self._connection.cursor().copy(queries("checks")["copy_cells"]) as copy:
            for rectangle in surroundings(np.concatenate(boxes), MARGIN_M).tolist():
                copy.write_row(rectangle)

    def _boxes_left(self, kind: Kind) -> Floats:
        query = compose(queries("checks")["left_boxes"], kind)
        blocks = copy_blocks(self._connection, query, 4, self._wanted)
        parts = [np.column_stack([block.numbers(side, np.float64) for side in range(4)]) for block in blocks]
        return np.concatenate([np.empty((0, 4)), *parts])

    def _farther(self, columns: Mapping[Kind, Mapping[str, Any]]) -> Farther:
        wanted = self._wanted | {"classes": _classes_to_follow(columns)}
        links = self._columns("farther_links", _LINK, wanted)
        stations = self._columns("farther_stations", _STATION, wanted)
        return Farther(
            links["from_node_id"],
            links["to_node_id"],
            links["class_code"],
            links["lifecycle_code"],
            stations["feature_id"],
            stations["appurtenance_code"],
            np.empty(0, np.int64),
        )

    def _columns(self, name: str, types: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
        reader = ColumnReader(types)
        reader.add(copy_blocks(self._connection, SQL(queries("checks")[name]), len(types), dict(wanted)))
        return reader.columns()

    def _features(self, name: str, kind: Kind) -> Iterator[CopiedRows]:
        query = compose(queries("checks")[name], kind, columns=listed(COLUMNS[kind], "f"))
        return copy_blocks(self._connection, query, len(COLUMNS[kind]), self._wanted)


def _classes_to_follow(columns: Mapping[Kind, Mapping[str, Any]]) -> list[str]:
    """The classes that share a network with one that is loaded: all of its group."""
    loaded = {word for kind in ("node", "pipe_segment") for word in columns[kind]["class_code"].known_words}
    classes = code_table("utility_class")
    groups = {classes[code].fields["group_code"] for code in loaded if code in classes}
    return sorted(loaded | {code.code for code in classes.values() if code.fields["group_code"] in groups})


def _named(file_id: Ints, files: Mapping[int, str]) -> Words:
    place, first = numbered([file_id])
    return Words.of([files.get(number) for number in file_id[first].tolist()])[place]


def _places(xyz: Floats) -> dict[str, Column]:
    return {"x_m": xyz[:, 0].copy(), "y_m": xyz[:, 1].copy()}
