"""The hierarchy: made once, saved, read back, compared with the keys."""

import pytest
from cryptography import x509

from certs.setup import Hierarchy, Role, establish
from signer.country import CountryProfile
from signer.domain.errors import ConfigurationError
from signer.domain.values import KeyAlgorithm
from tests.fixtures.pki import NAMES, PKI_URL, software_key


def test_what_was_saved_is_read_back(pki, tmp_path):
    pki.hierarchy.save(tmp_path / "pki")
    assert Hierarchy.load(tmp_path / "pki") == pki.hierarchy


@pytest.mark.parametrize("damage", ["missing", "garbage"])
@pytest.mark.parametrize("name", ["tsa.der", "root.crl"])
def test_a_damaged_file_is_named(pki, tmp_path, damage, name):
    pki.hierarchy.save(tmp_path)
    if damage == "missing":
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(b"garbage")
    with pytest.raises(ConfigurationError, match=name):
        Hierarchy.load(tmp_path)


def test_a_missing_key_is_named(software_pki_keys, clock):
    keys = {name: key for name, key in software_pki_keys.items() if name != Role.TSA}
    with pytest.raises(ConfigurationError, match="tsa"):
        establish(keys, NAMES, PKI_URL, clock, country=CountryProfile.load("pt"))


def test_another_key_than_the_certificates_is_noticed(pki):
    pki.hierarchy.check(pki.keys)
    wrong = {**pki.keys, Role.TSA.value: software_key(KeyAlgorithm.P_256)}
    with pytest.raises(ConfigurationError, match="tsa"):
        pki.hierarchy.check(wrong)


@pytest.mark.parametrize("role", list(Role))
def test_every_subject_is_marked_as_a_test(pki, role):
    subject = pki.hierarchy.certificate(role).subject.rfc4514_string()
    assert "CN=TESTE " in subject


@pytest.mark.parametrize("role", list(Role))
def test_every_certificate_chains_to_the_root(pki, role):
    certificate = pki.hierarchy.certificate(role)
    above = pki.issuing if certificate.issuer == pki.issuing.subject else pki.root
    certificate.verify_directly_issued_by(above)
    assert certificate.not_valid_after_utc <= above.not_valid_after_utc
    certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)


def test_registering_again_changes_nothing(pki):
    pki.hierarchy.register(pki.store)
    serial = pki.hierarchy.certificate(Role.TSA).serial_number
    assert serial in pki.store.status("issuing", (serial,))


def test_an_unknown_country_is_a_configuration_error():
    with pytest.raises(ConfigurationError, match="xx"):
        CountryProfile.load("xx")
