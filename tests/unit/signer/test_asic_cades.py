"""ASiC containers with CAdES: made, checked by the SAM, extended, verified."""

from dataclasses import replace

import pytest

from signer.asic import Container, ContainerFile, ContainerKind
from signer.domain.errors import DocumentRefusedError, IntegrityAlarmError, InvalidRequestError
from signer.domain.signature_options import ContainerSignature, SignatureOptions, SignedFile
from signer.domain.transaction import ItemKind, Level, SigningItem, files_digest
from signer.domain.values import DTBSR, Digest, DigestAlgorithm, KeyAlgorithm
from signer.formats.asic.archive import ARCHIVE_MANIFEST
from signer.formats.asic.cades import ASiCWithCAdESExtender
from signer.sam.documents import DocumentEvidence, Signatory, dtbsr_of
from signer.validation import Indication, TrustPolicy, Verifier

CADES = SignatureOptions(container=ContainerSignature.CADES)
KINDS = pytest.mark.parametrize("kind", [ItemKind.ASIC_S, ItemKind.ASIC_E])
CONTENTS = {"contrato.txt": b"contrato", 'anexos/planta "1º" & mais.txt': b"planta"}


def file(name, content, algorithm=DigestAlgorithm.SHA256):
    return SignedFile(
        name=name,
        media_type='text/plain; charset="utf-8"',
        digest=Digest.of(algorithm, content),
        content=content,
    )


def item_of(kind, level=Level.B_B, algorithm=DigestAlgorithm.SHA256, names=tuple(CONTENTS)):
    wanted = names if kind is ItemKind.ASIC_E else names[:1]
    files = tuple(file(name, CONTENTS[name], algorithm) for name in wanted)
    return SigningItem(
        ordinal=0,
        kind=kind,
        name="contrato",
        digest=files_digest(algorithm, files),
        level=level,
        files=files,
        options=CADES,
    )


def beside(container, kind, level=Level.B_B):
    return SigningItem(
        ordinal=0,
        kind=kind,
        name="contrato",
        digest=Digest.of(DigestAlgorithm.SHA256, container),
        level=level,
        document=container,
        options=replace(CADES, parallel=True),
    )


def checked(item, prepared, holder):
    signatory = Signatory(
        certificate_der=holder.chain_der[0],
        key_algorithm=holder.algorithm,
        granted=(),
        asserted=(),
    )
    return dtbsr_of(item, DocumentEvidence(to_be_signed=prepared.to_be_signed), signatory)


def names(container):
    return {one.name.removeprefix("META-INF/") for one in Container.read(container).metadata}


@pytest.fixture
def offline(long_term, clock):
    return Verifier(TrustPolicy(anchors=(long_term.anchor,)), clock)


@KINDS
@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_the_sam_finds_what_was_granted(long_term, kind, algorithm):
    holder, item = long_term.holder(), item_of(kind, algorithm=algorithm)
    prepared = long_term.prepare(holder, item)
    assert checked(item, prepared, holder) == DTBSR.of(algorithm, prepared.to_be_signed)


@KINDS
def test_the_sam_refuses_other_files(long_term, kind):
    holder, item = long_term.holder(), item_of(kind)
    prepared = long_term.prepare(holder, item)
    for changed in (
        (file("contrato.txt", b"outro"), *item.files[1:]),
        (replace(item.files[0], name="outro.txt"), *item.files[1:]),
        (*item.files, file("mais.txt", b"mais")),
    ):
        other = replace(item, files=changed, digest=files_digest(item.digest.algorithm, changed))
        if kind is ItemKind.ASIC_S and changed[0].name == "outro.txt":
            continue  # an ASiC-S signs the bytes of its one file, not its name
        with pytest.raises(IntegrityAlarmError):
            checked(other, prepared, holder)
    with pytest.raises(IntegrityAlarmError):
        checked(replace(item, files=item.files[:-1]), prepared, holder)


@KINDS
def test_the_sam_finds_what_a_further_signature_is_over(long_term, kind):
    first = long_term.made(long_term.holder(), item_of(kind))
    holder, item = long_term.holder(identity="c2"), beside(first, kind)
    prepared = long_term.prepare(holder, item)
    assert checked(item, prepared, holder)
    with pytest.raises(IntegrityAlarmError):
        checked(
            beside(long_term.made(holder, item), kind),
            replace(prepared, to_be_signed=prepared.to_be_signed[:-1]),
            holder,
        )


@KINDS
@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("algorithm", [KeyAlgorithm.P_256, KeyAlgorithm.RSA_3072])
def test_a_container_passes_at_its_level(long_term, offline, kind, level, algorithm):
    made = long_term.made(long_term.holder(algorithm), item_of(kind, level))
    expected = {ItemKind.ASIC_S: {"signature.p7s"}}.get(
        kind, {"signature001.p7s", "ASiCManifest001.xml"}
    )
    if kind is ItemKind.ASIC_E and level is Level.B_LTA:
        expected = expected | {"ASiCArchiveManifest.xml", "timestamp001.tst"}
    assert names(made) == expected
    (one,) = offline.verify_container(made).signatures
    if level in {Level.B_LT, Level.B_LTA}:
        assert offline.verify_container(made).has_passed, one
        assert one.level is level
    else:
        assert one.indication is Indication.INDETERMINATE


