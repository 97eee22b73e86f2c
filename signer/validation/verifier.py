"""Verifies PDFs, CMS and time-stamps by the processes of ETSI EN 319 102-1, through pyHanko."""

import asyncio
import hashlib
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, final

from asn1crypto import cms  # type: ignore[import-untyped]  # ships no types
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel
from pyhanko.sign.general import CMSExtractionError
from pyhanko.sign.validation import ades
from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature
from pyhanko.sign.validation.status import SignatureCoverageLevel
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo

from signer.domain.transaction import Level
from signer.domain.values import DigestAlgorithm
from signer.ports import Clock
from signer.validation.attributes import CarriedAttributes, carried_attributes
from signer.validation.report import (
    FileKind,
    Indication,
    SignatureReport,
    TimestampReport,
    VerificationReport,
)
from signer.validation.trust import Knowledge, TrustPolicy

# The report says everything; without a handler their warnings would land on the terminal.
for _library in ("pyhanko", "pyhanko_certvalidator"):
    logging.getLogger(_library).addHandler(logging.NullHandler())

_INDICATIONS: Final = {
    "PASSED": Indication.TOTAL_PASSED,
    "FAILED": Indication.TOTAL_FAILED,
    "INDETERMINATE": Indication.INDETERMINATE,
}
_UNREADABLE: Final = (ValueError, TypeError, KeyError, IndexError, CMSExtractionError)
"""What asn1crypto and pyHanko raise for malformed structures."""


def kind_of(content: bytes) -> FileKind:
    """Tell a file's kind from its bytes, never from its name."""
    if content.startswith(b"%PDF-"):
        return FileKind.PDF
    try:
        signed_data = _signed_data(content)
        inner = signed_data["encap_content_info"]["content_type"].native
    except _UNREADABLE:
        return FileKind.UNKNOWN
    return FileKind.TIMESTAMP if inner == "tst_info" else FileKind.CMS


