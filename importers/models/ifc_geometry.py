"""Where an IFC element lies and how thick it is: its axis, its section and its corners, in the units of the file.

An element's axis is its `Axis` representation, else the line along which its body was swept, else the middle line of
a body that is a straight prism of faces.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import ifcopenshell
import ifcopenshell.geom
import numpy as np
import numpy.typing as npt
from ifcopenshell.util.placement import get_axis2placement, get_local_placement, get_mappeditem_transformation

Points = npt.NDArray[np.float64]
Matrix = npt.NDArray[np.float64]

_NESTING_LIMIT = 20
_AXIS = "Axis"
_NO_BODY = (_AXIS, "Box", "FootPrint", "Annotation", "Profile", "Plan")
_CURVE_SETS = ("IfcGeometricCurveSet", "IfcGeometricSet")
_DIRECTRIX_SOLIDS = (
    "IfcFixedReferenceSweptAreaSolid", "IfcSurfaceCurveSweptAreaSolid", "IfcDirectrixCurveSweptAreaSolid",
    "IfcDirectrixDerivedReferenceSweptAreaSolid",
)  # fmt: skip
# Of a prism of faces: how far a corner may lie from an end as a share of the length, how much longer than wide it
# must be for its axis to be certain, and how alike its radii must be for it to be round.
_END_SHARE, _SLENDER, _ROUND = 0.02, 1.5, 0.02
_ROUND_CORNERS = 8


@dataclass(frozen=True)
class Section:
    """Outer width and height and the wall; None where unknown."""

    shape: str | None = None
    width: float | None = None
    height: float | None = None
    wall: float | None = None


@dataclass(frozen=True)
class Form:
    """The axis in three dimensions (None where there is none), the section, and corners that span the element.

    `is_mesh` when the axis was found from faces.
    """

    axis: Points | None
    section: Section
    corners: Points
    is_mesh: bool = False


class Geometry:
    """Reads forms of elements of one file."""

    def __init__(self) -> None:
        self._settings: Any = ifcopenshell.geom.settings()  # type: ignore[no-untyped-call]
        self._settings.set("convert-back-units", True)
        self._placements: dict[int, Matrix] = {}

    def placement(self, element: Any) -> Matrix:
        """The element's placement in the file's own coordinates, shape (4, 4)."""
        placed = element.ObjectPlacement
        if placed is None:
            return np.eye(4)
        return self._chain(placed)

    def _chain(self, placed: Any) -> Matrix:
        known = self._placements.get(placed.id())
        if known is None:
            if placed.is_a("IfcLocalPlacement") and placed.PlacementRelTo is not None:
                known = self._chain(placed.PlacementRelTo) @ get_axis2placement(placed.RelativePlacement)
            else:
                known = get_local_placement(placed)
            self._placements[placed.id()] = known
        return known

    def form(self, element: Any) -> Form:
        """The element's form in the file's own coordinates."""
        matrix = self.placement(element)
        representations = element.Representation.Representations if element.Representation else ()
        axis = self._drawn_axis(representations, matrix)
        bodies = [
            self._body(item, inner)
            for representation in representations
            if representation.RepresentationIdentifier not in _NO_BODY
            for item, inner in _items(representation, matrix)
        ]
        found = [body for body in bodies if body is not None]
        # The longest body is the pipe, others are sockets and flanges.
        main = max(found, key=_length, default=Form(None, Section(), np.empty((0, 3))))
        corners = np.concatenate(
            [*(body.corners for body in found), *([] if axis is None else [axis])] or [main.corners]
        )
        if axis is not None:
            return replace(main, axis=axis, corners=corners, is_mesh=False)
        return replace(main, corners=corners)

    def _drawn_axis(self, representations: Sequence[Any], matrix: Matrix) -> Points | None:
        for representation in representations:
            if representation.RepresentationIdentifier == _AXIS:
                for item, inner in _items(representation, matrix):
                    return _moved(self._curve(item), inner)
        return None

    def _body(self, item: Any, matrix: Matrix) -> Form | None:
        if item.is_a("IfcExtrudedAreaSolid"):
            return _extruded(item, matrix)
        if item.is_a("IfcSweptDiskSolid"):
            axis = _moved(_between(self._curve(item.Directrix), item), matrix)
            outer, inner = item.Radius, item.InnerRadius
            wall = None if inner is None else outer - inner
            return Form(axis, Section("circle", 2 * outer, 2 * outer, wall), axis)
        if item.is_a() in _DIRECTRIX_SOLIDS or item.is_a("IfcSectionedSolid"):
            profile = item.CrossSections[0] if item.is_a("IfcSectionedSolid") else item.SweptArea
            axis = _moved(self._curve(item.Directrix), matrix)
            return Form(axis, _section(profile)[0], axis)
        if item.is_a("IfcCurve"):
            return Form(None, Section(), _moved(self._curve(item), matrix))
        return _prism(_moved(_vertices(item), matrix))

    def _curve(self, curve: Any) -> Points:
        """The curve's places; arcs and the like are cut into pieces by the geometry library."""
        if curve.is_a("IfcPolyline"):
            return _three_dimensional([point.Coordinates for point in curve.Points])
        if curve.is_a("IfcIndexedPolyCurve") and not any(part.is_a("IfcArcIndex") for part in curve.Segments or ()):
            places = _three_dimensional(curve.Points.CoordList)
            order = [index - 1 for part in curve.Segments or () for index in part.wrappedValue]
            return places[[at for n, at in enumerate(order) if n == 0 or at != order[n - 1]]] if order else places
        shape: Any = ifcopenshell.geom.create_shape(self._settings, curve)
        return np.array(shape.verts, dtype=float).reshape(-1, 3)


