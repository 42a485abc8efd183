"""A departure that nobody saw is marked as estimated."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Mark what came so far as seen: that is what it was."""
    op.add_column(
        "visits", sa.Column("departure_estimated", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def downgrade() -> None:
    """Forget which departures were estimated."""
    op.drop_column("visits", "departure_estimated")
