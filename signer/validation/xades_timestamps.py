"""Judges the time-stamps of a XAdES, each at the time that the later ones prove."""

from dataclasses import dataclass
from datetime import datetime

from signer.validation.paths import JudgedToken, hashed, judge_token
from signer.validation.trust import Knowledge
from signer.validation.xades_content import Contents
from signer.validation.xades_evidence import timestamps_of
from signer.xmldsig.imprints import (
    ARCHIVE_TIME_STAMP,
    CONTENT_TIME_STAMP,
    archive_octets,
    canonicalisation_of,
    content_octets,
    signature_octets,
)
from signer.xmldsig.parsing import Element
from signer.xmldsig.signature import XMLSignature
from signer.xmldsig.tokens import TokenContent


@dataclass(frozen=True, slots=True, kw_only=True)
class StampedTimes:
    """What the time-stamps that passed prove."""

    signature: datetime | None = None
    """The signature existed then; None without a time-stamp that passed."""
    archive: datetime | None = None
    """The newest archive time-stamp, None unless all of them passed."""
    units: tuple[tuple[bytes, datetime], ...] = ()
    """Certificates (DER) of the authorities of content and signature time-stamps, and when."""
    problems: tuple[str, ...] = ()


async def judge_timestamps(
    signature: XMLSignature, contents: Contents, knowledge: Knowledge, now: datetime
) -> StampedTimes:
    """Newest first: one that passes moves the moment at which the older ones are judged."""
    moment, earliest, newest_archive = now, None, None
    problems: list[str] = []
    units: list[tuple[bytes, datetime]] = []
    archive_broken = False
    for stamp, token in reversed(timestamps_of(signature)):
        judged = await _judge(signature, contents, stamp, TokenContent.of(token), knowledge, moment)
        archive = stamp.tag == ARCHIVE_TIME_STAMP
        if judged.flaw is not None:
            archive_broken |= archive
            problems.append(
                f"the {_name(stamp)} time-stamp is not valid: {judged.flaw.sub_indication}, "
                f"{judged.flaw.problem}"
            )
            continue
        at = judged.content.generated_at
        if archive:
            newest_archive = newest_archive or at
            moment = at
        else:
            units.append((judged.content.unit, at))
            if stamp.tag != CONTENT_TIME_STAMP:
                earliest = min(earliest or at, at)
    if earliest is None and newest_archive is not None and not archive_broken:
        earliest = moment
    return StampedTimes(
        signature=earliest,
        archive=None if archive_broken else newest_archive,
        units=tuple(units),
        problems=tuple(reversed(problems)),
    )


async def _judge(
    signature: XMLSignature,
    contents: Contents,
    stamp: Element,
    token: TokenContent,
    knowledge: Knowledge,
    moment: datetime,
) -> JudgedToken:
    algorithm = canonicalisation_of(stamp)
    source = contents.source_for(signature)
    if stamp.tag == ARCHIVE_TIME_STAMP:
        covered = archive_octets(signature, source, before=stamp, algorithm=algorithm)
    elif stamp.tag == CONTENT_TIME_STAMP:
        covered = content_octets(signature, source, algorithm)
    else:
        covered = signature_octets(signature, algorithm)
    return await judge_token(token, hashed(covered), knowledge, moment)


def _name(stamp: Element) -> str:
    return {ARCHIVE_TIME_STAMP: "archive", CONTENT_TIME_STAMP: "content"}.get(
        stamp.tag, "signature"
    )
