"""The page kit: headers, language, CSRF, errors that name their field."""

import re
from html.parser import HTMLParser

import pytest
from flask import Blueprint, Flask

from api.web.errors import PAGES, page_of
from api.web.kit import PageKit
from signer.domain import errors
from signer.texts import Texts


def leaves(root: type) -> set[type]:
    found = set()
    for child in root.__subclasses__():
        found |= leaves(child) or {child}
    return found


@pytest.fixture
def client():
    kit = PageKit(Texts(), demo=True, secure_cookies=False)
    app = Flask(__name__)
    kit.install(app, secret_key="key of this test")
    door = Blueprint("door", __name__, url_prefix="/door")

    @door.route("/", methods=["GET", "POST"])
    def page():
        return kit.render("error.html", message="fine", errors={"pin": "<b>wrong</b>"})

    @door.get("/mistake")
    def mistake():
        raise ZeroDivisionError

    @door.get("/wait")
    def wait():
        raise errors.RateLimitedError(retry_after=7)

    app.register_blueprint(kit.guard(door))
    return app.test_client()


def test_every_error_has_a_page_and_a_text_in_both_languages():
    ours = {
        kind for kind in leaves(errors.SigningServiceError) if kind.__module__ == errors.__name__
    }
    assert ours <= set(PAGES)
    for locale in ("pt", "en"):
        for error in PAGES:
            assert Texts().get(locale).format(page_of(error())[1], seconds=3)


def test_pages_load_nothing_from_elsewhere_and_run_no_foreign_script(client):
    answer = client.get("/door/")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert re.search(r"script-src 'nonce-[\w-]{16,}'", policy)
    assert policy != client.get("/door/").headers["Content-Security-Policy"]
    assert not re.findall(rb'(?:src|href)="(?:https?:)?//', answer.data)
    with client.get("/assets/chancela.css") as style:
        assert style.status_code == 200
        assert b"http" not in style.data


@pytest.mark.parametrize(
    ("query", "header", "language"),
    [
        pytest.param("", "", "pt", id="Portuguese first"),
        pytest.param("", "en-GB,en;q=0.9", "en", id="the browser's"),
        pytest.param("?lang=pt", "en", "pt", id="asked for"),
        pytest.param("?lang=xx", "en", "en", id="unknown language"),
    ],
)
def test_the_language_is_the_one_asked_for(client, query, header, language):
    answer = client.get(f"/door/{query}", headers={"Accept-Language": header} if header else {})
    assert f'<html lang="{language}">' in answer.text


def test_the_language_is_remembered(client):
    client.get("/door/?lang=en")
    assert '<html lang="en">' in client.get("/door/").text


def test_a_post_without_csrf_token_is_refused(client):
    assert client.post("/door/").status_code == 400


def test_texts_are_escaped_and_point_at_their_field(client):
    page = client.get("/door/").text
    assert "&lt;b&gt;wrong&lt;/b&gt;" in page
    assert 'href="#pin"' in page
    assert "DEMONSTRAÇÃO" in page


def test_errors_say_when_to_come_back(client):
    answer = client.get("/door/wait?lang=en")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "7"
    assert "Wait 7 seconds" in answer.text


def test_a_mistake_of_ours_is_a_page_without_its_trace(client):
    answer = client.get("/door/mistake?lang=en")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert "ZeroDivision" not in answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_pages_are_well_formed(client):
    class Balance(HTMLParser):
        void = ("meta", "link", "input", "img", "br")

        def __init__(self):
            super().__init__()
            self.stack = []

        def handle_starttag(self, tag, _attrs):
            if tag not in self.void:
                self.stack.append(tag)

        def handle_endtag(self, tag):
            assert self.stack.pop() == tag

    parser = Balance()
    parser.feed(client.get("/door/").text)
    assert parser.stack == []
