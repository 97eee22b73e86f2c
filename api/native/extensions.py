"""The call that raises the level of a signature made before, here or elsewhere."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any, Literal

from flask import Response, make_response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel, Field

from api.native.caller import Callers
from api.native.messages import ProblemOut
from api.native.messages_items import MAX_FILES, FileIn
from api.native.messages_options import DIGESTS, Chosen, DigestName, base64_of
from signer.domain.client import Role
from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import SignedFile
from signer.domain.transaction import Level
from signer.operations.extension import Extended

_TAG = Tag(name="extensions", description="Signatures made before, at a higher level")
_PROBLEMS: dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None] = dict.fromkeys(
    (400, 401, 403, 422, 429, 503), ProblemOut
)


class ExtensionIn(Chosen):
    """A signed file and the level it shall have."""

    document: str
    """Base64: signed PDF, CMS (DER), XML, JWS or ASiC container."""
    level: Literal[Level.B_T, Level.B_LT, Level.B_LTA]
    """At B-LTA already: archived once more."""
    digest_algorithm: DigestName = "SHA-256"
    """Of the digests in ``files``."""
    files: Annotated[tuple[FileIn, ...], Field(max_length=MAX_FILES)] = ()
    """Contents, or their digests, that the document does not hold."""


class ExtensionOut(BaseModel):
    """The same file at its new level."""

    kind: str
    """``pdf``, ``cms``, ``xml``, ``jws`` or ``container``."""
    document: str
    """Base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtensionServices:
    """What this door calls."""

    callers: Callers
    extend: Callable[[bytes, Level, tuple[SignedFile, ...]], Extended]
    document_limit: int


def blueprint(services: ExtensionServices) -> APIBlueprint:
    """The door at ``/api/v1/extensions``, for relying parties."""
    door = APIBlueprint(
        "extensions",
        __name__,
        url_prefix="/api/v1",
        abp_tags=[_TAG],
        abp_security=[{"client": []}],
        abp_responses=_PROBLEMS,
    )
    services.callers.guard(door, Role.RELYING_PARTY)

    @door.post(
        "/extensions",
        responses={200: ExtensionOut},
        summary="Raise a signature to B-T, B-LT or B-LTA",
    )
    def extend(body: ExtensionIn) -> Response:
        """Verifies first: broken, revoked and untrusted signatures are refused (422).

        A time-stamp or status that cannot be had now is a 503; nothing is kept, ask again.
        """
        document = _document(body.document, services.document_limit)
        extended = services.extend(document, Level(body.level), _files(body, services))
        answer = ExtensionOut(
            kind=extended.kind.value, document=base64.b64encode(extended.content).decode()
        )
        response = make_response(answer.model_dump_json())
        response.mimetype = "application/json"
        response.headers["Cache-Control"] = "no-store"
        return response

    return door


def _document(text: str, limit: int) -> bytes:
    if len(text) > (limit + 2) // 3 * 4 + 4:
        raise InvalidRequestError(f"at most {limit} bytes", field="document")
    document = base64_of(text, "document")
    if not document or len(document) > limit:
        raise InvalidRequestError(f"1 to {limit} bytes", field="document")
    return document


def _files(body: ExtensionIn, services: ExtensionServices) -> tuple[SignedFile, ...]:
    algorithm = DIGESTS[body.digest_algorithm]
    return tuple(
        one.value(
            algorithm,
            f"files[{number}]",
            services.document_limit,
            whole=one.document is not None,
        )
        for number, one in enumerate(body.files)
    )
