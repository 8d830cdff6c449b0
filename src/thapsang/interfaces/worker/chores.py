"""The nightly clearing up: one task for each kind of thing that is not kept."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from procrastinate.contrib.django import app

from thapsang.domain.notifications import operations as notifications
from thapsang.kit.db.transactions import transaction
from thapsang.kit.events import operations as events
from thapsang.kit.files import operations as files
from thapsang.kit.identity import forgetting

CODES_KEPT = timedelta(days=2)
"""Longer than the longest limit on codes counts back (a day)."""
EVENTS_KEPT, JOBS_KEPT = timedelta(days=30), timedelta(days=30)
PARTIAL_KEPT = timedelta(days=1)


@app.task(name="thapsang.forget_codes", queue="chores")
def forget_codes() -> None:
    """Delete one-time codes nobody can use and no limit counts any more."""
    with transaction():
        notifications.forget_old_codes(before=timezone.now() - CODES_KEPT)


@app.task(name="thapsang.forget_tokens", queue="chores")
def forget_tokens() -> None:
    """Delete expired tokens of the API."""
    with transaction():
        forgetting.forget_expired_tokens(at=timezone.now())


@app.task(name="thapsang.forget_sessions", queue="chores")
def forget_sessions() -> None:
    """Delete expired sessions."""
    with transaction():
        forgetting.forget_expired_sessions(at=timezone.now())


@app.task(name="thapsang.forget_attempts", queue="chores")
def forget_attempts() -> None:
    """Delete counters of attempts whose time is over."""
    with transaction():
        forgetting.forget_old_attempts(at=timezone.now())


@app.task(name="thapsang.forget_events", queue="chores")
def forget_events() -> None:
    """Delete events that everybody was told long ago."""
    with transaction():
        events.forget_handled(before=timezone.now() - EVENTS_KEPT)


@app.task(name="thapsang.forget_jobs", queue="chores")
async def forget_jobs() -> None:
    """Delete jobs that succeeded long ago; failed ones stay to be looked at."""
    await app.job_manager.delete_old_jobs(nb_hours=int(JOBS_KEPT.total_seconds() // 3600))


@app.task(name="thapsang.drop_partial_files", queue="chores")
def drop_partial_files() -> None:
    """Delete half-written files of processes that were killed."""
    files.drop_partial(before=timezone.now() - PARTIAL_KEPT)
