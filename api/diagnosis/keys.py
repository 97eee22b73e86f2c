"""Module, tokens and keys."""

import secrets
from typing import Final

from cryptography import x509

from api.wiring import Services
from api.wiring.device import find_module
from api.wiring.process_life import compare_with_ceremony
from hsm.attack_report import attack_twins, refuse_successes
from signer.domain.errors import IntegrityAlarmError
from signer.domain.values import KeyAlgorithm

_PURPOSE: Final = "doctor"


def module(process: Services) -> str:
    """The library is there."""
    return str(find_module(process.settings.pkcs11_module))


def token_sam(process: Services) -> str:
    """Label, log-in, and a signature that verifies."""
    process.device.sam.health.check()
    return f"{process.settings.hsm_sam_label}: logged in, signs"


def token_pki(process: Services) -> str:
    """Label, log-in, and a signature that verifies."""
    process.device.pki.health.check()
    return f"{process.settings.hsm_pki_label}: logged in, signs"


def transcript(process: Services) -> str:
    """All keys are those of the ceremony, attribute by attribute."""
    compare_with_ceremony(process)
    return "all keys are those of the signed transcript"


def attacks(process: Services) -> str:
    """Known attacks on twins of the master keys are refused."""
    results = attack_twins(process.device.sam_config)
    refuse_successes(results)
    return f"{len(results)} attacks on twin keys were refused"


def round_trip(process: Services) -> str:
    """A citizen's key as enrolment makes it, its proof of possession, and a sealed field."""
    sam = process.device.sam
    made = sam.qscd.create_key(KeyAlgorithm.P_256)
    if not x509.load_der_x509_csr(made.csr_der).is_signature_valid:
        raise IntegrityAlarmError("the signature of a new key does not verify")
    secret = secrets.token_bytes(32)
    if sam.vault.expose(_PURPOSE, sam.vault.protect(_PURPOSE, secret)) != secret:
        raise IntegrityAlarmError("a field did not come back as it was")
    return "a new key was made, wrapped and used; a field was sealed and opened"
