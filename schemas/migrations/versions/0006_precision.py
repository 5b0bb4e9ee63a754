"""Give agreements their precision, version and limits, and desensitised copies of the map their tables."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for column in (
        sa.Column(
            "position_precision",
            sa.TEXT(),
            nullable=False,
            server_default=sa.text("'exact'"),
            comment="exact, grid_… or shifted.",
        ),
        sa.Column(
            "depth_precision",
            sa.TEXT(),
            nullable=False,
            server_default=sa.text("'exact'"),
            comment="exact, step_… or masked.",
        ),
        sa.Column(
            "frozen_version",
            sa.INTEGER(),
            comment="The one version that is shown; null: the newest, and any before it.",
        ),
        sa.Column(
            "may_export",
            sa.BOOLEAN(),
            nullable=False,
            server_default=sa.text("true"),
            comment="False: for view only.",
        ),
        sa.Column(
            "sites_telephone",
            sa.TEXT(),
            comment="Whom to call about sensitive sites, shown as padded shapes; null: they are left out.",
        ),
        sa.Column("requests_per_minute", sa.INTEGER(), comment="Null: as the service's own limit."),
        sa.Column("concurrent_requests", sa.INTEGER(), comment="Null: as the service's own limit."),
    ):
        op.add_column("agreement", column, schema="pipemap")
    op.create_table(
        "desensitised_store",
        sa.Column("store_id", sa.INTEGER(), autoincrement=True, nullable=False),
        sa.Column("position_precision", sa.TEXT(), nullable=False),
        sa.Column("depth_precision", sa.TEXT(), nullable=False),
        sa.Column("version", sa.INTEGER(), nullable=False, comment="Version of the map up to which it is made."),
        sa.Column(
            "key_mark",
            sa.TEXT(),
            nullable=False,
            comment="Tells the secret of its shift from another one; '' for none.",
        ),
        sa.PrimaryKeyConstraint("store_id"),
        sa.UniqueConstraint("position_precision", "depth_precision", "key_mark", name="desensitised_store_same"),
        schema="pipemap",
    )
    for kind in ("node", "pipe_segment"):
        name = f"{kind}_desensitised"
        op.execute(
            f"""
            CREATE TABLE pipemap.{name} (
                store_id integer NOT NULL,
                LIKE pipemap.{kind} INCLUDING COMMENTS,
                valid_to_version integer,
                CONSTRAINT {name}_pkey PRIMARY KEY (store_id, feature_id, valid_from_version)
            );
            ALTER TABLE pipemap.{name}
                DROP COLUMN dataset_id, DROP COLUMN source_file_id, DROP COLUMN source_sheet,
                DROP COLUMN source_row, DROP COLUMN extra;
            COMMENT ON COLUMN pipemap.{name}.valid_to_version IS 'Null while the state is the current one.';
            CREATE INDEX {name}_life_idx ON pipemap.{name}
                USING gist (geom, int4range(valid_from_version, valid_to_version));
            """
        )
