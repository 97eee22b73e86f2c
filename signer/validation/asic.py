"""Verifies ASiC containers with XAdES (EN 319 162-1): every signature over the files inside."""

from dataclasses import dataclass, replace
from typing import Final, final
from urllib.parse import unquote

from signer.asic import META_INF, Container, ContainerFile
from signer.domain.errors import DocumentRefusedError
from signer.validation.report import (
    FileKind,
    Indication,
    SignatureReport,
    VerificationReport,
)
from signer.validation.xades import XAdESVerifier
from signer.xmldsig import names
from signer.xmldsig.parsing import parse, refuse
from signer.xmldsig.signature import SIGNATURE, XMLSignature, children

_ROOT: Final = f"{{{names.ASIC}}}XAdESSignatures"


@final
@dataclass(frozen=True, slots=True)
class ContainerVerifier:
    """Verifies against one policy.  Never raises for what a container holds."""

    xades: XAdESVerifier

    def verify(self, data: bytes) -> VerificationReport:
        """Every XAdES of a container; each data file has to be signed by one that passed."""
        try:
            container = Container.read(data)
            documents = xades_files(container)
            signed = {one.name: _signed_names(one.content) for one in documents}
        except (DocumentRefusedError, RecursionError) as error:
            return VerificationReport(
                kind=FileKind.CONTAINER, problems=(f"the file cannot be read: {error}",)
            )
        contents = {one.name: one.content for one in (*container.files, *container.metadata)}
        reports: list[SignatureReport] = []
        covered: set[str] = set()
        for one in documents:
            report = self.xades.verify(one.content, contents)
            if report.problems:
                return replace(report, kind=FileKind.CONTAINER)
            reports += (replace(found, field=one.name) for found in report.signatures)
            for found, files in zip(report.signatures, signed[one.name], strict=True):
                if found.indication is Indication.TOTAL_PASSED:
                    covered |= files
        if not reports:
            return VerificationReport(kind=FileKind.CONTAINER, problems=("there is no signature",))
        left = [one.name for one in container.files if one.name not in covered]
        if left:
            problem = f"the container holds files that are not signed: {', '.join(left)[:200]}"
            reports = [replace(one, problems=(*one.problems, problem)) for one in reports]
        return VerificationReport(kind=FileKind.CONTAINER, signatures=tuple(reports))


def xades_files(container: Container) -> tuple[ContainerFile, ...]:
    """``META-INF/*signatures*.xml``."""
    return tuple(
        one
        for one in container.metadata
        if "signatures" in one.name.removeprefix(META_INF) and one.name.endswith(".xml")
    )


def _signed_names(document: bytes) -> list[set[str]]:
    """For each signature of a signature file, the names it refers to."""
    root = parse(document)
    if root.tag != _ROOT or any(child.tag != SIGNATURE for child in children(root)):
        refuse("a signature file of the container holds something else")
    return [
        {unquote(reference.get("URI", "")) for reference in XMLSignature.of(one).references}
        for one in children(root)
    ]
