"""Lets others judge what the demo signed: pyHanko in process, OpenSSL beside."""

import hashlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from api.demo.samples import Samples
from api.demo.setup import Demo
from certs.setup import ISSUING, Role
from certs.tsa import request_der
from signer.domain.values import Digest, DigestAlgorithm
from signer.validation.report import SignatureReport, VerificationReport
from signer.validation.trust import RevocationData, TrustPolicy
from signer.validation.verifier import Verifier


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one judge said of one file."""

    judge: str
    right: bool
    text: str


def verify_samples(demo: Demo, samples: Samples) -> tuple[Verdict, ...]:
    """PDF and CAdES by pyHanko, CAdES and a time-stamp by OpenSSL where it is installed."""
    verifier = Verifier(_policy(demo), demo.services.stores.clock)
    content = samples.content.read_bytes()
    verdicts = [
        _judged("pyHanko, PDF", verifier.verify_pdf(samples.pades.read_bytes())),
        _judged(
            "pyHanko, CAdES", verifier.verify_cades(samples.cades.read_bytes(), content=content)
        ),
        _judged("pyHanko, PDF with seal", verifier.verify_pdf(samples.pades_lta.read_bytes())),
        _judged("our verifier, XAdES", verifier.verify_xades(samples.xades.read_bytes())),
        _judged("our verifier, JAdES", verifier.verify_jades(samples.jades.read_bytes())),
        _judged("our verifier, ASiC-E", verifier.verify_container(samples.asice.read_bytes())),
    ]
    openssl = shutil.which("openssl")
    if openssl:
        verdicts += _by_openssl(openssl, demo, samples, content)
    return tuple(verdicts)


def _policy(demo: Demo) -> TrustPolicy:
    """Our root, and the revocation data of the moment, made in process."""
    trust = demo.services.trust
    hierarchy = trust.hierarchy
    return TrustPolicy(
        anchors=(hierarchy.der(Role.ROOT_CA),),
        intermediates=(hierarchy.der(Role.ISSUING_CA),),
        data=RevocationData(crls=(hierarchy.root_crl_der, trust.crls[ISSUING].current())),
    )


def _judged(judge: str, report: VerificationReport) -> Verdict:
    if not report.signatures:
        return Verdict(judge, right=False, text="; ".join(report.problems) or "no signature")
    one: SignatureReport = report.signatures[-1]
    right = one.indication.name == "TOTAL_PASSED"
    attributes = ", ".join(one.certified_attributes) or "none"
    text = f"{one.indication.value} {one.level.value if one.level else ''}, certified: {attributes}"
    return Verdict(judge, right=right, text=text if right else f"{text}; {one.problems}")


def _by_openssl(openssl: str, demo: Demo, samples: Samples, content: bytes) -> list[Verdict]:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        root, issuing = directory / "root.pem", directory / "issuing.pem"
        hierarchy = demo.services.trust.hierarchy
        root.write_bytes(_pem(hierarchy.certificate(Role.ROOT_CA)))
        issuing.write_bytes(_pem(hierarchy.certificate(Role.ISSUING_CA)))
        cms = [openssl, "cms", "-verify", "-binary", "-cades", "-inform", "DER"]
        cms += ["-in", str(samples.cades), "-content", str(samples.content)]
        cms += ["-CAfile", str(root), "-purpose", "any", "-out", str(directory / "out")]
        token = directory / "reply.tsr"
        digest = Digest(DigestAlgorithm.SHA256, hashlib.sha256(content).digest())
        token.write_bytes(demo.services.trust.unit.respond(request_der(digest, nonce=None)))
        ts = [openssl, "ts", "-verify", "-data", str(samples.content), "-in", str(token)]
        ts += ["-CAfile", str(root), "-untrusted", str(issuing)]
        return [_run("openssl cms -cades", cms), _run("openssl ts", ts)]


def _run(judge: str, command: list[str]) -> Verdict:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    lines = f"{done.stderr}\n{done.stdout}".strip().splitlines()
    return Verdict(judge, right=done.returncode == 0, text=lines[-1] if lines else "")


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
