"""The one place where a PKCS#11 module is loaded, initialised, re-initialised and logged in to.

python-pkcs11 calls ``C_Initialize(NULL)``, which tells the module that there is one thread, and
then lets many threads call it: SoftHSM crashes within seconds.  This loader finalises at once and
initialises again with ``CKF_OS_LOCKING_OK``.  ``pkcs11.lib()`` is called once per process.
"""

import ctypes
import fcntl
import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pkcs11
from pkcs11.exceptions import NoSuchToken, PKCS11Error

from hsm.breaker import REINITIALISE_INTERVAL_SECONDS, Breaker
from hsm.gate import DRAIN_SECONDS, Gate, exit_worker
from signer.domain.errors import ConfigurationError, QSCDUnavailableError
from signer.domain.values import Secret

if TYPE_CHECKING:
    from pkcs11 import _pkcs11

CKF_OS_LOCKING_OK: Final = 2
CKR_OK: Final = 0
CKR_CRYPTOKI_NOT_INITIALIZED: Final = 0x190


class _InitializeArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS (PKCS#11 3.1, section 3.7): no callbacks, flags only."""

    _fields_ = (
        ("create_mutex", ctypes.c_void_p),
        ("destroy_mutex", ctypes.c_void_p),
        ("lock_mutex", ctypes.c_void_p),
        ("unlock_mutex", ctypes.c_void_p),
        ("flags", ctypes.c_ulong),
        ("reserved", ctypes.c_void_p),
    )


class ModuleError(Exception):
    """The module refused to start or stop; carries the return value (private to ``hsm``)."""

    def __init__(self, function: str, value: int) -> None:
        super().__init__(f"{function} returned {value:#x}")
        self.value = value


@contextmanager
def start_lock(path: Path) -> Iterator[None]:
    """Let one process at a time initialise and log in.

    Eight processes starting together failed in 47 of 120 first uses without it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Login:
    """A token this process is logged in to."""

    generation: int
    token: pkcs11.Token
    anchor: pkcs11.Session
    """Never closed: closing it would log out every thread."""


class Module:
    """A PKCS#11 module in this process: started lazily, again after a fork, again after failure."""

    def __init__(
        self,
        path: Path,
        lock_path: Path,
        *,
        interval_seconds: float = REINITIALISE_INTERVAL_SECONDS,
        drain_seconds: float = DRAIN_SECONDS,
        on_stuck: Callable[[], None] = exit_worker,
    ) -> None:
        self._path = path
        self._lock_path = lock_path
        self._interval = interval_seconds
        self._drain_seconds = drain_seconds
        self._on_stuck = on_stuck
        self._library: ctypes.CDLL | None = None
        self._binding: _pkcs11.lib | None = None
        self._generation = 0
        self._reset()
        _MODULES_TO_RESET.add(self)

    def _reset(self) -> None:
        """Forget what a parent process had: locks, gate, started state."""
        self.gate = Gate(drain_seconds=self._drain_seconds, on_stuck=self._on_stuck)
        self.breaker = Breaker(self._interval)
        self._lock = threading.Lock()
        # Apart from the other: it is taken while holding a share of the gate.
        self._login_lock = threading.Lock()
        self._logins: dict[str, Login] = {}
        self._started_by = 0
        self._generation += 1

    @property
    def generation(self) -> int:
        """Goes up with every initialisation; sessions and handles of an older one are dead."""
        return self._generation

    @property
    def library(self) -> ctypes.CDLL:
        """The module's C functions, for the few that python-pkcs11 has not; started before."""
        if self._library is None:
            raise QSCDUnavailableError
        return self._library

    def ready(self) -> None:
        """Start the module if this process has not; raises QSCDUnavailableError while it is down.

        Call it before taking a share of the gate.
        """
        if self.breaker.is_open:
            self.breaker.refuse_if_early()
            self.recover(self._generation)
        elif self._started_by != os.getpid():
            with self._lock:
                if self._started_by != os.getpid():
                    self._start()

    def recover(self, seen_generation: int) -> None:
        """Re-initialise after a failure met in ``seen_generation``.

        Does nothing when another thread did it meanwhile.  Raises QSCDUnavailableError when it is
        too soon after the last time or when the module does not start.
        """
        with self._lock:
            if self._generation != seen_generation:
                return
            self.breaker.admit()
            with self.gate.exclusive():
                self._start()

    def _start(self) -> None:
        try:
            with start_lock(self._lock_path):
                if self._binding is None:
                    self._load()
                self._call("C_Finalize", None, tolerated=CKR_CRYPTOKI_NOT_INITIALIZED)
                self._started_by = 0
                self._generation += 1
                arguments = _InitializeArguments(flags=CKF_OS_LOCKING_OK)
                self._call("C_Initialize", ctypes.byref(arguments))
        except (ModuleError, PKCS11Error, OSError) as failure:
            self.breaker.trip()
            raise QSCDUnavailableError from failure
        self._started_by = os.getpid()
        self.breaker.close()

    def _load(self) -> None:
        if not self._path.is_file():
            msg = (
                f"PKCS#11 module not found: {self._path}.  Fix: install softhsm2, or set the "
                "module's path"
            )
            raise ConfigurationError(msg)
        self._library = ctypes.CDLL(str(self._path))
        self._binding = pkcs11.lib(str(self._path))
        self._binding.finalize()

    def _call(self, function: str, argument: object, *, tolerated: int = CKR_OK) -> None:
        value = getattr(self._library, function)(argument)
        if value not in {CKR_OK, tolerated}:
            raise ModuleError(function, value)

    def log_in(self, label: str, user_pin: Secret) -> Login:
        """Find the token by label and log in, once per initialisation.

        Raises PKCS11 errors; call it holding a share of the gate.
        """
        login = self._logins.get(label)
        if login is not None and login.generation == self._generation:
            return login
        with self._login_lock:
            login = self._logins.get(label)
            if login is None or login.generation != self._generation:
                with start_lock(self._lock_path):
                    login = self._log_in(label, user_pin)
                self._logins[label] = login
            return login

    def _log_in(self, label: str, user_pin: Secret) -> Login:
        if self._binding is None:
            raise QSCDUnavailableError
        # Not get_token(): it reads every slot's mechanisms and stumbles over foreign slots.
        for slot in self._binding.get_slots(token_present=True):
            token = slot.get_token()
            if token.label == label:
                anchor = token.open(user_pin=user_pin.reveal())
                return Login(self._generation, token, anchor)
        raise NoSuchToken(label)


_MODULES: dict[Path, Module] = {}
_MODULES_TO_RESET: "weakref.WeakSet[Module]" = weakref.WeakSet()
_REGISTRY_LOCK = threading.Lock()


def module_for(
    path: Path, lock_path: Path, *, softhsm_conf: Path | None, interval_seconds: float
) -> Module:
    """Give this process's one Module for ``path``; nothing is loaded yet.

    SoftHSM reads its configuration from the environment once per initialisation, so a process
    serves one configuration: another one raises ConfigurationError.
    """
    with _REGISTRY_LOCK:
        if softhsm_conf is not None:
            current = os.environ.setdefault("SOFTHSM2_CONF", str(softhsm_conf))
            if current != str(softhsm_conf):
                msg = f"SOFTHSM2_CONF is {current}, but this token is configured by {softhsm_conf}"
                raise ConfigurationError(msg)
        module = _MODULES.get(path)
        if module is None:
            module = Module(path, lock_path, interval_seconds=interval_seconds)
            _MODULES[path] = module
        return module


def _after_fork_in_child() -> None:
    for module in list(_MODULES_TO_RESET):
        module._reset()  # noqa: SLF001 - the hook belongs to the class; fork hooks cannot be methods


os.register_at_fork(after_in_child=_after_fork_in_child)
