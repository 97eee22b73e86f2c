"""CAdES B-B to B-LTA (ETSI EN 319 122-1 V1.3.1): detached or enveloping, alone or beside others.

PAdES with the PDF at the client has the same CMS without signing-time.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, final

from signer.domain import strict_der
from signer.domain.errors import DocumentRefusedError, IntegrityAlarmError, InvalidRequestError
from signer.domain.signature_options import Packaging, SignedFile
from signer.domain.transaction import ItemKind, Level, SigningItem
from signer.domain.values import Digest, DigestAlgorithm, SignatureAlgorithm, SignatureValue
from signer.formats.cades_levels import ORDER, LevelRaiser, level_of, refuse_older_archives
from signer.formats.cms import MESSAGE_DIGEST, template_for, without_root
from signer.formats.cms_attributes import property_attributes
from signer.formats.cms_parts import SignedDataParts, SignerParts
from signer.formats.port import Prepared, SigningIdentity, TrustServices
from signer.formats.signer_attributes import signer_attributes_v2

STAMPED_AT_ONCE: Final = frozenset({Level.B_B, Level.B_T})
"""Levels that the CMS of the templates reaches by itself."""


def prepare_cms(
    item: SigningItem,
    identity: SigningIdentity,
    message_digest: Digest,
    *,
    signing_time: datetime | None,
    content_timestamp: bytes | None = None,
    with_place: bool = True,
    levels: frozenset[Level] = STAMPED_AT_ONCE,
) -> Prepared:
    """Signed attributes over ``message_digest``, with the properties the item chose.

    ``content_timestamp`` is a token (DER) over the content; ``with_place`` is False where the
    place is said elsewhere; ``levels`` are those the caller can complete.  Raises
    InvalidRequestError.
    """
    if item.level not in levels:
        msg = f"level {item.level} is not served for {item.kind}"
        raise InvalidRequestError(msg, field="level")
    if item.options.pss:
        msg = "RSASSA-PSS is served for raw signatures, XAdES and JAdES"
        raise InvalidRequestError(msg, field="pss")
    properties = item.options.properties
    algorithm = SignatureAlgorithm.of(identity.key_algorithm, message_digest.algorithm)
    certificates = without_root(identity.chain_der)
    attributes = None
    if identity.asserted:
        certificates += identity.attribute_authority_chain_der
    if identity.asserted or properties.claimed_roles:
        attributes = signer_attributes_v2(identity.asserted, properties.claimed_roles)
    return Prepared(
        kind=item.kind,
        level=item.level,
        algorithm=algorithm,
        certificates=certificates,
        to_be_signed=template_for(certificates, algorithm).signed_attributes(
            message_digest.value,
            signing_time=signing_time,
            signer_attributes=attributes,
            further=property_attributes(
                properties, content_timestamp=content_timestamp, with_place=with_place
            ),
        ),
    )


def complete_cms(
    prepared: Prepared,
    value: SignatureValue,
    services: TrustServices,
    *,
    enclosed: bytes | None = None,
) -> bytes:
    """DER of the ContentInfo at B-B, or at B-T for every higher level.

    ``enclosed`` is the content to put inside.  Raises TimestampUnavailableError.
    """
    return template_for(prepared.certificates, prepared.algorithm).signed_data(
        prepared.to_be_signed,
        value,
        timestamp=_timestamp(prepared, value, services),
        enclosed=enclosed,
    )


def finish_cms(
    prepared: Prepared,
    value: SignatureValue,
    services: TrustServices,
    *,
    content: Digest,
    enclosed: bytes | None = None,
    beside: bytes | None = None,
) -> bytes:
    """DER of the ContentInfo at the level of ``prepared``.

    ``content`` is the digest of what is signed; ``beside`` a CMS that gets the signature added.
    Raises as :meth:`~signer.formats.port.SignatureFormat.complete`.
    """
    if beside is None:
        made = complete_cms(prepared, value, services, enclosed=enclosed)
        if prepared.level in STAMPED_AT_ONCE:
            return made
        parts = SignedDataParts.parse(made)
    else:
        parts = _beside_others(prepared, value, beside, services)
    if prepared.level not in STAMPED_AT_ONCE:
        signer = _signer_with(parts, value)
        parts = LevelRaiser(services).raised(
            parts, signer, prepared.level, content, present=Level.B_T
        )
    return parts.encode()


def content_timestamp(item: SigningItem, content: Digest, services: TrustServices) -> bytes | None:
    """A token (DER) over the content when the item wants one; raises TimestampUnavailableError."""
    if not item.options.properties.content_timestamp:
        return None
    return services.timestamps.stamp(content).der


@final
@dataclass(frozen=True, slots=True)
class CAdES:
    """CAdES over a whole file or over its digest alone."""

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        _check_options(item)
        if item.kind is ItemKind.CADES and (
            item.document is None
            or not Digest.of(item.digest.algorithm, item.document).matches(item.digest)
        ):
            msg = "the digest is not that of the file"
            raise InvalidRequestError(msg, field="document")
        content = _signed_content(item)
        return prepare_cms(
            item,
            identity,
            content,
            signing_time=signing_time,
            content_timestamp=content_timestamp(item, content, services),
            levels=frozenset(Level),
        )

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        options = item.options
        enclosed = item.document if options.packaging is Packaging.ENVELOPING else None
        if prepared.level in STAMPED_AT_ONCE and not options.parallel:
            return complete_cms(prepared, value, services, enclosed=enclosed)
        return finish_cms(
            prepared,
            value,
            services,
            content=_signed_content(item),
            enclosed=enclosed,
            beside=item.document if options.parallel else None,
        )


@final
@dataclass(frozen=True, slots=True)
class CAdESExtender:
    """Raises every signature in a CMS that is below the level; renews at B-LTA."""

    def extend(
        self,
        signed: bytes,
        level: Level,
        services: TrustServices,
        detached: tuple[SignedFile, ...] = (),
    ) -> bytes:
        """See :class:`~signer.formats.port.Extender`; one detached file or its digest."""
        parts = SignedDataParts.parse(signed)
        content = content_digest(parts, detached)
        for signer in parts.signers:
            refuse_older_archives(signer)
            _check_message_digest(signer, parts, detached)
        levels = {one.signature: level_of(parts, one) for one in parts.signers}
        below = {
            signature: present
            for signature, present in levels.items()
            if level is Level.B_LTA or ORDER.index(present) < ORDER.index(level)
        }
        if not below:
            msg = f"the signature is at {level} already"
            raise InvalidRequestError(msg, field="level")
        raiser = LevelRaiser(services)
        for signature, present in below.items():
            signer = _signer_with(parts, signature)
            parts = raiser.raised(parts, signer, level, content, present=present)
        return parts.encode()


def content_digest(parts: SignedDataParts, detached: Iterable[SignedFile]) -> Digest:
    """Digest of the content: inside, or of the one detached file.

    Raises DocumentRefusedError when there is none or it is ambiguous.
    """
    files = tuple(detached)
    if parts.content is not None:
        return Digest.of(DigestAlgorithm.SHA256, parts.content)
    if len(files) != 1:
        msg = "the signed content, or its digest, is needed beside the signature"
        raise DocumentRefusedError(msg, field="files")
    return files[0].digest


def _check_options(item: SigningItem) -> None:
    packaging = item.options.packaging
    if packaging is Packaging.ENVELOPED or item.files:
        msg = "a CMS is detached from one content, or encloses it"
        raise InvalidRequestError(msg, field="packaging")
    if item.kind is not ItemKind.CADES and (
        packaging is Packaging.ENVELOPING or item.options.parallel
    ):
        msg = "that needs the whole file, not its digest alone"
        raise InvalidRequestError(msg, field="packaging")
    if item.options.parallel and packaging is not None:
        msg = "a parallel signature is packaged as those beside it"
        raise InvalidRequestError(msg, field="packaging")


def _signed_content(item: SigningItem) -> Digest:
    """What the message-digest is: the file's, or that of the content of the CMS it is."""
    if not item.options.parallel or item.document is None:
        return item.digest
    parts = SignedDataParts.parse_der(item.document)
    algorithm = item.digest.algorithm
    if parts.content is not None:
        return Digest.of(algorithm, parts.content)
    stated = {
        one.value
        for signer in parts.signers
        if (one := _stated_digest(signer)) is not None and one.algorithm is algorithm
    }
    if len(stated) != 1:
        msg = f"the file does not say one {algorithm.name} digest of its content"
        raise DocumentRefusedError(msg, field="document")
    return Digest(algorithm, stated.pop())


