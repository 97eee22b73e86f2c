"""``/pki``: a malformed OCSP or TSP body still gets its protocol's own error answer."""

import base64
import binascii
import hashlib
from http import HTTPStatus
from typing import Final

from cryptography import x509
from flask import Blueprint, Response, request

from api.pki.errors import plain, render
from api.pki.services import PKIServices
from certs.ocsp import MALFORMED_REQUEST, OCSPResponder
from signer.domain.errors import SigningServiceError

MAX_BODY: Final = 8 * 1024
"""Octets of an OCSP or TSP request; the largest legitimate ones are far below."""
_MAX_GET: Final = 1024
"""Characters of a request in a URL; RFC 6960, A.1, allows 255 octets, clients exceed it a bit."""
_DAY: Final = 86400
_TSP_QUERY: Final = "application/timestamp-query"
_TSP_REPLY: Final = "application/timestamp-reply"
_OCSP_REQUEST: Final = "application/ocsp-request"
_OCSP_RESPONSE: Final = "application/ocsp-response"


def blueprint(services: PKIServices) -> Blueprint:
    """The door at ``/pki``; no state but ``services``."""
    door = Blueprint("pki", __name__, url_prefix="/pki")
    door.register_error_handler(SigningServiceError, render)
    _publish(door, services)
    _answer_ocsp(door, services)

    @door.post("/tsa")
    def tsa() -> Response:
        refused = _refused(_TSP_QUERY)
        if refused is not None:
            return refused
        return _answer(services.unit.respond(request.get_data()), _TSP_REPLY)

    return door


def _publish(door: Blueprint, services: PKIServices) -> None:
    """Things that lie there to be fetched."""

    @door.get("/ca/<name>.<any(der, crt):form>")
    def certificate(name: str, form: str) -> Response:
        der = services.ca_ders.get(name)
        if der is None:
            return _nothing()
        kind = "application/pkix-cert" if form == "der" else "application/x-x509-ca-cert"
        return _kept(der, kind, _DAY)

    @door.get("/crl/<name>.crl")
    def crl(name: str) -> Response:
        source = services.crls.get(name)
        if source is None:
            return _nothing()
        der = source.current()
        ends = x509.load_der_x509_crl(der).next_update_utc
        answer = _kept(der, "application/pkix-crl", 60)
        answer.expires = ends
        return answer

    @door.get("/tl.xml")
    def trusted_list() -> Response:
        return _kept(services.trusted_list(), "application/vnd.etsi.tsl+xml", 3600)


def _answer_ocsp(door: Blueprint, services: PKIServices) -> None:
    """OCSP over HTTP (RFC 6960, appendix A)."""

    @door.post("/ocsp/<name>")
    def ocsp(name: str) -> Response:
        responder = services.responders.get(name)
        if responder is None:
            return _nothing()
        refused = _refused(_OCSP_REQUEST)
        if refused is not None:
            return refused
        return _ocsp(responder, request.get_data(), may_keep=False)

    @door.get("/ocsp/<name>/<path:encoded>")
    def ocsp_get(name: str, encoded: str) -> Response:
        responder = services.responders.get(name)
        if responder is None:
            return _nothing()
        if len(encoded) > _MAX_GET:
            return plain("The request is too long for GET", HTTPStatus.REQUEST_URI_TOO_LONG)
        try:
            der = base64.b64decode(encoded, validate=True)
        except (binascii.Error, ValueError):
            return _answer(MALFORMED_REQUEST, _OCSP_RESPONSE)
        return _ocsp(responder, der, may_keep=True)


def _refused(kind: str) -> Response | None:
    """The refusal of a POST that cannot be a request of this ``kind``, or None."""
    if request.mimetype != kind:
        return plain(f"Send {kind}", HTTPStatus.UNSUPPORTED_MEDIA_TYPE)
    if request.content_length is None:
        return plain("Send a Content-Length", HTTPStatus.LENGTH_REQUIRED)
    if request.content_length > MAX_BODY:
        return plain(
            f"Requests have at most {MAX_BODY} octets", HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        )
    return None


def _ocsp(responder: OCSPResponder, der: bytes, *, may_keep: bool) -> Response:
    body = responder.respond(der)
    answer = _answer(body, _OCSP_RESPONSE)
    if may_keep and not responder.has_nonce(der):
        answer.headers["Cache-Control"] = (
            f"max-age={int(responder.lifetime.total_seconds())}, public, no-transform"
        )
    return answer


def _kept(body: bytes, kind: str, seconds: int) -> Response:
    """A thing that changes rarely: caches may keep it and ask by its ETag."""
    answer = Response(body, mimetype=kind)
    answer.headers["Cache-Control"] = f"max-age={seconds}, public, no-transform"
    answer.set_etag(hashlib.sha256(body).hexdigest())
    return answer.make_conditional(request)  # type: ignore[return-value] # werkzeug's own class is wider


def _answer(body: bytes, kind: str) -> Response:
    answer = Response(body, mimetype=kind)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _nothing() -> Response:
    return plain("There is no such thing here", HTTPStatus.NOT_FOUND)
