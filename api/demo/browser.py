"""Plays programs and people against the application in this process, over its own doors."""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Flask
from werkzeug.test import TestResponse

from api.client.carrying import encrypted
from signer.adapters.channels.demo_outbox import DemoOutbox
from signer.domain.errors import ConfigurationError

_CSRF: Final = re.compile(r'name="csrf_token" value="([^"]+)"')
_LINK: Final = re.compile(r"https?://\S+/account/\S+")


@dataclass(frozen=True, slots=True)
class Program:
    """A registered client calling the native API."""

    app: Flask
    client_id: str
    client_secret: str

    def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,  # any: a JSON document
    ) -> dict[str, Any]:  # any: a JSON document
        """Call and read JSON; raises ConfigurationError for anything but 2xx."""
        response = self.send(method, path, body)
        answer = response.get_json()
        return answer if isinstance(answer, dict) else {}

    def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,  # any: a JSON document
    ) -> TestResponse:
        """Call; raises ConfigurationError for anything but 2xx."""
        response = self.app.test_client().open(
            path, method=method, json=body, auth=(self.client_id, self.client_secret)
        )
        _demand_success(response, f"{method} {path}")
        return response

    def encrypted(self, **members: str) -> str:
        """Compact JWE of ``members`` to the key that the service names first."""
        published = self.app.test_client().get("/api/v1/keys").get_json()["keys"]
        return encrypted(members, published[0])


class Person:
    """A citizen with a browser and a phone."""

    def __init__(
        self, app: Flask, outbox: DemoOutbox, phone: str, post_office: Callable[[], object]
    ) -> None:
        self._browser = app.test_client()
        self._outbox = outbox
        self._phone = phone
        self.path = "/"
        self._post_office = post_office

    def link(self) -> str:
        """Path of the newest one-time link that came by message."""
        self._post_office()
        for message in self._outbox.read(to=self._phone):
            found = _LINK.search(message.get("text") or "")
            if found:
                return "/" + found.group(0).split("/", 3)[3].rstrip(".")
        raise ConfigurationError(f"no link arrived at {self._phone}")

    def code(self) -> str:
        """The newest code that came by message."""
        self._post_office()
        for message in self._outbox.read(to=self._phone):
            if message.get("code"):
                return str(message["code"])
        raise ConfigurationError(f"no code arrived at {self._phone}")

    def open(self, path: str) -> str:
        """Get a page, following redirections; gives its HTML."""
        response = self._browser.get(path, follow_redirects=True)
        _demand_success(response, f"GET {path}")
        self.path = response.request.path
        return response.get_data(as_text=True)

    def submit(self, page: str, action: str = "", **fields: str) -> str:
        """Post the form of ``page`` (its token included), following redirections."""
        token = _CSRF.search(page)
        if token is None:
            raise ConfigurationError(f"{self.path} shows no form")
        target = action or self.path
        response = self._browser.post(
            target,
            data={"csrf_token": html.unescape(token.group(1)), **fields},
            headers={"Referer": f"http://localhost{self.path}"},
            follow_redirects=True,
        )
        _demand_success(response, f"POST {target}")
        self.path = response.request.path
        return response.get_data(as_text=True)


def _demand_success(response: TestResponse, what: str) -> None:
    if response.status_code >= 400:  # noqa: PLR2004 - HTTP's own line
        raise ConfigurationError(
            f"{what}: {response.status_code} {response.get_data(as_text=True)}"
        )
