"""The door ``/pki`` on a real Flask application."""

import base64
import io

import pytest
from asn1crypto import core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from flask import Flask

from api.pki import errors
from api.pki.services import PKIServices
from api.pki.views import MAX_BODY, blueprint
from certs.crl import FixedCRL
from certs.ocsp import MALFORMED_REQUEST
from certs.setup import ISSUING, ROOT
from certs.timestamp_verifier import Expected, TokenVerifier
from certs.tsa import request_der
from signer.domain.errors import QSCDUnavailableError, SigningServiceError
from signer.domain.values import Digest, DigestAlgorithm

DIGEST = Digest.of(DigestAlgorithm.SHA256, b"document")
OCSP_TYPE = "application/ocsp-request"
TSP_TYPE = "application/timestamp-query"


@pytest.fixture
def client(pki):
    app = Flask("pki-test")
    services = PKIServices(
        ca_ders=pki.hierarchy.ca_ders,
        crls={ROOT: FixedCRL(pki.hierarchy.root_crl_der), ISSUING: pki.crl()},
        responders={ROOT: pki.ocsp(ROOT), ISSUING: pki.ocsp()},
        unit=pki.unit,
        trusted_list=lambda: b"<list/>",
    )
    app.register_blueprint(blueprint(services))
    return app.test_client()


@pytest.fixture
def ocsp_request(pki, holder):
    certificate = x509.load_der_x509_certificate(pki.issue(holder)[1][0])

    def make(nonce=None):
        builder = ocsp.OCSPRequestBuilder().add_certificate(
            certificate, pki.issuing, hashes.SHA256()
        )
        if nonce:
            builder = builder.add_extension(x509.OCSPNonce(nonce), critical=False)
        return builder.build().public_bytes(Encoding.DER)

    return make


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("der", "application/pkix-cert"),
        ("crt", "application/x-x509-ca-cert"),
    ],
)
@pytest.mark.parametrize("name", [ROOT, ISSUING])
def test_ca_certificates_lie_where_certificates_say(client, pki, name, form, kind):
    answer = client.get(f"/pki/ca/{name}.{form}")
    assert answer.status_code == 200
    assert answer.mimetype == kind
    assert answer.data == pki.hierarchy.ca_ders[name]
    assert "max-age=86400" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("name", [ROOT, ISSUING])
def test_lists_are_served_with_their_end(client, name):
    answer = client.get(f"/pki/crl/{name}.crl")
    crl = x509.load_der_x509_crl(answer.data)
    assert answer.mimetype == "application/pkix-crl"
    assert answer.expires == crl.next_update_utc


def test_an_unchanged_list_is_not_sent_twice(client):
    first = client.get("/pki/crl/issuing.crl")
    again = client.get("/pki/crl/issuing.crl", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert again.data == b""


def test_ocsp_answers_post(client, ocsp_request):
    answer = client.post("/pki/ocsp/issuing", data=ocsp_request(), content_type=OCSP_TYPE)
    assert answer.status_code == 200
    assert answer.mimetype == "application/ocsp-response"
    response = ocsp.load_der_ocsp_response(answer.data)
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert answer.headers["Cache-Control"] == "no-store"


def test_ocsp_answers_get_and_caches_may_keep_it_for_its_lifetime(client, ocsp_request):
    encoded = base64.b64encode(ocsp_request()).decode().replace("+", "%2B").replace("=", "%3D")
    answer = client.get(f"/pki/ocsp/issuing/{encoded}")
    response = ocsp.load_der_ocsp_response(answer.data)
    assert response.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert answer.headers["Cache-Control"] == "max-age=60, public, no-transform"


def test_an_answer_with_nonce_is_for_one(client, ocsp_request):
    encoded = base64.b64encode(ocsp_request(b"n" * 16)).decode().replace("+", "%2B")
    answer = client.get(f"/pki/ocsp/issuing/{encoded}")
    assert ocsp.load_der_ocsp_response(answer.data).certificate_status
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("encoded", ["!!!", "aGVsbG8=", "aGVsbG8"])
def test_a_malformed_get_has_the_protocols_answer(client, encoded):
    answer = client.get(f"/pki/ocsp/issuing/{encoded}")
    assert answer.status_code == 200
    assert answer.data == MALFORMED_REQUEST
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_time_stamp_can_be_had(client, pki, clock):
    answer = client.post("/pki/tsa", data=request_der(DIGEST, 7), content_type=TSP_TYPE)
    assert answer.mimetype == "application/timestamp-reply"
    TokenVerifier([pki.root]).verify_response(
        answer.data, Expected(digest=DIGEST, nonce=7), clock.now()
    )


def test_the_trusted_list_is_served(client):
    answer = client.get("/pki/tl.xml")
    assert answer.mimetype == "application/vnd.etsi.tsl+xml"
    assert answer.data == b"<list/>"


@pytest.mark.parametrize(
    ("path", "kind"), [("/pki/ocsp/issuing", OCSP_TYPE), ("/pki/tsa", TSP_TYPE)]
)
class TestWhatHTTPRefuses:
    def test_another_type(self, client, path, kind):
        answer = client.post(path, data=b"x", content_type="application/octet-stream")
        assert answer.status_code == 415
        assert kind in answer.text

    def test_too_much(self, client, path, kind):
        answer = client.post(path, data=bytes(MAX_BODY + 1), content_type=kind)
        assert answer.status_code == 413

    def test_no_length(self, client, path, kind):
        answer = client.post(
            path,
            content_type=kind,
            input_stream=io.BytesIO(b"x"),
            headers={"Transfer-Encoding": "chunked"},
        )
        assert answer.status_code == 411

    @pytest.mark.parametrize("method", ["put", "delete", "patch"])
    def test_another_method(self, client, path, kind, method):
        answer = getattr(client, method)(path, data=b"x", content_type=kind)
        assert answer.status_code == 405
        assert "POST" in answer.headers["Allow"]

    def test_nothing_but_malformed_input(self, client, path, kind):
        answer = client.post(path, data=b"hello", content_type=kind)
        assert answer.status_code == 200
        core.Sequence.load(answer.data, strict=True)


@pytest.mark.parametrize(
    "path",
    ["/pki/ca/other.der", "/pki/ca/root.pem", "/pki/crl/other.crl", "/pki/ocsp/other/AAAA"],
)
def test_other_names_are_not_found(client, path):
    assert client.get(path).status_code == 404


def test_an_unknown_responder_is_not_found(client):
    answer = client.post("/pki/ocsp/other", data=b"x", content_type=OCSP_TYPE)
    assert answer.status_code == 404


def test_a_get_that_is_too_long_is_refused(client):
    assert client.get("/pki/ocsp/issuing/" + "A" * 1025).status_code == 414


def test_a_silent_hsm_is_503_with_retry_after(client, monkeypatch):
    def silent(*_, **__):
        raise QSCDUnavailableError(retry_after=7)

    monkeypatch.setattr("certs.crl.signed_crl", silent)
    answer = client.get("/pki/crl/issuing.crl")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "7"
    assert "Traceback" not in answer.text


def leaves(kind):
    below = kind.__subclasses__()
    return {kind} if not below else set().union(*map(leaves, below))


@pytest.mark.parametrize("kind", sorted(leaves(SigningServiceError), key=lambda one: one.__name__))
def test_every_error_has_a_status(kind):
    assert 429 <= errors.status_of(kind) <= 503
