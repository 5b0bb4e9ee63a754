"""IFC4: pipe and cable segments as swept discs, joined through ports to what stands at their ends; a system a class."""

from typing import Any

import ifcopenshell
import ifcopenshell.guid

from importers.writers.network import Piece, PipeNetwork, Point, attributes, local_origin, read_network
from pipemap.sharing.layers import Content
from schemas.codetables import code_table

_CABLES = ("power", "street_light", "traffic_signal", "telecom")
_SYSTEMS = {
    "water": "DOMESTICCOLDWATER",
    "storm": "STORMWATER",
    "foul": "SEWAGE",
    "combined": "DRAINAGE",
    "gas": "GAS",
    "heat": "HEATING",
    "power": "ELECTRICAL",
    "street_light": "LIGHTING",
    "traffic_signal": "SIGNAL",
    "telecom": "COMMUNICATION",
}
_ELEMENTS = {
    "valve": ("IfcValve", "ISOLATING"),
    "one_way": ("IfcValve", "CHECK"),
    "well": ("IfcDistributionChamberElement", "MANHOLE"),
    "hydrant": ("IfcFireSuppressionTerminal", "FIREHYDRANT"),
    "meter": ("IfcFlowMeter", "WATERMETER"),
    "pump": ("IfcPump", "NOTDEFINED"),
}
_DEFAULT_WIDTH_M = 0.1


def write_ifc(content: Content) -> None:
    """Write one file; what is of unknown height has no shape, its plan stands among its properties."""
    network = read_network(content, "IFC")
    model = _Model(content, local_origin(network))
    elements = {point.feature_id: model.add_point(point) for point in network.points}
    for piece in network.pieces:
        model.add_piece(piece, elements)
    model.close()
    model.file.write(str(content.folder / "pipemap.ifc"))
    _note(content, network)


def _note(content: Content, network: PipeNetwork) -> None:
    unsized = sum(piece.width_m is None for piece in network.pieces)
    if unsized:
        content.notes.append(
            f"{unsized} segments of unknown size are drawn {_DEFAULT_WIDTH_M * 1000:g} mm wide. "
            f"{unsized} 条管线口径不明，按 {_DEFAULT_WIDTH_M * 1000:g} mm 绘制。"
        )


