"""Keep by which code each city-wide clearance run was judged, and how many places its conflicts are of."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    empty, comment = sa.text("''"), "Digest of the code that judged."
    engine = sa.Column("engine", sa.TEXT(), nullable=False, server_default=empty, comment=comment)
    places = sa.Column("places", JSONB, comment="Places by kind: how many, and how many with a certain conflict.")
    for column in (engine, places):
        op.add_column("clearance_run", column, schema="pipemap")
    op.drop_constraint("clearance_run_version_rules_ground_key", "clearance_run", schema="pipemap", type_="unique")
    judged_by = ["version", "rules", "ground", "engine"]
    op.create_unique_constraint("clearance_run_judged_by_key", "clearance_run", judged_by, schema="pipemap")
