"""The ds:Signature itself, from pieces that are written once per signer."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, final

from signer.domain import strict_der
from signer.domain.errors import IntegrityAlarmError
from signer.domain.values import KeyAlgorithm, SignatureAlgorithm, SignatureValue
from signer.formats.xades.canonicalisation import DS, XADES, base64, digest, element
from signer.formats.xades.references import DataReference
from signer.xmldsig import names

_COORDINATE_BYTES: Final = {KeyAlgorithm.P_256: 32, KeyAlgorithm.P_384: 48}


@final
@dataclass(frozen=True, slots=True)
class SignatureTemplate:
    """Everything that does not change from one signature of a signer to the next.

    Immutable, so threads share it; :func:`template_for` makes and keeps it.
    """

    algorithm: SignatureAlgorithm
    methods: str
    """CanonicalizationMethod and SignatureMethod."""
    certificate: str
    """SigningCertificateV2."""
    key_info: str

    def signed_info(
        self, signature_id: str, references: tuple[DataReference, ...], properties: str
    ) -> str:
        """Canonical SignedInfo over the data and the SignedProperties, in this order."""
        data = "".join(
            one.written(f"{signature_id}-ref-{number}") for number, one in enumerate(references)
        )
        kind = self.algorithm.digest
        return (
            f"<ds:SignedInfo {DS}>{self.methods}{data}"
            f'<ds:Reference Type="{names.SIGNED_PROPERTIES_TYPE}" URI="#{signature_id}-properties">'
            f'<ds:Transforms><ds:Transform Algorithm="{names.EXCLUSIVE}"></ds:Transform>'
            "</ds:Transforms>"
            f"{digest(names.DIGEST_URI[kind], kind.of(properties.encode()))}</ds:Reference>"
            "</ds:SignedInfo>"
        )

    def signature(
        self,
        signature_id: str,
        signed_info: str,
        value: bytes,
        properties: str,
        *,
        objects: str = "",
        unsigned: str = "",
    ) -> str:
        """The whole ds:Signature; ``unsigned`` are UnsignedSignatureProperties."""
        if unsigned:
            unsigned = element(
                "xades:UnsignedProperties",
                element("xades:UnsignedSignatureProperties", unsigned),
            )
        return (
            f'<ds:Signature {DS} Id="{signature_id}">{signed_info}'
            f'<ds:SignatureValue Id="{signature_id}-value">{base64(value)}</ds:SignatureValue>'
            f"{self.key_info}{objects}<ds:Object>"
            f'<xades:QualifyingProperties {XADES} Target="#{signature_id}">{properties}{unsigned}'
            "</xades:QualifyingProperties></ds:Object></ds:Signature>"
        )


@lru_cache(maxsize=1024)
def template_for(
    certificates: tuple[bytes, ...], algorithm: SignatureAlgorithm
) -> SignatureTemplate:
    """Template for a signer; ``certificates`` (DER) start with the signer's own."""
    kind = algorithm.digest
    named = element(
        "xades:CertDigest", digest(names.DIGEST_URI[kind], kind.of(certificates[0]), DS)
    )
    embedded = "".join(
        element("ds:X509Certificate", base64(one)) for one in dict.fromkeys(certificates)
    )
    return SignatureTemplate(
        algorithm=algorithm,
        methods=(
            f'<ds:CanonicalizationMethod Algorithm="{names.EXCLUSIVE}">'
            "</ds:CanonicalizationMethod>"
            f'<ds:SignatureMethod Algorithm="{method_of(algorithm)}"></ds:SignatureMethod>'
        ),
        certificate=element("xades:SigningCertificateV2", element("xades:Cert", named)),
        key_info=element("ds:KeyInfo", element("ds:X509Data", embedded)),
    )


def method_of(algorithm: SignatureAlgorithm) -> str:
    """URI of a signature algorithm (RFC 9231, 2.3)."""
    family = algorithm.name.rpartition("_")[0]
    table = {"RSA": names.RSA_URI, "RSA_PSS": names.PSS_URI, "ECDSA": names.ECDSA_URI}[family]
    return table[algorithm.digest]


def signature_value(key: KeyAlgorithm, value: SignatureValue) -> bytes:
    """As XML-DSig wants it: RSA as it is, ECDSA as r and s of equal length (XMLDSIG 1.1, 6.4.3).

    Raises IntegrityAlarmError when an ECDSA value is not that DER SEQUENCE.
    """
    if key.is_rsa:
        return value
    size = _COORDINATE_BYTES[key]
    parts = [
        int.from_bytes(one.expect(strict_der.INTEGER).content, "big", signed=True)
        for one in strict_der.parse(value).children(strict_der.SEQUENCE)
    ]
    try:
        r, s = parts
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    except (ValueError, OverflowError) as error:
        raise IntegrityAlarmError("an ECDSA value is not a pair of its curve") from error
