"""Keep with agreements the digest of their terms, and find the longest segments at once."""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_SIDE_M = "greatest(ST_XMax(geom::box3d) - ST_XMin(geom::box3d), ST_YMax(geom::box3d) - ST_YMin(geom::box3d))"


def upgrade() -> None:
    """Apply."""
    terms_sha256 = sa.Column(
        "terms_sha256",
        sa.TEXT,
        sa.Computed(
            "encode(sha256(ST_AsEWKB(area) || replace(jsonb_object(class_codes, class_codes)::text"
            " || jsonb_object(attributes, attributes)::text || position_precision || ' '::text || depth_precision"
            " || ' '::text || COALESCE(frozen_version::text, ''::text) || ' '::text"
            r" || COALESCE(sites_telephone, ''::text), '\'::text, '\\'::text)::bytea), 'hex'::text)",
            persisted=True,
        ),
        comment="In hex, over all that decides what is shown of the map.",
    )
    op.add_column("agreement", terms_sha256, schema="pipemap")
    op.create_index(
        "pipe_segment_long_idx",
        "pipe_segment",
        [sa.text(_SIDE_M)],
        schema="pipemap",
        postgresql_where=sa.text(f"{_SIDE_M} > 500"),
    )
