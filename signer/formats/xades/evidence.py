"""Validation data inside a signature (ETSI EN 319 132-1 V1.2.1, 5.4 and 5.5.1)."""

from collections.abc import Iterable

from signer.formats.xades.canonicalisation import XADES, XADES141, base64, element
from signer.ports import ValidationMaterial
from signer.xmldsig import names
from signer.xmldsig.parsing import Element
from signer.xmldsig.signature import XMLSignature, decoded


def values_of(material: ValidationMaterial, *, attributes: bool = False) -> str:
    """CertificateValues and RevocationValues; with ``attributes`` those of the authority's.

    What there is nothing of is left out.
    """
    prefix = ("AttrAuthoritiesCertValues", "AttributeRevocationValues")
    certificates, revocation = prefix if attributes else ("CertificateValues", "RevocationValues")
    return _certificates(certificates, material.certificates) + _revocation(revocation, material)


def authorities_of(certificates: Iterable[bytes]) -> str:
    """AttrAuthoritiesCertValues (5.4.3): what attribute certificates are verified with."""
    return _certificates("AttrAuthoritiesCertValues", tuple(certificates))


def timestamp_validation_data(material: ValidationMaterial, about: str = "") -> str:
    """TimeStampValidationData (5.5.1): ``about`` is the Id of a time-stamp elsewhere.

    Without it, the time-stamp is the element before.  Empty when there is nothing to say.
    """
    said = values_of(material)
    if not said:
        return ""
    uri = (f'URI="#{about}"',) if about else ()
    return element("xades141:TimeStampValidationData", said, XADES141, *uri)


def without(material: ValidationMaterial, held: ValidationMaterial) -> ValidationMaterial:
    """What of ``material`` is not held already."""
    return ValidationMaterial(
        certificates=_new(material.certificates, held.certificates),
        ocsp_responses=_new(material.ocsp_responses, held.ocsp_responses),
        crls=_new(material.crls, held.crls),
    )


def held_by(signature: XMLSignature) -> ValidationMaterial:
    """All certificates and revocation data in KeyInfo and the unsigned properties."""
    unsigned = signature.unsigned_properties
    return ValidationMaterial(
        certificates=(
            *signature.certificates,
            *_values(unsigned, "EncapsulatedX509Certificate"),
        ),
        ocsp_responses=_values(unsigned, "EncapsulatedOCSPValue"),
        crls=_values(unsigned, "EncapsulatedCRLValue"),
    )


def _values(unsigned: Element | None, name: str) -> tuple[bytes, ...]:
    if unsigned is None:
        return ()
    return tuple(decoded(one) for one in unsigned.iter(f"{{{names.XADES}}}{name}"))


def _certificates(name: str, certificates: tuple[bytes, ...]) -> str:
    if not certificates:
        return ""
    inside = "".join(
        element("xades:EncapsulatedX509Certificate", base64(one)) for one in certificates
    )
    return element(f"xades:{name}", inside, XADES)


def _revocation(name: str, material: ValidationMaterial) -> str:
    crls = "".join(element("xades:EncapsulatedCRLValue", base64(one)) for one in material.crls)
    responses = "".join(
        element("xades:EncapsulatedOCSPValue", base64(one)) for one in material.ocsp_responses
    )
    inside = (element("xades:CRLValues", crls) if crls else "") + (
        element("xades:OCSPValues", responses) if responses else ""
    )
    return element(f"xades:{name}", inside, XADES) if inside else ""


def _new(offered: tuple[bytes, ...], held: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(one for one in dict.fromkeys(offered) if one not in held)
