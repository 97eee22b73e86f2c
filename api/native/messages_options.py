"""What a client may choose about one signature, as JSON."""

import base64
import binascii
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import (
    Certification,
    CommitmentType,
    ContainerSignature,
    Corner,
    Packaging,
    PDFOptions,
    ProductionPlace,
    Seal,
    Serialisation,
    SignatureOptions,
    SignaturePolicy,
    SignedProperties,
)
from signer.domain.transaction import ItemKind
from signer.domain.values import Digest, DigestAlgorithm

DIGESTS: Final = {
    "SHA-256": DigestAlgorithm.SHA256,
    "SHA-384": DigestAlgorithm.SHA384,
    "SHA-512": DigestAlgorithm.SHA512,
}
DigestName = Literal["SHA-256", "SHA-384", "SHA-512"]
Words = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Points = Annotated[int, Field(ge=0, le=20_000)]
_LOGO_CHARACTERS: Final = 700_000
"""Base64 of half a megabyte."""

_XML_OR_JSON: Final = frozenset(
    {
        ItemKind.XADES,
        ItemKind.XADES_DIGEST,
        ItemKind.JADES,
        ItemKind.JADES_DIGEST,
        ItemKind.ASIC_E,
        ItemKind.ASIC_S,
    }
)
_APPLIES: Final = {
    "packaging": frozenset(
        {
            ItemKind.CADES,
            ItemKind.XADES,
            ItemKind.XADES_DIGEST,
            ItemKind.JADES,
            ItemKind.JADES_DIGEST,
        }
    ),
    "pss": _XML_OR_JSON | {ItemKind.RAW},
    "container": frozenset({ItemKind.ASIC_E, ItemKind.ASIC_S}),
    "serialisation": frozenset({ItemKind.JADES, ItemKind.JADES_DIGEST}),
    "parallel": frozenset({ItemKind.CADES, ItemKind.JADES, ItemKind.ASIC_E, ItemKind.ASIC_S}),
    "pdf": frozenset({ItemKind.PADES}),
}
"""Which kinds know an option; the signed properties are known to all but raw."""


