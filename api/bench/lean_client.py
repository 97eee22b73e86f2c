"""A program of the native API that costs little: it shares the machine with what it measures."""

import base64
import http.client
import json
import secrets
import time
from http import HTTPStatus
from typing import Any, Final, Self

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash

from api.client.carrying import choose
from signer.domain.errors import UnavailableError
from signer.domain.values import Secret, length_prefixed

_IDLE_SECONDS: Final = 1.5
"""The server ends a connection that nobody used for two seconds."""
_TIMEOUT_SECONDS: Final = 60
_KEY_BITS: Final = 256
_TAG_BYTES: Final = 16

Answer = dict[str, Any]
"""A JSON object as the service wrote it."""


class LeanClient:
    """One connection that stays open; JWE by ``ECDH-ES``, the cheaper of the two that are taken."""

    def __init__(self, host: str, client_id: str, client_secret: Secret) -> None:
        """``host`` is ``name:port``."""
        basic = base64.b64encode(f"{client_id}:{client_secret.reveal()}".encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}", "Content-Type": "application/json"}
        self._connection = http.client.HTTPConnection(host, timeout=_TIMEOUT_SECONDS)
        self._used_at = 0.0
        key = choose(self._call("GET", "/api/v1/keys")["keys"])
        self._key_id = key["kid"]
        self._key = ec.EllipticCurvePublicNumbers(
            _integer(key["x"]), _integer(key["y"]), ec.SECP256R1()
        ).public_key()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._connection.close()

    def start(self, phone: str, digest: bytes) -> str:
        """One raw P-256 signature over ``digest`` (SHA-256); gives the transaction's id."""
        item = {"kind": "raw", "name": "bench", "digest": base64.b64encode(digest).decode()}
        body = {"citizen": {"phone": phone}, "key_algorithm": "p-256", "items": [item]}
        return str(self._call("POST", "/api/v1/signatures", body)["id"])

    def enter_pin(self, transaction: str, pin: Secret) -> str:
        """Carry the PIN; gives the handle."""
        body = {"pin": self._sealed({"pin": pin.reveal(), "transaction": transaction})}
        return str(self._call("POST", f"/api/v1/signatures/{transaction}/pin", body)["handle"])

    def enter_code(self, transaction: str, handle: str, code: Secret) -> bytes:
        """Carry the code; gives the signature value."""
        sealed = self._sealed({"code": code.reveal(), "transaction": transaction})
        body = {"handle": handle, "code": sealed}
        answer = self._call("POST", f"/api/v1/signatures/{transaction}/code", body)
        return base64.b64decode(answer["items"][0]["result"])

    def _sealed(self, payload: dict[str, str]) -> str:
        """Compact JWE (RFC 7518, 4.6: direct key agreement, no party information)."""
        own = ec.generate_private_key(ec.SECP256R1())
        point = own.public_key().public_numbers()
        epk = {"kty": "EC", "crv": "P-256", "x": _member(point.x), "y": _member(point.y)}
        fields = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": self._key_id, "epk": epk}
        header = _encoded(json.dumps(fields).encode())
        info = length_prefixed("A256GCM", "", "") + _KEY_BITS.to_bytes(4, "big")
        kdf = ConcatKDFHash(hashes.SHA256(), _KEY_BITS // 8, info)
        nonce = secrets.token_bytes(12)
        content = AESGCM(kdf.derive(own.exchange(ec.ECDH(), self._key))).encrypt(
            nonce, json.dumps(payload).encode(), header.encode()
        )
        text, tag = content[:-_TAG_BYTES], content[-_TAG_BYTES:]
        return ".".join((header, "", _encoded(nonce), _encoded(text), _encoded(tag)))

    def _call(self, method: str, path: str, body: Answer | None = None) -> Answer:
        """Raises UnavailableError for whatever is not a success."""
        if time.monotonic() - self._used_at > _IDLE_SECONDS:
            self._connection.close()
        sent = None if body is None else json.dumps(body).encode()
        try:
            self._connection.request(method, path, sent, self._headers)
            response = self._connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise UnavailableError("the server does not answer") from error
        self._used_at = time.monotonic()
        if response.status not in {HTTPStatus.OK, HTTPStatus.CREATED}:
            raise UnavailableError(f"HTTP status {response.status}")
        answer: Answer = json.loads(text)
        return answer


def _encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _member(number: int) -> str:
    return _encoded(number.to_bytes(_KEY_BITS // 8, "big"))


def _integer(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), "big")
