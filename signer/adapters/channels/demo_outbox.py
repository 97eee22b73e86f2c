"""The demo's channel: messages go to a file of its own that the demo's pages show."""

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from signer.domain.errors import ChannelUnavailableError
from signer.ports import Clock, Message

_FIELDS = ("channel", "to", "text", "code", "process", "at")


class DemoOutbox:
    """A file of JSON lines, mode 0600, outside the database."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, entry: Mapping[str, str | None]) -> None:
        """Write one whole line and flush it; OSError when the disk refuses."""
        line = json.dumps(entry, ensure_ascii=False).encode() + b"\n"
        with self._locked(os.O_WRONLY | os.O_APPEND | os.O_CREAT, fcntl.LOCK_EX) as descriptor:
            size = os.fstat(descriptor).st_size
            whole = False
            try:
                whole = os.write(descriptor, line) == len(line)
                os.fsync(descriptor)
            finally:
                if not whole:
                    os.ftruncate(descriptor, size)
            if not whole:
                raise OSError(errno.ENOSPC, "the line was not written whole")

    def read(self, *, to: str | None = None, limit: int = 200) -> list[dict[str, str | None]]:
        """Entries ``{channel, to, text, code, process, at}``, newest first, each message once."""
        entries: list[dict[str, str | None]] = []
        seen: set[str] = set()
        for line in reversed(self._lines()):
            entry = json.loads(line)
            if entry["id"] in seen or (to is not None and entry["to"] != to):
                continue
            seen.add(entry["id"])
            entries.append({name: entry[name] for name in _FIELDS})
            if len(entries) == limit:
                break
        return entries

    def _lines(self) -> list[bytes]:
        try:
            with (
                self._locked(os.O_RDONLY, fcntl.LOCK_SH) as descriptor,
                os.fdopen(os.dup(descriptor), "rb") as file,
            ):
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    @contextmanager
    def _locked(self, flags: int, lock: int) -> Iterator[int]:
        descriptor = os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, lock)
            yield descriptor
        finally:
            os.close(descriptor)


class DemoOutboxChannel:
    """``Channel`` in place of a real one of the same ``name``."""

    def __init__(self, outbox: DemoOutbox, clock: Clock, *, name: str) -> None:
        self.name = name
        self._outbox = outbox
        self._clock = clock

    def deliver(self, message: Message) -> str:
        """Append; the receipt is the message id.  Raises ChannelUnavailableError."""
        try:
            self._outbox.append(
                {
                    "id": message.id,
                    "channel": self.name,
                    "to": message.to,
                    "text": message.text.reveal(),
                    "code": None if message.code is None else message.code.reveal(),
                    "process": message.process,
                    "at": self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                }
            )
        except OSError as error:
            raise ChannelUnavailableError(f"demo outbox: {error.strerror}") from error
        return message.id
