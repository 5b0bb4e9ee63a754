"""Record tables into frames of nodes, segments, consumers and structures, one table at a time."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import shapely

from importers.attributes import ends, feature_and_appurtenance, heights, life, pressure_and_voltage, section
from importers.base import RecordTable
from importers.cells import Floats, Mask, Objects, is_unknown
from importers.columns import Columns, without_secrets
from importers.georeference import Georeference
from importers.ledger import Ledger
from importers.profiles import Profile
from schemas.codetables import code_table
from schemas.findings import Severity

_FROM, _TO = "from", "to"


@dataclass
class Frames:
    """What the tables of a delivery hold, before lines are joined to points."""

    node: list[pd.DataFrame] = field(default_factory=list)
    segment: list[pd.DataFrame] = field(default_factory=list)
    consumer: list[pd.DataFrame] = field(default_factory=list)
    structure: list[pd.DataFrame] = field(default_factory=list)

    def whole(self, kind: str) -> pd.DataFrame:
        """All rows of one kind in one frame."""
        frames: list[pd.DataFrame] = [frame for frame in getattr(self, kind) if len(frame)]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


@dataclass
class Normaliser:
    """Reads the meaning of tables by one profile into `frames`; everything odd goes to the ledger."""

    profile: Profile
    georeference: Georeference
    ledger: Ledger = field(default_factory=Ledger)
    frames: Frames = field(default_factory=Frames)

    def add(self, table: RecordTable, is_layer: bool = False) -> None:
        """Take one table in; tables of no role are skipped with a word."""
        number = self.ledger.enter(table)
        role = role_of(table, self.profile)
        if role in (None, "ignored"):
            self._skip(number, role)
            return
        self._skip_blanks(number)
        columns = Columns(self.ledger, number, str(role), self.profile)
        if role in ("node", "combined"):
            self.frames.node.append(self._nodes(columns, is_layer))
        if role in ("segment", "combined"):
            self.frames.segment.append(self._segments(columns, is_layer))
        if role == "consumer":
            self.frames.consumer.append(self._consumers(columns, is_layer))
        if role == "structure":
            self.frames.structure.append(self._structures(columns, is_layer))

    def _skip(self, number: int, role: str | None) -> None:
        self.ledger.skip(number, slice(None))
        table = self.ledger.tables[number]
        if role is None and len(table.rows):
            self.ledger.note(
                number,
                Severity.WARNING,
                "IMP-TABLE",
                f"Nothing in the columns of {table.sheet} says what it holds; its {len(table.rows)} rows were skipped.",
                f"无法识别 {table.sheet} 的内容，跳过 {len(table.rows)} 行。",
            )

    def _skip_blanks(self, number: int) -> None:
        table = self.ledger.tables[number]
        blank = table.rows.isna().all(axis=1).to_numpy()
        if table.geometry is not None:
            blank = blank & shapely.is_missing(table.geometry)
        if blank.any():
            self.ledger.without_blanks(number, blank)

    def _nodes(self, columns: Columns, is_layer: bool) -> pd.DataFrame:
        east, north, outside = self._place(columns, is_layer)
        feature, appurtenance = feature_and_appurtenance(columns)
        frame = columns.frame(
            source_key=columns.texts("key"),
            class_code=columns.classes(),
            x_m=east,
            y_m=north,
            ground_elevation_m=self._ground(columns),
            feature_code=feature,
            appurtenance_code=appurtenance,
            well_depth_m=columns.numbers("well_depth_m"),
            valve_state_code=columns.codes("valve_state", "valve_state"),
            operability_code=columns.codes("operability", "operability"),
            name=columns.texts("name"),
            address=columns.texts("address"),
            **life(columns),
            outside=outside,
            extra=columns.extra(),
        )
        if columns.role == "combined":
            # Only the first row of a point carries the point; the others carry its further lines.
            frame = frame[frame["x_m"].notna() & ~frame["source_key"].duplicated().to_numpy()]
        frame = self._numbered_only(without_secrets(self.ledger, frame), ["source_key"], columns, "key")
        return self._placed_only(frame, "node")

    def _ground(self, columns: Columns) -> Floats:
        ground = columns.numbers("ground_elevation_m")
        geometry = self.ledger.tables[columns.number].geometry
        if self.profile.geometry_z == "ground" and geometry is not None:
            return np.where(np.isnan(ground), shapely.get_z(geometry), ground)
        return ground

    def _place(self, columns: Columns, is_layer: bool) -> tuple[Floats, Floats, Mask]:
        """Easting and northing in the project CRS from point geometries, else from columns."""
        table = self.ledger.tables[columns.number]
        label = f"{table.file} ({table.sheet})"
        crs = self.georeference.crs_of(table, is_layer)
        if table.geometry is not None and not shapely.is_missing(table.geometry).all():
            geometry, outside = self.georeference.moved(table.geometry, crs, label)
            table.geometry = geometry
            centre = np.array(geometry, dtype=object)
            is_spread = shapely.get_type_id(geometry) != shapely.GeometryType.POINT
            centre[is_spread] = shapely.point_on_surface(geometry[is_spread])
            return shapely.get_x(centre), shapely.get_y(centre), outside
        if "easting_m" in columns and "northing_m" in columns:
            names, axis = ("easting_m", "northing_m"), "x_is_easting"
        else:
            names, axis = ("x", "y"), self.profile.axis
        first, second = (columns.numbers(name, Severity.ERROR) for name in names)
        return self.georeference.placed(first, second, axis, crs, label)

    def _numbered_only(self, frame: pd.DataFrame, keys: list[str], columns: Columns, attribute: str) -> pd.DataFrame:
        """Refuse rows whose number is blank in a table that has numbers."""
        if attribute not in columns or self.profile.unnumbered == "by_place":
            return frame
        blank = frame[keys].isna().any(axis=1)
        self.ledger.refuse(
            frame[blank],
            Severity.ERROR,
            "R03",
            "The point number is missing.",
            "点号为空。",
            column=columns.mapping[attribute],
        )
        return frame[~blank]

    def _placed_only(self, frame: pd.DataFrame, kind: str) -> pd.DataFrame:
        lost = frame["x_m"].isna() | frame["y_m"].isna()
        self.ledger.refuse(
            frame[lost],
            Severity.ERROR,
            "R03",
            "{source_key} has no coordinates that can be used.",
            "{source_key} 没有可用的坐标。",
            kind=kind,
        )
        self.ledger.report(
            frame[~lost & frame["outside"]],
            Severity.ERROR,
            "R06",
            "{source_key} lies outside the area where the coordinate system is used.",
            "{source_key} 超出坐标系适用范围。",
            kind=kind,
        )
        return frame[~lost].drop(columns="outside")

    def _segments(self, columns: Columns, is_layer: bool) -> pd.DataFrame:
        from_key, to_key = ends(columns)
        classes, materials = columns.classes(), columns.codes("material", "material")
        frame = columns.frame(
            from_key=from_key,
            to_key=to_key,
            line_id=columns.texts("line_id"),
            class_code=classes,
            **section(columns, classes, materials),
            material_code=materials,
            burial_code=columns.codes("burial", "burial"),
            **pressure_and_voltage(columns),
            flow_direction_code=columns.codes("flow_direction", "flow_direction"),
            circuit=columns.texts("circuit"),
            **life(columns),
            **heights(columns),
            depth_datum_code=columns.codes("depth_datum", "depth_datum"),
            line=self._lines(columns, is_layer),
            extra=columns.extra(),
        )
        if columns.role == "combined":
            frame = frame[~frame["to_key"].isna()].assign(both_ways=True)
        number = "pair_key" if "pair_key" in columns else "from_key"
        return self._numbered_only(without_secrets(self.ledger, frame), ["from_key", "to_key"], columns, number)

    def _lines(self, columns: Columns, is_layer: bool) -> Objects:
        """The drawn line of every row in the project CRS, None where there is none."""
        table = self.ledger.tables[columns.number]
        if table.geometry is not None:
            crs = self.georeference.crs_of(table, is_layer)
            geometry, _ = self.georeference.moved(table.geometry, crs, f"{table.file} ({table.sheet})")
            lines = np.array(geometry, dtype=object)
            in_parts = shapely.get_type_id(geometry) != shapely.GeometryType.LINESTRING
            lines[in_parts] = shapely.line_merge(geometry[in_parts])
            lines[shapely.get_type_id(lines) != shapely.GeometryType.LINESTRING] = None
            return lines
        if not all(name in columns for name in ("from_x", "from_y", "to_x", "to_y")):
            return np.full(len(columns.rows), None, dtype=object)
        return self._lines_of_ends(columns, is_layer)

    def _lines_of_ends(self, columns: Columns, is_layer: bool) -> Objects:
        table = self.ledger.tables[columns.number]
        crs, label = self.georeference.crs_of(table, is_layer), f"{table.file} ({table.sheet})"
        both = []
        for end in (_FROM, _TO):
            first, second = columns.numbers(f"{end}_x"), columns.numbers(f"{end}_y")
            east, north, _ = self.georeference.placed(first, second, self.profile.axis, crs, label)
            both.append(np.column_stack([east, north]))
        xy = np.stack(both, axis=1)
        known = ~np.isnan(xy).any(axis=(1, 2))
        lines = np.full(len(xy), None, dtype=object)
        lines[known] = shapely.linestrings(xy[known])
        return lines

    def _consumers(self, columns: Columns, is_layer: bool) -> pd.DataFrame:
        east, north, outside = self._place(columns, is_layer)
        kind = columns.codes("kind", "consumer_kind")
        kinds = np.where(is_unknown(kind), "unknown", kind)
        critical = {code: row.flag("is_critical") for code, row in code_table("consumer_kind").items()}
        frame = columns.frame(
            source_key=columns.texts("key"),
            class_code=columns.classes(),
            node_key=columns.texts("node_key"),
            kind_code=kinds,
            name=columns.texts("name"),
            address=columns.texts("address"),
            people=columns.numbers("people"),
            is_critical=[critical[code] for code in kinds],
            demand_m3_per_d=columns.numbers("demand_m3_per_d"),
            x_m=east,
            y_m=north,
            outside=outside,
            extra=columns.extra(),
        )
        return without_secrets(self.ledger, frame)

    def _structures(self, columns: Columns, is_layer: bool) -> pd.DataFrame:
        east, north, outside = self._place(columns, is_layer)
        kind = columns.codes("kind", "structure_kind")
        geometry = self.ledger.tables[columns.number].geometry
        places = np.full(len(columns.rows), None, dtype=object) if geometry is None else shapely.force_2d(geometry)
        frame = columns.frame(
            source_key=columns.texts("key"),
            class_code="",
            kind_code=np.where(is_unknown(kind), "building", kind),
            name=columns.texts("name"),
            base_elevation_m=columns.numbers("base_elevation_m"),
            top_elevation_m=columns.numbers("top_elevation_m"),
            x_m=east,
            y_m=north,
            outside=outside,
            geom=places,
            extra=columns.extra(),
        )
        return self._placed_only(frame, "structure")


def role_of(table: RecordTable, profile: Profile) -> str | None:
    """What a table holds: as the reader knows it, else as the profile tells by name, columns and geometry."""
    if table.role is not None:
        return table.role
    shape = None
    if table.geometry is not None:
        known = table.geometry[~shapely.is_missing(table.geometry)]
        shape = str(known[0].geom_type) if len(known) else None
    return profile.role_of(table.sheet, map(str, table.rows.columns), shape)
