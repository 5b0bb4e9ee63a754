"""Let a webhook be paused, and keep in Chinese too why a message failed."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    fault = sa.Column("fault_zh", sa.TEXT(), comment="The same in Chinese.")
    op.add_column("share_delivery", fault, schema="pipemap")
    op.drop_constraint("share_hook_state", "share_hook", schema="pipemap", type_="check")
    states = "state IN ('waiting', 'approved', 'paused', 'ended')"
    op.create_check_constraint("share_hook_state", "share_hook", states, schema="pipemap")
