"""``/certificado``: the certificates that SCMD clients encrypt phone, PIN and code to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Blueprint, Response, jsonify

from signer.domain.errors import NotFoundError

_PEM = "application/x-pem-file"
_MINUTES = 300


class Published(Protocol):
    """A certificate of an active key."""

    @property
    def number(self) -> int:
        """Counts up with every rotation."""
        ...

    @property
    def der(self) -> bytes:
        """X.509, DER."""
        ...


@dataclass(frozen=True, slots=True)
class CertificateDoor:
    """Looked up at every call: a rotation needs no restart."""

    certificates: Callable[[], Sequence[Published]]
    """The current one first."""


def blueprint(door: CertificateDoor) -> Blueprint:
    """``cifra.cer`` is the current one; ``cifra-<number>.cer`` each active one."""
    pages = Blueprint("cipher-certificates", __name__, url_prefix="/certificado")

    @pages.get("/cifra.cer")
    def current() -> Response:
        found = door.certificates()
        if not found:
            raise NotFoundError
        return _pem(found[0])

    @pages.get("/cifra-<int:number>.cer")
    def one(number: int) -> Response:
        for found in door.certificates():
            if found.number == number:
                return _pem(found)
        raise NotFoundError

    @pages.get("/cifra.json")
    def listing() -> Response:
        return jsonify([_described(one) for one in door.certificates()])

    return pages


def _pem(published: Published) -> Response:
    certificate = x509.load_der_x509_certificate(published.der)
    response = Response(certificate.public_bytes(Encoding.PEM), mimetype=_PEM)
    response.cache_control.public = True
    response.cache_control.max_age = _MINUTES
    return response


def _described(published: Published) -> dict[str, str | int]:
    certificate = x509.load_der_x509_certificate(published.der)
    return {
        "number": published.number,
        "address": f"/certificado/cifra-{published.number}.cer",
        "subject": certificate.subject.rfc4514_string(),
        "not_before": _rfc3339(certificate.not_valid_before_utc.isoformat()),
        "not_after": _rfc3339(certificate.not_valid_after_utc.isoformat()),
        "sha256": certificate.fingerprint(hashes.SHA256()).hex(),
    }


def _rfc3339(text: str) -> str:
    return text.replace("+00:00", "Z")
