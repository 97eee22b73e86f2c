"""The demo's sample documents, made here: no file of anybody else's."""

from collections.abc import Sequence

_TEXT = (
    "CONTRATO DE DEMONSTRAÇÃO",
    "",
    "Entre as partes acorda-se que este documento não tem qualquer valor",
    "e serve apenas para mostrar uma assinatura eletrónica avançada.",
    "",
    "Lisboa, hoje.",
)
CONTENT = (
    "Procuração de demonstração.\nEste ficheiro é assinado à parte (CAdES), por quem o emite.\n"
).encode()


XML = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<pedido xmlns="urn:exemplo:pedido" id="p1"><assunto>Certidão de demonstração</assunto>'
    "</pedido>\n"
).encode()
JSON = b'{"fatura": "D-1", "total": "12.30", "moeda": "EUR"}\n'


_PAGE = (
    b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
    b" /Resources << /Font << /F1 5 0 R >> >> >>"
)


def sample_pdf(lines: Sequence[str] = _TEXT, *, filler: int = 0) -> bytes:
    """A one-page PDF 1.7 with a standard font; ``filler`` bytes of ballast for measurements."""
    text = "".join(
        f"BT /F1 {16 if not row else 11} Tf 72 {760 - 22 * row} Td ({_literal(line)}) Tj ET\n"
        for row, line in enumerate(lines)
    ).encode("cp1252")
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (pt-PT) >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        _PAGE,
        _stream(text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    if filler:
        bodies.append(_stream(bytes(range(256)) * (filler // 256 + 1)))
    return _file(bodies)


def _literal(line: str) -> str:
    return line.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def _stream(content: bytes) -> bytes:
    return b"<< /Length %d >>\nstream\n%b\nendstream" % (len(content), content)


def _file(bodies: Sequence[bytes]) -> bytes:
    written = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(bodies, start=1):
        offsets.append(len(written))
        written += b"%d 0 obj\n%b\nendobj\n" % (number, body)
    start = len(written)
    written += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    for offset in offsets:
        written += b"%010d 00000 n \n" % offset
    identifier = b"<" + b"c4a2ce1a" * 4 + b">"
    written += b"trailer\n<< /Size %d /Root 1 0 R /ID [%b %b] >>\n" % (
        len(bodies) + 1,
        identifier,
        identifier,
    )
    written += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(written)
