"""Raises a JAdES from B-B to B-T, B-LT and B-LTA, and renews it (TS 119 182-1 V1.2.1, 5.3, 6.3)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, final

from signer.domain.errors import DocumentRefusedError, IntegrityAlarmError
from signer.domain.jws import (
    ARCHIVE,
    ATTRIBUTE_VALUES,
    REVOCATION,
    TIME_STAMP,
    TIME_STAMP_DATA,
    VALUES,
    JWSSignature,
    component,
    decoded_component,
)
from signer.domain.strict_json import from_base64, refuse, to_base64
from signer.domain.transaction import Level
from signer.domain.values import Digest, DigestAlgorithm
from signer.formats import der
from signer.formats.certificate_fields import attribute_issuers, named_certificate
from signer.formats.cms_parts import SignedDataParts
from signer.formats.port import TrustServices
from signer.ports import ValidationMaterial

ORDER: Final = (Level.B_B, Level.B_T, Level.B_LT, Level.B_LTA)
"""From the lowest to the highest."""
_CONTEXT_0: Final = 0xA0
_CONTEXT_1: Final = 0xA1


def level_of(signature: JWSSignature) -> Level:
    """The level whose components are there; whether they are right, verification says."""
    names = {decoded_component(one)[0] for one in signature.components}
    if TIME_STAMP not in names:
        return Level.B_B
    if not {VALUES, REVOCATION} <= names:
        return Level.B_T
    return Level.B_LTA if ARCHIVE in names else Level.B_LT


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class LevelRaiser:
    """Adds unsigned components, with the time-stamps and data of ``services``.

    Raises TimestampUnavailableError or RevocationUnavailableError when something cannot be had,
    InvalidRequestError when a certificate is revoked, DocumentRefusedError when one is missing.
    """

    services: TrustServices
    algorithm: DigestAlgorithm
    """Of the imprints."""

    def raised(
        self,
        signature: JWSSignature,
        level: Level,
        octets: bytes | None,
        authorities: tuple[bytes, ...] = (),
    ) -> JWSSignature:
        """The same at ``level``; at B-LTA already: archived once more.

        ``octets`` are what archive time-stamps begin with; ``authorities`` the certificates (DER)
        of attribute authorities and their issuers.
        """
        present, asked = level_of(signature), ORDER.index(level)
        if present is Level.B_B and asked >= ORDER.index(Level.B_T):
            stamped = self._token(signature.value.encode())
            signature = _with(signature, component(TIME_STAMP, _container(stamped)))
        if asked >= ORDER.index(Level.B_LT) and present in {Level.B_B, Level.B_T}:
            signature = self._with_validation_data(signature, authorities)
        if level is Level.B_LTA:
            if present is Level.B_LTA:
                signature = self._with_archive_data(signature)
            signature = self._archived(signature, octets)
        return signature

    def _token(self, content: bytes) -> bytes:
        return self.services.timestamps.stamp(Digest.of(self.algorithm, content)).der

    def _with_validation_data(
        self, signature: JWSSignature, authorities: tuple[bytes, ...]
    ) -> JWSSignature:
        carried = _header_certificates(signature)
        tokens = [SignedDataParts.parse(one) for one in _tokens(signature)]
        brought = [one for token in tokens for one in token.x509_certificates]
        pool = tuple(dict.fromkeys((*carried, *authorities, *brought)))
        ends = (
            carried[0],
            *(_authority(token, pool) for token in tokens),
            *_attribute_issuers(signature, pool),
        )
        material = self._collected(ends, pool)
        further = tuple(one for one in material.certificates if one not in carried)
        values = _certificates(further or material.certificates)
        return _with(
            signature,
            component(VALUES, values),
            component(REVOCATION, _revocation(material)),
        )

    def _with_archive_data(self, signature: JWSSignature) -> JWSSignature:
        """What proves the newest archive time-stamp when its authority is gone."""
        newest = SignedDataParts.parse(_tokens(signature)[-1])
        pool = newest.x509_certificates
        material = self._collected((_authority(newest, pool),), pool)
        data = {VALUES: _certificates(material.certificates), REVOCATION: _revocation(material)}
        return _with(signature, component(TIME_STAMP_DATA, data))

    def _collected(self, ends: tuple[bytes, ...], pool: tuple[bytes, ...]) -> ValidationMaterial:
        return self.services.validation_data.collect(tuple(dict.fromkeys(ends)), pool)

    def _archived(self, signature: JWSSignature, octets: bytes | None) -> JWSSignature:
        if octets is None:
            refuse("an archive time-stamp covers the content, which is missing")
        token = self._token(archive_input(signature, octets))
        return _with(signature, component(ARCHIVE, _container(token)))


def archive_input(signature: JWSSignature, octets: bytes) -> bytes:
    """What an archive time-stamp behind all present components covers (5.3.6.3.1)."""
    fixed = f".{signature.protected}.{signature.value}."
    return octets + (fixed + "".join(signature.components)).encode()


def attribute_values(authorities: Iterable[bytes]) -> str:
    """The component that carries attribute authorities' certificates (DER)."""
    return component(ATTRIBUTE_VALUES, _certificates(tuple(authorities)))


