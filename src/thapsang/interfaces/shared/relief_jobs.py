"""Relief's work handed to the worker by name, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateJob

from thapsang.interfaces.shared.jobs import JobState

SIMULATE, COMPUTE, RUN = (
    "thapsang.simulate_reliefs",
    "thapsang.compute_relief_batch",
    "thapsang.run_relief_batch",
)
KEPT_SECONDS = 24 * 60 * 60


def simulation_key(key: str) -> str:
    """Return the key in the shared cache under which a simulation is kept."""
    return f"relief-simulation:{key}"


def hand_over_simulation(
    *, key: str, variants: Sequence[Sequence[str]], names: Sequence[str], months: Sequence[date]
) -> None:
    """Hand a simulation to the worker."""
    with transaction.atomic():
        app.configure_task(SIMULATE, queue="billing").defer(
            key=key, variants=[list(one) for one in variants], names=list(names),
            months=[month.isoformat() for month in months],
        )  # fmt: skip


def hand_over_batch(*, task: str, batch: int) -> bool:
    """Hand a batch's computing or carrying out to the worker; False when it waits there or is being done already."""
    if batch_state(task=task, batch=batch).open:
        return False
    name = f"{task}:{batch}"
    with transaction.atomic():
        app.configure_task(task, queue="billing", lock=name, queueing_lock=name).defer(batch=batch)
    return True


def batch_state(*, task: str, batch: int) -> JobState:
    """Return how the last hand-over of this batch stands."""
    return _state(ProcrastinateJob.objects.filter(task_name=task, args__batch=batch))


def simulation_state(*, key: str) -> JobState:
    """Return how a simulation stands."""
    return _state(ProcrastinateJob.objects.filter(task_name=SIMULATE, args__key=key))


def _state(jobs: object) -> JobState:
    status = jobs.order_by("-id").values_list("status", flat=True).first()  # type: ignore[attr-defined]
    return JobState(status == "todo", status == "doing", status == "failed")