@final
@dataclass(frozen=True, slots=True)
class Verifier:
    """Verifies against one policy.  Never raises for what a file contains."""

    policy: TrustPolicy
    clock: Clock

    def verify_pdf(self, document: bytes) -> VerificationReport:
        """Every signature of a PDF, first to last; document time-stamps only guard the end."""
        try:
            reader = PdfFileReader(io.BytesIO(document), strict=True)
            embedded = reader.embedded_signatures
            signatures = tuple(self._embedded(one) for one in reader.embedded_regular_signatures)
            problems = _open_end(embedded)
        except (PdfError, SignatureValidationError, RecursionError, *_UNREADABLE) as error:
            return _unreadable(FileKind.PDF, error)
        if not signatures:
            return VerificationReport(kind=FileKind.PDF, problems=("there is no signature",))
        return VerificationReport(kind=FileKind.PDF, signatures=signatures, problems=problems)

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
            signed_data = _signed_data(signature)
            (signer_info,) = signed_data["signer_infos"]
            enclosed = signed_data["encap_content_info"]["content"].native
            if content is not None:
                digest = _hash(signer_info, content)
            if enclosed is not None:
                if digest is not None and digest != _hash(signer_info, enclosed):
                    raise ValueError("the content inside is not the content given")
                digest = _hash(signer_info, enclosed)
            if digest is None:
                return VerificationReport(
                    kind=FileKind.CMS, problems=("the signed content is needed, or its digest",)
                )
            report = asyncio.run(self._judge(signed_data, digest))
        except (SignatureValidationError, *_UNREADABLE) as error:
            return _unreadable(FileKind.CMS, error)
        return VerificationReport(kind=FileKind.CMS, signatures=(report,))

    def verify_timestamp(self, token: bytes, content: bytes) -> TimestampReport:
        """An RFC 3161 token (DER of the ContentInfo) over ``content``."""

        def imprint(algorithm: str) -> bytes:
            return hashlib.new(_known(algorithm), content).digest()

        try:
            return asyncio.run(self._judge_timestamp(_signed_data(token), imprint))
        except (SignatureValidationError, *_UNREADABLE) as error:
            return TimestampReport(
                indication=Indication.TOTAL_FAILED,
                sub_indication="FORMAT_FAILURE",
                problems=_unreadable(FileKind.TIMESTAMP, error).problems,
            )

    def _embedded(self, embedded: EmbeddedPdfSignature) -> SignatureReport:
        report = asyncio.run(self._judge(embedded.signed_data, embedded.compute_digest()))
        report = replace(
            report,
            field=embedded.field_name,
            claimed_time=embedded.self_reported_timestamp or report.claimed_time,
        )
        coverage, changes_allowed, _ = _integrity(embedded)
        if coverage is SignatureCoverageLevel.ENTIRE_FILE:
            return report
        if coverage is not SignatureCoverageLevel.ENTIRE_REVISION:
            return _worse(report, "the signature does not cover its whole revision")
        if not changes_allowed:
            return _worse(report, "the document was changed after this signature")
        return report

    async def _judge(self, signed_data: Any, digest: bytes) -> SignatureReport:  # noqa: ANN401 - asn1crypto has no types
        """Basic process, or the one with time if there is a signature time-stamp (5.3, 5.5)."""
        (signer_info,) = signed_data["signer_infos"]
        tokens = _timestamps(signer_info)
        certificates = _certificates(signed_data, *tokens)
        knowledge = Knowledge(self.policy, certificates)
        process = ades.ades_with_time_validation if tokens else ades.ades_basic_validation
        result = await process(
            signed_data,
            knowledge.specification(),
            timing_info=self._timing(),
            raw_digest=digest,
        )
        problems = [result.failure_msg] if result.failure_msg else []
        stamped = None
        for token in tokens:
            stamp = await self._judge_timestamp(
                token,
                lambda name: hashlib.new(_known(name), signer_info["signature"].native).digest(),
            )
            if stamp.indication is Indication.TOTAL_PASSED and stamp.time is not None:
                stamped = min(stamped or stamp.time, stamp.time)
            else:
                problems.append(f"the signature time-stamp is not valid: {stamp.sub_indication}")
        signer = _signing_certificate(signer_info, certificates)
        carried = CarriedAttributes()
        if signer is not None:
            moments = (self.clock.now(), *(() if stamped is None else (stamped,)))
            carried = await carried_attributes(signer_info, signer, knowledge, moments)
        indication = _INDICATIONS[result.ades_subindic.status.name]
        return SignatureReport(
            indication=indication,
            sub_indication=(
                None
                if indication is Indication.TOTAL_PASSED
                else result.ades_subindic.standard_name
            ),
            signer=None if signer is None else signer.subject.human_friendly,
            certificate_serial=None if signer is None else f"{signer.serial_number:x}",
            claimed_time=_claimed_time(signer_info),
            timestamp_time=stamped,
            level=Level.B_B if stamped is None else Level.B_T,
            certified_attributes=carried.certified,
            claimed_attributes=carried.claimed,
            problems=(*problems, *carried.problems),
        )

    async def _judge_timestamp(
        self,
        signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
        imprint: Callable[[str], bytes],
    ) -> TimestampReport:
        certificates = _certificates(signed_data)
        result = await ades.ades_timestamp_validation(
            signed_data,
            Knowledge(self.policy, certificates).specification(),
            imprint,
            timing_info=self._timing(),
        )
        (signer_info,) = signed_data["signer_infos"]
        authority = _signing_certificate(signer_info, certificates)
        indication = _INDICATIONS[result.ades_subindic.status.name]
        passed = indication is Indication.TOTAL_PASSED
        return TimestampReport(
            indication=indication,
            sub_indication=None if passed else result.ades_subindic.standard_name,
            authority=None if authority is None else authority.subject.human_friendly,
            time=signed_data["encap_content_info"]["content"].parsed["gen_time"].native,
            problems=() if result.failure_msg is None else (result.failure_msg,),
        )

    def _timing(self) -> ValidationTimingInfo:
        now: datetime = self.clock.now()
        return ValidationTimingInfo(
            validation_time=now, best_signature_time=now, point_in_time_validation=False
        )


