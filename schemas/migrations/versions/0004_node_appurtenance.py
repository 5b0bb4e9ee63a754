"""Find valves, sources and outfalls without a look at every node."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_index(
        "node_appurtenance_idx",
        "node",
        ["appurtenance_code", "class_code"],
        schema="pipemap",
        postgresql_where=sa.text("appurtenance_code IS NOT NULL"),
    )
