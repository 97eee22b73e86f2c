"""What a client needs for a PDF that never leaves it: beyond B-T, the CMS alone is not enough."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Final, Self

from signer.domain.errors import IntegrityAlarmError
from signer.ports import ValidationMaterial

_VERSION: Final = "chancela-client-material/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMaterial:
    """The result of a ``pades-digest`` item at B-LT and B-LTA.

    The client fills ``cms_der`` into /Contents, then appends ``material`` as a DSS (ISO 32000-2,
    12.8.4.3).  For B-LTA it appends a document time-stamp whose token it asks for with the digest
    of that ByteRange.
    """

    cms_der: bytes = field(repr=False)
    material: ValidationMaterial = field(repr=False)

    def to_bytes(self) -> bytes:
        """JSON, every DER value in base64."""
        material = self.material
        fields = {
            "cms": b64encode(self.cms_der).decode(),
            "certificates": _texts(material.certificates),
            "ocsp_responses": _texts(material.ocsp_responses),
            "crls": _texts(material.crls),
        }
        return json.dumps({_VERSION: fields}).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Inverse of :meth:`to_bytes`; raises IntegrityAlarmError for anything else."""
        try:
            fields = json.loads(data)[_VERSION]
            return cls(
                cms_der=b64decode(fields["cms"], validate=True),
                material=ValidationMaterial(
                    certificates=_values(fields["certificates"]),
                    ocsp_responses=_values(fields["ocsp_responses"]),
                    crls=_values(fields["crls"]),
                ),
            )
        except (ValueError, KeyError, TypeError) as error:
            msg = "a stored client material cannot be read"
            raise IntegrityAlarmError(msg) from error


def _texts(values: tuple[bytes, ...]) -> list[str]:
    return [b64encode(one).decode() for one in values]


def _values(texts: list[str]) -> tuple[bytes, ...]:
    return tuple(b64decode(one, validate=True) for one in texts)
