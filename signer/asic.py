"""ASiC containers (ETSI EN 319 162-1 V1.1.1): a zip read with suspicion, written the same always.

Reading and writing only; what is in the signatures is for formats and validation to say.
"""

import io
import stat
import unicodedata
import zipfile
import zlib
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from typing import Final, NoReturn, Self

from signer.domain.errors import DocumentRefusedError

MIMETYPE: Final = "mimetype"
META_INF: Final = "META-INF/"
MANIFEST: Final = "META-INF/manifest.xml"

_LOCAL_HEADER: Final = b"PK\x03\x04"
_LOCAL_HEADER_SIZE: Final = 30
_ENCRYPTED: Final = 0x1
_UNIX: Final = 3
_DESCRIPTOR_FOLLOWS: Final = 0x8
_LARGEST_DESCRIPTOR: Final = 24
_END_RECORD: Final = b"PK\x05\x06"
_END_RECORD_SIZE: Final = 22
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_FILE_MODE: Final = (stat.S_IFREG | 0o644) << 16
_MAX_NAME: Final = 255


@unique
class ContainerKind(StrEnum):
    """Extended: any number of files; simple: one.  The value is the media type."""

    EXTENDED = "application/vnd.etsi.asic-e+zip"
    SIMPLE = "application/vnd.etsi.asic-s+zip"


@dataclass(frozen=True, slots=True)
class ContainerLimits:
    """What is read at most."""

    size: int = 20 * 1024 * 1024
    """Bytes of the container."""
    unpacked: int = 100 * 1024 * 1024
    """Bytes of all files together, unpacked."""
    entries: int = 1000


@dataclass(frozen=True, slots=True)
class ContainerFile:
    """One file: its name in the container (with ``/`` between folders) and its bytes."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Container:
    """What a container holds, in order, without ``mimetype``.

    Raises DocumentRefusedError for names that are unsafe, too long or not unique.
    """

    kind: ContainerKind
    files: tuple[ContainerFile, ...]
    """The signed or unsigned data files."""
    metadata: tuple[ContainerFile, ...] = ()
    """Everything in ``META-INF/``: signatures, manifests, time-stamps."""

    def __post_init__(self) -> None:
        names = [one.name for one in (*self.files, *self.metadata)]
        for name in names:
            _check_name(name)
        # Programs that ignore case, or fold accents, would see one file where there are two.
        if len({_folded(name) for name in (MIMETYPE, *names)}) != len(names) + 1:
            _refuse("two files of the container have the same name")
        if any(one.name.upper().startswith(META_INF) for one in self.files):
            _refuse("a data file is in META-INF")
        if not all(one.name.startswith(META_INF) for one in self.metadata):
            _refuse("metadata is outside META-INF")

    @classmethod
    def read(cls, data: bytes, limits: ContainerLimits = ContainerLimits()) -> Self:
        """Unpack; raises DocumentRefusedError for whatever is not plainly a container.

        Refused: another media type, or one that is not first and stored; encrypted, duplicate,
        overlapping, unsafe or too many entries; bytes before, between or after them; what unpacks
        to more than the limits.
        """
        if len(data) > limits.size:
            _refuse(f"the container is larger than {limits.size} bytes")
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = archive.infolist()
                _check_layout(data, archive, limits)
                kind = ContainerKind(archive.read(entries[0]).decode("ascii"))
                unpacked = tuple(
                    ContainerFile(entry.filename, _content(archive, entry))
                    for entry in entries[1:]
                    if not entry.is_dir()
                )
        except (
            zipfile.BadZipFile,
            zlib.error,
            NotImplementedError,
            ValueError,
            EOFError,
            RuntimeError,
        ) as error:
            msg = "the container cannot be read"
            raise DocumentRefusedError(msg, field="document") from error
        return cls(
            kind,
            tuple(one for one in unpacked if not one.name.startswith(META_INF)),
            tuple(one for one in unpacked if one.name.startswith(META_INF)),
        )

    def write(self) -> bytes:
        """The zip; the same container gives the same bytes."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(_info(MIMETYPE, zipfile.ZIP_STORED), self.kind.value)
            for one in (*self.files, *self.metadata):
                archive.writestr(_info(one.name, zipfile.ZIP_DEFLATED), one.content)
        return packed.getvalue()

    def file(self, name: str) -> bytes | None:
        """Bytes of a data or metadata file, or None."""
        return next(
            (one.content for one in (*self.files, *self.metadata) if one.name == name), None
        )

    def with_metadata(self, *files: ContainerFile) -> "Container":
        """The same container with ``files`` put into META-INF, replacing those of their names."""
        new = {one.name: one for one in files}
        kept = tuple(new.pop(one.name, one) for one in self.metadata)
        return replace(self, metadata=(*kept, *new.values()))


