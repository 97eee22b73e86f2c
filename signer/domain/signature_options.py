"""What a request may say about a signature beside what is signed: part of the bindings."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum, unique
from typing import Any, Final, Self

from signer.domain.values import Digest, DigestAlgorithm


@unique
class CommitmentType(StrEnum):
    """What the signer commits to; OIDs live with the formats."""

    ORIGIN = "origin"
    APPROVAL = "approval"
    CREATION = "creation"
    DATA_AUTHENTICATION = "data-authentication"
    ENTITY_AUTHENTICATION = "entity-authentication"
    AUTHORSHIP = "authorship"
    REVIEW = "review"
    COPY = "copy"
    WITNESS = "witness"
    BOUND_TO_DATA = "bound-to-data"
    INTERMEDIATE_APPROVAL = "intermediate-approval"


@unique
class Packaging(StrEnum):
    """Where the content is, seen from the signature."""

    DETACHED = "detached"
    ENVELOPING = "enveloping"
    ENVELOPED = "enveloped"


@unique
class ContainerSignature(StrEnum):
    """Which signature format an ASiC container holds."""

    XADES = "xades"
    CADES = "cades"


@unique
class Serialisation(StrEnum):
    """How a JAdES signature is written (RFC 7515, 7)."""

    COMPACT = "compact"
    FLATTENED = "flattened"
    GENERAL = "general"


@unique
class Certification(IntEnum):
    """DocMDP permissions of a certification signature (ISO 32000-2, 12.8.2.2, P)."""

    NO_CHANGES = 1
    FORMS = 2
    FORMS_AND_COMMENTS = 3


@unique
class Corner(StrEnum):
    """Where on a page a seal goes when no box is given."""

    TOP_LEFT = "top-left"
    TOP_RIGHT = "top-right"
    BOTTOM_LEFT = "bottom-left"
    BOTTOM_RIGHT = "bottom-right"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePolicy:
    """An explicit signature policy (EN 319 122-1, 5.2.9.1)."""

    oid: str
    """Dotted."""
    digest: Digest
    """Of the policy document."""
    url: str = ""
    """Where the policy document is (SPURI)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionPlace:
    """Where the signer claims to sign (EN 319 122-1, 5.2.5); at least one field is not empty."""

    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    """ISO 3166-1 alpha-2, or empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedProperties:
    """What every AdES format can say about the act of signing, under the signature."""

    commitment: CommitmentType | None = None
    policy: SignaturePolicy | None = None
    place: ProductionPlace | None = None
    claimed_roles: tuple[str, ...] = ()
    """Plain text, said by the signer alone; certified ones come from professional bodies."""
    content_timestamp: bool = False
    """A time-stamp over the content, from before the signature."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seal:
    """A visible PDF seal; its words and fonts come from the country profile."""

    page: int = -1
    """From 1; -1 is the last."""
    box: tuple[int, int, int, int] | None = None
    """Left, bottom, right, top, in PDF points of the page as shown; None: ``corner``."""
    corner: Corner = Corner.BOTTOM_RIGHT
    document_number: bool = True
    """Whether the number of the signer's identity document is shown."""
    logo: bytes = field(default=b"", repr=False)
    """PNG or JPEG; empty: none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PDFOptions:
    """What only a PDF signature can say."""

    field_name: str = ""
    """An existing empty field, or the name of the new one; empty: a new name."""
    certification: Certification | None = None
    """None: an approval signature."""
    reason: str = ""
    location: str = ""
    contact: str = ""
    seal: Seal | None = None
    """None: invisible."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureOptions:
    """Everything a request may choose; the defaults are those of a plain signature."""

    packaging: Packaging | None = None
    """None: the usual one of the format (detached; PAdES has none)."""
    properties: SignedProperties = SignedProperties()
    pss: bool = False
    """RSASSA-PSS instead of PKCS #1 v1.5; RSA keys only."""
    container: ContainerSignature = ContainerSignature.XADES
    serialisation: Serialisation = Serialisation.COMPACT
    parallel: bool = False
    """The document is a signed file already: add a signature beside those it has."""
    pdf: PDFOptions = PDFOptions()

    def encoded(self) -> bytes:
        """Canonical JSON of what differs from the defaults; empty when nothing does."""
        if self == PLAIN:
            return b""
        return json.dumps(
            _encoded(self), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        ).encode()

    @classmethod
    def decoded(cls, data: bytes) -> Self:
        """Inverse of :meth:`encoded`; raises ValueError, KeyError or TypeError for other bytes."""
        if not data:
            return cls()
        made: dict[str, Any] = json.loads(data)
        packaging, properties, pdf = (made.get(key) for key in ("packaging", "properties", "pdf"))
        return cls(
            packaging=Packaging(packaging) if packaging else None,
            properties=_properties(properties) if properties else SignedProperties(),
            pss=made.get("pss", False),
            container=ContainerSignature(made.get("container", ContainerSignature.XADES)),
            serialisation=Serialisation(made.get("serialisation", Serialisation.COMPACT)),
            parallel=made.get("parallel", False),
            pdf=_pdf(pdf) if pdf else PDFOptions(),
        )


PLAIN: Final = SignatureOptions()
"""Nothing chosen."""


def _encoded(value: Any) -> Any:  # noqa: ANN401 - JSON is as wide as that
    """Dataclasses as objects without their defaults, bytes as base64, digests as pairs."""
    if isinstance(value, Digest):
        return [value.algorithm.value, value.value.hex()]
    if isinstance(value, bytes):
        return b64encode(value).decode()
    if isinstance(value, tuple):
        return [_encoded(one) for one in value]
    fields = getattr(type(value), "__dataclass_fields__", None)
    if fields is None:
        return value
    return {
        name: _encoded(getattr(value, name))
        for name, described in fields.items()
        if getattr(value, name) != described.default
    }


def _properties(made: dict[str, Any]) -> SignedProperties:
    policy, place = made.get("policy"), made.get("place")
    commitment = made.get("commitment")
    return SignedProperties(
        commitment=CommitmentType(commitment) if commitment else None,
        policy=_policy(policy) if policy else None,
        place=ProductionPlace(**place) if place else None,
        claimed_roles=tuple(made.get("claimed_roles", ())),
        content_timestamp=made.get("content_timestamp", False),
    )


def _policy(made: dict[str, Any]) -> SignaturePolicy:
    algorithm, value = made["digest"]
    digest = Digest(DigestAlgorithm(algorithm), bytes.fromhex(value))
    return SignaturePolicy(oid=made["oid"], digest=digest, url=made.get("url", ""))


def _pdf(made: dict[str, Any]) -> PDFOptions:
    seal, certification = made.pop("seal", None), made.pop("certification", None)
    return PDFOptions(
        **made,
        certification=Certification(certification) if certification else None,
        seal=_seal(seal) if seal is not None else None,
    )


def _seal(made: dict[str, Any]) -> Seal:
    box = made.pop("box", None)
    left_to_top = (int(box[0]), int(box[1]), int(box[2]), int(box[3])) if box else None
    return Seal(
        page=made.get("page", -1),
        box=left_to_top,
        corner=Corner(made.get("corner", Corner.BOTTOM_RIGHT)),
        document_number=made.get("document_number", True),
        logo=b64decode(made.get("logo", "")),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedFile:
    """One of several files under one signature (several XML references, ASiC)."""

    name: str
    """File name inside the container, or URI of the reference."""
    media_type: str
    digest: Digest
    content: bytes | None = field(default=None, repr=False)
    """None: only the digest was given."""
