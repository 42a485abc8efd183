"""Visitors' own pages of rights: the newest sealed package of each link, and sealed requests.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the two tables."""
    op.create_table(
        "packages",
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("box", sa.String(40), nullable=False),
        sa.Column("epoch", sa.String(32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("site", sa.String(40), nullable=False),
        sa.Column("wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("time_quality", sa.String(12), nullable=False),
        sa.Column("basis", sa.String(48), nullable=False),
        sa.Column("basis_scope", sa.String(20)),
        sa.Column("purpose", sa.String(48), nullable=False),
        sa.Column("link_id", sa.String(32), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("last", sa.Boolean(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant", "box", "epoch", "sequence"],
            ["entries.tenant", "entries.box", "entries.epoch", "entries.sequence"],
            name=op.f("fk_packages_entries"),
        ),
        sa.PrimaryKeyConstraint("tenant", "box", "epoch", "sequence", name=op.f("pk_packages")),
    )
    op.create_index("ix_packages_link", "packages", ["tenant", "link_id"])
    op.create_table(
        "requests",
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("command_id", sa.String(32), nullable=False),
        sa.Column("site", sa.String(40), nullable=False),
        sa.Column("box", sa.String(40), nullable=False),
        sa.Column("link_id", sa.String(32), nullable=False),
        sa.Column("sealed", sa.Text()),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger()),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("answered_ms", sa.BigInteger()),
        sa.Column("outcome", sa.String(16)),
        sa.Column("code", sa.String(48)),
        sa.ForeignKeyConstraint(
            ["tenant", "box"], ["boxes.tenant", "boxes.box"], name=op.f("fk_requests_boxes")
        ),
        sa.PrimaryKeyConstraint("tenant", "command_id", name=op.f("pk_requests")),
    )
    op.create_index("ix_requests_due", "requests", ["state", "due_ms"])
    op.create_index("ix_requests_link", "requests", ["tenant", "link_id"])
