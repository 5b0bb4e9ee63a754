"""Name in a draft the delivery that it was made of, so that it is made once."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    job = sa.Column("delivery_job_id", sa.UUID(), comment="Job of the delivery that it was made of, once.")
    op.add_column("changeset", job, schema="pipemap")
    op.create_unique_constraint("changeset_of_one_delivery", "changeset", ["delivery_job_id"], schema="pipemap")
