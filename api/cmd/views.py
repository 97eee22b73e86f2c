"""The two SOAP services over HTTP: who calls, how much, and what they describe of themselves."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, request
from flask.blueprints import BlueprintSetupState
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.routing import BaseConverter

from api.cmd import messages, wcf
from api.cmd.calls import MULTIPLE, Answer, Call, Calls
from api.cmd.description import Service, description
from api.cmd.envelope import SERVICE, FaultCode, FaultError, Member, parse_request
from api.cmd.needs import Applications, Archive, Exchange
from api.error_log import log_refusal, log_unexpected
from signer.domain.cmd_application import BasicRule, CMDApplication
from signer.domain.errors import (
    ClientAuthenticationError,
    RetryLaterError,
    SigningServiceError,
    UnavailableError,
)
from signer.domain.values import Secret
from signer.ports import Clock
from signer.texts import Catalogue

MAX_BODY: Final = 1024 * 1024
"""Ample for 100 hashes with long names."""
_XML: Final = "text/xml; charset=utf-8"
_REALM: Final = 'Basic realm="Ama.Authentication.Frontend", charset="UTF-8"'


@dataclass(frozen=True, slots=True, kw_only=True)
class CMDServices:
    """What this door calls."""

    calls: Calls
    applications: Applications
    archive: Archive
    vouched: Callable[[CMDApplication, str, str], bool]
    """Whether the application proved itself from this address for this phone just now."""
    words: Catalogue
    clock: Clock


class UnprovenError(Exception):
    """HTTP Basic is missing or wrong: answered with a challenge."""


class _Folder(BaseConverter):
    """Servers of this contract ignore letter case in paths, and clients rely on it."""

    regex = r"(?i:ama\.authentication\.frontend)"


class _ServiceName(BaseConverter):
    regex = "|".join(rf"(?i:{one.value}\.svc)" for one in Service)

    def to_python(self, value: str) -> Service:
        """The service behind a file name in any letter case."""
        return next(one for one in Service if value.lower() == f"{one.value}.svc".lower())


def blueprint(services: CMDServices) -> Blueprint:
    """The door at ``/Ama.Authentication.Frontend``."""
    door = Blueprint("cmd", __name__)

    @door.record_once
    def _converters(state: BlueprintSetupState) -> None:
        state.app.url_map.converters.update(cmd_folder=_Folder, cmd_service=_ServiceName)

    path = "/<cmd_folder:folder>/<cmd_service:service>"

    @door.get(path)
    def describe(folder: str, service: Service) -> Response:
        del folder
        found = description(service, request.args, request.base_url)
        if found is None:
            return Response(f"{service.value}: ?wsdl, ?singleWsdl\n", mimetype="text/plain")
        return Response(found, content_type=_XML)

    @door.post(path)
    def call(folder: str, service: Service) -> Response:
        del folder
        request.max_content_length = MAX_BODY
        return _answer(services, service)

    _install_errors(door, services.words)
    return door


def _answer(services: CMDServices, service: Service) -> Response:
    proven = _proven(services.applications)
    if proven is None and service is Service.SCMD:
        raise UnprovenError  # before the body is looked at
    envelope = request.get_data(cache=False)
    if len(envelope) >= MAX_BODY:  # a chunked body is cut there
        raise RequestEntityTooLarge
    body = parse_request(envelope)
    _demand_known(body)
    call = Call(
        operation=body.name,
        body=body,
        application=_named(services.applications, body, proven),
        legacy=service is Service.LEGACY,
        authenticated=proven is not None,
        address=request.remote_addr or "",
    )
    if proven is None and not _may_go_without(services, call):
        raise UnprovenError
    answer = services.calls(call)
    _keep(services, service, call, envelope, answer)
    return Response(answer.envelope, content_type=_XML)


def _proven(applications: Applications) -> CMDApplication | None:
    """The application whose Basic came; None without any.  Raises UnprovenError."""
    header = request.headers.get("Authorization")
    if header is None:
        return None
    scheme, _, value = header.partition(" ")
    try:
        user, colon, password = (
            base64.b64decode(value.strip(), validate=True).decode().partition(":")
        )
    except (binascii.Error, ValueError):
        raise UnprovenError from None
    if scheme.lower() != "basic" or not colon:
        raise UnprovenError
    try:
        return applications.authenticate(user, Secret(password))
    except ClientAuthenticationError as error:
        log_refusal(error)
        raise UnprovenError from error


def _named(
    applications: Applications, body: Member, proven: CMDApplication | None
) -> CMDApplication | None:
    """The application of the body; Basic of another one makes it unknown."""
    contract = body.child("request")
    given = body.value("applicationId") or (contract.value("ApplicationId") if contract else None)
    wanted = messages.application_id(given)
    if wanted is None:
        return None
    if proven is not None:
        return proven if proven.application_id == wanted else None
    return applications.find(wanted)


def _may_go_without(services: CMDServices, call: Call) -> bool:
    """By the application's rule; one that is unknown is treated as by the default rule."""
    if call.application is None:
        return False
    if call.application.basic is BasicRule.OFF:
        return True
    if call.application.basic is BasicRule.REQUIRED or call.operation not in MULTIPLE:
        return False
    try:
        reader = services.calls.clear
        (text,) = reader.read(("UserId", call.request.value("UserId")))
        phone = reader.phone("UserId", text)
    except messages.MemberError:
        return False
    return services.vouched(call.application, phone, call.address)


