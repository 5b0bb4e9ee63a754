"""Keep nominal, inner and outer sizes of sections apart."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TABLES = ("pipe_segment", "pipe_segment_history", "pipe_segment_delta")
_NEW = {
    "size_basis_code": (sa.TEXT, "What width and height measure: outer, inner, nominal or unknown."),
    "nominal_mm": (sa.REAL, "Nominal size where the survey states one."),
    "inner_width_mm": (sa.REAL, "Inner width, where stated or known by the wall."),
    "inner_height_mm": (sa.REAL, "Inner height, where stated or known by the wall."),
}
_SAID_ANEW = {
    "shape_code": "Code table section_shape.",
    "width_mm": "Width, diameter when circular: outer where known, else as stated.",
    "height_mm": "Height, diameter when circular: outer where known, else as stated.",
}


def upgrade() -> None:
    """Apply."""
    for table in _TABLES:
        for name, (kind, comment) in _NEW.items():
            op.add_column(table, sa.Column(name, kind(), nullable=True, comment=comment), schema="pipemap")
        for name, comment in _SAID_ANEW.items():
            op.alter_column(table, name, comment=comment, schema="pipemap")
