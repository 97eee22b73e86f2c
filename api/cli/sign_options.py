"""Options of ``chancela sign`` that say what the signature says, as the API takes them."""

import base64
import hashlib
import mimetypes
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import click

from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import CommitmentType, ContainerSignature, Corner, Packaging
from signer.domain.signature_options import Serialisation as Serialisations

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_NAMES: Final = (
    "packaging",
    "commitment",
    "policy",
    "policy_file",
    "policy_url",
    "city",
    "country",
    "roles",
    "content_timestamp",
    "pss",
    "container",
    "serialisation",
    "parallel",
    "field_name",
    "certify",
    "reason",
    "location",
    "seal",
    "seal_page",
    "logo",
)
_PLAIN: Final = (
    "packaging",
    "commitment",
    "content_timestamp",
    "pss",
    "container",
    "serialisation",
    "parallel",
)
"""Named alike in the API."""
_OPTIONS: Final = (
    click.option("--packaging", type=click.Choice([str(one) for one in Packaging])),
    click.option(
        "--commitment",
        type=click.Choice([str(one) for one in CommitmentType]),
        help="What the signer commits to.",
    ),
    click.option("--policy", metavar="OID", help="Signature policy; with --policy-file."),
    click.option("--policy-file", type=_FILE, help="The policy document, to be digested here."),
    click.option("--policy-url", help="Where the policy document is."),
    click.option("--city", help="Where the signer says to sign."),
    click.option("--country", metavar="CC", help="Two letters, e.g. PT."),
    click.option("--role", "roles", multiple=True, help="A role the signer claims; repeatable."),
    click.option("--content-timestamp", is_flag=True, help="Time-stamp the content first."),
    click.option("--pss", is_flag=True, help="RSASSA-PSS: XAdES, JAdES, ASiC with XAdES."),
    click.option(
        "--container",
        type=click.Choice([str(one) for one in ContainerSignature]),
        help="Signature inside an ASiC container.",
    ),
    click.option(
        "--serialisation", type=click.Choice([str(one) for one in Serialisations]), help="JAdES."
    ),
    click.option("--parallel", is_flag=True, help="Add a signature to a file that has some."),
    click.option("--field", "field_name", metavar="NAME", help="PDF: signature field."),
    click.option(
        "--certify",
        type=click.Choice(["no-changes", "forms", "forms-and-comments"]),
        help="PDF: certify, and say what may change afterwards.",
    ),
    click.option("--reason", help="PDF: why."),
    click.option("--location", help="PDF: where."),
    click.option("--seal", type=click.Choice([str(one) for one in Corner]), help="PDF: visible."),
    click.option("--seal-page", type=click.IntRange(min=-1), help="From 1; default: the last."),
    click.option("--logo", type=_FILE, help="PNG or JPEG inside the seal."),
)


def signature_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; ``command`` gets them as ``options``, a JSON object, None when unused."""

    @wraps(command)
    def collected(*args: Any, **named: Any) -> None:  # noqa: ANN401 - click's own
        given = {name: named.pop(name) for name in _NAMES}
        command(*args, **named, options=_as_json(given))

    for option in reversed(_OPTIONS):
        collected = option(collected)
    return collected


def _as_json(given: dict[str, Any]) -> dict[str, Any] | None:
    options: dict[str, Any] = {name: given[name] for name in _PLAIN if given[name]}
    if given["policy"]:
        options["policy"] = _policy(given)
    if given["city"] or given["country"]:
        options["place"] = {k: given[k] for k in ("city", "country") if given[k]}
    if given["roles"]:
        options["claimed_roles"] = list(given["roles"])
    pdf = {
        name: given[key]
        for name, key in (
            ("field_name", "field_name"),
            ("certification", "certify"),
            ("reason", "reason"),
            ("location", "location"),
        )
        if given[key]
    }
    if given["seal"]:
        pdf["seal"] = _seal(given)
    if pdf:
        options["pdf"] = pdf
    return options or None


def _policy(given: dict[str, Any]) -> dict[str, str]:
    if given["policy_file"] is None:
        raise InvalidRequestError("--policy needs --policy-file", field="policy-file")
    digest = hashlib.sha256(given["policy_file"].read_bytes()).digest()
    policy = {"oid": given["policy"], "digest": base64.b64encode(digest).decode()}
    return policy | ({"url": given["policy_url"]} if given["policy_url"] else {})


def _seal(given: dict[str, Any]) -> dict[str, Any]:
    seal: dict[str, Any] = {"corner": given["seal"]}
    if given["seal_page"] is not None:
        seal["page"] = given["seal_page"]
    if given["logo"] is not None:
        seal["logo"] = base64.b64encode(given["logo"].read_bytes()).decode()
    return seal


def media_type(file: Path) -> str:
    """By the file's name; unknown ones are bytes."""
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"
