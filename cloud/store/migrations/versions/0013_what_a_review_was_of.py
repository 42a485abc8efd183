"""A review says whose finding it was of, and how new; a report's findings are found by its reference.

Of reviews that were given before neither is known: what they were of counts as not reviewed yet, and no
channel is handed them.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add both columns, unknown, and the index."""
    op.add_column("reviews", sa.Column("channel", sa.String(40), nullable=True))
    op.add_column("reviews", sa.Column("decided_ms", sa.BigInteger(), nullable=True))
    op.create_index("ix_verdicts_report", "verdicts", ["tenant", "report_ref"])


def downgrade() -> None:
    """Forget them."""
    op.drop_index("ix_verdicts_report", "verdicts")
    op.drop_column("reviews", "decided_ms")
    op.drop_column("reviews", "channel")
