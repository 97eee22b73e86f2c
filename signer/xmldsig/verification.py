"""The cryptographic core: digests of references, the signing certificate, the signature value."""

from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from signer.domain.values import DigestAlgorithm
from signer.xmldsig import names
from signer.xmldsig.canonical import canonical
from signer.xmldsig.parsing import Element, refuse
from signer.xmldsig.references import (
    ContentSource,
    digest_matches,
    digest_of,
    is_signed_properties,
    octets,
    target_of,
)
from signer.xmldsig.signature import XMLSignature, decoded, each, only

_HASHES: Final = MappingProxyType(
    {
        DigestAlgorithm.SHA256: hashes.SHA256(),
        DigestAlgorithm.SHA384: hashes.SHA384(),
        DigestAlgorithm.SHA512: hashes.SHA512(),
    }
)
_RSA: Final = MappingProxyType({uri: one for one, uri in names.RSA_URI.items()})
_PSS: Final = MappingProxyType({uri: one for one, uri in names.PSS_URI.items()})
_ECDSA: Final = MappingProxyType({uri: one for one, uri in names.ECDSA_URI.items()})
_SMALLEST_RSA: Final = 2048


def demand_own_properties(signature: XMLSignature) -> None:
    """Raise DocumentRefusedError unless exactly one reference leads to the signed properties.

    It has to be this signature's own element, not one of the same Id elsewhere.
    """
    own = signature.signed_properties
    leading = [one for one in signature.references if is_signed_properties(one)]
    if own is None or len(leading) != 1 or target_of(signature, leading[0]) is not own:
        refuse("the signed properties are not this signature's own")


def reference_fits(signature: XMLSignature, reference: Element, content: ContentSource) -> bool:
    """Tell whether what ``reference`` leads to has its digest; raises as :func:`octets`."""
    return digest_matches(octets(signature, reference, content), digest_of(reference))


def signing_certificate(signature: XMLSignature, others: tuple[bytes, ...] = ()) -> bytes | None:
    """DER of the certificate that the signed properties name by its digest, or None.

    Looked for in KeyInfo and ``others``.  Raises DocumentRefusedError when they name none.
    """
    properties = each(signature.signed_properties, "SignedSignatureProperties")
    named = [
        certificate
        for one in properties
        for name in ("SigningCertificateV2", "SigningCertificate")
        for certificate in each(one, name, "Cert")
    ]
    if not named:
        refuse("the signed properties do not name the signing certificate")
    holder = only(named[0], "CertDigest")
    if holder is None:
        refuse("the signed properties do not name the signing certificate")
    expected = digest_of(holder)
    candidates = (*signature.certificates, *others)
    return next((one for one in candidates if digest_matches(one, expected)), None)


def value_verifies(signature: XMLSignature, certificate: bytes) -> bool:
    """Tell whether SignatureValue is over SignedInfo with the certificate's key (DER).

    Keys of another kind than the method's, and methods not accepted (SHA-1), verify nothing.
    """
    message = canonical(signature.signed_info, signature.canonicalisation)
    value = decoded(signature.value)
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
        if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _SMALLEST_RSA:
            _verify_rsa(key, signature.method, value, message)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            _verify_ecdsa(key, signature.method, value, message)
        else:
            return False
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def _verify_rsa(key: rsa.RSAPublicKey, method: str, value: bytes, message: bytes) -> None:
    if method in _RSA:
        key.verify(value, message, padding.PKCS1v15(), _HASHES[_RSA[method]])
        return
    if method not in _PSS:
        raise InvalidSignature
    chosen = _HASHES[_PSS[method]]
    pss = padding.PSS(padding.MGF1(chosen), salt_length=chosen.digest_size)
    key.verify(value, message, pss, chosen)


def _verify_ecdsa(
    key: ec.EllipticCurvePublicKey, method: str, value: bytes, message: bytes
) -> None:
    size = (key.key_size + 7) // 8
    if method not in _ECDSA or len(value) != 2 * size:
        raise InvalidSignature
    pair = utils.encode_dss_signature(
        int.from_bytes(value[:size], "big"), int.from_bytes(value[size:], "big")
    )
    key.verify(pair, message, ec.ECDSA(_HASHES[_ECDSA[method]]))
