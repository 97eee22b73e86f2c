"""SMS through any provider's HTTP interface, described by a template."""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import quote, urlencode

from signer.adapters.channels.gsm7 import to_gsm7
from signer.adapters.http import HTTPAnswer, HTTPCaller, HTTPCallError
from signer.domain.errors import (
    ChannelUnavailableError,
    ConfigurationError,
    InvalidRequestError,
)
from signer.domain.values import Secret
from signer.ports import Message

_PLACEHOLDER: Final = re.compile(r"\{(to|digits|text|id|sender)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SMSGateway:
    """One provider's interface.

    Values in ``body`` and ``url`` may hold ``{to}`` (E.164), ``{digits}`` (the same without +),
    ``{text}``, ``{id}`` (our message id, for the provider's de-duplication) and ``{sender}``.
    """

    url: str
    method: str = "POST"
    body: Mapping[str, str] = field(default_factory=dict)
    """Members of the JSON object or fields of the form; empty for none."""
    as_json: bool = True
    headers: Mapping[str, str] = field(default_factory=dict)
    sender: str = ""
    username: str = ""
    """With ``password``: HTTP Basic; without user name the password is a bearer token."""
    password: Secret | None = None
    success: str = r'"status"\s*:\s*"(?:ok|accepted|queued|sent)"'
    """Searched in the answer of a 2xx; no match means not accepted."""
    receipt: str = r'"id"\s*:\s*"?([A-Za-z0-9._:-]{1,100})'
    """Group 1 is the provider's id for the message; no match gives an empty receipt."""
    refused: str = ""
    """Searched in any answer: this phone never works.  Empty: status 400, 410, 422 mean that."""
    gsm7: bool = True
    """Write without the accents a plain SMS lacks, so that a code fits 160 characters."""
    timeout_seconds: float = 10.0
    plain_allowed: bool = False
    """Allow http; only for a gateway on the same host."""


class HTTPSMSChannel:
    """``Channel`` over one gateway.  Redirects are failures: a code goes nowhere else."""

    def __init__(
        self, gateway: SMSGateway, *, name: str = "sms", caller: HTTPCaller | None = None
    ) -> None:
        """Raises ConfigurationError when a pattern or placeholder is wrong."""
        self.name = name
        self._gateway = gateway
        self._caller = caller or HTTPCaller(
            timeout_seconds=gateway.timeout_seconds, plain_allowed=gateway.plain_allowed
        )
        self._success = _pattern(gateway.success)
        self._receipt = _pattern(gateway.receipt)
        self._refused = _pattern(gateway.refused) if gateway.refused else None
        templates = (gateway.url, *gateway.body.values())
        for template in templates:
            if "{" in _PLACEHOLDER.sub("", template):
                raise ConfigurationError(
                    "SMS gateway: a template may hold {to} {digits} {text} {id} {sender} only"
                )
        if not any("{text}" in template for template in templates):
            raise ConfigurationError("SMS gateway: no template holds {text}")

    def deliver(self, message: Message) -> str:
        """Send; gives the provider's id.

        Raises ChannelUnavailableError (also when nobody knows whether it was accepted) and
        InvalidRequestError when the provider says this phone never works.
        """
        gateway = self._gateway
        text = message.text.reveal()
        values = {
            "to": message.to,
            "digits": message.to.removeprefix("+"),
            "text": to_gsm7(text) if gateway.gsm7 else text,
            "id": message.id,
            "sender": gateway.sender,
        }
        url = _filled(gateway.url, {name: quote(value, safe="") for name, value in values.items()})
        content, media_type = self._content(values)
        headers = {**self._headers(), **({"Content-Type": media_type} if content else {})}
        try:
            answer = self._caller.call(gateway.method, url, headers, content)
        except HTTPCallError as error:
            raise ChannelUnavailableError(f"SMS gateway: {error}") from error
        return self._judged(answer)

    def _judged(self, answer: HTTPAnswer) -> str:
        text = answer.content.decode(errors="replace")
        never = (
            self._refused.search(text) is not None
            if self._refused
            else answer.status in {400, 410, 422}
        )
        if never:
            raise InvalidRequestError("the SMS gateway refuses this number", field="phone")
        if answer.status // 100 != 2 or self._success.search(text) is None:  # noqa: PLR2004 - 2xx
            raise ChannelUnavailableError(f"SMS gateway: not accepted (HTTP {answer.status})")
        found = self._receipt.search(text)
        return found.group(1) if found else ""

    def _content(self, values: Mapping[str, str]) -> tuple[bytes, str]:
        filled = {name: _filled(value, values) for name, value in self._gateway.body.items()}
        if not filled:
            return b"", ""
        if self._gateway.as_json:
            return json.dumps(filled, ensure_ascii=False).encode(), "application/json"
        return urlencode(filled).encode(), "application/x-www-form-urlencoded"

    def _headers(self) -> Mapping[str, str]:
        gateway = self._gateway
        if gateway.password is None:
            return MappingProxyType({"Accept": "*/*", **gateway.headers})
        if gateway.username:
            pair = f"{gateway.username}:{gateway.password.reveal()}".encode()
            authorization = f"Basic {base64.b64encode(pair).decode()}"
        else:
            authorization = f"Bearer {gateway.password.reveal()}"
        return {"Accept": "*/*", **gateway.headers, "Authorization": authorization}


def _filled(template: str, values: Mapping[str, str]) -> str:
    # One pass: a placeholder inside a value is text.
    return _PLACEHOLDER.sub(lambda found: values[found.group(1)], template)


def _pattern(expression: str) -> re.Pattern[str]:
    try:
        return re.compile(expression)
    except re.error as error:
        raise ConfigurationError(f"SMS gateway: not a pattern: {error}") from error
