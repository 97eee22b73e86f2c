"""Finds out whether a token really works: unwrap, sign, verify; session state says nothing."""

import base64
import json
import math
import secrets
import threading
import time
from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from pkcs11 import Attribute, ObjectClass, exceptions
from pkcs11.types import PublicKey, SignMixin

from hsm.keys import HEALTH_TEST_KEY
from hsm.private_keys import ecdsa_der
from hsm.public_keys import load_ec
from hsm.qscd import unwrapped
from hsm.token import Token, TokenSession, having
from signer.domain.errors import ConfigurationError, QSCDUnavailableError
from signer.domain.values import KeyAlgorithm

CACHE_SECONDS: Final = 5.0
_CHALLENGE_BYTES: Final = 32


def encode_test_key(svd_der: bytes, wrapped: bytes) -> bytes:
    """The value of token ``sam``'s test key object: JSON with base64 fields."""
    fields = {"svd": svd_der, "wrapped": wrapped}
    return json.dumps({k: base64.b64encode(v).decode() for k, v in fields.items()}).encode()


def _decode_test_key(value: bytes) -> tuple[bytes, bytes]:
    fields = json.loads(value)
    return base64.b64decode(fields["svd"]), base64.b64decode(fields["wrapped"])


def probe_wrapped_key(token: Token) -> None:
    """Unwrap token ``sam``'s test key, sign a random challenge, verify.

    Raises PKCS#11 errors, SealBrokenError or QSCDUnavailableError.
    """
    token.attempt(lambda session: unwrap_sign_verify(token, session))


def unwrap_sign_verify(token: Token, session: TokenSession) -> None:
    """:func:`probe_wrapped_key` inside a running operation."""
    found = list(
        session.raw.get_objects(
            {
                Attribute.CLASS: ObjectClass.DATA,
                Attribute.LABEL: HEALTH_TEST_KEY,
                Attribute.TOKEN: True,
            }
        )
    )
    if len(found) != 1:
        raise exceptions.NoSuchKey
    svd_der, wrapped = _decode_test_key(found[0][Attribute.VALUE])
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    with unwrapped(session, token.profile, KeyAlgorithm.P_256, wrapped) as key:
        value = having(key, SignMixin).sign(challenge, mechanism=token.profile.ecdsa_sign)
    svd = serialization.load_der_public_key(svd_der)
    if not isinstance(svd, ec.EllipticCurvePublicKey):
        raise QSCDUnavailableError
    _verify(svd, challenge, value)


def probe_token_key(token: Token) -> None:
    """Sign a random challenge with the token's own test key, verify.

    Raises PKCS#11 errors or QSCDUnavailableError.
    """
    token.attempt(lambda session: sign_verify(token, session))


def sign_verify(token: Token, session: TokenSession) -> None:
    """:func:`probe_token_key` inside a running operation."""
    challenge = secrets.token_bytes(_CHALLENGE_BYTES)
    private = session.key(ObjectClass.PRIVATE_KEY, HEALTH_TEST_KEY, SignMixin)
    public = session.key(ObjectClass.PUBLIC_KEY, HEALTH_TEST_KEY, PublicKey)
    value = private.sign(challenge, mechanism=token.profile.ecdsa_sign)
    parameters, point = public[Attribute.EC_PARAMS], public[Attribute.EC_POINT]
    _verify(load_ec(parameters, point, KeyAlgorithm.P_256), challenge, value)


def _verify(svd: ec.EllipticCurvePublicKey, challenge: bytes, value: bytes) -> None:
    try:
        svd.verify(ecdsa_der(value), challenge, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
    except InvalidSignature as failure:
        msg = "the HSM made a signature that does not verify"
        raise QSCDUnavailableError(msg) from failure


class TokenHealth:
    """The answer to "does this token work", at most five seconds old."""

    def __init__(
        self,
        token: Token,
        check: Callable[[Token, TokenSession], None],
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._token = token
        self._check = check
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._checked_at = -math.inf
        self._failure: QSCDUnavailableError | ConfigurationError | None = None

    def check(self) -> None:
        """Raise QSCDUnavailableError (or ConfigurationError: PIN refused) unless it works.

        Asking also brings a returned HSM back, without other traffic.
        """
        with self._lock:
            if self._monotonic() - self._checked_at >= CACHE_SECONDS:
                self._failure = self._ask()
                self._checked_at = self._monotonic()
            if self._failure is not None:
                raise self._failure.with_traceback(None)

    def is_healthy(self) -> bool:
        """:meth:`check` as a yes or no."""
        try:
            self.check()
        except (QSCDUnavailableError, ConfigurationError):
            return False
        return True

    def _ask(self) -> QSCDUnavailableError | ConfigurationError | None:
        try:
            self._token.run(lambda session: self._check(self._token, session))
        except (QSCDUnavailableError, ConfigurationError) as failure:
            return failure
        return None
