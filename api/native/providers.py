"""Calls about professional attributes: what bodies maintain, what relying parties may demand."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response, make_response, request
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models import RawModel
from flask_openapi3.models.tag import Tag
from pydantic import BaseModel
from werkzeug.exceptions import UnsupportedMediaType

from api.native.caller import CSV, Callers
from api.native.idempotent import Idempotent
from api.native.messages import ProblemOut
from api.native.messages_providers import (
    AttributePath,
    ChangeOut,
    EntriesIn,
    ImportOut,
    ImportQuery,
    PageQuery,
    ProviderPath,
    ProvidersOut,
    StatementsOut,
    WithdrawQuery,
    change_out,
    file_refused,
    import_out,
    provider_out,
    statement_out,
)
from signer.operations.providers import (
    ImportAttributes,
    ListProviders,
    UpsertAttributes,
    WithdrawAttribute,
)

_TAG = Tag(name="providers", description="Professional bodies and their attributes")
_PROBLEMS: dict[str | int | HTTPStatus, type[BaseModel] | dict[Any, Any] | None] = dict.fromkeys(
    (400, 401, 403, 404, 409, 415, 422, 429, 503), ProblemOut
)


class CSVBody(RawModel):
    """A CSV file as ``signer.operations.attribute_csv`` describes it."""

    mimetypes: list[str] = [CSV]  # noqa: RUF012 - pydantic copies it


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderServices:
    """What this door calls."""

    callers: Callers
    idempotent: Idempotent
    upsert: UpsertAttributes
    take_file: ImportAttributes
    withdraw: WithdrawAttribute
    providers: ListProviders


def blueprint(services: ProviderServices) -> APIBlueprint:
    """The door at ``/api/v1/providers``.

    Attributes are for clients with policy ``may_maintain_attributes`` for that body; the list of
    bodies is for every client.
    """
    door = APIBlueprint(
        "providers",
        __name__,
        url_prefix="/api/v1",
        abp_tags=[_TAG],
        abp_security=[{"client": []}],
        abp_responses=_PROBLEMS,
    )
    services.callers.guard(door, None, takes_csv=True)

    @door.get("/providers", responses={200: ProvidersOut}, summary="Professional bodies and roles")
    def providers() -> Response:
        """What ``required_attributes`` of a signature may name."""
        found = services.providers.all()
        return _answer(ProvidersOut(providers=[provider_out(*one) for one in found]))

    @door.get(
        "/providers/<provider>/attributes",
        responses={200: StatementsOut},
        summary="Living attributes of a body",
    )
    def attributes(path: ProviderPath, query: PageQuery) -> Response:
        """A page, by id."""
        services.callers.maintainer(path.provider)
        found = services.providers.attributes(path.provider, after=query.after, limit=query.limit)
        following = found[-1][1].id if len(found) == query.limit else None
        page = [statement_out(holder, one) for holder, one in found]
        return _answer(StatementsOut(attributes=page, next=following))

    @door.post(
        "/providers/<provider>/attributes",
        responses={200: ChangeOut},
        summary="Add or renew attributes",
    )
    def upsert(path: ProviderPath, body: EntriesIn) -> Response:
        """Up to 1,000 statements, all or nothing; a repetition changes nothing."""
        client = services.callers.maintainer(path.provider)
        entries = [one.value(ordinal) for ordinal, one in enumerate(body.attributes)]

        def act() -> Response:
            change = services.upsert(path.provider, entries, actor=client.id)
            return _answer(change_out(change))

        return services.idempotent.run(client, act)

    @door.post(
        "/providers/<provider>/attributes/import",
        responses={200: ImportOut},
        summary="Take a CSV file",
    )
    def take_file(path: ProviderPath, query: ImportQuery, raw: CSVBody) -> Response:
        """The whole file, or nothing of it; a dry run answers 200 with its problems."""
        client = services.callers.maintainer(path.provider)
        if request.mimetype != CSV:
            raise UnsupportedMediaType("send text/csv")
        content = raw.get_data()
        report = services.take_file(path.provider, content, actor=client.id, dry_run=query.dry_run)
        if report.problems and not report.dry_run:
            raise file_refused(report.problems)
        return _answer(import_out(report))

    @door.delete(
        "/providers/<provider>/attributes/<id>",
        responses={204: {"description": "Withdrawn"}},
        summary="Withdraw an attribute now",
    )
    def withdraw(path: AttributePath, query: WithdrawQuery) -> Response:
        """Effective at once: also signatures that wait for their code are refused."""
        client = services.callers.maintainer(path.provider)
        services.withdraw(path.provider, path.id, reason=query.reason, actor=client.id)
        return make_response("", 204)

    return door


def _answer(body: BaseModel) -> Response:
    response = make_response(body.model_dump_json())
    response.mimetype = "application/json"
    response.headers["Cache-Control"] = "no-store"
    return response
