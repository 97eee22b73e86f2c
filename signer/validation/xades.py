"""Verifies XAdES by the processes of ETSI EN 319 102-1, with time-stamps and archive data."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, final

from asn1crypto import x509  # type: ignore[import-untyped]  # ships no types

from signer.domain.errors import DocumentRefusedError
from signer.domain.transaction import Level
from signer.ports import Clock
from signer.validation.attributes import judged_certificates
from signer.validation.paths import judge_path
from signer.validation.report import (
    FileKind,
    Indication,
    SignatureReport,
    VerificationReport,
)
from signer.validation.trust import RevocationRule, TrustPolicy, no_source
from signer.validation.xades_content import Contents, MissingContentError
from signer.validation.xades_evidence import Evidence, claimed_roles, claimed_time
from signer.validation.xades_timestamps import StampedTimes, judge_timestamps
from signer.validation.xml_coverage import uncovered
from signer.xmldsig.canonical import CANONICALISATIONS
from signer.xmldsig.parsing import parse, refuse
from signer.xmldsig.signature import SIGNATURE, XMLSignature
from signer.xmldsig.verification import (
    demand_own_properties,
    reference_fits,
    signing_certificate,
    value_verifies,
)

SIZE_LIMIT: Final = 64 * 1024 * 1024
"""Bytes of the largest signed document that is read."""
_MALFORMED: Final = (ValueError, TypeError, KeyError, IndexError)
"""What asn1crypto and pyHanko raise for malformed certificates and tokens."""
_MAX_SIGNATURES: Final = 50
_USAGE: Final = "non_repudiation"


@final
@dataclass(frozen=True, slots=True)
class XAdESVerifier:
    """Verifies against one policy.  Never raises for what a file contains."""

    policy: TrustPolicy
    clock: Clock

    def verify(
        self, document: bytes, contents: Mapping[str, bytes] | None = None
    ) -> VerificationReport:
        """Every signature of an XML document; ``contents`` are detached files by name.

        A single content serves a single detached reference whatever its name.
        """
        try:
            root = parse(document, limit=SIZE_LIMIT)
            found = [
                one
                for one in root.iter(SIGNATURE)
                if not any(above.tag == SIGNATURE for above in one.iterancestors())
            ]
            if len(found) > _MAX_SIGNATURES:
                refuse("the document has too many signatures")
            given = dict(contents or {})
            reports = tuple(self._report(XMLSignature.of(one), Contents(given)) for one in found)
        except (DocumentRefusedError, RecursionError) as error:
            return VerificationReport(
                kind=FileKind.XML, problems=(f"the file cannot be read: {error}",)
            )
        if not reports:
            return VerificationReport(kind=FileKind.XML, problems=("there is no signature",))
        return VerificationReport(kind=FileKind.XML, signatures=reports)

    def _report(self, signature: XMLSignature, contents: Contents) -> SignatureReport:
        try:
            return asyncio.run(self._judge(signature, contents))
        except (DocumentRefusedError, *_MALFORMED) as error:
            return _failed("FORMAT_FAILURE", " ".join(str(error).split())[:200])

    async def _judge(self, signature: XMLSignature, contents: Contents) -> SignatureReport:
        evidence = Evidence.of(signature)
        core = _core(signature, evidence, contents)
        if core.indication is not Indication.TOTAL_PASSED:
            return core
        signer = signing_certificate(signature, evidence.certificates)
        if signer is None:
            return core
        certificate = x509.Certificate.load(signer)
        knowledge = evidence.knowledge(self.policy, signer)
        now = self.clock.now()
        stamped = await judge_timestamps(signature, contents, knowledge, now)
        best = stamped.signature or now
        flaw = await judge_path(certificate, knowledge, best, _USAGE)
        attributes = await judged_certificates(
            evidence.attribute_certificates,
            certificate,
            knowledge,
            tuple(dict.fromkeys((best, now))),
        )
        problems = [*core.problems, *stamped.problems, *attributes.problems]
        report = replace(
            core,
            signer=certificate.subject.human_friendly,
            certificate_serial=f"{certificate.serial_number:x}",
            timestamp_time=stamped.signature,
            level=await self._level(signer, evidence, stamped),
            certified_attributes=attributes.certified,
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

    async def _level(self, signer: bytes, evidence: Evidence, stamped: StampedTimes) -> Level:
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
        knowledge = evidence.knowledge(alone, signer)
        for certificate, moment in ((signer, stamped.signature), *stamped.units):
            loaded = x509.Certificate.load(certificate)
            if await judge_path(loaded, knowledge, moment) is not None:
                return Level.B_T
        return Level.B_LTA if stamped.archive is not None else Level.B_LT


def _core(signature: XMLSignature, evidence: Evidence, contents: Contents) -> SignatureReport:
    """References, value and coverage; raises DocumentRefusedError for a malformed signature."""
    demand_own_properties(signature)
    if signature.canonicalisation not in CANONICALISATIONS:
        return _failed("FORMAT_FAILURE", "SignedInfo is canonicalised in an unknown way")
    signer = signing_certificate(signature, evidence.certificates)
    if signer is None:
        return _undecided(
            "NO_SIGNING_CERTIFICATE_FOUND", "the signing certificate named is not there"
        )
    if not value_verifies(signature, signer):
        return _failed("SIG_CRYPTO_FAILURE", "the signature value does not verify")
    changed = _changed(signature, contents)
    if changed is not None:
        return changed
    report = SignatureReport(
        indication=Indication.TOTAL_PASSED,
        sub_indication=None,
        claimed_time=claimed_time(signature),
        level=Level.B_B,
        claimed_attributes=claimed_roles(signature),
    )
    problem = uncovered(signature)
    if problem is None:
        return report
    return replace(
        report,
        indication=Indication.INDETERMINATE,
        sub_indication="SIG_CONSTRAINTS_FAILURE",
        problems=(problem,),
    )


def _changed(signature: XMLSignature, contents: Contents) -> SignatureReport | None:
    """The report when something signed is missing or has another digest."""
    source = contents.source_for(signature)
    try:
        fits = all(reference_fits(signature, one, source) for one in signature.references)
    except MissingContentError as missing:
        return _undecided("SIGNED_DATA_NOT_FOUND", str(missing))
    return None if fits else _failed("HASH_FAILURE", "what is signed was changed")


def _failed(sub_indication: str, problem: str) -> SignatureReport:
    return SignatureReport(
        indication=Indication.TOTAL_FAILED, sub_indication=sub_indication, problems=(problem,)
    )


def _undecided(sub_indication: str, problem: str) -> SignatureReport:
    return SignatureReport(
        indication=Indication.INDETERMINATE, sub_indication=sub_indication, problems=(problem,)
    )
