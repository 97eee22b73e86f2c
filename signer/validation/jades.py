"""Verifies JAdES by the processes of ETSI EN 319 102-1, with time-stamps and archive data."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, final

from asn1crypto import x509  # type: ignore[import-untyped]  # ships no types

from signer.domain.errors import DocumentRefusedError
from signer.domain.jws import ARCHIVE, JWS, TIME_STAMP, JWSSignature
from signer.domain.signature_options import SignedFile
from signer.domain.strict_json import from_base64url, refuse
from signer.domain.transaction import Level
from signer.domain.values import Digest
from signer.ports import Clock
from signer.validation.attributes import judged_certificates
from signer.validation.jades_evidence import (
    CONTENT,
    Evidence,
    Stamp,
    claimed_roles,
    claimed_time,
    stamps_of,
)
from signer.validation.jws_core import demand_understood, names_certificate, value_verifies
from signer.validation.paths import JudgedToken, hashed, judge_path, judge_token
from signer.validation.report import FileKind, Indication, SignatureReport, VerificationReport
from signer.validation.trust import Knowledge, RevocationRule, TrustPolicy, no_source
from signer.validation.xades_timestamps import StampedTimes
from signer.xmldsig.tokens import TokenContent

SIZE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of the largest signed file that is read."""
_USAGE: Final = "non_repudiation"
_NAMES: Final = {TIME_STAMP: "signature", ARCHIVE: "archive", CONTENT: "content"}


@dataclass(frozen=True, slots=True)
class _Content:
    """What a signature is over."""

    payload: bytes
    """As it is in the signing input."""
    octets: bytes | None
    """What content and archive time-stamps begin with; None when only digests are at hand."""
    problem: str = ""
    """HASH_FAILURE or SIGNED_DATA_NOT_FOUND, or empty."""


@final
@dataclass(frozen=True, slots=True)
class JAdESVerifier:
    """Verifies against one policy.  Never raises for what a file contains."""

    policy: TrustPolicy
    clock: Clock

    def verify(self, document: bytes, files: Sequence[SignedFile] = ()) -> VerificationReport:
        """Every signature of a JSON Web Signature; ``files`` lie beside it, or their digests.

        A single file serves a single reference whatever its name.
        """
        try:
            if len(document) > SIZE_LIMIT:
                refuse("it is too large")
            signed = JWS.parse(document)
        except DocumentRefusedError as error:
            return VerificationReport(
                kind=FileKind.JWS, problems=(f"the file cannot be read: {error}",)
            )
        reports = tuple(self._report(signed, one, files) for one in signed.signatures)
        return VerificationReport(kind=FileKind.JWS, signatures=reports)

    def _report(
        self, signed: JWS, signature: JWSSignature, files: Sequence[SignedFile]
    ) -> SignatureReport:
        try:
            demand_understood(signature)
            content = _content_of(signed, signature, files)
            return asyncio.run(self._judge(signature, content))
        except DocumentRefusedError as error:
            return _failed("FORMAT_FAILURE", str(error))

    async def _judge(self, signature: JWSSignature, content: _Content) -> SignatureReport:
        evidence = Evidence.of(signature)
        if not evidence.chain or not names_certificate(signature, evidence.chain[0]):
            return _undecided(
                "NO_SIGNING_CERTIFICATE_FOUND", "the signing certificate named is not there"
            )
        signer = evidence.chain[0]
        if content.problem == "SIGNED_DATA_NOT_FOUND":
            return _undecided(content.problem, "the signed content is needed, or its digest")
        if not value_verifies(signature, content.payload, signer):
            return _failed("SIG_CRYPTO_FAILURE", "the signature value does not verify")
        if content.problem:
            return _failed(content.problem, "what is signed was changed")
        certificate = x509.Certificate.load(signer)
        knowledge = evidence.knowledge(self.policy)
        now = self.clock.now()
        stamped = await _judge_stamps(signature, content, knowledge, now)
        best = stamped.signature or now
        flaw = await judge_path(certificate, knowledge, best, _USAGE)
        moments = tuple(dict.fromkeys((best, now)))
        attributes = await judged_certificates(
            evidence.attribute_certificates, certificate, knowledge, moments
        )
        problems = [*stamped.problems, *attributes.problems]
        report = SignatureReport(
            indication=Indication.TOTAL_PASSED,
            sub_indication=None,
            signer=certificate.subject.human_friendly,
            certificate_serial=f"{certificate.serial_number:x}",
            claimed_time=claimed_time(signature),
            timestamp_time=stamped.signature,
            level=await self._level(evidence, stamped),
            certified_attributes=attributes.certified,
            claimed_attributes=claimed_roles(signature),
            problems=tuple(problems),
        )
        if flaw is None:
            return report
        return replace(
            report,
            indication=Indication.INDETERMINATE,
            sub_indication=flaw.sub_indication,
            problems=(*problems, flaw.problem),
        )

    async def _level(self, evidence: Evidence, stamped: StampedTimes) -> Level:
        """What the signature proves with nothing but what it carries."""
        if stamped.signature is None:
            return Level.B_B
        alone = replace(
            self.policy,
            intermediates=(),
            revocation=RevocationRule.HARD_FAIL,
            source=no_source,
            data=type(self.policy.data)(),
        )
        knowledge = evidence.knowledge(alone)
        for certificate, moment, usage in (
            (evidence.chain[0], stamped.signature, _USAGE),
            *((unit, at, "digital_signature") for unit, at in stamped.units),
        ):
            loaded = x509.Certificate.load(certificate)
            if await judge_path(loaded, knowledge, moment, usage) is not None:
                return Level.B_T
        return Level.B_LTA if stamped.archive is not None else Level.B_LT


