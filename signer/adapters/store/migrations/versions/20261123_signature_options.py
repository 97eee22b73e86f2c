"""Options and several files of a signing item."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_signature_options"
down_revision = "20261123_cmd_processes"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move forward."""
    with op.batch_alter_table("signing_item", schema=None) as batch_op:
        batch_op.add_column(sa.Column("files", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("options", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    """Move back; data in what is dropped is lost."""
    with op.batch_alter_table("signing_item", schema=None) as batch_op:
        batch_op.drop_column("options")
        batch_op.drop_column("files")
