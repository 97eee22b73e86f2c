"""Extension of signatures made before: formats by kind of file, verified with our own anchors."""

from collections.abc import Callable, Mapping

from certs.validation_data import OnlineValidationData
from signer.formats.asic.cades import ASiCWithCAdESExtender
from signer.formats.asic.signing import ASiCExtender
from signer.formats.asic.xades import ASiCWithXAdESExtender
from signer.formats.cades import CAdESExtender
from signer.formats.jades.signing import JAdESExtender
from signer.formats.pades import PAdES
from signer.formats.port import Extender, TrustServices
from signer.formats.xades.extension import XAdESExtender
from signer.operations.extension import ExtendSignature
from signer.ports import Clock
from signer.validation import FileKind, RevocationData, TrustPolicy, Verifier


def extenders(pades: PAdES) -> Mapping[FileKind, Extender]:
    """Who extends which kind of file."""
    return {
        FileKind.PDF: pades,
        FileKind.CMS: CAdESExtender(),
        FileKind.XML: XAdESExtender(),
        FileKind.JWS: JAdESExtender(),
        FileKind.CONTAINER: ASiCExtender(
            xades=ASiCWithXAdESExtender(), cades=ASiCWithCAdESExtender()
        ),
    }


def extension(
    pades: PAdES,
    anchors: tuple[bytes, ...],
    source: OnlineValidationData,
    services: TrustServices,
    clock: Clock,
) -> ExtendSignature:
    """The operation; signatures are judged with the status that ``source`` can get."""
    policy = TrustPolicy(anchors=anchors, source=revocation_source(source))
    return ExtendSignature(
        extenders(pades),
        Verifier(policy, clock),
        services,
        read_first={FileKind.PDF: pades.processes.signatures},
    )


def revocation_source(
    source: OnlineValidationData,
) -> Callable[[bytes, bytes], RevocationData]:
    """Verification's view of our own source: whatever is said, also that one is revoked."""

    def ask(certificate: bytes, issuer: bytes) -> RevocationData:
        found = source.status(certificate, issuer)
        return RevocationData(found.ocsp_responses, found.crls)

    return ask
