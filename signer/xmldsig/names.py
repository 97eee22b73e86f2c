"""Namespaces and algorithm identifiers (XMLDSIG, RFC 9231, ETSI EN 319 132-1 V1.2.1)."""

from types import MappingProxyType
from typing import Final

from signer.domain.values import DigestAlgorithm

DS: Final = "http://www.w3.org/2000/09/xmldsig#"
XADES: Final = "http://uri.etsi.org/01903/v1.3.2#"
XADES141: Final = "http://uri.etsi.org/01903/v1.4.1#"
ASIC: Final = "http://uri.etsi.org/02918/v1.2.1#"
NAMESPACES: Final = MappingProxyType({"ds": DS, "xades": XADES, "xades141": XADES141, "asic": ASIC})
PREFIXES: Final = MappingProxyType({uri: prefix for prefix, uri in NAMESPACES.items()})

EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
EXCLUSIVE_WITH_COMMENTS: Final = f"{EXCLUSIVE}WithComments"
INCLUSIVE: Final = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
INCLUSIVE_WITH_COMMENTS: Final = f"{INCLUSIVE}#WithComments"
INCLUSIVE_11: Final = "http://www.w3.org/2006/12/xml-c14n11"
INCLUSIVE_11_WITH_COMMENTS: Final = f"{INCLUSIVE_11}#WithComments"

ENVELOPED: Final = f"{DS}enveloped-signature"
BASE64: Final = f"{DS}base64"
XPATH: Final = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER2: Final = "http://www.w3.org/2002/06/xmldsig-filter2"

OBJECT_TYPE: Final = f"{DS}Object"
MANIFEST_TYPE: Final = f"{DS}Manifest"
SIGNED_PROPERTIES_TYPE: Final = "http://uri.etsi.org/01903#SignedProperties"

DIGEST_URI: Final = MappingProxyType(
    {
        DigestAlgorithm.SHA256: "http://www.w3.org/2001/04/xmlenc#sha256",
        DigestAlgorithm.SHA384: "http://www.w3.org/2001/04/xmldsig-more#sha384",
        DigestAlgorithm.SHA512: "http://www.w3.org/2001/04/xmlenc#sha512",
    }
)
DIGEST_OF_URI: Final = MappingProxyType({uri: one for one, uri in DIGEST_URI.items()})
"""What is not here (SHA-1, SHA-3) does not verify."""

_MORE: Final = "http://www.w3.org/2001/04/xmldsig-more#"
_MORE_2007: Final = "http://www.w3.org/2007/05/xmldsig-more#"
RSA_URI: Final = MappingProxyType(
    {digest: f"{_MORE}rsa-{digest.hash_name}" for digest in DigestAlgorithm}
)
ECDSA_URI: Final = MappingProxyType(
    {digest: f"{_MORE}ecdsa-{digest.hash_name}" for digest in DigestAlgorithm}
)
PSS_URI: Final = MappingProxyType(
    {digest: f"{_MORE_2007}{digest.hash_name}-rsa-MGF1" for digest in DigestAlgorithm}
)
"""RSASSA-PSS, MGF1 with the same digest, salt as long as the digest (RFC 9231, 2.3.10)."""
