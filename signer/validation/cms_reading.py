"""What validation reads from a CMS (RFC 5652), through asn1crypto."""

import hashlib
from datetime import datetime
from typing import Any

from asn1crypto import cms  # type: ignore[import-untyped]  # ships no types
from pyhanko.sign.general import CMSExtractionError

from signer.domain.values import DigestAlgorithm

UNREADABLE = (ValueError, TypeError, KeyError, IndexError, CMSExtractionError)
"""What asn1crypto and pyHanko raise for malformed structures."""


def signed_data_of(content: bytes) -> Any:  # noqa: ANN401 - asn1crypto has no types
    """A ContentInfo's SignedData; raises ValueError for anything else."""
    info = cms.ContentInfo.load(content, strict=True)
    if info["content_type"].native != "signed_data":
        raise ValueError("not a CMS SignedData")
    return info["content"]


def known(algorithm: str) -> str:
    """The name back, if it is a digest that exists here; raises ValueError."""
    if algorithm not in {one.hash_name for one in DigestAlgorithm}:
        msg = f"the digest algorithm {algorithm} is not accepted"
        raise ValueError(msg)
    return algorithm


def content_hash(signer_info: Any, content: bytes) -> bytes:  # noqa: ANN401 - asn1crypto has no types
    """Digest of content in the signer's algorithm; raises ValueError when it is not accepted."""
    return hashlib.new(known(signer_info["digest_algorithm"]["algorithm"].native), content).digest()


def signature_tokens(signer_info: Any) -> list[Any]:  # noqa: ANN401 - asn1crypto has no types
    """SignedData of every signature time-stamp."""
    return [
        token["content"]
        for attribute in signer_info["unsigned_attrs"] or ()
        if attribute["type"].native == "signature_time_stamp_token"
        for token in attribute["values"]
    ]


def certificates_of(*signed: Any) -> list[Any]:  # noqa: ANN401 - asn1crypto has no types
    """X.509 certificates inside."""
    return [
        one.chosen
        for signed_data in signed
        for one in signed_data["certificates"] or ()
        if one.name == "certificate"
    ]


def signing_certificate(signer_info: Any, certificates: list[Any]) -> Any:  # noqa: ANN401 - asn1crypto has no types
    """The certificate that sid names, or None."""
    sid = signer_info["sid"].chosen
    for one in certificates:
        if sid.native == one.key_identifier or (
            signer_info["sid"].name == "issuer_and_serial_number"
            and sid["serial_number"].native == one.serial_number
            and sid["issuer"] == one.issuer
        ):
            return one
    return None


def claimed_time(signer_info: Any) -> datetime | None:  # noqa: ANN401 - asn1crypto has no types
    """signing-time, or None."""
    for attribute in signer_info["signed_attrs"]:
        if attribute["type"].native == "signing_time":
            moment = attribute["values"][0].native
            return moment if isinstance(moment, datetime) else None
    return None
