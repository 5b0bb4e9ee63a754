"""Which column of a delivery an attribute of the map was read from, so that what is found later is told by its name."""

from collections.abc import Iterable, Mapping

from importers.normalising.normalise import READS
from importers.profiles import PLACE
from schemas.delivery import DeliveredColumns
from schemas.tables import FEATURE_KINDS, attribute_names

_OF_CODE = "_code"
# Attributes of profiles by the attribute of the map that they tell, the first before the others; elsewhere both are
# called alike, but for codes.
_TOLD_BY = {
    "class_code": ("class",),
    "width_mm": ("section", "width_mm", "diameter", "outer_diameter", "nominal_mm", "inner_diameter"),
    "section_text": ("section", "diameter"),
    "from_depth_m": ("from_depth_m", "depths"),
    "to_depth_m": ("to_depth_m", "depths"),
    "pressure_code": ("pressure", "pressure_or_voltage"),
    "pressure_mpa": ("pressure", "pressure_or_voltage"),
    "voltage_kv": ("voltage", "pressure_or_voltage"),
    "hole_count": ("hole_count", "holes"),
    "used_hole_count": ("used_hole_count", "used_holes", "holes", "unused_hole_count"),
    "well_depth_m": ("well_depth_m", "well_bottom_m"),
    "container_id": ("container_key",),
}
# Places are told by all of these that are there.
_PLACES = (*PLACE, "from_x", "from_y", "to_x", "to_y")
# What the reader of drawings calls what it found; nobody can look that up.
_NOT_DELIVERED = "drawn_"


def in_the_file(mapping: Mapping[str, str]) -> dict[str, str]:
    """Attribute to column, but for columns that a reader made up."""
    return {name: column for name, column in mapping.items() if not column.startswith(_NOT_DELIVERED)}


def delivered_columns(file: str, sheet: str, role: str, mapping: Mapping[str, str]) -> Iterable[DeliveredColumns]:
    """The columns of one table for each kind of feature that is read from it; `mapping` is attribute to column."""
    delivered = in_the_file(mapping)
    for kind in FEATURE_KINDS:
        if kind in READS.get(role, {}):
            yield DeliveredColumns(file, sheet, kind, _of_kind(kind, delivered))


def _of_kind(kind: str, delivered: Mapping[str, str]) -> dict[str, str]:
    found = {name: _column(name, delivered) for name in (*attribute_names(kind), "node_id")}
    found["geom"] = ", ".join(delivered[name] for name in _PLACES if name in delivered)
    return {name: column for name, column in found.items() if column}


def _column(name: str, delivered: Mapping[str, str]) -> str | None:
    told_by = _TOLD_BY.get(name, (name, name.removesuffix(_OF_CODE), name.replace("_id", "_key")))
    return next((delivered[each] for each in told_by if each in delivered), None)