async def _judge_stamps(
    signature: JWSSignature, content: _Content, knowledge: Knowledge, now: datetime
) -> StampedTimes:
    """Newest first: one that passes moves the moment at which the older ones are judged."""
    moment, earliest, newest_archive = now, None, None
    problems: list[str] = []
    units: list[tuple[bytes, datetime]] = []
    archive_broken = False
    for stamp in reversed(list(stamps_of(signature))):
        judged = await _judge_stamp(stamp, signature, content, knowledge, moment)
        if judged is None or judged.flaw is not None:
            archive_broken |= stamp.name == ARCHIVE
            said = "the content is missing"
            if judged is not None and judged.flaw is not None:
                said = f"{judged.flaw.sub_indication}, {judged.flaw.problem}"
            problems.append(f"the {_NAMES[stamp.name]} time-stamp is not valid: {said}")
            continue
        at = judged.content.generated_at
        if stamp.name == ARCHIVE:
            newest_archive = newest_archive or at
            moment = at
        else:
            units.append((judged.content.unit, at))
            if stamp.name == TIME_STAMP:
                earliest = min(earliest or at, at)
    return StampedTimes(
        signature=earliest,
        archive=None if archive_broken else newest_archive,
        units=tuple(units),
        problems=tuple(reversed(problems)),
    )


async def _judge_stamp(
    stamp: Stamp,
    signature: JWSSignature,
    content: _Content,
    knowledge: Knowledge,
    moment: datetime,
) -> JudgedToken | None:
    """None when what the time-stamp covers is not at hand."""
    covered = signature.value.encode()
    if stamp.name != TIME_STAMP:
        if content.octets is None:
            return None
        covered = content.octets
    if stamp.name == ARCHIVE:
        before = "".join(signature.components[: stamp.before])
        covered += f".{signature.protected}.{signature.value}.{before}".encode()
    return await judge_token(TokenContent.of(stamp.token), hashed(covered), knowledge, moment)


def _content_of(signed: JWS, signature: JWSSignature, files: Sequence[SignedFile]) -> _Content:
    """Find what is signed: inside, named by sigD, or the one file of a detached payload."""
    references = signature.references()
    if references is not None:
        if signed.payload:
            refuse("a signature over files beside it has a payload too")
        return _referred(signature, files)
    if signed.payload is not None:
        if files and not _is_only(files, _decoded(signed, signature)):
            return _Content(signed.payload.encode(), None, "HASH_FAILURE")
        return _Content(signed.payload.encode(), signed.payload.encode())
    if len(files) != 1 or files[0].content is None:
        return _Content(b"", None, "SIGNED_DATA_NOT_FOUND")
    octets = signature.signed_octets(files[0].content)
    return _Content(octets, octets)


def _referred(signature: JWSSignature, files: Sequence[SignedFile]) -> _Content:
    references = signature.references() or ()
    parts: list[bytes | None] = []
    for one in references:
        file = one.find(files, alone=len(references) == 1)
        if file is None or (file.content is None and signature.encodes_payload):
            return _Content(b"", None, "SIGNED_DATA_NOT_FOUND")
        octets = None if file.content is None else signature.signed_octets(file.content)
        digest = file.digest
        if octets is not None:
            digest = Digest.of(one.digest.algorithm, octets)
        if digest.algorithm is not one.digest.algorithm:
            return _Content(b"", None, "SIGNED_DATA_NOT_FOUND")
        if not digest.matches(one.digest):
            return _Content(b"", None, "HASH_FAILURE")
        parts.append(octets)
    known = [part for part in parts if part is not None]
    return _Content(b"", b"".join(known) if len(known) == len(parts) else None)


def _is_only(files: Sequence[SignedFile], content: bytes) -> bool:
    """Tell whether what was given beside the signature is what is inside it."""
    return len(files) == 1 and Digest.of(files[0].digest.algorithm, content).matches(
        files[0].digest
    )


def _decoded(signed: JWS, signature: JWSSignature) -> bytes:
    payload = signed.payload or ""
    return from_base64url(payload) if signature.encodes_payload else payload.encode()


def _failed(sub_indication: str, problem: str) -> SignatureReport:
    return SignatureReport(
        indication=Indication.TOTAL_FAILED, sub_indication=sub_indication, problems=(problem,)
    )


def _undecided(sub_indication: str, problem: str) -> SignatureReport:
    return SignatureReport(
        indication=Indication.INDETERMINATE, sub_indication=sub_indication, problems=(problem,)
    )
