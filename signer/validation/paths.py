"""Certificate paths and time-stamp tokens judged at a moment, in the words of EN 319 102-1."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pyhanko.sign.validation.errors import SignatureValidationError
from pyhanko.sign.validation.generic_cms import validate_tst_signed_data
from pyhanko.sign.validation.status import TimestampSignatureStatus
from pyhanko_certvalidator import CertificateValidator
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    NotYetValidError,
    PathBuildingError,
    PathError,
    RevokedError,
    ValidationError,
)

from signer.domain.values import DigestAlgorithm
from signer.validation.trust import Certificate, Knowledge
from signer.xmldsig.tokens import TokenContent

_SUB_INDICATIONS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (RevokedError, "REVOKED_NO_POE"),
    (ExpiredError, "OUT_OF_BOUNDS_NO_POE"),
    (NotYetValidError, "OUT_OF_BOUNDS_NO_POE"),
    (InsufficientRevinfoError, "TRY_LATER"),
    (PathBuildingError, "NO_CERTIFICATE_CHAIN_FOUND"),
)
_ACCEPTED: Final = frozenset(one.hash_name for one in DigestAlgorithm)


@dataclass(frozen=True, slots=True)
class Flaw:
    """Why something is not trusted."""

    sub_indication: str
    problem: str


@dataclass(frozen=True, slots=True)
class JudgedToken:
    """A time-stamp token at a moment; it passed only without flaw."""

    content: TokenContent
    flaw: Flaw | None


async def judge_path(
    certificate: Certificate, knowledge: Knowledge, moment: datetime, *usage: str
) -> Flaw | None:
    """None when the certificate leads to an anchor and was good at ``moment``.

    ``usage`` are the key usages demanded, if any.
    """
    validator = CertificateValidator(
        certificate,
        intermediate_certs=[],
        validation_context=knowledge.context(moment),
    )
    try:
        await validator.async_validate_usage(set(usage))  # type: ignore[no-untyped-call]  # untyped there
    except (PathError, ValidationError) as error:
        return _flaw(error)
    return None


async def judge_token(
    token: TokenContent,
    imprint: Callable[[str], bytes],
    knowledge: Knowledge,
    moment: datetime,
) -> JudgedToken:
    """Imprint, signature and path of a token, at ``moment``; ``imprint`` gets a hash's name."""

    def known(algorithm: str) -> bytes:
        if algorithm not in _ACCEPTED:
            raise ValueError(f"the digest algorithm {algorithm} is not accepted")
        return imprint(algorithm)

    try:
        found = await validate_tst_signed_data(token.signed_data, knowledge.context(moment), known)
    except (SignatureValidationError, ValueError, TypeError, KeyError) as error:
        return JudgedToken(token, Flaw("FORMAT_FAILURE", str(error)))
    status = TimestampSignatureStatus(**found)
    flaw = None
    if not status.intact:
        flaw = Flaw("HASH_FAILURE", "the time-stamp is over something else")
    elif not status.valid:
        flaw = Flaw("SIG_CRYPTO_FAILURE", "the time-stamp's signature is not valid")
    elif not status.trusted:
        flaw = Flaw("NO_CERTIFICATE_CHAIN_FOUND", "the time-stamping authority is not trusted then")
    elif token.generated_at > moment:
        flaw = Flaw("TIMESTAMP_ORDER_FAILURE", "the time-stamp is later than what covers it")
    return JudgedToken(token, flaw)


def hashed(content: bytes) -> Callable[[str], bytes]:
    """Imprint of ``content`` with any digest."""
    return lambda algorithm: hashlib.new(algorithm, content).digest()


def _flaw(error: Exception) -> Flaw:
    name = next(
        (said for kind, said in _SUB_INDICATIONS if isinstance(error, kind)),
        "CHAIN_CONSTRAINTS_FAILURE",
    )
    return Flaw(name, " ".join(str(error).split())[:200])
