"""The rows of design section 9 that run in this process, with their floors."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, partial
from os import cpu_count

import httpx2
from asn1crypto import tsp  # type: ignore[import-untyped]  # ships no types
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from api.bench.figures import Measured, Row, compared, measure, measure_each
from api.bench.preparing import Preparing, digest_item, nonce, pdf_item
from certs.setup import ISSUING
from hsm.service_keys import ServiceKey
from signer.authentication.hashing import argon2id
from signer.domain.authorisation import Authorisation
from signer.domain.errors import ConfigurationError
from signer.domain.transaction import ItemKind
from signer.domain.values import KeyAlgorithm, Secret

_BATCH = 100
_MEGABYTE = 1024 * 1024


@dataclass
class Floors:
    """What nobody can be faster than here: measured once, in this run."""

    preparing: Preparing
    repetitions: int

    @cached_property
    def argon2(self) -> Measured:
        """Argon2id of a PIN."""
        salt = secrets.token_bytes(16)
        return measure(lambda: argon2id(Secret("602914"), salt), self.repetitions)

    @cached_property
    def p256(self) -> Measured:
        """Activation: derive, open, unwrap, sign, destroy, verify."""
        return self._activation(KeyAlgorithm.P_256)

    @cached_property
    def rsa(self) -> Measured:
        """The same with RSA-3072."""
        return self._activation(KeyAlgorithm.RSA_3072)

    @cached_property
    def bare_rsa(self) -> Measured:
        """One signature of the token's own RSA-3072 key."""
        return measure(lambda: bare_signature(self.preparing), 4 * self.repetitions)

    def _activation(self, algorithm: KeyAlgorithm) -> Measured:
        made = self.preparing.authorisations(algorithm, self.repetitions)
        activate(self.preparing, made.pop())
        return measure_each([_Activation(self.preparing, one) for one in made])


@dataclass(frozen=True, slots=True)
class _Activation:
    preparing: Preparing
    authorisation: Authorisation

    def __call__(self) -> None:
        activate(self.preparing, self.authorisation)


def activate(preparing: Preparing, authorisation: Authorisation) -> None:
    """Sign in the device and verify every value."""
    services = preparing.installation.services
    values = services.device.sam.qscd.sign(authorisation)
    credential = services.stores.credentials.credential(authorisation.credential)
    if credential is None:
        raise ConfigurationError("the benchmark's credential is gone")
    services.signing.enter_code.preparation.demand_verified(credential, authorisation, values)


def bare_signature(preparing: Preparing) -> bytes:
    """By the TSA's key: RSA-3072, a token object."""
    key = preparing.installation.services.device.pki.keys.key(ServiceKey.TSA)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigurationError("the TSA's key is not RSA")
    digest = utils.Prehashed(hashes.SHA256())
    return key.sign(bytes(32), padding.PKCS1v15(), digest)


def floors_rows(floors: Floors) -> list[Row]:
    """The floors themselves, for reading the rest."""
    return [
        Row(name="floor: Argon2id of the PIN", measured=floors.argon2),
        Row(name="floor: activation P-256", measured=floors.p256),
        Row(name="floor: activation RSA-3072", measured=floors.rsa),
        Row(name="floor: bare HSM signature RSA-3072", measured=floors.bare_rsa),
    ]


