"""Judges every signature of a PDF, with its DSS and document time-stamps (ETSI EN 319 102-1, 5.6).

What the last time-stamp covers is judged at its time, and so on backwards: each that passes proves
that everything before it existed then.
"""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, final

from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.fields import enumerate_sig_fields
from pyhanko.sign.validation.dss import DocumentSecurityStore
from pyhanko.sign.validation.errors import NoDSSFoundError, SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel

from signer.domain.transaction import Level
from signer.ports import Clock
from signer.validation.cms_judge import CMSJudge
from signer.validation.cms_reading import UNREADABLE, known
from signer.validation.report import (
    FileKind,
    Indication,
    SignatureReport,
    TimestampReport,
    VerificationReport,
)
from signer.validation.trust import RevocationData, RevocationRule, TrustPolicy, no_source

_MAX_SIGNATURES: Final = 64


@final
@dataclass(frozen=True, slots=True)
class PDFVerifier:
    """Verifies against one policy.  Never raises for what a file contains."""

    policy: TrustPolicy
    clock: Clock

    def verify(self, document: bytes) -> VerificationReport:
        """Every signature of a PDF, first to last, at the level its parts reach."""
        try:
            reader = PdfFileReader(io.BytesIO(document), strict=True)
            file = _SignedFile(reader, self.policy, self.clock.now())
            signatures = tuple(file.signature(one) for one in file.signatures)
            problems = tuple(file.problems())
        except (PdfError, SignatureValidationError, RecursionError, *UNREADABLE) as error:
            cause = " ".join(str(error).split())[:200]
            return VerificationReport(
                kind=FileKind.PDF, problems=(f"the file cannot be read: {cause}",)
            )
        if not signatures:
            return VerificationReport(kind=FileKind.PDF, problems=("there is no signature",))
        return VerificationReport(kind=FileKind.PDF, signatures=signatures, problems=problems)


