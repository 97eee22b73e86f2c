"""The signer-attributes-v2 signed attribute (ETSI EN 319 122-1 V1.3.1, 5.2.6.1)."""

from typing import Final

from signer.domain.attribute import AssertedAttribute, CertifiedAttribute
from signer.formats import der

SIGNER_ATTRIBUTES_V2: Final = "0.4.0.19122.1.1"
TITLE: Final = "2.5.4.12"
"""X.520 ``title``, a DirectoryString: the plain text that every validator can show."""


def signer_attributes_v2(
    asserted: tuple[AssertedAttribute, ...], claimed_roles: tuple[str, ...] = ()
) -> bytes:
    """DER of ``SignerAttributesV2``: every attribute as a claim, certified ones also with proof.

    The text is repeated as a claim because the EU's reference validator shows no roles of
    attribute certificates in a CMS.  ``claimed_roles`` follow, said by the signer alone.  Not
    both are empty.
    """
    texts = (*(one.attribute.describe() for one in asserted), *claimed_roles)
    claimed = [
        der.sequence(der.object_identifier(TITLE), der.set_of(der.utf8_string(text)))
        for text in texts
    ]
    certified = [
        der.tlv(0xA0, one.attribute_certificate_der)
        for one in asserted
        if isinstance(one, CertifiedAttribute)
    ]
    parts = [der.tlv(0xA0, der.sequence(*claimed))]
    if certified:
        parts.append(der.tlv(0xA1, der.sequence(*certified)))
    return der.sequence(*parts)
