"""finding class."""

from alembic import op
import sqlalchemy as sa

revision = '0002'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column('finding', sa.Column('class_code', sa.TEXT(), nullable=True, comment='Utility class of the feature the finding is about.'), schema='pipemap')
