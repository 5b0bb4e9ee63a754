"""Keep with agreements on an area that is a box how far what lies in it needs no closer look."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    column = sa.Column(
        "inner_box",
        Geometry("POLYGON", srid=-1, spatial_index=False),
        sa.Computed(
            "CASE WHEN least(ST_XMax(area::box3d) - ST_XMin(area::box3d), ST_YMax(area::box3d) - ST_YMin(area::box3d))"
            " > 20::double precision AND ST_Covers(area, ST_Envelope(area))"
            " THEN ST_Expand(ST_Envelope(area), '-10'::integer::double precision) ELSE NULL::geometry END",
            persisted=True,
        ),
        comment="The area, if it is a box, 10 m off its edge; null where it is none.",
    )
    op.add_column("agreement", column, schema="pipemap")
