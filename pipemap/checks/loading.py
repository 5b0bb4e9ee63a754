"""Loads the scope of a changeset: what it proposes, what lies around, and the networks it is part of."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from pipemap.checks.columns import Column, Floats, Ints, Words, numbered
from pipemap.checks.farther import MOST_LINKS, FartherReader
from pipemap.checks.links import Farther
from pipemap.checks.proposed import new_readers
from pipemap.checks.reading import COLUMNS, ColumnReader
from pipemap.checks.scope import KINDS, Kind, Scope
from pipemap.checks.surroundings import surroundings
from pipemap.checks.tiles import MARGIN_M
from pipemap.clearance.tables import limits_in_force
from pipemap.copy_out import CopiedRows, copy_blocks
from pipemap.db import Connection, fetch_all, fetch_one
from pipemap.ground.along import Shallowest, shallowest
from pipemap.ground.sampling import Terrain
from pipemap.ground.surveyed import SurveyedGround
from pipemap.projects import read_project
from pipemap.shelf import let_go, shelved
from pipemap.sql import queries
from pipemap.statements import columns as listed
from pipemap.statements import compose

# Kinds whose neighbours matter to a rule.
_NEAR: tuple[Kind, ...] = ("node", "pipe_segment", "structure")


def load_scope(
    connection: Connection,
    changeset_id: int,
    *,
    most_links: int = MOST_LINKS,
    proposed: dict[Kind, ColumnReader] | None = None,
) -> Scope:
    """The features a changeset touches, their neighbours within 60 m, and the networks they are part of.

    Networks are followed for `most_links` links from what is touched. `proposed` are the readers of what the changeset
    proposes, where they have been at it already. All comes from one snapshot: the
    transaction must read repeatably.
    """
    loading = _Loading(connection, changeset_id, proposed or new_readers())
    if proposed is None:
        loading.take_proposed()
    loading.take_surroundings()
    farther = FartherReader(connection, changeset_id, most_links)
    return farther.complete(loading.scope(farther.left_node_ids))


class _Loading:
    """The features of one changeset as they come in."""

    def __init__(self, connection: Connection, changeset_id: int, readers: dict[Kind, ColumnReader]) -> None:
        self._connection = connection
        self._srid = read_project(connection).srid
        self._wanted = {"changeset_id": changeset_id, "srid": self._srid}
        self._readers = readers

    def take_proposed(self) -> None:
        """Read the states that the changeset proposes."""
        for kind, reader in self._readers.items():
            reader.add(self._features("proposed", kind), changed=True)

    def take_surroundings(self) -> None:
        """Read what stands around them and stays as it is, and the nodes that all of it is joined to."""
        self._connection.execute(queries("checks")["create_near"])
        if not any(map(self._is_on_the_map, _NEAR)):
            return
        self._fill_cells()
        self._connection.execute("ANALYZE check_cell")
        for kind in _NEAR:
            self._connection.execute(compose(queries("checks")["fill_near"], kind), self._wanted)
        self._connection.execute(queries("checks")["fill_near_nodes"], self._wanted)
        self._connection.execute("ANALYZE check_near")
        for kind in _NEAR:
            self._readers[kind].add(self._features("near", kind), changed=False)

    def scope(self, disturbed: Ints) -> Scope:
        """Everything put together; `disturbed` are nodes that lost a segment."""
        rows = fetch_all(self._connection, queries("checks")["files"])
        columns = {kind: reader.columns() for kind, reader in self._readers.items()}
        for of_kind in columns.values():
            file_id = of_kind.pop("source_file_id")
            for column, said in (("file", "name"), ("importer", "importer")):
                of_kind[column] = _named(file_id, {row["source_file_id"]: row[said] for row in rows})
        axes = columns["pipe_segment"].pop("geom")
        for kind in ("node", "consumer"):
            columns[kind] |= _places(columns[kind].pop("geom").xyz)
        nodes = columns["node"]
        terrain = Terrain(self._connection)
        nodes["model_ground_m"] = shelved(terrain.at(np.column_stack([nodes["x_m"], nodes["y_m"]])))
        scope = Scope.of(columns, axes, disturbed, Farther.none(), self._srid)
        return replace(
            scope,
            limits=limits_in_force(self._connection),
            shallowest=_over_models(scope, terrain),
            delivered={
                (each["file"], each["sheet"], each["kind"]): each["columns"] for row in rows for each in row["columns"]
            },
        )

    def _is_on_the_map(self, kind: Kind) -> bool:
        found = fetch_one(self._connection, compose(queries("checks")["is_on_the_map"], kind))
        return found is not None and bool(found["is_there"])

    def _fill_cells(self) -> None:
        boxes = [reader.boxes() for reader in self._readers.values()]
        boxes += [self._boxes_left(kind) for kind in KINDS]
        self._connection.execute(queries("checks")["create_cells"])
        with self._connection.cursor().copy(queries("checks")["copy_cells"]) as copy:
            for rectangle in surroundings(boxes, MARGIN_M).tolist():
                copy.write_row(rectangle)
        let_go()

    def _boxes_left(self, kind: Kind) -> Floats:
        query = compose(queries("checks")["left_boxes"], kind)
        blocks = copy_blocks(self._connection, query, 4, self._wanted)
        parts = [np.column_stack([block.numbers(side, np.float64) for side in range(4)]) for block in blocks]
        return np.concatenate([np.empty((0, 4)), *parts])

    def _features(self, name: str, kind: Kind) -> Iterator[CopiedRows]:
        query = compose(queries("checks")[name], kind, columns=listed(COLUMNS[kind], "f"))
        return copy_blocks(self._connection, query, len(COLUMNS[kind]), self._wanted)


def _over_models(scope: Scope, terrain: Terrain) -> Shallowest | None:
    """Where the segments of a scope lie least deep by the ground models; None where none is loaded."""
    if not terrain.models:
        return None
    of_nodes = (scope.nodes.values(name).astype(np.float64) for name in ("ground_elevation_m", "vertical_accuracy_m"))
    ends = SurveyedGround(*(np.column_stack(scope.at_ends(values, np.nan)) for values in of_nodes))
    return shallowest(scope.axes.first, scope.axes.xyz, ends, terrain)


def _named(file_id: Ints, files: Mapping[int, str]) -> Words:
    place, first = numbered([file_id])
    words = Words.of([files.get(number) for number in file_id[first].tolist()])
    return Words(shelved(words.codes[place]), words.known_words)


def _places(xyz: Floats) -> dict[str, Column]:
    return {"x_m": shelved(xyz[:, 0]), "y_m": shelved(xyz[:, 1])}
