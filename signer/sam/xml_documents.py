"""What an XML or container signature must refer to, computed from what was granted.

Deliberately apart from :mod:`signer.formats` and :mod:`signer.xmldsig`: canonicalises and unpacks
with code of its own.
"""

import io
import zipfile
from typing import Final

from lxml import etree  # type: ignore[import-untyped]  # the library has no types

from signer.domain.errors import IntegrityAlarmError
from signer.domain.signature_options import ContainerSignature, Packaging
from signer.domain.transaction import ItemKind, SigningItem, files_digest
from signer.domain.values import Digest
from signer.sam.refusal import refuse
from signer.sam.signed_info import ExpectedReference

_ENVELOPED: Final = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_BASE64: Final = "http://www.w3.org/2000/09/xmldsig#base64"
_EXCLUSIVE: Final = "http://www.w3.org/2001/10/xml-exc-c14n#"
_CONTAINERS: Final = frozenset({ItemKind.ASIC_E, ItemKind.ASIC_S})


def is_xml_signature(item: SigningItem) -> bool:
    """Tell whether what is signed for ``item`` is a SignedInfo."""
    if item.kind in _CONTAINERS:
        return item.options.container is ContainerSignature.XADES
    return item.kind in {ItemKind.XADES, ItemKind.XADES_DIGEST}


def expected_references(item: SigningItem) -> tuple[ExpectedReference, ...]:
    """The references to data that the grant allows, in order; raises IntegrityAlarmError."""
    if item.files:
        return _files(item)
    document = _granted_document(item)
    if item.kind in _CONTAINERS and item.options.parallel:
        return _unpacked(item, document or b"")
    packaging = item.options.packaging
    if item.kind in _CONTAINERS or packaging in {None, Packaging.DETACHED}:
        return (ExpectedReference(digest=item.digest, name=item.name),)
    if packaging is Packaging.ENVELOPING:
        if document is None:
            refuse("an enveloping signature was granted over a digest")
        return (ExpectedReference(digest=item.digest, uri="#", transforms=(_BASE64,)),)
    digest = item.digest
    if document is not None:
        digest = Digest.of(item.digest.algorithm, _canonical(document))
    return (ExpectedReference(digest=digest, transforms=(_ENVELOPED, _EXCLUSIVE)),)


def _granted_document(item: SigningItem) -> bytes | None:
    """The bytes that were granted; None when only their digest was."""
    if not item.kind.is_whole_document:
        return None
    if item.document is None:
        refuse("a whole document was granted, but its bytes are missing")
    if not Digest.of(item.digest.algorithm, item.document).matches(item.digest):
        refuse("the document is not the one that was granted")
    return item.document


def _files(item: SigningItem) -> tuple[ExpectedReference, ...]:
    if not files_digest(item.digest.algorithm, item.files).matches(item.digest):
        refuse("the files are not those that were granted")
    for one in item.files:
        given = one.content is not None
        if given is not item.kind.is_whole_document:
            refuse("files were granted, but their content is missing or unexpected")
        if one.content is not None and not Digest.of(one.digest.algorithm, one.content).matches(
            one.digest
        ):
            refuse("a file is not the one that was granted")
    return tuple(
        ExpectedReference(digest=one.digest, name=one.name, media_type=one.media_type)
        for one in item.files
    )


def _unpacked(item: SigningItem, container: bytes) -> tuple[ExpectedReference, ...]:
    """Every file of a granted container, outside META-INF."""
    try:
        with zipfile.ZipFile(io.BytesIO(container)) as archive:
            names = [
                entry.filename
                for entry in archive.infolist()[1:]
                if not entry.is_dir() and not entry.filename.startswith("META-INF/")
            ]
            if len(set(names)) != len(names):
                refuse("two files of the granted container have the same name")
            return tuple(
                ExpectedReference(
                    digest=Digest.of(item.digest.algorithm, archive.read(name)), name=name
                )
                for name in names
            )
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        raise IntegrityAlarmError("document link: the granted container is unreadable") from error


def _canonical(document: bytes) -> bytes:
    """Exclusive canonical form of the granted document, in which our signature is not yet."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    canonical = io.BytesIO()
    try:
        tree = etree.fromstring(document, parser).getroottree()
        if tree.docinfo.internalDTD is not None:
            refuse("the granted document has a DOCTYPE")
        tree.write_c14n(canonical, exclusive=True, with_comments=False)
    except (etree.LxmlError, ValueError) as error:
        raise IntegrityAlarmError("document link: the granted document is no XML") from error
    return canonical.getvalue()
