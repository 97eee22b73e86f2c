"""ASiCManifest and ASiCArchiveManifest files (ETSI EN 319 162-1 V1.1.1, annex A.4)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from signer.domain.strict_json import to_base64
from signer.domain.values import Digest, DigestAlgorithm

SIGNATURE_TYPE: Final = "application/pkcs7-signature"
TIMESTAMP_TYPE: Final = "application/vnd.etsi.timestamp-token"
_NAMESPACES: Final = (
    'xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#"'
)
_DIGEST_METHODS: Final = {
    DigestAlgorithm.SHA256: "http://www.w3.org/2001/04/xmlenc#sha256",
    DigestAlgorithm.SHA384: "http://www.w3.org/2001/04/xmldsig-more#sha384",
    DigestAlgorithm.SHA512: "http://www.w3.org/2001/04/xmlenc#sha512",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Referenced:
    """One file that a manifest names."""

    name: str
    digest: Digest
    media_type: str = ""
    """Empty: none is said."""
    is_root: bool = False
    """An archive manifest: the one made before."""


def written(signature_name: str, signature_type: str, files: Iterable[Referenced]) -> bytes:
    """The XML: the signature or time-stamp over it, then every file with its digest.

    Always the same for the same, so that others can compute it.
    """
    references = "".join(_reference(one) for one in files)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<asic:ASiCManifest {_NAMESPACES}>"
        f"<asic:SigReference URI={_attribute(quote(signature_name))} "
        f"MimeType={_attribute(signature_type)}/>{references}</asic:ASiCManifest>"
    ).encode()


def _attribute(value: str) -> str:
    quoted = escape(value, {'"': "&quot;"})
    return f'"{quoted}"'


def _reference(file: Referenced) -> str:
    attributes = f"URI={_attribute(quote(file.name))}"
    if file.media_type:
        attributes += f" MimeType={_attribute(file.media_type)}"
    if file.is_root:
        attributes += ' Rootfile="true"'
    method = _DIGEST_METHODS[file.digest.algorithm]
    return (
        f"<asic:DataObjectReference {attributes}>"
        f'<ds:DigestMethod Algorithm="{method}"/>'
        f"<ds:DigestValue>{to_base64(file.digest.value)}</ds:DigestValue>"
        "</asic:DataObjectReference>"
    )
