"""Deliveries that came over HTTP: who handed them in, how far their import is, and the changeset it made."""

from sqlalchemy import CheckConstraint, Column, Index, Table, text
from sqlalchemy.dialects.postgresql import BIGINT, INTEGER, JSONB, TEXT, TIMESTAMP, UUID

from schemas.tables.base import metadata

delivery_job = Table(
    "delivery_job",
    metadata,
    Column("job_id", UUID, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("actor", TEXT, nullable=False, comment="Who of the staff handed it in; author of the changeset."),
    Column("file_name", TEXT, nullable=False, comment="What the file was called; it lies under another name."),
    Column("bytes", BIGINT, nullable=False),
    Column("sha256", TEXT, nullable=False, comment="Of the file as it came."),
    Column("request", JSONB, nullable=False, comment="Title, dataset, profile, CRS, class, whether partial."),
    Column("state", TEXT, nullable=False, server_default=text("'waiting'")),
    Column("attempts", INTEGER, nullable=False, server_default=text("0")),
    Column("stage", TEXT, comment="What is being done."),
    Column("done", BIGINT, nullable=False, server_default=text("0"), comment="Of this stage."),
    Column("total", BIGINT, comment="Of this stage."),
    Column("changeset_id", INTEGER, comment="What it became; the changeset may be gone since."),
    Column("reason", TEXT, comment="Why it failed."),
    Column("reason_zh", TEXT, comment="Why it failed, in Chinese where that is known."),
    Column("asked_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("finished_at", TIMESTAMP(timezone=True)),
    CheckConstraint("state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="delivery_job_state"),
    Index("delivery_job_asked_idx", "asked_at"),
)
