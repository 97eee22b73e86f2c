"""Known attacks on master keys, run on twins made from the same template code.

Each attack also runs on a badly made twin, where it must work: an attack that never works proves
nothing.  Sources: J. Clulow, "On the Security of PKCS #11" (CHES 2003); M. Bortolozzo et al.,
"Attacking and Fixing PKCS#11 Security Tokens" (CCS 2010).  Uses PyKCS11: import it only in a
process that does not use :mod:`hsm.loader`.
"""

import ctypes
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import PyKCS11  # type: ignore[import-untyped] # ships no types
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from PyKCS11 import PyKCS11Error

from hsm.attack_report import AttackResult
from hsm.ceremony.device import Device, DeviceSession, Handle, native, object_of
from hsm.keys import (
    MK_DERIVE,
    MK_WRAP,
    AttributeValue,
    KeySpec,
    token_key_template,
)
from hsm.profile import HSMProfile, profile_named
from hsm.readback import RawAttribute, encode
from signer.domain.errors import ConfigurationError
from signer.domain.values import KeyAlgorithm, Secret

_KWP_MAGIC: Final = bytes.fromhex("a65959a6")
_SEMIBLOCK: Final = 8
_ROUNDS: Final = 6

Template = dict[Attribute, AttributeValue]


@dataclass(frozen=True, slots=True)
class Bench:
    """What an attacker with the user PIN has: a session, the twin keys and a stolen blob."""

    session: DeviceSession
    profile: HSMProfile
    wrap: Handle
    derive: Handle
    blob: bytes
    """A citizen's P-256 key, KWP-wrapped under ``wrap``."""


Attack = Callable[[Bench], bool]


def _set(bench: Bench, key: Handle, template: Template) -> None:
    bench.session.raw.setAttributeValue(object_of(key), native(template))


def _readable(bench: Bench, key: Handle) -> bool:
    try:
        return bool(bench.session.reader.read(key, Attribute.VALUE))
    except ConfigurationError:
        return False


def turn_on_decrypt(bench: Bench) -> bool:
    """Give MK_wrap CKA_DECRYPT, undo KWP block by block in software: the PKCS#8 key in clear."""
    _set(bench, bench.wrap, {Attribute.DECRYPT: True})
    ecb = PyKCS11.Mechanism(int(Mechanism.AES_ECB))

    def decrypt(block: bytes) -> bytes:
        return bytes(bench.session.raw.decrypt(object_of(bench.wrap), block, ecb))

    return undo_kwp(bench.blob, decrypt)[: len(_KWP_MAGIC)] == _KWP_MAGIC


def undo_kwp(wrapped: bytes, decrypt: Callable[[bytes], bytes]) -> bytes:
    """The inverse of W (RFC 3394, 2.2.2; RFC 5649, 4.2): integrity value, length, key, padding."""
    register, *blocks = (wrapped[i : i + _SEMIBLOCK] for i in range(0, len(wrapped), _SEMIBLOCK))
    for step in range(_ROUNDS * len(blocks), 0, -1):
        index = (step - 1) % len(blocks)
        mixed = int.from_bytes(register, "big") ^ step
        plain = decrypt(mixed.to_bytes(_SEMIBLOCK, "big") + blocks[index])
        register, blocks[index] = plain[:_SEMIBLOCK], plain[_SEMIBLOCK:]
    return register + b"".join(blocks)


def turn_on_encrypt(bench: Bench) -> bool:
    """Give MK_derive CKA_ENCRYPT: every derived key is then a readable encryption."""
    _set(bench, bench.derive, {Attribute.ENCRYPT: True})
    ecb = PyKCS11.Mechanism(int(Mechanism.AES_ECB))
    return bool(bench.session.raw.encrypt(object_of(bench.derive), bytes(16), ecb))


def read_master_key(bench: Bench) -> bool:
    """Read CKA_VALUE of either master key."""
    return _readable(bench, bench.wrap) or _readable(bench, bench.derive)


def make_extractable(bench: Bench) -> bool:
    """Set EXTRACTABLE on MK_derive, then wrap it (PKCS#11 forbids it for every key)."""
    return bool(bench.session.wrap(bench.wrap, bench.derive, bench.profile.key_wrap))


