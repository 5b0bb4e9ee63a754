"""Export jobs: what was asked for, by whom, how far it has come, and the package until it expires."""

from sqlalchemy import CheckConstraint, Column, Index, Table, text
from sqlalchemy.dialects.postgresql import BIGINT, INTEGER, JSONB, TEXT, TIMESTAMP, UUID

from schemas.tables.base import metadata

EXPORT_STATES = ("waiting", "running", "done", "failed", "cancelled", "expired")

export_job = Table(
    "export_job",
    metadata,
    Column("job_id", UUID, primary_key=True, server_default=text("gen_random_uuid()")),
    Column("agreement_id", INTEGER, comment="Agreement under which it was asked for; null for staff."),
    Column("key_sha256", TEXT, comment="Hash of the key that asked; null for staff."),
    Column("actor", TEXT, nullable=False, comment="Agency or local user."),
    Column("request", JSONB, nullable=False, comment="Format, box or area, CRS, version."),
    Column("state", TEXT, nullable=False, server_default=text("'waiting'")),
    Column("attempts", INTEGER, nullable=False, server_default=text("0")),
    Column("total", BIGINT, comment="Features asked for; null until they are counted."),
    Column("done", BIGINT, nullable=False, server_default=text("0"), comment="Features written so far."),
    Column("digest", TEXT, comment="Digest of the permission the package was made under; null for staff."),
    Column("file_name", TEXT, comment="Package in the job's folder."),
    Column("bytes", BIGINT),
    Column("sha256", TEXT, comment="Of the package."),
    Column("reason", TEXT, comment="Why it failed."),
    Column("asked_at", TIMESTAMP(timezone=True), nullable=False, server_default=text("now()")),
    Column("finished_at", TIMESTAMP(timezone=True)),
    Column("expires_at", TIMESTAMP(timezone=True), comment="When the package is deleted."),
    CheckConstraint(
        "state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'expired')", name="export_job_state"
    ),
    Index("export_job_agreement_idx", "agreement_id", "asked_at"),
)