def is_container(data: bytes) -> bool:
    """Tell whether the bytes begin as a container's must (its media type, uncompressed)."""
    start = _LOCAL_HEADER_SIZE + len(MIMETYPE)
    return (
        data.startswith(_LOCAL_HEADER)
        and data[_LOCAL_HEADER_SIZE:start] == MIMETYPE.encode()
        and any(data[start:].startswith(kind.value.encode()) for kind in ContainerKind)
    )


def _check_layout(data: bytes, archive: zipfile.ZipFile, limits: ContainerLimits) -> None:
    """Only the entries are there, one after the other, the media type first."""
    entries = archive.infolist()
    if not 1 <= len(entries) <= limits.entries:
        _refuse(f"a container has 1 to {limits.entries} entries")
    if sum(entry.file_size for entry in entries) > limits.unpacked:
        _refuse(f"the container unpacks to more than {limits.unpacked} bytes")
    first = entries[0]
    if (
        not is_container(data)
        or (first.filename, first.header_offset) != (MIMETYPE, 0)
        or first.compress_type != zipfile.ZIP_STORED
        or first.file_size not in {len(kind.value) for kind in ContainerKind}
    ):
        _refuse("the media type is not the first entry, stored and alone in it")
    # The end record counts from the first byte and nothing follows it (PKWARE APPNOTE, 4.3.16).
    end = len(data) - _END_RECORD_SIZE - len(archive.comment)
    size, offset = (int.from_bytes(data[end + at : end + at + 4], "little") for at in (12, 16))
    if not data.startswith(_END_RECORD, end) or offset != archive.start_dir or offset + size != end:
        _refuse("there are bytes before or after the container's own")
    ordered = sorted(entries, key=lambda entry: entry.header_offset)
    ends = [*(entry.header_offset for entry in ordered[1:]), archive.start_dir]
    for entry, entry_end in zip(ordered, ends, strict=True):
        _check_entry(data, entry, entry_end)


def _check_entry(data: bytes, entry: zipfile.ZipInfo, end: int) -> None:
    """Readable, a plain file or folder, and exactly as long as there is room for it."""
    if entry.flag_bits & _ENCRYPTED or entry.compress_type not in _METHODS:
        _refuse("an entry is encrypted or packed in an unknown way")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.create_system == _UNIX and kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
        _refuse("an entry is neither file nor folder")
    if entry.is_dir() and entry.file_size:
        _refuse("a folder has content")
    at = entry.header_offset
    name_size, extra_size = (
        int.from_bytes(data[at + field_at : at + field_at + 2], "little") for field_at in (26, 28)
    )
    used = at + _LOCAL_HEADER_SIZE + name_size + extra_size + entry.compress_size
    described = entry.flag_bits & _DESCRIPTOR_FOLLOWS
    if not 0 <= end - used <= (_LARGEST_DESCRIPTOR if described else 0):
        _refuse("entries overlap, or there are bytes between them")


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Unpacked bytes: never more than the directory announced and the limits allow."""
    with archive.open(entry) as packed:
        content = packed.read(entry.file_size + 1)
    if len(content) != entry.file_size:
        _refuse("an entry is not as long as the container says")
    return content


def _check_name(name: str) -> None:
    parts = name.removesuffix("/").split("/")
    unsafe = (
        not all(parts)
        or any(part in {".", ".."} or part != part.strip() for part in parts)
        or not name.isprintable()
        or any(mark in name for mark in "\\:")
        or len(name.encode()) > _MAX_NAME
    )
    if unsafe:
        _refuse("a file name of the container is unsafe or too long")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFKC", name).casefold()


def _info(name: str, method: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)  # dated 1980-01-01
    entry.compress_type = method
    entry.create_system = _UNIX
    entry.external_attr = _FILE_MODE
    return entry


def _refuse(reason: str) -> NoReturn:
    raise DocumentRefusedError(reason, field="document")
