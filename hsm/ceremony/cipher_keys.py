"""``python -m hsm.ceremony.cipher_keys``: makes or destroys one key that CMD clients encrypt to.

Reads a JSON object from standard input (module, profile, label, user_pin, action, number), so that
the PIN is neither an argument nor a file; exit 0 only when it is done and read back.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from pkcs11 import Attribute, ObjectClass
from PyKCS11 import PyKCS11Error  # type: ignore[import-untyped] # ships no types

from hsm.ceremony.device import Device, DeviceSession, new_key_id
from hsm.ceremony.steps import read_back
from hsm.keys import AttributeValue, KeySpec, cipher_key
from hsm.profile import HSMProfile, profile_named
from signer.domain.errors import ConfigurationError, SigningServiceError
from signer.domain.values import Secret


def run(request: Mapping[str, str]) -> None:
    """Do what the request says; raises ConfigurationError."""
    device = Device(Path(request["module"]))
    profile = profile_named(request["profile"])
    spec = cipher_key(int(request["number"]))
    slot = device.slot_of(request["label"])
    if slot is None:
        msg = f"token {request['label']} not found"
        raise ConfigurationError(msg)
    session = device.log_in(slot, Secret(request["user_pin"]))
    try:
        {"make": _make, "destroy": _destroy}[request["action"]](session, spec, profile)
    except PyKCS11Error as failure:
        msg = f"key {spec.label}: {failure}"
        raise ConfigurationError(msg) from failure
    finally:
        session.close()


def _make(session: DeviceSession, spec: KeySpec, profile: HSMProfile) -> None:
    if session.find({Attribute.LABEL: spec.label}):
        msg = f"key {spec.label} exists already"
        raise ConfigurationError(msg)
    session.make_token_key(spec, profile, new_key_id())
    read_back(session, spec, profile)


def _destroy(session: DeviceSession, spec: KeySpec, _profile: HSMProfile) -> None:
    name: dict[Attribute, AttributeValue] = {Attribute.LABEL: spec.label, Attribute.TOKEN: True}
    if session.find({**name, Attribute.CLASS: ObjectClass.DATA}):
        msg = f"key {spec.label} is published still; withdraw it first"
        raise ConfigurationError(msg)
    handles = session.find(name)
    if not handles:
        msg = f"there is no key {spec.label}"
        raise ConfigurationError(msg)
    session.destroy(*handles)


def main() -> int:
    """Errors go to standard error."""
    try:
        run(json.load(sys.stdin))
    except SigningServiceError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
