"""Bodies of the signature calls: what a client posts and what it gets."""

import base64
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.native.messages_items import ItemIn
from api.native.messages_options import DIGESTS
from signer.domain.attribute import RequiredAttribute
from signer.domain.transaction import ItemKind, Level, SigningItem, Transaction
from signer.domain.values import KeyAlgorithm
from signer.formats.client_material import ClientMaterial
from signer.ports import ValidationMaterial

Word = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Value = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Strict(BaseModel):
    """Unknown members are refused: a misspelt one must not be ignored silently."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class CitizenIn(Strict):
    """Whom to ask."""

    phone: Annotated[str, Field(min_length=5, max_length=20)]
    """E.164, e.g. ``+351910000001``."""


class RequiredAttributeIn(Strict):
    """A professional attribute the citizen must hold and sign with."""

    provider: Word
    """Professional body, e.g. ``ordem-dos-advogados``."""
    role: Word
    """Role, e.g. ``advogado``."""
    sub_attributes: Annotated[dict[Word, Value], Field(max_length=8)] = {}
    """Values the attribute must have, e.g. ``{"cedula": "12345L"}``."""

    def value(self) -> RequiredAttribute:
        """As a domain value."""
        return RequiredAttribute(
            self.provider, self.role, tuple(sorted(self.sub_attributes.items()))
        )


class SignatureIn(Strict):
    """A request for signatures of one citizen."""

    citizen: CitizenIn
    items: Annotated[list[ItemIn], Field(min_length=1, max_length=100)]
    required_attributes: Annotated[list[RequiredAttributeIn], Field(max_length=8)] = []
    key_algorithm: KeyAlgorithm | None = None
    """The citizen's key to use; default: RSA, which every verifier reads."""
    locale: Literal["pt", "en"] = "pt"
    redirect_url: Annotated[str | None, Field(max_length=2000)] = None
    """Where the page sends the citizen afterwards; must be registered for the client."""
    lifetime_seconds: Annotated[int | None, Field(ge=60, le=3600)] = None


class PINIn(Strict):
    """The signature PIN, carried by a client with policy ``may_carry_pin``."""

    pin: Annotated[str, Field(max_length=4096)]
    """Compact JWE of ``{"pin": "…", "transaction": "<id>"}`` to a key of ``/api/v1/keys``."""


class CodeIn(Strict):
    """The one-time code, carried by a client with policy ``may_carry_pin``."""

    handle: Annotated[str, Field(min_length=20, max_length=100)]
    code: Annotated[str, Field(max_length=4096)]
    """Compact JWE of ``{"code": "…", "transaction": "<id>"}``."""


class ResendIn(Strict):
    """Another code, perhaps over another channel."""

    handle: Annotated[str, Field(min_length=20, max_length=100)]
    channel: Literal["sms", "email"] | None = None


class SignaturePath(Strict):
    """Which transaction."""

    id: Annotated[str, Field(pattern="^[0-9a-f-]{36}$")]


class ItemPath(SignaturePath):
    """Which item of a transaction."""

    ordinal: Annotated[int, Field(ge=0, le=99)]


class WaitQuery(Strict):
    """Long polling."""

    wait: Annotated[int, Field(ge=0, le=60)] = 0
    """Seconds to wait for a change of state before answering."""


class PhoneQuery(Strict):
    """Whose certificates."""

    phone: Annotated[str, Field(min_length=5, max_length=20)]


class AttributeOut(BaseModel):
    """A professional attribute the signature asserts."""

    provider: str
    provider_name: str
    role: str
    label: str
    sub_attributes: dict[str, str]
    valid_until: datetime


class MaterialOut(BaseModel):
    """What the client of a ``pades-digest`` appends to its PDF as a DSS; each base64 DER."""

    certificates: list[str]
    ocsp_responses: list[str]
    crls: list[str]


class ItemOut(BaseModel):
    """One item; ``result`` once signed."""

    ordinal: int
    name: str
    kind: ItemKind
    level: Level
    digest: str
    digest_algorithm: str
    result: str | None = None
    """Base64: signature value, CMS (DER) or signed document."""
    material: MaterialOut | None = None
    """``pades-digest`` at B-LT and B-LTA, once signed."""


