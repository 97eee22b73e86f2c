"""The few of pyHanko's objects that are made here, with the types it leaves out."""

from typing import Any

from pyhanko.pdf_utils import generic

PdfObject = Any
"""A dictionary, array or number as pyHanko reads it; its classes say nothing of their contents."""


def dictionary(entries: dict[str, PdfObject]) -> generic.DictionaryObject:
    """A dictionary; keys with their slash."""
    named = {generic.NameObject(key): value for key, value in entries.items()}
    return generic.DictionaryObject(named)  # type: ignore[no-untyped-call]  # pyHanko left it out


def numbers(*values: float) -> generic.ArrayObject:
    """An array of numbers, to a thousandth."""
    return generic.ArrayObject(
        generic.FloatObject(round(value, 3))  # type: ignore[no-untyped-call]  # pyHanko left it out
        for value in values
    )


def packed_stream(entries: dict[str, PdfObject], content: bytes) -> generic.StreamObject:
    """A stream, deflated."""
    stream = generic.StreamObject(dictionary(entries), stream_data=content)
    stream.compress()  # type: ignore[no-untyped-call]  # pyHanko left it out
    return stream


def entry(holder: PdfObject, key: str) -> PdfObject:
    """The value behind ``key``, references followed (``get`` does not), or None."""
    return holder[key] if key in holder else None  # noqa: SIM401 - see above