def _demand_known(body: Member) -> None:
    """Dispatch is on the body; a SOAPAction that says something else is refused."""
    if body.namespace != SERVICE or not Calls.knows(body.name):
        raise FaultError(FaultCode.ACTION_NOT_SUPPORTED, "cmd.fault.operation")
    action = request.headers.get("SOAPAction", "").strip().strip('"')
    if action and action.rstrip("/").rpartition("/")[2] != body.name:
        raise FaultError(FaultCode.ACTION_NOT_SUPPORTED, "cmd.fault.operation")


def _keep(
    services: CMDServices, service: Service, call: Call, envelope: bytes, answer: Answer
) -> None:
    services.archive.keep(
        Exchange(
            service=service.value,
            operation=call.operation,
            application=call.application.client.id if call.application else None,
            transaction=answer.transaction,
            request=envelope,
            response=answer.envelope,
            at=services.clock.now(),
        )
    )


def _install_errors(door: Blueprint, words: Catalogue) -> None:
    def fault(code: FaultCode, text: str, status: int = 500) -> Response:
        body = wcf.fault_answer(code, words.format(text), words.locale)
        return Response(body, status, content_type=_XML)

    @door.errorhandler(UnprovenError)
    def _unproven(_error: UnprovenError) -> Response:
        answer = Response("", 401, mimetype="text/plain")
        answer.headers["WWW-Authenticate"] = _REALM
        return answer

    @door.errorhandler(FaultError)
    def _fault(error: FaultError) -> Response:
        return fault(error.code, error.text, error.status)

    @door.errorhandler(SigningServiceError)
    def _ours(error: SigningServiceError) -> Response:
        log_refusal(error)
        status = 503 if isinstance(error, UnavailableError) else 429
        if not isinstance(error, RetryLaterError):
            return fault(FaultCode.INTERNAL, "cmd.fault.internal")
        answer = fault(FaultCode.INTERNAL, "cmd.fault.internal", status)
        answer.headers["Retry-After"] = str(error.retry_after)
        return answer

    @door.errorhandler(RecursionError)
    def _nested(_error: RecursionError) -> Response:
        return fault(FaultCode.CLIENT, "cmd.fault.envelope")

    @door.errorhandler(RequestEntityTooLarge)
    def _large(_error: RequestEntityTooLarge) -> Response:
        return fault(FaultCode.CLIENT, "cmd.fault.size", 413)

    @door.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        return fault(FaultCode.CLIENT, "cmd.fault.envelope", error.code or 500)

    @door.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        log_unexpected(error)
        return fault(FaultCode.INTERNAL, "cmd.fault.internal")
