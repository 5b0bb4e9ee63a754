"""Makes small IFC models with IfcOpenShell: elements placed, formed, joined and georeferenced as exporters do."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.guid
import numpy as np

Vector = Sequence[float]

EAST, NORTH, HEIGHT = 492_000.0, 2_494_000.0, 10.0
# The local x axis points to (0.8, 0.6) on the map.
ABSCISSA, ORDINATE = 0.8, 0.6
# The site stands here in the file, turned by a quarter; metres.
SITE = (100.0, 200.0, 0.0)

BEFORE_IFC4 = {"IfcPipeSegment": "IfcFlowSegment", "IfcPipeFitting": "IfcFlowFitting", "IfcValve": "IfcFlowController"}


def on_map(x: float, y: float, z: float) -> tuple[float, float, float]:
    """Where a place of the site (metres) is on the map: a quarter turn, the site's shift, then the map conversion."""
    x, y, z = SITE[0] - y, SITE[1] + x, SITE[2] + z
    return EAST + ABSCISSA * x - ORDINATE * y, NORTH + ORDINATE * x + ABSCISSA * y, HEIGHT + z


class Model:
    """One file being made; lengths are given in metres and written in the file's unit."""

    def __init__(self, schema: str = "IFC4X3", unit_m: float = 0.001, *, has_map: bool = True) -> None:
        self.file = ifcopenshell.file(schema=schema)
        self.schema, self.unit_m = schema, unit_m
        self.is_old = schema == "IFC2X3"
        prefix = {0.001: "MILLI", 1.0: None}[unit_m]
        length = self.new("IfcSIUnit", UnitType="LENGTHUNIT", Prefix=prefix, Name="METRE")
        self.context = self.new(
            "IfcGeometricRepresentationContext",
            ContextType="Model",
            CoordinateSpaceDimension=3,
            Precision=1e-5,
            WorldCoordinateSystem=self.axes(),
        )
        self.project = self.rooted(
            "IfcProject",
            Name="made up",
            RepresentationContexts=[self.context],
            UnitsInContext=self.new("IfcUnitAssignment", Units=[length]),
        )
        turned = self.axes(SITE, x=(0.0, 1.0, 0.0))
        self.site = self.rooted("IfcSite", ObjectPlacement=self.new("IfcLocalPlacement", RelativePlacement=turned))
        if has_map:
            self._georeference()

    def new(self, entity: str, *values: Any, **attributes: Any) -> Any:
        return self.file.create_entity(entity, *values, **attributes)

    def rooted(self, entity: str, **attributes: Any) -> Any:
        return self.new(entity, GlobalId=ifcopenshell.guid.new(), **attributes)

    def _georeference(self) -> None:
        told = {
            "Eastings": EAST, "Northings": NORTH, "OrthogonalHeight": HEIGHT,
            "XAxisAbscissa": ABSCISSA, "XAxisOrdinate": ORDINATE, "Scale": self.unit_m,
        }  # fmt: skip
        if self.is_old:
            self.properties(self.project, "ePSet_MapConversion", **told)
            self.properties(self.project, "ePSet_ProjectedCRS", Name="EPSG:4547", MapUnit="METRE")
            # What the property set names is in metres while the file is not.
            return
        metre = self.new("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE")
        crs = self.new("IfcProjectedCRS", Name="EPSG:4547", MapUnit=metre)
        self.new("IfcMapConversion", SourceCRS=self.context, TargetCRS=crs, **told)

    def point(self, place: Vector) -> Any:
        return self.new("IfcCartesianPoint", Coordinates=[float(value) / self.unit_m for value in place])

    def axes(self, origin: Vector = (0, 0, 0), z: Vector | None = None, x: Vector | None = None) -> Any:
        def direction(ratios: Vector | None) -> Any:
            return None if ratios is None else self.new("IfcDirection", DirectionRatios=[float(r) for r in ratios])

        return self.new(
            "IfcAxis2Placement3D", Location=self.point(origin), Axis=direction(z), RefDirection=direction(x)
        )

    def placed(self, origin: Vector, z: Vector | None = None, x: Vector | None = None) -> Any:
        """A placement on the site."""
        if z is not None and x is None:
            x = np.cross(z, (0.0, 0.0, 1.0) if abs(z[2]) < 0.9 * math.hypot(*z) else (0.0, 1.0, 0.0)).tolist()
        return self.new(
            "IfcLocalPlacement", PlacementRelTo=self.site.ObjectPlacement, RelativePlacement=self.axes(origin, z, x)
        )

    def form(self, identifier: str, kind: str, *items: Any) -> Any:
        return self.new(
            "IfcShapeRepresentation",
            ContextOfItems=self.context,
            RepresentationIdentifier=identifier,
            RepresentationType=kind,
            Items=items,
        )

    def element(self, entity: str, name: str, placement: Any, *forms: Any, **attributes: Any) -> Any:
        shape = self.new("IfcProductDefinitionShape", Representations=forms) if forms else None
        if self.is_old:
            attributes.pop("PredefinedType", None)
            entity = BEFORE_IFC4.get(entity, entity)
        return self.rooted(entity, Name=name, ObjectPlacement=placement, Representation=shape, **attributes)

    def circle(self, radius: float, wall: float | None = None) -> Any:
        entity = "IfcCircleHollowProfileDef" if wall else "IfcCircleProfileDef"
        sizes = {"Radius": radius / self.unit_m, **({"WallThickness": wall / self.unit_m} if wall else {})}
        return self.new(entity, ProfileType="AREA", **sizes)

    def rectangle(self, x: float, y: float) -> Any:
        return self.new("IfcRectangleProfileDef", ProfileType="AREA", XDim=x / self.unit_m, YDim=y / self.unit_m)

    def extruded(self, profile: Any, depth: float) -> Any:
        up = self.new("IfcDirection", DirectionRatios=(0.0, 0.0, 1.0))
        solid = self.new(
            "IfcExtrudedAreaSolid",
            SweptArea=profile,
            Position=self.axes(),
            ExtrudedDirection=up,
            Depth=depth / self.unit_m,
        )
        return self.form("Body", "SweptSolid", solid)

    def polyline(self, places: Sequence[Vector]) -> Any:
        return self.new("IfcPolyline", Points=[self.point(place) for place in places])

    def disk(self, places: Sequence[Vector], radius: float, wall: float) -> Any:
        solid = self.new(
            "IfcSweptDiskSolid",
            Directrix=self.polyline(places),
            Radius=radius / self.unit_m,
            InnerRadius=(radius - wall) / self.unit_m,
            StartParam=0.0,
            EndParam=float(len(places) - 1),
        )
        return self.form("Body", "AdvancedSweptSolid", solid)

    def faces(self, start: Vector, end: Vector, radius: float, n_corners: int = 16) -> Any:
        """A tube of triangles, closed at neither end."""
        way = np.subtract(end, start)
        across = np.cross(way, (0.0, 0.0, 1.0))
        across = across / np.linalg.norm(across)
        other = np.cross(way / np.linalg.norm(way), across)
        angles = np.arange(n_corners) * 2 * math.pi / n_corners
        ring = radius * (np.outer(np.cos(angles), across) + np.outer(np.sin(angles), other))
        corners = np.concatenate([ring + start, ring + end]) / self.unit_m
        sides = [(n, (n + 1) % n_corners) for n in range(n_corners)]
        triangles = [
            triangle
            for a, b in sides
            for triangle in ((a + 1, b + 1, n_corners + b + 1), (a + 1, n_corners + b + 1, n_corners + a + 1))
        ]
        if self.is_old:
            return self.form("Body", "Brep", self._brep(corners, triangles))
        points = self.new("IfcCartesianPointList3D", CoordList=corners.tolist())
        return self.form(
            "Body", "Tessellation", self.new("IfcTriangulatedFaceSet", Coordinates=points, CoordIndex=triangles)
        )

    def _brep(self, corners: Any, triangles: Sequence[tuple[int, ...]]) -> Any:
        points = [self.new("IfcCartesianPoint", Coordinates=corner) for corner in corners.tolist()]
        loops = [self.new("IfcPolyLoop", Polygon=[points[at - 1] for at in triangle]) for triangle in triangles]
        bounds = [self.new("IfcFaceOuterBound", Bound=loop, Orientation=True) for loop in loops]
        shell = self.new("IfcClosedShell", CfsFaces=[self.new("IfcFace", Bounds=[bound]) for bound in bounds])
        return self.new("IfcFacetedBrep", Outer=shell)

    def port(self, element: Any, place: Vector, flow: str) -> Any:
        """A port of an element at a place of the site."""
        port = self.rooted("IfcDistributionPort", ObjectPlacement=self.placed(place), FlowDirection=flow)
        if self.is_old:
            self.rooted("IfcRelConnectsPortToElement", RelatingPort=port, RelatedElement=element)
        else:
            self.rooted("IfcRelNests", RelatingObject=element, RelatedObjects=[port])
        return port

    def join(self, one: Any, other: Any) -> None:
        self.rooted("IfcRelConnectsPorts", RelatingPort=one, RelatedPort=other)

    def system(self, kind: str, *elements: Any) -> None:
        if self.is_old:
            system = self.rooted("IfcSystem", Name=kind, ObjectType=kind)
        else:
            system = self.rooted("IfcDistributionSystem", Name=f"our {kind}", PredefinedType=kind)
        self.rooted("IfcRelAssignsToGroup", RelatedObjects=elements, RelatingGroup=system)

    def properties(self, element: Any, group: str, **values: Any) -> None:
        kinds = {str: "IfcLabel", float: "IfcPositiveLengthMeasure" if group.startswith("Pset") else "IfcReal"}
        listed = [
            self.new("IfcPropertySingleValue", Name=name, NominalValue=self.new(kinds[type(value)], value))
            for name, value in values.items()
        ]
        found = self.rooted("IfcPropertySet", Name=group, HasProperties=listed)
        self.rooted("IfcRelDefinesByProperties", RelatedObjects=[element], RelatingPropertyDefinition=found)

    def material(self, name: str, *elements: Any) -> None:
        self.rooted(
            "IfcRelAssociatesMaterial", RelatedObjects=elements, RelatingMaterial=self.new("IfcMaterial", Name=name)
        )

    def pipe(self, name: str, start: Vector, end: Vector, radius: float, wall: float | None = None) -> Any:
        """A straight pipe swept from its own origin along its own z axis, as exporters draw it."""
        way = np.subtract(end, start).tolist()
        body = self.extruded(self.circle(radius, wall), math.hypot(*way))
        return self.element("IfcPipeSegment", name, self.placed(start, z=way), body)

    def manhole(self, name: str, bottom: Vector, depth: float, radius: float = 0.5) -> Any:
        body = self.extruded(self.circle(radius), depth)
        return self.element(
            "IfcDistributionChamberElement",
            name,
            self.placed(bottom),
            body,
            **({} if self.is_old else {"PredefinedType": "MANHOLE"}),
        )

    def write(self, path: Path) -> Path:
        path.write_text(self.file.to_string(), encoding="ascii")
        return path


