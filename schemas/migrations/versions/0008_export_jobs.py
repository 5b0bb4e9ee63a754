"""Keep export jobs, and give the queue of background work its tables in a schema of its own."""

import sqlalchemy as sa
from alembic import op
from procrastinate.schema import SchemaManager
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "export_job",
        sa.Column("job_id", sa.UUID(), server_default=sa.text("gen_random_uuid()"), nullable=False),
        sa.Column("agreement_id", sa.INTEGER(), comment="Agreement under which it was asked for; null for staff."),
        sa.Column("key_sha256", sa.TEXT(), comment="Hash of the key that asked; null for staff."),
        sa.Column("actor", sa.TEXT(), nullable=False, comment="Agency or local user."),
        sa.Column("request", postgresql.JSONB(), nullable=False, comment="Format, box or area, CRS, version."),
        sa.Column("state", sa.TEXT(), server_default=sa.text("'waiting'"), nullable=False),
        sa.Column("attempts", sa.INTEGER(), server_default=sa.text("0"), nullable=False),
        sa.Column("total", sa.BIGINT(), comment="Features asked for; null until they are counted."),
        sa.Column(
            "done", sa.BIGINT(), server_default=sa.text("0"), nullable=False, comment="Features written so far."
        ),
        sa.Column(
            "digest", sa.TEXT(), comment="Digest of the permission the package was made under; null for staff."
        ),
        sa.Column("file_name", sa.TEXT(), comment="Package in the job's folder."),
        sa.Column("bytes", sa.BIGINT()),
        sa.Column("sha256", sa.TEXT(), comment="Of the package."),
        sa.Column("reason", sa.TEXT(), comment="Why it failed."),
        sa.Column("asked_at", sa.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.TIMESTAMP(timezone=True)),
        sa.Column("expires_at", sa.TIMESTAMP(timezone=True), comment="When the package is deleted."),
        sa.PrimaryKeyConstraint("job_id"),
        sa.CheckConstraint(
            "state IN ('waiting', 'running', 'done', 'failed', 'cancelled', 'expired')", name="export_job_state"
        ),
        schema="pipemap",
    )
    op.create_index("export_job_agreement_idx", "export_job", ["agreement_id", "asked_at"], schema="pipemap")
    _make_queue()


def _make_queue() -> None:
    """The library's own tables, which name no schema: they come where the search path says."""
    connection = op.get_bind()
    before = connection.exec_driver_sql("SHOW search_path").scalar()
    connection.exec_driver_sql("CREATE SCHEMA pipemap_jobs")
    connection.exec_driver_sql("SET LOCAL search_path TO pipemap_jobs, public")
    connection.execution_options(no_parameters=True).exec_driver_sql(SchemaManager.get_schema())
    connection.exec_driver_sql(f"SET LOCAL search_path TO {before}")