class Chosen(BaseModel):
    """Unknown members are refused: a misspelt one must not be ignored silently."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class PolicyIn(Chosen):
    """An explicit signature policy."""

    oid: Annotated[str, Field(pattern=r"^[0-2](\.(0|[1-9]\d{0,18})){1,30}$")]
    digest: Annotated[str, Field(max_length=100)]
    """Base64, of the policy document."""
    digest_algorithm: DigestName = "SHA-256"
    url: Annotated[str, Field(max_length=500, pattern=r"^(https?://[!-~]+)?$")] = ""
    """Where the policy document is."""

    def value(self, field: str) -> SignaturePolicy:
        """As a domain value; raises InvalidRequestError naming the member."""
        made = base64_of(self.digest, f"{field}.digest")
        algorithm = DIGESTS[self.digest_algorithm]
        if len(made) != algorithm.size:
            raise InvalidRequestError(
                f"{self.digest_algorithm} has {algorithm.size} bytes", field=f"{field}.digest"
            )
        return SignaturePolicy(oid=self.oid, digest=Digest(algorithm, made), url=self.url)


class PlaceIn(Chosen):
    """Where the signer says to sign; at least one member."""

    city: Words = ""
    state: Words = ""
    postal_code: Words = ""
    country: Annotated[str, Field(pattern=r"^([A-Z]{2})?$")] = ""
    """ISO 3166-1, two letters."""

    def value(self, field: str) -> ProductionPlace | None:
        """As a domain value; raises InvalidRequestError when nothing is said."""
        made = ProductionPlace(**self.model_dump())
        if made == ProductionPlace():
            raise InvalidRequestError("say at least one of its members", field=field)
        return made


class SealIn(Chosen):
    """A visible seal; what it says comes from the certificate, the request and the country."""

    page: Annotated[int, Field(ge=-1, le=100_000)] = -1
    """From 1; -1 is the last."""
    box: Annotated[list[Points], Field(min_length=4, max_length=4)] | None = None
    """Left, bottom, right, top in PDF points; default: a corner."""
    corner: Corner = Corner.BOTTOM_RIGHT
    document_number: bool = True
    """Show the number of the identity document."""
    logo: Annotated[str, Field(max_length=_LOGO_CHARACTERS)] = ""
    """Base64 of a PNG or JPEG, at most half a megabyte."""

    def value(self, field: str) -> Seal:
        """As a domain value; raises InvalidRequestError naming the member."""
        if self.page == 0:
            raise InvalidRequestError("pages count from 1; -1 is the last", field=f"{field}.page")
        box = None
        if self.box is not None:
            left, bottom, right, top = self.box
            if left >= right or bottom >= top:
                raise InvalidRequestError("left, bottom, right, top", field=f"{field}.box")
            box = (left, bottom, right, top)
        return Seal(
            page=self.page,
            box=box,
            corner=self.corner,
            document_number=self.document_number,
            logo=base64_of(self.logo, f"{field}.logo"),
        )


class PDFIn(Chosen):
    """What only a PDF signature can say."""

    field_name: Annotated[str, Field(max_length=100, pattern=r"^[^.\x00-\x1f\x7f]*$")] = ""
    """An empty signature field of the document, or the name of the new one."""
    certification: Literal["no-changes", "forms", "forms-and-comments"] | None = None
    """Certify the document and say what may change afterwards; default: an approval signature."""
    reason: Words = ""
    location: Words = ""
    contact: Words = ""
    seal: SealIn | None = None

    def value(self, field: str) -> PDFOptions:
        """As a domain value; raises InvalidRequestError naming the member."""
        certification = None
        if self.certification is not None:
            certification = Certification[self.certification.replace("-", "_").upper()]
        return PDFOptions(
            field_name=self.field_name,
            certification=certification,
            reason=self.reason,
            location=self.location,
            contact=self.contact,
            seal=self.seal.value(f"{field}.seal") if self.seal else None,
        )


class OptionsIn(Chosen):
    """What may be chosen; every default is that of a plain signature."""

    packaging: Packaging | None = None
    """``detached``, ``enveloping`` or ``enveloped``, where the format knows them."""
    commitment: CommitmentType | None = None
    """What the signer commits to."""
    policy: PolicyIn | None = None
    place: PlaceIn | None = None
    claimed_roles: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]],
        Field(max_length=8),
    ] = []
    """Roles the signer claims; certified ones are asked with ``required_attributes``."""
    content_timestamp: bool = False
    """A time-stamp over the content, made before the signature."""
    pss: bool = False
    """RSASSA-PSS instead of PKCS #1 v1.5: raw, XAdES, JAdES, and ASiC with XAdES."""
    container: ContainerSignature = ContainerSignature.XADES
    """ASiC: the format of the signature inside."""
    serialisation: Serialisation = Serialisation.COMPACT
    """JAdES; default: ``compact``, beyond B-B ``flattened``, where ``compact`` has no room."""
    parallel: bool = False
    """The document is signed already: add a signature beside those it has."""
    pdf: PDFIn | None = None

    def value(self, kind: ItemKind, field: str) -> SignatureOptions:
        """As a domain value; raises InvalidRequestError for what this kind does not know."""
        for name in self.model_fields_set:
            known = kind in _APPLIES[name] if name in _APPLIES else kind is not ItemKind.RAW
            if not known:
                raise InvalidRequestError(f"{kind} knows no {name}", field=f"{field}.{name}")
        properties = SignedProperties(
            commitment=self.commitment,
            policy=self.policy.value(f"{field}.policy") if self.policy else None,
            place=self.place.value(f"{field}.place") if self.place else None,
            claimed_roles=tuple(self.claimed_roles),
            content_timestamp=self.content_timestamp,
        )
        return SignatureOptions(
            packaging=self.packaging,
            properties=properties,
            pss=self.pss,
            container=self.container,
            serialisation=self.serialisation,
            parallel=self.parallel,
            pdf=self.pdf.value(f"{field}.pdf") if self.pdf else PDFOptions(),
        )


def base64_of(text: str, field: str) -> bytes:
    """Decode; raises InvalidRequestError naming the member."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError("not base64", field=field) from error
