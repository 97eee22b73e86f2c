"""What a XAdES signature brings to its own verification (EN 319 132-1 V1.2.1, 5.2 and 5.4)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from asn1crypto import cms, x509  # type: ignore[import-untyped]  # ships no types

from signer.validation.trust import Knowledge, RevocationData, TrustPolicy
from signer.xmldsig import names
from signer.xmldsig.imprints import ARCHIVE_TIME_STAMP, SIGNATURE_TIME_STAMP
from signer.xmldsig.parsing import Element, refuse
from signer.xmldsig.signature import XMLSignature, children, decoded, each, text_of
from signer.xmldsig.tokens import TokenContent

_MAX_TIMESTAMPS: Final = 50
"""Each is judged over everything before it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Certificates and revocation data of KeyInfo, properties and time-stamps, DER."""

    certificates: tuple[bytes, ...]
    revocation: RevocationData
    attribute_certificates: tuple[Any, ...]
    """``asn1crypto.cms.AttributeCertificateV2``, which has no types."""

    @classmethod
    def of(cls, signature: XMLSignature) -> Self:
        """Read; raises DocumentRefusedError for what is malformed."""
        unsigned = signature.unsigned_properties
        certificates = [*signature.certificates, *_all(unsigned, "EncapsulatedX509Certificate")]
        for stamp in timestamps_of(signature):
            certificates += TokenContent.of(stamp[1]).certificates
        revocation = RevocationData(
            tuple(_all(unsigned, "EncapsulatedOCSPValue")),
            tuple(_all(unsigned, "EncapsulatedCRLValue")),
        )
        roles = each(
            signature.signed_properties,
            "SignedSignatureProperties",
            "SignerRoleV2",
            "CertifiedRolesV2",
            "CertifiedRole",
            "X509AttributeCertificate",
        )
        try:
            attributes = [
                cms.AttributeCertificateV2.load(decoded(one), strict=True) for one in roles
            ]
        except ValueError:
            refuse("an attribute certificate in the signature cannot be read")
        return cls(tuple(dict.fromkeys(certificates)), revocation, tuple(attributes))

    def knowledge(self, policy: TrustPolicy, signer: bytes) -> Knowledge:
        """The policy made ready for this signature."""
        certificates = dict.fromkeys((signer, *self.certificates))
        return Knowledge(
            replace(policy, data=policy.data + self.revocation),
            [x509.Certificate.load(one) for one in certificates],
        )


def timestamps_of(signature: XMLSignature) -> list[tuple[Element, bytes]]:
    """Every time-stamp property with its token (DER), in order: content, then unsigned ones."""
    stamps = each(
        signature.signed_properties, "SignedDataObjectProperties", "AllDataObjectsTimeStamp"
    )
    unsigned = signature.unsigned_properties
    stamps += [
        one
        for one in ([] if unsigned is None else children(unsigned))
        if one.tag in {SIGNATURE_TIME_STAMP, ARCHIVE_TIME_STAMP}
    ]
    tokens = [(stamp, one) for stamp in stamps for one in each(stamp, "EncapsulatedTimeStamp")]
    if len(tokens) > _MAX_TIMESTAMPS:
        refuse("the signature has too many time-stamps")
    return [(stamp, decoded(one)) for stamp, one in tokens]


def claimed_roles(signature: XMLSignature) -> tuple[str, ...]:
    """ClaimedRole texts of SignerRoleV2; a role of another form is left out."""
    roles = each(
        signature.signed_properties,
        "SignedSignatureProperties",
        "SignerRoleV2",
        "ClaimedRoles",
        "ClaimedRole",
    )
    return tuple(text_of(one) for one in roles if not len(one))


def claimed_time(signature: XMLSignature) -> datetime | None:
    """SigningTime, or None when there is none that can be read."""
    for one in each(signature.signed_properties, "SignedSignatureProperties", "SigningTime"):
        try:
            moment = datetime.fromisoformat(text_of(one))
        except ValueError:
            return None
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None


def _all(unsigned: Element | None, name: str) -> list[bytes]:
    if unsigned is None:
        return []
    return [decoded(one) for one in unsigned.iter(f"{{{names.XADES}}}{name}")]
