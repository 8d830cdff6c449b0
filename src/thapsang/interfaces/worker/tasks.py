"""Entry points of queued work. A task translates its arguments and makes one call.

Every queue used anywhere stands in QUEUES: the worker serves these, and a test holds the two together.
When work is due stands in `schedule`.
"""

from __future__ import annotations

import logging

from django.utils import timezone
from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from thapsang.domain.metering import operations as metering
from thapsang.interfaces.worker import billing, chores, invoices, relief, schedule, storms
from thapsang.journeys import send_messages, thank_payers
from thapsang.kit.events import operations as events

__all__ = ["QUEUES", "billing", "chores", "invoices", "relief", "schedule", "storms"]

logger = logging.getLogger(__name__)
QUEUES = ("schedule", "imports", "billing", "outbox", "authority", "chores")


@app.task(name="thapsang.run_reading_import", queue="imports", retry=RetryStrategy(max_attempts=3, wait=5))
def run_reading_import(import_id: int) -> None:
    """Import a file of readings that was kept. Run twice, it changes nothing the second time."""
    outcome = metering.run_import(import_id=import_id, at=timezone.now())
    logger.info("import %s: %s, %s accepted", import_id, outcome.status, outcome.accepted)


@app.task(name="thapsang.drain_outbox", queue="outbox")
def drain_outbox() -> None:
    """Tell waiting events, should the worker's own loop have missed any."""
    while events.drain():
        pass


@app.task(name="thapsang.announce_payments", queue="outbox")
def announce_payments() -> None:
    """Announce payments that came in, in blocks."""
    thank_payers.announce_payments(at=timezone.now())


@app.task(name="thapsang.send_messages", queue="outbox")
def send_waiting_messages() -> None:
    """Send short messages that wait: interrupted ones, failed ones whose next try is due, receipts."""
    done = send_messages.send_waiting()
    if done["failed"]:
        logger.warning("%s short messages were given up; their rows say why", done["failed"])


@app.task(name="thapsang.requeue_stalled", queue="outbox")
async def requeue_stalled() -> None:
    """Queue again what a worker that died had in hand (its heartbeat stopped)."""
    for job in await app.job_manager.get_stalled_jobs():
        logger.warning("job %s (%s) of a worker that died is queued again", job.id, job.task_name)
        await app.job_manager.retry_job(job)