def _worse(report: SignatureReport, problem: str) -> SignatureReport:
    """The same with a problem, and no longer passed."""
    report = replace(report, problems=(*report.problems, problem))
    if report.indication is not Indication.TOTAL_PASSED:
        return report
    return replace(
        report,
        indication=Indication.INDETERMINATE,
        sub_indication="SIG_CONSTRAINTS_FAILURE",
    )


def _integrity(
    embedded: EmbeddedPdfSignature,
) -> tuple[SignatureCoverageLevel, bool, ModificationLevel]:
    """What a signature covers, whether what followed is allowed, and what that was.

    Source: ISO 32000-2, 12.8.2.
    """
    embedded.compute_integrity_info()  # type: ignore[no-untyped-call]  # pyHanko left it out
    summary = embedded.summarise_integrity_info()
    changes = summary["diff_result"]
    level = changes.modification_level if isinstance(changes, DiffResult) else None
    return (
        summary["coverage"],
        summary["docmdp_ok"] is True,
        ModificationLevel.OTHER if level is None else level,
    )


def _open_end(embedded: list[EmbeddedPdfSignature]) -> tuple[str, ...]:
    """A problem if something other than validation data follows the last signature."""
    if not embedded:
        return ()
    coverage, _, changes = _integrity(embedded[-1])
    if coverage is SignatureCoverageLevel.ENTIRE_FILE:
        return ()
    if changes in {ModificationLevel.NONE, ModificationLevel.LTA_UPDATES}:
        return ()
    return ("the document was changed after its last signature",)


def _unreadable(kind: FileKind, error: Exception) -> VerificationReport:
    return VerificationReport(
        kind=kind, problems=(f"the file cannot be read: {' '.join(str(error).split())[:200]}",)
    )


def _signed_data(content: bytes) -> Any:  # noqa: ANN401 - asn1crypto has no types
    info = cms.ContentInfo.load(content, strict=True)
    if info["content_type"].native != "signed_data":
        raise ValueError("not a CMS SignedData")
    return info["content"]


def _known(algorithm: str) -> str:
    """The name back, if it is a digest that exists here; raises ValueError."""
    if algorithm not in {one.hash_name for one in DigestAlgorithm}:
        msg = f"the digest algorithm {algorithm} is not accepted"
        raise ValueError(msg)
    return algorithm


def _hash(signer_info: Any, content: bytes) -> bytes:  # noqa: ANN401 - asn1crypto has no types
    return hashlib.new(
        _known(signer_info["digest_algorithm"]["algorithm"].native), content
    ).digest()


def _timestamps(signer_info: Any) -> list[Any]:  # noqa: ANN401 - asn1crypto has no types
    return [
        token["content"]
        for attribute in signer_info["unsigned_attrs"] or ()
        if attribute["type"].native == "signature_time_stamp_token"
        for token in attribute["values"]
    ]


def _certificates(*signed: Any) -> list[Any]:  # noqa: ANN401 - asn1crypto has no types
    return [
        one.chosen
        for signed_data in signed
        for one in signed_data["certificates"] or ()
        if one.name == "certificate"
    ]


def _signing_certificate(signer_info: Any, certificates: list[Any]) -> Any:  # noqa: ANN401 - asn1crypto has no types
    """The certificate that sid names, or None."""
    sid = signer_info["sid"].chosen
    for one in certificates:
        if sid.native == one.key_identifier or (
            signer_info["sid"].name == "issuer_and_serial_number"
            and sid["serial_number"].native == one.serial_number
            and sid["issuer"] == one.issuer
        ):
            return one
    return None


def _claimed_time(signer_info: Any) -> datetime | None:  # noqa: ANN401 - asn1crypto has no types
    for attribute in signer_info["signed_attrs"]:
        if attribute["type"].native == "signing_time":
            moment = attribute["values"][0].native
            return moment if isinstance(moment, datetime) else None
    return None
