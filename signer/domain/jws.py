"""JSON Web Signatures as they stand in a file (RFC 7515, 7; ETSI TS 119 182-1 V1.2.1, 5.3).

Encoded parts are kept as text: what was signed and stamped is the text, not what it decodes to.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import unquote

from signer.domain.signature_options import Serialisation, SignedFile
from signer.domain.strict_json import (
    encode_object,
    from_base64url,
    parse_object,
    refuse,
    to_base64url,
)
from signer.domain.values import Digest, DigestAlgorithm, SignatureAlgorithm

UNSIGNED: Final = "etsiU"
"""The one unprotected header: an array of base64url components, in order of their making."""
BY_URI_HASH: Final = "http://uri.etsi.org/19182/ObjectIdByURIHash"
"""``sigD/mId``: files beside the signature, by name and digest (5.2.8.3.3)."""
TIME_STAMP, VALUES, REVOCATION, ARCHIVE = "sigTst", "xVals", "rVals", "arcTst"
ATTRIBUTE_VALUES, TIME_STAMP_DATA = "axVals", "tstVD"

_FAMILIES: Final = {"RS": "RSA", "PS": "RSA_PSS", "ES": "ECDSA"}
ALGORITHMS: Final[Mapping[str, SignatureAlgorithm]] = {
    f"{short}{size}": SignatureAlgorithm[f"{family}_SHA{size}"]
    for short, family in _FAMILIES.items()
    for size in (256, 384, 512)
}
"""By ``alg`` (RFC 7518, 3.1)."""
DIGEST_NAMES: Final[Mapping[str, str]] = {"S256": "SHA256", "S384": "SHA384", "S512": "SHA512"}
"""``digAlg`` and ``hashM`` to :class:`~signer.domain.values.DigestAlgorithm` names."""

_MAX_SIGNATURES: Final = 100
_MAX_COMPONENTS: Final = 1000
_FLATTENED: Final = frozenset({"payload", "protected", "header", "signature"})
_SIGNATURE: Final = frozenset({"protected", "header", "signature"})
_PARTS: Final = 3


@dataclass(frozen=True, slots=True)
class Reference:
    """A file beside the signature, as ``sigD`` names it."""

    name: str
    digest: Digest

    def find(self, files: Sequence[SignedFile], *, alone: bool) -> SignedFile | None:
        """The file of this name; ``alone``: the only file there is, whatever its name."""
        if alone and len(files) == 1:
            return files[0]
        return next((one for one in files if one.name == self.name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class JWSSignature:
    """One signature: its protected header, value and unsigned components."""

    protected: str
    """Base64url, as it was signed."""
    header: Mapping[str, object]
    """The protected header, decoded."""
    value: str
    """Base64url of the JWS signature value."""
    components: tuple[str, ...] = ()
    """Elements of etsiU, base64url."""

    @classmethod
    def of(cls, protected: object, value: object, unprotected: object = None) -> Self:
        """From the members of a serialisation; raises DocumentRefusedError."""
        header = parse_object(from_base64url(protected))
        from_base64url(value)
        components = () if unprotected is None else _components(unprotected)
        return cls(protected=str(protected), header=header, value=str(value), components=components)

    @property
    def encodes_payload(self) -> bool:
        """False when what is signed are the payload's own octets (RFC 7797)."""
        return self.header.get("b64", True) is not False

    def signed_octets(self, content: bytes) -> bytes:
        """How a file's octets are digested and stamped: as they are, or in base64url."""
        return to_base64url(content).encode() if self.encodes_payload else content

    def references(self) -> tuple[Reference, ...] | None:
        """What ``sigD`` refers to, in order; None when the signature has no ``sigD``.

        Raises DocumentRefusedError for ways of referring other than name and digest.
        """
        described = self.header.get("sigD")
        if described is None:
            return None
        if not isinstance(described, dict) or described.get("mId") != BY_URI_HASH:
            refuse("files beside the signature are referred to in a way that is not accepted")
        names, digests = described.get("pars"), described.get("hashV")
        algorithm = DIGEST_NAMES.get(str(described.get("hashM")))
        if algorithm is None or not isinstance(names, list) or not isinstance(digests, list):
            refuse("sigD is malformed")
        if not 0 < len(names) == len(digests) or len(set(map(str, names))) != len(names):
            refuse("sigD is malformed")
        return tuple(
            _reference(name, DigestAlgorithm[algorithm], digest)
            for name, digest in zip(names, digests, strict=True)
        )

    def members(self) -> dict[str, object]:
        """As JSON."""
        members: dict[str, object] = {"protected": self.protected}
        if self.components:
            members["header"] = {UNSIGNED: list(self.components)}
        return members | {"signature": self.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class JWS:
    """A payload and its signatures."""

    serialisation: Serialisation
    payload: str | None
    """As it stands; None where the file has none."""
    signatures: tuple[JWSSignature, ...]

    @classmethod
    def parse(cls, content: bytes) -> Self:
        """Any of the three serialisations; raises DocumentRefusedError.

        Members that nobody signs and nobody reads are refused too.
        """
        if not content.lstrip().startswith(b"{"):
            return cls._compact(content)
        members = parse_object(content)
        payload = members.get("payload")
        if payload is not None and not isinstance(payload, str):
            refuse("the payload is not text")
        if "signatures" not in members:
            if not {"protected", "signature"} <= members.keys() <= _FLATTENED:
                refuse("the members are not those of a JSON Web Signature")
            return cls(
                serialisation=Serialisation.FLATTENED,
                payload=payload,
                signatures=(_one({k: v for k, v in members.items() if k != "payload"}),),
            )
        found = members["signatures"]
        if not members.keys() <= {"payload", "signatures"} or not isinstance(found, list):
            refuse("the members are not those of a JSON Web Signature")
        if not 0 < len(found) <= _MAX_SIGNATURES:
            refuse("there is no signature, or too many")
        return cls(
            serialisation=Serialisation.GENERAL,
            payload=payload,
            signatures=tuple(_one(member) for member in found),
        )

    @classmethod
    def _compact(cls, content: bytes) -> Self:
        parts = content.split(b".")
        if len(parts) != _PARTS or not content.isascii():
            refuse("this is not a JSON Web Signature")
        protected, payload, value = (part.decode("ascii") for part in parts)
        signature = JWSSignature.of(protected, value)
        return cls(
            serialisation=Serialisation.COMPACT,
            payload=payload or None,
            signatures=(signature,),
        )

    def encode(self) -> bytes:
        """The file; a compact one has exactly one signature without unsigned components."""
        if self.serialisation is Serialisation.COMPACT:
            (signature,) = self.signatures
            return f"{signature.protected}.{self.payload or ''}.{signature.value}".encode("ascii")
        members: dict[str, object] = {}
        if self.payload is not None:
            members["payload"] = self.payload
        if self.serialisation is Serialisation.FLATTENED:
            (signature,) = self.signatures
            return encode_object(members | signature.members())
        return encode_object(members | {"signatures": [one.members() for one in self.signatures]})


def _reference(name: object, algorithm: DigestAlgorithm, digest: object) -> Reference:
    value = from_base64url(digest)
    if not isinstance(name, str) or len(value) != algorithm.size:
        refuse("sigD is malformed")
    return Reference(unquote(name), Digest(algorithm, value))


def component(name: str, content: object) -> str:
    """An element of etsiU."""
    return to_base64url(encode_object({name: content}))


def decoded_component(encoded: str) -> tuple[str, object]:
    """Name and content of an element of etsiU; raises DocumentRefusedError."""
    members = parse_object(from_base64url(encoded))
    if len(members) != 1:
        refuse("an unsigned component has not exactly one member")
    return next(iter(members.items()))


def _one(members: object) -> JWSSignature:
    if not isinstance(members, dict):
        refuse("a signature is not an object")
    if not {"protected", "signature"} <= members.keys() <= _SIGNATURE:
        refuse("the members are not those of a signature")
    return JWSSignature.of(members["protected"], members["signature"], members.get("header"))


def _components(unprotected: object) -> tuple[str, ...]:
    if not isinstance(unprotected, dict) or unprotected.keys() != {UNSIGNED}:
        refuse("an unprotected header that is not etsiU")
    components = unprotected[UNSIGNED]
    if not isinstance(components, list) or not 0 < len(components) <= _MAX_COMPONENTS:
        refuse("etsiU is not a list of components")
    if not all(isinstance(one, str) for one in components):
        refuse("components of etsiU are read in base64url only")
    for one in components:
        decoded_component(one)
    return tuple(components)
