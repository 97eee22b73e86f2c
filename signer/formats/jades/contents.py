"""What a JAdES signs: a payload inside, or files beside it by name and digest."""

from dataclasses import dataclass
from typing import Final, final
from urllib.parse import quote

from signer.domain.errors import InvalidRequestError
from signer.domain.jws import BY_URI_HASH, DIGEST_NAMES, JWS
from signer.domain.signature_options import Packaging, Serialisation, SignedFile
from signer.domain.strict_json import to_base64url
from signer.domain.transaction import ItemKind, Level, SigningItem
from signer.domain.values import Digest, DigestAlgorithm

_SHORT: Final = {DigestAlgorithm[long]: short for short, long in DIGEST_NAMES.items()}


def digest_name(algorithm: DigestAlgorithm) -> str:
    """``S256`` … for digAlg and hashM."""
    return _SHORT[algorithm]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The payload of the signature, and the files it stands for."""

    payload: str = ""
    """Base64url; empty when the content is beside the signature."""
    files: tuple[SignedFile, ...] = ()
    """Files beside the signature, in the order of ``sigD/pars``; empty when it is inside."""

    @property
    def octets(self) -> bytes | None:
        """What archive time-stamps begin with (5.3.6.3.1); None when only digests are known."""
        if not self.files:
            return self.payload.encode()
        parts = [one.content for one in self.files]
        return None if None in parts else b"".join(part for part in parts if part is not None)

    def digest(self, algorithm: DigestAlgorithm) -> Digest:
        """Of :attr:`octets`, for a content time-stamp; raises InvalidRequestError without them."""
        octets = self.octets
        if octets is not None:
            return Digest.of(algorithm, octets)
        if len(self.files) == 1 and self.files[0].digest.algorithm is algorithm:
            return self.files[0].digest
        msg = "a content time-stamp over several files needs the files"
        raise InvalidRequestError(msg, field="content_timestamp")

    def reference(self) -> dict[str, object]:
        """``sigD`` (5.2.8): the digests are of the files' own octets, hence ``b64`` false."""
        described: dict[str, object] = {
            "mId": BY_URI_HASH,
            "pars": [quote(one.name) for one in self.files],
            "hashM": digest_name(self.files[0].digest.algorithm),
            "hashV": [to_base64url(one.digest.value) for one in self.files],
        }
        if all(one.media_type for one in self.files):
            described["ctys"] = [one.media_type for one in self.files]
        return described


def contents_of(item: SigningItem) -> Contents:
    """What ``item`` asks to sign; raises InvalidRequestError or DocumentRefusedError."""
    packaging = item.options.packaging or Packaging.DETACHED
    if packaging is Packaging.DETACHED:
        return Contents(files=_files(item))
    if packaging is Packaging.ENVELOPED:
        raise InvalidRequestError("a JAdES is never inside its content", field="packaging")
    if item.files or item.document is None or item.kind is not ItemKind.JADES:
        raise InvalidRequestError("one whole file can be inside a JAdES", field="packaging")
    _demand_digest(item.digest, item.document)
    if not item.options.parallel:
        return Contents(payload=to_base64url(item.document))
    return Contents(payload=payload_of(JWS.parse(item.document)))


def payload_of(present: JWS) -> str:
    """The payload that a further signature shares; raises InvalidRequestError without one."""
    if present.payload is None or not all(one.encodes_payload for one in present.signatures):
        msg = "a signature is added beside others where they carry the content"
        raise InvalidRequestError(msg, field="document")
    return present.payload


def demand_level(item: SigningItem, contents: Contents) -> None:
    """Raise InvalidRequestError for a level that the form or the input cannot reach."""
    compact = item.options.serialisation is Serialisation.COMPACT
    if compact and (item.level is not Level.B_B or item.options.parallel):
        msg = "the compact form has one signature and no place for time-stamps"
        raise InvalidRequestError(msg, field="serialisation")
    if item.options.parallel and item.options.serialisation is not Serialisation.GENERAL:
        raise InvalidRequestError("several signatures need the general form", field="serialisation")
    if item.level is Level.B_LTA and contents.octets is None:
        raise InvalidRequestError("an archive time-stamp covers the files", field="level")


def _files(item: SigningItem) -> tuple[SignedFile, ...]:
    if item.options.parallel:
        msg = "a signature is added beside others where they carry the content"
        raise InvalidRequestError(msg, field="packaging")
    files = item.files or (
        SignedFile(name=item.name, media_type="", digest=item.digest, content=item.document),
    )
    whole = item.kind is ItemKind.JADES
    for one in files:
        if one.digest.algorithm is not item.digest.algorithm:
            raise InvalidRequestError("all digests are of one algorithm", field="files")
        if whole and one.content is None:
            raise InvalidRequestError("the file itself is missing", field="files")
        if one.content is not None:
            _demand_digest(one.digest, one.content)
    names = [quote(one.name) for one in files]
    if len(set(names)) != len(names) or not all(names):
        raise InvalidRequestError("every file has its own name", field="files")
    return files


def _demand_digest(digest: Digest, content: bytes) -> None:
    if not Digest.of(digest.algorithm, content).matches(digest):
        raise InvalidRequestError("the digest is not that of the file", field="document")
