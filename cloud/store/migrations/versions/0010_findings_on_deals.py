"""A finding may be on a deal, and brings what it rests on; each box says to which key facts are sealed."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "deal_ref": sa.String(40),
    "channel": sa.String(40),
    "also": sa.JSON(),
    "inputs": sa.Text(),
    "outcomes": sa.JSON(),
    "signature": sa.String(128),
}


def upgrade() -> None:
    """Leave what came so far as it is: findings on reports, of which nothing but the result was sent."""
    for name, kind in _COLUMNS.items():
        op.add_column("verdicts", sa.Column(name, kind, nullable=True))
    op.create_index("ix_verdicts_deal", "verdicts", ["tenant", "deal_ref"])
    op.create_table(
        "box_keys",
        sa.Column("tenant", sa.String(40), nullable=False),
        sa.Column("box", sa.String(40), nullable=False),
        sa.Column("epoch", sa.String(32), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("site", sa.String(40), nullable=False),
        sa.Column("wall_ms", sa.BigInteger(), nullable=False),
        sa.Column("time_quality", sa.String(12), nullable=False),
        sa.Column("basis", sa.String(48), nullable=False),
        sa.Column("basis_scope", sa.String(20), nullable=True),
        sa.Column("purpose", sa.String(48), nullable=False),
        sa.Column("project", sa.String(40), nullable=True),
        sa.Column("enrolment_key", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "box", "epoch", "sequence", name="pk_box_keys"),
        sa.ForeignKeyConstraint(
            ["tenant", "box", "epoch", "sequence"],
            ["entries.tenant", "entries.box", "entries.epoch", "entries.sequence"],
            name="fk_box_keys_entries",
        ),
    )


def downgrade() -> None:
    """Forget them."""
    op.drop_table("box_keys")
    op.drop_index("ix_verdicts_deal", "verdicts")
    for name in _COLUMNS:
        op.drop_column("verdicts", name)
