"""Keep deliveries that are handed in over HTTP until they are changesets."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "delivery_job",
        sa.Column("job_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("actor", sa.TEXT(), nullable=False, comment="Who of the staff handed it in; author of the changeset."),
        sa.Column(
            "file_name", sa.TEXT(), nullable=False, comment="What the file was called; it lies under another name."
        ),
        sa.Column("bytes", sa.BIGINT(), nullable=False),
        sa.Column("sha256", sa.TEXT(), nullable=False, comment="Of the file as it came."),
        sa.Column(
            "request", postgresql.JSONB(), nullable=False, comment="Title, dataset, profile, CRS, class, whether partial."
        ),
        sa.Column("state", sa.TEXT(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("attempts", sa.INTEGER(), server_default=sa.text("0"), nullable=False),
        sa.Column("stage", sa.TEXT(), comment="What is being done."),
        sa.Column("done", sa.BIGINT(), server_default=sa.text("0"), nullable=False, comment="Of this stage."),
        sa.Column("total", sa.BIGINT(), comment="Of this stage."),
        sa.Column("changeset_id", sa.INTEGER(), comment="What it became; the changeset may be gone since."),
        sa.Column("reason", sa.TEXT(), comment="Why it failed."),
        sa.Column("reason_zh", sa.TEXT(), comment="Why it failed, in Chinese where that is known."),
        sa.Column("asked_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True)),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'cancelled')", name="delivery_job_state"
        ),
        sa.PrimaryKeyConstraint("job_id"),
        schema="pipemap",
    )
    op.create_index("delivery_job_asked_idx", "delivery_job", ["asked_at"], schema="pipemap")
