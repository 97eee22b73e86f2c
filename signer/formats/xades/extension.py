"""Raises the level of XAdES made before, here or elsewhere; renews archives."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import SignedFile
from signer.domain.transaction import Level
from signer.domain.values import DigestAlgorithm
from signer.formats.port import TrustServices
from signer.formats.xades import evidence
from signer.formats.xades.documents import serialised, signatures_in
from signer.formats.xades.levels import ORDER, LevelRaising, level_of
from signer.formats.xades.references import demand_digest
from signer.formats.xades.signing import COMPLETED_LIMIT, detached_content
from signer.xmldsig import names
from signer.xmldsig.parsing import Element, parse, refuse
from signer.xmldsig.references import ContentSource
from signer.xmldsig.signature import XMLSignature
from signer.xmldsig.verification import (
    demand_own_properties,
    reference_fits,
    signing_certificate,
    value_verifies,
)

_METHODS = {
    uri: digest
    for table in (names.RSA_URI, names.PSS_URI, names.ECDSA_URI)
    for digest, uri in table.items()
}


@final
@dataclass(frozen=True, slots=True)
class XAdESExtender:
    """Extends every signature of an XML document that is below the level; renews at B-LTA."""

    def extend(
        self,
        signed: bytes,
        level: Level,
        services: TrustServices,
        detached: tuple[SignedFile, ...] = (),
    ) -> bytes:
        """See :class:`~signer.formats.port.Extender`.

        What is signed is verified first: a broken signature gains no time-stamp.  Detached
        contents are needed for B-LTA only, but verified wherever they are given.
        """
        for one in detached:
            if one.content is not None:
                demand_digest(one.content, one.digest)
        root = parse(signed, limit=COMPLETED_LIMIT)
        extend_all(root, level, services, {one.name: one.content for one in detached})
        return serialised(root, declaration=signed.lstrip().startswith(b"<?xml "))


def extend_all(
    root: Element,
    level: Level,
    services: TrustServices,
    contents: Mapping[str, bytes | None],
) -> None:
    """Extend the signatures in a tree; raises as :meth:`Extender.extend`."""
    signatures = [XMLSignature.of(one) for one in signatures_in(root)]
    if not signatures:
        refuse("there is no signature")
    wanted = ORDER.index(level)
    below = [one for one in signatures if ORDER.index(level_of(one)) < wanted]
    if level is not Level.B_LTA and not below:
        raise InvalidRequestError(f"the signature has level {level} already", field="level")
    source = detached_content(contents)
    for one in signatures if level is Level.B_LTA else below:
        signer = _demand_intact(one, source, level, contents)
        raising = LevelRaising(services=services, content=source, digest=_digest_of(one))
        raising(one, signer, level)


def _demand_intact(
    signature: XMLSignature,
    source: ContentSource,
    level: Level,
    contents: Mapping[str, bytes | None],
) -> bytes:
    """DER of the signing certificate; raises DocumentRefusedError for a broken signature."""
    demand_own_properties(signature)
    signer = signing_certificate(signature, evidence.held_by(signature).certificates)
    if signer is None or not value_verifies(signature, signer):
        refuse("the signature does not verify")
    for reference in signature.references:
        uri = reference.get("URI", "")
        if uri and not uri.startswith("#") and level is not Level.B_LTA and not contents:
            continue
        if not reference_fits(signature, reference, source):
            refuse("what is signed was changed")
    return signer


def _digest_of(signature: XMLSignature) -> DigestAlgorithm:
    """New time-stamps use the digest of the signature, which was found acceptable."""
    return _METHODS[signature.method]
