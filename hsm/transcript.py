"""The signed record of a key ceremony, and the start-up comparison with it."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute, ObjectClass
from pkcs11.types import PrivateKey, PublicKey, SecretKey

from hsm.keys import KEYS, KeySpec, TokenName, token_key_template
from hsm.private_keys import HSMECPrivateKey
from hsm.public_keys import load_public_key, svd_der
from hsm.readback import AttributeReader, Encoded, expected, refuse_deviations
from hsm.token import Token, TokenSession
from signer.domain.errors import ConfigurationError

FORMAT: Final = "chancela-ceremony/1"

Json = dict[str, object]


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """One key as it was read back from its token."""

    label: str
    token: TokenName
    id: str
    attributes: Mapping[str, Encoded]
    svd: str = ""
    """SubjectPublicKeyInfo, DER, base64; empty for secret keys."""

    def as_json(self) -> Json:
        """The record as it stands in the transcript."""
        return {
            "label": self.label,
            "token": self.token.value,
            "id": self.id,
            "attributes": dict(self.attributes),
            "svd": self.svd,
        }


def canonical(body: Mapping[str, object]) -> bytes:
    """The bytes that are signed: sorted keys, no blanks, ASCII."""
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def seal(body: Json, audit_svd_der: bytes, sign: Callable[[bytes], bytes]) -> bytes:
    """The transcript file: the body and the audit key's ECDSA-SHA256 signature (DER) over it."""
    signature = {
        "algorithm": "ecdsa-sha256",
        "svd": base64.b64encode(audit_svd_der).decode(),
        "value": base64.b64encode(sign(canonical(body))).decode(),
    }
    return json.dumps(body | {"signature": signature}, indent=2, sort_keys=True).encode() + b"\n"


def read(transcript: bytes, audit_key: ec.EllipticCurvePublicKey) -> Json:
    """The body of a transcript signed by ``audit_key``; raises ConfigurationError otherwise."""
    try:
        body = json.loads(transcript)
        signature = body.pop("signature")
        value = base64.b64decode(signature["value"], validate=True)
        audit_key.verify(value, canonical(body), ec.ECDSA(hashes.SHA256()))
    except (ValueError, KeyError, TypeError, AttributeError, InvalidSignature) as failure:
        msg = "the ceremony transcript is not signed by this token's audit key, or was changed"
        raise ConfigurationError(msg) from failure
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        msg = f"the ceremony transcript is not of the form {FORMAT}"
        raise ConfigurationError(msg)
    return body


def audit_key_of(transcript: bytes) -> ec.EllipticCurvePublicKey:
    """The key a transcript says it is signed with; for reading only, it proves nothing."""
    try:
        der = base64.b64decode(json.loads(transcript)["signature"]["svd"], validate=True)
        key = serialization.load_der_public_key(der)
    except (ValueError, KeyError, TypeError) as failure:
        msg = "the ceremony transcript cannot be read"
        raise ConfigurationError(msg) from failure
    if not isinstance(key, ec.EllipticCurvePublicKey):
        msg = "the ceremony transcript's audit key is not an EC key"
        raise ConfigurationError(msg)
    return key


def verify_against_transcript(
    path: Path, token: Token, name: TokenName, audit_key: HSMECPrivateKey
) -> None:
    """Compare every key of the token with the signed transcript and with the templates.

    ``audit_key`` is the key of token ``sam``: a transcript signed by another key is refused.
    Raises ConfigurationError naming key and attribute, QSCDUnavailableError when the HSM fails.
    """
    body = read(path.read_bytes(), audit_key.public_key())
    listed = body.get("keys")
    records = {
        record["label"]: record
        for record in (listed if isinstance(listed, list) else [])
        if isinstance(record, dict) and record.get("token") == name.value
    }
    specs = [spec for spec in KEYS if spec.token is name]
    missing = sorted({spec.label for spec in specs} ^ records.keys())
    if missing:
        msg = f"token {token.label}: the transcript and the key table differ in {missing}"
        raise ConfigurationError(msg)
    for spec in specs:
        _compare(token, spec, records[spec.label])


def _compare(token: Token, spec: KeySpec, record: Mapping[str, object]) -> None:
    template = token_key_template(spec, token.profile)
    found = token.run(lambda session: _snapshot(token, session, spec))
    refuse_deviations(spec.label, expected(template), found.attributes)
    recorded = record.get("attributes")
    refuse_deviations(spec.label, recorded if isinstance(recorded, dict) else {}, found.attributes)
    if (record.get("id"), record.get("svd")) != (found.id, found.svd):
        msg = f"key {spec.label} is not the one of the ceremony: its id or public key differs"
        raise ConfigurationError(msg)


def _snapshot(token: Token, session: TokenSession, spec: KeySpec) -> KeyRecord:
    svd = ""
    if spec.algorithm is None:
        handle = session.key(ObjectClass.SECRET_KEY, spec.label, SecretKey).handle
    else:
        handle = session.key(ObjectClass.PRIVATE_KEY, spec.label, PrivateKey).handle
        public = session.key(ObjectClass.PUBLIC_KEY, spec.label, PublicKey)
        svd = base64.b64encode(svd_der(load_public_key(public, spec.algorithm))).decode()
    if handle is None:
        msg = f"key {spec.label} has no handle"
        raise ConfigurationError(msg)
    reader = AttributeReader(token.module.library, session.handle)
    attributes = reader.snapshot(handle, token_key_template(spec, token.profile))
    key_id = reader.read(handle, Attribute.ID).hex()
    return KeyRecord(spec.label, spec.token, key_id, attributes, svd)
