"""The rows that go over HTTP: one client for CPU, eight for throughput.

PIN and code are carried as JWE under ``ECDH-ES``, the cheaper of the two ways the service takes.
"""

import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field

from api.bench.figures import Measured, Row, compared, tree_cpu
from api.bench.installation import BenchCitizen, TemporaryInstallation
from api.bench.lean_client import LeanClient
from api.bench.rows import Floors
from signer.domain.errors import SigningServiceError

_CLIENTS = 8
_RATE_TARGET, _P99_TARGET_MS = 75.0, 150.0


def sign_over_http(
    installation: TemporaryInstallation, client: LeanClient, citizen: BenchCitizen
) -> float:
    """One hash, PIN and code; seconds the three calls took, finding the code not counted."""
    digest = hashlib.sha256(secrets.token_bytes(32)).digest()
    before = time.perf_counter()
    transaction = client.start(citizen.phone, digest)
    handle = client.enter_pin(transaction, citizen.signature_pin)
    asked = time.perf_counter()
    code = installation.code_of(transaction)
    found = time.perf_counter()
    client.enter_code(transaction, handle, code)
    return (time.perf_counter() - found) + (asked - before)


def end_to_end_row(
    installation: TemporaryInstallation, citizen: BenchCitizen, server: int, floors: Floors
) -> Row:
    """One client; the server's CPU beside the signature floor's."""
    with installation.lean_client() as client:
        for _ in range(5):
            sign_over_http(installation, client, citizen)
        cpu, start = tree_cpu(server), time.perf_counter()
        wall = tuple(
            sign_over_http(installation, client, citizen) for _ in range(2 * floors.repetitions)
        )
        product = Measured(wall, tree_cpu(server) - cpu, time.perf_counter() - start)
    floor = floors.argon2.cpu_ms + floors.p256.cpu_ms
    return compared(
        "one hash, PIN + code, over HTTP, P-256",
        product,
        floor,
        product.cpu_ms,
        1.3,
        f"server CPU; {product.cpu_ms - floor:.1f} ms beyond the floor; goal ≤ 3 ms outside Argon2 "
        "and HSM",
    )


@dataclass(slots=True)
class _Load:
    """What eight clients saw."""

    until: float
    wall: list[float] = field(default_factory=list)
    errors: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, installation: TemporaryInstallation, citizen: BenchCitizen) -> None:
        """Sign until the time is over."""
        with installation.lean_client() as client:
            while time.perf_counter() < self.until:
                try:
                    took = sign_over_http(installation, client, citizen)
                except SigningServiceError:
                    with self._lock:
                        self.errors += 1
                else:
                    with self._lock:
                        self.wall.append(took)


def load_row(
    installation: TemporaryInstallation,
    citizens: list[BenchCitizen],
    server: int,
    seconds: float,
) -> Row:
    """Eight clients, each with a citizen of its own."""
    start = time.perf_counter()
    load, cpu = _Load(start + seconds), tree_cpu(server)
    threads = [
        threading.Thread(target=load.run, args=(installation, citizen)) for citizen in citizens
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    elapsed = time.perf_counter() - start
    measured = Measured(tuple(load.wall) or (elapsed,), tree_cpu(server) - cpu, elapsed)
    p99 = measured.percentile_ms(0.99)
    met = measured.rate >= _RATE_TARGET and p99 <= _P99_TARGET_MS and not load.errors
    return Row(
        name=f"{len(citizens)} clients over HTTP, P-256",
        measured=measured,
        target=f"≥ {_RATE_TARGET:.0f}/s, p99 ≤ {_P99_TARGET_MS:.0f} ms, 0 errors",
        met=met,
        note=f"{load.errors} errors; the clients run on the same cores",
    )


def clients_needed() -> int:
    """How many citizens :func:`load_row` wants."""
    return _CLIENTS
