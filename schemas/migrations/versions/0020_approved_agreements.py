"""Keep who wrote an agreement and who approved it; of those before nobody knows who wrote them, and they were in force."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TIMESTAMP

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    columns = (
        sa.Column("written_by", sa.TEXT(), comment="Null: not known."),
        sa.Column("approved_by", sa.TEXT(), comment="Somebody else; null: not approved, or not known by whom."),
        sa.Column("approved_at", TIMESTAMP(timezone=True), comment="Null: not approved, so that it has no key."),
    )
    for column in columns:
        op.add_column("agreement", column, schema="pipemap")
    op.execute("UPDATE pipemap.agreement SET approved_at = created_at")
