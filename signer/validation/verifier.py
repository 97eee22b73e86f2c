"""Verifies PDFs, CMS, XML, containers and time-stamps by ETSI EN 319 102-1, through pyHanko."""

import asyncio
import codecs
import hashlib
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, final

from pyhanko.sign.validation.errors import SignatureValidationError

from signer.asic import Container, is_container
from signer.domain.errors import DocumentRefusedError
from signer.domain.signature_options import SignedFile
from signer.ports import Clock
from signer.validation.asic import ContainerVerifier
from signer.validation.asic_cades import CAdESContainerVerifier, cades_files
from signer.validation.cms_judge import CMSJudge, no_content
from signer.validation.cms_reading import UNREADABLE, content_hash, known, signed_data_of
from signer.validation.jades import JAdESVerifier
from signer.validation.pdf import PDFVerifier
from signer.validation.report import (
    FileKind,
    Indication,
    SignatureReport,
    TimestampReport,
    VerificationReport,
)
from signer.validation.trust import TrustPolicy
from signer.validation.xades import XAdESVerifier

# The report says everything; without a handler their warnings would land on the terminal.
for _library in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_library).addHandler(logging.NullHandler())


_COMPACT_JWS: Final = re.compile(rb"eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]*\.[A-Za-z0-9_-]+\s*\Z")


def kind_of(content: bytes) -> FileKind:
    """Tell a file's kind from its bytes, never from its name."""
    if content.startswith(b"%PDF-"):
        return FileKind.PDF
    if is_container(content):
        return FileKind.CONTAINER
    if content.removeprefix(codecs.BOM_UTF8).lstrip().startswith(b"<"):
        return FileKind.XML
    if _COMPACT_JWS.match(content) or content.lstrip().startswith(b"{"):
        return FileKind.JWS
    try:
        signed_data = signed_data_of(content)
        inner = signed_data["encap_content_info"]["content_type"].native
    except UNREADABLE:
        return FileKind.UNKNOWN
    return FileKind.TIMESTAMP if inner == "tst_info" else FileKind.CMS


@final
@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies against one policy.  Never raises for what a file contains."""

    policy: TrustPolicy
    clock: Clock

    @property
    def _judge(self) -> CMSJudge:
        return CMSJudge(self.policy, self.clock)

    def verify_pdf(self, document: bytes) -> VerificationReport:
        """Every signature of a PDF, first to last, with its DSS and document time-stamps."""
        return PDFVerifier(self.policy, self.clock).verify(document)

    def verify_cades(
        self,
        signature: bytes,
        *,
        content: bytes | None = None,
        digest: bytes | None = None,
    ) -> VerificationReport:
        """A CMS (DER) over ``content``; over what has ``digest``; or over the content inside.

        ``digest`` is in the signature's own digest algorithm.
        """
        try:
            signed_data = signed_data_of(signature)
            enclosed = signed_data["encap_content_info"]["content"].native
            if enclosed is not None and content is None and digest is None:
                content = enclosed
            if content is None and digest is None:
                return VerificationReport(
                    kind=FileKind.CMS, problems=("the signed content is needed, or its digest",)
                )
            reports = tuple(
                self._one_of(signed_data, signer_info, enclosed, content, digest)
                for signer_info in signed_data["signer_infos"]
            )
        except (SignatureValidationError, *UNREADABLE) as error:
            return _unreadable(FileKind.CMS, error)
        if not reports:
            return VerificationReport(kind=FileKind.CMS, problems=("there is no signature",))
        return VerificationReport(kind=FileKind.CMS, signatures=reports)

    def verify_xades(
        self, document: bytes, contents: Mapping[str, bytes] | None = None
    ) -> VerificationReport:
        """Every XAdES of an XML document; ``contents`` are detached files by name."""
        return XAdESVerifier(self.policy, self.clock).verify(document, contents)

    def verify_jades(self, document: bytes, files: Sequence[SignedFile] = ()) -> VerificationReport:
        """Every signature of a JWS; ``files`` lie beside it, or their digests."""
        return JAdESVerifier(self.policy, self.clock).verify(document, files)

    def verify_container(self, container: bytes) -> VerificationReport:
        """Every signature of an ASiC container."""
        with suppress(DocumentRefusedError):
            unpacked = Container.read(container)
            if cades_files(unpacked):
                return CAdESContainerVerifier(self.policy, self.clock, _verify_cms).verify(unpacked)
        return ContainerVerifier(XAdESVerifier(self.policy, self.clock)).verify(container)

    def verify_timestamp(self, token: bytes, content: bytes) -> TimestampReport:
        """An RFC 3161 token (DER of the ContentInfo) over ``content``."""

        def imprint(algorithm: str) -> bytes:
            return hashlib.new(known(algorithm), content).digest()

        try:
            return asyncio.run(self._judge.timestamp(signed_data_of(token), imprint))
        except (SignatureValidationError, *UNREADABLE) as error:
            return TimestampReport(
                indication=Indication.TOTAL_FAILED,
                sub_indication="FORMAT_FAILURE",
                problems=_unreadable(FileKind.TIMESTAMP, error).problems,
            )

    def _one_of(
        self,
        signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
        signer_info: Any,  # noqa: ANN401 - asn1crypto has no types
        enclosed: bytes | None,
        content: bytes | None,
        digest: bytes | None,
    ) -> SignatureReport:
        """One signer of a CMS, judged as if it were alone in it."""
        own = signer_info["digest_algorithm"]["algorithm"].native
        given = content_hash(signer_info, content) if content is not None else digest
        if given is None or (enclosed is not None and given != content_hash(signer_info, enclosed)):
            raise ValueError("the content inside is not the content given")

        def content_digest(algorithm: str) -> bytes:
            if content is not None:
                return hashlib.new(known(algorithm), content).digest()
            return given if algorithm == own else no_content(algorithm)

        return asyncio.run(
            self._judge.signature(_with_only(signed_data, signer_info), given, content_digest)
        )


def _verify_cms(
    policy: TrustPolicy, clock: Clock, signature: bytes, content: bytes
) -> VerificationReport:
    return Verifier(policy, clock).verify_cades(signature, content=content)


def _with_only(signed_data: Any, signer_info: Any) -> Any:  # noqa: ANN401 - asn1crypto has no types
    """A copy with one signer, everything else the same."""
    if len(signed_data["signer_infos"]) == 1:
        return signed_data
    copied = signed_data.copy()
    copied["signer_infos"] = [signer_info]
    return copied


def _unreadable(kind: FileKind, error: Exception) -> VerificationReport:
    return VerificationReport(
        kind=kind, problems=(f"the file cannot be read: {' '.join(str(error).split())[:200]}",)
    )
