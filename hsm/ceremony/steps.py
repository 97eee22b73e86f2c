"""The ceremony itself: make tokens and keys, read back, attack twins, write the transcript."""

import base64
from collections.abc import Callable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from pkcs11 import Attribute, ObjectClass
from PyKCS11 import PyKCS11Error  # type: ignore[import-untyped] # ships no types

from hsm.attack_report import AttackResult, refuse_successes
from hsm.attacks import run_attacks
from hsm.ceremony.description import Description, TokenDescription
from hsm.ceremony.device import Device, DeviceSession, new_key_id
from hsm.health import encode_test_key
from hsm.keys import (
    AUDIT,
    HEALTH_TEST_KEY,
    MK_DERIVE,
    MK_FIELD,
    MK_WRAP,
    KeySpec,
    TokenName,
    token_key_template,
)
from hsm.private_keys import HSMECPrivateKey
from hsm.profile import HSMProfile
from hsm.public_keys import svd_der
from hsm.readback import expected, refuse_deviations
from hsm.transcript import FORMAT, Json, KeyRecord, seal
from signer.domain.errors import ConfigurationError
from signer.domain.values import KeyAlgorithm

_MASTER_KEYS = (MK_DERIVE, MK_WRAP, MK_FIELD)

Report = Callable[[str], None]


class Ceremony:
    """Follows one description; any deviation ends it with a ConfigurationError."""

    def __init__(self, description: Description, report: Report) -> None:
        self._description = description
        self._report = report
        self._device = Device(description.module)

    def run(self, now: datetime) -> bytes:
        """Make everything and give the signed transcript."""
        self._refuse_what_exists()
        records: list[KeyRecord] = []
        tokens: list[Json] = []
        attacks: tuple[AttackResult, ...] = ()
        for token in self._description.tokens:
            session, serial = self._open(token)
            tokens.append({"name": token.name.value, "label": token.label, "serial": serial})
            records += self._make_keys(session, token)
            if token.name is TokenName.SAM:
                _make_test_key(session, self._description.profile)
                self._report("attacking twin keys")
                attacks = run_attacks(session, self._description.profile)
                refuse_successes(attacks)
            session.close()
        body: Json = {
            "format": FORMAT,
            "made_at": now.isoformat().replace("+00:00", "Z"),
            "module": self._device.description,
            "profile": self._description.profile.name,
            "profile_tested": self._description.profile.tested,
            "tokens": tokens,
            "keys": [record.as_json() for record in records],
            "attacks": [result.as_json() for result in attacks],
        }
        return self._seal(body)

    def _refuse_what_exists(self) -> None:
        """Never touch a token that is in use: a second run refuses before it changes anything."""
        for token in self._description.tokens:
            slot = self._device.slot_of(token.label)
            if self._description.profile.initialises_tokens:
                if slot is not None:
                    msg = f"token {token.label} exists already; a ceremony never changes it"
                    raise ConfigurationError(msg)
                continue
            if slot is None:
                msg = f"token {token.label} not found.  Fix: make it with the HSM's own tools"
                raise ConfigurationError(msg)
            session = self._device.log_in(slot, token.user_pin)
            taken = [s.label for s in token.keys if session.find({Attribute.LABEL: s.label})]
            session.close()
            if taken:
                msg = f"token {token.label} has keys already: {', '.join(taken)}"
                raise ConfigurationError(msg)

    def _open(self, token: TokenDescription) -> tuple[DeviceSession, str]:
        if token.so_pin is not None:
            self._report(f"making token {token.label}")
            self._device.initialise_token(token.label, token.so_pin, token.user_pin)
        slot = self._device.slot_of(token.label)
        if slot is None:
            msg = f"token {token.label} is gone"
            raise ConfigurationError(msg)
        return self._device.log_in(slot, token.user_pin), self._device.serial_of(slot)

    def _make_keys(self, session: DeviceSession, token: TokenDescription) -> list[KeyRecord]:
        master_id = new_key_id()
        records = []
        for spec in token.keys:
            self._report(f"making key {spec.label} in token {token.label}")
            key_id = master_id if spec in _MASTER_KEYS else new_key_id()
            try:
                session.make_token_key(spec, self._description.profile, key_id)
            except PyKCS11Error as failure:
                msg = f"key {spec.label} could not be made: {failure}"
                raise ConfigurationError(msg) from failure
            records.append(read_back(session, spec, self._description.profile))
        return records

    def _seal(self, body: Json) -> bytes:
        token = self._description.token(TokenName.SAM)
        session, _ = self._open_again(token)
        (private,) = session.find(_key_named(AUDIT.label, ObjectClass.PRIVATE_KEY))
        (public,) = session.find(_key_named(AUDIT.label, ObjectClass.PUBLIC_KEY))
        svd = session.public_key(public, KeyAlgorithm.P_256)
        if not isinstance(svd, ec.EllipticCurvePublicKey):
            msg = "the audit key is not an EC key"
            raise ConfigurationError(msg)
        mechanism = self._description.profile.ecdsa_sign
        key = HSMECPrivateKey(lambda: svd, lambda digest: session.sign(private, mechanism, digest))
        sealed = seal(body, svd_der(svd), lambda m: key.sign(m, ec.ECDSA(SHA256())))
        session.close()
        return sealed

    def _open_again(self, token: TokenDescription) -> tuple[DeviceSession, int]:
        slot = self._device.slot_of(token.label)
        if slot is None:
            msg = f"token {token.label} is gone"
            raise ConfigurationError(msg)
        return self._device.log_in(slot, token.user_pin), slot


def _key_named(label: str, kind: ObjectClass) -> dict[Attribute, bool | int | str]:
    return {Attribute.CLASS: kind, Attribute.TOKEN: True, Attribute.LABEL: label}


def read_back(session: DeviceSession, spec: KeySpec, profile: HSMProfile) -> KeyRecord:
    """What the token says about a key just made; raises ConfigurationError on any deviation."""
    kind = ObjectClass.SECRET_KEY if spec.is_secret else ObjectClass.PRIVATE_KEY
    found = session.find(_key_named(spec.label, kind))
    if len(found) != 1:
        msg = f"key {spec.label}: {len(found)} objects have this label"
        raise ConfigurationError(msg)
    template = token_key_template(spec, profile)
    attributes = session.reader.snapshot(found[0], template)
    refuse_deviations(spec.label, expected(template), attributes)
    svd = ""
    if spec.algorithm is not None:
        (public,) = session.find(_key_named(spec.label, ObjectClass.PUBLIC_KEY))
        svd = base64.b64encode(
            svd_der(session.public_key(public, spec.algorithm, bits=spec.rsa_bits))
        ).decode()
    key_id = session.reader.read(found[0], Attribute.ID).hex()
    return KeyRecord(spec.label, spec.token, key_id, attributes, svd)


def _make_test_key(session: DeviceSession, profile: HSMProfile) -> None:
    """The wrapped key that health probes unwrap."""
    public, private = session.make_session_pair(KeyAlgorithm.P_256)
    (master,) = session.find(_key_named(MK_WRAP.label, ObjectClass.SECRET_KEY))
    wrapped = session.wrap(master, private, profile.key_wrap)
    svd = svd_der(session.public_key(public, KeyAlgorithm.P_256))
    session.destroy(public, private)
    session.make_data_object(HEALTH_TEST_KEY, encode_test_key(svd, wrapped))
