"""What the worker repeats."""

from datetime import timedelta

from api.demo.robots import RefusingCitizen
from api.operations.metrics import show_spray_alarm
from api.wiring.audit_key import HSMAuditSigner
from api.wiring.channels import channels
from api.wiring.services import Services
from api.wiring.signing import spray_guard
from signer.adapters.signature_check import verifies
from signer.audit.checkpointing import MakeCheckpoint
from signer.audit.recording import LogRecords
from signer.authentication.spray import SprayAlarm
from signer.domain.cmd_archive import RETENTION
from signer.domain.outgoing import MessageKind
from signer.operations.cmd.lookup import VOUCHED_FOR
from signer.operations.deliver import Deliver
from signer.operations.housekeeping import Job

_PEOPLE = (MessageKind.CODE, MessageKind.LINK, MessageKind.NOTICE)


def jobs(services: Services) -> tuple[Job, ...]:
    """Messages in two lanes (webhooks never hold codes up), the rest in a third."""
    stores, vault = services.stores, services.device.sam.vault
    carried = channels(services)
    statistics, clock = stores.statistics, stores.clock
    people = Deliver(stores.outbox, vault, carried, statistics, clock, kinds=_PEOPLE)
    programs = Deliver(
        stores.outbox, vault, carried, statistics, clock, kinds=(MessageKind.WEBHOOK,)
    )
    housekeeping = services.signing.housekeeping
    log = LogRecords(stores.audit_log)
    checkpoint = MakeCheckpoint(
        stores.audit_log,
        HSMAuditSigner(services.device.sam.audit_key),
        services.trust.timestamps,
        verifies,
        clock,
    )

    spray = SprayAlarm(
        spray_guard(services.settings, stores), stores.audit_log.record, show_spray_alarm
    )

    def make_checkpoint() -> int:
        return 0 if checkpoint() is None else 1

    def purge() -> int:
        now = clock.now()
        short = stores.challenges.purge(now) + stores.idempotency.purge() + stores.links.purge(now)
        short += stores.cmd_processes.purge(now, looked_up_before=now - VOUCHED_FOR)
        return short + stores.archive.purge(now - RETENTION)

    robots: tuple[Job, ...] = ()
    if not services.settings.is_production:
        refusing = RefusingCitizen(
            services.demo_outbox, stores.transactions.by_id, services.signing.end
        )
        robots = (Job(name="demo-refusing", run=refusing, every=timedelta(seconds=0.5)),)
    return (
        Job(name="messages", run=people, every=timedelta(seconds=0.2), lane="messages"),
        Job(name="webhooks", run=programs, every=timedelta(seconds=0.5), lane="webhooks"),
        Job(name="complete", run=housekeeping.complete_waiting, every=timedelta(seconds=5)),
        Job(name="reap", run=housekeeping.reap, every=timedelta(seconds=10)),
        Job(name="expire", run=housekeeping.expire, every=timedelta(seconds=10)),
        Job(
            name="certificates",
            run=services.accounts.issue.all_waiting,
            every=timedelta(seconds=15),
        ),
        Job(
            name="statuses",
            run=services.accounts.tell,
            every=timedelta(seconds=5),
        ),
        Job(name="audit-log", run=log, every=timedelta(seconds=2)),
        Job(name="checkpoint", run=make_checkpoint, every=timedelta(seconds=10)),
        Job(name="spray", run=spray, every=timedelta(seconds=10)),
        Job(name="purge", run=purge, every=timedelta(minutes=10)),
        *robots,
    )
