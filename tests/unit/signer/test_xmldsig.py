"""Canonical forms where an element stands, and what references lead to."""

import base64

import pytest
from lxml import etree

from signer.domain.errors import DocumentRefusedError
from signer.xmldsig import names
from signer.xmldsig.canonical import canonical
from signer.xmldsig.parsing import parse, with_identifier
from signer.xmldsig.references import octets, target_of
from signer.xmldsig.signature import XMLSignature, decoded, text_of

DS = f'xmlns:ds="{names.DS}"'
FILTER2 = f'xmlns:f="{names.FILTER2}"'


def _document(transforms="", uri="", other=""):
    """Signed content around a signature with one reference."""
    return parse(
        f'<?before it?><a:root xmlns:a="urn:a" Id="r"><!-- c --><a:x Id="x">one</a:x>'
        f'<ds:Signature {DS} Id="s"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="c"/>'
        f'<ds:SignatureMethod Algorithm="m"/><ds:Reference URI="{uri}">{transforms}'
        '<ds:DigestMethod Algorithm="d"/><ds:DigestValue>AA==</ds:DigestValue></ds:Reference>'
        "</ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue></ds:Signature>tail"
        f"{other}</a:root>".encode()
    )


def _octets(root, content=None):
    signature = XMLSignature.of(root.find(f".//{{{names.DS}}}Signature"))
    return octets(signature, signature.references[0], (content or {}).__getitem__)


def _transforms(*algorithms):
    listed = "".join(
        one if one.startswith("<") else f'<ds:Transform Algorithm="{one}"/>' for one in algorithms
    )
    return f"<ds:Transforms>{listed}</ds:Transforms>"


def _filter(expression, kind="subtract", space=FILTER2):
    return (
        f'<ds:Transform Algorithm="{names.FILTER2}">'
        f'<f:XPath {space} Filter="{kind}">{expression}</f:XPath></ds:Transform>'
    )


def _xpath(expression):
    return (
        f'<ds:Transform Algorithm="{names.XPATH}"><ds:XPath>{expression}</ds:XPath></ds:Transform>'
    )


LEFT = b'<?before it?>\n<a:root xmlns:a="urn:a" Id="r"><a:x Id="x">one</a:x>tail</a:root>'


@pytest.mark.parametrize(
    "transforms",
    [
        pytest.param(_transforms(names.ENVELOPED, names.EXCLUSIVE), id="enveloped"),
        pytest.param(_transforms(names.ENVELOPED), id="no canonicalisation"),
        pytest.param(
            _transforms(names.ENVELOPED, names.EXCLUSIVE_WITH_COMMENTS), id="comments, but whole"
        ),
        pytest.param(
            _transforms(_xpath("not(ancestor-or-self::ds:Signature)"), names.EXCLUSIVE), id="XPath"
        ),
        pytest.param(
            _transforms(_filter("/descendant::ds:Signature"), names.EXCLUSIVE), id="filter"
        ),
        pytest.param(_transforms(_filter("/*/ds:Signature"), names.EXCLUSIVE), id="filter at top"),
    ],
)
def test_what_is_around_a_signature_is_digested_without_it(transforms):
    assert _octets(_document(transforms)) == LEFT


def test_filters_differ_in_which_signatures_they_leave_out():
    other = f"<a:y><ds:Signature {DS}/></a:y>"
    left = {
        name: _octets(_document(_transforms(one, names.EXCLUSIVE), other=other))
        for name, one in {
            "own": names.ENVELOPED,
            "all": _filter("/descendant::ds:Signature"),
            "top": _filter("/*/ds:Signature"),
        }.items()
    }
    assert left["all"].endswith(b"<a:y></a:y></a:root>")
    assert left["own"] == left["top"]
    assert left["own"].count(b"ds:Signature") == 2


@pytest.mark.parametrize(
    "transforms",
    [
        pytest.param(_transforms("http://www.w3.org/TR/1999/REC-xslt-19991116"), id="XSLT"),
        pytest.param(_transforms(_xpath("self::a:x")), id="other XPath"),
        pytest.param(_transforms(_filter("/descendant::ds:Signature", "union")), id="union"),
        pytest.param(_transforms(_filter("/descendant::a:x")), id="other filter"),
        pytest.param(
            _transforms(_filter("/descendant::ds:Signature", space=f'{FILTER2} xmlns:ds="urn:x"')),
            id="prefix of something else",
        ),
        pytest.param(_transforms(*[names.EXCLUSIVE] * 6), id="too many"),
        pytest.param(_transforms(names.BASE64), id="not base64"),
        pytest.param(_transforms(names.EXCLUSIVE, names.ENVELOPED), id="enveloped after octets"),
    ],
)
def test_other_transforms_are_refused(transforms):
    with pytest.raises(DocumentRefusedError):
        _octets(_document(transforms))


@pytest.mark.parametrize("uri", ["#none", "#xpointer(//*)", "#", "#xpointer(id('none'))"])
def test_a_reference_to_nothing_is_refused(uri):
    with pytest.raises(DocumentRefusedError):
        _octets(_document(uri=uri))


@pytest.mark.parametrize("uri", ["#x", "#xpointer(id('x'))"])
def test_a_reference_leads_to_one_element(uri):
    root = _document(_transforms(names.EXCLUSIVE), uri)
    assert _octets(root) == b'<a:x xmlns:a="urn:a" Id="x">one</a:x>'
    signature = XMLSignature.of(root[2])
    assert target_of(signature, signature.references[0]) is root[1]