def _items(representation: Any, matrix: Matrix, depth: int = 0) -> Iterator[tuple[Any, Matrix]]:
    """The items of a representation with the matrix each stands in; mapped ones, sets and clippings resolved."""
    for item in representation.Items:
        yield from _resolved(item, matrix, depth)


def _resolved(item: Any, matrix: Matrix, depth: int) -> Iterator[tuple[Any, Matrix]]:
    if depth > _NESTING_LIMIT:
        return
    if item.is_a("IfcMappedItem"):
        source = get_mappeditem_transformation(item)
        if source is not None:
            yield from _items(item.MappingSource.MappedRepresentation, matrix @ source, depth + 1)
    elif item.is_a("IfcBooleanResult"):
        yield from _resolved(item.FirstOperand, matrix, depth + 1)
    elif item.is_a() in _CURVE_SETS:
        for part in item.Elements:
            yield from _resolved(part, matrix, depth + 1)
    else:
        yield item, matrix


def _extruded(solid: Any, matrix: Matrix) -> Form:
    placed = matrix if solid.Position is None else matrix @ get_axis2placement(solid.Position)
    section, middle = _section(solid.SweptArea)
    direction = np.array(solid.ExtrudedDirection.DirectionRatios, dtype=float)
    start = np.array([*middle, 0.0])
    ends = np.stack([start, start + direction / np.linalg.norm(direction) * solid.Depth])
    axis = _moved(ends, placed)
    # The profile's own y is the height unless it lies flat.
    if abs(placed[2, 0]) > abs(placed[2, 1]):
        section = replace(section, width=section.height, height=section.width)
    return Form(axis, section, axis)


def _section(profile: Any) -> tuple[Section, Points]:
    """The section of a profile, and its middle in the profile's plane."""
    if profile.is_a("IfcParameterizedProfileDef"):
        placed = get_axis2placement(profile.Position) if profile.Position else np.eye(4)
        return _parameterized(profile), placed[:2, 3]
    if profile.is_a("IfcArbitraryClosedProfileDef"):
        return _arbitrary(profile)
    if profile.is_a("IfcDerivedProfileDef"):
        return _section(profile.ParentProfile)[0], np.zeros(2)
    return Section(), np.zeros(2)


def _parameterized(profile: Any) -> Section:
    wall = getattr(profile, "WallThickness", None)
    if profile.is_a("IfcCircleProfileDef"):
        return Section("circle", 2 * profile.Radius, 2 * profile.Radius, wall)
    if profile.is_a("IfcRectangleProfileDef"):
        return Section("rect", profile.XDim, profile.YDim, wall)
    if profile.is_a("IfcEllipseProfileDef"):
        return Section(None, 2 * profile.SemiAxis1, 2 * profile.SemiAxis2)
    return Section()


