"""Looks into time-stamp tokens (RFC 3161) for the certificates they bring; verifies nothing."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from asn1crypto import cms  # type: ignore[import-untyped]  # ships no types

from signer.domain.errors import DocumentRefusedError
from signer.xmldsig.parsing import refuse


@dataclass(frozen=True, slots=True)
class TokenContent:
    """What a token says of itself."""

    unit: bytes
    """Certificate of the time-stamping unit, DER."""
    certificates: tuple[bytes, ...]
    """All certificates inside, DER."""
    generated_at: datetime
    signed_data: Any
    """``asn1crypto.cms.SignedData``, which has no types."""

    @classmethod
    def of(cls, token: bytes) -> Self:
        """Read; raises DocumentRefusedError when it is no token or lacks the certificate."""
        try:
            info = cms.ContentInfo.load(token, strict=True)
            if info["content_type"].native != "signed_data":
                refuse("a time-stamp is not a token")
            signed = info["content"]
            if signed["encap_content_info"]["content_type"].native != "tst_info":
                refuse("a time-stamp is not a token")
            content = signed["encap_content_info"]["content"].parsed
            (signer,) = signed["signer_infos"]
            embedded = [
                one.chosen for one in signed["certificates"] or () if one.name == "certificate"
            ]
            unit = [one for one in embedded if _is_named(signer["sid"], one)]
            moment = content["gen_time"].native
        except (ValueError, TypeError, KeyError) as error:
            msg = "a time-stamp cannot be read"
            raise DocumentRefusedError(msg, field="document") from error
        if not unit or not isinstance(moment, datetime):
            refuse("a time-stamp does not bring the certificate of its authority")
        return cls(unit[0].dump(), tuple(one.dump() for one in embedded), moment, signed)


def _is_named(identifier: Any, certificate: Any) -> bool:  # noqa: ANN401 - asn1crypto has no types
    if identifier.name == "issuer_and_serial_number":
        named = identifier.chosen
        return bool(
            named["serial_number"].native == certificate.serial_number
            and named["issuer"] == certificate.issuer
        )
    return bool(identifier.chosen.native == certificate.key_identifier)
