"""Items of a transaction to rows and back; contents of several files share one column."""

import json
from base64 import b64decode, b64encode
from typing import Any

from signer.adapters.store.prepared import AnyRow
from signer.domain.signature_options import SignatureOptions, SignedFile
from signer.domain.transaction import ItemKind, Level, SigningItem
from signer.domain.values import DTBSR, Digest, DigestAlgorithm, TransactionId


def item_values(transaction: TransactionId, item: SigningItem) -> dict[str, object]:
    """The columns of a signing_item row."""
    contents = b"".join(one.content or b"" for one in item.files)
    return {
        "transaction_id": transaction,
        "ordinal": item.ordinal,
        "kind": item.kind.value,
        "level": item.level.value,
        "name": item.name,
        "digest_algorithm": item.digest.algorithm.value,
        "digest": item.digest.value,
        "document": contents if item.files else item.document,
        "files": _described(item.files) if item.files else None,
        "options": item.options.encoded() or None,
    }


def item_of(row: AnyRow) -> SigningItem:
    """A signing_item row."""
    kind = ItemKind(row.kind)
    digest_class = DTBSR if kind is ItemKind.RAW else Digest
    return SigningItem(
        ordinal=row.ordinal,
        kind=kind,
        name=row.name,
        digest=digest_class(DigestAlgorithm(row.digest_algorithm), row.digest),
        level=Level(row.level),
        document=None if row.files else row.document,
        files=_files(row.files, row.document) if row.files else (),
        options=SignatureOptions.decoded(row.options or b""),
        result=row.result,
    )


def _described(files: tuple[SignedFile, ...]) -> bytes:
    return json.dumps(
        [
            {
                "name": one.name,
                "media_type": one.media_type,
                "digest_algorithm": one.digest.algorithm.value,
                "digest": b64encode(one.digest.value).decode(),
                "size": None if one.content is None else len(one.content),
            }
            for one in files
        ],
        ensure_ascii=False,
    ).encode()


def _files(described: bytes, contents: bytes | None) -> tuple[SignedFile, ...]:
    made, offset = [], 0
    one: dict[str, Any]
    for one in json.loads(described):
        size = one["size"]
        # The contents are erased when the transaction ends; digests stay.
        content = None
        if size is not None and contents is not None:
            content = contents[offset : offset + size]
        offset += size or 0
        digest = Digest(DigestAlgorithm(one["digest_algorithm"]), b64decode(one["digest"]))
        made.append(
            SignedFile(
                name=one["name"], media_type=one["media_type"], digest=digest, content=content
            )
        )
    return tuple(made)
