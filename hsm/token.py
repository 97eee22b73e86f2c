"""A token in use: pooled sessions, cached handles, and what to do when a call fails."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import pkcs11
from pkcs11 import ObjectClass, exceptions
from pkcs11.exceptions import PKCS11Error

from hsm.loader import Module
from hsm.profile import HSMProfile
from signer.domain.errors import ConfigurationError, IntegrityAlarmError, QSCDUnavailableError
from signer.domain.values import Secret

OPERATIONS_PER_SESSION: Final = 10_000
"""Then the session is closed and replaced, so that nothing a module leaks grows for ever."""

_LOG = logging.getLogger(__name__)

_Result = TypeVar("_Result")
_Ability = TypeVar("_Ability")

_LOST: Final = (
    exceptions.SessionHandleInvalid,
    exceptions.SessionClosed,
    exceptions.ObjectHandleInvalid,
    exceptions.KeyHandleInvalid,
    exceptions.UnwrappingKeyHandleInvalid,
    exceptions.WrappingKeyHandleInvalid,
    exceptions.DeviceError,
    exceptions.DeviceMemory,
    exceptions.DeviceRemoved,
    exceptions.TokenNotPresent,
    exceptions.TokenNotRecognised,
    exceptions.SlotIDInvalid,
    exceptions.UserNotLoggedIn,
    exceptions.UserPinNotInitialized,
    exceptions.NoSuchToken,
    exceptions.NoSuchKey,
)
"""The module's state is gone; only a new initialisation helps."""

_PIN_REFUSED: Final = (
    exceptions.PinIncorrect,
    exceptions.PinInvalid,
    exceptions.PinLenRange,
    exceptions.PinLocked,
    exceptions.PinExpired,
)


class SealBrokenError(Exception):
    """Sealed bytes did not open: bad input or a sick HSM, which the probe tells apart.

    Private to ``hsm``; :meth:`Token.run` turns it into IntegrityAlarmError or a recovery.
    """


def having(key: object, ability: type[_Ability]) -> _Ability:
    """Narrow a key to what it can do (python-pkcs11 decides that from its attributes)."""
    if not isinstance(key, ability):
        raise exceptions.KeyTypeInconsistent
    return key


def whole(output: bytes | Iterator[bytes]) -> bytes:
    """Give the output of a one-part operation (the binding's type also covers generators)."""
    return output if isinstance(output, bytes) else b"".join(output)


class TokenSession:
    """One session, used by one thread at a time, with the handles it has found."""

    def __init__(self, raw: pkcs11.Session, generation: int) -> None:
        self.raw = raw
        self.generation = generation
        self.uses = 0
        self._keys: dict[tuple[ObjectClass, str], pkcs11.Key] = {}

    @property
    def handle(self) -> int:
        """The PKCS#11 session handle, for calls that python-pkcs11 does not have."""
        handle: int = self.raw.handle  # type: ignore[attr-defined] # left out of its stub
        return handle

    def key(self, kind: ObjectClass, label: str, ability: type[_Ability]) -> _Ability:
        """The token's one key of this kind and label; its handle is cached.

        Raises NoSuchKey and MultipleObjectsReturned of python-pkcs11.
        """
        key = self._keys.get((kind, label))
        if key is None:
            key = self.raw.get_key(object_class=kind, label=label)
            self._keys[kind, label] = key
        return having(key, ability)


class Token:
    """A token, found by its label; every PKCS#11 operation of the service passes :meth:`run`."""

    def __init__(
        self,
        module: Module,
        label: str,
        user_pin: Secret,
        profile: HSMProfile,
        probe: "Callable[[Token], None]",
    ) -> None:
        """``probe`` raises when unwrap, sign or verify fail; it uses :meth:`attempt` only."""
        self.label = label
        self.profile = profile
        self.module = module
        self._user_pin = user_pin
        self._probe = probe
        self._idle: deque[TokenSession] = deque()
        self._pin_refused = False

    def run(self, operation: Callable[[TokenSession], _Result]) -> _Result:
        """Run one operation; the module is started, and after a failure re-initialised, as needed.

        Nothing is ever retried.  Raises QSCDUnavailableError when the HSM fails,
        IntegrityAlarmError when sealed bytes do not open though the HSM is healthy, and
        ConfigurationError when it refuses our PIN.
        """
        if self._pin_refused:
            # A second try could lock the token: most HSMs count.
            msg = f"token {self.label}: the HSM refused the user PIN; correct it and restart"
            raise ConfigurationError(msg)
        self.module.ready()
        generation = self.module.generation
        try:
            return self.attempt(operation)
        except SealBrokenError as broken:
            self._recover_unless_healthy(generation, broken)
            raise IntegrityAlarmError from broken
        except _PIN_REFUSED as refusal:
            self._pin_refused = True
            msg = f"token {self.label}: the HSM refused the user PIN"
            raise ConfigurationError(msg) from refusal
        except _LOST as loss:
            _LOG.warning("token %s: %s", self.label, type(loss).__name__)
            self.module.recover(generation)
            raise QSCDUnavailableError from loss
        except PKCS11Error as failure:
            # GENERAL_ERROR and its like: bad input gives it as well as a dying HSM.
            _LOG.warning("token %s: %s", self.label, type(failure).__name__)
            self._recover_unless_healthy(generation, failure)
            raise QSCDUnavailableError from failure

    def attempt(self, operation: Callable[[TokenSession], _Result]) -> _Result:
        """Run one operation under a share of the gate; PKCS#11 errors come out as they are."""
        with self.module.gate.shared(), self.borrow() as session:
            return operation(session)

    def change(self, operation: Callable[[TokenSession], _Result]) -> _Result:
        """Run one operation that makes or destroys token objects, in a session of its own.

        For commands that rotate keys; workers never call it.  Raises QSCDUnavailableError.
        """
        self.module.ready()
        try:
            with self.module.gate.shared():
                login = self.module.log_in(self.label, self._user_pin)
                session = TokenSession(login.token.open(rw=True), login.generation)
                try:
                    return operation(session)
                finally:
                    _close_quietly(session)
        except PKCS11Error as failure:
            raise QSCDUnavailableError from failure

    @contextmanager
    def borrow(self) -> Iterator[TokenSession]:
        """Lend a session of its own to a thread that works for a holder of a share."""
        session = self._take()
        try:
            yield session
        except BaseException:
            # Whatever the session holds, an active operation or an object, goes with it.
            _close_quietly(session)
            raise
        self._idle.append(session)

    def _take(self) -> TokenSession:
        generation = self.module.generation
        while self._idle:
            try:
                session = self._idle.pop()
            except IndexError:
                break
            if session.generation != generation:
                continue
            if session.uses >= OPERATIONS_PER_SESSION:
                _close_quietly(session)
                continue
            session.uses += 1
            return session
        login = self.module.log_in(self.label, self._user_pin)
        # Read-only: a worker can make session objects, never token objects.
        return TokenSession(login.token.open(), login.generation)

    def _recover_unless_healthy(self, generation: int, cause: Exception) -> None:
        """Return when the HSM works; otherwise re-initialise and raise QSCDUnavailableError."""
        try:
            self._probe(self)
        except (PKCS11Error, SealBrokenError, QSCDUnavailableError):
            self.module.recover(generation)
            raise QSCDUnavailableError from cause


def _close_quietly(session: TokenSession) -> None:
    with suppress(PKCS11Error):
        session.raw.close()
