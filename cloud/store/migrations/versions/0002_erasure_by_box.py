"""Erasures are held apart by the box that receipted them; those known so far hold for every box."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Put `box` into the primary key of `suppression`; the old rows name every box ('')."""
    held = op.get_bind().execute(sa.text("SELECT tenant, '' AS box, who, erased_ms FROM suppression"))
    rows = [dict(row) for row in held.mappings()]
    op.drop_table("suppression")
    made = op.create_table(
        "suppression",
        sa.Column("tenant", sa.String(length=40), nullable=False),
        sa.Column("box", sa.String(length=40), nullable=False),
        sa.Column("who", sa.String(length=96), nullable=False),
        sa.Column("erased_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "box", "who", name=op.f("pk_suppression")),
    )
    op.bulk_insert(made, rows)
