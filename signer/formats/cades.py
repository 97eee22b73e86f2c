"""CAdES at B-B and B-T (ETSI EN 319 122-1 V1.3.1), detached, from a digest or from content.

PAdES with the PDF at the client is the same structure without signing-time.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, final

from signer.domain.errors import InvalidRequestError
from signer.domain.transaction import ItemKind, Level, SigningItem
from signer.domain.values import Digest, SignatureAlgorithm, SignatureValue
from signer.formats.cms import template_for, without_root
from signer.formats.port import Prepared, SigningIdentity, TrustServices
from signer.formats.signer_attributes import signer_attributes_v2

SERVED_LEVELS: Final = frozenset({Level.B_B, Level.B_T})


def prepare_cms(
    item: SigningItem,
    identity: SigningIdentity,
    message_digest: Digest,
    *,
    signing_time: datetime | None,
) -> Prepared:
    """Signed attributes over ``message_digest``; raises InvalidRequestError for other levels."""
    if item.level not in SERVED_LEVELS:
        msg = f"level {item.level} is not served for {item.kind}"
        raise InvalidRequestError(msg, field="level")
    algorithm = SignatureAlgorithm.of(identity.key_algorithm, message_digest.algorithm)
    certificates = without_root(identity.chain_der)
    attributes = None
    if identity.asserted:
        certificates += identity.attribute_authority_chain_der
        attributes = signer_attributes_v2(identity.asserted)
    return Prepared(
        kind=item.kind,
        level=item.level,
        algorithm=algorithm,
        certificates=certificates,
        to_be_signed=template_for(certificates, algorithm).signed_attributes(
            message_digest.value, signing_time=signing_time, signer_attributes=attributes
        ),
    )


def complete_cms(prepared: Prepared, value: SignatureValue, services: TrustServices) -> bytes:
    """DER of the ContentInfo; raises TimestampUnavailableError."""
    token = None
    if prepared.level is not Level.B_B:
        token = services.timestamps.stamp(Digest.of(prepared.algorithm.digest, value)).der
    return template_for(prepared.certificates, prepared.algorithm).signed_data(
        prepared.to_be_signed, value, timestamp=token
    )


@final
@dataclass(frozen=True, slots=True)
class CAdES:
    """Detached CAdES, from a whole file or from its digest alone."""

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        del services
        if item.kind is ItemKind.CADES and (
            item.document is None
            or not Digest.of(item.digest.algorithm, item.document).matches(item.digest)
        ):
            msg = "the digest is not that of the file"
            raise InvalidRequestError(msg, field="document")
        return prepare_cms(item, identity, item.digest, signing_time=signing_time)

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        del item
        return complete_cms(prepared, value, services)
