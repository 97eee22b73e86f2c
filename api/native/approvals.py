"""Calls of citizens' devices: what am I asked, and my answer.  The device's key is the proof.

No client credentials and no cookies: a device proves itself with a signature in every call.
"""

import binascii
from base64 import b64decode, b64encode
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from flask import Response, jsonify, make_response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, ConfigDict, Field

from api.native.messages import ProblemOut
from signer.domain.approval import Decision, DeviceId, answer_message
from signer.domain.errors import InvalidRequestError
from signer.domain.values import TransactionId
from signer.operations.signing.approval import AnswerApproval, Question

_TAG: Final = Tag(name="approvals", description="Approval of signatures on citizens' devices")
_PROBLEMS: dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None] = dict.fromkeys(
    (400, 403, 410, 429, 503), ProblemOut
)

_Device = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{32}$",
        description="First 32 hex digits of the SHA-256 of the device's SubjectPublicKeyInfo",
    ),
]
_Signature = Annotated[
    str, Field(min_length=88, max_length=88, description="ECDSA-SHA256, r | s, base64")
]


class PresenceIn(BaseModel):
    """A device asks what is pending; ``proof`` signs ``chancela-device/1``, device, ``at``."""

    model_config = ConfigDict(extra="forbid")

    device: _Device
    at: Annotated[int, Field(ge=0, lt=1 << 40, description="Seconds since 1970, UTC")]
    proof: _Signature


class AnswerIn(BaseModel):
    """A device's decision; ``signature`` signs the ``to_sign`` of that decision."""

    model_config = ConfigDict(extra="forbid")

    device: _Device
    decision: Decision
    signature: _Signature


class TransactionPath(BaseModel):
    """The public id of a transaction."""

    transaction_id: Annotated[str, Field(max_length=64)]


class ToSignOut(BaseModel):
    """The bytes to sign for each decision, base64."""

    approve: str
    refuse: str


class QuestionOut(BaseModel):
    """What a person is asked to approve."""

    id: str
    relying_party: str
    documents: list[str]
    verification_code: str
    """Four digits, the same on the relying party's screen."""
    expires_at: str
    to_sign: ToSignOut


class PendingOut(BaseModel):
    """Newest first."""

    pending: list[QuestionOut]


class AnsweredOut(BaseModel):
    """The answer was kept."""

    id: str
    decision: Decision


def blueprint(answer: AnswerApproval) -> APIBlueprint:
    """The door at ``/api/v1/approvals``."""
    door = APIBlueprint(
        "approvals", __name__, url_prefix="/api/v1", abp_tags=[_TAG], abp_responses=_PROBLEMS
    )

    @door.post("/approvals", responses={200: PendingOut})
    def pending(body: PresenceIn) -> Response:
        """What the device's owner is asked to approve now."""
        at = datetime.fromtimestamp(body.at, UTC)
        found = answer.pending(DeviceId(body.device), at, _bytes(body.proof, "proof"))
        out = PendingOut(pending=[_question(one) for one in found])
        response = make_response(jsonify(out.model_dump()))
        response.headers["Cache-Control"] = "no-store"
        return response

    @door.post("/approvals/<transaction_id>", responses={200: AnsweredOut})
    def answered(path: TransactionPath, body: AnswerIn) -> Response:
        """Approve or refuse; the first answer is final, a refusal ends the transaction."""
        answer(
            TransactionId(path.transaction_id),
            DeviceId(body.device),
            body.decision,
            _bytes(body.signature, "signature"),
        )
        out = AnsweredOut(id=path.transaction_id, decision=body.decision)
        return make_response(jsonify(out.model_dump()))

    return door


def _question(question: Question) -> QuestionOut:
    transaction, bindings = question.transaction, question.bindings_sha256

    def to_sign(decision: Decision) -> str:
        return b64encode(answer_message(decision, transaction.id, bindings)).decode()

    return QuestionOut(
        id=transaction.id,
        relying_party=transaction.relying_party,
        documents=[item.name for item in transaction.items],
        verification_code=transaction.verification_code,
        expires_at=transaction.expires_at.isoformat().replace("+00:00", "Z"),
        to_sign=ToSignOut(approve=to_sign(Decision.APPROVE), refuse=to_sign(Decision.REFUSE)),
    )


def _bytes(text: str, field: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidRequestError("not base64", field=field) from error
