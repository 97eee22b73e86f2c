"""XAdES at every level: prepare, sign elsewhere, complete (ETSI EN 319 132-1 V1.2.1)."""

import json
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self, final
from urllib.parse import unquote

from signer.domain.attribute import CertifiedAttribute
from signer.domain.errors import IntegrityAlarmError, InvalidRequestError
from signer.domain.signature_options import Packaging
from signer.domain.transaction import ItemKind, Level, SigningItem
from signer.domain.values import (
    Digest,
    KeyAlgorithm,
    SignatureAlgorithm,
    SignatureValue,
)
from signer.formats.cms import without_root
from signer.formats.port import Prepared, SigningIdentity, TrustServices
from signer.formats.xades import documents, evidence
from signer.formats.xades.builder import signature_value, template_for
from signer.formats.xades.canonicalisation import base64
from signer.formats.xades.levels import LevelRaising
from signer.formats.xades.properties import signed_properties
from signer.formats.xades.references import (
    DataReference,
    demand_served,
    packaging_of,
    references_of,
)
from signer.xmldsig import names
from signer.xmldsig.parsing import Element, parse
from signer.xmldsig.references import ContentSource
from signer.xmldsig.signature import XMLSignature
from signer.xmldsig.verification import reference_fits

ReferencePlan = Callable[[SigningItem, str], tuple[DataReference, ...]]
"""Gives the references of an item for a signature of that Id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What completing needs beside the octets that were prepared."""

    identifier: str
    key: KeyAlgorithm
    authorities: tuple[str, ...]
    """Attribute authorities' certificates, base64."""

    def to_bytes(self) -> bytes:
        return json.dumps([self.identifier, self.key.value, self.authorities]).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        try:
            identifier, key, authorities = json.loads(data)
            return cls(
                identifier=str(identifier),
                key=KeyAlgorithm(key),
                authorities=tuple(str(one) for one in authorities),
            )
        except (ValueError, TypeError) as error:
            raise IntegrityAlarmError("a prepared XAdES cannot be read") from error


COMPLETED_LIMIT: Final = 64 * 1024 * 1024
"""Bytes: a document of the largest size with its signature and all validation data."""


