"""What a CAdES inside a container must be over, computed from what was granted.

Deliberately apart from :mod:`signer.formats`: writes the ASiCManifest (ETSI EN 319 162-1, A.4)
with code of its own, and compares by its digest.
"""

import io
import zipfile
from base64 import b64encode
from typing import Final
from urllib.parse import quote

from signer.domain.errors import IntegrityAlarmError
from signer.domain.signature_options import ContainerSignature
from signer.domain.transaction import ItemKind, SigningItem
from signer.domain.values import Digest
from signer.sam.refusal import refuse
from signer.sam.signed_info import ExpectedReference
from signer.sam.xml_documents import expected_references

_METHODS: Final = {
    "SHA256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "SHA384": "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "SHA512": "http://www.w3.org/2001/04/xmlenc#sha512",
}
_UNTYPED: Final = "application/octet-stream"
_NUMBERS: Final = 1000


def is_cms_container(item: SigningItem) -> bool:
    """Tell whether the item asks for a container with CAdES."""
    return (
        item.kind in {ItemKind.ASIC_E, ItemKind.ASIC_S}
        and item.options.container is ContainerSignature.CADES
    )


def container_content(item: SigningItem) -> Digest:
    """Digest of the one file of an ASiC-S, or of the manifest of an ASiC-E.

    Raises IntegrityAlarmError when the granted bytes are not there or not as granted.
    """
    references = expected_references(item)
    if item.kind is ItemKind.ASIC_S:
        if len(references) != 1 or references[0].digest.algorithm is not item.digest.algorithm:
            refuse("an ASiC-S is about one file")
        return references[0].digest
    number = _free_number(item)
    listed = "".join(_listed(one) for one in references)
    manifest = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<asic:ASiCManifest'
        ' xmlns:asic="http://uri.etsi.org/02918/v1.2.1#"'
        ' xmlns:ds="http://www.w3.org/2000/09/xmldsig#">'
        f'<asic:SigReference URI="META-INF/signature{number}.p7s"'
        f' MimeType="application/pkcs7-signature"/>{listed}</asic:ASiCManifest>'
    )
    return Digest.of(item.digest.algorithm, manifest.encode())


def _listed(reference: ExpectedReference) -> str:
    name, media_type = reference.name or "", reference.media_type or _UNTYPED
    value = b64encode(reference.digest.value).decode()
    return (
        f'<asic:DataObjectReference URI="{quote(name)}" MimeType="{_escaped(media_type)}">'
        f'<ds:DigestMethod Algorithm="{_METHODS[reference.digest.algorithm.name]}"/>'
        f"<ds:DigestValue>{value}</ds:DigestValue></asic:DataObjectReference>"
    )


def _escaped(text: str) -> str:
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(character, entity)
    return text


def _free_number(item: SigningItem) -> str:
    """The first number that the granted container has no signature and no manifest of."""
    if not item.options.parallel:
        return "001"
    try:
        with zipfile.ZipFile(io.BytesIO(item.document or b"")) as archive:
            taken = set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise IntegrityAlarmError("document link: the granted container is unreadable") from error
    numbers = (f"{number:03d}" for number in range(1, _NUMBERS))
    free = [
        one
        for one in numbers
        if not {f"META-INF/signature{one}.p7s", f"META-INF/ASiCManifest{one}.xml"} & taken
    ]
    if not free:
        refuse("the granted container has too many signatures")
    return free[0]
