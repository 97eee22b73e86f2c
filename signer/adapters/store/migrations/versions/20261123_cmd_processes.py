"""Processes of the CMD doors, their look-ups, and why an account may not sign."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_cmd_processes"
down_revision = "20261123_initial"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move forward."""
    op.create_table(
        "cmd_lookup",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "subject", "address", name=op.f("pk_cmd_lookup")),
    )
    with op.batch_alter_table("cmd_lookup", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cmd_lookup_at"), ["at"], unique=False)
    op.create_table(
        "cmd_process",
        sa.Column("handle_sha256", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=True),
        sa.Column("transaction_id", sa.String(length=36), nullable=True),
        sa.Column("refusal", sa.String(length=64), nullable=True),
        sa.Column("refusal_field", sa.String(length=64), nullable=True),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.Column("approvable", sa.Boolean(), nullable=False),
        sa.Column("codes_sent", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("handle_sha256", name=op.f("pk_cmd_process")),
    )
    with op.batch_alter_table("cmd_process", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_cmd_process_expires_at"), ["expires_at"], unique=False)
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("signing_restriction", sa.String(length=24), nullable=True))


def downgrade() -> None:
    """Move back; data in what is dropped is lost."""
    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.drop_column("signing_restriction")
    with op.batch_alter_table("cmd_process", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cmd_process_expires_at"))
    op.drop_table("cmd_process")
    with op.batch_alter_table("cmd_lookup", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cmd_lookup_at"))
    op.drop_table("cmd_lookup")
