"""The ceremony's own hands on the HSM: PyKCS11, one process, one thread.

python-pkcs11 crashes on CKA_UNWRAP_TEMPLATE and has no C_InitToken; PyKCS11 has both.
"""

import ctypes
import secrets
from collections.abc import Mapping
from pathlib import Path

import PyKCS11  # type: ignore[import-untyped] # ships no types
from pkcs11 import Attribute, Mechanism, ObjectClass
from PyKCS11 import PyKCS11Error

from hsm.keys import (
    KeySpec,
    Template,
    public_key_parameters,
    public_key_template,
    token_key_template,
)
from hsm.profile import HSMProfile
from hsm.public_keys import PublicKey, load_ec, load_rsa
from hsm.readback import AttributeReader
from signer.domain.errors import ConfigurationError
from signer.domain.values import KeyAlgorithm, Secret

_CKF_TOKEN_INITIALIZED = 0x400
_KEY_ID_BYTES = 8

Handle = int


class Device:
    """The PKCS#11 module, loaded once."""

    def __init__(self, module: Path) -> None:
        self.library = ctypes.CDLL(str(module))
        self._pykcs11 = PyKCS11.PyKCS11Lib()
        try:
            self._pykcs11.load(str(module))
        except PyKCS11Error as failure:
            msg = f"the PKCS#11 module {module} does not start: {failure}"
            raise ConfigurationError(msg) from failure

    @property
    def description(self) -> str:
        """What the module says it is, with its version."""
        info = self._pykcs11.getInfo()
        major, minor = info.libraryVersion
        return f"{info.manufacturerID.strip()} {info.libraryDescription.strip()} {major}.{minor}"

    def slot_of(self, label: str) -> int | None:
        """The slot whose initialised token has this label."""
        for slot in self._pykcs11.getSlotList(tokenPresent=True):
            info = self._pykcs11.getTokenInfo(slot)
            if info.flags & _CKF_TOKEN_INITIALIZED and info.label.rstrip(" \0") == label:
                return int(slot)
        return None

    def serial_of(self, slot: int) -> str:
        """The token's serial number."""
        return str(self._pykcs11.getTokenInfo(slot).serialNumber).strip()

    def initialise_token(self, label: str, so_pin: Secret, user_pin: Secret) -> None:
        """Make a token in a free slot and set its user PIN (SoftHSM only).

        By C_InitToken and not softhsm2-util, whose arguments every user of the host could read.
        """
        for slot in self._pykcs11.getSlotList(tokenPresent=True):
            if not self._pykcs11.getTokenInfo(slot).flags & _CKF_TOKEN_INITIALIZED:
                break
        else:
            msg = f"no free slot for token {label}"
            raise ConfigurationError(msg)
        try:
            self._pykcs11.initToken(slot, so_pin.reveal(), label)
            made = self.slot_of(label)
            session = self._pykcs11.openSession(made, _READ_WRITE)
            session.login(so_pin.reveal(), PyKCS11.CKU_SO)
            session.initPin(user_pin.reveal())
            session.logout()
            session.closeSession()
        except PyKCS11Error as failure:
            msg = f"token {label} could not be made: {failure}"
            raise ConfigurationError(msg) from failure

    def log_in(self, slot: int, user_pin: Secret) -> "DeviceSession":
        """A read-write session; raises ConfigurationError when the PIN is refused."""
        try:
            session = self._pykcs11.openSession(slot, _READ_WRITE)
            session.login(user_pin.reveal())
        except PyKCS11Error as failure:
            msg = f"the HSM refused the user PIN: {failure}"
            raise ConfigurationError(msg) from failure
        return DeviceSession(self.library, session)


_READ_WRITE = PyKCS11.CKF_SERIAL_SESSION | PyKCS11.CKF_RW_SESSION


def native(template: Template) -> list[tuple[int, object]]:
    """A template as PyKCS11 takes it."""
    result: list[tuple[int, object]] = []
    for attribute, value in template.items():
        if isinstance(value, Mapping):
            result.append((int(attribute), native(value)))
        elif isinstance(value, tuple):
            array = (ctypes.c_ulong * len(value))(*value)
            result.append((int(attribute), tuple(bytes(array))))
        elif isinstance(value, bytes):
            result.append((int(attribute), tuple(value)))
        elif isinstance(value, bool | str):
            result.append((int(attribute), value))
        else:
            result.append((int(attribute), int(value)))
    return result


