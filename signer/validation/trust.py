"""What is trusted, and where revocation status comes from."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Any, Final

from asn1crypto import crl, ocsp, x509  # type: ignore[import-untyped]  # ships no types
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.policy_decl import CertRevTrustPolicy, RevocationCheckingPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer

Certificate = Any
"""``asn1crypto.x509.Certificate``, which has no types."""

_MAX_QUESTIONS: Final = 32
_CLOCKS_DIFFER: Final = timedelta(minutes=1)
"""How much newer than the moment of judgement an answer may say it is: it is asked meanwhile, and
its maker has a clock of its own.
"""


@unique
class RevocationRule(StrEnum):
    """What to do when no revocation status can be had."""

    HARD_FAIL = "hard-fail"
    """Unknown status never passes, whether or not a certificate says where to ask."""
    SOFT_FAIL = "soft-fail"
    """Unknown status passes; a certificate revoked by a source it declares never does."""

    @property
    def mode(self) -> str:
        """The word for pyHanko, whose own ``hard-fail`` passes what declares no source."""
        return "require" if self is RevocationRule.HARD_FAIL else "soft-fail"


@dataclass(frozen=True, slots=True)
class RevocationData:
    """OCSP responses and CRLs, DER."""

    ocsp_responses: tuple[bytes, ...] = ()
    crls: tuple[bytes, ...] = ()

    def __add__(self, other: "RevocationData") -> "RevocationData":
        return RevocationData(
            tuple(dict.fromkeys(self.ocsp_responses + other.ocsp_responses)),
            tuple(dict.fromkeys(self.crls + other.crls)),
        )


RevocationSource = Callable[[bytes, bytes], RevocationData]
"""Asked with (certificate, issuer certificate), DER; may give nothing; raises nothing."""


def no_source(certificate_der: bytes, issuer_der: bytes) -> RevocationData:
    """Ask nobody: only data given beforehand counts."""
    del certificate_der, issuer_der
    return RevocationData()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustPolicy:
    """Anchors and rules for signers, time-stamping and attribute authorities alike.

    An empty list of anchors trusts nobody.
    """

    anchors: tuple[bytes, ...]
    """Certificates, DER."""
    intermediates: tuple[bytes, ...] = ()
    revocation: RevocationRule = RevocationRule.HARD_FAIL
    data: RevocationData = field(default_factory=RevocationData)
    source: RevocationSource = no_source


class Knowledge:
    """A policy made ready for one file: its certificates, and their revocation data gathered."""

    def __init__(self, policy: TrustPolicy, certificates: Iterable[Certificate]) -> None:
        self._anchors = [x509.Certificate.load(one) for one in policy.anchors]
        self._rule = policy.revocation
        pool = {one.dump(): one for one in certificates}
        pool |= {one: x509.Certificate.load(one) for one in policy.intermediates}
        self._certificates = list(pool.values())
        data = policy.data
        for certificate, issuer in self._questions():
            data += policy.source(certificate.dump(), issuer.dump())
        self._ocsps = [
            container
            for one in data.ocsp_responses
            for container in OCSPContainer.load_multi(ocsp.OCSPResponse.load(one))
        ]
        self._crls = [CRLContainer(crl.CertificateList.load(one)) for one in data.crls]

    def specification(self) -> SignatureValidationSpec:
        """For pyHanko: offline, the same policy for signers and time-stamps.

        Without one for attributes: pyHanko passes signatures whose attribute certificates are
        bad, so :mod:`signer.validation.attributes` judges these.
        """
        certificates = CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build(trust_roots=self._anchors),
            revinfo_policy=CertRevTrustPolicy(
                RevocationCheckingPolicy.from_legacy(self._rule.mode)
            ),
            time_tolerance=_CLOCKS_DIFFER,
        )
        return SignatureValidationSpec(
            cert_validation_policy=certificates,
            ts_cert_validation_policy=certificates,
            revinfo_gathering_policy=RevocationInfoGatheringSpec(
                online_fetching_rule=RevinfoOnlineFetchingRule.LOCAL_ONLY,
                certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH,
            ),
            local_knowledge=LocalKnowledge(
                known_ocsps=self._ocsps, known_crls=self._crls, known_certs=self._certificates
            ),
            key_usage_settings=KeyUsageConstraints(key_usage={"non_repudiation"}),
        )

    def context(self, moment: datetime) -> ValidationContext:
        """For attribute certificates, judged at ``moment``."""
        return ValidationContext(
            trust_roots=self._anchors,
            other_certs=self._certificates,
            moment=moment,
            time_tolerance=_CLOCKS_DIFFER,
            crls=[one.crl_data for one in self._crls],
            ocsps=[one.ocsp_response_data for one in self._ocsps],
            allow_fetching=False,
            revocation_mode=self._rule.mode,
            # What was asked after the signature also says what held before.
            retroactive_revinfo=True,
        )

    def _questions(self) -> list[tuple[Certificate, Certificate]]:
        """Pairs (certificate, issuer) whose status matters."""
        issuers = [*self._anchors, *self._certificates]
        return [
            (certificate, issuer)
            for certificate in self._certificates
            for issuer in issuers
            if certificate.issuer == issuer.subject and certificate.subject != issuer.subject
        ][:_MAX_QUESTIONS]
