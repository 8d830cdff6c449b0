"""Work handed to the worker by name, and how it stands: pages never wait for it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

RUN, DRY_RUN = "thapsang.bill_month", "thapsang.preview_month"
ISSUE = "thapsang.issue_invoices"
KEPT_SECONDS = 24 * 60 * 60
_WAITING, _AT_WORK = "todo", "doing"


@dataclass(frozen=True)
class JobState:
    """How the last piece of work of a kind stands."""

    waiting: bool
    at_work: bool
    failed: bool

    @property
    def open(self) -> bool:
        """True while it waits or is done."""
        return self.waiting or self.at_work


def dry_run_key(period: str) -> str:
    """Return the key in the shared cache under which a month's dry run is kept."""
    return f"dry-run:{period}"


def hand_over(*, task: str, period: date) -> bool:
    """Hand a month's billing or dry run to the worker; False when it waits there or is being done already."""
    if state(task=task, period=period).open:
        return False
    name = f"{task}:{period}"
    with transaction.atomic():
        app.configure_task(task, queue="billing", lock=name, queueing_lock=name).defer(
            period=period.isoformat()
        )
    return True


def state(*, task: str, period: date) -> JobState:
    """Return how the last hand-over of this month stands."""
    jobs = ProcrastinateJob.objects.filter(task_name=task, args__period=period.isoformat())
    status = jobs.order_by("-id").values_list("status", flat=True).first()
    return JobState(status == _WAITING, status == _AT_WORK, status == "failed")
