"""Agreements with other agencies, their keys, and the record of every look."""

from geoalchemy2 import Geometry
from sqlalchemy import CheckConstraint, Column, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, BOOLEAN, BYTEA, INTEGER, TEXT, TIMESTAMP

from schemas.tables.base import metadata

agreement = Table(
    "agreement",
    metadata,
    Column("agreement_id", INTEGER, primary_key=True, autoincrement=True),
    Column("agency", TEXT, nullable=False),
    Column("purpose", TEXT, nullable=False),
    Column("area", Geometry("MULTIPOLYGON", srid=-1, spatial_index=False), nullable=False),
    Column("class_codes", ARRAY(TEXT), nullable=False),
    Column("attributes", ARRAY(TEXT), nullable=False, comment="Columns shown; every other one is null."),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("expires_at", TIMESTAMP(timezone=True), nullable=False),
    Column("revoked_at", TIMESTAMP(timezone=True)),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_sha256", BYTEA, primary_key=True),
    Column("agreement_id", INTEGER, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("revoked_at", TIMESTAMP(timezone=True)),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("seq", BIGINT, primary_key=True, autoincrement=False),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("actor", TEXT, nullable=False, comment="Agency or local user."),
    Column("action", TEXT, nullable=False),
    Column("details", TEXT, nullable=False, comment="Canonical JSON, exactly as hashed."),
    Column("prev_hash", BYTEA, nullable=False),
    Column("hash", BYTEA, nullable=False, comment="SHA-256 over seq, at, actor, action, details and prev_hash."),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("one_row", BOOLEAN, primary_key=True, server_default=text("true")),
    Column("seq", BIGINT, nullable=False, comment="Number of the last entry of the audit log."),
    Column("hash", BYTEA, nullable=False, comment="Hash of the last entry."),
    CheckConstraint("one_row", name="audit_head_one_row"),
)
