"""Makes the whole hierarchy once, in a ceremony, and reads it back at every start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, unique
from pathlib import Path
from typing import Final, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs import profiles
from certs.authority import Authority, Validity, same_key, validity_of
from certs.crl import signed_crl
from certs.keys import PrivateKey
from certs.ports import CertificateStore
from certs.profiles import Addresses, Organisation, organisation_name
from signer.country import CountryProfile
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.certificate import Reservation, RevocationSnapshot, StatusEntry
from signer.domain.errors import ConfigurationError
from signer.ports import Clock

_YEAR: Final = timedelta(days=365)
_BACKDATED: Final = timedelta(minutes=5)
"""Certificates start a little in the past: relying parties' clocks differ."""


@unique
class Role(StrEnum):
    """Our services with a certificate; the value is the label of the key."""

    ROOT_CA = "root-ca"
    ISSUING_CA = "issuing-ca"
    OCSP_ROOT = "ocsp-root"
    OCSP_ISSUING = "ocsp-issuing"
    TSA = "tsa"
    ATTRIBUTE_AUTHORITY = "attribute-authority"
    TRUSTED_LIST = "trusted-list"


ROOT: Final = "root"
ISSUING: Final = "issuing"

_ISSUER_OF: Final[Mapping[Role, str]] = {
    Role.ROOT_CA: ROOT,
    Role.ISSUING_CA: ROOT,
    Role.OCSP_ROOT: ROOT,
    Role.OCSP_ISSUING: ISSUING,
    Role.TSA: ISSUING,
    Role.ATTRIBUTE_AUTHORITY: ISSUING,
    Role.TRUSTED_LIST: ROOT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """Who runs the service, and what its certificates are called."""

    organisation: Organisation
    mark: str = ""
    """Put before every common name: ``TESTE`` in the demo."""

    def of(self, role: Role) -> x509.Name:
        """Subject of one service."""
        common = f"{self.mark} {_COMMON_NAMES[role]}".strip()
        return organisation_name(self.organisation, common)


_COMMON_NAMES: Final[Mapping[Role, str]] = {
    Role.ROOT_CA: "Chancela Root CA",
    Role.ISSUING_CA: "Chancela Issuing CA 1",
    Role.OCSP_ROOT: "Chancela Root OCSP 1",
    Role.OCSP_ISSUING: "Chancela Issuing OCSP 1",
    Role.TSA: "Chancela TSU 1",
    Role.ATTRIBUTE_AUTHORITY: "Chancela Attribute Authority 1",
    Role.TRUSTED_LIST: "Chancela Trusted List 1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetimes:
    """How long each kind of certificate lives, and the root's list of revoked CAs."""

    root: timedelta = 20 * _YEAR
    issuing: timedelta = 10 * _YEAR
    service: timedelta = 5 * _YEAR
    responder: timedelta = _YEAR
    root_crl: timedelta = _YEAR


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """All certificates of our services, and the root's list; no keys."""

    certificates: Mapping[Role, x509.Certificate]
    root_crl_der: bytes

    def certificate(self, role: Role) -> x509.Certificate:
        """One service's certificate."""
        return self.certificates[role]

    def der(self, role: Role) -> bytes:
        """One service's certificate, DER."""
        return self.certificates[role].public_bytes(Encoding.DER)

    @property
    def ca_ders(self) -> Mapping[str, bytes]:
        """CA certificates by short name."""
        return {ROOT: self.der(Role.ROOT_CA), ISSUING: self.der(Role.ISSUING_CA)}

    def check(self, keys: Mapping[str, PrivateKey]) -> None:
        """Compare keys at hand with the certificates (asks the HSM); raises ConfigurationError."""
        for role in Role:
            key = keys.get(role.value)
            if key is not None and not same_key(
                key.public_key(), self.certificates[role].public_key()
            ):
                raise ConfigurationError(f"the key {role.value!r} is not that of its certificate")

    def save(self, directory: Path) -> None:
        """Write ``<role>.der`` files and ``root.crl``; each appears whole or not at all."""
        directory.mkdir(parents=True, exist_ok=True)
        for role in Role:
            _write(directory / f"{role.value}.der", self.der(role))
        _write(directory / "root.crl", self.root_crl_der)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote; raises ConfigurationError naming the file at fault."""
        loaded = {role: _load_certificate(directory / f"{role.value}.der") for role in Role}
        root_crl = _read(directory / "root.crl")
        try:
            x509.load_der_x509_crl(root_crl)
        except ValueError as error:
            raise ConfigurationError(f"{directory / 'root.crl'} is not a list") from error
        return cls(certificates=loaded, root_crl_der=root_crl)

    def register(self, store: CertificateStore) -> None:
        """Make our services' certificates known to OCSP and CRL; repeating it changes nothing."""
        for role in Role:
            certificate = self.certificates[role]
            validity = validity_of(certificate)
            wanted = Reservation(
                issuer=_ISSUER_OF[role],
                serial=certificate.serial_number,
                credential=f"{role.value}-{certificate.serial_number:x}",
                subject="",
                not_before=validity.not_before,
                not_after=validity.not_after,
            )
            if store.certificate_of(wanted.issuer, wanted.credential) is not None:
                continue
            facts = {
                "role": role.value,
                "issuer": wanted.issuer,
                "serial": f"{certificate.serial_number:x}",
                "credential": wanted.credential,
                "not_after": validity.not_after.isoformat(),
            }
            record = AuditRecord(event=AuditEvent.CERTIFICATE_ISSUED, actor="service", facts=facts)
            reservation = store.reserve(wanted, audit=record)
            store.complete(reservation, self.der(role), audit=record)


def establish(
    keys: Mapping[str, PrivateKey],
    names: Names,
    pki_url: str,
    clock: Clock,
    *,
    country: CountryProfile,
    lifetimes: Lifetimes | None = None,
) -> Hierarchy:
    """Make every certificate of the service; the only time the root's key is needed.

    ``keys`` by label (:class:`Role`); raises ConfigurationError naming missing ones.
    """
    missing = [role.value for role in Role if role.value not in keys]
    if missing:
        raise ConfigurationError(f"keys are missing: {', '.join(missing)}")
    lasting = lifetimes or Lifetimes()
    start = clock.now() - _BACKDATED
    addresses = Addresses(pki_url=pki_url)

    def lasts(duration: timedelta) -> Validity:
        return Validity(not_before=start, not_after=start + duration)

    root = Authority.self_signed(
        ROOT,
        keys[Role.ROOT_CA],
        names.of(Role.ROOT_CA),
        lasts(lasting.root),
        profiles.root_ca(),
    )
    issuing = Authority(
        ISSUING,
        root.issue(
            names.of(Role.ISSUING_CA),
            keys[Role.ISSUING_CA].public_key(),
            lasts(lasting.issuing),
            profiles.issuing_ca(addresses, ROOT),
        ),
        keys[Role.ISSUING_CA],
    )
    made = {Role.ROOT_CA: root.certificate, Role.ISSUING_CA: issuing.certificate}
    plan = (
        (root, Role.OCSP_ROOT, lasting.responder, profiles.ocsp_responder()),
        (issuing, Role.OCSP_ISSUING, lasting.responder, profiles.ocsp_responder()),
        (
            issuing,
            Role.TSA,
            lasting.service,
            profiles.time_stamping_unit(country, addresses, ISSUING),
        ),
        (
            issuing,
            Role.ATTRIBUTE_AUTHORITY,
            lasting.service,
            profiles.attribute_authority(country, addresses, ISSUING),
        ),
        (
            root,
            Role.TRUSTED_LIST,
            lasting.service,
            profiles.trusted_list_signer(addresses, ROOT),
        ),
    )
    for authority, role, duration, extensions in plan:
        made[role] = authority.issue(
            names.of(role), keys[role].public_key(), lasts(duration), extensions
        )
    return Hierarchy(
        certificates=made,
        root_crl_der=root_crl(root, clock, number=1, lifetime=lasting.root_crl),
    )


def root_crl(
    root: Authority,
    clock: Clock,
    *,
    number: int,
    lifetime: timedelta,
    revoked: tuple[StatusEntry, ...] = (),
) -> bytes:
    """A new list of the root, made in a ceremony; ``number`` must be greater than the last."""
    snapshot = RevocationSnapshot(number, 0, revoked)
    return signed_crl(root, snapshot, clock.now(), lifetime)


def _write(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read; run the ceremony first") from error


def _load_certificate(path: Path) -> x509.Certificate:
    content = _read(path)
    try:
        return x509.load_der_x509_certificate(content)
    except ValueError as error:
        raise ConfigurationError(f"{path} is not a certificate") from error
