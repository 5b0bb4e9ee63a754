"""Requests for data of other agencies, what has been read of the map under an agreement, and whom to call."""

from geoalchemy2 import Geometry
from sqlalchemy import Column, Table, text
from sqlalchemy.dialects.postgresql import ARRAY, DATE, DOUBLE_PRECISION, INTEGER, TEXT, TIMESTAMP

from schemas.tables.base import metadata

share_request = Table(
    "share_request",
    metadata,
    Column("request_id", INTEGER, primary_key=True, autoincrement=True),
    Column("agency", TEXT, nullable=False),
    Column("applicant", TEXT, nullable=False, comment="The person, with a way to reach them."),
    Column("purpose_code", TEXT, nullable=False, comment="Code of request_purpose."),
    Column("work_type", TEXT),
    Column("reason", TEXT, nullable=False),
    Column("area", Geometry("MULTIPOLYGON", srid=-1, spatial_index=False), nullable=False),
    Column("class_codes", ARRAY(TEXT), nullable=False),
    Column("attributes", ARRAY(TEXT), nullable=False),
    Column("starts_on", DATE, nullable=False),
    Column("ends_on", DATE, nullable=False, comment="Last day, included."),
    Column("author", TEXT, nullable=False, comment="Who wrote it in: staff, the agency under its key, or the form."),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("state", TEXT, nullable=False, server_default=text("'open'"), comment="open, approved, narrowed, refused."),
    Column("decided_by", TEXT),
    Column("decided_at", TIMESTAMP(timezone=True)),
    Column("decision_reason", TEXT),
    Column("agreement_id", INTEGER, comment="The agreement that was made of it."),
)

area_read = Table(
    "area_read",
    metadata,
    Column("agreement_id", INTEGER, primary_key=True, autoincrement=False),
    Column("area", Geometry("MULTIPOLYGON", srid=-1, spatial_index=False), nullable=False, comment="Read of the area."),
    Column(
        "outside",
        Geometry("MULTIPOLYGON", srid=-1, spatial_index=False),
        nullable=False,
        comment="Windows asked for that hold nothing of the agreement's area.",
    ),
)

area_allowance = Table(
    "area_allowance",
    metadata,
    Column("agency", TEXT, primary_key=True),
    Column("km2", DOUBLE_PRECISION, nullable=False, comment="Most full-feature data it may hold, all agreements."),
    Column("reason", TEXT, nullable=False),
    Column("allowed_by", TEXT, nullable=False),
    Column("allowed_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
)

owner_contact = Table(
    "owner_contact",
    metadata,
    Column("owner", TEXT, primary_key=True, comment="As the map writes it."),
    Column("telephone", TEXT, nullable=False),
)
