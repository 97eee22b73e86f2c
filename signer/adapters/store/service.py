"""Service credentials and their one-time grants, as one port."""

from datetime import datetime

from signer.adapters.store.credentials import SQLCredentialStore
from signer.adapters.store.grants import SQLGrantStore
from signer.domain.activation import SealedKey
from signer.domain.audit import AuditRecord
from signer.domain.values import ClientId, CredentialId


class SQLServiceStore:
    """Joins the two adapters that hold a service key's rows."""

    def __init__(self, credentials: SQLCredentialStore, grants: SQLGrantStore) -> None:
        self._credentials = credentials
        self._grants = grants

    def install_service(self, key: SealedKey, *, owner: str, audit: AuditRecord) -> None:
        """Insert a service credential; ConflictError when its id is taken."""
        self._credentials.install_service(key, owner=owner, audit=audit)

    def add_service_grant(
        self,
        grant_id: str,
        credential: CredentialId,
        client: ClientId,
        bindings: bytes,
        *,
        now: datetime,
        audit: AuditRecord,
    ) -> None:
        """One row that the next claim deletes."""
        self._grants.add_service_grant(grant_id, credential, client, bindings, now=now, audit=audit)

    def claim_service_grant(
        self, grant_id: str, credential: CredentialId, bindings: bytes, *, audit: AuditRecord
    ) -> bool:
        """Delete the row; False when it is gone or bound to something else."""
        return self._grants.claim_service_grant(grant_id, credential, bindings, audit=audit)