@dataclass(frozen=True, slots=True)
class _Moment:
    """A clock that stands at a proven time."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


@dataclass(frozen=True, slots=True)
class _Proof:
    """A document time-stamp that passed."""

    revision: int
    moment: datetime
    covers_store: bool


class _SignedFile:
    """One PDF while it is judged."""

    def __init__(self, reader: PdfFileReader, policy: TrustPolicy, now: datetime) -> None:
        embedded = reader.embedded_signatures
        if len(embedded) > _MAX_SIGNATURES:
            raise ValueError("there are too many signatures")
        self._reader = reader
        self._now = now
        self._last = embedded[-1] if embedded else None
        self._fields = frozenset(name for name, _, _ in enumerate_sig_fields(reader))
        certificates, self._store = _stored(reader)
        self._policy = replace(
            policy,
            intermediates=(*policy.intermediates, *certificates),
            data=policy.data + self._store,
        )
        self.signatures = tuple(reader.embedded_regular_signatures)
        self._stamp_problems: list[str] = []
        self._proofs = tuple(self._proven(reader.embedded_timestamp_signatures))

    def signature(self, embedded: EmbeddedPdfSignature) -> SignatureReport:
        """One signature with everything that came after it."""
        proofs = [one for one in self._proofs if one.revision > embedded.signed_revision]
        report = self._long_term(embedded, proofs)
        if report is None:
            report = _at_most(self._judged(embedded, self._policy, proofs), Level.B_T)
        report = replace(
            report,
            field=embedded.field_name,
            claimed_time=embedded.self_reported_timestamp or report.claimed_time,
        )
        for problem in self._changes_after(embedded):
            report = _worse(report, problem)
        return report

    def problems(self) -> Iterator[str]:
        """What is wrong with the file as a whole."""
        yield from self._stamp_problems
        if self._last is None:
            return
        coverage, _, changes = _integrity(self._last)
        if coverage is SignatureCoverageLevel.ENTIRE_FILE:
            return
        if not isinstance(changes, DiffResult) or changes.modification_level not in {
            ModificationLevel.NONE,
            ModificationLevel.LTA_UPDATES,
        }:
            yield "the document was changed after its last signature"

    def _proven(self, stamps: list[EmbeddedPdfSignature]) -> Iterator[_Proof]:
        """Newest first: each that passes is the time at which the one before it is judged."""
        moment = self._now
        for embedded in reversed(stamps):
            stamp = self._timestamp(embedded, moment)
            if stamp.indication is Indication.TOTAL_PASSED and stamp.time is not None:
                moment = min(moment, stamp.time)
                root = self._reader.get_historical_root(embedded.signed_revision)
                yield _Proof(embedded.signed_revision, stamp.time, "/DSS" in root)
            else:
                self._stamp_problems.append(
                    f"a document time-stamp is not valid: {stamp.sub_indication}"
                )

    def _timestamp(self, embedded: EmbeddedPdfSignature, moment: datetime) -> TimestampReport:
        problems = tuple(self._changes_after(embedded))
        if problems:
            return TimestampReport(
                indication=Indication.INDETERMINATE,
                sub_indication="SIG_CONSTRAINTS_FAILURE",
                problems=problems,
            )
        judge = CMSJudge(self._policy, _Moment(moment))
        return asyncio.run(
            judge.timestamp(embedded.signed_data, lambda name: embedded.compute_digest(known(name)))
        )

    def _long_term(
        self, embedded: EmbeddedPdfSignature, proofs: list[_Proof]
    ) -> SignatureReport | None:
        """With the data of the DSS alone: what passes so has a long-term level; else None."""
        if self._store == RevocationData():
            return None
        offline = replace(
            self._policy, revocation=RevocationRule.HARD_FAIL, data=self._store, source=no_source
        )
        report = self._judged(embedded, offline, proofs)
        if report.indication is not Indication.TOTAL_PASSED or report.level is Level.B_B:
            return None
        archived = any(one.covers_store for one in proofs)
        return replace(report, level=Level.B_LTA if archived else Level.B_LT)

    def _judged(
        self, embedded: EmbeddedPdfSignature, policy: TrustPolicy, proofs: list[_Proof]
    ) -> SignatureReport:
        """Now, or as it was when a time-stamp proved that it existed."""
        digest = embedded.compute_digest()
        proven = min((one.moment for one in proofs), default=None)
        report = None
        for moment in (self._now, *(() if proven is None else (proven,))):
            judge = CMSJudge(policy, _Moment(moment))
            found = asyncio.run(judge.signature(embedded.signed_data, digest))
            report = found if report is None or _passed(found) else report
            if report.indication is not Indication.INDETERMINATE:
                break
        if report is None:
            raise ValueError("nothing was judged")
        if proven is None:
            return report
        stamped = min(report.timestamp_time or proven, proven)
        return replace(
            report,
            timestamp_time=stamped,
            level=Level.B_T if report.level is Level.B_B else report.level,
        )

    def _changes_after(self, embedded: EmbeddedPdfSignature) -> Iterator[str]:
        """What follows a signature and is not allowed to (ISO 32000-2, 12.8.2)."""
        coverage, allowed, changes = _integrity(embedded)
        if coverage is SignatureCoverageLevel.ENTIRE_FILE:
            return
        if coverage is not SignatureCoverageLevel.ENTIRE_REVISION:
            yield "the signature does not cover its whole revision"
        elif not allowed or not isinstance(changes, DiffResult):
            yield "the document was changed after this signature"
        elif changes.changed_form_fields - self._fields and embedded.docmdp_level is None:
            # Only a certification says that fields may be filled in; nobody asked this signer.
            yield "form fields were filled in after this signature"


def _stored(reader: PdfFileReader) -> tuple[tuple[bytes, ...], RevocationData]:
    """Certificates and revocation data of the DSS, DER."""
    try:
        store = DocumentSecurityStore.read_dss(reader)
    except NoDSSFoundError:
        return (), RevocationData()
    return tuple(one.dump() for one in store.load_certs()), RevocationData(
        tuple(dict.fromkeys(one.get_object().data for one in store.ocsps)),
        tuple(dict.fromkeys(one.get_object().data for one in store.crls)),
    )


def _integrity(
    embedded: EmbeddedPdfSignature,
) -> tuple[SignatureCoverageLevel, bool, object]:
    """What a signature covers, whether what followed is allowed, and what that was."""
    if embedded.coverage is None:
        embedded.compute_integrity_info()  # type: ignore[no-untyped-call]  # pyHanko left it out
    summary = embedded.summarise_integrity_info()
    return summary["coverage"], summary["docmdp_ok"] is True, summary["diff_result"]


def _passed(report: SignatureReport) -> bool:
    return report.indication is Indication.TOTAL_PASSED


def _at_most(report: SignatureReport, level: Level) -> SignatureReport:
    beyond = report.level in {Level.B_LT, Level.B_LTA}
    return replace(report, level=level) if beyond else report


def _worse(report: SignatureReport, problem: str) -> SignatureReport:
    """The same with a problem, and no longer passed."""
    report = replace(report, problems=(*report.problems, problem))
    if not _passed(report):
        return report
    return replace(
        report,
        indication=Indication.INDETERMINATE,
        sub_indication="SIG_CONSTRAINTS_FAILURE",
    )
