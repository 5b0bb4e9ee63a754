"""Keep a chain of audit entries for each agency; the log so far goes on as the chain of the staff."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for table in ("audit_log", "audit_head"):
        op.add_column(table, sa.Column("chain", sa.TEXT(), nullable=False, server_default=""), schema="pipemap")
    op.drop_constraint("audit_log_pkey", "audit_log", schema="pipemap")
    op.create_primary_key("audit_log_pkey", "audit_log", ["chain", "seq"], schema="pipemap")
    op.create_index("audit_log_at_idx", "audit_log", ["at"], schema="pipemap")
    op.drop_constraint("audit_head_one_row", "audit_head", schema="pipemap")
    op.drop_constraint("audit_head_pkey", "audit_head", schema="pipemap")
    op.drop_column("audit_head", "one_row", schema="pipemap")
    op.create_primary_key("audit_head_pkey", "audit_head", ["chain"], schema="pipemap")
    for table in ("audit_log", "audit_head"):
        op.alter_column(table, "chain", server_default=None, schema="pipemap")
    comments = {
        ("audit_log", "chain"): "Agency whose looks these are; empty: what staff did.",
        ("audit_log", "seq"): "Number within the chain, from 1.",
        ("audit_log", "prev_hash"): "Of the first entry: SHA-256 of the chain's name.",
        ("audit_head", "seq"): "Number of the last entry of the chain.",
    }
    for (table, column), comment in comments.items():
        op.alter_column(table, column, comment=comment, schema="pipemap")
