"""Keep the casing round a pipe."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

_TABLES = ("pipe_segment", "pipe_segment_history", "pipe_segment_delta", "pipe_segment_desensitised")
_COMMENT = "Diameter of a casing round it 套管尺寸: outer where known, else as stated."


def upgrade() -> None:
    """Apply."""
    for table in _TABLES:
        op.add_column(table, sa.Column("casing_mm", sa.REAL(), nullable=True, comment=_COMMENT), schema="pipemap")
