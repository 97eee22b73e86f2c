"""CMD applications, citizens' devices and their approvals, archived exchanges."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_cmd_neighbours"
down_revision = "20261123_signature_options"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move forward."""
    op.create_table(
        "archived_exchange",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("operation", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_archived_exchange")),
    )
    with op.batch_alter_table("archived_exchange", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_archived_exchange_at"), ["at"], unique=False)
        batch_op.create_index("ix_archived_exchange_client", ["client_id", "at"], unique=False)
        batch_op.create_index("ix_archived_exchange_transaction", ["transaction_id"], unique=False)

    op.create_table(
        "cmd_application",
        sa.Column("application_id", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("basic", sa.String(length=32), nullable=False),
        sa.Column("bare_hash", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["client.id"], name=op.f("fk_cmd_application_client_id")
        ),
        sa.PrimaryKeyConstraint("application_id", name=op.f("pk_cmd_application")),
        sa.UniqueConstraint("client_id", name=op.f("uq_cmd_application_client_id")),
        sa.UniqueConstraint("username", name=op.f("uq_cmd_application_username")),
    )
    op.create_table(
        "device",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("svd_der", sa.LargeBinary(), nullable=False),
        sa.Column("registration", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_device_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_device")),
    )
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_device_account_id"), ["account_id"], unique=False)

    op.create_table(
        "approval",
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("account_id", sa.String(length=36), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("device_id", sa.String(length=36), nullable=True),
        sa.Column("decision", sa.String(length=8), nullable=True),
        sa.Column("signature", sa.LargeBinary(length=64), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["device_id"], ["device.id"], name=op.f("fk_approval_device_id")),
        sa.ForeignKeyConstraint(
            ["transaction_id"], ["signing_transaction.id"], name=op.f("fk_approval_transaction_id")
        ),
        sa.PrimaryKeyConstraint("transaction_id", name=op.f("pk_approval")),
    )
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.create_index("ix_approval_account_id", ["account_id", "expires_at"], unique=False)


def downgrade() -> None:
    """Move back; data in what is dropped is lost."""
    with op.batch_alter_table("approval", schema=None) as batch_op:
        batch_op.drop_index("ix_approval_account_id")

    op.drop_table("approval")
    with op.batch_alter_table("device", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_device_account_id"))

    op.drop_table("device")
    op.drop_table("cmd_application")
    with op.batch_alter_table("archived_exchange", schema=None) as batch_op:
        batch_op.drop_index("ix_archived_exchange_transaction")
        batch_op.drop_index("ix_archived_exchange_client")
        batch_op.drop_index(batch_op.f("ix_archived_exchange_at"))

    op.drop_table("archived_exchange")