@KINDS
@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_a_further_signature_joins_and_both_pass(long_term, offline, kind, level):
    first = long_term.made(long_term.holder(), item_of(kind, Level.B_LT))
    both = long_term.made(long_term.holder(KeyAlgorithm.RSA_3072, "c2"), beside(first, kind, level))
    report = offline.verify_container(both)
    assert report.has_passed, report
    assert len(report.signatures) == 2


@KINDS
@pytest.mark.parametrize("level", [Level.B_T, Level.B_LT, Level.B_LTA])
def test_a_container_is_extended(long_term, offline, kind, level):
    made = long_term.made(long_term.holder(), item_of(kind))
    extended = ASiCWithCAdESExtender().extend(made, level, long_term.services)
    (one,) = offline.verify_container(extended).signatures
    if level is not Level.B_T:
        assert one.indication is Indication.TOTAL_PASSED
        assert one.level is level
    with pytest.raises(InvalidRequestError) as caught:
        ASiCWithCAdESExtender().extend(extended, Level.B_T, long_term.services)
    assert caught.value.field == "level"


@KINDS
def test_an_archived_container_is_renewed_and_passes_much_later(long_term, offline, clock, kind):
    made = long_term.made(long_term.holder(), item_of(kind, Level.B_LTA))
    for _ in range(2):
        clock.advance(days=150)
        made = ASiCWithCAdESExtender().extend(made, Level.B_LTA, long_term.services)
    report = offline.verify_container(made)
    assert report.has_passed, report
    assert report.signatures[0].level is Level.B_LTA
    if kind is ItemKind.ASIC_E:
        assert {"ASiCArchiveManifest001.xml", "ASiCArchiveManifest002.xml"} < names(made)


def _with(container, *files, kept=lambda _: True):
    parsed = Container.read(container)
    data = tuple(next((new for new in files if new.name == one.name), one) for one in parsed.files)
    metadata = tuple(
        next((new for new in files if new.name == one.name), one)
        for one in parsed.metadata
        if kept(one.name)
    )
    return replace(parsed, files=data, metadata=metadata).write()


@KINDS
@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_an_altered_file_never_passes(long_term, offline, kind, level):
    made = long_term.made(long_term.holder(), item_of(kind, level))
    spoilt = _with(made, ContainerFile("contrato.txt", b"outro"))
    (one,) = offline.verify_container(spoilt).signatures
    assert (one.indication, one.sub_indication) == (Indication.TOTAL_FAILED, "HASH_FAILURE")


def test_an_added_file_is_told(long_term, offline):
    made = long_term.made(long_term.holder(), item_of(ItemKind.ASIC_E, Level.B_LT))
    parsed = Container.read(made)
    more = replace(parsed, files=(*parsed.files, ContainerFile("mais.txt", b"mais"))).write()
    assert not offline.verify_container(more).has_passed


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(
            lambda made: _with(made, kept=lambda name: not name.endswith(".tst")), id="no token"
        ),
        pytest.param(
            lambda made: _with(
                made,
                ContainerFile(
                    ARCHIVE_MANIFEST,
                    (Container.read(made).file(ARCHIVE_MANIFEST) or b"")
                    .replace(b"asic:", b"a:")
                    .replace(b"xmlns:asic", b"xmlns:a"),
                ),
            ),
            id="manifest rewritten",
        ),
    ],
)
def test_a_broken_archive_is_told(long_term, offline, spoil):
    made = long_term.made(long_term.holder(), item_of(ItemKind.ASIC_E, Level.B_LTA))
    spoilt = spoil(made)
    assert spoilt != made
    report = offline.verify_container(spoilt)
    assert not report.has_passed
    if report.signatures:
        assert report.signatures[0].level is not Level.B_LTA


def test_a_signature_without_its_manifest_never_passes(long_term, offline):
    made = long_term.made(long_term.holder(), item_of(ItemKind.ASIC_E, Level.B_LT))
    bare = _with(made, kept=lambda name: not name.endswith(".xml"))
    assert not offline.verify_container(bare).has_passed


def test_an_archived_container_takes_no_further_signature(long_term):
    made = long_term.made(long_term.holder(), item_of(ItemKind.ASIC_E, Level.B_LTA))
    with pytest.raises(InvalidRequestError):
        long_term.prepare(long_term.holder(), beside(made, ItemKind.ASIC_E))


def test_a_container_without_cades_is_not_extended(long_term):
    bare = Container(ContainerKind.SIMPLE, (ContainerFile("a", b"a"),)).write()
    with pytest.raises(DocumentRefusedError):
        ASiCWithCAdESExtender().extend(bare, Level.B_T, long_term.services)
