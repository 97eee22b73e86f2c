"""Rows of signing items: several files and options come back as they went in."""

from types import SimpleNamespace

import pytest

from signer.adapters.store.signing_items import item_of, item_values
from signer.adapters.store.tables.activation import signing_item
from signer.domain.signature_options import PLAIN, Packaging, SignatureOptions, SignedFile
from signer.domain.transaction import ItemKind, Level, SigningItem, files_digest
from signer.domain.values import Digest, DigestAlgorithm, TransactionId

SHA256 = DigestAlgorithm.SHA256


def _file(name, content, *, given=True):
    return SignedFile(
        name=name,
        media_type="text/plain",
        digest=Digest.of(SHA256, content),
        content=content if given else None,
    )


FILES = (_file("a.txt", b"first"), _file("vazio.txt", b""), _file("ç.txt", b"x", given=False))


@pytest.fixture
def item():
    return SigningItem(
        ordinal=3,
        kind=ItemKind.ASIC_E,
        name="processo",
        digest=files_digest(SHA256, FILES),
        level=Level.B_LTA,
        files=FILES,
        options=SignatureOptions(packaging=Packaging.DETACHED, parallel=True),
    )


def _stored(item):
    values = item_values(TransactionId("t"), item)
    assert values.keys() <= {column.name for column in signing_item.columns}
    return SimpleNamespace(**values, result=None)


def test_an_item_of_several_files_comes_back(item):
    assert item_of(_stored(item)) == item


def test_erased_contents_leave_names_and_digests(item):
    row = _stored(item)
    row.document = None
    kept = item_of(row)
    assert [one.content for one in kept.files] == [None, None, None]
    assert [one.digest for one in kept.files] == [one.digest for one in FILES]


def test_a_plain_item_stores_no_options():
    plain = SigningItem(
        ordinal=0, kind=ItemKind.CADES, name="x", digest=Digest.of(SHA256, b"d"), document=b"d"
    )
    row = _stored(plain)
    assert (row.options, row.files, row.document) == (None, None, b"d")
    assert item_of(row) == plain
    assert item_of(row).options is not None
    assert item_of(row).options == PLAIN


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(FILES[::-1], id="order"),
        pytest.param(FILES[:2], id="fewer"),
        pytest.param((_file("b.txt", b"first"), *FILES[1:]), id="name"),
        pytest.param((_file("a.txt", b"other"), *FILES[1:]), id="content"),
    ],
)
def test_one_digest_stands_for_exactly_these_files(other):
    assert files_digest(SHA256, FILES) != files_digest(SHA256, other)
