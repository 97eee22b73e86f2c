"""Every check, in the order in which one stands on the other."""

from api.diagnosis import host, keys, services
from api.diagnosis.check import Check
from api.wiring import Services

CONFIGURATION = "docs/configuration.md"


def checks(process: Services, *, send_test_to: str | None = None) -> tuple[Check, ...]:
    """The checks of an installation whose settings could be read."""
    trust = services.Trustworthiness(process)
    return (
        Check(
            name="disk",
            look=lambda: host.disk_space(process),
            fix="free space where CHANCELA_VAR points; nothing is signed on a full disk",
        ),
        Check(
            name="files",
            look=lambda: host.private_files(process),
            fix="chmod 600 the file, chown it to the service's user",
        ),
        Check(
            name="module",
            look=lambda: keys.module(process),
            fix="set CHANCELA_PKCS11_MODULE (docs/hsm.md)",
        ),
        Check(
            name="token sam",
            look=lambda: keys.token_sam(process),
            fix="check label and PIN file, or hold the ceremony (docs/hsm.md)",
            needs=("module",),
        ),
        Check(
            name="token pki",
            look=lambda: keys.token_pki(process),
            fix="check label and PIN file, or hold the ceremony (docs/hsm.md)",
            needs=("module",),
        ),
        Check(
            name="transcript",
            look=lambda: keys.transcript(process),
            fix="find out why the keys differ before anything else (docs/hsm.md)",
            needs=("token sam", "token pki"),
        ),
        Check(
            name="attacks",
            look=lambda: keys.attacks(process),
            fix="do not use this device or profile (docs/hsm.md)",
            needs=("token sam",),
        ),
        Check(
            name="test key",
            look=lambda: keys.round_trip(process),
            fix="look at the device's own log (docs/hsm.md)",
            needs=("token sam",),
        ),
        Check(
            name="database",
            look=lambda: services.database(process),
            fix="run ./chancela db upgrade; check CHANCELA_DATABASE_URL and its rights",
        ),
        Check(
            name="audit",
            look=lambda: services.audit(process),
            fix="run ./chancela audit verify --live, and keep the database as it is",
            needs=("database",),
        ),
        Check(
            name="certificates",
            look=trust.certificates,
            fix="hold a ceremony for new certificates (docs/operations.md)",
            needs=("token pki",),
        ),
        Check(
            name="CRL",
            look=trust.lists,
            fix="root: a ceremony makes the next list; issuing: check token pki and database",
            needs=("certificates", "database"),
        ),
        Check(
            name="OCSP",
            look=trust.ocsp,
            fix="check token pki and database",
            needs=("certificates", "database"),
        ),
        Check(
            name="TSA",
            look=trust.time_stamp,
            fix="check CHANCELA_TSA_URLS and the network",
            needs=("certificates",),
        ),
        Check(
            name="clock",
            look=lambda: services.clock(process),
            fix="set the clock and keep it by NTP",
            needs=("database",),
        ),
        Check(
            name="channels",
            look=lambda: services.channels_work(process, send_test_to),
            fix=f"correct the settings of the channel ({CONFIGURATION})",
            needs=("token sam", "database"),
        ),
    )
