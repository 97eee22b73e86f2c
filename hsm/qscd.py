"""The signature device: makes wrapped keys and signs what an Authorisation grants."""

import os
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from typing import Final

import pkcs11
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pkcs11 import MGF, Attribute, Mechanism, MechanismFlag, ObjectClass, exceptions
from pkcs11.constants import DEFAULT
from pkcs11.types import SignMixin, UnwrapMixin, WrapMixin

from hsm.keys import (
    EC_PARAMETERS,
    MK_WRAP,
    RSA_BITS,
    UNWRAP_TEMPLATE,
    key_type_of,
)
from hsm.private_keys import HSMECPrivateKey, HSMRSAPrivateKey, ecdsa_der, leftmost
from hsm.profile import HSMProfile
from hsm.public_keys import load_public_key, svd_der
from hsm.token import SealBrokenError, Token, TokenSession, having
from hsm.vault import PKCS11KeyVault
from signer.domain.authorisation import Authorisation
from signer.domain.bindings import KeyScope, Stage
from signer.domain.errors import QSCDUnavailableError
from signer.domain.values import DTBSR, DigestAlgorithm, KeyAlgorithm, SignatureValue
from signer.ports import NewKey

_CURVE_BITS: Final = {KeyAlgorithm.P_256: 256, KeyAlgorithm.P_384: 384}

_PSS_PARAMETERS: Final = {
    DigestAlgorithm.SHA256: (Mechanism.SHA256, MGF.SHA256),
    DigestAlgorithm.SHA384: (Mechanism.SHA384, MGF.SHA384),
    DigestAlgorithm.SHA512: (Mechanism.SHA512, MGF.SHA512),
}
"""Digest and mask generation; the salt is as long as the digest."""

_SMALLEST_SHARED_BATCH: Final = 8
"""RSA batches of this size are spread over sessions; below it the hand-over costs more."""

_OBJECT_ID_BYTES: Final = 16

_WRAPPING_BROKEN: Final = (
    exceptions.WrappedKeyInvalid,
    exceptions.WrappedKeyLenRange,
    exceptions.EncryptedDataInvalid,
    exceptions.EncryptedDataLenRange,
    exceptions.GeneralError,
    exceptions.FunctionFailed,
)


@contextmanager
def unwrapped(
    session: TokenSession, profile: HSMProfile, algorithm: KeyAlgorithm, wrapped: bytes
) -> Iterator[pkcs11.Key]:
    """A private session object that can only sign, destroyed at the end whatever happens.

    Its CKA_ID is random, so that other sessions find it.  Raises SealBrokenError when ``wrapped``
    was not made by this MK_wrap.
    """
    master = session.key(ObjectClass.SECRET_KEY, MK_WRAP.label, UnwrapMixin)
    try:
        key = master.unwrap_key(
            ObjectClass.PRIVATE_KEY,
            key_type_of(algorithm),
            wrapped,
            id=secrets.token_bytes(_OBJECT_ID_BYTES),
            mechanism=profile.key_wrap,
            capabilities=MechanismFlag.SIGN,
            template=_UNWRAPPED,
        )
    except _WRAPPING_BROKEN as failure:
        raise SealBrokenError from failure
    try:
        yield key
    finally:
        key.destroy()


_UNWRAPPED: Final = dict(UNWRAP_TEMPLATE) | {
    # python-pkcs11 would add these three, which a private key does not have.
    Attribute.ENCRYPT: DEFAULT,
    Attribute.WRAP: DEFAULT,
    Attribute.VERIFY: DEFAULT,
}


def sign_one(
    key: SignMixin,
    profile: HSMProfile,
    algorithm: KeyAlgorithm,
    dtbsr: DTBSR,
    *,
    pss: bool = False,
) -> SignatureValue:
    """One C_Sign: RSA over the DigestInfo, PSS and ECDSA over the digest; ECDSA is DER encoded."""
    if pss:
        parameters = (*_PSS_PARAMETERS[dtbsr.algorithm], dtbsr.algorithm.size)
        value = key.sign(dtbsr.value, mechanism=profile.rsa_pss_sign, mechanism_param=parameters)
        return SignatureValue(value)
    if algorithm.is_rsa:
        message = dtbsr.algorithm.digest_info_prefix + dtbsr.value
        return SignatureValue(key.sign(message, mechanism=profile.rsa_sign))
    message = leftmost(dtbsr.value, _CURVE_BITS[algorithm])
    return SignatureValue(ecdsa_der(key.sign(message, mechanism=profile.ecdsa_sign)))


