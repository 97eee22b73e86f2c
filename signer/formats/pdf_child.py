"""A process with limits in which PDFs are read that nobody vouches for.

Started by :mod:`signer.formats.pdf_process`: of the product only the modules ``pdf_*`` are loaded,
no settings, keys or sessions are in this process.  Input and output are frames on the standard
streams: four bytes header length, JSON header, then parts of the ``sizes`` the header names.
"""

import json
import logging
import resource
import sys
from collections.abc import Callable, Sequence
from typing import Any, BinaryIO, Final

from pyhanko.pdf_utils.misc import PdfDecodeLimitError, PdfError

from signer.formats.pdf_reading import RefusedError, list_signatures
from signer.formats.pdf_requests import FieldRequest
from signer.formats.pdf_writing import Appended, append_archive, append_field

Header = dict[str, Any]
Frame = tuple[Header, tuple[bytes, ...]]
_DISCARDED_AT_ONCE: Final = 1 << 16


def _field(header: Header, document: bytes, logo: bytes) -> Frame:
    return _answered(append_field(document, FieldRequest.of(header["field"]), logo))


def _archive(header: Header, document: bytes, *parts: bytes) -> Frame:
    certificates, responses = header["certificates"], header["ocsp_responses"]
    appended = append_archive(
        document,
        parts[:certificates],
        parts[certificates : certificates + responses],
        parts[certificates + responses :],
        field_name=header["field_name"],
        room=header["room"],
    )
    return _answered(appended)


def _signatures(header: Header, document: bytes) -> Frame:
    del header
    return list_signatures(document)


_OPERATIONS: Final[dict[str, Callable[..., Frame]]] = {
    "field": _field,
    "archive": _archive,
    "signatures": _signatures,
}


def _answered(appended: Appended) -> Frame:
    header = {"start": appended.start, "end": appended.end, "notes": appended.notes}
    return header, (appended.content,)


def answer(request: Header, parts: Sequence[bytes]) -> Frame:
    """Header and parts of the answer; a refusal names its cause."""
    try:
        return _OPERATIONS[request["operation"]](request, *parts)
    except RefusedError as refusal:
        return {"refused": str(refusal)}, ()
    except RecursionError:
        return {"refused": "the PDF is nested too deeply"}, ()
    except (MemoryError, PdfDecodeLimitError):
        return {"refused": "the PDF unpacks to more than is allowed"}, ()
    except PdfError as error:
        return {"refused": f"the PDF is broken: {str(error)[:200]}"}, ()
    except Exception as error:  # noqa: BLE001 - process boundary: hostile input may raise anything
        return {"refused": f"the PDF is broken ({type(error).__name__})"}, ()


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


def read_frame(source: BinaryIO) -> Frame | None:
    """Header and parts, or None at the end of the stream."""
    length = source.read(4)
    if len(length) < 4:  # noqa: PLR2004 - the four bytes read in the line before
        return None
    header = json.loads(source.read(int.from_bytes(length, "big")))
    return header, tuple(source.read(int(size)) for size in header["sizes"])


def write_frame(sink: BinaryIO, header: Header, parts: Sequence[bytes]) -> None:
    """Inverse of :func:`read_frame`."""
    encoded = json.dumps({**header, "sizes": [len(part) for part in parts]}).encode()
    sink.write(len(encoded).to_bytes(4, "big") + encoded)
    sink.writelines(parts)
    sink.flush()


def _next_frame() -> Frame | None:
    try:
        return read_frame(sys.stdin.buffer)
    except MemoryError:
        write_frame(sys.stdout.buffer, {"refused": "the PDF takes more memory than is allowed"}, ())
        while sys.stdin.buffer.read(_DISCARDED_AT_ONCE):  # who writes must not be cut off
            pass
        return None


def main(memory: int, cpu_seconds: int) -> None:
    """Serve frames until the input ends; ``memory`` in bytes of address space."""
    logging.disable(logging.CRITICAL)
    _limit(memory)
    while (frame := _next_frame()) is not None:
        _limit_cpu(cpu_seconds)
        header, parts = answer(*frame)
        write_frame(sys.stdout.buffer, header, parts)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