@final
@dataclass(frozen=True, slots=True)
class XAdES:
    """One ds:Signature: detached, enveloping, or enveloped in the document it signs.

    Hash-only gives the ds:Signature alone, to be kept beside the files or appended as last child
    of the document element whose exclusive canonical form was digested.
    """

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        demand_served(item)
        return prepare_xades(item, identity, signing_time, services, references_of)

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See the protocol; XML in UTF-8."""
        packaging = packaging_of(item)
        objects = ""
        if packaging is Packaging.ENVELOPING:
            objects = _object(prepared, item)
        written = written_signature(prepared, value, objects=objects)
        if packaging is not Packaging.ENVELOPED or item.document is None:
            if prepared.level is Level.B_B:
                return written.encode()
            root = parse(written.encode(), limit=COMPLETED_LIMIT)
            raise_level(root, prepared, content_of(item), services)
            return documents.serialised(root)
        signed = documents.with_last_child(parse(item.document), written)
        root = parse(signed, limit=COMPLETED_LIMIT)
        _demand_same_document(root[-1], content_of(item))
        if prepared.level is Level.B_B:
            return signed
        raise_level(root[-1], prepared, content_of(item), services)
        return documents.serialised(root, declaration=True)


def _demand_same_document(element: Element, content: ContentSource) -> None:
    """Raise IntegrityAlarmError when writing the document changed what was signed."""
    signature = XMLSignature.of(element)
    if not all(reference_fits(signature, one, content) for one in signature.references):
        raise IntegrityAlarmError("the document was changed while its signature was put into it")


def prepare_xades(
    item: SigningItem,
    identity: SigningIdentity,
    signing_time: datetime,
    services: TrustServices,
    plan: ReferencePlan,
) -> Prepared:
    """Fix SignedInfo over what ``plan`` refers to; raises InvalidRequestError.

    Every identifier begins with a random one, so that signatures may share a document.
    """
    algorithm = SignatureAlgorithm.of(
        identity.key_algorithm, item.digest.algorithm, pss=item.options.pss
    )
    certificates = without_root(identity.chain_der)
    template = template_for(certificates, algorithm)
    identifier = f"xades-{secrets.token_hex(16)}"
    references = plan(item, identifier)
    chosen = item.options.properties
    properties = signed_properties(
        identifier,
        certificate=template.certificate,
        signing_time=signing_time,
        chosen=chosen,
        asserted=identity.asserted,
        media_types=tuple(one.media_type for one in references),
        content_timestamp=(
            _content_timestamp(references, services) if chosen.content_timestamp else None
        ),
    )
    certified = any(isinstance(one, CertifiedAttribute) for one in identity.asserted)
    authorities = identity.attribute_authority_chain_der if certified else ()
    state = _State(
        identifier=identifier,
        key=identity.key_algorithm,
        authorities=tuple(base64(one) for one in authorities),
    )
    return Prepared(
        kind=item.kind,
        level=item.level,
        algorithm=algorithm,
        certificates=certificates,
        to_be_signed=template.signed_info(identifier, references, properties).encode(),
        signed_properties=properties.encode(),
        state=state.to_bytes(),
    )


def written_signature(prepared: Prepared, value: SignatureValue, *, objects: str = "") -> str:
    """The ds:Signature at level B-B, byte for byte what was prepared."""
    state = _State.from_bytes(prepared.state)
    return template_for(prepared.certificates, prepared.algorithm).signature(
        state.identifier,
        prepared.to_be_signed.decode(),
        signature_value(state.key, value),
        prepared.signed_properties.decode(),
        objects=objects,
        unsigned=evidence.authorities_of(b64decode(one) for one in state.authorities),
    )


def raise_level(
    element: Element, prepared: Prepared, content: ContentSource, services: TrustServices
) -> None:
    """Bring a signature just made, in its tree, to the level prepared for."""
    raising = LevelRaising(services=services, content=content, digest=prepared.algorithm.digest)
    raising(XMLSignature.of(element), prepared.certificates[0], prepared.level)


def content_of(item: SigningItem) -> ContentSource:
    """Bytes of the item's files by name; raises InvalidRequestError where they are not given."""
    files = {one.name: one.content for one in item.files} or {item.name: item.document}
    return detached_content(files)


def detached_content(files: Mapping[str, bytes | None]) -> ContentSource:
    """Gives ``files`` by name or percent-encoded name; raises InvalidRequestError for others."""

    def content(uri: str) -> bytes:
        found = files.get(uri)
        if found is None:
            found = next((one for name, one in files.items() if unquote(name) == uri), None)
        if found is None:
            msg = "the content of a detached signature is needed for this level"
            raise InvalidRequestError(msg, field="document")
        return found

    return content


def _content_timestamp(references: tuple[DataReference, ...], services: TrustServices) -> bytes:
    """Token over the data of all references together (EN 319 132-1, 5.2.8.1)."""
    first = references[0]
    octets = [one.octets for one in references if one.octets is not None]
    if len(octets) == len(references):
        covered = Digest.of(first.digest.algorithm, b"".join(octets))
    elif len(references) == 1:
        covered = first.digest
    else:
        msg = "a content time-stamp over several files needs their content"
        raise InvalidRequestError(msg, field="content_timestamp")
    return services.timestamps.stamp(covered).der


def _object(prepared: Prepared, item: SigningItem) -> str:
    identifier = _State.from_bytes(prepared.state).identifier
    if item.kind is not ItemKind.XADES or item.document is None:
        raise IntegrityAlarmError("an enveloping signature is completed with its content")
    return (
        f'<ds:Object Encoding="{names.BASE64}" Id="{identifier}-object">'
        f"{base64(item.document)}</ds:Object>"
    )