def batch_row(floors: Floors) -> Row:
    """100 hashes RSA-3072 in one activation, beside the HSM's own with as many sessions."""
    preparing, lanes = floors.preparing, cpu_count() or 1
    rounds = max(3, floors.repetitions // 10)
    made = preparing.authorisations(KeyAlgorithm.RSA_3072, rounds, _BATCH)
    qscd = preparing.installation.services.device.sam.qscd
    product = measure_each([partial(qscd.sign, one) for one in made])
    with ThreadPoolExecutor(lanes) as pool:

        def own() -> None:
            for _ in pool.map(lambda _: bare_signature(preparing), range(_BATCH)):
                pass

        floor = measure(own, rounds, warm=1)
    return compared(
        "100 hashes RSA-3072, one activation",
        product,
        floor.median_ms,
        product.median_ms,
        1.1,
        f"{lanes} sessions",
    )


def digest_rows(floors: Floors) -> list[Row]:
    """Hash-only formats at B-B with P-256."""
    kinds = {
        "CAdES": ItemKind.CADES_DIGEST,
        "XAdES": ItemKind.XADES_DIGEST,
        "JAdES": ItemKind.JADES_DIGEST,
    }
    return [_digest_row(floors, name, kind) for name, kind in kinds.items()]


def _digest_row(floors: Floors, name: str, kind: ItemKind) -> Row:
    """Prepare, sign, verify, complete."""
    preparing = floors.preparing
    documents = preparing.installation.services.signing.enter_code.preparation.documents

    def one() -> tuple[Measured, Measured]:
        ready = preparing.ready(KeyAlgorithm.P_256, digest_item(kind))
        prepared: list[object] = []
        before = measure_each([lambda: prepared.append(preparing.prepared(ready))])
        (made,) = preparing.prepared(ready)
        authorisation = preparing.authorised(ready, [made])
        qscd = preparing.installation.services.device.sam.qscd
        credential = preparing.credential(ready.transaction)
        preparation = preparing.installation.services.signing.enter_code.preparation

        def finish() -> None:
            values = qscd.sign(authorisation)
            preparation.demand_verified(credential, authorisation, values)
            documents.finish(made, values[0], ready.transaction.items[0])

        return before, measure_each([finish])

    one()
    parts = [one() for _ in range(floors.repetitions)]
    product = Measured(
        tuple(a.wall[0] + b.wall[0] for a, b in parts),
        sum(a.cpu_seconds + b.cpu_seconds for a, b in parts),
        sum(a.elapsed + b.elapsed for a, b in parts),
    )
    floor = floors.p256.median_ms
    return compared(f"hash-only {name} B-B P-256", product, floor, product.median_ms, 2)


def pades_row(floors: Floors) -> Row:
    """PAdES B-T of 1 MB, from start to signed PDF, PIN and code included."""
    preparing, document = floors.preparing, pdf_of(_MEGABYTE)
    product = measure(
        lambda: preparing.sign(KeyAlgorithm.RSA_3072, pdf_item(document)),
        max(10, floors.repetitions // 2),
    )
    floor = floors.argon2.median_ms + floors.rsa.median_ms
    return compared("PAdES B-T 1 MB", product, floor, product.median_ms, 2)


def authority_rows(floors: Floors) -> list[Row]:
    """TSA and OCSP: DER in, DER out, in process."""
    services = floors.preparing.installation.services
    unit, responder = services.trust.unit, services.trust.responders[ISSUING]
    query = ocsp_query(floors.preparing)
    floor, rows = floors.bare_rsa.median_ms, []
    for name, operation in (
        ("TSA, DER in → DER out", lambda: unit.respond(timestamp_query())),
        ("OCSP, DER in → DER out", lambda: responder.respond(query)),
    ):
        product = measure(operation, 4 * floors.repetitions)
        rows.append(compared(name, product, floor, product.median_ms, 1.5))
    return rows


def authority_http_rows(floors: Floors, http: httpx2.Client) -> list[Row]:
    """The same over HTTP, printed beside."""
    pki = floors.preparing.installation.settings.pki_url
    query = ocsp_query(floors.preparing)

    def post(address: str, kind: str, der: bytes) -> None:
        headers = {"Content-Type": f"application/{kind}"}
        http.post(f"{pki}/{address}", content=der, headers=headers).raise_for_status()

    return [
        Row(
            name="TSA over HTTP",
            measured=measure(
                lambda: post("tsa", "timestamp-query", timestamp_query()), 2 * floors.repetitions
            ),
        ),
        Row(
            name="OCSP over HTTP",
            measured=measure(
                lambda: post(f"ocsp/{ISSUING}", "ocsp-request", query), 2 * floors.repetitions
            ),
        ),
    ]


def timestamp_query() -> bytes:
    """An RFC 3161 request with a fresh nonce."""
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": secrets.token_bytes(32)}
    fields = {"version": 1, "message_imprint": imprint, "nonce": nonce(), "cert_req": True}
    encoded: bytes = tsp.TimeStampReq(fields).dump()
    return encoded


def ocsp_query(preparing: Preparing) -> bytes:
    """About the citizen's own certificate."""
    (credential, *_) = preparing.installation.services.stores.credentials.of(
        preparing.citizen.signer
    )
    leaf, issuer = (x509.load_der_x509_certificate(der) for der in credential.chain_der[:2])
    builder = ocsp.OCSPRequestBuilder().add_certificate(leaf, issuer, hashes.SHA256())
    return builder.build().public_bytes(Encoding.DER)


def pdf_of(size: int) -> bytes:
    """A valid PDF of one page with about ``size`` bytes in it."""
    filler = secrets.token_bytes(size)
    bodies = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(filler), filler),
    )
    document, offsets = bytearray(b"%PDF-1.7\n"), []
    for number, body in enumerate(bodies, 1):
        offsets.append(len(document))
        document += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(document)
    document += b"xref\n0 %d\n0000000000 65535 f \n" % (len(bodies) + 1)
    for offset in offsets:
        document += b"%010d 00000 n \n" % offset
    document += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(bodies) + 1,
        start,
    )
    return bytes(document)