class PKCS11QSCD:
    """The ``QSCD`` of token ``sam``."""

    def __init__(self, token: Token, vault: PKCS11KeyVault, *, lanes: int = 0) -> None:
        """``lanes``: sessions a big RSA batch is spread over; 0 means one per processor."""
        self._token = token
        self._vault = vault
        self._lanes = lanes or os.cpu_count() or 1
        self._pool_lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._pool_process = 0

    def create_key(self, algorithm: KeyAlgorithm) -> NewKey:
        """Make a key pair and a PKCS#10 request (empty subject) signed by it, then destroy it."""
        return self._token.run(lambda session: self._create_key(session, algorithm))

    def sign(self, authorisation: Authorisation) -> tuple[SignatureValue, ...]:
        """Open, unwrap, sign each granted digest in order, destroy.  Never retried.

        Raises TypeError for a spent Authorisation, IntegrityAlarmError when the key blob does not
        open, QSCDUnavailableError when the HSM fails.
        """
        dtbsrs = authorisation.spend()
        return self._token.run(lambda session: self._sign(session, authorisation, dtbsrs))

    def _sign(
        self, session: TokenSession, authorisation: Authorisation, dtbsrs: tuple[DTBSR, ...]
    ) -> tuple[SignatureValue, ...]:
        stored = authorisation.key
        scope = KeyScope(Stage.KEY, stored.tenant, stored.credential)
        wrapped = self._vault.open_in(
            session, scope, authorisation.activation, stored.blob, aad=stored.aad
        )
        profile = self._token.profile
        with unwrapped(session, profile, stored.algorithm, wrapped) as key:
            sign = partial(
                sign_one,
                profile=profile,
                algorithm=stored.algorithm,
                pss=authorisation.algorithm.is_pss,
            )
            if stored.algorithm.is_rsa and len(dtbsrs) >= _SMALLEST_SHARED_BATCH:
                return self._sign_in_lanes(key, sign, dtbsrs)
            signing = having(key, SignMixin)
            return tuple(sign(signing, dtbsr=dtbsr) for dtbsr in dtbsrs)

    def _sign_in_lanes(
        self, key: pkcs11.Key, sign: Callable[..., SignatureValue], dtbsrs: tuple[DTBSR, ...]
    ) -> tuple[SignatureValue, ...]:
        """Spread a batch over several sessions; every lane has ended when this returns or raises.

        The lanes work under the caller's share of the gate and take none of their own: with a
        re-initialisation waiting they would wait for it, and it for the caller.
        """
        lanes = min(self._lanes, len(dtbsrs))
        object_id = key.id
        parts = [dtbsrs[lane::lanes] for lane in range(lanes)]
        pool = self._executor()
        others = [pool.submit(self._sign_lane, object_id, sign, part) for part in parts[1:]]
        try:
            first = [sign(having(key, SignMixin), dtbsr=dtbsr) for dtbsr in parts[0]]
        finally:
            wait(others)
        return _interleave([first, *(_result(other) for other in others)], len(dtbsrs))

    def _sign_lane(
        self, object_id: bytes, sign: Callable[..., SignatureValue], dtbsrs: Sequence[DTBSR]
    ) -> list[SignatureValue]:
        with self._token.borrow() as session:
            key = session.raw.get_key(object_class=ObjectClass.PRIVATE_KEY, id=object_id)
            signing = having(key, SignMixin)
            return [sign(signing, dtbsr=dtbsr) for dtbsr in dtbsrs]

    def _executor(self) -> ThreadPoolExecutor:
        """Threads of this process: those of a parent did not survive the fork."""
        if self._pool_process != os.getpid():
            self._pool_lock = threading.Lock()
        with self._pool_lock:
            if self._pool is None or self._pool_process != os.getpid():
                self._pool = ThreadPoolExecutor(
                    max_workers=2 * self._lanes, thread_name_prefix="hsm-batch"
                )
                self._pool_process = os.getpid()
            return self._pool

    def _create_key(self, session: TokenSession, algorithm: KeyAlgorithm) -> NewKey:
        public, private = _generate(session.raw, algorithm)
        try:
            svd = load_public_key(public, algorithm)
            csr = self._request(svd, private, algorithm)
            master = session.key(ObjectClass.SECRET_KEY, MK_WRAP.label, WrapMixin)
            wrapped = bytes(master.wrap_key(private, mechanism=self._token.profile.key_wrap))
        finally:
            private.destroy()
            public.destroy()
        return NewKey(svd_der(svd), csr, wrapped)

    def _request(
        self,
        svd: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
        private: pkcs11.PrivateKey,
        algorithm: KeyAlgorithm,
    ) -> bytes:
        profile, signing = self._token.profile, having(private, SignMixin)
        key: HSMRSAPrivateKey | HSMECPrivateKey
        if isinstance(svd, rsa.RSAPublicKey):
            key = HSMRSAPrivateKey(
                lambda: svd, lambda message: signing.sign(message, mechanism=profile.rsa_sign)
            )
        else:
            key = HSMECPrivateKey(
                lambda: svd, lambda digest: signing.sign(digest, mechanism=profile.ecdsa_sign)
            )
        digest = hashes.SHA384() if algorithm is KeyAlgorithm.P_384 else hashes.SHA256()
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
        csr = builder.sign(key, digest)
        if not csr.is_signature_valid:
            msg = "the HSM made a key pair whose halves do not match"
            raise QSCDUnavailableError(msg)
        return csr.public_bytes(serialization.Encoding.DER)


def _generate(
    session: pkcs11.Session, algorithm: KeyAlgorithm
) -> tuple[pkcs11.PublicKey, pkcs11.PrivateKey]:
    """A session key pair; EXTRACTABLE only because it is about to be wrapped, then destroyed."""
    private = {
        Attribute.PRIVATE: True,
        Attribute.SENSITIVE: True,
        Attribute.EXTRACTABLE: True,
        Attribute.DECRYPT: False,
        Attribute.UNWRAP: False,
        Attribute.DERIVE: False,
    }
    capabilities = MechanismFlag.SIGN | MechanismFlag.VERIFY
    if algorithm.is_rsa:
        return session.generate_keypair(
            key_type_of(algorithm),
            RSA_BITS[algorithm],
            capabilities=capabilities,
            private_template=private,
        )
    parameters = session.create_domain_parameters(
        key_type_of(algorithm), {Attribute.EC_PARAMS: EC_PARAMETERS[algorithm]}, local=True
    )
    return parameters.generate_keypair(capabilities=capabilities, private_template=private)


def _result(lane: "Future[list[SignatureValue]]") -> list[SignatureValue]:
    return lane.result()


def _interleave(lanes: list[list[SignatureValue]], count: int) -> tuple[SignatureValue, ...]:
    """Undo ``dtbsrs[lane::lanes]``: order out is order in."""
    return tuple(lanes[i % len(lanes)][i // len(lanes)] for i in range(count))
