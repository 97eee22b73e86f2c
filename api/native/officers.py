"""Calls of registration officers: register, look, link, suspend, resume, close, change phone.

Answers that hold a link refuse ``Idempotency-Key``: such answers are never stored.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from flask import Response, make_response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel

from api.native.idempotent import refuse_idempotency_key
from api.native.messages import ProblemOut
from api.native.messages_citizens import (
    CheckedOut,
    CitizenOut,
    CitizenPath,
    CitizensOut,
    InvitedOut,
    PhoneIn,
    RegistrationIn,
    SearchQuery,
    citizen_out,
    invited_out,
)
from signer.domain.account import Account, AccountState
from signer.domain.client import Client, Role
from signer.domain.errors import InvalidRequestError, NotFoundError
from signer.domain.link import LinkKind
from signer.domain.values import SignerId
from signer.operations.accounts import ChangeAccount, NewLink, RegisterCitizen

_TAG = Tag(name="citizens", description="Registration of citizens by officers")
_PROBLEMS: dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None] = dict.fromkeys(
    (400, 401, 403, 404, 409, 429, 503), ProblemOut
)


class Callers(Protocol):
    """Authenticates the calling program."""

    def client(self, role: Role) -> Client:
        """The caller; raises ClientAuthenticationError, NotPermittedError, RateLimitedError."""
        ...

    def guard(self, door: APIBlueprint, role: Role) -> None:
        """Demand a caller in ``role`` before anything of a request is parsed."""
        ...


class AccountSearch(Protocol):
    """Finding accounts."""

    def by_id(self, signer: SignerId) -> Account | None:
        """By internal id."""
        ...

    def search(
        self, text: str = "", *, state: AccountState | None = None, offset: int = 0, limit: int = 50
    ) -> tuple[tuple[Account, ...], int]:
        """A page, and how many match in all."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OfficerServices:
    """What this door calls."""

    callers: Callers
    accounts: AccountSearch
    register: RegisterCitizen
    new_link: NewLink
    change: ChangeAccount


def blueprint(services: OfficerServices) -> APIBlueprint:
    """The door at ``/api/v1/citizens``, for clients with the role ``officer``."""
    door = APIBlueprint(
        "citizens",
        __name__,
        url_prefix="/api/v1",
        abp_tags=[_TAG],
        abp_security=[{"client": []}],
        abp_responses=_PROBLEMS,
    )
    services.callers.guard(door, Role.OFFICER)
    _add_registration(door, services)
    _add_life(door, services)
    return door


def _add_registration(door: APIBlueprint, services: OfficerServices) -> None:
    @door.post("/citizens", responses={201: InvitedOut}, summary="Register a citizen")
    def register(body: RegistrationIn) -> Response:
        """Identity data and phone only; the person gets a one-time link and sets the PINs."""
        officer = services.callers.client(Role.OFFICER)
        refuse_idempotency_key(request)
        with _members_named():
            done = services.register(body.registration(), officer=officer.id)
        response = _answer(invited_out(done.account, done.link, LinkKind.ENROLMENT), 201)
        response.headers["Location"] = f"/api/v1/citizens/{done.account.id}"
        return response

    @door.post("/citizens/check", responses={200: CheckedOut}, summary="Check without storing")
    def check(body: RegistrationIn) -> Response:
        """The same checks as registration, and nothing else."""
        services.callers.client(Role.OFFICER)
        with _members_named():
            services.register.check(body.registration())
        return _answer(CheckedOut())

    @door.get("/citizens", responses={200: CitizensOut}, summary="Search")
    def search(query: SearchQuery) -> Response:
        """A page of accounts, newest first."""
        services.callers.client(Role.OFFICER)
        found, total = services.accounts.search(
            query.text, state=query.state, offset=query.offset, limit=query.limit
        )
        return _answer(CitizensOut(citizens=[citizen_out(one) for one in found], total=total))

    @door.get("/citizens/<id>", responses={200: CitizenOut}, summary="One account")
    def look(path: CitizenPath) -> Response:
        """The account as it is now; closed ones too."""
        services.callers.client(Role.OFFICER)
        return _answer(citizen_out(_found(services, path)))

    @door.post("/citizens/<id>/link", responses={201: InvitedOut}, summary="New link")
    def link(path: CitizenPath) -> Response:
        """Before enrolment: the link again.  After it: the person was identified anew."""
        officer = services.callers.client(Role.OFFICER)
        refuse_idempotency_key(request)
        account = _found(services, path)
        made, address = services.new_link(account, officer=officer.id)
        return _answer(invited_out(account, address, made.kind), 201)


def _add_life(door: APIBlueprint, services: OfficerServices) -> None:
    @door.post("/citizens/<id>/suspend", responses={200: CitizenOut}, summary="Suspend")
    def suspend(path: CitizenPath) -> Response:
        """Pending signatures die at once; certificates are put on hold."""
        officer = services.callers.client(Role.OFFICER)
        return _answer(citizen_out(services.change.suspend(SignerId(path.id), actor=officer.id)))

    @door.post("/citizens/<id>/resume", responses={200: CitizenOut}, summary="Resume")
    def resume(path: CitizenPath) -> Response:
        """End a suspension; certificates are reinstated."""
        officer = services.callers.client(Role.OFFICER)
        return _answer(citizen_out(services.change.resume(SignerId(path.id), actor=officer.id)))

    @door.post("/citizens/<id>/close", responses={200: CitizenOut}, summary="Close for ever")
    def close(path: CitizenPath) -> Response:
        """Keys are destroyed, certificates revoked; phone and document are free again."""
        officer = services.callers.client(Role.OFFICER)
        return _answer(citizen_out(services.change.close(SignerId(path.id), actor=officer.id)))

    @door.post("/citizens/<id>/phone", responses={200: InvitedOut}, summary="Change the phone")
    def phone(path: CitizenPath, body: PhoneIn) -> Response:
        """After identification anew; the person confirms the new phone with the link."""
        officer = services.callers.client(Role.OFFICER)
        refuse_idempotency_key(request)
        signer = SignerId(path.id)
        account, address = services.change.change_phone(signer, body.phone, officer=officer.id)
        kind = LinkKind.ENROLMENT if account.state is AccountState.INVITED else LinkKind.PHONE
        return _answer(invited_out(account, address, kind))


@contextmanager
def _members_named() -> Iterator[None]:
    """Name the members of the JSON body: the document's are one level down."""
    try:
        yield
    except InvalidRequestError as error:
        fields = {
            name.replace("document_", "document."): text for name, text in error.fields.items()
        }
        raise InvalidRequestError(error.detail, fields=fields) from error


def _found(services: OfficerServices, path: CitizenPath) -> Account:
    account = services.accounts.by_id(SignerId(path.id))
    if account is None:
        raise NotFoundError
    return account


def _answer(body: BaseModel, status: int = 200) -> Response:
    response = make_response(body.model_dump_json(), status)
    response.mimetype = "application/json"
    response.headers["Cache-Control"] = "no-store"
    return response
