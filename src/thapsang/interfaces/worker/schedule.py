"""What is due when. A schedule only hands work to its queue, where it is seen, retried and done once at a time."""

from __future__ import annotations

from procrastinate import exceptions
from procrastinate.contrib.django import app

EVERY_MINUTE = (
    "thapsang.requeue_stalled",
    "thapsang.announce_payments",
    "thapsang.drain_outbox",
    "thapsang.send_messages",
    "thapsang.hand_over_invoices",
    "thapsang.mail_bills",
)
EVERY_NIGHT = (
    "thapsang.forget_codes",
    "thapsang.forget_tokens",
    "thapsang.forget_sessions",
    "thapsang.forget_attempts",
    "thapsang.forget_events",
    "thapsang.forget_jobs",
    "thapsang.drop_partial_files",
)


@app.periodic(cron="* * * * *")
@app.task(name="thapsang.every_minute", queue="schedule", queueing_lock="every-minute")
async def every_minute(timestamp: int) -> None:
    """Hand over what must not wait long."""
    await _hand_over(EVERY_MINUTE)


@app.periodic(cron="15 20 * * *")  # UTC: 03:15 in Việt Nam
@app.task(name="thapsang.every_night", queue="schedule", queueing_lock="every-night")
async def every_night(timestamp: int) -> None:
    """Hand over the clearing up."""
    await _hand_over(EVERY_NIGHT)


async def _hand_over(names: tuple[str, ...]) -> None:
    for name in names:
        try:
            await app.configure_task(name, queueing_lock=name).defer_async()
        except exceptions.AlreadyEnqueued:
            continue  # The one before still waits: it will do this one's work as well.