class _Model:
    """The file being made; local coordinates are metres from a whole-metre origin named in the map conversion."""

    def __init__(self, content: Content, origin: tuple[float, float]) -> None:
        self.file = ifcopenshell.file(schema="IFC4")
        self.origin = origin
        self.systems: dict[str, list[Any]] = {}
        metre = self._new("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE")
        self.context = self._new(
            "IfcGeometricRepresentationContext",
            ContextType="Model",
            CoordinateSpaceDimension=3,
            Precision=1e-5,
            WorldCoordinateSystem=self._axes(),
        )
        self.project = self._rooted(
            "IfcProject",
            Name=content.project.name,
            RepresentationContexts=[self.context],
            UnitsInContext=self._new("IfcUnitAssignment", Units=[metre]),
        )
        self.placement = self._new("IfcLocalPlacement", RelativePlacement=self._axes())
        self.site = self._rooted("IfcSite", Name=f"version {content.version}", ObjectPlacement=self.placement)
        self._rooted("IfcRelAggregates", RelatingObject=self.project, RelatedObjects=[self.site])
        self._georeference(content)

    def add_point(self, point: Point) -> Any:
        """A node as the element it is."""
        appurtenance = code_table("appurtenance").get(point.row.get("appurtenance_code") or "")
        entity, kind = _ELEMENTS.get(
            appurtenance.fields["role"] if appurtenance else "", ("IfcPipeFitting", "NOTDEFINED")
        )
        if point.row["class_code"] in _CABLES and entity == "IfcPipeFitting":
            entity = "IfcCableFitting"
        place = self._local(point.x_m, point.y_m, point.z_m or 0.0)
        placement = self._new("IfcLocalPlacement", PlacementRelTo=self.placement, RelativePlacement=self._axes(place))
        return self._element(entity, f"node-{point.feature_id}", point.row, placement, PredefinedType=kind)

    def add_piece(self, piece: Piece, elements: dict[int, Any]) -> None:
        """A segment with a port at each end, joined to the ports of the elements there."""
        is_cable = piece.row["class_code"] in _CABLES
        entity, kind = ("IfcCableSegment", "CABLESEGMENT") if is_cable else ("IfcPipeSegment", "RIGIDSEGMENT")
        shape = self._tube(piece) if piece.has_height else None
        plan = {} if piece.has_height else {"plan": "; ".join(f"{x:.3f} {y:.3f}" for x, y in piece.axis.tolist())}
        segment = self._element(
            entity,
            f"pipe_segment-{piece.feature_id}",
            piece.row | plan,
            self.placement,
            Representation=shape,
            PredefinedType=kind,
        )
        ports = []
        for number, point in enumerate((piece.start, piece.end)):
            port = self._port(f"{segment.Name}-{number}")
            ports.append(port)
            if point is not None:
                other = self._port(f"{segment.Name}-{number}-joint")
                self._rooted("IfcRelNests", RelatingObject=elements[point.feature_id], RelatedObjects=[other])
                self._rooted("IfcRelConnectsPorts", RelatingPort=port, RelatedPort=other)
        self._rooted("IfcRelNests", RelatingObject=segment, RelatedObjects=ports)

    def close(self) -> None:
        """Group the elements of each class into its system, and place them all in the site."""
        for class_code, elements in self.systems.items():
            known = code_table("utility_class").get(class_code)
            system = self._rooted(
                "IfcDistributionSystem",
                Name=class_code,
                LongName=known.name_zh if known else None,
                PredefinedType=_SYSTEMS.get(class_code, "NOTDEFINED"),
            )
            self._rooted("IfcRelAssignsToGroup", RelatedObjects=elements, RelatingGroup=system)
            self._rooted("IfcRelServicesBuildings", RelatingSystem=system, RelatedBuildings=[self.site])
            self._rooted("IfcRelContainedInSpatialStructure", RelatedElements=elements, RelatingStructure=self.site)

    def _element(self, entity: str, name: str, row: dict[str, Any], placement: Any, **more: Any) -> Any:
        element = self._rooted(entity, Name=name, ObjectPlacement=placement, **more)
        self.systems.setdefault(row["class_code"], []).append(element)
        told = [
            self._new("IfcPropertySingleValue", Name=key, NominalValue=self._value(value))
            for key, value in attributes(row).items()
        ]
        properties = self._rooted("IfcPropertySet", Name="pipemap", HasProperties=told)
        self._rooted("IfcRelDefinesByProperties", RelatedObjects=[element], RelatingPropertyDefinition=properties)
        return element

    def _value(self, value: Any) -> Any:
        if isinstance(value, float):
            return self._new("IfcReal", value)
        return self._new("IfcInteger", value) if isinstance(value, int) else self._new("IfcLabel", value[:255])

    def _tube(self, piece: Piece) -> Any:
        points = [self._new("IfcCartesianPoint", self._local(*place)) for place in piece.axis.tolist()]
        radius = (piece.width_m or _DEFAULT_WIDTH_M) / 2
        disc = self._new("IfcSweptDiskSolid", Directrix=self._new("IfcPolyline", points), Radius=radius)
        body = self._new(
            "IfcShapeRepresentation",
            ContextOfItems=self.context,
            RepresentationIdentifier="Body",
            RepresentationType="AdvancedSweptSolid",
            Items=[disc],
        )
        return self._new("IfcProductDefinitionShape", Representations=[body])

    def _port(self, name: str) -> Any:
        return self._rooted("IfcDistributionPort", Name=name, FlowDirection="SOURCEANDSINK")

    def _georeference(self, content: Content) -> None:
        if content.srid:
            crs = self._new(
                "IfcProjectedCRS", Name=f"EPSG:{content.srid}", VerticalDatum=content.project.vertical_datum
            )
            east, north = self.origin
            self._new(
                "IfcMapConversion",
                SourceCRS=self.context,
                TargetCRS=crs,
                Eastings=east,
                Northings=north,
                OrthogonalHeight=0.0,
            )

    def _local(self, x: float, y: float, z: float) -> tuple[float, float, float]:
        return x - self.origin[0], y - self.origin[1], z

    def _axes(self, place: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Any:
        return self._new("IfcAxis2Placement3D", Location=self._new("IfcCartesianPoint", place))

    def _new(self, entity: str, *values: Any, **known: Any) -> Any:
        return self.file.create_entity(entity, *values, **known)

    def _rooted(self, entity: str, **known: Any) -> Any:
        return self._new(entity, GlobalId=ifcopenshell.guid.new(), **known)
