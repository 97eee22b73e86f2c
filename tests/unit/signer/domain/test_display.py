"""Names of others in our texts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.domain.display import joined, masked_email, shown


@pytest.mark.parametrize(
    ("given_name", "line"),
    [
        pytest.param("contrato.pdf", "contrato.pdf", id="file"),
        pytest.param("Notário Exemplo, S.A.", "Notário Exemplo, S.A.", id="company"),
        pytest.param("acta v1.2 final.docx", "acta v1.2 final.docx", id="version"),
        pytest.param("a\r\nCódigo 1", "a Código 1", id="lines"),
        pytest.param("a\u202efdp.exe", "afdp. exe", id="bidi override"),
        pytest.param("a\u200bb\x00c", "ab c", id="invisible"),
        pytest.param('x" a pedido de Banco. Fim', "x' a pedido de Banco. Fim", id="quote"),
        pytest.param("x\u201d y \u00bb", "x' y '", id="other quotes"),
        pytest.param("\uff02x\uff0f", "'x/", id="wide forms"),
        pytest.param("https://www.banco.pt/a", "https banco. pt/a", id="link"),
        pytest.param("banco.pt", "banco. pt", id="domain"),
        pytest.param("banco.pt.pdf", "banco. pt.pdf", id="domain before suffix"),
        pytest.param("contrato.pdf.pt/x", "contrato. pdf. pt/x", id="suffix before domain"),
        pytest.param("", "", id="empty"),
        pytest.param("n" * 44, "n" * 44, id="as long as may be"),
        pytest.param("n" * 45, "n" * 41 + "...", id="too long"),
    ],
)
def test_a_name_becomes_one_harmless_line(given_name, line):
    assert shown(given_name) == line


@given(st.text(max_size=200))
def test_any_name_is_printable_short_and_without_quotes_or_links(name):
    line = shown(name)
    assert len(line) <= 44
    assert line.isprintable()
    assert '"' not in line
    assert "://" not in line


@pytest.mark.parametrize(
    ("names", "line"),
    [
        pytest.param(["a.pdf", "b.pdf"], "a.pdf, b.pdf", id="two"),
        pytest.param(["a" * 30, "b" * 30], "a" * 30 + ", " + "b" * 9 + "...", id="cut"),
        pytest.param(["", "b.pdf", "\n"], "b.pdf", id="empty ones"),
        pytest.param([], "", id="none"),
    ],
)
def test_several_names_are_joined_and_cut_as_clients_do(names, line):
    assert joined(names) == line
    assert len(line) <= 44


def test_an_address_is_recognisable_only_by_its_owner():
    assert masked_email("ana.silva@example.pt") == "a•••@example.pt"


def test_ordinals_stay_as_programs_show_them():
    assert shown("Ata n\u00ba 3, 2\u00aa via.pdf") == "Ata n\u00ba 3, 2\u00aa via.pdf"
    assert shown("\uff21\u00ba") == "A\u00ba"
