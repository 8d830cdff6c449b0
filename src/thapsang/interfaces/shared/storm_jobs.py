"""A storm's estimates handed to the worker by name, and how they stand."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.cache import caches
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from thapsang.interfaces.shared.jobs import KEPT_SECONDS, JobState

ESTIMATE = "thapsang.estimate_storm"


def hand_over(*, storm: int, period: date) -> bool:
    """Hand a month's estimates of a storm to the worker; False when the storm's wait there or are being made."""
    if state(storm=storm).open:
        return False
    caches["shared"].delete(_key(storm))
    name = f"{ESTIMATE}:{storm}"
    with transaction.atomic():
        app.configure_task(ESTIMATE, queue="billing", lock=name, queueing_lock=name).defer(
            storm=storm, period=period.isoformat()
        )
    return True


def state(*, storm: int) -> JobState:
    """Return how the last hand-over for a storm stands."""
    jobs = ProcrastinateJob.objects.filter(task_name=ESTIMATE, args__storm=storm)
    status = jobs.order_by("-id").values_list("status", flat=True).first()
    return JobState(status == "todo", status == "doing", status == "failed")


def keep(*, storm: int, outcome: dict[str, Any]) -> None:
    """Keep how far a storm's estimates are, for its page."""
    caches["shared"].set(_key(storm), outcome, KEPT_SECONDS)


def kept(*, storm: int) -> dict[str, Any] | None:
    """Return how far a storm's estimates are, as last told: period, books, done, percent, points, left."""
    found: dict[str, Any] | None = caches["shared"].get(_key(storm))
    return found


def _key(storm: int) -> str:
    return f"storm-estimate:{storm}"
