"""Database, audit, certificates and what is signed with them, clock, channels."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from api.diagnosis.check import NotWellError
from api.wiring import Services
from api.wiring.channels import channels
from certs.setup import ISSUING, ROOT, Role
from hsm.service_keys import ServiceKey
from signer.adapters.signature_check import verifies
from signer.adapters.store.migrating import require_current
from signer.audit.checkpointing import checkpoint_body_of, signature_is_right
from signer.domain.errors import ConfigurationError, IntegrityAlarmError
from signer.domain.values import Digest, DigestAlgorithm, Secret
from signer.ports import Message

_SOON: Final = timedelta(days=30)
_WAITING: Final = 1000
"""Records not yet in the log from which on the worker must be away."""
_BACKWARDS: Final = timedelta(seconds=5)
_TSA_TOLERANCE: Final = timedelta(seconds=5)
_TEST_TEXT: Final = "Teste do serviço de assinatura. / Test of the signature service."


def database(process: Services) -> str:
    """Revision, and a transaction that writes."""
    require_current(process.settings.database_url)
    process.stores.audit_log.append_new(limit=0)
    return "SQLite, writable" if process.settings.uses_sqlite else "PostgreSQL, writable"


def audit(process: Services) -> str:
    """The log still has the root that the last checkpoint signed."""
    log = process.stores.audit_log
    last = log.last_checkpoint()
    if last is not None:
        try:
            right = (
                last.body == checkpoint_body_of(last)
                and log.root(last.size) == last.root
                and signature_is_right(last, last.public_key_der, verifies)
            )
        except LookupError:
            right = False
        if not right:
            raise IntegrityAlarmError(f"the log is not the one that checkpoint {last.number} signs")
    waiting = log.waiting()
    if waiting > _WAITING:
        raise NotWellError(f"{waiting} records wait for the log: is a worker running?")
    return f"{log.size()} records in the log, {waiting} waiting"


def clock(process: Services) -> str:
    """Not before anything that was recorded."""
    now = process.stores.clock.now()
    newest = process.stores.audit_log.search(since=now, limit=1)
    if newest and newest[0].at - now > _BACKWARDS:
        raise ConfigurationError(
            f"the clock says {now:%Y-%m-%d %H:%M:%S}, but the audit has records of "
            f"{newest[0].at:%Y-%m-%d %H:%M:%S}"
        )
    if now < datetime(2026, 1, 1, tzinfo=UTC):
        raise ConfigurationError(f"the clock says {now:%Y-%m-%d}")
    return f"{now:%Y-%m-%d %H:%M:%S} UTC"


def channels_work(process: Services, send_test_to: str | None) -> str:
    """Every channel in use is complete; on request each sends a test."""
    settings = process.settings
    available = channels(process)
    wanted = [name for name in settings.channel_order if name not in {"totp", "demo"}]
    wanted += ["sms", "email"] if "demo" in settings.channel_order else []
    absent = [name for name in wanted if name not in available]
    absent += ["sms"] if "sms" in settings.channel_order and not settings.sms_gateway_url else []
    absent += ["email"] if "email" in settings.channel_order and not settings.smtp_host else []
    if absent:
        raise ConfigurationError(f"not configured: {', '.join(absent)}")
    if send_test_to is None:
        return f"{', '.join(settings.channel_order)} configured; --send-test-to tries them"
    fitting = [name for name in wanted if (name == "email") is ("@" in send_test_to)]
    for name in fitting:
        available[name].deliver(
            Message(
                id=str(uuid.uuid4()),
                channel=name,
                to=send_test_to,
                text=Secret(_TEST_TEXT),
                subject=settings.service_name,
            )
        )
    return f"a test went out by {', '.join(fitting)}"


class Trustworthiness:
    """Certificates, and answers that are really signed with their keys."""

    def __init__(self, process: Services) -> None:
        self._process = process

    def certificates(self) -> str:
        """All there, of our keys, and for some time yet."""
        trust, keys = self._process.trust, self._process.device.pki.keys
        roles = [role for role in Role if role is not Role.ROOT_CA]
        trust.hierarchy.check({role.value: keys.key(ServiceKey(role.value)) for role in roles})
        now = self._process.stores.clock.now()
        ends = {r: trust.hierarchy.certificate(r).not_valid_after_utc for r in Role}
        first = min(ends, key=ends.__getitem__)
        if ends[first] <= now:
            raise ConfigurationError(f"the certificate {first.value} ended on {ends[first]:%F}")
        if ends[first] - now < _SOON:
            raise NotWellError(f"the certificate {first.value} ends on {ends[first]:%F}")
        return f"{len(ends)} certificates fit their keys, the first ends on {ends[first]:%F}"

    def lists(self) -> str:
        """Both lists are signed by their CAs and current."""
        now = self._process.stores.clock.now()
        for name, role in ((ROOT, Role.ROOT_CA), (ISSUING, Role.ISSUING_CA)):
            crl = x509.load_der_x509_crl(self._process.trust.crls[name].current())
            key = self._process.trust.hierarchy.certificate(role).public_key()
            if not crl.is_signature_valid(key):  # type: ignore[arg-type] # our CAs have RSA keys
                raise ConfigurationError(f"the list of {name} is not signed by its CA")
            ends = crl.next_update_utc
            if ends is None or ends <= now:
                raise ConfigurationError(f"the list of {name} is out of date")
            if name == ROOT and ends - now < _SOON:
                raise NotWellError(f"the list of {name} ends on {ends:%F}")
        return "both lists are current"

    def ocsp(self) -> str:
        """Both responders say "good" about a certificate of ours."""
        trust = self._process.trust
        asked = ((ROOT, Role.ROOT_CA, Role.ISSUING_CA), (ISSUING, Role.ISSUING_CA, Role.TSA))
        for name, issuer, subject in asked:
            request = (
                ocsp.OCSPRequestBuilder()
                .add_certificate(
                    trust.hierarchy.certificate(subject),
                    trust.hierarchy.certificate(issuer),
                    hashes.SHA256(),
                )
                .build()
                .public_bytes(Encoding.DER)
            )
            answer = ocsp.load_der_ocsp_response(trust.responders[name].respond(request))
            if answer.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
                raise ConfigurationError(f"OCSP of {name} answers {answer.response_status.name}")
            if answer.certificate_status is not ocsp.OCSPCertStatus.GOOD:
                raise ConfigurationError(
                    f"OCSP of {name} says {answer.certificate_status.name} about {subject.value}"
                )
        return "both responders answer"

    def time_stamp(self) -> str:
        """A stamp from the configured authority; its time is ours."""
        digest = Digest.of(DigestAlgorithm.SHA256, b"doctor")
        token = self._process.trust.timestamps.stamp(digest)
        difference = abs(token.generated_at - self._process.stores.clock.now())
        if difference > _TSA_TOLERANCE:
            raise NotWellError(
                f"our clock and the authority's differ by {difference.total_seconds():.0f} s"
            )
        return f"{', '.join(self._process.settings.tsa_urls)} stamps"
