"""The books on their way to boxes: imports, sealed orders, columns, channels, CRMs' keys and answers."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_NAME = sa.String(40)
_CODE = sa.String(48)
_OPAQUE = sa.String(32)
_SHA256 = sa.String(64)


def upgrade() -> None:
    """Make the six tables."""
    op.create_table(
        "imports",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("import_id", _OPAQUE, nullable=False),
        sa.Column("project", _NAME, nullable=False),
        sa.Column("kind", _CODE, nullable=False),
        sa.Column("source", sa.String(4), nullable=False),
        sa.Column("source_name", _NAME, nullable=False),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "import_id", name=op.f("pk_imports")),
    )
    op.create_index("ix_imports_created", "imports", ["tenant", "project", "created_ms"])
    _make_orders()
    op.create_table(
        "column_mappings",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("project", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("kind", _CODE, nullable=False),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("saved_by", _NAME, nullable=False),
        sa.Column("saved_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "project", "name", "kind", name=op.f("pk_column_mappings")),
    )
    op.create_table(
        "channels",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("project", _NAME, nullable=False),
        sa.Column("code", _NAME, nullable=False),
        sa.Column("name", sa.String(60), nullable=False),
        sa.Column("agents", sa.JSON(), nullable=False),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("changed_ms", sa.BigInteger(), nullable=False),
        sa.Column("changed_by", _NAME, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "project", "code", name=op.f("pk_channels")),
    )
    _make_keys()


def _make_orders() -> None:
    op.create_table(
        "fact_orders",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("command_id", _OPAQUE, nullable=False),
        sa.Column("site", _NAME, nullable=False),
        sa.Column("box", _NAME, nullable=False),
        sa.Column("import_id", _OPAQUE, nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("issued_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("due_ms", sa.BigInteger(), nullable=False),
        sa.Column("sent_ms", sa.BigInteger()),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("answered_ms", sa.BigInteger()),
        sa.Column("outcome", sa.String(16)),
        sa.Column("code", _CODE),
        sa.Column("rows", sa.JSON(none_as_null=True)),
        sa.ForeignKeyConstraint(
            ["tenant", "box"], ["boxes.tenant", "boxes.box"], name=op.f("fk_fact_orders_boxes")
        ),
        sa.ForeignKeyConstraint(
            ["tenant", "import_id"],
            ["imports.tenant", "imports.import_id"],
            name=op.f("fk_fact_orders_imports"),
        ),
        sa.PrimaryKeyConstraint("tenant", "command_id", name=op.f("pk_fact_orders")),
    )
    op.create_index("ix_fact_orders_due", "fact_orders", ["state", "due_ms"])
    op.create_index("ix_fact_orders_import", "fact_orders", ["tenant", "import_id"])


def _make_keys() -> None:
    op.create_table(
        "crm_keys",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("name", _NAME, nullable=False),
        sa.Column("project", _NAME, nullable=False),
        sa.Column("kinds", sa.JSON(none_as_null=True)),
        sa.Column("key_hash", _SHA256, nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("revoked_ms", sa.BigInteger()),
        sa.PrimaryKeyConstraint("tenant", "name", name=op.f("pk_crm_keys")),
    )
    op.create_index("ix_crm_keys_hash", "crm_keys", ["tenant", "key_hash"], unique=True)
    op.create_table(
        "answered_posts",
        sa.Column("tenant", _NAME, nullable=False),
        sa.Column("key_name", _NAME, nullable=False),
        sa.Column("idempotency_hash", _SHA256, nullable=False),
        sa.Column("request_hash", _SHA256, nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=False),
        sa.Column("answered_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "key_name", "idempotency_hash", name=op.f("pk_answered_posts")),
    )


def downgrade() -> None:
    """Forget them."""
    for name in ("answered_posts", "crm_keys", "channels", "column_mappings", "fact_orders", "imports"):
        op.drop_table(name)
