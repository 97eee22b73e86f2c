"""Options of an item: each is understood where it applies, shown to the citizen, and fixed."""

import hashlib
import html

import pytest

from signer.domain.signature_options import CommitmentType, Serialisation
from tests.fixtures.service import Browser, a_pdf, b64, hashed, raw, whole

POLICY = {
    "oid": "2.16.620.2.1.2.2.1",
    "digest": b64(hashlib.sha256(b"policy").digest()),
    "url": "https://exemplo.test/politica.pdf",
}
SEEN = {
    "commitment": ("witness", "Witness"),
    "claimed_roles": (["Gerente"], "Gerente"),
    "policy": (POLICY, POLICY["oid"]),
    "place": ({"city": "Évora"}, "Évora"),
}


def opened(service, started):
    browser = Browser(service.app)
    browser.open(started["authorisation_url"])
    return html.unescape(browser.page)


@pytest.mark.parametrize("name", SEEN)
def test_what_a_signature_will_say_is_kept_and_shown(service, portal, maria, name):
    chosen, words = SEEN[name]
    item = {**hashed("cades-digest", b"x"), "options": {name: chosen}}
    started = portal.started(maria, item)
    (kept,) = service.transaction(started["id"]).items
    assert kept.options.encoded()
    assert words in opened(service, started)
    assert words not in opened(service, portal.started(maria, hashed("cades-digest", b"x")))


@pytest.mark.parametrize("language", ["pt", "en"])
@pytest.mark.parametrize("commitment", list(CommitmentType))
def test_every_commitment_has_words(service, commitment, language):
    assert service.services.texts.get(language).format(f"sign.commitment.{commitment.value}")


def test_the_options_of_a_pdf_are_shown(service, portal, maria):
    pdf = {
        "reason": "Aprovação final",
        "location": "Faro",
        "certification": "forms",
        "seal": {"corner": "top-left"},
    }
    started = portal.started(maria, {**whole("pades", a_pdf()), "options": {"pdf": pdf}})
    page = opened(service, started)
    for words in ("Aprovação final", "Faro", "filling in forms", "With a visible seal"):
        assert words in page


def test_several_files_are_listed_for_the_citizen(service, portal, maria):
    files = [{"name": name, "document": b64(name.encode())} for name in ("um.txt", "dois.txt")]
    started = portal.started(maria, {"kind": "asic-e", "name": "processo", "files": files})
    page = opened(service, started)
    assert "um.txt" in page
    assert "dois.txt" in page
    (kept,) = service.transaction(started["id"]).items
    assert [one.content for one in kept.files] == [b"um.txt", b"dois.txt"]


@pytest.mark.parametrize(
    ("level", "chosen", "written"),
    [
        pytest.param("B-B", {}, Serialisation.COMPACT, id="B-B"),
        pytest.param("B-T", {}, Serialisation.FLATTENED, id="grows"),
        pytest.param("B-T", {"serialisation": "general"}, Serialisation.GENERAL, id="chosen"),
    ],
)
def test_a_jades_that_grows_is_not_compact(service, portal, maria, level, chosen, written):
    item = {**hashed("jades-digest", b"x", level), "options": chosen}
    (kept,) = service.transaction(portal.started(maria, item)["id"]).items
    assert kept.options.serialisation is written


def test_other_options_change_what_the_citizen_approves(service, portal, maria):
    one, two = (
        portal.started(maria, {**hashed("cades-digest", b"x"), "options": {"commitment": value}})
        for value in ("approval", "review")
    )
    first, second = (service.transaction(started["id"]) for started in (one, two))
    assert first.text_sha256 != second.text_sha256


def test_what_only_the_format_can_judge_is_refused_at_the_start(service, portal, maria):
    before = service.rows()
    item = {**raw(b"a"), "options": {"pss": True}}
    answer = portal.start(maria, item, key_algorithm="p-256")
    assert answer.status_code == 400
    assert answer.get_json()["field"] == "items[0].options.pss"
    seal = {"logo": b64(b"neither PNG nor JPEG")}
    answer = portal.start(maria, {**whole("pades", a_pdf()), "options": {"pdf": {"seal": seal}}})
    assert answer.status_code == 422, answer.get_json()
    assert "logo" in answer.get_json()["detail"]
    assert service.rows() == before


FILE = {"name": "a.txt", "document": b64(b"a")}
REFUSED = [
    ({**raw(b"a"), "options": {"commitment": "approval"}}, "options.commitment"),
    ({**hashed("cades-digest", b"a"), "options": {"pss": True}}, "options.pss"),
    ({**hashed("cades-digest", b"a"), "options": {"pdf": {}}}, "options.pdf"),
    ({**whole("pades", a_pdf()), "options": {"packaging": "detached"}}, "options.packaging"),
    ({**whole("pades", a_pdf()), "options": {"serialisation": "compact"}}, "options.serialisation"),
    ({**whole("cades", b"a"), "options": {"container": "cades"}}, "options.container"),
    ({**whole("cades", b"a"), "options": {"place": {}}}, "options.place"),
    ({**whole("cades", b"a"), "options": {"policy": {**POLICY, "digest": "AAAA"}}},
     "options.policy.digest"),
    ({**whole("cades", b"a"), "options": {"policy": {**POLICY, "digest": "!"}}},
     "options.policy.digest"),
    ({**whole("pades", a_pdf()), "options": {"pdf": {"seal": {"page": 0}}}},
     "options.pdf.seal.page"),
    ({**whole("pades", a_pdf()), "options": {"pdf": {"seal": {"box": [9, 9, 1, 1]}}}},
     "options.pdf.seal.box"),
    ({**whole("pades", a_pdf()), "options": {"pdf": {"seal": {"logo": "!"}}}},
     "options.pdf.seal.logo"),
    ({"kind": "cades", "name": "x", "files": [FILE]}, "files"),
    ({"kind": "asic-e", "name": "x", "files": [FILE, FILE]}, "files"),
    ({"kind": "asic-e", "name": "x", "files": [FILE], "document": b64(b"a")}, "files"),
    ({"kind": "asic-e", "name": "x", "files": [{"name": "a"}]}, "files[0].document"),
    ({"kind": "xades-digest", "name": "x", "files": [{"name": "a"}]}, "files[0].digest"),
    ({"kind": "xades-digest", "name": "x", "files": [FILE]}, "files[0].document"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("item", "field"), REFUSED, ids=[f"{n}-{r[1]}" for n, r in enumerate(REFUSED)]
)
def test_what_does_not_apply_is_refused_by_name(service, portal, maria, item, field):
    before = service.rows()
    answer = portal.start(maria, item)
    assert answer.status_code == 400, answer.get_json()
    assert answer.get_json()["field"] == f"items[0].{field}"
    assert service.rows() == before
