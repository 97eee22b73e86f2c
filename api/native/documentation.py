"""``/docs``: the OpenAPI document and the same as one page, without script, from this server."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from flask import Blueprint, Response, jsonify

from api.native.errors import PROBLEM_JSON
from api.web.kit import PageKit

_FIRST_ERROR: Final = 400
_UNUSED: Final = "ValidationErrorModel"
_METHODS: Final = ("get", "post", "put", "patch", "delete")
Document = dict[str, Any]  # any: a JSON document


@dataclass(frozen=True, slots=True)
class Member:
    """One line of a schema's table."""

    name: str
    type: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One call."""

    anchor: str
    method: str
    path: str
    summary: str
    text: str
    parameters: tuple[Member, ...]
    body: str
    responses: tuple[tuple[str, str], ...]
    """Status, and the schema's name or empty."""


def blueprint(kit: PageKit, generated: Callable[[], Document]) -> Blueprint:
    """The addresses below ``/docs``; ``generated`` gives what the framework made of the code."""
    door = Blueprint("docs", __name__, url_prefix="/docs")
    document = cache(lambda: corrected(generated()))

    @door.get("/")
    def page() -> Response:
        told = document()
        schemas = {
            name: (schema.get("description", ""), tuple(_members(schema)))
            for name, schema in told["components"]["schemas"].items()
        }
        return kit.render(
            "docs.html",
            info=told["info"],
            operations=tuple(_operations(told)),
            schemas=schemas,
            schema_values={
                name: schema["enum"]
                for name, schema in told["components"]["schemas"].items()
                if "enum" in schema
            },
        )

    @door.get("/openapi.json")
    def openapi() -> Response:
        return jsonify(document())

    return kit.guard(door)


def corrected(generated: Document) -> Document:
    """Errors are problem details; the framework's own error model is never sent."""
    document = copy.deepcopy(generated)
    document["components"]["schemas"].pop(_UNUSED, None)
    for _path, _method, operation in _calls(document):
        for status, response in operation["responses"].items():
            content = response.get("content", {})
            if int(status) >= _FIRST_ERROR:
                problem = {"schema": {"$ref": "#/components/schemas/ProblemOut"}}
                response["content"] = {PROBLEM_JSON: problem}
            elif not content:
                response.pop("content", None)
    return document


def _calls(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield path, method, item[method]


def _operations(document: Document) -> Iterator[Operation]:
    for path, method, operation in _calls(document):
        body = operation.get("requestBody", {}).get("content", {})
        yield Operation(
            anchor=operation["operationId"],
            method=method.upper(),
            path=path,
            summary=operation.get("summary", ""),
            text=operation.get("description", ""),
            parameters=tuple(
                Member(
                    one["name"],
                    _type(one["schema"]),
                    bool(one.get("required")),
                    one.get("description", ""),
                )
                for one in operation.get("parameters", ())
            ),
            body=next((_type(one["schema"]) for one in body.values()), ""),
            responses=tuple(
                (status, next((_type(o["schema"]) for o in one.get("content", {}).values()), ""))
                for status, one in sorted(operation["responses"].items())
            ),
        )


def _members(schema: Document) -> Iterator[Member]:
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        yield Member(name, _type(member), name in required, member.get("description", ""))


def _type(schema: Document) -> str:
    """A schema in a few words: ``text, at most 200``, ``list of ItemIn``."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " or ".join(_type(one) for one in schema[key])
    if "enum" in schema:
        return " | ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    kind = str(schema.get("type", "any"))
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return ", ".join((str(schema.get("format", kind)), *_limits(schema)))


def _limits(schema: Document) -> Iterator[str]:
    for key, words in (
        ("minimum", "from"),
        ("maximum", "to"),
        ("minLength", "at least"),
        ("maxLength", "at most"),
    ):
        if key in schema:
            yield f"{words} {schema[key]}"
