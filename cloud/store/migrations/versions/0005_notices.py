"""Notices that headquarters publishes, and the commands that carry them."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table of notices; a command may be about one instead of about a person."""
    op.create_table(
        "notices",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("site", sa.String(length=40), nullable=False),
        sa.Column("notice_hash", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=48), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("published_by", sa.String(length=40), nullable=False),
        sa.Column("published_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "site", "notice_hash", name=op.f("pk_notices")),
    )
    with op.batch_alter_table("commands") as commands:
        commands.alter_column("who", existing_type=sa.String(length=96), nullable=True)
        commands.add_column(sa.Column("notice_hash", sa.String(length=64), nullable=True))


def downgrade() -> None:
    """Only forward."""
    raise NotImplementedError
