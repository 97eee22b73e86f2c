"""Reads what an RFC 3161 token stamps; its signature is the business of ``certs``."""

from datetime import UTC, datetime

from asn1crypto import cms, tsp  # type: ignore[import-untyped]  # ships no types

from signer.domain.values import Digest


def check_imprint(token_der: bytes, digest: Digest) -> datetime:
    """The token's time, after comparing its imprint with ``digest`` (RFC 3161, 2.4.2).

    Raises ValueError for anything else.  The token's own signature is NOT checked here.
    """
    try:
        content = cms.ContentInfo.load(token_der, strict=True)
        info = tsp.TSTInfo.load(content["content"]["encap_content_info"]["content"].parsed.dump())
        imprint = info["message_imprint"]
        algorithm = imprint["hash_algorithm"]["algorithm"].dotted
        stamped = imprint["hashed_message"].native
        moment = info["gen_time"].native
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        raise ValueError("this is no time-stamp token") from error
    if (algorithm, stamped) != (digest.algorithm.value, digest.value):
        raise ValueError("the time-stamp is of something else")
    if not isinstance(moment, datetime):
        raise ValueError("the time-stamp has no time")  # noqa: TRY004 - one error for all tokens
    return moment.astimezone(UTC)