def sewer(schema: str = "IFC4X3", unit_m: float = 0.001, *, has_map: bool = True) -> Model:
    """MH1 --P1--> MH2 --P2 (bent, swept disk)--> free; P3 of faces ends in MH2; V1 between P4 and P5; P5 meets P6."""
    model = Model(schema, unit_m, has_map=has_map)
    one, two = model.manhole("MH1", (0, 0, 0), 3.0), model.manhole("MH2", (30, 0, -0.3), 3.3)
    p1 = model.pipe("P1", (0.5, 0, 0.25), (29.5, 0, -0.05), 0.2, 0.03)
    p2 = model.element(
        "IfcPipeSegment",
        "P2",
        model.placed((30.5, 0, 0)),
        model.disk([(0, 0, 0), (10, 0, -2), (10, 12, -2)], 0.15, 0.01),
    )
    p3 = model.element(
        "IfcPipeSegment", "P3", model.placed((0, 0, 0)), model.faces((30, -20, 0.8), (30, -0.45, 0.5), 0.1)
    )
    for element, place, flow, other, other_place in (
        (p1, (0.5, 0, 0.25), "SINK", one, (0.5, 0, 0.25)),
        (p1, (29.5, 0, -0.05), "SOURCE", two, (29.5, 0, -0.05)),
        (p2, (30.5, 0, 0), "SINK", two, (30.5, 0, 0)),
    ):
        opposite = "SOURCE" if flow == "SINK" else "SINK"
        model.join(model.port(element, place, flow), model.port(other, other_place, opposite))
    p4, p5 = model.pipe("P4", (0, 50, 1), (10, 50, 1), 0.1), model.pipe("P5", (10.4, 50, 1), (20, 50, 1), 0.1)
    p6 = model.pipe("P6", (30, 50, 1), (20, 50, 1), 0.1)
    valve = model.element(
        "IfcValve", "V1", model.placed((10.2, 50, 1)), **({} if model.is_old else {"PredefinedType": "ISOLATING"})
    )
    model.join(model.port(p4, (10, 50, 1), "SOURCE"), model.port(valve, (10, 50, 1), "SINK"))
    model.join(model.port(valve, (10.4, 50, 1), "SOURCE"), model.port(p5, (10.4, 50, 1), "SINK"))
    model.join(model.port(p5, (20, 50, 1), "SOURCE"), model.port(p6, (20, 50, 1), "SINK"))
    model.system("SEWAGE", one, two, p1, p2, p3)
    model.system("WATERSUPPLY", p4, p5, p6, valve)
    model.properties(p1, "Pset_PipeSegmentTypeCommon", NominalDiameter=0.35 / unit_m, Status="EXISTING")
    model.properties(p3, "Survey", InvertElevation="9.4")
    model.material("PVC", p1, p2)
    return model


def drop(*, has_fittings: bool) -> Model:
    """A run 3 m deep, an upright pipe from its end and a run from its top, no ports; with bends between them or not."""
    model, tube = Model(), {"radius": 0.1, "wall": 0.01}
    pipes = [
        model.element("IfcPipeSegment", name, model.placed(start, z=way), model.extruded(model.circle(**tube), length))
        for name, start, way, length in (
            ("deep", (0, 0, -3), (1, 0, 0), 10.0),
            ("upright", (10, 0, -3), (0, 0, 1), 3.0),
            ("high", (10, 0, 0), (0, 1, 0), 10.0),
        )
    ]
    places = [("foot", (10, 0, -3)), ("top", (10, 0, 0))] if has_fittings else []
    bends = [
        model.element("IfcPipeFitting", name, model.placed(place), PredefinedType="BEND") for name, place in places
    ]
    model.system("DRAINAGE", *pipes, *bends)
    return model