def test_comments_are_kept_only_where_a_pointer_asks():
    with_comments = _transforms(names.EXCLUSIVE_WITH_COMMENTS)
    assert b"<!-- c -->" not in _octets(_document(with_comments, "#r"))
    assert b"<!-- c -->" in _octets(_document(with_comments, "#xpointer(id('r'))"))
    assert b"<!-- c -->" in _octets(_document(with_comments, "#xpointer(/)"))


def test_other_content_is_asked_for_by_its_decoded_name():
    content = {"a b/ç.txt": b"<x><!-- c --><y/></x>"}
    assert _octets(_document(uri="a%20b/%C3%A7.txt"), content) == content["a b/ç.txt"]
    parsed = _octets(_document(_transforms(names.INCLUSIVE), "a%20b/%C3%A7.txt"), content)
    assert parsed == b"<x><y></y></x>"
    encoded = {"b64": base64.b64encode(b"decoded")}
    assert _octets(_document(_transforms(names.BASE64), "b64"), encoded) == b"decoded"


def test_an_element_brings_its_context_into_inclusive_forms_only():
    root = parse(
        b'<r xmlns="urn:r" xmlns:u="urn:u" xml:lang="pt" xml:id="i">'
        b'<p:a xmlns:p="urn:p">t</p:a></r>'
    )
    assert canonical(root[0]) == b'<p:a xmlns:p="urn:p">t</p:a>'
    inclusive = b'<p:a xmlns="urn:r" xmlns:p="urn:p" xmlns:u="urn:u"%s xml:lang="pt">t</p:a>'
    assert canonical(root[0], names.INCLUSIVE) == inclusive % b' xml:id="i"'
    assert canonical(root[0], names.INCLUSIVE_11) == inclusive % b""
    assert canonical(root[0], names.EXCLUSIVE, inclusive_prefixes=("u",)) == (
        b'<p:a xmlns:p="urn:p" xmlns:u="urn:u">t</p:a>'
    )
    with pytest.raises(DocumentRefusedError):
        canonical(root, "urn:unknown")


def test_text_with_a_comment_is_not_read_as_shorter_text():
    root = etree.fromstring(b"<a><b>QUJD<!-- -->REVG</b><c>QUJD\n REVG</c><d>?</d></a>")
    for element in (root[0], root[2]):
        with pytest.raises(DocumentRefusedError):
            decoded(element)
    with pytest.raises(DocumentRefusedError):
        text_of(root[0])
    assert decoded(root[1]) == b"ABCDEF"


def test_an_identifier_is_found_once_or_not_at_all():
    root = etree.fromstring(b'<a Id="1"><b ID="1"/><c id="2"/><d xmlns:w="urn:w" w:Id="3"/></a>')
    assert with_identifier(root, "2").tag == "c"
    assert with_identifier(root, "3").tag == "d"
    for value in ("1", "4"):
        with pytest.raises(DocumentRefusedError):
            with_identifier(root, value)


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda one: one.append(etree.Element("x")), id="unknown part"),
        pytest.param(lambda one: one.remove(one[0]), id="no SignedInfo"),
        pytest.param(lambda one: one.append(etree.fromstring(etree.tostring(one[0]))), id="twice"),
        pytest.param(lambda one: one.insert(0, one[1]), id="other order"),
        pytest.param(lambda one: one[0].remove(one[0][2]), id="no reference"),
        pytest.param(lambda one: one[0].append(etree.Element("x")), id="unknown in SignedInfo"),
        pytest.param(lambda one: one[0][0].append(etree.Element("x")), id="parameters"),
    ],
)
def test_a_signature_with_other_parts_is_refused(spoil):
    root = _document()
    XMLSignature.of(root[2])
    spoil(root[2])
    with pytest.raises(DocumentRefusedError):
        XMLSignature.of(root[2])
    with pytest.raises(DocumentRefusedError):
        XMLSignature.of(root)


@pytest.mark.parametrize(
    ("listed", "refused"),
    [
        pytest.param([("", names.ENVELOPED)] * 4, False, id="few copies"),
        pytest.param([("", names.ENVELOPED)] * 5, True, id="many copies"),
        pytest.param([("", names.XPATH)] * 5, True, id="many filters"),
        pytest.param([("#x", names.EXCLUSIVE)] * 50, False, id="some inside"),
        pytest.param([("#x", names.EXCLUSIVE)] * 51, True, id="many inside"),
        pytest.param([("file", names.EXCLUSIVE)] * 1000, False, id="many files"),
        pytest.param([("file", names.EXCLUSIVE)] * 1001, True, id="too many files"),
    ],
)
def test_a_signature_that_costs_much_more_than_it_is_long_is_refused(listed, refused):
    root = _document()
    info = root[2][0]
    info.remove(info[2])
    for uri, algorithm in listed:
        written = f'<ds:Reference {DS} URI="{uri}">{_transforms(algorithm)}</ds:Reference>'
        info.append(etree.fromstring(written))
    if not refused:
        assert len(XMLSignature.of(root[2]).references) == len(listed)
        return
    with pytest.raises(DocumentRefusedError):
        XMLSignature.of(root[2])
