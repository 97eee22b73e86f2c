"""Validation data over real HTTP: only where it may be asked, within its limits."""

import pytest

from api.wiring.validation_data import HTTPFetch, anchors_in
from certs.fetching import FetchError
from certs.validation_data import OnlineValidationData
from signer.domain.errors import ConfigurationError, RevocationUnavailableError
from signer.domain.values import KeyAlgorithm


def source(online_pki, fetch):
    return OnlineValidationData([online_pki.anchor], fetch, online_pki.pki.clock)


def fetch(*, private):
    return HTTPFetch(timeout_seconds=5, private_addresses=private)


def test_paths_and_answers_come_over_http(online_pki):
    leaf = online_pki.citizen(KeyAlgorithm.P_256).chain_der[0]
    found = source(online_pki, fetch(private=True)).collect([leaf])
    assert len(found.ocsp_responses) == 2
    assert len(found.certificates) == 4


def test_loopback_addresses_in_certificates_are_not_asked_unless_allowed(online_pki):
    leaf = online_pki.citizen(KeyAlgorithm.P_256).chain_der[0]
    with pytest.raises(RevocationUnavailableError):
        source(online_pki, fetch(private=False)).collect([leaf])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("endless", "too long"),
        ("server_error", "status"),
        ("redirect", "status"),
        ("refused", "Error"),
    ],
)
def test_a_broken_server_is_a_fetch_error(tsa_workshop, kind, reason):
    url = tsa_workshop.make(kind).url
    with pytest.raises(FetchError, match=reason):
        fetch(private=True)(url, body=b"request", limit=1024)


def test_a_slow_server_ends_with_the_time_limit(tsa_workshop):
    url = tsa_workshop.make("slow_drip").url
    quick = HTTPFetch(timeout_seconds=0.5, private_addresses=True)
    with pytest.raises(FetchError):
        quick(url, body=b"request", limit=1 << 20)


def test_anchors_are_read_from_a_folder_and_a_bad_one_is_named(pki, tmp_path):
    from cryptography.hazmat.primitives.serialization import Encoding

    assert anchors_in(tmp_path / "none") == ()
    (tmp_path / "root.pem").write_bytes(pki.root.public_bytes(Encoding.PEM))
    assert anchors_in(tmp_path) == (pki.root.public_bytes(Encoding.DER),)
    (tmp_path / "bad.pem").write_bytes(b"nothing")
    with pytest.raises(ConfigurationError, match=r"bad\.pem"):
        anchors_in(tmp_path)