def _stated_digest(signer: SignerParts) -> Digest | None:
    """The message-digest attribute, or None without one or in another algorithm."""
    value = signer.signed(MESSAGE_DIGEST)
    try:
        algorithm = DigestAlgorithm(signer.digest_oid)
        if value is None:
            return None
        return Digest(algorithm, strict_der.parse(value).expect(strict_der.OCTET_STRING).content)
    except (ValueError, IntegrityAlarmError, InvalidRequestError):
        return None


def _check_message_digest(
    signer: SignerParts, parts: SignedDataParts, detached: tuple[SignedFile, ...]
) -> None:
    """The signature is over this content, as far as the digests at hand can tell."""
    stated = _stated_digest(signer)
    if stated is None:
        msg = "a signature has no message-digest that is accepted"
        raise DocumentRefusedError(msg, field="document")
    contents = [parts.content] if parts.content is not None else []
    contents += [one.content for one in detached if one.content is not None]
    at_hand = [Digest.of(stated.algorithm, one) for one in contents]
    at_hand += [one.digest for one in detached if one.digest.algorithm is stated.algorithm]
    if not all(one.matches(stated) for one in at_hand):
        msg = "a signature is over another content"
        raise DocumentRefusedError(msg, field="document")


def _beside_others(
    prepared: Prepared, value: SignatureValue, beside: bytes, services: TrustServices
) -> SignedDataParts:
    parts = SignedDataParts.parse_der(beside)
    encoded = template_for(prepared.certificates, prepared.algorithm).signer_info(
        prepared.to_be_signed, value, timestamp=_timestamp(prepared, value, services)
    )
    added = SignerParts.of(strict_der.parse(encoded))
    return parts.with_signer(added).with_certificates(prepared.certificates)


def _timestamp(prepared: Prepared, value: SignatureValue, services: TrustServices) -> bytes | None:
    if prepared.level is Level.B_B:
        return None
    return services.timestamps.stamp(Digest.of(prepared.algorithm.digest, value)).der


def _signer_with(parts: SignedDataParts, signature: bytes) -> SignerParts:
    found = [one for one in parts.signers if one.signature == signature]
    if len(found) != 1:
        msg = "a signature is not, or more than once, in its own file"
        raise DocumentRefusedError(msg, field="document")
    return found[0]
