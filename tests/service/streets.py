"""Streets laid straight into the tables of a database, as version 1, and asked of by the browser tests."""

from typing import Any

from sqlalchemy import insert

from pipemap.db import Database
from schemas.tables import metadata

EAST, NORTH, GROUND = 500_000.0, 2_500_000.0, 20.0


def ground(x: float) -> float:
    return GROUND + 0.01 * x


class Street:
    """Rows of the street, numbered as they are laid."""

    def __init__(self) -> None:
        self.rows: dict[str, list[dict[str, Any]]] = {"node": [], "pipe_segment": [], "consumer": [], "structure": []}
        self.ids: dict[str, int] = {}

    def add(self, kind: str, key: str, geometry: str, **attributes: Any) -> None:
        self.ids[key] = len(self.ids) + 1
        identity = {"feature_id": self.ids[key], "dataset_id": 1, "source_key": key, "valid_from_version": 1}
        self.rows[kind].append(identity | {"geom": f"SRID=4547;{geometry}"} | attributes)

    def node(self, key: str, x: float, y: float, class_code: str, **attributes: Any) -> None:
        place = {"class_code": class_code, "ground_elevation_m": ground(x)}
        self.add("node", key, f"POINT({EAST + x} {NORTH + y})", **place, **attributes)

    def pipe(self, ends: tuple[str, str], axis: list[tuple[float, ...]], class_code: str, size: Any) -> None:
        shape, width, height = size
        has_z = len(axis[0]) == 3
        line = ", ".join(" ".join(str(value) for value in (EAST + x, NORTH + y, *z)) for x, y, *z in axis)
        self.add(
            "pipe_segment",
            "->".join(ends),
            f"LINESTRING{' Z' if has_z else ''}({line})",
            class_code=class_code,
            from_node_id=self.ids[ends[0]],
            to_node_id=self.ids[ends[1]],
            shape_code=shape,
            width_mm=width,
            height_mm=height,
            depth_datum_code="crown",
            elevation_source_code="measured" if has_z else "unknown",
            material_code="cast_iron" if class_code == "water" else None,
            owner="某某水务公司" if class_code == "water" else None,
        )

    def save(self, database: Database) -> None:
        changeset = {"changeset_id": 1, "title": "街道", "kind": "import", "base_version": 0, "author": "zhang"}
        published = {"version": 1, "changeset_id": 1, "author": "zhang", "message": "first survey", "counts": {}}
        dataset = {"dataset_id": 1, "name": "street"}
        first = {"dataset": [dataset], "changeset": [changeset | {"state": "published"}], "version": [published]}
        engine = database.engine()
        with engine.begin() as connection:
            for table, rows in (first | self.rows).items():
                for row in rows:
                    connection.execute(insert(metadata.tables[f"pipemap.{table}"]).values(row))
        engine.dispose()
