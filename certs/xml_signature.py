"""An enveloped XAdES B-B signature for documents of our own (ETSI EN 319 132-1; XML-DSig).

Exclusive canonicalisation throughout, as TS 119 612 annex B asks of trusted lists.
"""

import base64
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.serialization import Encoding
from lxml import etree  # type: ignore[import-untyped] # the library has no types

from certs.keys import PrivateKey, checked_public_key, digest_for, sign
from signer.domain.values import DigestAlgorithm
from signer.formats.der import integer, sequence, tlv

_DS: Final = "http://www.w3.org/2000/09/xmldsig#"
_XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED: Final = f"{_DS}enveloped-signature"
_SIGNED_PROPERTIES: Final = "http://uri.etsi.org/01903#SignedProperties"
_DIGESTS: Final = {
    DigestAlgorithm.SHA256: "http://www.w3.org/2001/04/xmlenc#sha256",
    DigestAlgorithm.SHA384: "http://www.w3.org/2001/04/xmldsig-more#sha384",
}
_SIGNATURES: Final = "http://www.w3.org/2001/04/xmldsig-more#{kind}-{digest}"


def sign_enveloped(
    document: etree._Element, key: PrivateKey, certificate: x509.Certificate, now: datetime
) -> None:
    """Append a ds:Signature over the whole ``document`` as its last child."""
    public_key = checked_public_key(certificate.public_key())
    digest = digest_for(public_key)
    document_digest = digest.of(_canonical(document))
    signature = etree.SubElement(
        document, f"{{{_DS}}}Signature", nsmap={"ds": _DS}, attrib={"Id": "signature"}
    )
    info = _child(signature, _DS, "SignedInfo")
    value = _child(signature, _DS, "SignatureValue")
    data = _child(_child(signature, _DS, "KeyInfo"), _DS, "X509Data")
    _child(data, _DS, "X509Certificate", _b64(certificate.public_bytes(Encoding.DER)))
    properties = _properties(signature, certificate, digest, now)
    _child(info, _DS, "CanonicalizationMethod", Algorithm=_EXCLUSIVE)
    kind = "ecdsa" if isinstance(public_key, ec.EllipticCurvePublicKey) else "rsa"
    method = _SIGNATURES.format(kind=kind, digest=digest.hash_name)
    _child(info, _DS, "SignatureMethod", Algorithm=method)
    whole = _child(info, _DS, "Reference", Id="document", URI="")
    _finish_reference(whole, (_ENVELOPED, _EXCLUSIVE), digest, document_digest)
    about = _child(info, _DS, "Reference", Type=_SIGNED_PROPERTIES, URI=f"#{properties.get('Id')}")
    _finish_reference(about, (_EXCLUSIVE,), digest, digest.of(_canonical(properties)))
    raw = sign(key, _canonical(info), digest)
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        size = (public_key.key_size + 7) // 8
        raw = b"".join(part.to_bytes(size, "big") for part in utils.decode_dss_signature(raw))
    value.text = _b64(raw)


def _properties(
    signature: etree._Element, certificate: x509.Certificate, digest: DigestAlgorithm, now: datetime
) -> etree._Element:
    holder = _child(signature, _DS, "Object")
    qualifying = etree.SubElement(
        holder,
        f"{{{_XADES}}}QualifyingProperties",
        nsmap={"xades": _XADES},
        attrib={"Target": "#signature"},
    )
    signed = _child(qualifying, _XADES, "SignedProperties", Id="signed-properties")
    about_signature = _child(signed, _XADES, "SignedSignatureProperties")
    _child(about_signature, _XADES, "SigningTime", f"{now:%Y-%m-%dT%H:%M:%SZ}")
    cert = _child(_child(about_signature, _XADES, "SigningCertificateV2"), _XADES, "Cert")
    cert_digest = _child(cert, _XADES, "CertDigest")
    _child(cert_digest, _DS, "DigestMethod", Algorithm=_DIGESTS[digest])
    fingerprint = digest.of(certificate.public_bytes(Encoding.DER))
    _child(cert_digest, _DS, "DigestValue", _b64(fingerprint))
    issuer_serial = sequence(
        sequence(tlv(0xA4, certificate.issuer.public_bytes())), integer(certificate.serial_number)
    )
    _child(cert, _XADES, "IssuerSerialV2", _b64(issuer_serial))
    about_data = _child(signed, _XADES, "SignedDataObjectProperties")
    form = _child(about_data, _XADES, "DataObjectFormat", ObjectReference="#document")
    _child(form, _XADES, "MimeType", "text/xml")
    return signed


def _finish_reference(
    reference: etree._Element, transforms: tuple[str, ...], digest: DigestAlgorithm, value: bytes
) -> None:
    holder = _child(reference, _DS, "Transforms")
    for transform in transforms:
        _child(holder, _DS, "Transform", Algorithm=transform)
    _child(reference, _DS, "DigestMethod", Algorithm=_DIGESTS[digest])
    _child(reference, _DS, "DigestValue", _b64(value))


def _child(
    parent: etree._Element, namespace: str, name: str, text: str | None = None, **attributes: str
) -> etree._Element:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}", attrib=attributes)
    element.text = text
    return element


def _canonical(element: etree._Element) -> bytes:
    return bytes(etree.tostring(element, method="c14n", exclusive=True))


def _b64(content: bytes) -> str:
    return base64.b64encode(content).decode()
