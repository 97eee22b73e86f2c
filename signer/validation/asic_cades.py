"""Verifies ASiC containers with CAdES: manifests, signatures, archive manifests (EN 319 162-1)."""

import asyncio
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, final
from urllib.parse import unquote

from signer.asic import META_INF, Container, ContainerFile, ContainerKind
from signer.domain.errors import DocumentRefusedError
from signer.domain.transaction import Level
from signer.ports import Clock
from signer.validation.cms_archive import embedded_data
from signer.validation.cms_judge import CMSJudge
from signer.validation.cms_reading import UNREADABLE, signed_data_of
from signer.validation.report import FileKind, Indication, SignatureReport, VerificationReport
from signer.validation.trust import RevocationData, TrustPolicy
from signer.xmldsig import names
from signer.xmldsig.parsing import parse, refuse

_ROOT: Final = f"{{{names.ASIC}}}ASiCManifest"
_SIGNATURE: Final = f"{{{names.ASIC}}}SigReference"
_OBJECT: Final = f"{{{names.ASIC}}}DataObjectReference"
_METHOD: Final = f"{{{names.DS}}}DigestMethod"
_VALUE: Final = f"{{{names.DS}}}DigestValue"
_ALGORITHMS: Final = {
    "http://www.w3.org/2001/04/xmlenc#sha256": "sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384": "sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512": "sha512",
}
_NEWEST: Final = f"{META_INF}ASiCArchiveManifest.xml"
_MAX_ARCHIVES: Final = 16

VerifyCMS = Callable[[TrustPolicy, Clock, bytes, bytes], VerificationReport]
"""A CMS (second last) over content (last), by a policy at a time."""


@dataclass(frozen=True, slots=True)
class _Reference:
    name: str
    algorithm: str
    value: bytes
    is_root: bool


@dataclass(frozen=True, slots=True)
class _Manifest:
    """A manifest file: over what, and by what signature or time-stamp."""

    file: ContainerFile
    signature: str
    references: tuple[_Reference, ...]

    @classmethod
    def parse(cls, file: ContainerFile) -> "_Manifest":
        root = parse(file.content)
        signatures = root.findall(_SIGNATURE)
        if root.tag != _ROOT or len(signatures) != 1:
            refuse("a manifest of the container cannot be read")
        references = []
        for one in root.findall(_OBJECT):
            method, value = one.find(_METHOD), one.findtext(_VALUE)
            algorithm = None if method is None else _ALGORITHMS.get(method.get("Algorithm", ""))
            if algorithm is None or value is None:
                refuse("a manifest of the container has a digest that is not accepted")
            references.append(
                _Reference(
                    unquote(one.get("URI", "")),
                    algorithm,
                    b64decode("".join(value.split()), validate=True),
                    one.get("Rootfile") == "true",
                )
            )
        return cls(file, unquote(signatures[0].get("URI", "")), tuple(references))

    def altered(self, container: Container) -> tuple[str, ...]:
        """Names of referenced files that are missing or have another digest."""
        return tuple(
            one.name
            for one in self.references
            if (content := container.file(one.name)) is None
            or not hmac.compare_digest(hashlib.new(one.algorithm, content).digest(), one.value)
        )


@dataclass(frozen=True, slots=True)
class _Fixed:
    """A clock at the moment that archive time-stamps prove."""

    moment: datetime

    def now(self) -> datetime:
        return self.moment


@dataclass(frozen=True, slots=True)
class _Archived:
    moment: datetime
    covered: frozenset[str]
    """Files that every archive time-stamp's chain covers; empty without one that passed."""
    problems: tuple[str, ...] = ()


