"""Webhooks: where an agency is told that what it may see has changed, and every message to it."""

from sqlalchemy import CheckConstraint, Column, Index, Table, text
from sqlalchemy.dialects.postgresql import BIGINT, BYTEA, INTEGER, JSONB, TEXT, TIMESTAMP, UUID

from schemas.tables.base import metadata

share_hook = Table(
    "share_hook",
    metadata,
    Column("hook_id", INTEGER, primary_key=True, autoincrement=True),
    Column("agreement_id", INTEGER, nullable=False),
    Column("key_sha256", BYTEA, nullable=False, comment="The key that registered it; it lives as long."),
    Column("url", TEXT, nullable=False),
    Column("salt", TEXT, nullable=False, comment="Makes its secret, with a secret of the machine that sends."),
    Column("state", TEXT, nullable=False, server_default=text("'waiting'")),
    Column("version", INTEGER, nullable=False, server_default=text("0"), comment="Up to which it has been told."),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("approved_by", TEXT),
    Column("approved_at", TIMESTAMP(timezone=True)),
    Column("ended_at", TIMESTAMP(timezone=True)),
    Column("ended_reason", TEXT),
    CheckConstraint("state IN ('waiting', 'approved', 'paused', 'ended')", name="share_hook_state"),
)

share_delivery = Table(
    "share_delivery",
    metadata,
    Column("delivery_id", BIGINT, primary_key=True, autoincrement=True),
    Column("message_id", UUID, nullable=False, server_default=text("gen_random_uuid()")),
    Column("hook_id", INTEGER, nullable=False),
    Column("since", INTEGER, nullable=False),
    Column("until", INTEGER, nullable=False),
    Column("permission", TEXT, nullable=False, comment="Digest of what decides what is shown."),
    Column("counts", JSONB, nullable=False, comment="Changes by op."),
    Column("state", TEXT, nullable=False, server_default=text("'waiting'")),
    Column("attempts", INTEGER, nullable=False, server_default=text("0")),
    Column("status", INTEGER, comment="What the host last answered."),
    Column("fault", TEXT, comment="Why the last attempt failed."),
    Column("fault_zh", TEXT, comment="The same in Chinese."),
    Column("created_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("next_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("ended_at", TIMESTAMP(timezone=True)),
    CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="share_delivery_state"),
    Index("share_delivery_hook_idx", "hook_id", "delivery_id"),
    Index("share_delivery_waiting_key", "hook_id", unique=True, postgresql_where=text("state = 'waiting'")),
)
