"""What differs from one HSM model to the next: mechanism numbers and what templates it takes."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pkcs11 import Mechanism

from signer.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class HSMProfile:
    """Mechanisms (PKCS#11 3.1 names) and abilities of one kind of HSM."""

    name: str
    tested: bool
    """False: written from the general PKCS#11 rules and manuals, never run against the device."""
    key_wrap: Mechanism
    """RFC 5649 (KWP).  SoftHSM 2.6 answers to the number of AES_KEY_WRAP_PAD for it."""
    derive: Mechanism = Mechanism.AES_CBC_ENCRYPT_DATA
    authenticated_encryption: Mechanism = Mechanism.AES_GCM
    mac: Mechanism = Mechanism.AES_CMAC
    rsa_sign: Mechanism = Mechanism.RSA_PKCS
    rsa_pss_sign: Mechanism = Mechanism.RSA_PKCS_PSS
    rsa_raw: Mechanism = Mechanism.RSA_X_509
    key_agreement: Mechanism = Mechanism.ECDH1_DERIVE
    ecdsa_sign: Mechanism = Mechanism.ECDSA
    unwrap_template: bool = True
    """MK_wrap carries CKA_UNWRAP_TEMPLATE; a profile without it is refused in production."""
    allowed_mechanisms: bool = True
    copyable: bool = True
    """The device knows CKA_COPYABLE."""
    initialises_tokens: bool = False
    """The ceremony may call C_InitToken and C_InitPIN itself (SoftHSM only)."""
    notes: str = ""


_SOFTHSM: Final = HSMProfile(
    name="softhsm",
    tested=True,
    key_wrap=Mechanism.AES_KEY_WRAP_PAD,
    initialises_tokens=True,
    notes="SoftHSM 2.6.1.  No lock-out of the user PIN, no CKA_DERIVE_TEMPLATE.",
)

_LUNA: Final = HSMProfile(
    name="luna",
    tested=False,
    key_wrap=Mechanism.AES_KEY_WRAP_KWP,
    unwrap_template=True,
    allowed_mechanisms=True,
    copyable=False,
    notes=(
        "Thales Luna 7.  Untested.  Partition and roles are made with lunacm; the partition policy "
        "must allow private-key wrapping and unwrapping and AES_CBC_ENCRYPT_DATA."
    ),
)

_CLOUDHSM: Final = HSMProfile(
    name="cloudhsm",
    tested=False,
    key_wrap=Mechanism.AES_KEY_WRAP_KWP,
    unwrap_template=True,
    allowed_mechanisms=False,
    copyable=False,
    notes=(
        "AWS CloudHSM, client SDK 5.  Untested.  The user PIN has the form user:password; KWP is "
        "a vendor mechanism on some versions: check the number with pkcs11-tool first."
    ),
)

_UTIMACO: Final = HSMProfile(
    name="utimaco",
    tested=False,
    key_wrap=Mechanism.AES_KEY_WRAP_KWP,
    notes="Utimaco SecurityServer.  Untested.  Slots are set up with p11tool2.",
)

PROFILES: Final[Mapping[str, HSMProfile]] = MappingProxyType(
    {profile.name: profile for profile in (_SOFTHSM, _LUNA, _CLOUDHSM, _UTIMACO)}
)


def profile_named(name: str) -> HSMProfile:
    """Look up a profile; raises ConfigurationError that lists the known names."""
    try:
        return PROFILES[name]
    except KeyError:
        known = ", ".join(sorted(PROFILES))
        msg = f"unknown HSM profile {name!r}; known: {known}"
        raise ConfigurationError(msg) from None
