"""Words for people: complete in both languages, and the form of code messages."""

import re
import string
from datetime import UTC, datetime

import pytest

from signer.operations.outgoing import CodePurpose, LinkPurpose, Notice
from signer.texts import LOCALES, Texts


@pytest.fixture(scope="module")
def texts():
    return Texts()


def placeholders(text):
    return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)


def test_every_language_has_every_text(texts):
    first = set(texts.get(LOCALES[0]).messages)
    for locale in LOCALES[1:]:
        assert set(texts.get(locale).messages) == first


def test_placeholders_are_equal_and_plain_names(texts):
    for msgid, portuguese in texts.get("pt").messages.items():
        english = texts.get("en").messages[msgid]
        assert placeholders(english) == placeholders(portuguese), msgid
        assert all(re.fullmatch(r"[a-z_]+", name) for name in placeholders(portuguese)), msgid


@pytest.mark.parametrize("kind", [*CodePurpose, *LinkPurpose, *Notice])
@pytest.mark.parametrize("locale", LOCALES)
def test_every_kind_of_message_has_its_text(texts, locale, kind):
    assert kind.value in texts.get(locale).messages


@pytest.mark.parametrize("locale", LOCALES)
def test_code_texts_have_no_link_and_carry_the_code_once(texts, locale):
    for purpose in CodePurpose:
        text = texts.get(locale).messages[purpose]
        assert placeholders(text).count("code") == 1
        assert "link" not in placeholders(text)
        assert "://" not in text


def test_an_unknown_language_is_portuguese(texts):
    assert texts.get("fr").locale == "pt"
    assert texts.get("en-GB").locale == "en"
    assert texts.get("pt_BR").locale == "pt"


def test_the_version_names_language_and_content(texts):
    assert re.fullmatch(r"pt-[0-9a-f]{12}", texts.text_version("pt"))
    assert texts.text_version("pt")[3:] != texts.text_version("en")[3:]
    assert Texts().text_version("pt") == texts.text_version("pt")


def test_moments_are_in_the_countrys_time(texts):
    summer = datetime(2026, 7, 1, 11, 5, tzinfo=UTC)
    assert texts.get("pt").moment(summer) == "01/07/2026 12:05"
    assert texts.get("en").moment(summer) == "1 Jul 2026 12:05"
