"""Keeps a few limited processes warm in which PDFs are parsed."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import IO, Any, Final, final

from signer.domain.errors import BusyError, DocumentRefusedError, UnavailableError
from signer.formats.pdf_requests import DocumentNote, FieldRequest
from signer.ports import ValidationMaterial

_MODULE: Final = "signer.formats.pdf_child"

Header = dict[str, Any]
Frame = tuple[Header, tuple[bytes, ...]]


@dataclass(frozen=True, slots=True)
class PdfIncrement:
    """What to append to a PDF: among it a signature field whose /Contents is all zero digits."""

    appended: bytes = field(repr=False)
    contents_start: int
    """Offset of the first digit in ``appended``; 0 when there is no field."""
    contents_end: int
    notes: tuple[DocumentNote, ...] = ()
    """What the signer should know of the document."""


@dataclass(frozen=True, slots=True)
class SignatureInPdf:
    """One signature or document time-stamp, as it is in the file."""

    field_name: str
    is_timestamp: bool
    revision: int
    """In which it was made; the first is 0."""
    cms_der: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignedPdf:
    """What is signed in a PDF, and what its DSS holds."""

    signatures: tuple[SignatureInPdf, ...]
    """First to last."""
    certificates: tuple[bytes, ...]
    """Of the DSS, DER."""
    stored_revision: int
    """The revision in which revocation data last came into the DSS; -1: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfLimits:
    """What one document may cost."""

    seconds: int = 10
    """Wall clock."""
    cpu_seconds: int = 10
    memory: int = 768 * 1024 * 1024
    """Bytes of address space of a process, the interpreter and its libraries included."""


class _Child:
    """One process; it serves one document at a time and dies with the first irregularity."""

    def __init__(self, limits: PdfLimits) -> None:
        self._limits = limits
        self._overdue = False
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-I", "-m", _MODULE, str(limits.memory), str(limits.cpu_seconds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath, "OPENBLAS_NUM_THREADS": "1"},
            cwd="/",
        )

    def ask(self, header: Header, parts: Sequence[bytes]) -> Frame:
        """Send and receive one frame; raises OSError, ValueError or EOFError if the child died."""
        watchdog = threading.Timer(self._limits.seconds, self._end_overdue)
        watchdog.daemon = True
        watchdog.start()
        try:
            encoded = json.dumps({**header, "sizes": [len(one) for one in parts]}).encode()
            sink = _open(self._process.stdin)
            sink.write(len(encoded).to_bytes(4, "big") + encoded)
            for part in parts:
                sink.write(part)
            sink.flush()
            source = _open(self._process.stdout)
            answer = json.loads(_exactly(source, int.from_bytes(_exactly(source, 4), "big")))
            return answer, tuple(_exactly(source, int(size)) for size in answer["sizes"])
        finally:
            watchdog.cancel()

    def _end_overdue(self) -> None:
        self._overdue = True
        self._process.kill()

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def ran_out_of_time(self) -> bool:
        """Whether a closed process ended because of the time the document took."""
        return self._overdue or self._process.returncode == -signal.SIGXCPU

    def close(self) -> None:
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                _open(stream).close()
        self._process.wait()


def _open(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise EOFError
    return stream


def _exactly(source: IO[bytes], size: int) -> bytes:
    content = source.read(size)
    if len(content) < size:
        raise EOFError
    return content


def _close_all(children: "queue.SimpleQueue[_Child]") -> None:
    with suppress(queue.Empty):
        while True:
            children.get_nowait().close()


@final
class PdfProcesses:
    """A pool of such processes, started when first needed and replaced when they die.

    Make it after the last fork of a server's processes: the pipes are not shared.
    """

    def __init__(self, *, size: int = 2, limits: PdfLimits | None = None) -> None:
        self._limits = limits or PdfLimits()
        self._permits = threading.BoundedSemaphore(size)
        self._idle: queue.SimpleQueue[_Child] = queue.SimpleQueue()
        self._finalizer = weakref.finalize(self, _close_all, self._idle)

    def append_field(
        self, document: bytes, request: FieldRequest, logo: bytes = b""
    ) -> PdfIncrement:
        """Append an unsigned signature dictionary (ETSI.CAdES.detached), in a field old or new.

        Raises DocumentRefusedError naming the cause, BusyError when all processes are taken, and
        UnavailableError when the process ended for a reason that is not the document's.
        """
        return self._append({"operation": "field", "field": request.as_json()}, (document, logo))

    def append_archive(
        self, document: bytes, material: ValidationMaterial, *, field_name: str = "", room: int = 0
    ) -> PdfIncrement:
        """Append ``material`` to the DSS, then a document time-stamp if ``room`` (bytes) is kept.

        Raises as :meth:`append_field`.
        """
        header = {
            "operation": "archive",
            "certificates": len(material.certificates),
            "ocsp_responses": len(material.ocsp_responses),
            "field_name": field_name,
            "room": room,
        }
        parts = (*material.certificates, *material.ocsp_responses, *material.crls)
        return self._append(header, (document, *parts))

    def signatures(self, document: bytes) -> SignedPdf:
        """What is signed in a PDF.

        Raises as :meth:`append_field`, also when a signature does not hold for what follows it.
        """
        answer, parts = self._ask({"operation": "signatures"}, (document,))
        described = answer["signatures"]
        signatures = tuple(
            SignatureInPdf(one["field"], one["type"] == "/DocTimeStamp", one["revision"], content)
            for one, content in zip(described, parts, strict=False)
        )
        return SignedPdf(signatures, parts[len(described) :], int(answer["stored"]))

    def _append(self, header: Header, parts: Sequence[bytes]) -> PdfIncrement:
        answer, (appended,) = self._ask(header, parts)
        notes = tuple(DocumentNote(one) for one in answer["notes"])
        return PdfIncrement(appended, int(answer["start"]), int(answer["end"]), notes)

    def _ask(self, header: Header, parts: Sequence[bytes]) -> Frame:
        with self._permit():
            child = self._take()
            try:
                answer, content = child.ask(header, parts)
            except (OSError, EOFError, ValueError) as error:
                child.close()
                if child.ran_out_of_time:
                    msg = "the PDF takes more time than is allowed"
                    raise DocumentRefusedError(msg, field="document") from error
                msg = "the process that reads PDFs ended unexpectedly"
                raise UnavailableError(msg) from error
            except BaseException:
                child.close()
                raise
            if "refused" in answer:
                # It parsed something strange: the next document gets a fresh process.
                child.close()
                raise DocumentRefusedError(str(answer["refused"]), field="document")
            self._idle.put(child)
        return answer, content

    def warm(self) -> None:
        """Start one process now, so that the first document does not wait for it."""
        self._idle.put(_Child(self._limits))

    def close(self) -> None:
        """End the idle processes; the pool may be used again."""
        _close_all(self._idle)

    @contextmanager
    def _permit(self) -> Iterator[None]:
        if not self._permits.acquire(timeout=self._limits.seconds):
            msg = "too many PDFs are being read"
            raise BusyError(msg)
        try:
            yield
        finally:
            self._permits.release()

    def _take(self) -> _Child:
        with suppress(queue.Empty):
            while True:
                child = self._idle.get_nowait()
                if child.is_running:
                    return child
                child.close()
        return _Child(self._limits)