def _with(signature: JWSSignature, *components: str) -> JWSSignature:
    return replace(signature, components=(*signature.components, *components))


def _container(token: bytes) -> dict[str, object]:
    return {"tstTokens": [{"val": to_base64(token)}]}


def _certificates(certificates: tuple[bytes, ...]) -> list[object]:
    return [{"x509Cert": {"val": to_base64(one)}} for one in certificates]


def _revocation(material: ValidationMaterial) -> dict[str, object]:
    values = {"crlVals": material.crls, "ocspVals": material.ocsp_responses}
    return {
        name: [{"val": to_base64(one)} for one in ders] for name, ders in values.items() if ders
    }


def _header_certificates(signature: JWSSignature) -> tuple[bytes, ...]:
    chain = signature.header.get("x5c")
    if not isinstance(chain, list) or not chain:
        refuse("the signature does not carry its certificate")
    return tuple(from_base64(one) for one in chain)


def _tokens(signature: JWSSignature) -> tuple[bytes, ...]:
    """Every time-stamp token, the signed ones first, then in order of making."""
    containers = [signature.header["adoTst"]] if "adoTst" in signature.header else []
    for encoded in signature.components:
        name, content = decoded_component(encoded)
        if name in {TIME_STAMP, ARCHIVE}:
            containers.append(content)
    return tuple(token for container in containers for token in _contained(container))


def _contained(container: object) -> list[bytes]:
    if not isinstance(container, dict) or not isinstance(container.get("tstTokens"), list):
        refuse("a time-stamp container is malformed")
    return [from_base64(_value(token)) for token in container["tstTokens"]]


def _value(holder: object) -> object:
    if not isinstance(holder, dict):
        refuse("an encoded object is malformed")
    return holder.get("val")


def _attribute_issuers(signature: JWSSignature, pool: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """Certificates of the authorities behind ``srAts/certified``."""
    attributes = signature.header.get("srAts")
    certified = attributes.get("certified", []) if isinstance(attributes, dict) else []
    if not isinstance(certified, list):
        refuse("srAts is malformed")
    proofs = [
        der.tlv(_CONTEXT_0, from_base64(_value(one["x509AttrCert"])))
        for one in certified
        if isinstance(one, dict) and "x509AttrCert" in one
    ]
    # The same list as CAdES has, so that one function looks for issuers.
    as_in_cms = der.sequence(der.tlv(_CONTEXT_1, der.sequence(*proofs)))
    try:
        return attribute_issuers(as_in_cms, pool)
    except (IntegrityAlarmError, IndexError) as error:
        msg = "an attribute certificate cannot be read"
        raise DocumentRefusedError(msg, field="document") from error


def _authority(token: SignedDataParts, pool: tuple[bytes, ...]) -> bytes:
    """Certificate (DER) of a token's unit."""
    try:
        found = named_certificate(token.signers[0].sid, pool)
    except (IntegrityAlarmError, ValueError, IndexError):
        found = None
    if found is None:
        refuse("a time-stamp does not bring the certificate of its authority")
    return found
