"""Judges one CMS signature with its time-stamps by the processes of ETSI EN 319 102-1."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Final, final

from pyhanko.sign.validation import ades
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo

from signer.domain.transaction import Level
from signer.ports import Clock
from signer.validation.attributes import CarriedAttributes, carried_attributes
from signer.validation.cms_archive import (
    ContentDigest,
    archive_imprint,
    archive_tokens,
    embedded_data,
    index_problems,
    last_update,
)
from signer.validation.cms_reading import (
    certificates_of,
    claimed_time,
    known,
    signature_tokens,
    signing_certificate,
)
from signer.validation.report import Indication, SignatureReport, TimestampReport
from signer.validation.trust import (
    Knowledge,
    RevocationData,
    RevocationRule,
    TrustPolicy,
    no_source,
)

_INDICATIONS: Final = {
    "PASSED": Indication.TOTAL_PASSED,
    "FAILED": Indication.TOTAL_FAILED,
    "INDETERMINATE": Indication.INDETERMINATE,
}
_MAX_TOKENS: Final = 16


def no_content(algorithm: str) -> bytes:
    """A :data:`ContentDigest` that knows nothing; always raises ValueError."""
    msg = f"the signed content, or its {algorithm} digest, is needed"
    raise ValueError(msg)


@final
@dataclass(frozen=True, slots=True)
class CMSJudge:
    """Judges against one policy; raises what asn1crypto raises for malformed structures."""

    policy: TrustPolicy
    clock: Clock

    async def signature(
        self,
        signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
        digest: bytes,
        content: ContentDigest = no_content,
    ) -> SignatureReport:
        """A SignedData with one signer over what has ``digest``, in the signer's algorithm.

        ``content`` gives the digest in others, for archive time-stamps.

        A long-term level is one that passes with the data inside alone, as of the time of that
        data.  Where nobody is to be asked, that is also the verdict.
        """
        inside = embedded_data(signed_data)
        now = self.clock.now()
        everything = replace(self.policy, data=self.policy.data + inside)
        report = await _Judgement(everything, now).signature(signed_data, digest, content)
        if inside == RevocationData():
            return _at_most_stamped(report)
        alone = replace(
            self.policy, revocation=RevocationRule.HARD_FAIL, data=inside, source=no_source
        )
        as_of = min(now, last_update(signed_data, inside))
        offline = await _Judgement(alone, as_of).signature(signed_data, digest, content)
        is_long_term = (
            offline.indication is Indication.TOTAL_PASSED
            and offline.level is not Level.B_B
            and self._stamps_are_valid(signed_data, now)
        )
        if not is_long_term:
            return _at_most_stamped(report)
        if report.indication is not Indication.TOTAL_PASSED and self.policy.source is no_source:
            return offline
        return replace(report, level=offline.level)

    def _stamps_are_valid(
        self,
        signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
        now: datetime,
    ) -> bool:
        """The certificate of the newest time-stamp's authority has not ended."""
        (signer_info,) = signed_data["signer_infos"]
        newest = [*archive_tokens(signer_info), *signature_tokens(signer_info)][0]
        authority = signing_certificate(
            newest["signer_infos"][0], certificates_of(newest, signed_data)
        )
        return authority is not None and now <= authority.not_valid_after

    async def timestamp(
        self,
        signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
        imprint: Callable[[str], bytes],
    ) -> TimestampReport:
        """A token over what ``imprint`` gives by the hash's name."""
        policy = replace(self.policy, data=self.policy.data + embedded_data(signed_data))
        now = self.clock.now()
        return await _Judgement(policy, now).timestamp(signed_data, imprint, (), now)


def _at_most_stamped(report: SignatureReport) -> SignatureReport:
    """The same, without a level that only its own data could give."""
    beyond = report.level in {Level.B_LT, Level.B_LTA}
    return replace(report, level=Level.B_T) if beyond else report


