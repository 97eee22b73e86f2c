"""The Flask application: doors, documentation, health, one rendering per error."""

from typing import Final

import structlog
from flask import Flask, Response, g, jsonify, request
from flask_openapi3.models.info import Info
from flask_openapi3.openapi import OpenAPI
from pydantic import ValidationError
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.middleware.proxy_fix import ProxyFix

from api import __version__
from api.cmd.certificate import blueprint as certificate_blueprint
from api.cmd.views import blueprint as cmd_blueprint
from api.demo.views import approving as demo_approving
from api.demo.views import blueprint as demo_blueprint
from api.error_log import log_refusal, log_unexpected
from api.native import (
    approvals,
    documentation,
    extensions,
    officers,
    providers,
    receipts,
    signatures,
)
from api.native.caller import request_id
from api.native.errors import PROBLEM_JSON, problem
from api.operations.health import blueprint as health_blueprint
from api.operations.metrics import Metrics
from api.pki.views import blueprint as pki_blueprint
from api.unambiguous_json import UnambiguousJSONProvider
from api.web import accounts as account_pages
from api.web import approval as approval_pages
from api.web import enrolment as enrolment_pages
from api.web import signing as signing_pages
from api.wiring.cmd import cmd_door
from api.wiring.doors import (
    account_door,
    certificate_door,
    demo_door,
    enrolment_door,
    extension_door,
    health_door,
    officer_door,
    pki_door,
    provider_door,
    receipt_door,
    signing_page,
)
from api.wiring.services import Services
from signer.domain.errors import InvalidRequestError, SigningServiceError

_BODY_FACTOR: Final = 4 / 3
_SERVER_ERROR: Final = 500


def create_app(services: Services) -> Flask:
    """All doors over one set of services; touches neither token nor database."""
    settings = services.settings
    app = OpenAPI(
        "chancela",
        info=Info(
            title="Chancela native API",
            version=__version__,
            description="Remote qualified-style signatures. Problem details as RFC 9457.",
        ),
        security_schemes={
            "client": {
                "type": "http",
                "scheme": "basic",
                "description": "client_id and client_secret",
            }
        },
        doc_ui=False,
        static_folder=None,
        validation_error_status=400,
        validation_error_callback=_invalid,
    )
    limit = settings.document_maximum_megabytes * 1024 * 1024
    app.json = UnambiguousJSONProvider(app)
    app.config["MAX_CONTENT_LENGTH"] = int(limit * _BODY_FACTOR) + 1024 * 1024
    hops = settings.web_trusted_proxies
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]  # Flask's documented way
    metrics = Metrics()
    services.kit.install(app, secret_key=services.secret_key)
    app.register_api(signatures.blueprint(services.signature_door))
    app.register_api(signatures.public_blueprint(services.secret_reader))
    app.register_api(extensions.blueprint(extension_door(services)))
    app.register_api(officers.blueprint(officer_door(services)))
    app.register_api(providers.blueprint(provider_door(services)))
    app.register_blueprint(receipts.blueprint(receipt_door(services)))
    app.register_blueprint(signing_pages.blueprint(signing_page(services)))
    app.register_blueprint(enrolment_pages.blueprint(enrolment_door(services)))
    app.register_blueprint(account_pages.blueprint(account_door(services)))
    app.register_blueprint(pki_blueprint(pki_door(services)))
    app.register_api(approvals.blueprint(services.signing.answer))
    app.register_blueprint(approval_pages.blueprint(services.kit))
    app.register_blueprint(certificate_blueprint(certificate_door(services)))
    app.register_blueprint(cmd_blueprint(cmd_door(services)))
    app.register_blueprint(documentation.blueprint(services.kit, lambda: app.api_doc))
    app.register_blueprint(health_blueprint(health_door(services)))
    if not settings.is_production:
        demo = demo_door(services)
        app.register_blueprint(demo_blueprint(demo))
        app.register_blueprint(demo_approving(demo))
    _install_hooks(app, services, metrics)
    _install_errors(app)
    return app


def _install_hooks(app: Flask, services: Services, metrics: Metrics) -> None:
    @app.before_request
    def _begin() -> None:
        g.timer = metrics.timer()
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id())
        services.rates.check_address(request.remote_addr or "")

    @app.after_request
    def _end(response: Response) -> Response:
        response.headers["X-Request-Id"] = request_id()
        metrics.observe(request.endpoint or "unknown", response.status_code, g.get("timer"))
        return response


def _install_errors(app: Flask) -> None:
    @app.errorhandler(SigningServiceError)
    def _ours(error: SigningServiceError) -> Response:
        log_refusal(error)
        return problem(error, request_id())

    @app.errorhandler(RecursionError)
    def _nested(_error: RecursionError) -> Response:
        return problem(InvalidRequestError("nested too deeply", field="body"), request_id())

    @app.errorhandler(HTTPException)
    def _http(error: HTTPException) -> Response:
        status = error.code or _SERVER_ERROR
        response = _plain(status, f"http.{status}", error.name, error.description or error.name)
        if isinstance(error, MethodNotAllowed) and error.valid_methods:
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods))
        return response

    @app.errorhandler(Exception)
    def _unexpected(error: Exception) -> Response:
        # A process boundary: what nobody foresaw is logged with its trace and shown without it.
        log_unexpected(error)
        title = "The service made a mistake"
        return _plain(_SERVER_ERROR, "internal", title, title)


def _plain(status: int, code: str, title: str, detail: str) -> Response:
    body = {
        "type": "about:blank",
        "code": code,
        "title": title,
        "detail": detail,
        "status": status,
        "request_id": request_id(),
    }
    response = jsonify(body)
    response.status_code = status
    response.mimetype = PROBLEM_JSON
    return response


def _invalid(error: ValidationError) -> Response:
    """Name the first wrong member; the others follow in the text."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    first = _path(faults[0]["loc"])
    text = "; ".join(f"{_path(fault['loc'])}: {fault['msg']}" for fault in faults[:10])
    return problem(InvalidRequestError(text, field=first), request_id())


def _path(location: tuple[int | str, ...]) -> str:
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{step}"
    return path.removeprefix(".") or "body"
