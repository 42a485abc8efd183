"""Which visits a box told under the token of a number that was typed wrongly."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of visits told of another person."""
    op.create_table(
        "reattributed",
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
        sa.Column("visit_id", sa.String(length=32), nullable=False),
        sa.Column("who", sa.String(length=96), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "box", "epoch", "sequence"],
            ["entries.tenant", "entries.box", "entries.epoch", "entries.sequence"],
            name=op.f("fk_reattributed_entries"),
        ),
        sa.PrimaryKeyConstraint("tenant", "box", "epoch", "sequence", name=op.f("pk_reattributed")),
    )
    op.create_index("ix_reattributed_who", "reattributed", ["tenant", "who"])