@dataclass(frozen=True, slots=True)
class _Archived:
    """What the archive time-stamps prove."""

    moment: datetime
    """Everything they cover existed then; now without one that passed."""
    count: int
    """How many passed."""
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Judgement:
    policy: TrustPolicy
    now: datetime

    async def signature(
        self,
        signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
        digest: bytes,
        content: ContentDigest,
    ) -> SignatureReport:
        """Basic process, or the one with time if there is a signature time-stamp (5.3, 5.5)."""
        (signer_info,) = signed_data["signer_infos"]
        archived = await self._archived(signed_data, signer_info, content)
        report = await self._at(self.now, signed_data, digest)
        if report.indication is Indication.INDETERMINATE and archived.moment < self.now:
            earlier = await self._at(archived.moment, signed_data, digest)
            if earlier.indication is Indication.TOTAL_PASSED:
                report = earlier
        level = report.level
        if level is Level.B_T:
            is_archived = archived.count > 0 and not archived.problems
            level = Level.B_LTA if is_archived else Level.B_LT
        return replace(report, level=level, problems=(*report.problems, *archived.problems))

    async def timestamp(
        self,
        signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
        imprint: Callable[[str], bytes],
        further: tuple[Any, ...],
        moment: datetime,
    ) -> TimestampReport:
        """A token at ``moment``; ``further`` are certificates from around it."""
        own = certificates_of(signed_data)
        result = await ades.ades_timestamp_validation(
            signed_data,
            Knowledge(self.policy, (*own, *further)).specification(),
            imprint,
            timing_info=self._timing(moment),
        )
        (signer_info,) = signed_data["signer_infos"]
        authority = signing_certificate(signer_info, [*own, *further])
        indication = _INDICATIONS[result.ades_subindic.status.name]
        passed = indication is Indication.TOTAL_PASSED
        return TimestampReport(
            indication=indication,
            sub_indication=None if passed else result.ades_subindic.standard_name,
            authority=None if authority is None else authority.subject.human_friendly,
            time=signed_data["encap_content_info"]["content"].parsed["gen_time"].native,
            problems=() if result.failure_msg is None else (result.failure_msg,),
        )

    async def _archived(
        self,
        signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
        signer_info: Any,  # noqa: ANN401 - asn1crypto has no types
        content: ContentDigest,
    ) -> _Archived:
        """Newest first: each that passes moves the moment at which the older ones are judged."""
        moment, count = self.now, 0
        problems: list[str] = []
        around = tuple(certificates_of(signed_data))
        for token in archive_tokens(signer_info)[:_MAX_TOKENS]:
            try:
                found = list(index_problems(signed_data, signer_info, token))
                stamp = await self.timestamp(
                    token,
                    partial(archive_imprint, signed_data, signer_info, token, content),
                    around,
                    moment,
                )
            except (ValueError, TypeError, KeyError, IndexError) as error:
                problems.append(f"an archive time-stamp cannot be judged: {error}"[:200])
                continue
            if stamp.indication is not Indication.TOTAL_PASSED or stamp.time is None:
                found.append(f"an archive time-stamp is not valid: {stamp.sub_indication}")
            if found:
                problems += found
            elif stamp.time is not None:
                moment, count = min(moment, stamp.time), count + 1
        return _Archived(moment, count, tuple(problems))

    async def _at(
        self,
        moment: datetime,
        signed_data: Any,  # noqa: ANN401 - asn1crypto has no types
        digest: bytes,
    ) -> SignatureReport:
        (signer_info,) = signed_data["signer_infos"]
        tokens = signature_tokens(signer_info)[:_MAX_TOKENS]
        certificates = certificates_of(signed_data, *tokens)
        knowledge = Knowledge(self.policy, certificates)
        process = ades.ades_with_time_validation if tokens else ades.ades_basic_validation
        result = await process(
            signed_data,
            knowledge.specification(),
            timing_info=self._timing(moment),
            # pyHanko digests content inside itself and takes no other digest then.
            raw_digest=(
                digest if signed_data["encap_content_info"]["content"].native is None else None
            ),
        )
        problems = [result.failure_msg] if result.failure_msg else []
        stamped = None
        for token in tokens:
            stamp = await self.timestamp(
                token,
                lambda name: hashlib.new(known(name), signer_info["signature"].native).digest(),
                tuple(certificates),
                moment,
            )
            if stamp.indication is Indication.TOTAL_PASSED and stamp.time is not None:
                stamped = min(stamped or stamp.time, stamp.time)
            else:
                problems.append(f"the signature time-stamp is not valid: {stamp.sub_indication}")
        signer = signing_certificate(signer_info, certificates)
        carried = CarriedAttributes()
        if signer is not None:
            moments = (moment, *(() if stamped is None else (stamped,)))
            carried = await carried_attributes(signer_info, signer, knowledge, moments)
        indication = _INDICATIONS[result.ades_subindic.status.name]
        passed = indication is Indication.TOTAL_PASSED
        return SignatureReport(
            indication=indication,
            sub_indication=None if passed else result.ades_subindic.standard_name,
            signer=None if signer is None else signer.subject.human_friendly,
            certificate_serial=None if signer is None else f"{signer.serial_number:x}",
            claimed_time=claimed_time(signer_info),
            timestamp_time=stamped,
            level=Level.B_B if stamped is None else Level.B_T,
            certified_attributes=carried.certified,
            claimed_attributes=carried.claimed,
            problems=(*problems, *carried.problems),
        )

    def _timing(self, moment: datetime) -> ValidationTimingInfo:
        return ValidationTimingInfo(
            validation_time=moment,
            best_signature_time=moment,
            point_in_time_validation=moment < self.now,
        )
