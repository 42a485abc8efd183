"""Heads of the boxes' audits, and what was proven of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audit_heads",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("box", sa.String(length=40), nullable=False),
        sa.Column("epoch", sa.String(length=32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("time_quality", sa.String(length=12), nullable=False),
        sa.Column("basis", sa.String(length=48), nullable=False),
        sa.Column("basis_scope", sa.String(length=20), nullable=True),
        sa.Column("purpose", sa.String(length=48), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("from_size", sa.BigInteger(), nullable=False),
        sa.Column("proof", sa.JSON(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "box", "epoch", "sequence"],
            ["entries.tenant", "entries.box", "entries.epoch", "entries.sequence"],
            name=op.f("fk_audit_heads_entries"),
        ),
        sa.PrimaryKeyConstraint("tenant", "box", "epoch", "sequence", name=op.f("pk_audit_heads")),
    )
    op.create_table(
        "audit_logs",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("box", sa.String(length=40), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("root", sa.String(length=64), nullable=False),
        sa.Column("proven_ms", sa.BigInteger(), nullable=False),
        sa.Column("alarm", sa.String(length=48), nullable=True),
        sa.Column("alarm_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["tenant", "box"], ["boxes.tenant", "boxes.box"], name=op.f("fk_audit_logs_boxes")
        ),
        sa.PrimaryKeyConstraint("tenant", "box", name=op.f("pk_audit_logs")),
    )
