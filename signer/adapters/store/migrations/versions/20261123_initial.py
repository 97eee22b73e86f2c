"""All tables of the first version."""

import sqlalchemy as sa
from alembic import op

revision = "20261123_initial"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Move forward."""
    op.create_table('account',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('tenant', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('given_name', sa.String(length=200), nullable=False),
    sa.Column('surname', sa.String(length=200), nullable=False),
    sa.Column('birth_date', sa.Date(), nullable=False),
    sa.Column('document_type', sa.String(length=8), nullable=False),
    sa.Column('document_country', sa.String(length=2), nullable=False),
    sa.Column('document_number', sa.String(length=40), nullable=False),
    sa.Column('document_expires_on', sa.Date(), nullable=False),
    sa.Column('document_key', sa.String(length=64), nullable=True),
    sa.Column('phone_key', sa.String(length=20), nullable=True),
    sa.Column('phone', sa.String(length=20), nullable=False),
    sa.Column('phone_confirmed', sa.Boolean(), nullable=False),
    sa.Column('phone_changed_at', sa.BigInteger(), nullable=True),
    sa.Column('email', sa.String(length=254), nullable=True),
    sa.Column('locale', sa.String(length=5), nullable=False),
    sa.Column('channels', sa.String(length=100), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('valid_until', sa.BigInteger(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.Column('terms_version', sa.String(length=64), nullable=True),
    sa.Column('terms_accepted_at', sa.BigInteger(), nullable=True),
    sa.Column('signature_salt', sa.LargeBinary(length=16), nullable=False),
    sa.Column('authentication_salt', sa.LargeBinary(length=16), nullable=False),
    sa.Column('authentication_kcv', sa.LargeBinary(length=16), nullable=True),
    sa.Column('recovery_requested_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_account')),
    sa.UniqueConstraint('document_key', name=op.f('uq_account_document_key')),
    sa.UniqueConstraint('phone_key', name=op.f('uq_account_phone_key'))
    )
    op.create_index(op.f('ix_account_state'), 'account', ['state'], unique=False)
    op.create_table('attempt',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('scope', sa.String(length=64), nullable=False),
    sa.Column('in_flight_key', sa.String(length=100), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=False),
    sa.Column('closed_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attempt'))
    )
    op.create_index('ix_attempt_client', 'attempt', ['client_id', 'state', 'opened_at'], unique=False)
    op.create_index('ix_attempt_opened_at', 'attempt', ['opened_at'], unique=False)
    op.create_index('ix_attempt_subject_kind', 'attempt', ['subject', 'kind', 'state', 'closed_at'], unique=False)
    op.create_index('uq_attempt_in_flight', 'attempt', ['in_flight_key'], unique=True, sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.create_table('attribute_provider',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=200), nullable=False),
    sa.Column('name_en', sa.String(length=200), nullable=False),
    sa.Column('uri', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('version', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_attribute_provider'))
    )
    op.create_table('audit_checkpoint',
    sa.Column('number', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('root', sa.LargeBinary(length=32), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('signature', sa.LargeBinary(), nullable=False),
    sa.Column('algorithm', sa.String(length=64), nullable=False),
    sa.Column('key_id', sa.String(length=64), nullable=False),
    sa.Column('public_key', sa.LargeBinary(), nullable=False),
    sa.Column('timestamp_token', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('number', name=op.f('pk_audit_checkpoint'))
    )
    op.create_table('audit_log',
    sa.Column('id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_log')),
    comment='One row: locked by whoever appends.'
    )
    op.create_table('audit_node',
    sa.Column('level', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('position', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('hash', sa.LargeBinary(length=32), nullable=False),
    sa.PrimaryKeyConstraint('level', 'position', name=op.f('pk_audit_node')),
    comment="Complete nodes of the log's Merkle tree from level 1; leaves are audit_record.hash."
    )
    op.create_table('audit_record',
    sa.Column('writer_id', sa.String(length=36), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.Column('event', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('transaction_id', sa.String(length=64), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('hash', sa.LargeBinary(length=32), nullable=False),
    sa.Column('log_index', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('writer_id', 'sequence', name=op.f('pk_audit_record')),
    sa.UniqueConstraint('log_index', name=op.f('uq_audit_record_log_index'))
    )
    op.create_index(op.f('ix_audit_record_at'), 'audit_record', ['at'], unique=False)
    op.create_index(op.f('ix_audit_record_event'), 'audit_record', ['event'], unique=False)
    op.create_index(op.f('ix_audit_record_subject'), 'audit_record', ['subject'], unique=False)
    op.create_index(op.f('ix_audit_record_transaction_id'), 'audit_record', ['transaction_id'], unique=False)
    op.create_table('audit_writer',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('head', sa.LargeBinary(length=32), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_audit_writer'))
    )
    op.create_table('certificate',
    sa.Column('issuer', sa.String(length=32), nullable=False),
    sa.Column('serial', sa.String(length=40), nullable=False),
    sa.Column('credential_id', sa.String(length=64), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('not_before', sa.BigInteger(), nullable=False),
    sa.Column('not_after', sa.BigInteger(), nullable=False),
    sa.Column('der', sa.LargeBinary(), nullable=True),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=32), nullable=False),
    sa.Column('since', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('issuer', 'serial', name=op.f('pk_certificate')),
    sa.UniqueConstraint('issuer', 'credential_id', name=op.f('uq_certificate_issuer'))
    )
    op.create_index('ix_certificate_status', 'certificate', ['issuer', 'status'], unique=False)
    op.create_index(op.f('ix_certificate_subject'), 'certificate', ['subject'], unique=False)
    op.create_table('certificate_change',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('issuer', sa.String(length=32), nullable=False),
    sa.Column('serial', sa.String(length=40), nullable=False),
    sa.Column('ordinal', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=32), nullable=False),
    sa.Column('at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_certificate_change')),
    sa.UniqueConstraint('issuer', 'ordinal', name=op.f('uq_certificate_change_issuer'))
    )
    op.create_index('ix_certificate_change_serial', 'certificate_change', ['issuer', 'serial'], unique=False)
    op.create_table('certificate_list',
    sa.Column('issuer', sa.String(length=32), nullable=False),
    sa.Column('changes', sa.BigInteger(), nullable=False),
    sa.Column('next_number', sa.BigInteger(), nullable=False),
    sa.Column('kept_number', sa.BigInteger(), nullable=False),
    sa.Column('kept_changes', sa.BigInteger(), nullable=False),
    sa.Column('der', sa.LargeBinary(), nullable=True),
    sa.Column('next_update', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('issuer', name=op.f('pk_certificate_list'))
    )
    op.create_table('challenge',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('tenant', sa.String(length=64), nullable=False),
    sa.Column('purpose', sa.String(length=32), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('key_check_value', sa.LargeBinary(length=16), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_challenge'))
    )
    op.create_index(op.f('ix_challenge_expires_at'), 'challenge', ['expires_at'], unique=False)
    op.create_index('uq_challenge_live', 'challenge', ['purpose', 'subject', 'client_id'], unique=True)
    op.create_table('client',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('tenant', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=100), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('roles', sa.Text(), nullable=False),
    sa.Column('policies', sa.Text(), nullable=False),
    sa.Column('redirect_urls', sa.Text(), nullable=False),
    sa.Column('webhook_url', sa.Text(), nullable=True),
    sa.Column('webhook_secret_protected', sa.LargeBinary(), nullable=True),
    sa.Column('purposes', sa.Text(), nullable=False),
    sa.Column('attributes', sa.Text(), nullable=False),
    sa.Column('providers', sa.Text(), nullable=False),
    sa.Column('failures_per_hour', sa.Integer(), nullable=False),
    sa.Column('requests_per_minute', sa.Integer(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('suspended_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_client'))
    )
    op.create_table('idempotent_request',
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('key', sa.String(length=128), nullable=False),
    sa.Column('operation', sa.Text(), nullable=False),
    sa.Column('body_sha256', sa.String(length=64), nullable=False),
    sa.Column('execution_id', sa.String(length=36), nullable=False),
    sa.Column('started_at', sa.BigInteger(), nullable=False),
    sa.Column('status', sa.Integer(), nullable=True),
    sa.Column('headers', sa.Text(), nullable=True),
    sa.Column('body', sa.LargeBinary(), nullable=True),
    sa.PrimaryKeyConstraint('client_id', 'key', name=op.f('pk_idempotent_request'))
    )
    op.create_index(op.f('ix_idempotent_request_started_at'), 'idempotent_request', ['started_at'], unique=False)
    op.create_table('outbox',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('priority', sa.SmallInteger(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('process', sa.String(length=64), nullable=False),
    sa.Column('channels', sa.String(length=200), nullable=False),
    sa.Column('left', sa.String(length=200), nullable=False),
    sa.Column('position', sa.SmallInteger(), nullable=False),
    sa.Column('round', sa.Integer(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=True),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.BigInteger(), nullable=False),
    sa.Column('lease', sa.String(length=36), nullable=True),
    sa.Column('channel', sa.String(length=32), nullable=False),
    sa.Column('receipt', sa.String(length=200), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_outbox'))
    )
    op.create_index('ix_outbox_channel_receipt', 'outbox', ['channel', 'receipt'], unique=False)
    op.create_index('ix_outbox_expires_at', 'outbox', ['expires_at'], unique=False)
    op.create_index(op.f('ix_outbox_process'), 'outbox', ['process'], unique=False)
    op.create_index('ix_outbox_state_due_at', 'outbox', ['state', 'due_at'], unique=False)
    op.create_table('service_grant',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('credential_id', sa.String(length=36), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('bindings_sha256', sa.LargeBinary(length=32), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_service_grant'))
    )
    op.create_index(op.f('ix_service_grant_credential_id'), 'service_grant', ['credential_id'], unique=False)
    op.create_table('signing_transaction',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('tenant', sa.String(length=64), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('relying_party', sa.String(length=200), nullable=False),
    sa.Column('purpose', sa.String(length=64), nullable=False),
    sa.Column('account_id', sa.String(length=36), nullable=True),
    sa.Column('subject', sa.String(length=64), nullable=False),
    sa.Column('credential_id', sa.String(length=36), nullable=True),
    sa.Column('key_algorithm', sa.String(length=16), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('required_attributes', sa.Text(), nullable=False),
    sa.Column('attributes', sa.Text(), nullable=False),
    sa.Column('locale', sa.String(length=5), nullable=False),
    sa.Column('text_version', sa.String(length=64), nullable=False),
    sa.Column('text_sha256', sa.String(length=64), nullable=False),
    sa.Column('handle_sha256', sa.String(length=64), nullable=True),
    sa.Column('page_token_sha256', sa.String(length=64), nullable=True),
    sa.Column('epoch', sa.Integer(), nullable=True),
    sa.Column('channel', sa.String(length=16), nullable=True),
    sa.Column('codes_sent', sa.Integer(), nullable=False),
    sa.Column('code_sent_at', sa.BigInteger(), nullable=True),
    sa.Column('code_expires_at', sa.BigInteger(), nullable=True),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('claimed_at', sa.BigInteger(), nullable=True),
    sa.Column('ended_at', sa.BigInteger(), nullable=True),
    sa.Column('failure', sa.String(length=64), nullable=True),
    sa.Column('callback_url', sa.String(length=2000), nullable=True),
    sa.Column('replay_kcv', sa.LargeBinary(length=16), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_signing_transaction')),
    sa.UniqueConstraint('page_token_sha256', name=op.f('uq_signing_transaction_page_token_sha256'))
    )
    op.create_index(op.f('ix_signing_transaction_account_id'), 'signing_transaction', ['account_id'], unique=False)
    op.create_index(op.f('ix_signing_transaction_client_id'), 'signing_transaction', ['client_id'], unique=False)
    op.create_index(op.f('ix_signing_transaction_expires_at'), 'signing_transaction', ['expires_at'], unique=False)
    op.create_index(op.f('ix_signing_transaction_handle_sha256'), 'signing_transaction', ['handle_sha256'], unique=False)
    op.create_index(op.f('ix_signing_transaction_state'), 'signing_transaction', ['state'], unique=False)
    op.create_index('ix_signing_transaction_subject', 'signing_transaction', ['subject', 'code_sent_at'], unique=False)
    op.create_table('slot',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('stage', sa.String(length=24), nullable=False),
    sa.Column('tenant', sa.String(length=64), nullable=False),
    sa.Column('account_id', sa.String(length=36), nullable=False),
    sa.Column('credential_id', sa.String(length=36), nullable=False),
    sa.Column('process', sa.String(length=36), nullable=False),
    sa.Column('grant_id', sa.String(length=36), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('purpose', sa.String(length=64), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.Column('svd_sha256', sa.LargeBinary(length=32), nullable=False),
    sa.Column('algorithm', sa.String(length=16), nullable=False),
    sa.Column('master_key_id', sa.String(length=64), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('bindings_sha256', sa.LargeBinary(length=32), nullable=False),
    sa.Column('secret_sha256', sa.String(length=64), nullable=True),
    sa.Column('key_check_value', sa.LargeBinary(length=16), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('granted', sa.Text(), nullable=True),
    sa.Column('remaining', sa.Integer(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_slot')),
    sa.UniqueConstraint('secret_sha256', name=op.f('uq_slot_secret_sha256'))
    )
    op.create_index(op.f('ix_slot_account_id'), 'slot', ['account_id'], unique=False)
    op.create_index(op.f('ix_slot_credential_id'), 'slot', ['credential_id'], unique=False)
    op.create_index(op.f('ix_slot_expires_at'), 'slot', ['expires_at'], unique=False)
    op.create_index(op.f('ix_slot_process'), 'slot', ['process'], unique=False)
    op.create_table('statistic',
    sa.Column('day', sa.String(length=10), nullable=False, comment='UTC, YYYY-MM-DD'),
    sa.Column('event', sa.String(length=32), nullable=False),
    sa.Column('channel', sa.String(length=32), nullable=False),
    sa.Column('client', sa.String(length=64), nullable=False),
    sa.Column('count', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('day', 'event', 'channel', 'client', name=op.f('pk_statistic'))
    )
    op.create_table('totp_seed',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('account_id', sa.String(length=36), nullable=False),
    sa.Column('seed', sa.LargeBinary(), nullable=False),
    sa.Column('last_step', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('confirmed_at', sa.BigInteger(), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_totp_seed')),
    sa.UniqueConstraint('account_id', name=op.f('uq_totp_seed_account_id'))
    )
    op.create_table('attribute_role',
    sa.Column('provider_id', sa.String(length=64), nullable=False),
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('label_pt', sa.String(length=200), nullable=False),
    sa.Column('label_en', sa.String(length=200), nullable=False),
    sa.ForeignKeyConstraint(['provider_id'], ['attribute_provider.id'], name=op.f('fk_attribute_role_provider_id')),
    sa.PrimaryKeyConstraint('provider_id', 'id', name=op.f('pk_attribute_role'))
    )
    op.create_table('client_secret',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('client_id', sa.String(length=64), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['client_id'], ['client.id'], name=op.f('fk_client_secret_client_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_client_secret'))
    )
    op.create_index(op.f('ix_client_secret_client_id'), 'client_secret', ['client_id'], unique=False)
    op.create_table('credential',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('tenant', sa.String(length=64), nullable=False),
    sa.Column('account_id', sa.String(length=36), nullable=True),
    sa.Column('owner', sa.String(length=100), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('algorithm', sa.String(length=16), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('svd_der', sa.LargeBinary(), nullable=False),
    sa.Column('csr_der', sa.LargeBinary(), nullable=False),
    sa.Column('master_key_id', sa.String(length=64), nullable=False),
    sa.Column('blob', sa.LargeBinary(), nullable=True),
    sa.Column('chain', sa.Text(), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('destroyed_at', sa.BigInteger(), nullable=True),
    sa.Column('due_status', sa.String(length=40), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_credential_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_credential'))
    )
    op.create_index(op.f('ix_credential_account_id'), 'credential', ['account_id'], unique=False)
    op.create_index(op.f('ix_credential_due_status'), 'credential', ['due_status'], unique=False)
    op.create_index(op.f('ix_credential_owner'), 'credential', ['owner'], unique=False)
    op.create_index(op.f('ix_credential_state'), 'credential', ['state'], unique=False)
    op.create_table('granted_digest',
    sa.Column('slot_id', sa.String(length=36), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('digest_algorithm', sa.String(length=40), nullable=False),
    sa.Column('digest', sa.LargeBinary(length=64), nullable=False),
    sa.ForeignKeyConstraint(['slot_id'], ['slot.id'], name=op.f('fk_granted_digest_slot_id'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('slot_id', 'ordinal', name=op.f('pk_granted_digest'))
    )
    op.create_table('link',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('account_id', sa.String(length=36), nullable=False),
    sa.Column('kind', sa.String(length=24), nullable=False),
    sa.Column('token_sha256', sa.String(length=64), nullable=False),
    sa.Column('created_at', sa.BigInteger(), nullable=False),
    sa.Column('expires_at', sa.BigInteger(), nullable=False),
    sa.Column('opened_at', sa.BigInteger(), nullable=True),
    sa.Column('used_at', sa.BigInteger(), nullable=True),
    sa.Column('session_sha256', sa.String(length=64), nullable=True),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], name=op.f('fk_link_account_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_link')),
    sa.UniqueConstraint('token_sha256', name=op.f('uq_link_token_sha256'))
    )
    op.create_index('ix_link_account_kind', 'link', ['account_id', 'kind'], unique=False)
    op.create_index(op.f('ix_link_expires_at'), 'link', ['expires_at'], unique=False)
    op.create_table('professional_attribute',
    sa.Column('id', sa.String(length=36), nullable=False),
    sa.Column('provider_id', sa.String(length=64), nullable=False),
    sa.Column('role_id', sa.String(length=64), nullable=False),
    sa.Column('holder_key', sa.String(length=64), nullable=False),
    sa.Column('reference', sa.String(length=64), nullable=False),
    sa.Column('sub_attributes', sa.Text(), nullable=False),
    sa.Column('valid_from', sa.BigInteger(), nullable=False),
    sa.Column('valid_until', sa.BigInteger(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('live_key', sa.String(length=64), nullable=True),
    sa.Column('source', sa.String(length=8), nullable=False),
    sa.Column('imported_at', sa.BigInteger(), nullable=False),
    sa.Column('withdrawn_at', sa.BigInteger(), nullable=True),
    sa.Column('reason', sa.String(length=40), nullable=True),
    sa.ForeignKeyConstraint(['provider_id'], ['attribute_provider.id'], name=op.f('fk_professional_attribute_provider_id')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_professional_attribute')),
    sa.UniqueConstraint('live_key', name=op.f('uq_professional_attribute_live_key'))
    )
    op.create_index(op.f('ix_professional_attribute_holder_key'), 'professional_attribute', ['holder_key'], unique=False)
    op.create_index('ix_professional_attribute_provider_state', 'professional_attribute', ['provider_id', 'state'], unique=False)
    op.create_table('signing_item',
    sa.Column('transaction_id', sa.String(length=36), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('level', sa.String(length=8), nullable=False),
    sa.Column('name', sa.String(length=300), nullable=False),
    sa.Column('digest_algorithm', sa.String(length=40), nullable=False),
    sa.Column('digest', sa.LargeBinary(length=64), nullable=False),
    sa.Column('document', sa.LargeBinary(), nullable=True),
    sa.Column('prepared', sa.LargeBinary(), nullable=True),
    sa.Column('signature', sa.LargeBinary(), nullable=True),
    sa.Column('result', sa.LargeBinary(), nullable=True),
    sa.ForeignKeyConstraint(['transaction_id'], ['signing_transaction.id'], name=op.f('fk_signing_item_transaction_id')),
    sa.PrimaryKeyConstraint('transaction_id', 'ordinal', name=op.f('pk_signing_item'))
    )


def downgrade() -> None:
    """Move back; data in what is dropped is lost."""
    op.drop_table('signing_item')
    op.drop_index('ix_professional_attribute_provider_state', table_name='professional_attribute')
    op.drop_index(op.f('ix_professional_attribute_holder_key'), table_name='professional_attribute')
    op.drop_table('professional_attribute')
    op.drop_index(op.f('ix_link_expires_at'), table_name='link')
    op.drop_index('ix_link_account_kind', table_name='link')
    op.drop_table('link')
    op.drop_table('granted_digest')
    op.drop_index(op.f('ix_credential_state'), table_name='credential')
    op.drop_index(op.f('ix_credential_owner'), table_name='credential')
    op.drop_index(op.f('ix_credential_due_status'), table_name='credential')
    op.drop_index(op.f('ix_credential_account_id'), table_name='credential')
    op.drop_table('credential')
    op.drop_index(op.f('ix_client_secret_client_id'), table_name='client_secret')
    op.drop_table('client_secret')
    op.drop_table('attribute_role')
    op.drop_table('totp_seed')
    op.drop_table('statistic')
    op.drop_index(op.f('ix_slot_process'), table_name='slot')
    op.drop_index(op.f('ix_slot_expires_at'), table_name='slot')
    op.drop_index(op.f('ix_slot_credential_id'), table_name='slot')
    op.drop_index(op.f('ix_slot_account_id'), table_name='slot')
    op.drop_table('slot')
    op.drop_index('ix_signing_transaction_subject', table_name='signing_transaction')
    op.drop_index(op.f('ix_signing_transaction_state'), table_name='signing_transaction')
    op.drop_index(op.f('ix_signing_transaction_handle_sha256'), table_name='signing_transaction')
    op.drop_index(op.f('ix_signing_transaction_expires_at'), table_name='signing_transaction')
    op.drop_index(op.f('ix_signing_transaction_client_id'), table_name='signing_transaction')
    op.drop_index(op.f('ix_signing_transaction_account_id'), table_name='signing_transaction')
    op.drop_table('signing_transaction')
    op.drop_index(op.f('ix_service_grant_credential_id'), table_name='service_grant')
    op.drop_table('service_grant')
    op.drop_index('ix_outbox_state_due_at', table_name='outbox')
    op.drop_index(op.f('ix_outbox_process'), table_name='outbox')
    op.drop_index('ix_outbox_expires_at', table_name='outbox')
    op.drop_index('ix_outbox_channel_receipt', table_name='outbox')
    op.drop_table('outbox')
    op.drop_index(op.f('ix_idempotent_request_started_at'), table_name='idempotent_request')
    op.drop_table('idempotent_request')
    op.drop_table('client')
    op.drop_index('uq_challenge_live', table_name='challenge')
    op.drop_index(op.f('ix_challenge_expires_at'), table_name='challenge')
    op.drop_table('challenge')
    op.drop_table('certificate_list')
    op.drop_index('ix_certificate_change_serial', table_name='certificate_change')
    op.drop_table('certificate_change')
    op.drop_index(op.f('ix_certificate_subject'), table_name='certificate')
    op.drop_index('ix_certificate_status', table_name='certificate')
    op.drop_table('certificate')
    op.drop_table('audit_writer')
    op.drop_index(op.f('ix_audit_record_transaction_id'), table_name='audit_record')
    op.drop_index(op.f('ix_audit_record_subject'), table_name='audit_record')
    op.drop_index(op.f('ix_audit_record_event'), table_name='audit_record')
    op.drop_index(op.f('ix_audit_record_at'), table_name='audit_record')
    op.drop_table('audit_record')
    op.drop_table('audit_node')
    op.drop_table('audit_log')
    op.drop_table('audit_checkpoint')
    op.drop_table('attribute_provider')
    op.drop_index('uq_attempt_in_flight', table_name='attempt', sqlite_where=sa.text("state = 'open'"), postgresql_where=sa.text("state = 'open'"))
    op.drop_index('ix_attempt_subject_kind', table_name='attempt')
    op.drop_index('ix_attempt_opened_at', table_name='attempt')
    op.drop_index('ix_attempt_client', table_name='attempt')
    op.drop_table('attempt')
    op.drop_index(op.f('ix_account_state'), table_name='account')
    op.drop_table('account')