def bulk_derive(bench: Bench) -> bool:
    """Derive by AES_ECB_ENCRYPT_DATA: many guesses of a PIN in one call."""
    mechanism = PyKCS11.KEY_DERIVATION_STRING_DATA_MechanismBase(
        bytes(32), int(Mechanism.AES_ECB_ENCRYPT_DATA)
    )
    template: Template = {
        Attribute.CLASS: ObjectClass.SECRET_KEY,
        Attribute.KEY_TYPE: KeyType.AES,
        Attribute.VALUE_LEN: 32,
        Attribute.TOKEN: False,
    }
    derived = bench.session.raw.deriveKey(object_of(bench.derive), native(template), mechanism)
    bench.session.destroy(int(derived.value()))
    return True


def wrap_otherwise(bench: Bench) -> bool:
    """Use MK_wrap with another wrapping mechanism."""
    public, private = bench.session.make_session_pair(KeyAlgorithm.P_256)
    try:
        # RFC 3394 takes whole blocks only, so it is a fresh AES key that is wrapped.
        victim = bench.session.generate_secret(_EXTRACTABLE_SECRET)
        return bool(bench.session.wrap(bench.wrap, victim, Mechanism.AES_KEY_WRAP))
    finally:
        bench.session.destroy(public, private)


_EXTRACTABLE_SECRET: Final[Template] = {
    Attribute.CLASS: ObjectClass.SECRET_KEY,
    Attribute.KEY_TYPE: KeyType.AES,
    Attribute.VALUE_LEN: 32,
    Attribute.TOKEN: False,
    Attribute.PRIVATE: True,
    Attribute.EXTRACTABLE: True,
}


# Written out again on purpose: a gap in hsm.keys.UNWRAP_TEMPLATE must not be a gap here.
_HARMLESS_UNWRAP: Final[Template] = {
    Attribute.CLASS: ObjectClass.PRIVATE_KEY,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
    Attribute.TOKEN: False,
    Attribute.SIGN: True,
    Attribute.DECRYPT: False,
    Attribute.UNWRAP: False,
    Attribute.DERIVE: False,
}


def _good_unwrap() -> Template:
    return {**_HARMLESS_UNWRAP, Attribute.KEY_TYPE: KeyType.EC}


def unwrap_readable(bench: Bench) -> bool:
    """Unwrap the blob into an object whose private value can be read."""
    template = _good_unwrap() | {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True}
    key = bench.session.unwrap(bench.wrap, bench.blob, template, bench.profile.key_wrap)
    try:
        return _readable(bench, key)
    finally:
        bench.session.destroy(key)


def unwrap_bare(bench: Bench) -> bool:
    """Unwrap leaving the nine out and hope for permissive defaults."""
    template: Template = {
        Attribute.CLASS: ObjectClass.PRIVATE_KEY,
        Attribute.KEY_TYPE: KeyType.EC,
        Attribute.SENSITIVE: False,
    }
    key = bench.session.unwrap(bench.wrap, bench.blob, template, bench.profile.key_wrap)
    bench.session.destroy(key)
    return True


def unwrap_with(attribute: Attribute) -> Attack:
    """Unwrap with one of the nine attributes turned round."""

    def attack(bench: Bench) -> bool:
        template = _good_unwrap()
        if attribute is Attribute.CLASS:
            template = {
                Attribute.CLASS: ObjectClass.SECRET_KEY,
                Attribute.KEY_TYPE: KeyType.GENERIC_SECRET,
                Attribute.TOKEN: False,
            }
        else:
            template[attribute] = not template[attribute]
        key = bench.session.unwrap(bench.wrap, bench.blob, template, bench.profile.key_wrap)
        bench.session.destroy(key)
        return True

    return attack


def wrap_again(bench: Bench) -> bool:
    """Unwrap as the device does, then wrap under a key of one's own."""
    template = _good_unwrap() | {Attribute.EXTRACTABLE: True}
    key = bench.session.unwrap(bench.wrap, bench.blob, template, bench.profile.key_wrap)
    own = bench.session.generate_secret(
        _EXTRACTABLE_SECRET | {Attribute.WRAP: True, Attribute.UNWRAP: True}
    )
    try:
        return bool(bench.session.wrap(own, key, bench.profile.key_wrap))
    finally:
        bench.session.destroy(key, own)


def copy_with_more(bench: Bench) -> bool:
    """Copy MK_wrap to an object that also decrypts."""
    changes: Template = {Attribute.DECRYPT: True}
    attributes, _buffers = _raw_template(changes)
    made = ctypes.c_ulong()
    value = bench.session.library.C_CopyObject(
        ctypes.c_ulong(bench.session.handle),
        ctypes.c_ulong(bench.wrap),
        attributes,
        ctypes.c_ulong(len(changes)),
        ctypes.byref(made),
    )
    if value:
        return False
    bench.session.destroy(made.value)
    return True


