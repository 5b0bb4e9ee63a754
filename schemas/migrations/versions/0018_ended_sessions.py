"""Keep which sessions of staff were ended before their time."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "ended_session",
        sa.Column("session_id", sa.TEXT(), primary_key=True),
        sa.Column("until", TIMESTAMP(timezone=True), nullable=False, comment="When it would have ended by itself."),
        schema="pipemap",
    )
