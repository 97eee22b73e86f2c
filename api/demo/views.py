"""``/demo``: links and the outbox, for people and for scripts."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Response, jsonify, redirect, request, send_file

from api.web.kit import PageKit
from signer.adapters.channels.demo_outbox import DemoOutbox
from signer.domain.errors import NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoDoor:
    """What these pages show."""

    kit: PageKit
    outbox: DemoOutbox
    description: Path
    """demo.json, where it exists."""
    normalise_phone: Callable[[str], str]


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
