"""The database tables, declared once, one module a subject; what they hold together is the metadata."""

from schemas.tables import clearance, deliveries, exports, ground, hooks, requests, sharing, versions
from schemas.tables.base import SCHEMA, metadata
from schemas.tables.features import (
    FEATURE_KINDS,
    LARGEST_ID,
    SHARED_KINDS,
    attribute_names,
    feature_id_sequence,
    number_names,
    state_names,
)

__all__ = [
    "FEATURE_KINDS",
    "LARGEST_ID",
    "SCHEMA",
    "SHARED_KINDS",
    "attribute_names",
    "clearance",
    "deliveries",
    "exports",
    "feature_id_sequence",
    "ground",
    "hooks",
    "metadata",
    "number_names",
    "requests",
    "sharing",
    "state_names",
    "versions",
]
