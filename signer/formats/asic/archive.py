"""Archive time-stamps over whole ASiC-E containers (ETSI EN 319 162-1 V1.1.1, 4.4.4 and A.7)."""

from dataclasses import replace
from typing import Final

from signer.asic import META_INF, Container, ContainerFile
from signer.domain.errors import DocumentRefusedError, IntegrityAlarmError
from signer.domain.values import Digest, DigestAlgorithm
from signer.formats.asic.contents import free_name
from signer.formats.asic.manifests import TIMESTAMP_TYPE, Referenced, written
from signer.formats.certificate_fields import named_certificate
from signer.formats.cms_parts import SignedDataParts
from signer.formats.port import TrustServices
from signer.xmldsig import names
from signer.xmldsig.parsing import parse

ARCHIVE_MANIFEST: Final = f"{META_INF}ASiCArchiveManifest.xml"
"""The newest; older ones are numbered."""


def is_archived(container: Container) -> bool:
    """True when there is an archive manifest."""
    return container.file(ARCHIVE_MANIFEST) is not None


def archived(
    container: Container, algorithm: DigestAlgorithm, services: TrustServices
) -> Container:
    """The container with one archive time-stamp more, over everything in it.

    The authority of the time-stamp before is covered first.  Raises TimestampUnavailableError,
    RevocationUnavailableError or InvalidRequestError.
    """
    previous = container.file(ARCHIVE_MANIFEST)
    root = ""
    if previous is not None:
        container = _with_covered_authority(container, previous, services)
        root = free_name(container, "ASiCArchiveManifest{}.xml")
        container = _renamed(container, ARCHIVE_MANIFEST, root)
    token_name = free_name(container, "timestamp{}.tst")
    manifest = written(
        token_name,
        TIMESTAMP_TYPE,
        (
            Referenced(
                name=one.name,
                digest=Digest.of(algorithm, one.content),
                is_root=one.name == root,
            )
            for one in (*container.files, *container.metadata)
        ),
    )
    token = services.timestamps.stamp(Digest.of(algorithm, manifest))
    return container.with_metadata(
        ContainerFile(ARCHIVE_MANIFEST, manifest), ContainerFile(token_name, token.der)
    )


def _with_covered_authority(
    container: Container, manifest: bytes, services: TrustServices
) -> Container:
    """The last token with its authority's path and revocation data inside (A.7, NOTE)."""
    reference = parse(manifest).find(f"{{{names.ASIC}}}SigReference")
    name = "" if reference is None else reference.get("URI", "")
    token = container.file(name)
    if token is None:
        raise DocumentRefusedError("an archive time-stamp is missing", field="document")
    parts = SignedDataParts.parse(token)
    try:
        authority = named_certificate(parts.signers[0].sid, parts.x509_certificates)
    except (IntegrityAlarmError, ValueError, IndexError) as error:
        raise DocumentRefusedError(
            "an archive time-stamp is malformed", field="document"
        ) from error
    if authority is None:
        raise DocumentRefusedError("an archive time-stamp has no certificate", field="document")
    material = services.validation_data.collect((authority,), parts.x509_certificates)
    covered = parts.with_certificates(material.certificates).with_revocation(
        material.ocsp_responses, material.crls
    )
    return container.with_metadata(ContainerFile(name, covered.encode()))


def _renamed(container: Container, old: str, new: str) -> Container:
    return replace(
        container,
        metadata=tuple(
            ContainerFile(new, one.content) if one.name == old else one
            for one in container.metadata
        ),
    )
