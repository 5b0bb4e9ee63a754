"""Keep webhooks of agencies with their messages; find the changed states of a desensitised store by version."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, UUID

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _moment(name: str, is_now: bool = False) -> sa.Column:
    default = sa.text("now()") if is_now else None
    return sa.Column(name, sa.TIMESTAMP(timezone=True), nullable=not is_now, server_default=default)


def _number(name: str, default: str | None = None, comment: str | None = None) -> sa.Column:
    given = None if default is None else sa.text(default)
    return sa.Column(name, sa.INTEGER(), nullable=False, server_default=given, comment=comment)


def _text(name: str, comment: str | None = None, nullable: bool = False) -> sa.Column:
    return sa.Column(name, sa.TEXT(), nullable=nullable, comment=comment)


def _state() -> sa.Column:
    return sa.Column("state", sa.TEXT(), nullable=False, server_default=sa.text("'waiting'"))


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "share_hook",
        sa.Column("hook_id", sa.INTEGER(), autoincrement=True, nullable=False),
        _number("agreement_id"),
        sa.Column("key_sha256", BYTEA(), nullable=False, comment="The key that registered it; it lives as long."),
        _text("url"),
        _text("salt", "Makes its secret, with a secret of the machine that sends."),
        _state(),
        _number("version", "0", "Up to which it has been told."),
        _moment("created_at", is_now=True),
        _text("approved_by", nullable=True),
        _moment("approved_at"),
        _moment("ended_at"),
        _text("ended_reason", nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'approved', 'ended')", name="share_hook_state"),
        sa.PrimaryKeyConstraint("hook_id"),
        schema="pipemap",
    )
    op.create_table(
        "share_delivery",
        sa.Column("delivery_id", sa.BIGINT(), autoincrement=True, nullable=False),
        sa.Column("message_id", UUID(), nullable=False, server_default=sa.text("gen_random_uuid()")),
        _number("hook_id"),
        _number("since"),
        _number("until"),
        _text("permission", "Digest of what decides what is shown."),
        sa.Column("counts", JSONB(), nullable=False, comment="Changes by op."),
        _state(),
        _number("attempts", "0"),
        sa.Column("status", sa.INTEGER(), comment="What the host last answered."),
        _text("fault", "Why the last attempt failed.", nullable=True),
        _moment("created_at", is_now=True),
        _moment("next_at", is_now=True),
        _moment("ended_at"),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="share_delivery_state"),
        sa.PrimaryKeyConstraint("delivery_id"),
        schema="pipemap",
    )
    op.create_index("share_delivery_hook_idx", "share_delivery", ["hook_id", "delivery_id"], schema="pipemap")
    op.create_index(
        "share_delivery_waiting_key",
        "share_delivery",
        ["hook_id"],
        unique=True,
        schema="pipemap",
        postgresql_where=sa.text("state = 'waiting'"),
    )
    for kind in ("node", "pipe_segment"):
        for end in ("from", "to"):
            name = f"{kind}_desensitised"
            columns = ["store_id", f"valid_{end}_version"]
            op.create_index(f"{name}_valid_{end}_idx", name, columns, schema="pipemap")