@final
@dataclass(frozen=True, slots=True)
class CAdESContainerVerifier:
    """Verifies against one policy.  Never raises for what a container holds."""

    policy: TrustPolicy
    clock: Clock
    verify_cms: VerifyCMS

    def verify(self, container: Container) -> VerificationReport:
        """Every CAdES of a container; each data file has to be signed by one that passed."""
        try:
            return self._verify(container)
        except (DocumentRefusedError, RecursionError, *UNREADABLE) as error:
            text = " ".join(str(error).split())[:200]
            return VerificationReport(
                kind=FileKind.CONTAINER, problems=(f"the file cannot be read: {text}",)
            )

    def _verify(self, container: Container) -> VerificationReport:
        signatures = cades_files(container)
        manifests = [
            _Manifest.parse(one)
            for one in container.metadata
            if one.name.startswith(f"{META_INF}ASiCManifest") and one.name.endswith(".xml")
        ]
        policy = self._with_data(container)
        archived = asyncio.run(self._archived(container, policy))
        reports: list[SignatureReport] = []
        covered: set[str] = set()
        for one in signatures:
            content, files, altered = _content(container, manifests, one)
            found = self._reports(policy, archived, one, content)
            if altered:
                found = tuple(_failed(report, altered) for report in found)
            if any(report.indication is Indication.TOTAL_PASSED for report in found):
                covered |= files
            reports += (replace(report, field=one.name) for report in found)
        if not reports:
            return VerificationReport(kind=FileKind.CONTAINER, problems=("there is no signature",))
        left = [one.name for one in container.files if one.name not in covered]
        problems = archived.problems
        if left:
            listed = ", ".join(left)[:200]
            problems += (f"the container holds files that are not signed: {listed}",)
        return VerificationReport(
            kind=FileKind.CONTAINER,
            signatures=tuple(replace(one, problems=(*one.problems, *problems)) for one in reports),
        )

    def _reports(
        self,
        policy: TrustPolicy,
        archived: _Archived,
        signature: ContainerFile,
        content: bytes,
    ) -> tuple[SignatureReport, ...]:
        """Judged now, or at the moment that archive time-stamps over it prove."""
        report = self.verify_cms(policy, self.clock, signature.content, content)
        if report.problems:
            refuse(report.problems[0])
        if signature.name not in archived.covered:
            return report.signatures
        earlier = self.verify_cms(policy, _Fixed(archived.moment), signature.content, content)
        found = tuple(
            one if one.indication is not Indication.INDETERMINATE else then
            for one, then in zip(report.signatures, earlier.signatures, strict=True)
        )
        return tuple(
            replace(one, level=Level.B_LTA)
            if one.level is Level.B_LT and not archived.problems
            else one
            for one in found
        )

    async def _archived(self, container: Container, policy: TrustPolicy) -> _Archived:
        """Newest first: each that passes moves the moment at which the older ones are judged."""
        now = self.clock.now()
        moment, name = now, _NEWEST
        covered: frozenset[str] | None = None
        problems: list[str] = []
        for _ in range(_MAX_ARCHIVES):
            file = container.file(name)
            if file is None:
                break
            manifest = _Manifest.parse(ContainerFile(name, file))
            token = container.file(manifest.signature)
            problem, at = await self._stamp(container, policy, manifest, token, moment)
            if problem:
                problems.append(problem)
                break
            moment = min(moment, at or moment)
            reached = frozenset(one.name for one in manifest.references)
            covered = reached if covered is None else covered & reached
            roots = [one.name for one in manifest.references if one.is_root]
            if len(roots) != 1:
                break
            name = roots[0]
        return _Archived(moment, covered or frozenset(), tuple(problems))

    async def _stamp(
        self,
        container: Container,
        policy: TrustPolicy,
        manifest: _Manifest,
        token: bytes | None,
        moment: datetime,
    ) -> tuple[str, datetime | None]:
        """Why an archive time-stamp does not count, or an empty text, and its time."""
        altered = manifest.altered(container)
        if altered:
            return f"an archive time-stamp is over other files: {', '.join(altered)[:200]}", None
        if token is None:
            return "an archive time-stamp is missing", None

        def imprint(algorithm: str) -> bytes:
            if algorithm not in _ALGORITHMS.values():
                msg = f"the digest algorithm {algorithm} is not accepted"
                raise ValueError(msg)
            return hashlib.new(algorithm, manifest.file.content).digest()

        judge = CMSJudge(policy, _Fixed(moment))
        stamp = await judge.timestamp(signed_data_of(token), imprint)
        if stamp.indication is not Indication.TOTAL_PASSED or stamp.time is None:
            return f"an archive time-stamp is not valid: {stamp.sub_indication}", None
        return "", stamp.time

    def _with_data(self, container: Container) -> TrustPolicy:
        """The policy, knowing the revocation data inside every CMS of the container."""
        data = self.policy.data
        for one in container.metadata:
            if one.name.endswith((".p7s", ".tst")):
                data += embedded_data(signed_data_of(one.content))
        if data == RevocationData():
            return self.policy
        return replace(self.policy, data=data)


def cades_files(container: Container) -> tuple[ContainerFile, ...]:
    """``META-INF/*signature*.p7s``."""
    return tuple(
        one
        for one in container.metadata
        if "signature" in one.name.removeprefix(META_INF) and one.name.endswith(".p7s")
    )


def _content(
    container: Container, manifests: Iterable[_Manifest], signature: ContainerFile
) -> tuple[bytes, frozenset[str], tuple[str, ...]]:
    """What a signature is over, the data files that this covers, and those that were altered."""
    if container.kind is ContainerKind.SIMPLE:
        if len(container.files) != 1:
            refuse("an ASiC-S holds one file")
        return container.files[0].content, frozenset({container.files[0].name}), ()
    found = [one for one in manifests if one.signature == signature.name]
    if len(found) != 1:
        refuse("a signature of the container has no manifest, or several")
    (manifest,) = found
    return (
        manifest.file.content,
        frozenset(one.name for one in manifest.references),
        manifest.altered(container),
    )


def _failed(report: SignatureReport, altered: tuple[str, ...]) -> SignatureReport:
    return replace(
        report,
        indication=Indication.TOTAL_FAILED,
        sub_indication="HASH_FAILURE",
        problems=(*report.problems, f"signed files were altered: {', '.join(altered)[:200]}"),
    )
