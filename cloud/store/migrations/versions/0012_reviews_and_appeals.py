"""What people say of findings: reviews, appeals, and what came with an appeal."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _subject() -> tuple[sa.Column[str], ...]:
    return (
        sa.Column("project", sa.String(40), nullable=False),
        sa.Column("about", sa.String(6), nullable=False),
        sa.Column("ref", sa.String(40), nullable=False),
    )


def upgrade() -> None:
    """Begin with none."""
    op.create_table(
        "reviews",
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("review_id", sa.String(32), nullable=False),
        *_subject(),
        sa.Column("outcome", sa.String(10), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("appeal_id", sa.String(32), nullable=True),
        sa.Column("seen", sa.String(64), nullable=False),
        sa.Column("by", sa.String(40), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "review_id", name="pk_reviews"),
    )
    op.create_index("ix_reviews_subject", "reviews", ["tenant", "project", "about", "ref"])
    op.create_table(
        "appeals",
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("appeal_id", sa.String(32), nullable=False),
        *_subject(),
        sa.Column("channel", sa.String(40), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("seen", sa.String(64), nullable=False),
        sa.Column("by", sa.String(40), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "appeal_id", name="pk_appeals"),
    )
    op.create_index("ix_appeals_subject", "appeals", ["tenant", "project", "about", "ref"])
    op.create_table(
        "attachments",
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("appeal_id", sa.String(32), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("media", sa.String(20), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "appeal_id", "place", name="pk_attachments"),
        sa.ForeignKeyConstraint(
            ["tenant", "appeal_id"], ["appeals.tenant", "appeals.appeal_id"], name="fk_attachments_appeals"
        ),
    )


def downgrade() -> None:
    """Forget them."""
    for table in ("attachments", "appeals", "reviews"):
        op.drop_table(table)
