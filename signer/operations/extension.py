"""Raises the level of signatures made before, here or elsewhere; a broken one is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, final

from signer.domain.errors import (
    DocumentRefusedError,
    InvalidRequestError,
    RevocationUnavailableError,
)
from signer.domain.signature_options import SignedFile
from signer.domain.transaction import Level
from signer.formats.port import Extender, TrustServices
from signer.validation import FileKind, Indication, VerificationReport, Verifier
from signer.validation.verifier import kind_of

_STATUS_UNKNOWN: Final = frozenset({"TRY_LATER", "CERTIFICATE_CHAIN_GENERAL_FAILURE"})
"""Sub-indications (EN 319 102-1, table 6) that verification gives for an unknown status."""


@dataclass(frozen=True, slots=True)
class Extended:
    """A file at its new level."""

    kind: FileKind
    content: bytes


@final
@dataclass(frozen=True, slots=True)
class ExtendSignature:
    """Verifies, then has the :class:`~signer.formats.port.Extender` of the format add the rest."""

    extenders: Mapping[FileKind, Extender]
    verifier: Verifier
    services: TrustServices
    read_first: Mapping[FileKind, Callable[[bytes], object]] = field(default_factory=dict)
    """Kinds that a limited process must have read before anything is parsed here; raises
    DocumentRefusedError.
    """

    def __call__(
        self, signed: bytes, level: Level, detached: tuple[SignedFile, ...] = ()
    ) -> Extended:
        """The file at ``level``, or archived once more where it is at B-LTA.

        ``detached`` are the contents that the file does not hold.  Raises DocumentRefusedError
        (unreadable, broken or not trusted), InvalidRequestError (a level it has already; B-B),
        TimestampUnavailableError or RevocationUnavailableError.
        """
        if level is Level.B_B:
            msg = "a signature is extended to B-T, B-LT or B-LTA"
            raise InvalidRequestError(msg, field="level")
        kind = kind_of(signed)
        extender = self.extenders.get(kind)
        if extender is None:
            msg = "this is no signed file that can be extended"
            raise DocumentRefusedError(msg, field="document")
        for one in detached:
            if one.content is not None and one.digest.algorithm.of(one.content) != one.digest.value:
                msg = "the digest is not that of the file"
                raise InvalidRequestError(msg, field="files")
        if kind in self.read_first:
            self.read_first[kind](signed)
        demand_valid(self._report(kind, signed, detached))
        return Extended(kind, extender.extend(signed, level, self.services, detached))

    def _report(
        self, kind: FileKind, signed: bytes, detached: tuple[SignedFile, ...]
    ) -> VerificationReport:
        contents = {one.name: one.content for one in detached if one.content is not None}
        match kind:
            case FileKind.PDF:
                return self.verifier.verify_pdf(signed)
            case FileKind.CMS:
                return self._cms_report(signed, detached)
            case FileKind.XML:
                return self.verifier.verify_xades(signed, contents)
            case FileKind.CONTAINER:
                return self.verifier.verify_container(signed)
            case FileKind.JWS:
                return self.verifier.verify_jades(signed, detached)
            case _:
                msg = "this kind of file cannot be verified"
                raise DocumentRefusedError(msg, field="document")

    def _cms_report(self, signed: bytes, detached: tuple[SignedFile, ...]) -> VerificationReport:
        if not detached:
            return self.verifier.verify_cades(signed)
        if len(detached) > 1:
            msg = "a CMS is about one file"
            raise DocumentRefusedError(msg, field="files")
        (one,) = detached
        if one.content is not None:
            return self.verifier.verify_cades(signed, content=one.content)
        return self.verifier.verify_cades(signed, digest=one.digest.value)


def demand_valid(report: VerificationReport) -> None:
    """Raise DocumentRefusedError unless every signature passed.

    RevocationUnavailableError where only the status of a certificate could not be had.
    """
    if report.problems or not report.signatures:
        raise DocumentRefusedError(
            f"the file is not extended: {'; '.join(report.problems) or 'no signature'}"[:300],
            field="document",
        )
    for one in report.signatures:
        if one.indication is Indication.TOTAL_PASSED:
            continue
        if one.indication is Indication.INDETERMINATE and one.sub_indication in _STATUS_UNKNOWN:
            raise RevocationUnavailableError(retry_after=30)
        msg = f"a signature is not valid: {one.indication}, {one.sub_indication}"
        raise DocumentRefusedError(msg, field="document")
