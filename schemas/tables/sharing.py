"""Agreements with other agencies, their keys, and the record of every look."""

from geoalchemy2 import Geometry
from sqlalchemy import Column, Computed, Index, Table, UniqueConstraint, text
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
    Column(
        "position_precision", TEXT, nullable=False, server_default=text("'exact'"), comment="exact, grid_… or shifted."
    ),
    Column("depth_precision", TEXT, nullable=False, server_default=text("'exact'"), comment="exact, step_… or masked."),
    Column("frozen_version", INTEGER, comment="The one version that is shown; null: the newest, and any before it."),
    Column("may_export", BOOLEAN, nullable=False, server_default=text("true"), comment="False: for view only."),
    Column(
        "sites_telephone",
        TEXT,
        comment="Whom to call about sensitive sites, shown as padded shapes; null: they are left out.",
    ),
    Column("requests_per_minute", INTEGER, comment="Null: as the service's own limit."),
    Column("concurrent_requests", INTEGER, comment="Null: as the service's own limit."),
    Column("written_by", TEXT, comment="Null: not known."),
    Column("approved_by", TEXT, comment="Somebody else; null: not approved, or not known by whom."),
    Column("approved_at", TIMESTAMP(timezone=True), comment="Null: not approved, so that it has no key."),
    # `@` compares boxes in single precision, which at coordinates of 38 million is off by 4 m. The casts are those by
    # which PostgreSQL tells the expression, so that the two can be compared.
    Column(
        "inner_box",
        Geometry("POLYGON", srid=-1, spatial_index=False),
        Computed(
            "CASE WHEN least(ST_XMax(area::box3d) - ST_XMin(area::box3d), ST_YMax(area::box3d) - ST_YMin(area::box3d))"
            " > 20::double precision AND ST_Covers(area, ST_Envelope(area))"
            " THEN ST_Expand(ST_Envelope(area), '-10'::integer::double precision) ELSE NULL::geometry END",
            persisted=True,
        ),
        comment="The area, if it is a box, 10 m off its edge; null where it is none.",
    ),
    Column(
        "terms_sha256",
        TEXT,
        Computed(
            "encode(sha256(ST_AsEWKB(area) || replace(jsonb_object(class_codes, class_codes)::text"
            " || jsonb_object(attributes, attributes)::text || position_precision || ' '::text || depth_precision"
            " || ' '::text || COALESCE(frozen_version::text, ''::text) || ' '::text"
            r" || COALESCE(sites_telephone, ''::text), '\'::text, '\\'::text)::bytea), 'hex'::text)",
            persisted=True,
        ),
        comment="In hex, over all that decides what is shown of the map.",
    ),
)

# What the desensitised copies of the map are made to, and up to which version each is made.
desensitised_store = Table(
    "desensitised_store",
    metadata,
    Column("store_id", INTEGER, primary_key=True, autoincrement=True),
    Column("position_precision", TEXT, nullable=False),
    Column("depth_precision", TEXT, nullable=False),
    Column("version", INTEGER, nullable=False, comment="Version of the map up to which it is made."),
    Column("key_mark", TEXT, nullable=False, comment="Tells the secret of its shift from another one; '' for none."),
    UniqueConstraint("position_precision", "depth_precision", "key_mark", name="desensitised_store_same"),
)

api_key = Table(
    "api_key",
    metadata,
    Column("key_sha256", BYTEA, primary_key=True),
    Column("agreement_id", INTEGER, nullable=False),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("revoked_at", TIMESTAMP(timezone=True)),
)

ended_session = Table(
    "ended_session",
    metadata,
    Column("session_id", TEXT, primary_key=True),
    Column("until", TIMESTAMP(timezone=True), nullable=False, comment="When it would have ended by itself."),
)

audit_log = Table(
    "audit_log",
    metadata,
    Column("chain", TEXT, primary_key=True, comment="Agency whose looks these are; empty: what staff did."),
    Column("seq", BIGINT, primary_key=True, autoincrement=False, comment="Number within the chain, from 1."),
    Column("at", TIMESTAMP(timezone=True), nullable=False),
    Column("actor", TEXT, nullable=False, comment="Agency or local user."),
    Column("action", TEXT, nullable=False),
    Column("details", TEXT, nullable=False, comment="Canonical JSON, exactly as hashed."),
    Column("prev_hash", BYTEA, nullable=False, comment="Of the first entry: SHA-256 of the chain's name."),
    Column("hash", BYTEA, nullable=False, comment="SHA-256 over seq, at, actor, action, details and prev_hash."),
    Index("audit_log_at_idx", "at"),
)

audit_head = Table(
    "audit_head",
    metadata,
    Column("chain", TEXT, primary_key=True),
    Column("seq", BIGINT, nullable=False, comment="Number of the last entry of the chain."),
    Column("hash", BYTEA, nullable=False, comment="Hash of the last entry."),
)
