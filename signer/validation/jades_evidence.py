"""What a JAdES brings to its own verification (ETSI TS 119 182-1 V1.2.1, 5.2 and 5.3)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from asn1crypto import cms, crl, ocsp, x509  # type: ignore[import-untyped]  # ships no types

from signer.domain.jws import (
    ARCHIVE,
    ATTRIBUTE_VALUES,
    REVOCATION,
    TIME_STAMP,
    TIME_STAMP_DATA,
    VALUES,
    JWSSignature,
    decoded_component,
)
from signer.domain.strict_json import from_base64, refuse
from signer.validation.trust import Knowledge, RevocationData, TrustPolicy
from signer.xmldsig.tokens import TokenContent

CONTENT: Final = "adoTst"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A time-stamp token and where it stands."""

    name: str
    """``adoTst``, ``sigTst`` or ``arcTst``."""
    token: bytes
    """DER."""
    before: int = 0
    """How many unsigned components stand before it."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Certificates and revocation data of the header and of etsiU, DER."""

    chain: tuple[bytes, ...]
    """``x5c``, the signer's first."""
    certificates: tuple[bytes, ...]
    revocation: RevocationData
    attribute_certificates: tuple[Any, ...]
    """``asn1crypto.cms.AttributeCertificateV2``, which has no types."""

    @classmethod
    def of(cls, signature: JWSSignature) -> Self:
        """Read; raises DocumentRefusedError for what is malformed."""
        chain = tuple(from_base64(one) for one in _list(signature.header.get("x5c", [])))
        certificates, ocsps, crls = [*chain], list[bytes](), list[bytes]()
        for one in stamps_of(signature):
            certificates += TokenContent.of(one.token).certificates
        for name, content in map(decoded_component, signature.components):
            inner = content if name == TIME_STAMP_DATA else {name: content}
            for kind, values in _members(inner).items():
                if kind in {VALUES, ATTRIBUTE_VALUES}:
                    certificates += _values(values, "x509Cert")
                elif kind == REVOCATION:
                    ocsps += map(_value, _list(_members(values).get("ocspVals", [])))
                    crls += map(_value, _list(_members(values).get("crlVals", [])))
        attributes = _members(signature.header.get("srAts", {})).get("certified", [])
        proofs = _values(attributes, "x509AttrCert")
        try:
            _demand_readable(certificates, ocsps, crls)
            loaded = [cms.AttributeCertificateV2.load(der, strict=True) for der in proofs]
            for proof in loaded:
                proof["ac_info"].native  # noqa: B018 - parses
        except (ValueError, TypeError, KeyError):
            refuse("a certificate or revocation value in the signature cannot be read")
        return cls(
            chain,
            tuple(dict.fromkeys(certificates)),
            RevocationData(tuple(ocsps), tuple(crls)),
            tuple(loaded),
        )

    def knowledge(self, policy: TrustPolicy) -> Knowledge:
        """The policy made ready for this signature."""
        return Knowledge(
            replace(policy, data=policy.data + self.revocation),
            [x509.Certificate.load(one) for one in self.certificates],
        )


def stamps_of(signature: JWSSignature) -> Iterator[Stamp]:
    """Every time-stamp, in order: of the content, then the unsigned ones."""
    yield from _stamps(CONTENT, signature.header.get(CONTENT), 0)
    for index, (name, content) in enumerate(map(decoded_component, signature.components)):
        if name in {TIME_STAMP, ARCHIVE}:
            yield from _stamps(name, content, index)


def claimed_roles(signature: JWSSignature) -> tuple[str, ...]:
    """Texts of ``srAts/claimed``."""
    claimed = _list(_members(signature.header.get("srAts", {})).get("claimed", []))
    texts = [text for one in claimed for text in _list(_members(one).get("qVals", []))]
    return tuple(text if isinstance(text, str) else str(text)[:200] for text in texts)


def claimed_time(signature: JWSSignature) -> datetime | None:
    """``iat``, or ``sigT`` of signatures before 2025."""
    moment = signature.header.get("iat")
    try:
        if isinstance(moment, int) and not isinstance(moment, bool):
            return datetime.fromtimestamp(moment, UTC)
        said = datetime.fromisoformat(str(signature.header.get("sigT")))
    except (ValueError, OverflowError, OSError):
        return None
    return said if said.tzinfo is not None else None


def _demand_readable(certificates: list[bytes], ocsps: list[bytes], crls: list[bytes]) -> None:
    """Raise what asn1crypto raises for malformed structures, which it reads lazily."""
    for der in certificates:
        x509.Certificate.load(der, strict=True).subject.native  # noqa: B018 - parses
    for der in ocsps:
        ocsp.OCSPResponse.load(der, strict=True).native  # noqa: B018 - parses
    for der in crls:
        crl.CertificateList.load(der, strict=True)["tbs_cert_list"]["issuer"].native  # noqa: B018 - parses


def _stamps(name: str, container: object, before: int) -> Iterator[Stamp]:
    if container is None:
        return
    for token in _list(_members(container).get("tstTokens")):
        yield Stamp(name=name, token=_value(token), before=before)


def _values(holders: object, kind: str) -> Iterable[bytes]:
    found = (_members(one).get(kind) for one in _list(holders))
    return [_value(one) for one in found if one is not None]


def _value(holder: object) -> bytes:
    return from_base64(_members(holder).get("val"))


def _members(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        refuse("an object is missing in the signature")
    return value


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        refuse("a list is missing in the signature")
    return value