class DeviceSession:
    """A logged-in session of the ceremony; errors come out as PyKCS11Error."""

    def __init__(self, library: ctypes.CDLL, raw: "PyKCS11.Session") -> None:
        self.raw = raw
        self.library = library
        self.handle = int(raw.session.value())
        self.reader = AttributeReader(library, self.handle)

    def close(self) -> None:
        """Log out and close."""
        self.raw.logout()
        self.raw.closeSession()

    def find(self, template: Template) -> list[Handle]:
        """Handles of matching objects."""
        return [int(found.value()) for found in self.raw.findObjects(native(template))]

    def generate_secret(self, template: Template) -> Handle:
        """C_GenerateKey for AES."""
        mechanism = PyKCS11.Mechanism(int(Mechanism.AES_KEY_GEN))
        return int(self.raw.generateKey(native(template), mecha=mechanism).value())

    def generate_pair(
        self, algorithm: KeyAlgorithm, public: Template, private: Template
    ) -> tuple[Handle, Handle]:
        """C_GenerateKeyPair; gives the public and the private handle."""
        number = Mechanism.RSA_PKCS_KEY_PAIR_GEN if algorithm.is_rsa else Mechanism.EC_KEY_PAIR_GEN
        made = self.raw.generateKeyPair(
            native(public), native(private), mecha=PyKCS11.Mechanism(int(number))
        )
        return int(made[0].value()), int(made[1].value())

    def public_key(self, handle: Handle, algorithm: KeyAlgorithm, *, bits: int = 0) -> PublicKey:
        """Read and check a public key."""
        if algorithm.is_rsa:
            modulus = self.reader.read(handle, Attribute.MODULUS)
            exponent = self.reader.read(handle, Attribute.PUBLIC_EXPONENT)
            return load_rsa(modulus, exponent, algorithm, bits=bits)
        parameters = self.reader.read(handle, Attribute.EC_PARAMS)
        return load_ec(parameters, self.reader.read(handle, Attribute.EC_POINT), algorithm)

    def sign(self, key: Handle, mechanism: Mechanism, message: bytes) -> bytes:
        """C_Sign."""
        return bytes(self.raw.sign(object_of(key), message, PyKCS11.Mechanism(int(mechanism))))

    def wrap(self, master: Handle, key: Handle, mechanism: Mechanism) -> bytes:
        """C_WrapKey."""
        native_mechanism = PyKCS11.Mechanism(int(mechanism))
        return bytes(self.raw.wrapKey(object_of(master), object_of(key), native_mechanism))

    def unwrap(
        self, master: Handle, wrapped: bytes, template: Template, mechanism: Mechanism
    ) -> Handle:
        """C_UnwrapKey."""
        made = self.raw.unwrapKey(
            object_of(master), wrapped, native(template), PyKCS11.Mechanism(int(mechanism))
        )
        return int(made.value())

    def destroy(self, *handles: Handle) -> None:
        """C_DestroyObject for each."""
        for handle in handles:
            self.raw.destroyObject(object_of(handle))

    def make_token_key(self, spec: KeySpec, profile: HSMProfile, key_id: bytes) -> Handle:
        """A key of the table, stored in the token; gives the secret or private handle."""
        name: Template = {Attribute.LABEL: spec.label, Attribute.ID: key_id}
        template = {**token_key_template(spec, profile), **name}
        if spec.algorithm is None:
            return self.generate_secret(template)
        public = {**public_key_template(spec), **name}
        return self.generate_pair(spec.algorithm, public, template)[1]

    def make_session_pair(self, algorithm: KeyAlgorithm) -> tuple[Handle, Handle]:
        """A key pair that can be wrapped and then vanishes: public and private handle."""
        public = {Attribute.CLASS: ObjectClass.PUBLIC_KEY, Attribute.TOKEN: False}
        private = {
            Attribute.CLASS: ObjectClass.PRIVATE_KEY,
            Attribute.TOKEN: False,
            Attribute.PRIVATE: True,
            Attribute.SENSITIVE: True,
            Attribute.EXTRACTABLE: True,
            Attribute.SIGN: True,
            Attribute.DECRYPT: False,
            Attribute.UNWRAP: False,
            Attribute.DERIVE: False,
        }
        return self.generate_pair(algorithm, public | public_key_parameters(algorithm), private)

    def make_data_object(self, label: str, value: bytes) -> Handle:
        """A private data object in the token that nobody changes afterwards."""
        template: Template = {
            Attribute.CLASS: ObjectClass.DATA,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: True,
            Attribute.MODIFIABLE: False,
            Attribute.LABEL: label,
            Attribute.VALUE: value,
        }
        return int(self.raw.createObject(native(template)).value())


def new_key_id() -> bytes:
    """A fresh CKA_ID."""
    return secrets.token_bytes(_KEY_ID_BYTES)


def object_of(handle: Handle) -> "PyKCS11.LowLevel.CK_OBJECT_HANDLE":
    """The handle as PyKCS11 takes it."""
    made = PyKCS11.LowLevel.CK_OBJECT_HANDLE()
    made.assign(handle)
    return made
