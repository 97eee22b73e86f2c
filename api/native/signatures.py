"""Calls of relying parties: start, look, carry PIN and code, resend, cancel, certificates."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any, Final

from flask import Response, jsonify, make_response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from api.native.caller import Callers
from api.native.idempotent import Idempotent, refuse_idempotency_key
from api.native.jwe import SecretReader
from api.native.messages import (
    CertificateOut,
    CertificatesOut,
    CodeIn,
    EnteredOut,
    ItemPath,
    KeysOut,
    PhoneQuery,
    PINIn,
    ProblemOut,
    ResendIn,
    SignatureIn,
    SignatureOut,
    SignaturePath,
    WaitQuery,
    result_of,
    signature_out,
)
from signer.domain.client import Client, Role
from signer.domain.errors import (
    InvalidRequestError,
    NotFoundError,
    NotPermittedError,
)
from signer.domain.transaction import ItemKind, SigningItem, Transaction, TransactionState
from signer.domain.values import KeyAlgorithm, Secret, TransactionId
from signer.operations.signing.certificates import FindCertificates
from signer.operations.signing.code_entry import EnterCode
from signer.operations.signing.ending import EndSigning, FindTransaction
from signer.operations.signing.needs import Entered, Outcome
from signer.operations.signing.pin_entry import EnterPIN
from signer.operations.signing.resending import ResendCode
from signer.operations.signing.start import SigningRequest, StartSigning

_TAG = Tag(name="signatures", description="Signatures of citizens")
_PROBLEMS: dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None] = dict.fromkeys(
    (400, 401, 403, 404, 409, 410, 422, 429, 503), ProblemOut
)
_PAUSE_SECONDS = 0.25
_TYPES: Final = {
    ItemKind.RAW: "application/octet-stream",
    ItemKind.CADES_DIGEST: "application/pkcs7-signature",
    ItemKind.PADES_DIGEST: "application/pkcs7-signature",
    ItemKind.CADES: "application/pkcs7-signature",
    ItemKind.PADES: "application/pdf",
    ItemKind.XADES: "application/xml",
    ItemKind.XADES_DIGEST: "application/xml",
    ItemKind.JADES: "application/jose",
    ItemKind.JADES_DIGEST: "application/jose",
    ItemKind.ASIC_S: "application/vnd.etsi.asic-s+zip",
    ItemKind.ASIC_E: "application/vnd.etsi.asic-e+zip",
}
_BYTES: Final[dict[str, Any]] = {  # any: an OpenAPI fragment
    "description": "The result's bytes",
    "content": {kind: {"schema": {}} for kind in sorted(set(_TYPES.values()))},
}
_NOTHING: Final[dict[str, Any]] = {"description": "Done"}  # any: an OpenAPI fragment


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureServices:
    """What this door calls."""

    callers: Callers
    idempotent: Idempotent
    secrets: SecretReader
    start: StartSigning
    enter_pin: EnterPIN
    enter_code: EnterCode
    resend: ResendCode
    end: EndSigning
    find: FindTransaction
    certificates: FindCertificates
    rehearse: Callable[[SigningItem, KeyAlgorithm | None], None]
    """Refuses hostile or broken documents, and options that do not fit, before all else."""
    normalise_phone: Callable[[str], str]
    page_url: Callable[[Secret], str]
    document_limit: int
    items_limit: int
    lifetime: timedelta
    waiting: BoundedSemaphore
    """How many calls of this process may hold a thread while they wait for a change."""


def blueprint(services: SignatureServices) -> APIBlueprint:
    """The door at ``/api/v1``."""
    door = APIBlueprint(
        "signatures",
        __name__,
        url_prefix="/api/v1",
        abp_tags=[_TAG],
        abp_security=[{"client": []}],
        abp_responses=_PROBLEMS,
    )
    services.callers.guard(door, Role.RELYING_PARTY)

    @door.post("/signatures", responses={201: SignatureOut}, summary="Start a signature")
    def start(body: SignatureIn) -> Response:
        """Fix what is to be signed; send the citizen to ``authorisation_url``.

        ``Idempotency-Key`` makes a repetition give the same answer.
        """
        client = services.callers.client(Role.RELYING_PARTY)
        return services.idempotent.run(client, lambda: _start(services, client, body))

    @door.get("/signatures/<id>", responses={200: SignatureOut}, summary="State and results")
    def look(path: SignaturePath, query: WaitQuery) -> Response:
        """The transaction; ``wait`` holds the answer until its state changes."""
        client = services.callers.client(Role.RELYING_PARTY)
        found = services.find.for_client(TransactionId(path.id), client.id)
        found = _wait(services, found, client, query.wait)
        return _answer(signature_out(found))

    @door.get(
        "/signatures/<id>/items/<int:ordinal>",
        responses={200: _BYTES},
        summary="One result, as bytes",
    )
    def item(path: ItemPath) -> Response:
        """Signature value, CMS (``application/pkcs7-signature``) or signed PDF."""
        client = services.callers.client(Role.RELYING_PARTY)
        found = services.find.for_client(TransactionId(path.id), client.id)
        return _item(found, path.ordinal)

    @door.post("/signatures/<id>/pin", responses={200: EnteredOut}, summary="Carry the PIN")
    def pin(path: SignaturePath, body: PINIn) -> Response:
        """Only with policy ``may_carry_pin``; the answer holds a secret and is never repeated."""
        client = services.callers.carrier()
        refuse_idempotency_key(request)
        found = services.find.for_client(TransactionId(path.id), client.id)
        secret = services.secrets.read(body.pin, member="pin", transaction=found.id)
        return _answer(_entered(services.enter_pin(found, secret)))

    @door.post("/signatures/<id>/code", responses={200: SignatureOut}, summary="Carry the code")
    def code(path: SignaturePath, body: CodeIn) -> Response:
        """Sign.  A repeated right code gives the stored result."""
        client = services.callers.carrier()
        refuse_idempotency_key(request)
        found = services.find.for_client(TransactionId(path.id), client.id)
        secret = services.secrets.read(body.code, member="code", transaction=found.id)
        outcome = services.enter_code(found, Secret(body.handle), secret)
        return _answer(_signed(outcome))

    @door.post("/signatures/<id>/resend", responses={200: EnteredOut}, summary="Another code")
    def resend(path: SignaturePath, body: ResendIn) -> Response:
        """A new code, perhaps over another channel; the old one is dead."""
        client = services.callers.carrier()
        refuse_idempotency_key(request)
        found = services.find.for_client(TransactionId(path.id), client.id)
        return _answer(_entered(services.resend(found, Secret(body.handle), channel=body.channel)))

    @door.delete("/signatures/<id>", responses={204: _NOTHING}, summary="Cancel")
    def cancel(path: SignaturePath) -> Response:
        """End an open transaction."""
        client = services.callers.client(Role.RELYING_PARTY)
        found = services.find.for_client(TransactionId(path.id), client.id)
        services.end(found, TransactionState.CANCELLED)
        return make_response("", 204)

    @door.get("/certificates", responses={200: CertificatesOut}, summary="Certificate look-up")
    def certificates(query: PhoneQuery) -> Response:
        """Certificates of a phone number; the number of distinct phones an hour is limited."""
        client = services.callers.client(Role.RELYING_PARTY)
        return _answer(_certificates(services, client, query.phone))

    return door


def public_blueprint(secrets: SecretReader) -> APIBlueprint:
    """What needs no authentication: the keys PINs and codes are encrypted to."""
    door = APIBlueprint("keys", __name__, url_prefix="/api/v1", abp_tags=[_TAG])

    @door.get("/keys", responses={200: KeysOut}, summary="Encryption keys (JWK Set)")
    def keys() -> Response:
        """Keys for ``pin`` and ``code``, newest first; cache for an hour at most."""
        response = jsonify(secrets.jwks())
        response.headers["Cache-Control"] = "public, max-age=3600"
        return response

    return door


def _start(services: SignatureServices, client: Client, body: SignatureIn) -> Response:
    if not client.may_ask_for("signature"):
        raise NotPermittedError("this client may not ask for signatures")
    if len(body.items) > services.items_limit:
        raise InvalidRequestError(f"at most {services.items_limit} items", field="items")
    items = tuple(
        one.value(ordinal, services.document_limit) for ordinal, one in enumerate(body.items)
    )
    required = tuple(one.value() for one in body.required_attributes)
    for one in required:
        if not client.may_demand(one.provider, one.role):
            raise NotPermittedError(f"this client may not demand {one.provider}/{one.role}")
    if body.redirect_url is not None and not client.may_redirect_to(body.redirect_url):
        raise InvalidRequestError("not registered for this client", field="redirect_url")
    for found in items:
        services.rehearse(found, body.key_algorithm)
    lifetime = body.lifetime_seconds
    started = services.start(
        SigningRequest(
            client=client.id,
            relying_party=client.name,
            phone=_phone(services, body.citizen.phone, "citizen.phone"),
            items=items,
            required_attributes=required,
            key_algorithm=body.key_algorithm,
            locale=body.locale,
            callback_url=body.redirect_url,
            lifetime=timedelta(seconds=lifetime) if lifetime else services.lifetime,
        )
    )
    response = _answer(
        signature_out(started.transaction, services.page_url(started.page_token)), 201
    )
    response.headers["Location"] = f"/api/v1/signatures/{started.transaction.id}"
    return response


def _wait(
    services: SignatureServices, found: Transaction, client: Client, seconds: int
) -> Transaction:
    """Poll the row, not the network: the state changes in another process.

    When too many wait already the answer comes at once: signing needs the threads.
    """
    if not seconds or not services.waiting.acquire(blocking=False):
        return found
    try:
        state, rounds = found.state, int(seconds / _PAUSE_SECONDS)
        for _ in range(rounds):
            if found.state is not state or found.state.has_ended:
                break
            time.sleep(_PAUSE_SECONDS)
            found = services.find.for_client(found.id, client.id)
    finally:
        services.waiting.release()
    return found


def _item(found: Transaction, ordinal: int) -> Response:
    if ordinal >= len(found.items):
        raise NotFoundError
    one = found.items[ordinal]
    result, _ = result_of(one)
    if result is None:
        raise NotFoundError("not signed (yet)")
    response = make_response(result)
    response.mimetype = _TYPES[one.kind]
    response.headers["Cache-Control"] = "no-store"
    return response


def _certificates(services: SignatureServices, client: Client, phone: str) -> CertificatesOut:
    found = services.certificates(client.id, _phone(services, phone, "phone"))
    return CertificatesOut(
        certificates=[
            CertificateOut(
                credential=one.id,
                key_algorithm=one.algorithm,
                chain=[base64.b64encode(der).decode() for der in one.chain_der],
            )
            for one in found
        ]
    )


def _phone(services: SignatureServices, text: str, field: str) -> str:
    try:
        return services.normalise_phone(text)
    except InvalidRequestError as error:
        raise InvalidRequestError(error.detail, field=field) from error


def _entered(entered: Entered) -> EnteredOut:
    return EnteredOut(
        handle=entered.handle.reveal(),
        channel=entered.channel,
        destination=entered.destination,
        code_expires_at=entered.expires_at,
    )


def _signed(outcome: Outcome) -> SignatureOut:
    transaction = outcome.transaction
    items = zip(transaction.items, outcome.results, strict=True)
    finished = tuple(replace(item, result=result) for item, result in items)
    return signature_out(replace(transaction, items=finished))


def _answer(body: SignatureOut | EnteredOut | CertificatesOut, status: int = 200) -> Response:
    response = make_response(body.model_dump_json(exclude_none=False), status)
    response.mimetype = "application/json"
    response.headers["Cache-Control"] = "no-store"
    return response