def _raw_template(
    template: Template,
) -> tuple["ctypes.Array[RawAttribute]", list["ctypes.Array[ctypes.c_char]"]]:
    values = [encode(value) for value in template.values()]
    buffers = [ctypes.create_string_buffer(value, len(value)) for value in values]
    attributes = (RawAttribute * len(template))(
        *(
            RawAttribute(attribute, ctypes.addressof(buffer), len(buffer))
            for attribute, buffer in zip(template, buffers, strict=True)
        )
    )
    return attributes, buffers


Weakening = Mapping[Attribute, AttributeValue | None]
"""Attributes of a badly made twin; None leaves the attribute out."""

_CHANGEABLE: Final[Weakening] = {
    Attribute.MODIFIABLE: True,
    Attribute.ALLOWED_MECHANISMS: None,
}
_ANY_MECHANISM: Final[Weakening] = {Attribute.ALLOWED_MECHANISMS: None}
_ANY_UNWRAPPING: Final[Weakening] = {Attribute.UNWRAP_TEMPLATE: None}

ATTACKS: Final[Mapping[str, tuple[Attack, Weakening]]] = {
    "turn on decrypt": (turn_on_decrypt, _CHANGEABLE),
    "turn on encrypt": (turn_on_encrypt, _CHANGEABLE),
    "read master key": (
        read_master_key,
        {Attribute.SENSITIVE: False, Attribute.EXTRACTABLE: True},
    ),
    "wrap master key": (make_extractable, {Attribute.EXTRACTABLE: True}),
    "bulk derive": (bulk_derive, _ANY_MECHANISM),
    "wrap otherwise": (wrap_otherwise, _ANY_MECHANISM),
    "copy with more": (copy_with_more, {Attribute.COPYABLE: None, Attribute.MODIFIABLE: True}),
    "unwrap readable": (unwrap_readable, _ANY_UNWRAPPING),
    "unwrap bare": (unwrap_bare, _ANY_UNWRAPPING),
    "wrap again": (wrap_again, _ANY_UNWRAPPING),
    **{
        f"unwrap with other {attribute.name}": (unwrap_with(attribute), _ANY_UNWRAPPING)
        for attribute in _HARMLESS_UNWRAP
    },
}


def run_attacks(session: DeviceSession, profile: HSMProfile) -> tuple[AttackResult, ...]:
    """Run every attack on a fresh twin and on a fresh badly made one."""
    return tuple(
        AttackResult(
            name,
            succeeded=_works(attack, session, profile, {}),
            control_succeeded=_works(attack, session, profile, weakening),
        )
        for name, (attack, weakening) in ATTACKS.items()
    )


def _works(
    attack: Attack, session: DeviceSession, profile: HSMProfile, weakening: Weakening
) -> bool:
    wrap = session.generate_secret(_twin(MK_WRAP, profile, weakening))
    derive = session.generate_secret(_twin(MK_DERIVE, profile, weakening))
    public, private = session.make_session_pair(KeyAlgorithm.P_256)
    blob = session.wrap(wrap, private, profile.key_wrap)
    try:
        return attack(Bench(session, profile, wrap, derive, blob))
    except PyKCS11Error:
        return False
    finally:
        session.destroy(wrap, derive, public, private)


def _twin(spec: KeySpec, profile: HSMProfile, weakening: Weakening) -> Template:
    template = token_key_template(spec, profile) | {Attribute.TOKEN: False}
    for attribute, value in weakening.items():
        if value is None:
            template.pop(attribute, None)
        elif attribute in template:
            template[attribute] = value
    return template


def main() -> None:
    """Serve :func:`hsm.attack_report.attack_twins`: settings from standard input, JSON out."""
    settings = json.load(sys.stdin)
    device = Device(Path(settings["module"]))
    slot = device.slot_of(settings["label"])
    if slot is None:
        msg = f"token {settings['label']} not found"
        raise ConfigurationError(msg)
    session = device.log_in(slot, Secret(settings["user_pin"]))
    results = run_attacks(session, profile_named(settings["profile"]))
    session.close()
    json.dump([result.as_json() for result in results], sys.stdout)


if __name__ == "__main__":
    main()