class SignatureOut(BaseModel):
    """A transaction as its client sees it."""

    id: str
    state: str
    failure: str | None
    verification_code: str
    """Four digits made from the digests; the citizen's page shows the same."""
    created_at: datetime
    expires_at: datetime
    items: list[ItemOut]
    attributes: list[AttributeOut]
    """What the signatures assert, by whom, until when."""
    authorisation_url: str | None = None
    """Where the citizen authorises; only in the answer that creates the transaction."""


class EnteredOut(BaseModel):
    """The PIN was right, a code is on its way."""

    handle: str
    """Secret of this transaction; come back with it and the code."""
    channel: str
    destination: str
    code_expires_at: datetime | None


class CertificateOut(BaseModel):
    """A citizen's certificate chain, each base64 DER, leaf first."""

    credential: str
    key_algorithm: KeyAlgorithm
    chain: list[str]


class CertificatesOut(BaseModel):
    """What this phone number signs with; empty also when it is unknown."""

    certificates: list[CertificateOut]


class RSAKeyOut(BaseModel):
    """A public key (RFC 7518, 6.3)."""

    kty: Literal["RSA"]
    use: Literal["enc"]
    alg: Literal["RSA-OAEP-256"]
    kid: str
    n: str
    e: str


class ECKeyOut(BaseModel):
    """A public key (RFC 7518, 6.2)."""

    kty: Literal["EC"]
    use: Literal["enc"]
    alg: Literal["ECDH-ES"]
    kid: str
    crv: Literal["P-256"]
    x: str
    y: str


class KeysOut(BaseModel):
    """A JWK Set; take the first key whose ``alg`` you can."""

    keys: list[RSAKeyOut | ECKeyOut]


class ProblemOut(BaseModel):
    """RFC 9457 problem details."""

    code: str
    title: str
    detail: str
    status: int
    field: str | None = None
    fields: dict[str, str] | None = None
    """What is wrong with each, where several are."""
    request_id: str


def signature_out(transaction: Transaction, authorisation_url: str | None = None) -> SignatureOut:
    """What a client sees of its transaction."""
    return SignatureOut(
        id=transaction.id,
        state=transaction.state.value,
        failure=transaction.failure,
        verification_code=transaction.verification_code,
        created_at=transaction.created_at,
        expires_at=transaction.expires_at,
        items=[item_out(item) for item in transaction.items],
        attributes=[
            AttributeOut(
                provider=one.provider,
                provider_name=one.provider_name,
                role=one.role,
                label=one.label,
                sub_attributes=dict(one.sub_attributes),
                valid_until=one.valid_until,
            )
            for one in transaction.attributes
        ],
        authorisation_url=authorisation_url,
    )


def item_out(item: SigningItem) -> ItemOut:
    """One item."""
    result, material = result_of(item)
    return ItemOut(
        ordinal=item.ordinal,
        name=item.name,
        kind=item.kind,
        level=item.level,
        digest=base64.b64encode(item.digest.value).decode(),
        digest_algorithm=next(
            name for name, value in DIGESTS.items() if value is item.digest.algorithm
        ),
        result=None if result is None else _text(result),
        material=None if material is None else _material_out(material),
    )


def result_of(item: SigningItem) -> tuple[bytes | None, ValidationMaterial | None]:
    """The result itself, and what belongs beside it in a PDF that stays at the client."""
    beside = item.kind is ItemKind.PADES_DIGEST and item.level in {Level.B_LT, Level.B_LTA}
    if item.result is None or not beside:
        return item.result, None
    made = ClientMaterial.from_bytes(item.result)
    return made.cms_der, made.material


def _material_out(material: ValidationMaterial) -> MaterialOut:
    return MaterialOut(
        certificates=[_text(one) for one in material.certificates],
        ocsp_responses=[_text(one) for one in material.ocsp_responses],
        crls=[_text(one) for one in material.crls],
    )


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
