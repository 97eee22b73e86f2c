"""Containers are written the same always, and read with suspicion."""

import io
import struct
import zipfile

import pytest

from signer.asic import Container, ContainerFile, ContainerKind, ContainerLimits, is_container
from signer.domain.errors import DocumentRefusedError

EXTENDED = ContainerKind.EXTENDED.value


def _container(*files, kind=ContainerKind.EXTENDED):
    return Container(
        kind,
        files
        or (ContainerFile("contrato.pdf", b"%PDF-"), ContainerFile("anexos/á.txt", b"x" * 99)),
        (ContainerFile("META-INF/manifest.xml", b"<m/>"),),
    )


def _zip(*entries, media=EXTENDED, first=("mimetype", zipfile.ZIP_STORED), comment=b""):
    """A zip made by hand: entries are (ZipInfo or name, content) after the media type."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.comment = comment
        if first:
            archive.writestr(zipfile.ZipInfo(first[0]), media, compress_type=first[1])
        for name, content in entries:
            archive.writestr(name, content, compress_type=zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _symlink(name, target):
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = 0o120777 << 16
    return entry, target


def _encrypted(data):
    """Set the encryption bit of the last entry in local header and directory."""
    at, directory = data.rindex(b"PK\x03\x04"), data.rindex(b"PK\x01\x02")
    changed = bytearray(data)
    changed[at + 6] |= 1
    changed[directory + 8] |= 1
    return bytes(changed)


def _lying_about_size(data, size):
    """The directory announces another unpacked size of the last entry than there is."""
    at, directory = data.rindex(b"PK\x03\x04"), data.rindex(b"PK\x01\x02")
    changed = bytearray(data)
    changed[at + 22 : at + 26] = changed[directory + 24 : directory + 28] = struct.pack("<I", size)
    return bytes(changed)


def _with_checksum(data, value):
    """Another CRC of the last entry than its content has."""
    at, directory = data.rindex(b"PK\x03\x04"), data.rindex(b"PK\x01\x02")
    changed = bytearray(data)
    changed[at + 14 : at + 18] = changed[directory + 16 : directory + 20] = struct.pack("<I", value)
    return bytes(changed)


def _overlapping(data):
    """The last directory entry points at the local header of the one before."""
    headers = [at for at in range(len(data)) if data.startswith(b"PK\x03\x04", at)]
    directory = data.rindex(b"PK\x01\x02")
    return data[: directory + 42] + struct.pack("<I", headers[-2]) + data[directory + 46 :]


def _with_gap(data):
    """A hidden local entry that the directory does not know."""
    hidden = _zip(("hidden.txt", b"hidden"), first=None)
    local = hidden[: hidden.index(b"PK\x01\x02")]
    directory, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    tail = bytearray(data[end:])
    tail[16:20] = struct.pack("<I", directory + len(local))
    return data[:directory] + local + data[directory:end] + bytes(tail)


def test_a_container_is_read_as_it_was_written():
    made = _container()
    assert Container.read(made.write()) == made
    assert made.write() == made.write()
    assert made.file("anexos/á.txt") == b"x" * 99
    assert made.file("META-INF/manifest.xml") == b"<m/>"
    assert made.file("other") is None


@pytest.mark.parametrize("kind", list(ContainerKind))
def test_the_media_type_is_first_and_stored_without_extra_field(kind):
    data = _container(kind=kind).write()
    assert data.startswith(b"PK\x03\x04")
    assert data[30:38] == b"mimetype"
    assert data[38:].startswith(kind.value.encode() + b"PK\x03\x04")
    assert data[28:30] == b"\x00\x00"
    assert is_container(data)
    assert not is_container(data[1:])
    assert Container.read(data).kind is kind


def test_metadata_is_added_and_replaced_by_name():
    made = _container()
    more = made.with_metadata(ContainerFile("META-INF/signatures0.xml", b"<s/>"))
    assert [one.name for one in more.metadata] == [
        "META-INF/manifest.xml",
        "META-INF/signatures0.xml",
    ]
    changed = more.with_metadata(ContainerFile("META-INF/manifest.xml", b"<n/>"))
    assert changed.file("META-INF/manifest.xml") == b"<n/>"
    assert len(changed.metadata) == 2


def test_folders_and_descriptors_of_other_programs_are_read():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("mimetype", EXTENDED)
        archive.mkdir("META-INF")
        with archive.open("a.txt", "w") as streamed:
            streamed.write(b"abc")
    read = Container.read(packed.getvalue())
    assert read.files == (ContainerFile("a.txt", b"abc"),)


class _NoSeek(io.RawIOBase):
    """A stream that cannot seek makes zipfile write data descriptors."""

    def __init__(self):
        self.data = b""

    def writable(self):
        return True

    def write(self, more):
        self.data += bytes(more)
        return len(more)


def test_data_descriptors_are_read():
    stream = _NoSeek()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", EXTENDED)
        archive.writestr("a.txt", b"abc", compress_type=zipfile.ZIP_DEFLATED)
    assert Container.read(stream.data).file("a.txt") == b"abc"


GOOD = _zip(("a.txt", b"abc"), ("b.txt", b"def" * 100))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"PK\x05\x06" + bytes(18), id="empty zip"),
        pytest.param(_zip(("a", b"b"), media="application/zip"), id="other media type"),
        pytest.param(_zip(("a", b"b"), media=EXTENDED + "\n"), id="media type with line end"),
        pytest.param(_zip(("a", b"b"), first=None), id="no media type"),
        pytest.param(_zip(("a", b"b"), ("mimetype", EXTENDED), first=None), id="media type last"),
        pytest.param(
            _zip(("a", b"b"), first=("mimetype", zipfile.ZIP_DEFLATED)), id="media type packed"
        ),
        pytest.param(_zip(("../a", b"b")), id="parent folder"),
        pytest.param(_zip(("a/../../b", b"b")), id="parent folder inside"),
        pytest.param(_zip(("/etc/passwd", b"b")), id="absolute"),
        pytest.param(_zip(("c:\\a", b"b")), id="drive"),
        pytest.param(_zip(("a\\b", b"b")), id="backslash"),
        pytest.param(_zip(("a\x07", b"b")), id="control character"),
        pytest.param(_zip(("a" * 300, b"b")), id="long name"),
        pytest.param(_zip(("A.txt", b"a"), ("a.TXT", b"b")), id="names differ in case"),
        pytest.param(_zip(("meta-inf/a", b"a")), id="metadata in lower case"),
        pytest.param(_zip(_symlink("a", b"/etc/passwd")), id="symbolic link"),
        pytest.param(_encrypted(GOOD), id="encrypted"),
        pytest.param(_overlapping(GOOD), id="overlapping"),
        pytest.param(_with_gap(GOOD), id="hidden entry"),
        pytest.param(_lying_about_size(GOOD, 3), id="longer than announced"),
        pytest.param(_lying_about_size(GOOD, 3000), id="shorter than announced"),
        pytest.param(GOOD + b"x", id="bytes after"),
        pytest.param(b"x" + GOOD, id="bytes before"),
        pytest.param(GOOD[:-1], id="truncated"),
        pytest.param(GOOD[:40], id="cut"),
        pytest.param(_with_checksum(GOOD, 0), id="checksum"),
    ],
)
def test_a_hostile_container_is_refused(data):
    with pytest.raises(DocumentRefusedError):
        Container.read(data)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_duplicate_entries_are_refused():
    with pytest.raises(DocumentRefusedError, match="same name"):
        Container.read(_zip(("a.txt", b"abc"), ("a.txt", b"def")))


def test_a_bomb_is_refused_before_it_is_unpacked():
    bomb = _zip(("zeros", bytes(11 * 1024 * 1024)))
    limits = ContainerLimits(unpacked=10 * 1024 * 1024)
    with pytest.raises(DocumentRefusedError, match="unpacks to more"):
        Container.read(bomb, limits)
    # One that says it is small is cut at what it said.
    with pytest.raises(DocumentRefusedError):
        Container.read(_lying_about_size(bomb, 10), limits)


def test_too_many_and_too_large_are_refused():
    many = _zip(*((f"{n}", b"") for n in range(5)))
    with pytest.raises(DocumentRefusedError, match="entries"):
        Container.read(many, ContainerLimits(entries=5))
    with pytest.raises(DocumentRefusedError, match="larger"):
        Container.read(many, ContainerLimits(size=len(many) - 1))
    assert len(Container.read(many, ContainerLimits(size=len(many), entries=6)).files) == 5


def test_metadata_stays_in_its_folder():
    with pytest.raises(DocumentRefusedError):
        Container(ContainerKind.SIMPLE, (ContainerFile("META-INF/x", b""),))
    with pytest.raises(DocumentRefusedError):
        Container(ContainerKind.SIMPLE, (), (ContainerFile("x", b""),))
