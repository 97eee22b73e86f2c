"""Reads PDFs nobody vouches for and appends empty signature fields, in a process with limits.

Started as a plain script by :mod:`signer.formats.pdf_process`: no product code, settings, keys or
sessions are in this process.  Input and output are frames on the standard streams: four bytes
header length, JSON header, then ``size`` bytes.
"""

import io
import json
import logging
import resource
import sys
from datetime import datetime
from typing import BinaryIO, Final

from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfError
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers.cms_embedder import PdfCMSEmbedder, SigIOSetup, SigObjSetup
from pyhanko.sign.signers.pdf_byterange import SignatureObject

_TAIL: Final = 64
_NO_CHANGES: Final = 1


class RefusedError(Exception):
    """The cause, for people."""


def append_signature_field(
    document: bytes, field_name: str, room: int, signing_time: datetime
) -> tuple[bytes, int, int]:
    """The appended bytes and where in them the digits of /Contents are (end exclusive).

    ``room`` is in bytes; two digits are kept for each.
    """
    _check_frame(document)
    stream = io.BytesIO(document)
    reader = PdfFileReader(stream, strict=True)
    if reader.encrypted:
        raise RefusedError("the PDF is encrypted")
    _check_catalogue(reader)
    writer = IncrementalPdfFileWriter(stream, prev=reader)
    embedding = PdfCMSEmbedder().write_cms(field_name, writer)
    next(embedding)
    placeholder = SignatureObject(
        timestamp=signing_time, subfilter=SigSeedSubFilter.PADES, bytes_reserved=2 * room
    )
    embedding.send(SigObjSetup(sig_placeholder=placeholder))
    prepared, output = embedding.send(SigIOSetup(md_algorithm="sha256", in_place=True))
    signed = output.getvalue()
    if not signed.startswith(document):
        raise RefusedError("the PDF cannot be extended without changing it")
    size = len(document)
    return (
        signed[size:],
        prepared.reserved_region_start + 1 - size,
        prepared.reserved_region_end - 1 - size,
    )


def _check_frame(document: bytes) -> None:
    """What every reader must agree on before anything is parsed."""
    if not document.startswith((b"%PDF-1.", b"%PDF-2.")):
        raise RefusedError("the file does not begin as a PDF")
    if not document[-_TAIL:].rstrip(b"\r\n \t\x00").endswith(b"%%EOF"):
        raise RefusedError("there are bytes after the end of the PDF, or its end is missing")
    if b"/XRefStm" in document:
        raise RefusedError("the PDF has hybrid cross-references, which readers see differently")


def _check_catalogue(reader: PdfFileReader) -> None:
    root = reader.root
    # Indexing follows references to other objects, ``get`` does not.
    if "/AcroForm" in root and "/XFA" in root["/AcroForm"]:
        raise RefusedError("the PDF is an XFA form, whose content is not fixed")
    if "/Perms" not in root or "/DocMDP" not in root["/Perms"]:
        return
    certification = root["/Perms"]["/DocMDP"]
    if "/Reference" not in certification:
        return
    references = certification["/Reference"]
    for position in range(len(references)):
        reference = references[position]
        if reference["/TransformMethod"] != "/DocMDP" or "/TransformParams" not in reference:
            continue
        parameters = reference["/TransformParams"]
        if "/P" in parameters and int(parameters["/P"]) == _NO_CHANGES:
            raise RefusedError("a certification signature forbids every change of the PDF")


def answer(request: dict[str, str], document: bytes) -> tuple[dict[str, str | int], bytes]:
    """Header and bytes of the answer; a refusal names its cause."""
    try:
        appended, start, end = append_signature_field(
            document,
            request["field_name"],
            int(request["room"]),
            datetime.fromisoformat(request["signing_time"]),
        )
    except RefusedError as refusal:
        return {"refused": str(refusal)}, b""
    except RecursionError:
        return {"refused": "the PDF is nested too deeply"}, b""
    except (MemoryError, PdfDecodeLimitError):
        return {"refused": "the PDF unpacks to more than is allowed"}, b""
    except PdfError as error:
        return {"refused": f"the PDF is broken: {str(error)[:200]}"}, b""
    except Exception as error:  # noqa: BLE001 - process boundary: hostile input may raise anything
        return {"refused": f"the PDF is broken ({type(error).__name__})"}, b""
    return {"start": start, "end": end}, appended


def _limit(memory: int) -> None:
    for kind, limit in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, 16),
    ):
        resource.setrlimit(kind, (limit, limit))


def _limit_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    until = int(used.ru_utime + used.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))


def read_frame(source: BinaryIO) -> tuple[dict[str, str], bytes] | None:
    """Header and bytes, or None at the end of the stream."""
    length = source.read(4)
    if len(length) < 4:  # noqa: PLR2004 - the four bytes read in the line before
        return None
    header = json.loads(source.read(int.from_bytes(length, "big")))
    return header, source.read(int(header["size"]))


def write_frame(sink: BinaryIO, header: dict[str, str | int], content: bytes) -> None:
    """Inverse of :func:`read_frame`."""
    encoded = json.dumps({**header, "size": len(content)}).encode()
    sink.write(len(encoded).to_bytes(4, "big") + encoded)
    sink.write(content)
    sink.flush()


def main(memory: int, cpu_seconds: int) -> None:
    """Serve frames until the input ends; ``memory`` in bytes of address space."""
    logging.disable(logging.CRITICAL)
    _limit(memory)
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        _limit_cpu(cpu_seconds)
        header, content = answer(*frame)
        write_frame(sys.stdout.buffer, header, content)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
