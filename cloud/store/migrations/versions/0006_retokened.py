"""Which token took the place of which at a box whose project's keys were exchanged."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of exchanged tokens."""
    op.create_table(
        "retokened",
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
        sa.Column("old", sa.String(length=96), nullable=False),
        sa.Column("new", sa.String(length=96), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "box", "epoch", "sequence"],
            ["entries.tenant", "entries.box", "entries.epoch", "entries.sequence"],
            name=op.f("fk_retokened_entries"),
        ),
        sa.PrimaryKeyConstraint("tenant", "box", "epoch", "sequence", name=op.f("pk_retokened")),
    )
    op.create_index("ix_retokened_old", "retokened", ["tenant", "box", "old"])
    op.create_index("ix_retokened_new", "retokened", ["tenant", "box", "new"])
