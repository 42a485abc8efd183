"""What was registered on paper says when it was typed in."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Leave what came so far as it is: nobody had typed in any of it."""
    for table in ("visits", "consents"):
        op.add_column(table, sa.Column("entered_ms", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Forget which of them came on paper."""
    for table in ("visits", "consents"):
        op.drop_column(table, "entered_ms")
