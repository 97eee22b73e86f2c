"""One thing to sign, as a client posts it: a digest, a file, or several files."""

import unicodedata
from dataclasses import replace
from typing import Annotated, Final

from pydantic import Field

from api.native.messages_options import DIGESTS, Chosen, DigestName, OptionsIn, base64_of
from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import Serialisation, SignedFile
from signer.domain.transaction import ItemKind, Level, SigningItem, files_digest
from signer.domain.values import DTBSR, Digest, DigestAlgorithm

Name = Annotated[str, Field(min_length=1, max_length=200)]
MediaType = Annotated[str, Field(max_length=100, pattern=r"^[!-.0-~]+/[!-.0-~]+$")]
MAX_FILES: Final = 50
_SEVERAL: Final = frozenset(
    {
        ItemKind.XADES,
        ItemKind.XADES_DIGEST,
        ItemKind.JADES,
        ItemKind.JADES_DIGEST,
        ItemKind.ASIC_E,
        ItemKind.ASIC_S,
    }
)
"""Kinds that sign ``files``; containers take nothing else unless they are signed again."""


class FileIn(Chosen):
    """One of several files under one signature."""

    name: Name
    """File name in the container, or URI of the reference."""
    media_type: MediaType = "application/octet-stream"
    document: str | None = None
    """Base64 of the file; for kinds that take documents."""
    digest: Annotated[str | None, Field(max_length=100)] = None
    """Base64; for kinds that take digests."""

    def value(
        self, algorithm: DigestAlgorithm, field: str, limit: int, *, whole: bool
    ) -> SignedFile:
        """As a domain value; raises InvalidRequestError naming the member."""
        name = shown(self.name, f"{field}.name")
        if whole:
            content = _content(self.document, self.digest, field, limit)
            digest = Digest.of(algorithm, content)
        else:
            content = None
            digest = _digest(self.digest, self.document, algorithm, field)
        return SignedFile(name=name, media_type=self.media_type, digest=digest, content=content)


class ItemIn(Chosen):
    """One thing to sign."""

    kind: ItemKind
    """``raw``: digest in, signature value out.  ``cades-digest``, ``xades-digest``,
    ``jades-digest``: digests in, the signature out.  ``pades-digest``: ByteRange digest in, CMS of
    a PAdES out.  ``pades``, ``cades``, ``xades``, ``jades``: file in, signed document or signature
    out.  ``asic-s``, ``asic-e``: files in, container out.
    """
    name: Name
    """What the citizen sees: a file name or a description."""
    digest: Annotated[str | None, Field(max_length=100)] = None
    """Base64; for ``raw`` and the kinds ending in ``-digest``."""
    digest_algorithm: DigestName = "SHA-256"
    document: str | None = None
    """Base64 of the file, for kinds that take documents."""
    files: Annotated[tuple[FileIn, ...], Field(max_length=MAX_FILES)] = ()
    """Several files under one signature: XAdES, JAdES and ASiC; instead of the members above."""
    level: Level = Level.B_B
    options: OptionsIn | None = None

    def value(self, ordinal: int, document_limit: int) -> SigningItem:
        """As a domain value; raises InvalidRequestError naming the member."""
        field = f"items[{ordinal}]"
        if self.kind is ItemKind.RAW and self.level is not Level.B_B:
            raise InvalidRequestError("a raw signature has no level", field=f"{field}.level")
        item = self._content(ordinal, DIGESTS[self.digest_algorithm], field, document_limit)
        chosen = self.options or OptionsIn()
        options = chosen.value(self.kind, f"{field}.options")
        if self._is_jades_that_grows and "serialisation" not in chosen.model_fields_set:
            # The compact form has no place for what comes after the signature.
            options = replace(options, serialisation=Serialisation.FLATTENED)
        return replace(item, options=options)

    @property
    def _is_jades_that_grows(self) -> bool:
        jades = self.kind in {ItemKind.JADES, ItemKind.JADES_DIGEST}
        return jades and self.level is not Level.B_B

    def _content(
        self, ordinal: int, algorithm: DigestAlgorithm, field: str, limit: int
    ) -> SigningItem:
        name = shown(self.name, f"{field}.name")
        whole = self.kind.is_whole_document
        document = None
        files = self._files(algorithm, field, limit) if self.files else ()
        if files:
            digest = files_digest(algorithm, files)
        elif whole:
            document = _content(self.document, self.digest, field, limit)
            digest = Digest.of(algorithm, document)
        else:
            digest = _digest(self.digest, self.document, algorithm, field)
        if self.kind is ItemKind.RAW:
            digest = DTBSR(algorithm, digest.value)
        return SigningItem(
            ordinal=ordinal,
            kind=self.kind,
            name=name,
            digest=digest,
            level=self.level,
            document=document,
            files=files,
        )

    def _files(self, algorithm: DigestAlgorithm, field: str, limit: int) -> tuple[SignedFile, ...]:
        if self.kind not in _SEVERAL:
            raise InvalidRequestError(f"{self.kind} signs one thing", field=f"{field}.files")
        if self.digest is not None or self.document is not None:
            raise InvalidRequestError("give files alone", field=f"{field}.files")
        whole = self.kind.is_whole_document
        files = tuple(
            one.value(algorithm, f"{field}.files[{number}]", limit, whole=whole)
            for number, one in enumerate(self.files)
        )
        if len({one.name for one in files}) != len(files):
            raise InvalidRequestError("two files have one name", field=f"{field}.files")
        if sum(len(one.content or b"") for one in files) > limit:
            raise InvalidRequestError(f"together at most {limit} bytes", field=f"{field}.files")
        return files


def _content(document: str | None, digest: str | None, field: str, limit: int) -> bytes:
    if digest is not None:
        raise InvalidRequestError("give document, not digest", field=f"{field}.digest")
    field = f"{field}.document"
    if document is None:
        raise InvalidRequestError("missing", field=field)
    if len(document) > (limit + 2) // 3 * 4 + 4:
        raise InvalidRequestError(f"at most {limit} bytes", field=field)
    content = base64_of(document, field)
    if not content or len(content) > limit:
        raise InvalidRequestError(f"1 to {limit} bytes", field=field)
    return content


def _digest(
    digest: str | None, document: str | None, algorithm: DigestAlgorithm, field: str
) -> Digest:
    if document is not None:
        raise InvalidRequestError("give digest, not document", field=f"{field}.document")
    field = f"{field}.digest"
    if digest is None:
        raise InvalidRequestError("missing", field=field)
    made = base64_of(digest, field)
    if len(made) != algorithm.size:
        stated = next(name for name, value in DIGESTS.items() if value is algorithm)
        raise InvalidRequestError(
            f"{stated} has {algorithm.size} bytes, this is {len(made)}", field=field
        )
    return Digest(algorithm, made)


def shown(text: str, field: str) -> str:
    """Names are shown to the citizen: no control or direction characters, no line breaks."""
    if text != text.strip() or any(
        unicodedata.category(char)[0] in "CZ" and char != " " for char in text
    ):
        raise InvalidRequestError(
            "printable characters only, without leading or trailing blanks", field=field
        )
    return text