def _arbitrary(profile: Any) -> tuple[Section, Points]:
    outer = profile.OuterCurve
    if outer.is_a("IfcCircle"):
        holes = [hole for hole in getattr(profile, "InnerCurves", None) or () if hole.is_a("IfcCircle")]
        wall = outer.Radius - holes[0].Radius if holes else None
        return Section("circle", 2 * outer.Radius, 2 * outer.Radius, wall), get_axis2placement(outer.Position)[:2, 3]
    if not outer.is_a("IfcPolyline") and not outer.is_a("IfcIndexedPolyCurve"):
        return Section(), np.zeros(2)
    listed = [point.Coordinates for point in outer.Points] if outer.is_a("IfcPolyline") else outer.Points.CoordList
    places = np.array(listed, dtype=float)[:, :2]
    width, height = np.ptp(places, axis=0)
    is_box = len(np.unique(places, axis=0)) == 4
    return Section("rect" if is_box else None, float(width), float(height)), (places.min(0) + places.max(0)) / 2


def _between(places: Points, disk: Any) -> Points:
    """The part of a polyline between the parameters of a swept disk; each piece of the line counts 1."""
    last = len(places) - 1
    if not disk.Directrix.is_a("IfcPolyline") or disk.EndParam is None or not 0 < disk.EndParam < last:
        return places
    start, end = disk.StartParam or 0.0, disk.EndParam
    at = [start, *range(int(start) + 1, int(np.ceil(end))), end]
    return np.column_stack([np.interp(at, np.arange(last + 1), places[:, axis]) for axis in range(3)])


def _vertices(item: Any) -> Points:
    """Every corner of a body of faces."""
    if item.is_a("IfcTessellatedFaceSet"):
        return _three_dimensional(item.Coordinates.CoordList)
    points = [part for part in item.file.traverse(item) if part.is_a("IfcCartesianPoint")]
    return _three_dimensional([point.Coordinates for point in points])


def _prism(corners: Points) -> Form:
    """The axis and section of a straight pipe of faces; only its corners where it is none."""
    known = Form(None, Section(), corners)
    places = np.unique(corners.round(9), axis=0)
    if len(places) < _ROUND_CORNERS:
        return known
    middle = places.mean(0)
    direction = np.linalg.svd(places - middle, full_matrices=False)[2][0]
    along = (places - middle) @ direction
    length = float(np.ptp(along))
    is_first, is_last = along < along.min() + _END_SHARE * length, along > along.max() - _END_SHARE * length
    if not (is_first | is_last).all():
        return known
    axis = np.stack([places[is_first].mean(0), places[is_last].mean(0)])
    way = (axis[1] - axis[0]) / np.linalg.norm(axis[1] - axis[0])
    radii = np.linalg.norm(np.cross(places - axis[0], way), axis=1)
    outer = float(radii.max())
    if length < _SLENDER * 2 * outer:
        return known
    is_outer = radii > outer * (1 - _ROUND)
    is_round = is_outer.sum() >= 2 * _ROUND_CORNERS
    inner = radii[~is_outer]
    wall = outer - float(inner.max()) if is_round and len(inner) and np.ptp(inner) < _ROUND * outer else None
    section = Section("circle", 2 * outer, 2 * outer, wall) if is_round else Section()
    return Form(axis, section, corners, is_mesh=True)


def _three_dimensional(coordinates: Sequence[Sequence[float]]) -> Points:
    places = np.array(coordinates, dtype=float)
    return np.column_stack([places, np.zeros(len(places))]) if places.shape[1] == 2 else places


def _moved(places: Points, matrix: Matrix) -> Points:
    moved: Points = places @ matrix[:3, :3].T + matrix[:3, 3]
    return moved


def _length(form: Form) -> float:
    return 0.0 if form.axis is None else float(np.linalg.norm(np.diff(form.axis, axis=0), axis=1).sum())
