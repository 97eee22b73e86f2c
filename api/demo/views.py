"""``/demo``: links and the outbox, for people and for scripts."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from flask import Blueprint, Response, jsonify, redirect, request, send_file

from api.web.kit import PageKit
from signer.adapters.channels.demo_outbox import DemoOutbox
from signer.domain.approval import Decision
from signer.domain.errors import NotFoundError
from signer.domain.values import TransactionId


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDoor:
    """What these pages show."""

    kit: PageKit
    outbox: DemoOutbox
    description: Path
    """demo.json, where it exists."""
    normalise_phone: Callable[[str], str]
    approve: Callable[[TransactionId, Decision], None]
    """Answers with the citizen's demo device."""


def approving(demo: DemoDoor) -> Blueprint:
    """``POST /demo/approve/<public id>``: for scripts, so without a form's token."""
    door = Blueprint("demo-approve", __name__)

    @door.post("/demo/approve/<uuid:transaction>")
    def approve(transaction: UUID) -> Response:
        refuse = request.args.get("decision") == Decision.REFUSE.value
        decision = Decision.REFUSE if refuse else Decision.APPROVE
        demo.approve(TransactionId(str(transaction)), decision)
        return jsonify({"id": str(transaction), "decision": decision.value})

    return door


def blueprint(demo: DemoDoor) -> Blueprint:
    """The pages at ``/demo`` and the welcome at ``/``."""
    door = demo.kit.guard(Blueprint("demo", __name__))

    @door.get("/")
    def welcome() -> Response:
        response = redirect("/demo")
        return Response(response.get_data(), 302, response.headers)

    @door.get("/demo")
    def start() -> Response:
        facts = json.loads(demo.description.read_text()) if demo.description.exists() else {}
        return demo.kit.render("demo.html", facts=facts)

    @door.get("/demo/outbox")
    def outbox() -> Response:
        return demo.kit.render("demo_outbox.html", messages=demo.outbox.read(to=_to()))

    @door.get("/demo/outbox.json")
    def outbox_json() -> Response:
        return jsonify(demo.outbox.read(to=_to()))

    @door.get("/demo/files/<name>")
    def file(name: str) -> Response:
        path = demo.description.parent / name
        if not path.is_file() or path.parent != demo.description.parent or path.suffix == ".json":
            raise NotFoundError
        return send_file(path)

    return door


def _to() -> str | None:
    return request.args.get("to") or None
