"""Keep with a source file which of its columns each attribute was read from."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    column = sa.Column("columns", JSONB(), nullable=False, server_default=sa.text("'[]'"))
    op.add_column("source_file", column, schema="pipemap")
